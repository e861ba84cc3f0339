"""Learning models of warmth: what could be learned, and whether the response follows it."""
