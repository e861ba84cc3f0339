"""The engine of the cycle detector: switching levels with gamma dwell times, of one series or shared by many.

Arrays in, arrays out: it knows no column names and no partners.
"""

from reldyn.markov.regimes._levels import (
    LevelData,
    LevelFit,
    LevelPrior,
    fit_levels,
    gamma_dwell,
    level_start,
    nearest_mean,
)
from reldyn.markov.regimes._memoryless import MemorylessFit, fit_memoryless
from reldyn.markov.regimes._pool import Pooled, SharedPhases, class_scores, fit_shared, linear_levels, pool_levels
from reldyn.markov.regimes._ramps import RAMP_STEPS, RampFit, fit_ramps
from reldyn.markov.regimes._sojourn import BOUNDARY, DISPERSIONS, MEANS, SojournFit, fit_sojourns, sojourn_start
from reldyn.markov.regimes._switching import MemoryPrior, SwitchingData, SwitchingFit, fit_switching
from reldyn.markov.regimes._variances import VarianceFit, average_gain, fit_variances

__all__ = [
    "BOUNDARY",
    "DISPERSIONS",
    "LevelData",
    "LevelFit",
    "LevelPrior",
    "MEANS",
    "MemorylessFit",
    "MemoryPrior",
    "Pooled",
    "RAMP_STEPS",
    "RampFit",
    "SharedPhases",
    "SojournFit",
    "SwitchingData",
    "SwitchingFit",
    "VarianceFit",
    "average_gain",
    "class_scores",
    "fit_levels",
    "fit_memoryless",
    "fit_ramps",
    "fit_shared",
    "fit_sojourns",
    "fit_switching",
    "fit_variances",
    "gamma_dwell",
    "level_start",
    "linear_levels",
    "nearest_mean",
    "pool_levels",
    "sojourn_start",
]
