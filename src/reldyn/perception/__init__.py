"""One partner's view beside the other's: truth and bias, empathic accuracy, similarity."""

from reldyn.perception._ambivalence import AmbivalenceByOccasion, AmbivalenceResult, ambivalence
from reldyn.perception._contagion import ContagionResult, contagion
from reldyn.perception._dissociation import DissociationResult, dissociation
from reldyn.perception._empathic_accuracy import EmpathicAccuracy, empathic_accuracy
from reldyn.perception._indirect_accuracy import IndirectAccuracy, indirect_accuracy
from reldyn.perception._similarity import SimilarityResult, similarity
from reldyn.perception._social_accuracy import SocialAccuracyResult, social_accuracy
from reldyn.perception._truth_and_bias import truth_and_bias
from reldyn.perception._truth_bias_result import TruthBiasResult, TruthBiasSetting

__all__ = [
    "IndirectAccuracy",
    "EmpathicAccuracy",
    "ContagionResult",
    "AmbivalenceByOccasion",
    "AmbivalenceResult",
    "DissociationResult",
    "SimilarityResult",
    "SocialAccuracyResult",
    "TruthBiasResult",
    "TruthBiasSetting",
    "ambivalence",
    "contagion",
    "dissociation",
    "empathic_accuracy",
    "indirect_accuracy",
    "similarity",
    "social_accuracy",
    "truth_and_bias",
]
