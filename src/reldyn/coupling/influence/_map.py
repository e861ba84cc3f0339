"""Where two coupled equations lead: fixed points, their stability, basins and null clines.

All shapes of influence are linear in pieces, so that fixed points are solved for piece by piece and none is missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reldyn._types import Array, Ints
from reldyn.coupling.influence._fit import Equation

__all__ = ["FixedPoint", "basins", "fixed_points", "iterate"]

_STEPS = 2000
_NEAR = 1e-6


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """A pair of scores that leads to itself.

    Attributes
    ----------
    first, second : float
    eigenvalues : (2,) complex array
        Of the Jacobian of one turn of both.
    stable : bool
        Both eigenvalues within the unit circle.
    """

    first: float
    second: float
    eigenvalues: NDArray[np.complex128]
    stable: bool


def fixed_points(first: Equation, second: Equation, *, sequential: bool) -> list[FixedPoint]:
    """All isolated fixed points, from the lowest first score to the highest.

    Parameters
    ----------
    first, second : Equation
    sequential : bool
        Whether the second reacts to the first one's new score; this moves no fixed point but changes its stability.

    Returns
    -------
    list of FixedPoint
    """
    found: list[FixedPoint] = []
    for x in _inside(first, second):
        for y in _inside(second, first):
            c1, r1, s1 = first.local(x, y)
            c2, r2, s2 = second.local(y, x)
            matrix = np.array([[1 - r1, -s1], [-s2, 1 - r2]])
            if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
                continue
            at = np.linalg.solve(matrix, [c1, c2])
            if not _stays(first, second, at) or any(
                np.allclose(at, [one.first, one.second], rtol=0, atol=1e-9) for one in found
            ):
                continue
            # A point on a border may have been found from the piece next to its own.
            s1, s2 = first.local(at[0], at[1])[2], second.local(at[1], at[0])[2]
            slope = np.array([[r1, s1], [s2 * r1, r2 + s2 * s1]] if sequential else [[r1, s1], [s2, r2]])
            values = np.linalg.eigvals(slope).astype(complex)
            found.append(FixedPoint(float(at[0]), float(at[1]), values, bool(np.abs(values).max() < 1)))
    return sorted(found, key=lambda one: (one.first, one.second))


def _inside(own: Equation, other: Equation) -> list[float]:
    """A score within each interval between the borders that either equation draws on the axis of ``own``."""
    borders = [0.0, own.repair_at, own.damping_at, other.up_at, other.down_at]
    cuts = np.unique([value for value in borders if np.isfinite(value)])
    return [float(cuts[0] - 1.0), *((cuts[:-1] + cuts[1:]) / 2).tolist(), float(cuts[-1] + 1.0)]


def _stays(first: Equation, second: Equation, at: Array) -> bool:
    there = np.array([first.after(at[0], at[1]), second.after(at[1], at[0])])
    return bool(np.abs(there - at).max() < 1e-9 * max(1.0, float(np.abs(at).max())))


def iterate(first: Equation, second: Equation, x: Array, y: Array, *, sequential: bool) -> tuple[Array, Array]:
    """Scores of both after one turn."""
    after = first.after(x, y)
    return after, second.after(y, after if sequential else x)


def basins(
    first: Equation, second: Equation, points: list[FixedPoint], x: Array, y: Array, *, sequential: bool
) -> Ints:
    """Which fixed point each start leads to.

    Parameters
    ----------
    first, second : Equation
    points : list of FixedPoint
    x, y : (n,) arrays
        Starting scores.
    sequential : bool

    Returns
    -------
    (n,) int array
        Place in ``points``; -1 where the path neither settles within 2,000 turns nor stays finite.
    """
    reach = 1e6 * max(1.0, float(np.abs(x).max(initial=0.0)), float(np.abs(y).max(initial=0.0)))
    for _ in range(_STEPS):
        x, y = iterate(first, second, np.clip(x, -reach, reach), np.clip(y, -reach, reach), sequential=sequential)
    found = np.full(len(x), -1, dtype=np.int64)
    for place, point in enumerate(points):
        scale = max(1.0, abs(point.first), abs(point.second))
        near = np.maximum(np.abs(x - point.first), np.abs(y - point.second)) < _NEAR * scale
        found[near & point.stable] = place
    return found
