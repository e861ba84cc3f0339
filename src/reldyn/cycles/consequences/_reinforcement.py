"""Does the response rise after warmth has been hard to predict?

Unpredictability is a running mean of the size of prediction errors (Pearce and Hall 1980) of an expectation
that learns with a fixed rate (Rescorla and Wagner 1972): rates of single dyads cannot be recovered from
series of this length, so none is fitted here. Its coefficient is compared with two worlds without learning:
a linear one, in which the response follows itself and the warmth before it, and, where there are phases, one
in which warmth and response depend on the phase, so that longing that belongs to a phase is not taken for
longing after unpredictability.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Flags, Ints
from reldyn.cycles.ladder._claims import PhaseFit
from reldyn.cycles.ladder._montecarlo import surrogate_test
from reldyn.cycles.series._series import DirectionSeries
from reldyn.results import register
from reldyn.stats import NUMERICAL_ERRORS, child_seed

__all__ = ["Reinforcement", "run_reinforcement", "unpredictability"]

# Middle of the range in which affect expectations are found; see the module's first sentences.
LEARNING_RATE = 0.3
# Pairs of occasions per coefficient: below, a coefficient means nothing.
_PAIRS_PER_COEFFICIENT = 4
# Moments of the null coefficient rest on at least so many surrogates even when the p-value is settled sooner.
_AT_LEAST = 59


@register
@dataclasses.dataclass(frozen=True, slots=True)
class Reinforcement:
    """The coefficient of unpredictability on the next response, for one direction.

    Attributes
    ----------
    estimate : float
        In SD of the response per SD of unpredictability, less its mean in the null world of the larger p.
    std_error : float
        The larger of the regression's and the null world's.
    conf_low, conf_high : float
        95 % interval.
    statistic, p_value : float
        t ratio; Monte Carlo p-value of a rise, the larger over the null worlds.
    p_linear, p_phases : float
        Of each null world; NaN where it was not due.
    n_pairs, n_surrogates : int
        Pairs of occasions; surrogates behind the p-value.
    null_statistics : (n,) array
        Finite ones of the null world with the larger p-value.
    note : str
        Why there is no estimate; empty if there is one.
    n_failed : int
        Surrogates behind the p-value without a finite statistic; they count against the claim.
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    statistic: float
    p_value: float
    p_linear: float
    p_phases: float
    n_pairs: int
    n_surrogates: int
    null_statistics: Array
    note: str
    n_failed: int = 0


def run_reinforcement(
    series: DirectionSeries,
    phases: PhaseFit | None,
    *,
    n_surrogates: int,
    seed: np.random.SeedSequence,
) -> Reinforcement:
    """Test whether the response rises after unpredictable warmth.

    Parameters
    ----------
    series : DirectionSeries
        With two channels.
    phases : PhaseFit or None
        Fitted phases where regimes are supported: adds the null world of phases.
    n_surrogates : int
        At most so many per null world; sequential stopping ends a settled run.
    seed : SeedSequence

    Returns
    -------
    Reinforcement
        With NaN and a note where too few pairs of occasions are complete.
    """
    fixed = _fixed_columns(series)
    n_pairs = int(_pairs(series.observed).sum())
    needed = _PAIRS_PER_COEFFICIENT * (fixed.shape[1] + 6)
    if n_pairs < needed:
        return _nothing(n_pairs, f"{counted(n_pairs, 'pair')} of occasions, below {needed}")
    try:
        return _tested(series, fixed, phases, n_pairs, n_surrogates, seed)
    except (*NUMERICAL_ERRORS, ValueError) as error:
        return _nothing(n_pairs, f"the test broke down on these answers ({error})")


def _tested(
    series: DirectionSeries,
    fixed: Array,
    phases: PhaseFit | None,
    n_pairs: int,
    n_surrogates: int,
    seed: np.random.SeedSequence,
) -> Reinforcement:
    y = series.y[None]
    coefficient, error = _regress(y, series, fixed)
    if not np.isfinite(coefficient[0]) or error[0] <= 0:
        return _nothing(n_pairs, "unpredictability or the response does not vary")
    statistic = float(coefficient[0] / error[0])
    nulls = [_NullModel.fit(series, fixed, None)]
    if phases is not None:
        nulls.append(_NullModel.fit(series, fixed, phases))
    runs = []
    for number, null in enumerate(nulls):

        def draw(generators: Sequence[np.random.Generator], null: _NullModel = null) -> Array:
            drawn = null.draw(generators)
            slope, spread = _regress(drawn, series, fixed)
            return np.column_stack([slope / np.where(spread > 0, spread, np.nan), slope])

        runs.append(
            surrogate_test(
                statistic,
                draw,
                n_surrogates=n_surrogates,
                seed=child_seed(seed, number),
                at_least=min(_AT_LEAST, n_surrogates),
                columns=2,
            )
        )
    ruling = max(runs, key=lambda run: run.p_value)
    null_slopes = ruling.finite[:, 1]
    if not len(null_slopes):
        return _nothing(n_pairs, "no surrogate has a coefficient")
    estimate = float(coefficient[0] - null_slopes.mean())
    spread = float(max(error[0], null_slopes.std(ddof=1) if len(null_slopes) > 1 else 0.0))
    return Reinforcement(
        estimate=estimate,
        std_error=spread,
        conf_low=estimate - 1.96 * spread,
        conf_high=estimate + 1.96 * spread,
        statistic=statistic,
        p_value=ruling.p_value,
        p_linear=runs[0].p_value,
        p_phases=runs[1].p_value if len(runs) > 1 else float("nan"),
        n_pairs=n_pairs,
        n_surrogates=ruling.n_surrogates,
        null_statistics=np.array(ruling.finite[:, 0]),
        note="",
        n_failed=ruling.n_failed,
    )


def _nothing(n_pairs: int, note: str) -> Reinforcement:
    nan = float("nan")
    return Reinforcement(nan, nan, nan, nan, nan, nan, nan, nan, n_pairs, 0, np.zeros(0), note)


def unpredictability(warmth: Array, rate: float = LEARNING_RATE) -> Array:
    """Running mean of the size of prediction errors, as it stands after each occasion.

    Parameters
    ----------
    warmth : (n_series, n_occasions) array
        NaN where nothing was answered: expectation and unpredictability then stay as they were.
    rate : float, default 0.3
        How fast the expectation, and the running mean of its errors, follow.

    Returns
    -------
    (n_series, n_occasions) array
        In units of ``warmth``. Both start at their means over the series.

    Examples
    --------
    >>> import numpy as np
    >>> steady, jumpy = np.full(40, 4.0), np.tile([1.0, 7.0], 20)
    >>> unpredictability(np.array([steady, jumpy]))[:, -1].round(2).tolist()
    [0.0, 3.53]
    """
    expected = np.nanmean(warmth, axis=1)
    level = np.nanmean(np.abs(warmth - expected[:, None]), axis=1)
    after = np.empty_like(warmth)
    for occasion in range(warmth.shape[1]):
        now = warmth[:, occasion]
        answered = np.isfinite(now)
        surprise = np.where(answered, now - expected, 0.0)
        level = np.where(answered, level + rate * (np.abs(surprise) - level), level)
        expected = expected + rate * surprise
        after[:, occasion] = level
    return after


def _fixed_columns(series: DirectionSeries) -> Array:
    """Intercept, time of day, weekend, trend and covariates: (n_occasions, n_columns)."""
    columns = [np.ones(len(series.y))]
    columns += [(series.beep == beep).astype(float) for beep in np.unique(series.beep)[1:]]
    if series.weekend.any() and not series.weekend.all():
        columns.append(series.weekend.astype(float))
    columns.append(np.linspace(-1.0, 1.0, len(series.y)))
    return np.column_stack([*columns, series.covariates])


def _pairs(observed: Flags) -> Flags:
    """(n_occasions - 1,) True where an occasion and the next were answered."""
    return np.asarray(observed[:-1] & observed[1:])


def _regress(y: Array, series: DirectionSeries, fixed: Array) -> tuple[Array, Array]:
    """Coefficient of unpredictability on the next response, and its standard error, of many series.

    Response and unpredictability are standardised within each series; its previous response and warmth,
    by day and by night, time of day, weekend, trend and covariates stand beside it.
    """
    pairs = _pairs(series.observed)
    night = series.night[1:][pairs].astype(float)
    uncertain = _standard(unpredictability(y[:, :, 0])[:, :-1][:, pairs])
    warmth = _standard(y[:, :-1, 0][:, pairs])
    before = _standard(y[:, :-1, 1][:, pairs])
    after = _standard(y[:, 1:, 1][:, pairs])
    own = [uncertain, warmth, before]
    if night.any() and not night.all():
        own += [night * warmth, night * before, np.broadcast_to(night, warmth.shape)]
    design = np.concatenate(
        [np.stack(own, axis=2), np.broadcast_to(fixed[1:][pairs], (len(y), int(pairs.sum()), fixed.shape[1]))], axis=2
    )
    gram = np.einsum("sti,stj->sij", design, design) + 1e-9 * np.eye(design.shape[2])
    right = np.einsum("sti,st->si", design, after)
    inverse = np.linalg.inv(gram)
    beta = np.einsum("sij,sj->si", inverse, right)
    residual = after - np.einsum("sti,si->st", design, beta)
    variance = (residual**2).sum(axis=1) / max(1, design.shape[1] - design.shape[2])
    flat = (uncertain.std(axis=1) == 0) | (after.std(axis=1) == 0)
    return np.where(flat, np.nan, beta[:, 0]), np.where(flat, 0.0, np.sqrt(variance * inverse[:, 0, 0]))


def _standard(values: Array) -> Array:
    """Z-scores within each series; zeros where it never varies."""
    spread = values.std(axis=1, keepdims=True)
    return np.asarray((values - values.mean(axis=1, keepdims=True)) / np.where(spread > 1e-12, spread, np.inf))


@dataclasses.dataclass(frozen=True, slots=True)
class _NullModel:
    """A world without learning: both channels follow both, the calendar, and phases where there are any.

    Attributes
    ----------
    lagged : (2, 2, 2) array
        Effects of both channels on both, by day and by night.
    calendar : (n_occasions, 2) array
        What time of day, weekend, trend and covariates add.
    levels : (n_states, 2) array
        What each phase adds; one row of zeros without phases.
    transition : (n_states, n_states) array
    residuals : (n, 2) array
        Centred, drawn together.
    """

    series: DirectionSeries
    lagged: Array
    calendar: Array
    levels: Array
    transition: Array
    residuals: Array
    categories: tuple[Array, ...]

    @classmethod
    def fit(cls, series: DirectionSeries, fixed: Array, phases: PhaseFit | None) -> _NullModel:
        pairs = _pairs(series.observed)
        night = series.night[1:][pairs].astype(float)[:, None]
        before, after = series.y[:-1][pairs], series.y[1:][pairs]
        centre = np.nanmean(series.y, axis=0)
        lagged = before - centre
        posterior = np.zeros((len(series.y), 0)) if phases is None else phases.posterior
        parts = [(1 - night) * lagged, night * lagged, fixed[1:][pairs], posterior[1:][pairs]]
        beta = np.linalg.lstsq(np.column_stack(parts), after, rcond=None)[0]
        residuals = after - np.column_stack(parts) @ beta
        n_fixed = fixed.shape[1]
        spare = max(1, len(after) - 4 - n_fixed)
        return cls(
            series=series,
            lagged=np.stack([_damped(beta[0:2].T), _damped(beta[2:4].T)]),
            calendar=fixed @ beta[4 : 4 + n_fixed] - centre,
            levels=np.zeros((1, 2)) if phases is None else beta[4 + n_fixed :],
            transition=np.ones((1, 1)) if phases is None else phases.transition,
            residuals=(residuals - residuals.mean(axis=0)) * np.sqrt(len(after) / spare),
            categories=tuple(_answers(series, at) for at in (0, 1)),
        )

    def draw(self, generators: Sequence[np.random.Generator]) -> Array:
        """(n_series, n_occasions, 2) answers with the mask of the observed series."""
        series, n = self.series, len(self.series.y)
        shocks = np.stack([self.residuals[rng.integers(len(self.residuals), size=n)] for rng in generators])
        level = np.stack([self.levels[_path(self.transition, n, rng)] for rng in generators])
        centre = np.nanmean(series.y, axis=0)
        state = np.empty_like(shocks)
        now = np.zeros((len(generators), 2))
        for occasion in range(n):
            effects = self.lagged[int(series.night[occasion])]
            now = now @ effects.T + self.calendar[occasion] + level[:, occasion] + shocks[:, occasion]
            state[:, occasion] = now
        answers = np.stack([_nearest(state[:, :, at] + centre[at], self.categories[at]) for at in (0, 1)], axis=2)
        answers[:, ~series.observed] = np.nan
        return answers


def _damped(effects: Array) -> Array:
    """Effects shrunk to a stationary process where the estimate is none."""
    size = float(np.abs(np.linalg.eigvals(effects)).max())
    return effects if size < 0.98 else effects * (0.98 / size)


def _answers(series: DirectionSeries, channel: int) -> Array:
    answered = np.unique(series.y[series.observed, channel])
    declared = series.categories[channel] if channel < len(series.categories) else answered
    return declared if len(declared) <= len(answered) + 20 else answered


def _nearest(values: Array, categories: Array) -> Array:
    """The category next to each value; items with very many categories keep it, within their range."""
    if len(categories) > 30:
        return np.clip(values, categories[0], categories[-1])
    cuts = (categories[:-1] + categories[1:]) / 2
    return np.asarray(categories[np.searchsorted(cuts, values)])


def _path(transition: Array, n: int, rng: np.random.Generator) -> Ints:
    """A Markov chain of n occasions, started in its long-run shares."""
    path = np.zeros(n, dtype=np.int64)
    if len(transition) == 1:
        return path
    cumulative = np.cumsum(transition, axis=1).tolist()
    long_run = np.cumsum(np.linalg.matrix_power(transition, 256)[0]).tolist()
    last = len(transition) - 1
    bounds = long_run
    for occasion, uniform in enumerate(rng.random(n).tolist()):
        now = min(bisect_left(bounds, uniform), last)
        path[occasion], bounds = now, cumulative[now]
    return path
