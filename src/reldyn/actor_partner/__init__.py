"""The actor-partner family: models of two persons' outcomes on their own and each other's predictors."""

from reldyn.actor_partner.followup._compare import ComparisonResult, compare
from reldyn.actor_partner.followup._distinguishability import distinguishability
from reldyn.actor_partner.followup._effect_sizes import EffectSizes, effect_sizes
from reldyn.actor_partner.followup._reparameterised import ReparameterisedResult, dyad_individual, dyadic_score
from reldyn.actor_partner.followup._response_surface import SurfaceResult, response_surface
from reldyn.actor_partner.followup._slopes import SlopesResult, simple_slopes
from reldyn.actor_partner.model._apim import apim
from reldyn.actor_partner.model._marginal import MarginalApimResult
from reldyn.actor_partner.model._mixed_model import mixed_model
from reldyn.actor_partner.model._result import ApimResult, MixedResult
from reldyn.actor_partner.moments._apim_moments import ApimMomentsResult, apim_sem
from reldyn.actor_partner.moments._dyad_level import (
    CommonFateResult,
    MutualInfluenceResult,
    common_fate,
    mutual_influence,
)
from reldyn.actor_partner.moments._exchangeability import IsatResult, adjusted_fit, distinguishability_sem, isat
from reldyn.actor_partner.moments._factor import FactorResult, factor_model
from reldyn.actor_partner.moments._invariance import InvarianceResult, measurement_invariance
from reldyn.actor_partner.moments._latent_apim import LatentApimResult, latent_apim
from reldyn.actor_partner.moments._mediation import MediationResult, mediation
from reldyn.actor_partner.moments._nonindependence import NonindependenceResult, nonindependence
from reldyn.actor_partner.moments._pooled import PooledResult, pooled_regression
from reldyn.actor_partner.waves._over_time import OverTimeResult, over_time

__all__ = [
    "ApimMomentsResult",
    "ApimResult",
    "CommonFateResult",
    "ComparisonResult",
    "EffectSizes",
    "FactorResult",
    "InvarianceResult",
    "IsatResult",
    "LatentApimResult",
    "MarginalApimResult",
    "MediationResult",
    "MixedResult",
    "MutualInfluenceResult",
    "NonindependenceResult",
    "OverTimeResult",
    "PooledResult",
    "ReparameterisedResult",
    "SlopesResult",
    "SurfaceResult",
    "adjusted_fit",
    "apim",
    "apim_sem",
    "common_fate",
    "compare",
    "distinguishability",
    "distinguishability_sem",
    "dyad_individual",
    "dyadic_score",
    "effect_sizes",
    "factor_model",
    "isat",
    "latent_apim",
    "measurement_invariance",
    "mediation",
    "mixed_model",
    "mutual_influence",
    "nonindependence",
    "over_time",
    "pooled_regression",
    "response_surface",
    "simple_slopes",
]
