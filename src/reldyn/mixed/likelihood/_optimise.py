"""Trust-region Newton steps on the root of G, with exact second derivatives.

The free matrices of G are moved through pivoted lower-triangular roots whose null directions come last. There the
gradient of a zero column vanishes while its curvature is the gradient of the deviance in G: at a singular G the exact
second derivatives therefore say both whether a direction may stay shut (positive curvature: the Karush-Kuhn-Tucker
condition) and, if it may not, the way out (negative curvature, followed by the trust region). Steps: More and Sorensen
(1983).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Ints
from reldyn.mixed.likelihood._evaluation import Evaluation
from reldyn.mixed.likelihood._objective import evaluate
from reldyn.mixed.likelihood._statistics import Statistics
from reldyn.mixed.processes import from_natural, to_natural
from reldyn.mixed.spec._random import RandomStructure, pivoted_root

# A step that promises less than this of deviance is not worth taking: estimates are then within 1e-5 of a standard
# error of the optimum.
DECREASE = 1e-12
# Below this, promises cannot be told from the rounding of the deviance.
ROUNDING = 1e-6
# Curvature more negative than this, in deviance per squared standardised step, is a way down.
NEGATIVE_CURVATURE = 1e-5
MAX_ITERATIONS = 200
_SHUT = 1e-12


@brief
@dataclass(frozen=True)
class Trace:
    """The optimiser's path, kept as a value.

    Attributes
    ----------
    start : (k,) array
        Natural parameters at the start: of G in internal columns, then of the residual process.
    deviances : (iterations + 1,) array
        After each accepted step.
    evaluations, iterations : int
    return_code : {"converged", "rounding", "iteration limit", "no progress"}
    """

    start: Array
    deviances: Array
    evaluations: int
    iterations: int
    return_code: str


@brief
@dataclass(frozen=True)
class Point:
    """Parameters, with the deviance and its derivatives there.

    Attributes
    ----------
    G : (q, q) array
    psi : tuple of arrays
        Natural residual parameters of each stratum.
    value : Evaluation
    charts : tuple of (eta, first, second)
        Unconstrained residual parameters of each stratum, and derivatives of the natural ones in them; empty where
        they are still to be worked out.
    """

    G: Array
    psi: tuple[Array, ...]
    value: Evaluation
    charts: tuple[tuple[Array, Array, Array], ...] = ()


@brief
@dataclass(frozen=True)
class Optimum:
    """Where the optimiser stopped.

    Attributes
    ----------
    point : Point
    trace : Trace
    verified : bool
        No way down: the promised decrease and the negative curvature are within tolerance.
    decrease : float
        Deviance that a further Newton step promises.
    curvature : float
        Least curvature on the root, shut directions included.
    """

    point: Point
    trace: Trace
    verified: bool
    decrease: float
    curvature: float


def optimise(
    stats: Statistics,
    structure: RandomStructure,
    G: Array,
    psi: tuple[Array, ...],
    scale: Array,
    *,
    reml: bool,
    max_iterations: int = MAX_ITERATIONS,
) -> Optimum | None:
    """Minimise the deviance.

    Parameters
    ----------
    stats : Statistics
    structure : RandomStructure
    G : (q, q) array
        Start, in internal columns.
    psi : tuple of arrays
        Start, natural residual parameters of each stratum.
    scale : (q,) array
        Standard deviation of a random effect that moves the outcome by one residual standard deviation: makes steps
        on roots of different terms comparable.
    reml : bool
    max_iterations : int

    Returns
    -------
    Optimum or None
        None if the deviance cannot be evaluated at the start.
    """
    value = evaluate(stats, structure, G, list(psi), reml=reml, order=2)
    if value is None:
        return None
    point = Point(G, psi, value)
    start = np.concatenate([structure.parameters(G), *psi])
    radius, evaluations, deviances, code = 1.0, 1, [value.deviance], "iteration limit"
    rounded = 0
    frame = _Frame(stats, structure, point, scale)
    for _ in range(max_iterations):
        step, promised = frame.step(radius)
        if promised < DECREASE and frame.least_curvature > -NEGATIVE_CURVATURE:
            code = "converged"
            break
        trial = frame.move(step, reml=reml)
        evaluations += 1
        gain = -np.inf if trial is None else point.value.deviance - trial.value.deviance
        ratio = gain / promised
        length = float(np.linalg.norm(step))
        if ratio < 0.25:
            radius = 0.25 * length
        elif ratio > 0.75 and length > 0.9 * radius:
            radius = min(2.0 * radius, 4.0)
        if trial is not None and ratio > 1e-3:
            point = trial
            deviances.append(point.value.deviance)
            frame = _Frame(stats, structure, point, scale)
        elif promised < ROUNDING:
            # The deviance no longer tells a step's worth; its derivatives still do, for a step or two.
            rounded += 1
            if trial is None or rounded > 2 or gain < -ROUNDING:
                code = "rounding"
                break
            point = trial
            frame = _Frame(stats, structure, point, scale)
        elif radius < 1e-9:
            code = "no progress"
            break
    _, promised = frame.step(1.0)
    verified = promised < ROUNDING and frame.least_curvature > -NEGATIVE_CURVATURE
    trace = Trace(start, np.array(deviances), evaluations, len(deviances) - 1, code)
    return Optimum(point, trace, bool(verified), float(promised), frame.least_curvature)


def trust_region_step(gradient: Array, values: Array, vectors: Array, radius: float) -> tuple[Array, float]:
    """Minimise ``g's + s'Hs / 2`` over steps no longer than `radius`.

    Parameters
    ----------
    gradient : (k,) array
    values, vectors : (k,) and (k, k) arrays
        Eigenvalues of H, which may be indefinite, in ascending order, and its eigenvectors.
    radius : float

    Returns
    -------
    step : (k,) array
    promised : float
        The decrease the quadratic model promises; never negative.

    Examples
    --------
    >>> step, promised = trust_region_step(np.array([2.0, 0.0]), np.array([1.0, 2.0]), np.eye(2)[::-1], 10.0)
    >>> step.tolist(), promised
    ([-1.0, 0.0], 1.0)
    """
    if not len(gradient):
        return gradient, 0.0
    along = vectors.T @ gradient
    floor = 1e-13 * max(float(np.abs(values).max()), 1e-300)

    def coordinates(shift: float) -> Array:
        return -along / np.maximum(values + shift, floor)

    if values[0] > floor and np.linalg.norm(coordinates(0.0)) <= radius:
        chosen = coordinates(0.0)
    else:
        low = max(0.0, -float(values[0])) + floor
        chosen = coordinates(low)
        if np.linalg.norm(chosen) <= radius:
            # The hard case: the gradient does not see the steepest negative curvature; walk along it.
            if values[0] < -floor:
                missing = np.sqrt(max(radius**2 - float(chosen @ chosen), 0.0))
                chosen[0] += missing if chosen[0] >= 0 else -missing
        else:
            high = low + float(np.linalg.norm(gradient)) / radius
            for _ in range(200):
                middle = 0.5 * (low + high)
                if np.linalg.norm(coordinates(middle)) > radius:
                    low = middle
                else:
                    high = middle
                if high - low <= 1e-10 * high:
                    break
            chosen = coordinates(high)
    promised = -float(along @ chosen + 0.5 * (values * chosen) @ chosen)
    return vectors @ chosen, max(promised, 0.0)


class _Frame:
    """Local coordinates at a point: entries of the scaled pivoted roots, then unconstrained residual parameters."""

    def __init__(self, stats: Statistics, structure: RandomStructure, point: Point, scale: Array) -> None:
        self.stats, self.structure, self.scale = stats, structure, scale
        self.roots: list[tuple[Array, Ints]] = []
        value = point.value
        k = len(np.asarray(value.gradient))
        jacobian: list[Array] = []
        curvature: list[Array] = []
        start = 0
        for block in structure.blocks:
            copy = np.array(block.copies[0])
            scales = scale[copy]
            root, order = pivoted_root(point.G[copy[:, None], copy] / (scales[:, None] * scales), _SHUT)
            self.roots.append((root, order))
            gradient = np.asarray(value.gradient)[start : start + block.n_parameters]
            first, second = root_derivatives(root, order, scales, gradient)
            wide = np.zeros((k, first.shape[1]))
            wide[start : start + block.n_parameters] = first
            jacobian.append(wide)
            curvature.append(second)
            start += block.n_parameters
        self.unconstrained = []
        for eta, first, second in point.charts or _charts(stats, point.psi):
            r = len(eta)
            self.unconstrained.append(eta)
            wide = np.zeros((k, r))
            wide[start : start + r] = first
            jacobian.append(wide)
            pull = np.asarray(value.gradient)[start : start + r] @ second.reshape(r, -1)
            curvature.append(pull.reshape(r, r))
            start += r
        chain = np.concatenate(jacobian, axis=1)
        self.gradient: Array = chain.T @ np.asarray(value.gradient)
        self.hessian: Array = chain.T @ value.hessian @ chain
        begin = 0
        for item in curvature:
            part = slice(begin, begin + len(item))
            self.hessian[part, part] += item
            begin += len(item)

        self._values, self._vectors = np.linalg.eigh(self.hessian)

    @property
    def least_curvature(self) -> float:
        """Smallest eigenvalue of the second derivatives."""
        return float(self._values[0]) if len(self._values) else 0.0

    def step(self, radius: float) -> tuple[Array, float]:
        """The best step no longer than the radius, and what it promises."""
        return trust_region_step(self.gradient, self._values, self._vectors, radius)

    def move(self, step: Array, *, reml: bool) -> Point | None:
        """The point a step leads to."""
        G = np.zeros((self.stats.q, self.stats.q))
        start = 0
        for block, (root, order) in zip(self.structure.blocks, self.roots, strict=True):
            lower = _lower(block.size)[:2]
            moved = root.copy()
            moved[lower] += step[start : start + len(lower[0])]
            start += len(lower[0])
            for copy in block.copies:
                columns = np.array(copy)[order]
                scaled = moved * self.scale[np.array(block.copies[0])[order]][:, None]
                G[columns[:, None], columns] = scaled @ scaled.T
        psi, charts = [], []
        for eta, exchangeable in zip(self.unconstrained, self.stats.exchangeable, strict=True):
            there = eta + step[start : start + len(eta)]
            natural, first, second = to_natural(self.stats.residual, exchangeable, there)
            psi.append(natural)
            charts.append((there, first, second))
            start += len(eta)
        value = evaluate(self.stats, self.structure, G, psi, reml=reml, order=2)
        return None if value is None else Point(G, tuple(psi), value, tuple(charts))


def _charts(stats: Statistics, psi: tuple[Array, ...]) -> list[tuple[Array, Array, Array]]:
    """Unconstrained residual parameters of each stratum, and derivatives of the natural ones in them."""
    found = []
    for natural, exchangeable in zip(psi, stats.exchangeable, strict=True):
        eta = from_natural(stats.residual, exchangeable, natural)
        found.append((eta, *to_natural(stats.residual, exchangeable, eta)[1:]))
    return found


def root_derivatives(root: Array, order: Ints, scales: Array, gradient: Array) -> tuple[Array, Array]:
    """Derivatives of a block's free parameters in the entries of its root; the gradient's pull on their curvature."""
    rows, columns, position, twice = _lower(len(root))
    here = np.arange(len(rows))
    place = position[order[:, None], order][rows]
    # Element (a, j) of the root moves row a of the matrix, its diagonal twice.
    ordered = scales[order]
    size = (ordered[:, None] * ordered)[rows] * twice
    first = np.zeros((len(rows), len(rows)))
    second = np.zeros((len(rows), len(rows)))
    first[place, here[:, None]] = root.T[columns] * size
    below = here[: len(root)] >= columns[:, None]
    second[np.nonzero(below)[0], position[columns][below]] = (gradient[place] * size)[below]
    return first, second


@lru_cache(maxsize=64)
def _lower(k: int) -> tuple[Ints, Ints, Ints, Array]:
    """Rows and columns of the lower triangle; the place of each element in it; 2 on the diagonal and 1 beside it."""
    rows, columns = np.tril_indices(k)
    position = np.zeros((k, k), dtype=np.int64)
    position[rows, columns] = position[columns, rows] = np.arange(len(rows))
    twice = 1.0 + (rows[:, None] == np.arange(k))
    for shared in (rows, columns, position, twice):
        shared.setflags(write=False)
    return rows, columns, position, twice
