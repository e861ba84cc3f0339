"""The actor-partner family: models of two persons' outcomes on their own and each other's predictors."""

from reldyn.actor_partner._apim import apim
from reldyn.actor_partner._compare import ComparisonResult, compare
from reldyn.actor_partner._distinguishability import distinguishability
from reldyn.actor_partner._mixed_model import mixed_model
from reldyn.actor_partner._result import ApimResult, MixedResult

__all__ = [
    "ApimResult",
    "ComparisonResult",
    "MixedResult",
    "apim",
    "compare",
    "distinguishability",
    "mixed_model",
]
