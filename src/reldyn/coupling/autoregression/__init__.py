"""Two series that carry over and follow each other: vector autoregressions, oscillators, asymmetry."""
