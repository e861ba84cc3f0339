"""How much memory a fit needs, worked out from the layouts of its series before the work begins."""

from __future__ import annotations

import numpy as np

from reldyn.mixed.likelihood._statistics import KERNEL_NUMBERS
from reldyn.mixed.processes import natural_names, segments_of
from reldyn.mixed.spec._options import Residual
from reldyn.mixed.spec._problem import Problem

# Measured peaks over the numbers counted below: with first derivatives, with second ones, and of one portion.
_FIRST, _SECOND, _PORTION = 3.0, 1.7, 1.5
# In continuous time every pair of rows has a span of its own, with derivatives of its own.
_OWN_SPANS = 6.0


def memory_needed(problem: Problem, residual: Residual, *, second_order: bool) -> float:
    """Estimate the peak of a fit beyond the rows themselves, in bytes.

    Parameters
    ----------
    problem : Problem
    residual : Residual
    second_order : bool
        Whether inference needs second derivatives of the residual process (Kenward-Roger).

    Returns
    -------
    float
        Within about a factor of two: good for refusing what cannot be done.

    Examples
    --------
    Rows of two occasions are linked to their neighbours only; with measurement error each series is one block.

    >>> import numpy as np
    >>> ones, dyad = np.ones((400, 1)), np.repeat([0, 1], 200)
    >>> rows = np.tile([0, 1], 200), np.tile(np.repeat(np.arange(100), 2), 2)
    >>> problem = Problem(np.arange(400.0), ones, ones, dyad, *rows)
    >>> small = memory_needed(problem, Residual("ar1"), second_order=True)
    >>> bool(memory_needed(problem, Residual("ar1", measurement_error=True), second_order=True) > 10 * small)
    True
    """
    width = problem.X.shape[1] + problem.Z.shape[1] + 1
    numbers = 6.0 * problem.n * width
    if residual.serial:
        sizes = np.array([group.rows.shape[1] for group in segments_of(problem, residual)])
        r = max(len(natural_names(residual, item)) for item in problem.exchangeable)
        squares = float((sizes.astype(float) ** 2).sum())
        order = 1 + r + r * r if second_order else 1 + r
        portion = min(squares, max(float(sizes.max()) ** 2, KERNEL_NUMBERS / 8))
        own = _OWN_SPANS if residual.process == "car1" else _PORTION
        numbers += order * (squares * (_SECOND if second_order else _FIRST) + own * portion)
    return float(8.0 * numbers)
