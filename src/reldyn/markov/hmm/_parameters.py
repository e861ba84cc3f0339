"""The parameters of a hidden Markov model, for many starts at once, and their way between units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

import numpy as np

from reldyn._format import counted
from reldyn._records import brief
from reldyn._types import Array
from reldyn.errors import DesignError
from reldyn.markov._batch import Batch
from reldyn.markov.hmm._problem import Problem

Emission = Literal["gaussian", "skew-t", "ordered-probit"]
Covariance = Literal["shared", "separate"]
Duration = Literal["geometric", "negative-binomial"]

NAMES = (
    "initial",
    "transition",
    "means",
    "covariances",
    "lag_coefficients",
    "lag_centre",
    "covariate_coefficients",
    "skewness",
    "df",
    "thresholds",
    "duration_mean",
    "duration_size",
    "categories",
)
MIN_DF, MAX_DF = 2.1, 200.0


@brief
@dataclass(frozen=True, slots=True)
class Design:
    """Which model is fitted."""

    n_states: int
    emission: Emission = "gaussian"
    covariance: Covariance = "shared"
    duration: Duration = "geometric"


@dataclass(frozen=True, slots=True)
class Parameters(Batch):
    """Standardised parameters; the first axis runs over starts.

    Attributes
    ----------
    initial : (starts, states)
    transition : (starts, states, states)
        Rows sum to one; under negative-binomial sojourns the diagonal is zero.
    location : (starts, states, channels)
        Intercepts; of skew-t innovations the location, not the mean.
    coefficients : (starts, regressors, channels)
        Lags (kind-major, then lag, then channel of the past), then covariates.
    spread : (starts, states, channels, channels)
        Covariances; of skew-t innovations the symmetric part Psi.
    skew : (starts, states, channels)
        The direction and size of skewness Delta.
    df : (starts,)
    thresholds : (starts, channels, cuts)
        Padded with infinity.
    mean_stay, size_stay : (starts, states)
        Mean and size of the negative-binomial sojourns.
    """

    initial: Array
    transition: Array
    location: Array
    coefficients: Array
    spread: Array
    skew: Array
    df: Array
    thresholds: Array
    mean_stay: Array
    size_stay: Array

    @property
    def n_starts(self) -> int:
        return int(self.initial.shape[0])

    def put(self, rows: Any, other: Parameters) -> Self:
        """Return a copy in which some starts are replaced."""
        changed = {}
        for field in fields(self):
            array = getattr(self, field.name).copy()
            array[rows] = getattr(other, field.name)
            changed[field.name] = array
        return replace(self, **changed)


def stack(parts: list[Parameters]) -> Parameters:
    """Put the starts of several parameter sets behind each other."""
    return Parameters(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Parameters)}
    )


def blank(problem: Problem, design: Design, n_starts: int) -> Parameters:
    """Return neutral parameters: one law for all states, sticky transitions."""
    s, k, c = n_starts, design.n_states, problem.n_channels
    semi = design.duration == "negative-binomial"
    away = (1.0 - np.eye(k)) / max(k - 1, 1)
    return Parameters(
        initial=np.full((s, k), 1.0 / k),
        transition=np.tile(away if semi and k > 1 else 0.9 * np.eye(k) + 0.1 * away if k > 1 else np.eye(1), (s, 1, 1)),
        location=np.zeros((s, k, c)),
        coefficients=np.zeros((s, problem.n_regressors, c)),
        spread=np.tile(np.eye(c), (s, k, 1, 1)),
        skew=np.zeros((s, k, c)),
        df=np.full(s, 10.0),
        thresholds=np.tile(_marginal_thresholds(problem), (s, 1, 1)),
        mean_stay=np.full((s, k), 6.0),
        size_stay=np.full((s, k), 2.0),
    )


def _marginal_thresholds(problem: Problem) -> Array:
    from scipy.special import ndtri

    cuts = max((len(values) - 1 for values in problem.categories), default=0)
    thresholds = np.full((problem.n_channels, cuts), np.inf)
    for channel, values in enumerate(problem.categories):
        answers = problem.y[channel][problem.observed[channel]].astype(int)
        share = np.cumsum(np.bincount(answers, minlength=len(values)))[:-1] / len(answers)
        thresholds[channel, : len(values) - 1] = ndtri(np.clip(share, 1e-4, 1.0 - 1e-4))
    return thresholds


def mean_offset(df: Array) -> Array:
    """Mean of the skewing variable |z| / sqrt(w): the innovation's mean is this times Delta."""
    from scipy.special import gammaln

    return np.asarray(np.sqrt(df / np.pi) * np.exp(gammaln((df - 1.0) / 2.0) - gammaln(df / 2.0)))


def to_units(problem: Problem, design: Design, parameters: Parameters, start: int = 0) -> dict[str, Any]:
    """Express the parameters of one start in the units of the data, under their public names."""
    p, scale = parameters.take([start]), problem.scale
    lag, x = _split(problem, p.coefficients[0])
    offset = float(mean_offset(p.df)[0])
    skewed = design.emission == "skew-t"
    centre = p.location[0] + offset * p.skew[0] if skewed else p.location[0]
    lag = lag * scale.out_spread[:, None] / scale.spread
    x = x * scale.out_spread[:, None] / scale.x_spread
    means = scale.out_centre + scale.out_spread * centre - x @ scale.x_centre
    named: dict[str, Any] = {
        "initial": p.initial[0],
        "transition": p.transition[0],
        "means": means,
        "covariances": _covariances(design, p) * np.outer(scale.out_spread, scale.out_spread),
        "lag_coefficients": lag,
        "lag_centre": scale.centre,
        "covariate_coefficients": x,
        "skewness": p.skew[0] * scale.out_spread if skewed else None,
        "df": float(p.df[0]) if skewed else None,
        "thresholds": None,
        "duration_mean": None,
        "duration_size": None,
        "categories": problem.categories or None,
    }
    if design.emission == "ordered-probit":
        named["thresholds"] = tuple(
            cuts[: len(values) - 1].copy() for cuts, values in zip(p.thresholds[0], problem.categories, strict=True)
        )
    if design.duration == "negative-binomial":
        named["duration_mean"], named["duration_size"] = p.mean_stay[0], p.size_stay[0]
    return named


def _covariances(design: Design, p: Parameters) -> Array:
    if design.emission != "skew-t":
        return np.asarray(p.spread[0])
    df, skew = float(p.df[0]), p.skew[0]
    outer = skew[:, :, None] * skew[:, None, :]
    return np.asarray(df / (df - 2.0) * (p.spread[0] + outer) - float(mean_offset(p.df)[0]) ** 2 * outer)


def _split(problem: Problem, coefficients: Array) -> tuple[Array, Array]:
    """Return the lag matrices (kinds, lags, channels, channels of the past) and slopes (channels, covariates)."""
    c, n = problem.n_channels, problem.n_channels * problem.n_lags * problem.n_kinds
    lag = coefficients[:n].reshape(problem.n_kinds, problem.n_lags, c, c).swapaxes(2, 3)
    return lag, coefficients[n:].T


def from_units(problem: Problem, design: Design, named: Mapping[str, Any], argument: str = "start") -> Parameters:
    """Read parameters in the units of the data; what is not given is neutral, and errors name the argument."""
    unknown = sorted(map(repr, set(named) - set(NAMES)))
    if unknown:
        raise DesignError(f"{argument} names {', '.join(unknown)}; known: {', '.join(NAMES)}.")
    try:
        return _read(problem, design, named)
    except _UnusableError as fault:
        raise DesignError(f"{argument}[{fault.args[0]!r}] {fault.args[1]}") from None


class _UnusableError(Exception):
    """A parameter by name, and what is wrong with it."""


def _read(problem: Problem, design: Design, named: Mapping[str, Any]) -> Parameters:
    base, scale = blank(problem, design, 1), problem.scale
    k, c = design.n_states, problem.n_channels
    lag = _given(named, "lag_coefficients", (problem.n_kinds, problem.n_lags, c, c), 0.0)
    x = _given(named, "covariate_coefficients", (c, len(problem.x)), 0.0)
    means = _given(named, "means", (k, c), np.tile(scale.out_centre, (k, 1)))
    centre = (means + x @ scale.x_centre - scale.out_centre) / scale.out_spread
    lag = lag / scale.out_spread[:, None] * scale.spread
    x = x / scale.out_spread[:, None] * scale.x_spread
    out = np.outer(scale.out_spread, scale.out_spread)
    covariances = _given(named, "covariances", (k, c, c), np.tile(out * np.eye(c), (k, 1, 1))) / out
    df = _given(named, "df", (1,), base.df)
    skew = _given(named, "skewness", (k, c), 0.0) / scale.out_spread
    if design.emission == "skew-t":
        if not MIN_DF <= df[0] <= MAX_DF:
            raise _UnusableError("df", f"is {df[0]:g} and lies outside {MIN_DF:g} to {MAX_DF:g}.")
        offset, outer = float(mean_offset(df)[0]), skew[:, :, None] * skew[:, None, :]
        covariances = (covariances + offset**2 * outer) * (df[0] - 2.0) / df[0] - outer
        centre = centre - offset * skew
    _check_covariances(covariances)
    transition = _shares(_given(named, "transition", (k, k), base.transition[0]), "transition")
    stay = [_given(named, name, (k,), here[0]) for name, here in _stays(base).items()]
    if design.duration == "negative-binomial":
        _check_stays(transition, *stay)
    return Parameters(
        initial=_shares(_given(named, "initial", (k,), 1.0 / k), "initial")[None],
        transition=transition[None],
        location=centre[None],
        coefficients=np.concatenate([lag.swapaxes(2, 3).reshape(-1, c), x.T])[None],
        spread=covariances[None],
        skew=skew[None],
        df=df,
        thresholds=_cuts(problem, named, base),
        mean_stay=stay[0][None],
        size_stay=stay[1][None],
    )


def _given(named: Mapping[str, Any], name: str, shape: tuple[int, ...], default: Any) -> Array:
    value = named.get(name)
    if value is None:
        value = default
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise _UnusableError(name, "does not hold numbers in the shape of an array.") from None
    if array.shape == shape[1:] and name in ("lag_coefficients", "covariances"):
        array = np.broadcast_to(array, shape)
    if array.ndim and array.shape != shape:
        raise _UnusableError(name, f"has shape {array.shape}; this model needs {shape}.")
    if not np.isfinite(array).all():
        raise _UnusableError(name, "holds values that are not finite.")
    return np.broadcast_to(array, shape).astype(float)


def _shares(array: Array, name: str) -> Array:
    if (array < 0).any() or not np.allclose(array.sum(-1), 1.0, rtol=0, atol=1e-6):
        raise _UnusableError(name, "must hold probabilities that sum to one in each row.")
    return np.asarray(array / array.sum(-1, keepdims=True))


def _stays(parameters: Parameters) -> dict[str, Array]:
    return {"duration_mean": parameters.mean_stay, "duration_size": parameters.size_stay}


def _check_stays(transition: Array, mean: Array, size: Array) -> None:
    if (np.diag(transition) > 1e-6).any():
        raise _UnusableError(
            "transition", "must have zeros on the diagonal: with durations it says which other state follows a visit."
        )
    if (mean <= 1.0).any():
        raise _UnusableError("duration_mean", "must be above 1 occasion in every state.")
    if (size <= 0.0).any():
        raise _UnusableError("duration_size", "must be above 0 in every state.")


def _check_covariances(covariances: Array) -> None:
    if not np.allclose(covariances, covariances.swapaxes(1, 2)) or (np.linalg.eigvalsh(covariances) <= 0).any():
        raise _UnusableError("covariances", "must be symmetric and positive definite in every state.")


def _cuts(problem: Problem, named: Mapping[str, Any], base: Parameters) -> Array:
    cuts, given = base.thresholds.copy(), named.get("thresholds")
    if given is None or not problem.categories:
        return cuts
    if not isinstance(given, (Sequence, np.ndarray)) or len(given) != problem.n_channels:
        raise _UnusableError("thresholds", f"must hold one array for each of {counted(problem.n_channels, 'channel')}.")
    for channel, values in enumerate(problem.categories):
        own = _given({"thresholds": given[channel]}, "thresholds", (len(values) - 1,), 0.0)
        if (np.diff(own) <= 0).any():
            raise _UnusableError(
                "thresholds",
                f"must hold {len(values) - 1} increasing values for channel {channel}: one less than its categories.",
            )
        cuts[0, channel, : len(own)] = own
    return cuts
