"""Figures of coupling: asymmetry, synchrony, influence, sequences and state space grids."""

from reldyn.plot.coupling._asymmetry import asymmetry
from reldyn.plot.coupling._grid import state_space_grid
from reldyn.plot.coupling._influence import influence_functions
from reldyn.plot.coupling._sequences import lag_sequential
from reldyn.plot.coupling._synchrony import cross_correlation, recurrence, susy, windowed_cross_correlation

__all__ = [
    "asymmetry",
    "cross_correlation",
    "influence_functions",
    "lag_sequential",
    "recurrence",
    "state_space_grid",
    "susy",
    "windowed_cross_correlation",
]
