"""Fitting the dynamic panel model of two members by maximum likelihood.

y_t = m_t + a + Phi y_{t-1} + u_t for t = 2, ..., T, with the first wave free: its mean, its covariance and its
covariance with the stable part a are parameters, so nothing is assumed of what came before it (Anderson and Hsiao,
1982; Moral-Benito, 2013; Allison, Williams and Moral-Benito, 2017).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from reldyn._format import counted
from reldyn._records import brief
from reldyn._types import Array, Ints
from reldyn.errors import DataError, DesignError
from reldyn.mixed._threads import single_threaded
from reldyn.mixed.dynamic._complete import CompleteWaves, complete_waves
from reldyn.mixed.dynamic._incomplete import IncompleteWaves, incomplete_waves
from reldyn.mixed.inference._inference import Contrasts

Objective = CompleteWaves | IncompleteWaves
# From here on normal intervals cover as well as those of the profile likelihood, and cost next to nothing.
PROFILE_WAVES = 10
FEWEST_DYADS = 6
_NEWTON_STEPS, _LONGEST_STEP = 60, 0.5
# What varies by less than this share of its size, or lies closer to a line, does so by rounding only.
_ALIKE_SHARE = 1e-12
_STARTS = (0.0, 0.3, 0.6)
_DISTINCT = np.eye(4).reshape(4, 2, 2)
# Sums and differences of exchangeable members decouple: stability + influence and stability - influence.
_ALIKE = np.array([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, -1.0]]])
_TURN = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2.0)


@brief
@dataclass(frozen=True)
class DynamicPanel:
    """A fitted dynamic panel model; k = 4 elements of the transition, or 2 where members are exchangeable.

    Attributes
    ----------
    effects : Contrasts
        Of the transition's elements: (0, 0), (0, 1), (1, 0), (1, 1), element (j, l) being the carry-over from member l
        to member j; of exchangeable members stability and influence.
    transition : (2, 2) array
    stable : (2, 2) array
        Covariance of the members' stable levels, (I - Phi)^{-1} Var(a) (I - Phi)^{-T}; need not be positive.
    covariance : (k, k) array
        Inverse observed information about them, everything else profiled out.
    log_likelihood : float
    n_parameters : int
        Wave means included.
    converged, stationary : bool
        Whether the optimum is verified, and whether its transition fades.
    intervals : {"profile", "normal"}
    complete : bool
        Whether every dyad has every wave of both members.
    """

    effects: Contrasts
    transition: Array
    stable: Array
    covariance: Array
    log_likelihood: float
    n_parameters: int
    converged: bool
    stationary: bool
    intervals: str
    complete: bool


@single_threaded
def fit_dynamic_panel(y: ArrayLike, *, exchangeable: bool = False, intervals: str | None = None) -> DynamicPanel:
    """Fit stability and influence beside stable levels, the first wave free.

    Parameters
    ----------
    y : (n, waves, 2) array
        NaN where missing (at random).
    exchangeable : bool, default False
    intervals : {"profile", "normal"}, optional
        None: the profile likelihood below ten waves, where the likelihood is far from quadratic.

    Returns
    -------
    DynamicPanel

    Raises
    ------
    DataError
        The answers are no numbers, or infinite.
    DesignError
        Fewer than three waves, too few dyads for the parameters, or answers that never vary or are the same for both.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.random.default_rng(1).normal(size=(200, 5, 2)).cumsum(axis=1) * 0.5
    >>> fit_dynamic_panel(y, exchangeable=True).transition.shape
    (2, 2)
    """
    given = _numbers(y)
    given = given[np.isfinite(given).any(axis=(1, 2))]
    waves = given.shape[1]
    _check(given)
    _check_variation(given)
    scale = float(np.nanstd(given - np.nanmean(given, axis=0)))
    centre = np.nanmean(given) if exchangeable else np.nanmean(given, axis=(0, 1))
    y = np.asarray((given - centre) / scale, dtype=float)
    basis = _ALIKE if exchangeable else _DISTINCT
    complete = bool(np.isfinite(y).all())
    turn = _TURN if exchangeable else np.eye(2)
    objective: Objective
    if complete:
        objective = complete_waves(y @ turn, basis, exchangeable)
    else:
        objective = incomplete_waves(y, basis, exchangeable, turn)
    # Where waves are many there is one optimum.
    starts = [objective.start(y @ turn, phi) for phi in (_STARTS if waves < PROFILE_WAVES else _STARTS[1:2])]
    k = len(basis)
    free, information, verified = _best(objective, starts, basis)
    transition = np.tensordot(free[:k], basis, axes=1)
    stationary = bool(np.abs(np.linalg.eigvals(transition)).max() < 1.0)
    if exchangeable:
        transition = _TURN @ transition @ _TURN
    away = np.linalg.inv(np.eye(2) - transition)
    stable = turn @ objective.stable(free) @ turn.T * scale**2
    covariance = _inverse(information)[:k, :k]
    chosen = intervals or ("profile" if waves < PROFILE_WAVES else "normal")
    effects = _effects(objective, free, information, covariance, chosen if verified else "normal")
    value = objective(free)[0] + np.isfinite(y).sum() * np.log(scale)
    n_parameters = (8 if exchangeable else 13) + k + waves * (1 if exchangeable else 2)
    return DynamicPanel(
        effects=effects,
        transition=transition,
        stable=away @ stable @ away.T,
        covariance=covariance,
        log_likelihood=-float(value),
        n_parameters=n_parameters,
        converged=verified,
        stationary=stationary,
        intervals=chosen if verified else "normal",
        complete=complete,
    )


def _numbers(y: ArrayLike) -> Array:
    try:
        given = np.asarray(y, dtype=float)
    except (TypeError, ValueError):
        raise DataError("the answers do not hold numbers: give an array (dyads, waves, 2) of floats.") from None
    if given.ndim != 3 or given.shape[2] != 2:
        raise DataError(f"the answers have the shape {given.shape}: give (dyads, waves, 2), one value per member.")
    if np.isinf(given).any():
        raise DataError("the answers hold infinite values: mark what is missing by NaN.")
    return given


def _check_variation(y: Array) -> None:
    """Refuse answers whose covariance has no inverse."""
    with warnings.catch_warnings():
        # A wave that nobody answered has no mean.
        warnings.simplefilter("ignore", RuntimeWarning)
        away = y - np.nanmean(y, axis=0)
    size = _ALIKE_SHARE * np.nanmax(np.abs(y))
    for where, part in (("", away), (" in the first wave", away[:, :1])):
        still = [np.nanmax(np.abs(part[..., member])) <= size for member in (0, 1)]
        if any(still):
            who = "the members'" if all(still) else f"the {('first', 'second')[still.index(True)]} member's"
            raise DesignError(
                f"{who} answers do not vary between dyads{where}: stability and influence cannot be told from that."
            )
    one, other = away[np.isfinite(away).all(axis=2)].T
    shared = float(one @ other) / float(np.sqrt((one @ one) * (other @ other)))
    if abs(shared) > 1.0 - _ALIKE_SHARE:
        raise DesignError(
            "the two members' answers are the same up to their means and units: give each member's own answers."
        )


def _check(y: Array) -> None:
    waves = y.shape[1]
    if waves < 3:
        raise DesignError(
            f"{waves} waves cannot separate stable levels from stability: both make the first and the second wave "
            "alike. Collect a third wave, or read the regression on the past as both together."
        )
    starts = np.isfinite(y[:, 0]).all(axis=1)
    follows = (np.isfinite(y[:, 1:]).all(axis=2) & np.isfinite(y[:, :-1]).all(axis=2)).sum(axis=1)
    usable = int((starts & (follows >= 2)).sum())
    if usable < FEWEST_DYADS:
        empty = int((~np.isfinite(y).any(axis=(0, 2))).sum())
        spaced = (
            f" Of the {waves} waves that lie between the first and the last at equal distances, {empty} were never "
            "held: where waves are unequally spaced, number them 1, 2, 3, ... if the steps may count as equal."
            if empty
            else ""
        )
        raise DesignError(
            f"{counted(usable, 'dyad')} {'has' if usable == 1 else 'have'} the first wave and two steps from wave to "
            f"wave of both members; stability and influence beside stable levels need at least {FEWEST_DYADS}.{spaced}"
        )


def _best(objective: Objective, starts: list[Array], basis: Array) -> tuple[Array, Array, bool]:
    """The highest optimum with a fading transition (of all, where none fades), its information, whether verified."""
    ends = [_polished(objective, start) for start in starts]
    k = len(basis)

    def fades(free: Array) -> bool:
        return bool(np.abs(np.linalg.eigvals(np.tensordot(free[:k], basis, axes=1))).max() < 1.0)

    inside = [end for end in ends if end[3] and fades(end[1])] or [end for end in ends if fades(end[1])] or ends
    _, free, information, verified = min(inside, key=lambda end: end[0])
    return free, information, verified


def _polished(objective: Objective, start: Array) -> tuple[float, Array, Array, bool]:
    """Value, parameters and information of an optimum, and whether a further Newton step promises nothing."""
    free = _lowest(objective, start, np.arange(len(start)), gtol=1e-5)
    value, gradient = objective(free)
    promise = np.inf
    information = np.full((len(free),) * 2, np.nan)
    for _ in range(5):
        information = _information(objective, free)
        step = -_inverse(information) @ gradient
        promise = float(-gradient @ step)
        if not np.isfinite(promise) or promise < 1e-9:
            break
        ahead, slope = objective(free + step)
        if not ahead <= value:
            break
        free, value, gradient = free + step, ahead, slope
    return value, free, information, bool(np.isfinite(promise) and promise < 1e-6)


def _lowest(objective: Objective, start: Array, moving: Ints, *, gtol: float, inverse: Array | None = None) -> Array:
    """The nearest minimum over some of the parameters: by Newton steps where second derivatives are at hand."""
    if isinstance(objective, CompleteWaves):
        return _newton(objective, start, moving)
    from scipy.optimize import minimize

    whole = start.copy()

    def of_moving(values: Array) -> tuple[float, Array]:
        whole[moving] = values
        value, slope = objective(whole)
        return value, slope[moving]

    options: Any = {"gtol": gtol, "maxiter": 300} | ({} if inverse is None else {"hess_inv0": inverse})
    whole[moving] = minimize(of_moving, start[moving], jac=True, method="BFGS", options=options).x
    return whole


def _newton(objective: CompleteWaves, start: Array, moving: Ints) -> Array:
    """Newton steps along the second derivatives made positive, halved until they descend."""
    free, (value, slope, bend) = start, objective.second_order(start)
    for _ in range(_NEWTON_STEPS):
        curvature, axes = np.linalg.eigh(bend[np.ix_(moving, moving)])
        along = axes.T @ slope[moving] / np.maximum(np.abs(curvature), 1e-6)
        promise = float(along @ (axes.T @ slope[moving]))
        if not promise > 1e-11:
            break
        step = np.zeros_like(free)
        step[moving] = -axes @ along
        step *= min(1.0, _LONGEST_STEP / float(np.abs(step).max()))
        for _ in range(30):
            ahead = objective.second_order(free + step)
            if ahead[0] <= value:
                break
            step = 0.5 * step
        else:
            break
        free, (value, slope, bend) = free + step, ahead
    return free


def _information(objective: Objective, free: Array, step: float = 1e-4) -> Array:
    if isinstance(objective, CompleteWaves):
        return objective.second_order(free)[2]
    rows = [(objective(free + move)[1] - objective(free - move)[1]) / (2.0 * step) for move in step * np.eye(len(free))]
    return 0.5 * (np.array(rows) + np.array(rows).T)


def _inverse(information: Array) -> Array:
    """Inverse of a positive definite matrix, NaN for any other."""
    try:
        factor = np.linalg.inv(np.linalg.cholesky(information))
    except np.linalg.LinAlgError:
        return np.full_like(information, np.nan)
    return factor.T @ factor


def _effects(objective: Objective, free: Array, information: Array, covariance: Array, intervals: str) -> Contrasts:
    from scipy.stats import norm

    k = len(covariance)
    estimate, std_error = free[:k], np.sqrt(np.diag(covariance))
    half = float(norm.ppf(0.975))
    statistic, low, high = estimate / std_error, estimate - half * std_error, estimate + half * std_error
    if intervals == "profile" and np.isfinite(std_error).all():
        lines = [_Line(objective, free, information, element) for element in range(k)]
        statistic = np.array([line.root(0.0) for line in lines])
        low = np.array([line.bound(-half) for line in lines])
        high = np.array([line.bound(half) for line in lines])
    p_value = np.asarray(2.0 * norm.sf(np.abs(statistic)))
    return Contrasts(estimate, std_error, np.full(k, np.inf), statistic, p_value, low, high)


class _Line:
    """The likelihood along one element of the transition, everything else at its best."""

    def __init__(self, objective: Objective, free: Array, information: Array, element: int) -> None:
        self.objective, self.best, self.element = objective, free, element
        self.others = np.delete(np.arange(len(free)), element)
        self.least = objective(free)[0]
        inside = np.ix_(self.others, self.others)
        self.inverse = np.linalg.inv(information[inside])
        self.follow = -self.inverse @ information[self.others, element]
        self.slope = 0.0

    def root(self, value: float) -> float:
        """Signed root of the likelihood ratio against a value of the element; positive where that is below."""
        gap = value - self.best[self.element]
        if gap == 0.0:
            return 0.0
        whole = self.best.copy()
        whole[self.element] = value
        whole[self.others] += gap * self.follow
        if not np.isfinite(self.objective(whole)[0]):
            whole[self.others] = self.best[self.others]
        inverse = 0.5 * (self.inverse + self.inverse.T)
        whole = _lowest(self.objective, whole, self.others, gtol=1e-4, inverse=inverse)
        found, slope = self.objective(whole)
        self.slope = float(slope[self.element])
        return float(-np.sign(gap) * np.sqrt(max(2.0 * (found - self.least), 0.0)))

    def bound(self, signed: float) -> float:
        """Where the root is as large as wanted on one side; infinite where the likelihood never falls so far."""
        error = 1.0 / np.sqrt(max(self._curvature(), 1e-12))
        value = self.best[self.element] + signed * error
        for _ in range(12):
            root = -self.root(value)
            if abs(root - signed) < 2e-3:
                return float(value)
            rate = self.slope / root if root else np.nan
            if not np.isfinite(rate) or rate <= 0 or abs(value) > 5.0:
                break
            step = np.clip((signed - root) / rate, -1.5 * error, 1.5 * error)
            value += step
        return float(np.sign(signed) * np.inf)

    def _curvature(self) -> float:
        step = 1e-4
        unit = np.zeros_like(self.best)
        unit[self.element], unit[self.others] = step, step * self.follow
        ahead, behind = self.objective(self.best + unit)[1], self.objective(self.best - unit)[1]
        return float((ahead - behind)[self.element] / (2.0 * step))
