"""Predictors that split an outcome without overlap: their coefficient has no finite estimate.

A linear programme finds them (Konis, 2007, for yes or no; Correia, Guimaraes and Zylkin, 2020, for counts): whether
some direction of the coefficients fits some rows ever better and none worse.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reldyn._types import Array, Flags

__all__ = ["separated_columns", "separation_note"]

# A direction counts where it moves a row by more than rounding of the programme.
_MOVES = 1e-6


def separated_columns(y: Array, X: Array, family: str) -> Flags:
    """Columns of the design whose coefficient runs off to infinity, (p,).

    Parameters
    ----------
    y : (n,) array
    X : (n, p) array
        With intercepts; for ordinal outcomes without: thresholds are added here, and left out of the answer.
    family : {"binomial", "poisson", "negative-binomial", "ordinal"}
    """
    scale = np.maximum(np.abs(X).max(axis=0), np.finfo(float).tiny)
    better, level = _gains(y, X / scale, family)
    p = better.shape[1]
    direction = _direction(better, level)
    moved = np.abs(direction) > _MOVES
    return np.asarray(moved[p - X.shape[1] :])


def _gains(y: Array, X: Array, family: str) -> tuple[Array, Array]:
    """Rows that must not be fitted worse, and rows that must not move at all."""
    if family == "binomial":
        return X * np.where(y > 0, 1.0, -1.0)[:, None], np.empty((0, X.shape[1]))
    if family == "ordinal":
        parts = []
        values = np.unique(y)
        for place, value in enumerate(values[:-1]):
            thresholds = np.zeros((len(y), len(values) - 1))
            thresholds[:, place] = 1.0
            parts.append(np.hstack([thresholds, X]) * np.where(y > value, 1.0, -1.0)[:, None])
        return np.vstack(parts), np.empty((0, parts[0].shape[1]))
    return -X[y == 0], X[y > 0]


def _direction(better: Array, level: Array) -> Array:
    """The direction within the unit box that gains most; zero where there is none."""
    from scipy import optimize

    if not len(better):
        return np.zeros(better.shape[1])
    found = optimize.linprog(
        -better.sum(axis=0),
        A_ub=-better,
        b_ub=np.zeros(len(better)),
        A_eq=level if len(level) else None,
        b_eq=np.zeros(len(level)) if len(level) else None,
        bounds=(-1.0, 1.0),
        method="highs",
    )
    if found.x is None or (better @ found.x).max() <= _MOVES:
        return np.zeros(better.shape[1])
    return np.asarray(found.x)


def separation_note(outcome: str, names: Sequence[str]) -> str:
    """The sentence for the reader."""
    verb, slopes, terms = ("split", "coefficients", "terms") if len(names) > 1 else ("splits", "coefficient", "term")
    return (
        f"{outcome!r} is separated: {', '.join(names)} {verb} its values without overlap, so the {slopes} would grow "
        f"without end. The numbers are not to be reported: leave the {terms} out, or group categories until each has "
        "both outcomes."
    )
