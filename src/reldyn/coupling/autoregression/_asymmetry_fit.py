"""The asymmetry of one pair: effects in both directions, their difference, its change, and how error bears on it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from reldyn._format import counted
from reldyn._types import Array
from reldyn.coupling._checks import varies
from reldyn.coupling.autoregression._process import (
    Process,
    ProcessFit,
    ProcessSeries,
    fit_process,
    process_series,
    with_reliability,
)
from reldyn.stats import stationary_covariance

Cells = dict[str, Any]

__all__ = ["PairAsymmetry", "Settings", "fit_pair"]

_FEWEST_VALUES = 20
_LOWEST_RELIABILITY = 0.3
_N_DRAWS = 2048
_LEVEL = 0.95
_HELD, _LOST, _OPEN = "holds", "vanishes", "undecided"


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What to estimate beside the difference.

    Attributes
    ----------
    trend, check : bool
        Its change over the study; its check against measurement error.
    reliability : (2,) tuple of float, optional
        Known, first and second member.
    """

    trend: bool
    check: bool
    reliability: tuple[float, float] | None


@dataclasses.dataclass(frozen=True, slots=True)
class PairAsymmetry:
    """Cells of the tables of one pair.

    Attributes
    ----------
    rows : tuple of dict
        ``effect``, ``model``, ``direction`` (0: first to second, 1: second to first, -1: both) and the estimate.
    check : dict
    n_obs : int
    log_likelihood : float
    converged : bool
    note : str
    """

    rows: tuple[Cells, ...]
    check: Cells
    n_obs: int
    log_likelihood: float
    converged: bool
    note: str


def fit_pair(values: Array, step: Array, regressors: Array, settings: Settings) -> PairAsymmetry:
    """Estimate one pair.

    Parameters
    ----------
    values : (T, 2) array
    step : (T,) array
        Clock in steps.
    regressors : (T, k) array
    settings : Settings

    Returns
    -------
    PairAsymmetry
    """
    n_obs = int(np.isfinite(values).sum())
    reason = _refusal(values, step, regressors)
    if reason:
        return PairAsymmetry(tuple(_nothing(settings)), _no_check(), n_obs, math.nan, False, reason)
    given = process_series(values, step, regressors)
    model = "observed" if settings.reliability is None else "corrected"
    plain = fit_process(given, Process(reliability=settings.reliability))
    df = float(max(n_obs / 2 - regressors.shape[1] - 2, 3))
    rows = _effects(plain, model, df)
    notes = [] if plain.converged else ["the likelihood has no verified maximum"]
    if settings.trend:
        changing = process_series(values, step, regressors, changing=True)
        fit = fit_process(changing, Process(trend=True, reliability=settings.reliability), plain)
        rows.append({"effect": "change", "model": model, "direction": -1, **_wald(*fit.value("difference change"), df)})
    check = _no_check()
    if settings.check and settings.reliability is None:
        row, check = _checked(given, plain, df)
        rows.append(row)
    if not math.isfinite(rows[4]["std_error"]):
        notes.append("the information at the maximum is not positive: no standard errors")
    return PairAsymmetry(tuple(rows), check, n_obs, -0.5 * plain.deviance, plain.converged, "; ".join(notes))


def _refusal(values: Array, step: Array, regressors: Array) -> str:
    seen = np.isfinite(values)
    fewest = int(seen.sum(axis=0).min())
    if fewest < _FEWEST_VALUES:
        return f"a member has {fewest} answers, below {_FEWEST_VALUES}"
    for column, known in zip(values.T, seen.T, strict=True):
        # Around the mean, because a level far from 0 leaves the line fewer digits.
        rest = column[known] - column[known].mean()
        line = regressors[known]
        left = rest - line @ np.linalg.lstsq(line, rest, rcond=None)[0]
        if not varies(left, column[known]):
            return "a member never varies beyond the time of day and a straight drift"
    close = np.diff(step) <= 1.5
    pairs = [int((close & seen[:-1, a] & seen[1:, b]).sum()) for a in (0, 1) for b in (0, 1)]
    needed = regressors.shape[1] + 8
    return f"{counted(min(pairs), 'pair')} of neighbouring occasions, below {needed}" if min(pairs) < needed else ""


def _wald(value: float, error: float, df: float) -> Cells:
    from scipy.stats import t as student

    if not error > 0:
        blank = dict.fromkeys(("std_error", "statistic", "df", "p_value", "conf_low", "conf_high"), math.nan)
        return {"estimate": value, **blank}
    reach = float(student.ppf((1 + _LEVEL) / 2, df)) * error
    return {
        "estimate": value,
        "std_error": error,
        "statistic": value / error,
        "df": df,
        "p_value": 2 * float(student.sf(abs(value / error), df)),
        "conf_low": value - reach,
        "conf_high": value + reach,
    }


def _effects(fit: ProcessFit, model: str, df: float) -> list[Cells]:
    """Both own effects, both cross effects, their difference raw and standardised, and dominance."""
    names = fit.process.names
    places = [names.index(name) for name in ("own 0", "own 1", "cross", "difference")]
    turn = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0.5], [0, 0, 1, -0.5], [0, 0, 0, 1]])
    value = turn @ fit.theta[places]
    cover = turn @ fit.covariance[np.ix_(places, places)] @ turn.T
    error = np.sqrt(np.maximum(np.diag(cover), 0.0))
    kinds = [("inertia", 0), ("inertia", 1), ("influence", 0), ("influence", 1), ("difference", -1)]
    rows = [
        {"effect": effect, "model": model, "direction": way, **_wald(float(value[k]), float(error[k]), df)}
        for k, (effect, way) in enumerate(kinds)
    ]
    standard, spread = _standardised(fit)
    apart = float(standard[0] - standard[1])
    variance = float(np.array([1, -1]) @ spread @ np.array([1, -1]))
    cells = _wald(apart, math.sqrt(variance) if variance > 0 else math.nan, df)
    rows.append({"effect": "standardised difference", "model": model, "direction": -1, **cells})
    rows.append({"effect": "dominance", "model": model, "direction": -1, **_dominance(standard, spread)})
    return rows


def _standardised(fit: ProcessFit) -> tuple[Array, Array]:
    """Cross effects in standard deviations of the processes, first to second and back, and their covariance."""

    def effects(theta: Array) -> Array:
        rows = theta[None]
        phi = fit.process.matrices(rows, np.zeros(1))[0, 0]
        size = np.sqrt(np.maximum(np.diag(stationary_covariance(phi, fit.process.noise(rows)[0])), 1e-300))
        return np.array([phi[1, 0] * size[0] / size[1], phi[0, 1] * size[1] / size[0]])

    h = 1e-5
    unit = h * np.eye(len(fit.theta))
    slopes = np.array([(effects(fit.theta + one) - effects(fit.theta - one)) / (2 * h) for one in unit])
    return effects(fit.theta), slopes.T @ fit.covariance @ slopes


def _dominance(standard: Array, spread: Array) -> Cells:
    """Share of the sizes of both effects by which one exceeds the other; limits from both jointly normal."""
    from scipy.stats import norm, qmc

    blank = dict.fromkeys(("std_error", "statistic", "df", "p_value", "conf_low", "conf_high"), math.nan)
    sizes = np.abs(standard)
    if not sizes.sum() > 0:
        return {"estimate": math.nan, **blank}
    cells = {"estimate": float((sizes[0] - sizes[1]) / sizes.sum()), **blank}
    if not np.isfinite(spread).all() or np.linalg.eigvalsh(spread)[0] <= 0:
        return cells
    # A net of points in place of random draws: the same limits every time.
    net = norm.ppf(qmc.Sobol(2, scramble=False).random(_N_DRAWS)[1:])
    drawn = np.abs(standard + net @ np.linalg.cholesky(spread).T)
    share = (drawn[:, 0] - drawn[:, 1]) / drawn.sum(axis=1)
    low, high = np.quantile(share, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return cells | {"conf_low": float(low), "conf_high": float(high)}


def _checked(given: ProcessSeries, plain: ProcessFit, df: float) -> tuple[Cells, Cells]:
    """The difference with measurement error in the model, and the reliability at which it would vanish."""
    from scipy.stats import chi2

    noisy = fit_process(given, Process(error=True), plain)
    # Held equal, errors may take any size: an estimate of no error is not knowing that there is none.
    equal = fit_process(given, Process(error=True, equal=True), noisy)
    p_latent = float(chi2.sf(max(equal.deviance - noisy.deviance, 0.0), 1))
    cells = _wald(*noisy.value("difference"), df)
    row = {"effect": "difference", "model": "latent", "direction": -1, **cells}
    own = _wald(*plain.value("difference"), df)
    at, who = vanishing_reliability(plain)
    gain = max(plain.deviance - noisy.deviance, 0.0)
    check = {
        "observed": own["estimate"],
        "p_observed": own["p_value"],
        "latent": cells["estimate"],
        "latent_low": cells["conf_low"],
        "latent_high": cells["conf_high"],
        "p_latent": p_latent,
        "reliability_first": float(noisy.reliability[0]),
        "reliability_second": float(noisy.reliability[1]),
        "error_gain": gain,
        "vanishes_at": at,
        "vanishes_if": who,
        "verdict": _verdict(own, cells["estimate"], p_latent),
    }
    return row, check


def _verdict(own: Cells, latent: float, p_latent: float) -> str:
    """Whether a difference that is there without error is there with it."""
    if not own["p_value"] < 1 - _LEVEL:
        return ""
    if p_latent < 1 - _LEVEL and own["estimate"] * latent > 0:
        return _HELD
    return _LOST if latent / own["estimate"] < 0.5 else _OPEN


def vanishing_reliability(fit: ProcessFit) -> tuple[float, int]:
    """Highest reliability of one member, the other measured without error, at which the two effects are equal.

    Parameters
    ----------
    fit : ProcessFit
        Of a process without error.

    Returns
    -------
    reliability : float
        NaN if none down to .30 makes them equal.
    member : int
        Whose; -1 if none.
    """

    def apart(member: int, reliability: float) -> float:
        pair = (reliability, 1.0) if member == 0 else (1.0, reliability)
        phi = with_reliability(fit, pair)
        return float(phi[1, 0] - phi[0, 1])

    found = (math.nan, -1)
    grid = np.linspace(1.0, _LOWEST_RELIABILITY, 141)
    for member in (0, 1):
        values = np.array([apart(member, float(one)) for one in grid])
        crossing = np.flatnonzero(np.isfinite(values[1:]) & (np.sign(values[1:]) != np.sign(values[0])))
        if not len(crossing):
            continue
        k = int(crossing[0])
        # Between two neighbouring points a straight line is near enough.
        share = values[k] / (values[k] - values[k + 1])
        at = float(grid[k] + share * (grid[k + 1] - grid[k]))
        if not found[0] >= at:
            found = (at, member)
    return found


def _no_check() -> Cells:
    names = ["observed", "p_observed", "latent", "latent_low", "latent_high", "p_latent"]
    names += ["reliability_first", "reliability_second", "error_gain", "vanishes_at"]
    return {**dict.fromkeys(names, math.nan), "vanishes_if": -1, "verdict": ""}


def _nothing(settings: Settings) -> list[Cells]:
    model = "observed" if settings.reliability is None else "corrected"
    kinds = [("inertia", model, 0), ("inertia", model, 1), ("influence", model, 0), ("influence", model, 1)]
    kinds += [(effect, model, -1) for effect in ("difference", "standardised difference", "dominance")]
    kinds += [("change", model, -1)] if settings.trend else []
    kinds += [("difference", "latent", -1)] if settings.check and settings.reliability is None else []
    blank = dict.fromkeys(("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high"), math.nan)
    return [{"effect": effect, "model": name, "direction": way, **blank} for effect, name, way in kinds]
