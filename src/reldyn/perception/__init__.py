"""One partner's view beside the other's: truth and bias, empathic accuracy, similarity."""

from reldyn.perception._truth_and_bias import truth_and_bias
from reldyn.perception._truth_bias_result import TruthBiasResult, TruthBiasSetting

__all__ = ["TruthBiasResult", "TruthBiasSetting", "truth_and_bias"]
