"""Whole-dyad, parametric and wild bootstrap, and work spread over processes: the public face of `reldyn.stats`.

Every task gets its own generator, spawned from one seed by its position, and one BLAS thread, so that the numbers do
not depend on the number of workers. Arrays in, arrays out: nothing here knows a model.
"""

from reldyn.stats import (
    Resamples,
    dyad_bootstrap,
    known_seed,
    map_seeded,
    one_thread,
    parametric_bootstrap,
    wild_bootstrap,
)

__all__ = [
    "Resamples",
    "dyad_bootstrap",
    "known_seed",
    "map_seeded",
    "one_thread",
    "parametric_bootstrap",
    "wild_bootstrap",
]
