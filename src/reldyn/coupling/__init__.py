"""Two persons' affect: who follows whom, how closely, and whether chance would do the same."""

from reldyn.coupling._asymmetry import asymmetry
from reldyn.coupling._asymmetry_result import AsymmetryResult
from reldyn.coupling._cross_correlation import CrossCorrelationResult, cross_correlation
from reldyn.coupling._granger import granger
from reldyn.coupling._grid import GridResult, state_space_grid
from reldyn.coupling._inertia import inertia_coordination
from reldyn.coupling._influence import influence_functions
from reldyn.coupling._influence_fit import Equation
from reldyn.coupling._influence_result import InfluenceResult
from reldyn.coupling._nickell import nickell_bias
from reldyn.coupling._oscillator import coupled_oscillator
from reldyn.coupling._recurrence import RecurrenceResult, recurrence
from reldyn.coupling._sequential import LagSequentialResult, lag_sequential
from reldyn.coupling._surrogates import Surrogates
from reldyn.coupling._susy import SusyResult, susy
from reldyn.coupling._transition_logit import TransitionLogitResult, transition_logit
from reldyn.coupling._var import var
from reldyn.coupling._var_result import VarResult
from reldyn.coupling._windowed import WindowedResult, windowed_cross_correlation

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
    "TransitionLogitResult",
    "VarResult",
    "WindowedResult",
    "asymmetry",
    "coupled_oscillator",
    "cross_correlation",
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
