"""Variance components of persons x occasions x items: analysis of variance, and restricted likelihood.

The items of an occasion are turned into their mean (times the root of their number) and orthonormal contrasts. Both
parts are two-way layouts of persons and occasions with independent likelihoods, so that occasions without an answer
cost nothing but their cells. Components below zero are allowed in the first and not in the second (Searle, Casella
and McCulloch, 1992, Variance Components).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reldyn._types import Array, Ints

CROSSED = ("person", "occasion", "item", "person x occasion", "person x item", "occasion x item", "residual")
NESTED = ("person", "occasion in person", "residual")

__all__ = ["CROSSED", "NESTED", "Cells", "crossed_anova", "crossed_reml", "nested_anova", "nested_reml"]


@dataclass(frozen=True)
class Cells:
    """Answers of persons at occasions; n cells, m items.

    Attributes
    ----------
    answers : (n, m) array
        Complete.
    person, occasion : (n,) int array
        Codes from 0, every code in use.
    """

    answers: Array
    person: Ints
    occasion: Ints

    @property
    def n_persons(self) -> int:
        """Number of persons."""
        return int(self.person.max()) + 1

    @property
    def n_occasions(self) -> int:
        """Number of distinct occasions."""
        return int(self.occasion.max()) + 1

    @property
    def balanced(self) -> bool:
        """Whether every person answered at every occasion."""
        return len(self.person) == self.n_persons * self.n_occasions

    def cube(self) -> Array:
        """(persons, occasions, items), where balanced."""
        cube = np.empty((self.n_persons, self.n_occasions, self.answers.shape[1]))
        cube[self.person, self.occasion] = self.answers
        return cube


def crossed_anova(cells: Cells) -> Array:
    """Seven components in the order of `CROSSED`, from the mean squares of balanced cells; may be negative."""
    x = cells.cube()
    p, k, m = x.shape
    grand = x.mean()
    one = [x.mean(axis=axes) - grand for axes in ((1, 2), (0, 2), (0, 1))]
    two = {
        "pt": x.mean(axis=2) - grand - one[0][:, None] - one[1][None, :],
        "pi": x.mean(axis=1) - grand - one[0][:, None] - one[2][None, :],
        "ti": x.mean(axis=0) - grand - one[1][:, None] - one[2][None, :],
    }
    rest = x - grand - one[0][:, None, None] - one[1][None, :, None] - one[2]
    rest = rest - two["pt"][:, :, None] - two["pi"][:, None, :] - two["ti"]
    square = {
        "p": k * m * (one[0] ** 2).sum() / (p - 1),
        "t": p * m * (one[1] ** 2).sum() / (k - 1),
        "i": p * k * (one[2] ** 2).sum() / (m - 1),
        "pt": m * (two["pt"] ** 2).sum() / ((p - 1) * (k - 1)),
        "pi": k * (two["pi"] ** 2).sum() / ((p - 1) * (m - 1)),
        "ti": p * (two["ti"] ** 2).sum() / ((k - 1) * (m - 1)),
        "e": (rest**2).sum() / ((p - 1) * (k - 1) * (m - 1)),
    }
    e = square["e"]
    return np.array(
        [
            (square["p"] - square["pt"] - square["pi"] + e) / (k * m),
            (square["t"] - square["pt"] - square["ti"] + e) / (p * m),
            (square["i"] - square["pi"] - square["ti"] + e) / (p * k),
            (square["pt"] - e) / m,
            (square["pi"] - e) / k,
            (square["ti"] - e) / p,
            e,
        ]
    )


def nested_anova(cells: Cells) -> Array:
    """Three components in the order of `NESTED`, items as replicates, from balanced cells; may be negative."""
    x = cells.cube()
    p, k, m = x.shape
    person, cell = x.mean(axis=(1, 2)), x.mean(axis=2)
    between = k * m * person.var(ddof=1)
    within = m * ((cell - person[:, None]) ** 2).sum() / (p * (k - 1))
    error = ((x - cell[:, :, None]) ** 2).sum() / (p * k * (m - 1))
    return np.array([(between - within) / (k * m), (within - error) / m, error])


@dataclass(frozen=True)
class _Layout:
    """Sufficient statistics of columns Y (n, c) that share V = sum_g v_g Z_g Z_g' + v_e I; q random effects.

    ``cross`` is Z'Z, ``zy`` Z'Y, ``yy`` the squared length of each column, ``zx`` and ``xy`` belong to a fixed
    constant, ``group`` says which variance each random effect has.
    """

    n: int
    cross: Array
    zy: Array
    yy: Array
    zx: Array
    xy: Array
    fixed: bool
    group: Ints


def _layout(Y: Array, codes: list[Ints], *, fixed: bool) -> _Layout:
    if fixed:
        # A mean that is estimated anyway: taken off first, sums of squares keep their digits far from zero.
        Y = Y - Y.mean(axis=0)
    sizes = [int(code.max()) + 1 for code in codes]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    q = int(starts[-1])
    cross, zy = np.zeros((q, q)), np.zeros((q, Y.shape[1]))
    for a, code in enumerate(codes):
        np.add.at(zy, starts[a] + code, Y)
        for b, other in enumerate(codes):
            np.add.at(cross, (starts[a] + code, starts[b] + other), 1.0)
    zx = np.diag(cross).copy()
    group = np.repeat(np.arange(len(codes)), sizes)
    return _Layout(len(Y), cross, zy, (Y**2).sum(axis=0), zx, Y.sum(axis=0), fixed, group)


def _deviance(layout: _Layout, variances: Array, error: float) -> tuple[float, Array]:
    """Minus twice the restricted log-likelihood (constants left out), and its slope in each variance, error last."""
    root = np.sqrt(variances[layout.group])
    inner = error * np.eye(len(root)) + root[:, None] * layout.cross * root
    lower = np.linalg.cholesky(inner)
    # S with V^{-1} = (I - Z S Z') / error
    half = np.linalg.solve(lower, np.diag(root))
    S = half.T @ half
    columns, n, q = len(layout.yy), layout.n, len(root)
    SC = S @ layout.cross
    ZVZ = (layout.cross - layout.cross @ SC) / error
    log_det = (n - q) * np.log(error) + 2 * np.log(np.diag(lower)).sum()
    trace = (n - np.trace(SC)) / error
    zy, yy = layout.zy, layout.yy
    value = columns * log_det
    if layout.fixed:
        Sx = S @ layout.zx
        # Where an effect's variance dwarfs the error's, the difference is below its own rounding.
        xvx = max(float(n - layout.zx @ Sx), np.finfo(float).eps * n) / error
        beta = (layout.xy - Sx @ zy) / error / xvx
        zy = zy - np.outer(layout.zx, beta)
        yy = yy - 2 * beta * layout.xy + beta**2 * n
        zvx = (layout.zx - layout.cross @ Sx) / error
        ZVZ = ZVZ - np.outer(zvx, zvx) / xvx
        xvvx = (n - 2 * layout.zx @ Sx + Sx @ layout.cross @ Sx) / error**2
        trace = trace - xvvx / xvx
        value += columns * np.log(xvx)
    Sy = S @ zy
    value += float((yy - np.einsum("qc,qc->c", zy, Sy)).sum()) / error
    ZPy = (zy - layout.cross @ Sy) / error
    PPy = (
        float((yy - 2 * np.einsum("qc,qc->c", zy, Sy) + np.einsum("qc,qc->c", Sy, layout.cross @ Sy)).sum()) / error**2
    )
    per_effect = columns * np.diag(ZVZ) - (ZPy**2).sum(axis=1)
    slopes = np.bincount(layout.group, weights=per_effect, minlength=len(variances))
    return float(value), np.append(slopes, columns * trace - PPy)


def _parts(cells: Cells) -> tuple[Array, Array]:
    """Item mean times the root of the number of items (n, 1), and orthonormal contrasts (n, m - 1)."""
    m = cells.answers.shape[1]
    basis = np.linalg.qr(np.column_stack([np.ones(m), np.eye(m)[:, : m - 1]]))[0]
    if basis[0, 0] < 0:
        basis = -basis
    turned = cells.answers @ basis
    return turned[:, :1], turned[:, 1:]


def crossed_reml(cells: Cells) -> tuple[Array, bool]:
    """Seven components in the order of `CROSSED` by restricted likelihood, none negative, and whether it converged."""
    mean, contrasts = _parts(cells)
    m = cells.answers.shape[1]
    zero = np.zeros(len(mean), dtype=np.int64)
    first = _layout(mean, [cells.person, cells.occasion], fixed=True)
    second = _layout(contrasts, [zero, cells.person, cells.occasion], fixed=False)
    # Rows: the variances of a part (error last); columns: the components.
    to_first = np.array([[m, 0, 0, 0, 1, 0, 0], [0, m, 0, 0, 0, 1, 0], [0, 0, 0, m, 0, 0, 1]], dtype=float)
    to_second = np.array(
        [[0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 1]], dtype=float
    )
    return _restricted([(first, to_first), (second, to_second)], 7, float(cells.answers.var()))


def nested_reml(cells: Cells) -> tuple[Array, bool]:
    """Three components in the order of `NESTED` by restricted likelihood, none negative, and whether it converged."""
    mean, contrasts = _parts(cells)
    m = cells.answers.shape[1]
    first = _layout(mean, [cells.person], fixed=True)
    # No random effect at all: one with variance 0 keeps the same code.
    second = _layout(contrasts, [np.zeros(len(mean), dtype=np.int64)], fixed=False)
    to_first = np.array([[m, 0, 0], [0, m, 1]], dtype=float)
    to_second = np.array([[0, 0, 0], [0, 0, 1]], dtype=float)
    return _restricted([(first, to_first), (second, to_second)], 3, float(cells.answers.var()))


def _restricted(parts: list[tuple[_Layout, Array]], k: int, scale: float) -> tuple[Array, bool]:
    from scipy.optimize import minimize

    def objective(shares: Array) -> tuple[float, Array]:
        components = shares * scale
        value, slope = 0.0, np.zeros(k)
        for layout, design in parts:
            found = design @ components
            one, slopes = _deviance(layout, found[:-1], float(found[-1]))
            value += one
            slope += design.T @ slopes
        return value, slope * scale

    bounds = [(0.0, None)] * (k - 1) + [(1e-9, None)]
    start = np.full(k, 1.0 / k)
    best = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=_TIGHT)
    # A second run from the optimum with fresh curvature takes the last digits.
    again = minimize(objective, best.x, jac=True, method="L-BFGS-B", bounds=bounds, options=_TIGHT)
    chosen = again if again.fun <= best.fun else best
    slope = objective(chosen.x)[1]
    # At an optimum no component can fall or rise and improve: slope 0 inside, not negative at the bound.
    free = np.where(chosen.x <= 1e-12, np.minimum(slope, 0.0), slope)
    return chosen.x * scale, bool(np.abs(free * np.maximum(chosen.x, 1e-3)).max() < 1e-2)


_TIGHT: Any = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000, "maxfun": 5000}
