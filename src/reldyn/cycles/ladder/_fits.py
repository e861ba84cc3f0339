"""The models behind the claims, fitted to a batch: switching with K phases, and with gamma sojourns.

One start policy for data and surrogates: three starts for switching, two warm-started paths over the tabulated
dispersions for sojourns. All phases have one prior of memory (`MEMORY`).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.cycles.ladder._starts import (
    Template,
    best_period,
    cluster,
    finite,
    residuals,
    smooth,
    step_template,
    three_starts,
)
from reldyn.markov.regimes import (
    DISPERSIONS,
    RAMP_STEPS,
    MemoryPrior,
    RampFit,
    SojournFit,
    SwitchingData,
    SwitchingFit,
    fit_ramps,
    fit_sojourns,
    fit_switching,
    sojourn_start,
)
from reldyn.stats import lag_columns

# Between changes of phase answers are taken to remember little: lags of about .2 by day and 0 by night, with an SD of
# about a sixth. Memory that is free takes over what phases do, and a slow series then gains as much by phases as a
# cyclic one does. In 60 series of 100 answers phases 1.5 SD from their middle were shown in .60 with this prior and in
# .42 without, in 40 of 200 answers gradual ones (2 SD, three occasions) in .70 and .55, and phases whose answers
# remember far more than that (.6) in .68 and .57.
MEMORY = MemoryPrior(mean=0.2, occasions=40.0)
_SHORT, _LONG = 12, 50
_FIRST_SOJOURN, _NEXT_SOJOURN, _ONLY_SOJOURN = 12, 7, 20
_SOJOURN_TOLERANCE = 5e-3
_TOLERANCE = 1e-3
_SHORT_RAMP, _LONG_RAMP, _RAMP_TOLERANCE = 8, 25, 1e-2
_REGULAR, _LOOSE = DISPERSIONS.index(0.25), DISPERSIONS.index(0.90)
_COST_OF_REGULAR = 3.0


@dataclasses.dataclass(frozen=True, slots=True)
class Regimes:
    """The best of three starts per series, and the rhythm among the starts."""

    fit: SwitchingFit
    template: Template


def fit_regimes(data: SwitchingData, n_states: int) -> Regimes:
    """Fit K phases from three starts: all for 12 steps, the best to the end."""
    rest = residuals(data, lagged=False)
    period, _ = best_period(data)
    template = step_template(rest, data.observed, period, n_states)
    return Regimes(best_of(data, three_starts(data, rest, template)), template)


def best_of(data: SwitchingData, starts: Array) -> SwitchingFit:
    """Run every start of (n_starts, n, T, K) for a while and the best of each series to the end."""
    n_starts, n = starts.shape[:2]
    index = np.tile(np.arange(n), n_starts)
    short = fit_switching(
        data.take(index),
        starts.reshape(n_starts * n, *starts.shape[2:]),
        n_iterations=_SHORT,
        tolerance=_TOLERANCE,
        memory=MEMORY,
    )
    best = finite(short.log_likelihood).reshape(n_starts, n).argmax(axis=0) * n + np.arange(n)
    begun = short.take(best)
    return fit_switching(data, starts[0], n_iterations=_LONG, tolerance=_TOLERANCE, start=begun, memory=MEMORY)


@dataclasses.dataclass(frozen=True, slots=True)
class Gradual:
    """The best gradual phases of each series.

    Attributes
    ----------
    log_likelihood : (n,) array
    steps : (n,) int array
        Occasions from one level to the other.
    levels : (n, 2, C) array
        Intercepts at both ends.
    turn : (n, 2) array
        Probability that each attractor is left.
    position : (n, T) array
        Expected share of the second level.
    """

    log_likelihood: Array
    steps: Ints
    levels: Array
    turn: Array
    position: Array


def fit_gradual(data: SwitchingData, regimes: Regimes) -> Gradual:
    """Fit two levels and ramps between them from the posterior of two phases and from a clustering smoothed twice.

    Both starts run for eight steps at each number of occasions from level to level; the best of all goes on.

    Parameters
    ----------
    data : SwitchingData
    regimes : Regimes
        Of two phases.

    Returns
    -------
    Gradual
    """
    smoothed = residuals(data, lagged=False)
    for _ in range(2):
        smoothed = smooth(smoothed, data.observed)
    starts = np.stack([regimes.fit.posterior, cluster(smoothed, data.observed, 2, 0.0)])
    short = {steps: _short_ramps(data, starts, steps) for steps in RAMP_STEPS}
    best = np.argmax([finite(fit.log_likelihood) for fit in short.values()], axis=0)
    n, n_occasions, channels = data.y.shape
    out = Gradual(
        np.full(n, -np.inf),
        np.array(RAMP_STEPS)[best],
        np.zeros((n, 2, channels)),
        np.zeros((n, 2)),
        np.zeros((n, n_occasions)),
    )
    for steps, fit in short.items():
        index = np.flatnonzero(out.steps == steps)
        if len(index):
            _go_on(data, fit, index, steps, out)
    return out


def gradual_price(channels: int) -> float:
    """Akaike's two per parameter of `fit_gradual`: a level per channel, two rates of turning and the steps."""
    return 2.0 * (channels + 2) + 2.0


def _short_ramps(data: SwitchingData, starts: Array, steps: int) -> RampFit:
    n_starts, n = starts.shape[:2]
    index = np.tile(np.arange(n), n_starts)
    flat = starts.reshape(n_starts * n, *starts.shape[2:])
    fit = fit_ramps(data.take(index), flat, steps, n_iterations=_SHORT_RAMP, tolerance=_RAMP_TOLERANCE, memory=MEMORY)
    return fit.take(finite(fit.log_likelihood).reshape(n_starts, n).argmax(axis=0) * n + np.arange(n))


def _go_on(data: SwitchingData, short: RampFit, index: Ints, steps: int, out: Gradual) -> None:
    """Run the series that are best described by so many steps to the end, and write what is found."""
    start = short.take(index)
    fit = fit_ramps(
        data.take(index),
        start.posterior,
        steps,
        n_iterations=_LONG_RAMP,
        tolerance=_RAMP_TOLERANCE,
        start=start,
        memory=MEMORY,
    )
    out.log_likelihood[index] = finite(fit.log_likelihood)
    out.levels[index], out.turn[index] = fit.coefficients[:, :2], fit.turn
    out.position[index] = fit.posterior @ (np.arange(steps + 1) / steps)


def fit_loose(data: SwitchingData, switching: SwitchingFit) -> SojournFit:
    """Fit sojourns of nearly geometric dispersion whose means are bounded from below, from the switching fit."""
    return _sojourns(data, _switching_start(data, switching), _LOOSE, _ONLY_SOJOURN)


def chain_of(fit: SojournFit) -> Array:
    """Transition matrices (n, K, K) that have the fit's mean sojourns and moves."""
    leave = 1 / fit.dwell_means
    stay = (1 - leave)[:, :, None] * np.eye(leave.shape[1])
    return np.asarray(stay + leave[:, :, None] * fit.moves)


def fit_ends(data: SwitchingData, regimes: Regimes) -> tuple[SojournFit, Array]:
    """Fit sojourns of nearly geometric and of small dispersion, means bounded from below: the better of each series.

    The loose law starts from the switching fit, the regular one from there and from the fixed steps. The regular law
    must gain three log-likelihood units: rhythms gain far more by it, and without that price it sets the upper tail of
    the surrogates, at the cost of irregular phases.

    Returns
    -------
    (fit, log_likelihood) : tuple
        The better of each series, and (n,) its log-likelihood less that cost.
    """
    loose = fit_loose(data, regimes.fit)
    template = regimes.template
    steps = sojourn_start(data, template.posterior, template.dwell_means, template.moves)
    regular = _sojourns(data, steps, _REGULAR, _FIRST_SOJOURN)
    tightened = _sojourns(data, loose, _REGULAR, _NEXT_SOJOURN)
    regular = _larger(regular, tightened)
    after = regular.log_likelihood - _COST_OF_REGULAR
    better = finite(after) > finite(loose.log_likelihood)
    return _chosen(better, loose, regular), np.where(better, after, loose.log_likelihood)


def own_covariances(data: SwitchingData, fit: SojournFit) -> Array:
    """Give what a covariance of its own for every phase adds to the log-likelihood, at least.

    With means, memory and phases as they are, the expected log-likelihood rises by the difference of log determinants;
    the log-likelihood itself then rises by no less (Dempster, Laird and Rubin 1977).

    Parameters
    ----------
    data : SwitchingData
    fit : SojournFit
        With one covariance for all phases.

    Returns
    -------
    (n,) array
        Never negative but by the smallest variance that is allowed.
    """
    answered, n_states = data.observed, fit.posterior.shape[2]
    table = np.concatenate([lag_columns(fit.filled, data.night), data.x], axis=2)
    rest = (data.y - np.matmul(table, fit.coefficients[:, n_states:]))[:, answered]
    weight = fit.posterior[:, answered]
    # A covariance may be as small as the noise that every channel has at least, whatever its direction.
    least = data.floor.max(axis=1)[:, None]
    scatter, logs = np.zeros((len(rest), rest.shape[2], rest.shape[2])), np.zeros(len(rest))
    for k in range(n_states):
        error, share = rest - fit.coefficients[:, None, k], weight[:, :, k]
        own = np.matmul((error * share[:, :, None]).transpose(0, 2, 1), error)
        size = share.sum(axis=1)
        scatter += own
        logs += size * _log_det(own / np.maximum(size, 1e-9)[:, None, None], least)
    n_answered = int(answered.sum())
    return np.asarray((n_answered * _log_det(scatter / n_answered, least) - logs) / 2)


def _log_det(covariance: Array, least: Array) -> Array:
    """Log determinants of (n, C, C) covariances none of whose principal variances is smaller than ``least``."""
    known: Flags = np.asarray(np.isfinite(covariance).all(axis=(1, 2)))
    values = np.linalg.eigvalsh(np.where(known[:, None, None], covariance, 1.0))
    return np.where(known, np.log(np.maximum(values, least)).sum(axis=1), np.nan)


def fit_dispersions(data: SwitchingData, regimes: Regimes) -> list[SojournFit]:
    """Fit gamma sojourns at every tabulated dispersion; one batch of fits per dispersion.

    Two paths, the larger likelihood wins: from the switching fit down from irregular to strict, and from the
    fixed steps up from strict to irregular.
    """
    downward = _switching_start(data, regimes.fit)
    template = regimes.template
    upward = sojourn_start(data, template.posterior, template.dwell_means, template.moves)
    order = range(len(DISPERSIONS))
    down, up = _path(data, downward, [*order][::-1]), _path(data, upward, [*order])
    return [_larger(down[c], up[c]) for c in order]


def _sojourns(data: SwitchingData, start: SojournFit, dispersion: int, n_iterations: int) -> SojournFit:
    return fit_sojourns(data, start, dispersion, n_iterations=n_iterations, tolerance=_SOJOURN_TOLERANCE, memory=MEMORY)


def _switching_start(data: SwitchingData, switching: SwitchingFit) -> SojournFit:
    stay = np.diagonal(switching.transition, axis1=1, axis2=2)
    return sojourn_start(data, switching.posterior, 1 / np.maximum(1 - stay, 1e-3), np.array(switching.transition))


def _path(data: SwitchingData, start: SojournFit, order: list[int]) -> dict[int, SojournFit]:
    fits, fit = {}, start
    for position, dispersion in enumerate(order):
        fit = _sojourns(data, fit, dispersion, _NEXT_SOJOURN if position else _FIRST_SOJOURN)
        fits[dispersion] = fit
    return fits


def _larger(first: SojournFit, second: SojournFit) -> SojournFit:
    return _chosen(finite(second.log_likelihood) > finite(first.log_likelihood), first, second)


def _chosen(better: Flags, first: SojournFit, second: SojournFit) -> SojournFit:
    """Take of each series the second fit where it is better."""
    chosen = []
    for field in dataclasses.fields(first):
        a, b = getattr(first, field.name), getattr(second, field.name)
        chosen.append(np.where(better.reshape(-1, *[1] * (a.ndim - 1)), b, a))
    return SojournFit(*chosen)
