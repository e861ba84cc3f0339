"""Two persons' affect: who follows whom, how closely, and whether chance would do the same."""

from reldyn.coupling._grid import GridResult, state_space_grid

__all__ = [
    "GridResult",
    "state_space_grid",
]
