"""One partner's next score from the own and the other's: shapes of influence, least squares, thresholds.

Arrays in, numbers out. Cook et al. (1995); Gottman, Murray, Swanson, Tyson and Swanson (2002). As a regression this is
a threshold autoregression (Hamaker, Zhang and van der Maas, 2009).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from reldyn._format import counted
from reldyn._records import brief
from reldyn._types import Array
from reldyn.coupling._checks import varies
from reldyn.results import register
from reldyn.stats import least_squares

Form = Literal["bilinear", "ojive", "none"]

__all__ = [
    "DETERMINED",
    "FEWEST_SIDE",
    "Equation",
    "InfluenceFit",
    "Form",
    "Shape",
    "fit",
    "fit_two_steps",
    "leaves_errors",
    "unfit",
]

DETERMINED = "the score is determined without error by the scores before, as a straight line is"
FEWEST_TURNS = 20

# Fewer turns beyond a threshold, or on one side of zero, and what holds there is one turn's business.
FEWEST_SIDE = 5
_CANDIDATES = 100
_ROUNDS = 4


@register
@dataclass(frozen=True, slots=True)
class Equation:
    """next = constant + inertia * own + influence(partner) + repair[own < repair_at] - damping[own > damping_at].

    Attributes
    ----------
    constant, inertia : float
    positive, negative : float
        Slopes of the partner's score above and below zero.
    step_up, step_down : float
        What a partner's score above ``up_at`` and below ``down_at`` adds.
    repair, damping : float
        Added below ``repair_at``; taken away above ``damping_at``.
    up_at, down_at, repair_at, damping_at : float
        Infinite where the term is not in the equation.
    """

    constant: float
    inertia: float
    positive: float = 0.0
    negative: float = 0.0
    step_up: float = 0.0
    step_down: float = 0.0
    repair: float = 0.0
    damping: float = 0.0
    up_at: float = np.inf
    down_at: float = -np.inf
    repair_at: float = -np.inf
    damping_at: float = np.inf

    def influence(self, partner: Array) -> Array:
        """What the partner's score adds."""
        steps = self.step_up * (partner > self.up_at) + self.step_down * (partner < self.down_at)
        return np.asarray(self.positive * np.maximum(partner, 0) + self.negative * np.minimum(partner, 0) + steps)

    def own_part(self, own: Array) -> Array:
        """What does not depend on the partner."""
        extra = self.repair * (own < self.repair_at) - self.damping * (own > self.damping_at)
        return np.asarray(self.constant + self.inertia * own + extra)

    def after(self, own: Array, partner: Array) -> Array:
        """The next score."""
        return np.asarray(self.own_part(own) + self.influence(partner))

    def local(self, own: float, partner: float) -> tuple[float, float, float]:
        """Constant and slopes of own and partner of the linear piece around a point."""
        slope = self.positive if partner > 0 else self.negative
        value = float(self.after(np.float64(own), np.float64(partner)))  # type: ignore[arg-type]
        return value - self.inertia * own - slope * partner, self.inertia, slope

    def null_cline(self, partner: Array) -> list[Array]:
        """Own scores that stay as they are while the partner's stays, one branch per piece of the own axis.

        Parameters
        ----------
        partner : (n,) array

        Returns
        -------
        list of (n,) arrays
            NaN where the branch does not exist.
        """
        if self.inertia == 1:
            return []
        branches = []
        cuts = [-np.inf, *sorted(at for at in (self.repair_at, self.damping_at) if np.isfinite(at)), np.inf]
        for low, high in itertools.pairwise(cuts):
            inner = np.clip(
                0.0, low + 1e-9 if np.isfinite(low) else -np.inf, high - 1e-9 if np.isfinite(high) else np.inf
            )
            constant = float(self.own_part(inner)) - self.inertia * float(inner)
            own = (constant + self.influence(partner)) / (1 - self.inertia)
            branches.append(np.where((own >= low) & (own <= high), own, np.nan))
        return branches


@dataclass(frozen=True, slots=True)
class Shape:
    """Terms of an equation."""

    form: Form
    repair: bool = False
    damping: bool = False


@brief
@dataclass(frozen=True, slots=True)
class InfluenceFit:
    """A fitted equation.

    Attributes
    ----------
    equation : Equation
    names : tuple of str
        Attributes of the equation that were estimated by least squares, in the order of ``covariance``.
    covariance : (p, p) array
        As if thresholds were known.
    residuals : (n,) array
    rss : float
    df : float
        Turns minus coefficients and thresholds.
    absent : tuple of str
        Terms asked for that too few turns could tell.
    """

    equation: Equation
    names: tuple[str, ...]
    covariance: Array
    residuals: Array
    rss: float
    df: float
    absent: tuple[str, ...]


def unfit(after: Array, own: Array, partner: Array, mine: Array, theirs: Array) -> str:
    """Why no equation can be fitted; empty where one can.

    Parameters
    ----------
    after, own, partner : (n,) arrays
        As of `fit`.
    mine, theirs : (T,) arrays
        The receiver's and the partner's scores as they were answered: what is small beside them is rounding.
    """
    if len(after) < FEWEST_TURNS:
        return f"{counted(len(after), 'pair')} of turns with both scores, below {FEWEST_TURNS}"
    if not (varies(own - own.mean(), mine) and varies(after - after.mean(), mine)):
        return "the score never varies"
    if not varies(partner - partner.mean(), theirs):
        return "the partner's score never varies"
    past = np.column_stack([np.ones(len(own)), own - own.mean()])
    left = after - past @ np.linalg.lstsq(past, after, rcond=None)[0]
    return "" if varies(left, mine) else DETERMINED


def leaves_errors(fitted: InfluenceFit, mine: Array) -> bool:
    """Whether an equation leaves more than rounding; what cannot be fitted at all says so by itself."""
    return not np.isfinite(fitted.rss) or bool(varies(fitted.residuals, mine))


def fit(after: Array, own: Array, partner: Array, shape: Shape) -> InfluenceFit:
    """Estimate an equation; thresholds by search over observed scores.

    Parameters
    ----------
    after, own, partner : (n,) arrays
        The next score, the own one before it and the partner's that may act on it; zero is neutral.
    shape : Shape

    Returns
    -------
    InfluenceFit
        Coefficients NaN where the own score never varies.
    """
    terms, absent = _terms(own, partner, shape)
    thresholds = {name: values[len(values) // 2] for name, values in terms.items() if len(values)}
    for _ in range(_ROUNDS if thresholds else 1):
        before = dict(thresholds)
        for name in thresholds:
            thresholds[name] = _best(after, own, partner, terms[name], thresholds, name)
        if thresholds == before:
            break
    columns = _columns(own, partner, terms, thresholds)
    X = np.column_stack(list(columns.values()))
    found = least_squares(X, after, fewest=0)
    rss = float(found.rss)
    n, p = X.shape
    df = n - p - sum(np.isfinite(value) for value in thresholds.values())
    spread = rss / df if df > 0 and np.isfinite(rss) else float("nan")
    # Thresholds cost degrees of freedom too.
    covariance = np.asarray(found.unscaled * spread)
    told = dict(zip(columns, found.beta.tolist(), strict=True)) | thresholds
    return InfluenceFit(Equation(**told), tuple(columns), covariance, found.residuals, rss, float(df), absent)


_AT = {"step_up": "up_at", "step_down": "down_at", "repair": "repair_at", "damping": "damping_at"}
_TERM = {at: term for term, at in _AT.items()}


def _terms(own: Array, partner: Array, shape: Shape) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Terms that enter: an empty array for a slope, candidate values keyed by the threshold for a step."""
    wanted: dict[str, Array] = {}
    absent = []
    if shape.form == "bilinear":
        for name, side in (("positive", partner > 0), ("negative", partner < 0)):
            if side.sum() >= FEWEST_SIDE:
                wanted[name] = np.zeros(0)
            else:
                absent.append(name)
    steps = []
    if shape.form == "ojive":
        steps += [("up_at", partner, 1.0), ("down_at", partner, -1.0)]
    if shape.repair:
        steps.append(("repair_at", own, -1.0))
    if shape.damping:
        steps.append(("damping_at", own, 1.0))
    for name, score, sign in steps:
        values = _candidates(score, sign)
        if len(values):
            wanted[name] = values
        else:
            absent.append(_TERM[name])
    return wanted, tuple(absent)


def _candidates(score: Array, sign: float) -> Array:
    """Thresholds on one side of zero that leave enough turns beyond them and before them."""
    values = np.unique(sign * score)
    cuts = np.concatenate([[0.0], (values[:-1] + values[1:])[values[:-1] >= 0] / 2])
    beyond = (sign * score[:, None] > cuts).sum(axis=0)
    usable = cuts[(beyond >= FEWEST_SIDE) & (len(score) - beyond >= FEWEST_SIDE)]
    if len(usable) > _CANDIDATES:
        usable = usable[np.rint(np.linspace(0, len(usable) - 1, _CANDIDATES)).astype(int)]
    return np.asarray(sign * usable)


def _columns(own: Array, partner: Array, terms: dict[str, Array], thresholds: dict[str, float]) -> dict[str, Array]:
    columns = {"constant": np.ones(len(own)), "inertia": own}
    for name in terms:
        if name in thresholds:
            columns[_TERM[name]] = _step(name, own, partner, thresholds[name])
        else:
            columns[name] = np.maximum(partner, 0) if name == "positive" else np.minimum(partner, 0)
    return columns


def _step(name: str, own: Array, partner: Array, at: float) -> Array:
    if name == "up_at":
        return np.where(partner > at, 1.0, 0.0)
    if name == "down_at":
        return np.where(partner < at, 1.0, 0.0)
    return np.where(own < at, 1.0, 0.0) if name == "repair_at" else np.where(own > at, -1.0, 0.0)


def _best(
    after: Array, own: Array, partner: Array, candidates: Array, thresholds: dict[str, float], name: str
) -> float:
    """The candidate that leaves the smallest sum of squares, all other thresholds as they are."""
    others = {key: np.zeros(1) for key in thresholds if key != name}
    X = np.column_stack(list(_columns(own, partner, others, thresholds).values()))
    basis, _ = np.linalg.qr(X)
    steps = np.column_stack([_step(name, own, partner, float(at)) for at in candidates])
    free = steps - basis @ (basis.T @ steps)
    size = (free**2).sum(axis=0)
    gain = np.divide((free.T @ after) ** 2, size, out=np.zeros(len(size)), where=size > 1e-9 * len(after))
    return float(candidates[int(gain.argmax())])


def fit_two_steps(after: Array, own: Array, partner: Array, shape: Shape, band: float) -> InfluenceFit:
    """Uninfluenced parameters on turns at which the partner was neutral, then the influence on what they leave.

    Parameters
    ----------
    after, own, partner : (n,) arrays
    shape : Shape
        Of the influence; repair and damping enter the first step.
    band : float
        A partner's score within this distance of zero is neutral.

    Returns
    -------
    InfluenceFit
        Standard errors of the influence allow for those of the first step. Coefficients NaN with too few neutral turns.
    """
    neutral = np.abs(partner) <= band
    first = fit(after[neutral], own[neutral], partner[neutral], replace(shape, form="none"))
    left = after - first.equation.own_part(own)
    terms, absent = _terms(own, partner, Shape(shape.form))
    thresholds = {name: values[len(values) // 2] for name, values in terms.items() if len(values)}
    for _ in range(_ROUNDS if thresholds else 0):
        for name in thresholds:
            thresholds[name] = _best_without_constant(left, partner, terms[name], terms, thresholds, name)
    columns = _columns(own, partner, terms, thresholds)
    influence = {name: column for name, column in columns.items() if name not in ("constant", "inertia")}
    names = first.names + tuple(influence)
    if not influence or first.df < 1 or not np.isfinite(first.rss):
        failed = dict.fromkeys(names, float("nan"))
        return InfluenceFit(
            Equation(**failed), names, np.full((len(names),) * 2, np.nan), left * np.nan, np.nan, 0.0, absent
        )
    Z = np.column_stack(list(influence.values()))
    found = least_squares(Z, left, fewest=0)
    # Both steps are linear in the errors of all turns, so that their joint covariance is exact but for sigma.
    own_columns = _columns(own, partner, {key: np.zeros(1) for key in _known(first)}, _known(first))
    X = np.column_stack(list(own_columns.values()))
    one = np.zeros((X.shape[1], len(after)))
    one[:, neutral] = np.linalg.pinv(X[neutral])
    two = np.linalg.pinv(Z)
    linear = np.vstack([one, two - two @ X @ one])
    df = float(len(after) - len(names) - len(thresholds))
    told = {name: getattr(first.equation, name) for name in first.names} | _known(first)
    told |= dict(zip(influence, found.beta.tolist(), strict=True)) | thresholds
    rss = float(found.rss)
    covariance = rss / max(df, 1.0) * linear @ linear.T
    return InfluenceFit(Equation(**told), names, covariance, found.residuals, rss, df, first.absent + absent)


def _known(fitted: InfluenceFit) -> dict[str, float]:
    """Thresholds that the equation has."""
    found = {at: float(getattr(fitted.equation, at)) for at in _TERM}
    return {at: value for at, value in found.items() if np.isfinite(value)}


def _best_without_constant(
    left: Array, partner: Array, candidates: Array, terms: dict[str, Array], thresholds: dict[str, float], name: str
) -> float:
    """As `_best`, of an influence without constant."""
    errors = []
    for at in candidates:
        tried = thresholds | {name: float(at)}
        X = np.column_stack([_step(key, partner, partner, tried[key]) for key in terms])
        errors.append(float(least_squares(X, left, fewest=0).rss))
    return float(candidates[int(np.nanargmin(errors))]) if np.isfinite(errors).any() else float(candidates[0])
