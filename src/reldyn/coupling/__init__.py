"""Two persons' affect: who follows whom, how closely, and whether chance would do the same."""

from reldyn.coupling.autoregression._asymmetry import asymmetry
from reldyn.coupling.autoregression._asymmetry_result import AsymmetryResult
from reldyn.coupling.autoregression._granger import GrangerResult, granger
from reldyn.coupling.autoregression._inertia import CoordinationResult, inertia_coordination
from reldyn.coupling.autoregression._nickell import nickell_bias
from reldyn.coupling.autoregression._oscillator import OscillatorResult, coupled_oscillator
from reldyn.coupling.autoregression._var import var
from reldyn.coupling.autoregression._var_result import VarResult
from reldyn.coupling.influence._fit import Equation
from reldyn.coupling.influence._influence import influence_functions
from reldyn.coupling.influence._result import InfluenceResult
from reldyn.coupling.sequences._grid import GridResult, state_space_grid
from reldyn.coupling.sequences._sequential import LagSequentialResult, lag_sequential
from reldyn.coupling.sequences._transition_logit import TransitionLogitResult, transition_logit
from reldyn.coupling.synchrony._cross_correlation import CrossCorrelationResult, cross_correlation
from reldyn.coupling.synchrony._recurrence import RecurrenceResult, recurrence
from reldyn.coupling.synchrony._surrogates import Surrogates
from reldyn.coupling.synchrony._susy import SusyResult, susy
from reldyn.coupling.synchrony._synchrony_result import SynchronyResult
from reldyn.coupling.synchrony._windowed import WindowedResult, windowed_cross_correlation

__all__ = [
    "AsymmetryResult",
    "CrossCorrelationResult",
    "Equation",
    "GridResult",
    "InfluenceResult",
    "LagSequentialResult",
    "RecurrenceResult",
    "Surrogates",
    "SusyResult",
    "SynchronyResult",
    "TransitionLogitResult",
    "VarResult",
    "WindowedResult",
    "asymmetry",
    "coupled_oscillator",
    "cross_correlation",
    "CoordinationResult",
    "GrangerResult",
    "OscillatorResult",
    "granger",
    "inertia_coordination",
    "influence_functions",
    "lag_sequential",
    "nickell_bias",
    "recurrence",
    "state_space_grid",
    "susy",
    "transition_logit",
    "var",
    "windowed_cross_correlation",
]
