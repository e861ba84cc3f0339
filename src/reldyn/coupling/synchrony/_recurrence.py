"""Cross-recurrence of the two members of each dyad: when they are in the same state, and for how long."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Column, Flags, Ints
from reldyn.coupling.synchrony._cross_correlation import NEVER_VARIES, why_not
from reldyn.coupling.synchrony._lag_products import lag_table
from reldyn.coupling.synchrony._recurrence_lines import (
    block_entropy,
    count_lines,
    determinism,
    embedded,
    measures,
    near,
)
from reldyn.coupling.synchrony._surrogates import Surrogates, as_surrogates
from reldyn.coupling.synchrony._synchrony import Case, Curves, answer_all, columns, pool
from reldyn.coupling.synchrony._synchrony_result import SynchronyResult, assemble
from reldyn.errors import DesignError, check_count, check_option, is_number
from reldyn.panel import DyadSeries, analysis, label_codes
from reldyn.results import InState

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["RecurrenceResult", "recurrence"]

Statistic = Literal["profile", "det"]
_WORDS = {
    "profile": "the mean share of recurrence within {lag} lags of the same moment",
    "det": "the percentage of recurrent cells on diagonal lines",
}
_MEASURES = (
    *("rr", "det", "n_lines", "max_line", "mean_line", "entropy", "relative_entropy"),
    *("lam_row", "tt_row", "lam_column", "tt_column", "block_entropy"),
)
# Flags held at a time while surrogates recur.
_BATCH = 1_000_000


class RecurrenceResult(SynchronyResult):
    """Cross-recurrence by dyad. Lag k pairs x[t + k] with y[t]: a peak at k < 0 says that x moved first.

    Attributes
    ----------
    radius : float or None
        None: categories, which recur when equal.
    delay, embed : int
    lags : (n_lags,) int array
    profile_rate, low, high : (n_dyads, n_lags) arrays
        Diagonal recurrence profile: share of recurrent pairs at each lag, and the pointwise 95 % band of surrogates
        (of ``statistic="profile"``).
    points : tuple of ((n, embed), (n, embed)) arrays
        Per dyad what recurs: values, standardised unless they are categories, with their delayed copies.
    """

    figure: ClassVar[str | None] = "recurrence"
    row_fields: ClassVar[tuple[str, ...]] = ("points",)
    radius = InState[float | None]()
    delay = InState[int]()
    embed = InState[int]()
    lags = InState[Ints]()
    profile_rate = InState[Array]()
    low = InState[Array]()
    high = InState[Array]()
    points = InState[tuple[tuple[Array, Array], ...]]()

    def matrix(self, dyad: Hashable) -> Flags:
        """The recurrence plot of one dyad: rows are occasions of x, columns those of y.

        Parameters
        ----------
        dyad : label

        Returns
        -------
        (n, n) bool array

        Raises
        ------
        DataError
            There is no such dyad.
        """
        x, y = self.points[label_codes([dyad], self.dyads["dyad"].tolist(), "dyad", "the result")[0]]
        if not len(x):
            return np.zeros((0, 0), dtype=bool)
        return np.stack([near(point, y, self.radius or 0.0) for point in x])


@analysis
def recurrence(
    panel: DyadPanel,
    variable: Column,
    *,
    radius: float | None = None,
    delay: int = 1,
    embed: int = 1,
    min_line: int = 2,
    max_lag: int = 10,
    statistic: Statistic = "profile",
    surrogate: str | Surrogates | None = "circular-shift",
    seed: Any = None,
    n_jobs: int = 1,
) -> RecurrenceResult:
    """Compare every moment of one member with every moment of the other, and count where they are alike.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
        Ints of categories, or numbers.
    radius : float, optional
        None: categories, alike when equal. A number: values are standardised per person (SD with divisor n - 1),
        and alike when their distance is at most this many SD.
    delay, embed : int, default 1
        Compare ``embed`` values that lie ``delay`` occasions apart instead of single ones; over no night
        where days have several prompts.
    min_line : int, default 2
        Shorter lines are chance meetings, by convention.
    max_lag : int, default 10
        Of the diagonal profile.
    statistic : {"profile", "det"}, default "profile"
        What is tested: recurrence at nearly the same moment, or the share of cells on diagonals. The overall rate
        ``rr`` tests nothing: it is the same however y is rearranged.
    surrogate : str, Surrogates or None, default "circular-shift"
        The null model, see `Surrogates`; phases have no meaning for categories. None: describe only.
    seed : int, SeedSequence, Generator or None
    n_jobs : int, default 1

    Returns
    -------
    RecurrenceResult
        `tidy`: per dyad the tested ``estimate`` and

        - ``rr``: percentage of recurrent cells. ``det``: of these on diagonals of at least ``min_line``.
        - ``n_lines``, ``max_line``, ``mean_line``, ``entropy`` (nats) and ``relative_entropy`` (over the log of the
          number of different lengths) of diagonal lines.
        - ``lam_row``, ``tt_row``: percentage of recurrent cells on, and mean length of, lines **within rows**: one
          moment of x against successive moments of y, so y stays in the state x was in. These are laminarity and
          trapping time of the crqa package. ``lam_column``, ``tt_column``: x stays in the state y was in.
        - ``block_entropy`` (nats), for categories: of the areas of blocks of more than one cell, the ``catH`` of the
          crqa package. NaN with a radius.
        - ``peak_lag``, ``peak_rate`` of the profile.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        A number is not a count, the radius is negative, or phases are asked for categories.

    Notes
    -----
    A dyad with fewer than three joint occasions has no numbers, and one with fewer than eight, or with a member who
    stays in one category, is described and not tested. A missing value recurs with nothing and ends every line, and
    so does a night. Lag k of the profile pairs x[t + k]
    with y[t], as `cross_correlation` does; the profile of the crqa package runs the other way. Rows are streamed: two
    series of 5,000 points need well under a megabyte.

    References
    ----------
    Marwan, N., Romano, M. C., Thiel, M. and Kurths, J. (2007). Recurrence plots for the analysis of complex systems.
    Physics Reports, 438, 237-329. Coco, M. I. and Dale, R. (2014). Cross-recurrence quantification analysis of
    categorical and continuous time series: an R package. Frontiers in Psychology, 5, 510. Leonardi, G. (2018). A
    method for the computation of entropy in the recurrence quantification analysis of categorical time series.
    Physica A, 512, 824-836.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.load_sample().select(dyads=[1, 2])
    >>> result = rd.coupling.recurrence(panel, "longing", max_lag=2, seed=1)
    >>> bool(result.tidy()["rr"].between(5, 50).all()), result.lags.tolist()
    (True, [-2, -1, 0, 1, 2])
    """
    check_option(statistic, get_args(Statistic), "statistic")
    for name, value, least in (("delay", delay, 1), ("embed", embed, 1), ("min_line", min_line, 2)):
        check_count(value, name, least)
    check_count(max_lag, "max_lag", 0)
    chosen = as_surrogates(surrogate)
    _check_radius(radius, chosen)
    how = _How(radius, delay, embed, min_line, max_lag, statistic)
    prepared = [_Prepared.of(pair, how) for pair in panel.series(variable)]
    cases = [_case(one, how) for one in prepared]
    lags = np.arange(-max_lag, max_lag + 1)
    answers, known = answer_all(cases, chosen, n_points=len(lags), seed=seed, n_jobs=n_jobs)
    profiles = np.stack([_profile_of(one, how) for one in prepared])
    rows = [
        columns(case, answer) | _measured(one, how) | _peak(profile, lags)
        for case, answer, one, profile in zip(cases, answers, prepared, profiles, strict=True)
    ]
    dyads, sample, warnings = assemble(rows, cases, answers, pool(answers, len(lags)), chosen)
    return RecurrenceResult.of(
        variable=variable,
        statistic=_WORDS[statistic].format(lag=max_lag),
        dyads=dyads,
        sample=sample,
        surrogates=chosen,
        seed=known,
        step_name=panel.clock.step_name,
        notes=warnings,
        radius=radius,
        delay=delay,
        embed=embed,
        lags=lags,
        profile_rate=profiles,
        low=np.stack([answer.low for answer in answers]),
        high=np.stack([answer.high for answer in answers]),
        points=tuple((one.x, one.y) for one in prepared),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _How:
    """The options that say what recurs."""

    radius: float | None
    delay: int
    embed: int
    min_line: int
    max_lag: int
    statistic: Statistic

    @property
    def threshold(self) -> float:
        return self.radius or 0.0


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """One dyad's series, standardised where they are numbers, and embedded.

    Attributes
    ----------
    series : (2, T) array
    follows : (T,) bool array
        Whether an occasion directly follows the one before, on the same day.
    x, y : (T', embed) arrays
    """

    pair: DyadSeries
    series: Array
    follows: Flags
    x: Array
    y: Array
    note: str

    @classmethod
    def of(cls, pair: DyadSeries, how: _How) -> _Prepared:
        series = pair.values.T if how.radius is None else _scaled(pair.values.T)
        follows = np.concatenate([[False], (np.diff(pair.day) == 0) & (np.diff(pair.beep) == 1)])[: len(pair.day)]
        x, y = embedded(series, follows, how.delay, how.embed)
        return cls(pair, series, follows, x, y, _reason(pair.values, x, y, how))


def _scaled(series: Array) -> Array:
    """Per row mean 0 and SD 1 with divisor n - 1; NaN where nothing varies."""
    from reldyn.coupling.synchrony._lag_products import standardised

    n = np.isfinite(series).sum(axis=1, keepdims=True)
    return np.asarray(standardised(series) * np.sqrt(np.maximum(n - 1, 0) / np.maximum(n, 1)))


def _reason(values: Array, x: Array, y: Array, how: _How) -> str:
    """Why nothing is counted for a dyad; empty where something is."""
    reason = why_not(values)
    if how.radius is None and reason == NEVER_VARIES:
        # A category that never changes is a state like any other.
        reason = ""
    if reason or all(np.isfinite(points).all(axis=1).any() for points in (x, y)):
        return reason
    return f"never {counted(how.embed, 'value')} in a row, {counted(how.delay, 'occasion')} apart"


def _check_radius(radius: float | None, surrogates: Surrogates | None) -> None:
    if radius is None:
        if surrogates is not None and surrogates.kind in ("phase", "iaaft"):
            raise DesignError(f"surrogate={surrogates.kind!r} has no meaning for categories: give a radius, or shifts.")
    elif not is_number(radius, 0):
        raise DesignError(f"radius={radius!r}: give a number of SD, 0 or more, or None for categories.")


def _case(one: _Prepared, how: _How) -> Case:
    make = _profile_curves if how.statistic == "profile" else _det_curves
    steady = how.radius is None and why_not(one.pair.values) == NEVER_VARIES
    return Case(one.pair, one.series[1], make(one, how), one.note, untested=NEVER_VARIES if steady else "")


def _profile_curves(one: _Prepared, how: _How) -> Curves:
    """Share of recurrent pairs at each lag, and its mean over lags."""
    table = lag_table(one.pair, how.max_lag)[: len(one.x)]
    table = np.where(table < len(one.x), table, -1)

    def curves(ys: Array) -> tuple[Array, Array]:
        points = embedded(ys, one.follows, how.delay, how.embed)
        # A missing value makes the whole point missing.
        seen_y, seen_x = np.isfinite(points[:, :, 0]), np.isfinite(one.x[:, 0])
        rate = np.full((len(ys), table.shape[1]), np.nan)
        for at in range(table.shape[1]):
            there = np.flatnonzero(table[:, at] >= 0)
            moved = table[there, at]
            hits = near(one.x[moved], points[:, there], how.threshold).sum(axis=1)
            pairs = (seen_y[:, there] & seen_x[moved]).sum(axis=1)
            rate[:, at] = hits / np.where(pairs > 0, pairs, np.nan)
        known = np.isfinite(rate)
        total = np.where(known, rate, 0.0).sum(axis=1)
        return rate, total / np.where(known.any(axis=1), known.sum(axis=1), np.nan)

    return curves


def _det_curves(one: _Prepared, how: _How) -> Curves:
    """Percentage of recurrent cells on diagonals; there is no curve over lags."""

    def curves(ys: Array) -> tuple[Array, Array]:
        found = np.empty(len(ys))
        follows = one.follows[: len(one.x)]
        size = max(1, _BATCH // max(1, ys.shape[1] * how.embed))
        for begin in range(0, len(ys), size):
            points = embedded(ys[begin : begin + size], one.follows, how.delay, how.embed)
            found[begin : begin + size] = determinism(one.x, points, follows, follows, how.threshold, how.min_line)
        return np.full((len(ys), 2 * how.max_lag + 1), np.nan), found

    return curves


def _profile_of(one: _Prepared, how: _How) -> Array:
    if one.note:
        return np.full(2 * how.max_lag + 1, np.nan)
    curve: Array = _profile_curves(one, how)(one.series[1][None])[0][0]
    return curve


def _measured(one: _Prepared, how: _How) -> dict[str, Any]:
    if one.note:
        return dict.fromkeys(_MEASURES, np.nan)
    follows = one.follows[: len(one.x)]
    found = dict(measures(count_lines(one.x, one.y, follows, follows, how.threshold), how.min_line))
    blocks = block_entropy(one.x, one.y, follows, follows) if how.radius is None else np.nan
    return found | {"block_entropy": blocks}


def _peak(profile: Array, lags: Ints) -> dict[str, Any]:
    if not np.isfinite(profile).any():
        return {"peak_lag": np.nan, "peak_rate": np.nan}
    at = int(np.nanargmax(profile))
    return {"peak_lag": float(lags[at]), "peak_rate": float(profile[at])}
