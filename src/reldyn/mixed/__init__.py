"""The dyadic linear mixed model: random-effect structures, residual processes, estimation and inference.

An engine: arrays in, arrays out. It knows no column names, no actors and no partners.
"""

from reldyn.mixed._fit import Fit, fit_mixed, log_likelihood
from reldyn.mixed._infer import infer
from reldyn.mixed._inference import Contrasts, JointTest, Wald
from reldyn.mixed._options import Estimation, Random, Residual, Shared, shared
from reldyn.mixed._predict import RandomEffects, fitted_values, random_effects
from reldyn.mixed._problem import Problem
from reldyn.mixed._random import RandomStructure, random_structure
from reldyn.mixed._weighted import Contributions, contributions

__all__ = [
    "Contributions",
    "Contrasts",
    "Estimation",
    "Fit",
    "JointTest",
    "Problem",
    "Random",
    "RandomEffects",
    "RandomStructure",
    "Residual",
    "Shared",
    "Wald",
    "contributions",
    "fit_mixed",
    "fitted_values",
    "infer",
    "log_likelihood",
    "random_effects",
    "random_structure",
    "shared",
]
