"""What two series would look like side by side if neither followed the other.

A surrogate replaces the second series of a pair and leaves the first as it is. What a kind keeps is what it cannot
mistake for synchrony; what it destroys can be mistaken for it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from reldyn._types import Array, Ints
from reldyn.errors import DesignError, check_option, is_count
from reldyn.panel import DyadSeries

__all__ = ["FEWEST_JOINT", "Surrogates", "NullSeries", "as_surrogates", "draw_nulls", "fill_gaps"]

Kind = Literal["circular-shift", "segment-shuffle", "phase", "iaaft", "pseudo-pairs"]
# Fewer joint occasions than this cannot be told from chance, and make no pseudo-pair.
FEWEST_JOINT = 8
# With this many different surrogates p-values reach .01, and few is not the word.
_MANY = 99
# The order of values has settled long before.
_IAAFT_ITERATIONS = 30


@dataclasses.dataclass(frozen=True, slots=True)
class Surrogates:
    """Which null model a synchrony is tested against, and how many are drawn from it.

    ================  ====================================  ==========================================================
    kind              keeps                                 so synchrony may be claimed wrongly for
    ================  ====================================  ==========================================================
    circular-shift    everything within both series;        slow swings, joint trends over the whole study; a rhythm
                      with several days also time of day    of the day if the study is one long day
    segment-shuffle   what happens within a segment (day)   swings slower than a segment, most of all
    phase             spectrum of a complete series         slow swings; rhythms common to both (of the day, of the
                                                            week); trends, ends that do not match
    iaaft             spectrum and values                   as phase
    pseudo-pairs      time of day, calendar, study-wide     nothing shared by everybody, but swings that only the two
                      events, trends everybody has          of a dyad share
    ================  ====================================  ==========================================================

    Parameters
    ----------
    kind : {"circular-shift", "segment-shuffle", "phase", "iaaft", "pseudo-pairs"}, default "circular-shift"
        The default keeps autocorrelation, missing answers and, in studies of several days, the time of day, at the
        price of few different surrogates: a study of n days has n - 1.
    n : int, default 999
        How many to draw per dyad. Where there are fewer different ones, each is used once and the smallest p-value
        is 1 / (1 + that number).
    segment : int, optional
        Occasions of a segment of ``"segment-shuffle"``. None: a day; in a study of one long day a tenth of it.

    Raises
    ------
    DesignError
        The kind is not known, or a number is not a count.

    Notes
    -----
    Measured at p <= .05 on unrelated partners, 500 pairs a cell, Monte Carlo error about .01
    (``tools/results/synchrony_checks.json``; phases with ``iaaft`` in one cell only, .06). Autoregressions with a
    carry-over of .3, of .8 or of any size from .1 to .9, complete or with a fifth of the answers missing: .02 to .07
    of pairs in 40 days of 5 beeps, .03 to .08 in a session of 200 samples, whatever the kind and the test.

    A rhythm of the day that everybody has, in 40 days: .04 to .06 with whole days shifted or shuffled and with other
    dyads. With phases .33 of pairs for the correlation at the same occasion; for the largest one over lags that make
    up a day no more than .06 of pairs, but after whitening 13 samples of 25.

    One swing over a session of 200 samples that everybody has, largest cross-correlation: .21 of pairs with circular
    shifts, .93 with shuffled segments, .20 with phases, .04 with other dyads; after whitening .13, .38, .13 and .05;
    recurrence much as the first, `susy` and windows much shorter than the swing .03 to .06. Where only the two of a
    dyad share that swing, cross-correlation is above its level with other dyads, too (.17; .14 after whitening).

    References
    ----------
    Theiler et al. (1992); Schreiber and Schmitz (1996); Bernieri and Rosenthal (1991) on pseudo-pairs; Tschacher and
    Haken (2019) on the shuffling of segments.

    Examples
    --------
    >>> Surrogates("pseudo-pairs")
    Surrogates(kind='pseudo-pairs', n=999, segment=None)
    """

    kind: Kind = "circular-shift"
    n: int = 999
    segment: int | None = None

    def __post_init__(self) -> None:
        check_option(self.kind, get_args(Kind), "surrogate")
        for name, value, least in (("n", self.n, 1), ("segment", self.segment, 2)):
            if value is not None and not is_count(value, least):
                raise DesignError(f"{name}={value!r} of the surrogates: give a whole number of at least {least}.")


def as_surrogates(given: str | Surrogates | None) -> Surrogates | None:
    """Spell out a shorthand; None stays None.

    Parameters
    ----------
    given : str, Surrogates or None

    Returns
    -------
    Surrogates or None

    Examples
    --------
    >>> as_surrogates("phase")
    Surrogates(kind='phase', n=999, segment=None)
    """
    if given is None or isinstance(given, Surrogates):
        return given
    check_option(given, get_args(Kind), "surrogate")
    return Surrogates(given)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class NullSeries:
    """Surrogates of the second series of one pair.

    Attributes
    ----------
    series : (n, T) array
        NaN where missing; no rows where none can be drawn.
    note : str
        What a reader must know: too few, or filled gaps.
    """

    series: Array
    note: str = ""


def draw_nulls(
    pair: DyadSeries,
    series: Array,
    surrogates: Surrogates,
    rng: np.random.Generator,
    *,
    others: Sequence[tuple[DyadSeries, Array]] = (),
) -> NullSeries:
    """Draw surrogates of the second series of a pair.

    Parameters
    ----------
    pair : DyadSeries
        Gives the occasions.
    series : (T,) array
        The second series, perhaps transformed; NaN where missing.
    surrogates : Surrogates
    rng : numpy Generator
    others : sequence of (DyadSeries, (T,) array)
        Second series of all dyads, for pseudo-pairs; the pair itself is passed over.

    Returns
    -------
    NullSeries

    Examples
    --------
    >>> import reldyn as rd
    >>> pair = rd.load_sample().series("longing")[0]
    >>> nulls = draw_nulls(pair, pair.values[:, 1], Surrogates("circular-shift"), np.random.default_rng(1))
    >>> nulls.series.shape, nulls.note
    ((55, 224), 'only 55 different surrogates: no p-value below 0.018')
    """
    none = np.empty((0, len(series)))
    if np.isfinite(series).sum() < 2:
        return NullSeries(none, "no surrogate: the second series is empty")
    if surrogates.kind == "circular-shift":
        return _noting_few(_shifted(pair, series, surrogates.n, rng), surrogates.n)
    if surrogates.kind == "segment-shuffle":
        return _shuffled(pair, series, surrogates, rng)
    if surrogates.kind == "pseudo-pairs":
        return _noting_few(_pseudo(pair, series, others, surrogates.n, rng), surrogates.n)
    return _phased(series, surrogates, rng)


def fill_gaps(series: Array) -> Array:
    """Fill missing values along a straight line between neighbours; the ends are held.

    Parameters
    ----------
    series : (T,) array
        At least one value.

    Returns
    -------
    (T,) array

    Examples
    --------
    >>> fill_gaps(np.array([np.nan, 1.0, np.nan, 3.0])).tolist()
    [1.0, 1.0, 2.0, 3.0]
    """
    seen = np.isfinite(series)
    return np.interp(np.arange(len(series)), np.flatnonzero(seen), series[seen])


def _noting_few(series: Array, wanted: int) -> NullSeries:
    n = len(series)
    if n >= min(wanted, _MANY):
        return NullSeries(series)
    if n == 0:
        return NullSeries(series, "no surrogate can be drawn: one day, one segment or one dyad cannot be rearranged")
    return NullSeries(series, f"only {n} different surrogates: no p-value below {1 / (1 + n):.2g}")


@dataclasses.dataclass(frozen=True, slots=True)
class _Days:
    """Where each occasion stands in a table of days by places within the day."""

    row: Ints
    column: Ints
    shape: tuple[int, int]

    @classmethod
    def of(cls, pair: DyadSeries) -> _Days:
        _, row = np.unique(pair.day, return_inverse=True)
        first = np.full(int(row.max()) + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, row, pair.beep)
        # A step that counts on from day to day restarts with each day here.
        counts_on = len(first) > 1 and len(np.unique(pair.beep)) == len(pair.beep)
        column = pair.beep - (first[row] if counts_on else pair.beep.min())
        if (int(row.max()) + 1) * (int(column.max()) + 1) > 8 * len(row):
            column = np.arange(len(row)) - np.searchsorted(row, row)
        return cls(row, column, (int(row.max()) + 1, int(column.max()) + 1))

    def rearranged(self, series: Array, orders: Ints) -> Array:
        """(n, T): the series with the days in each of the given orders (n, n_days)."""
        table = np.full(self.shape, np.nan)
        table[self.row, self.column] = series
        return np.asarray(table[orders[:, self.row], self.column])


def _shifted(pair: DyadSeries, series: Array, n: int, rng: np.random.Generator) -> Array:
    """Shift in a circle, by whole days where there are several."""
    days = _Days.of(pair)
    n_days = days.shape[0]
    length = n_days if n_days > 1 else len(series)
    shifts = np.arange(1, length)
    if len(shifts) > n:
        shifts = np.sort(rng.choice(shifts, n, replace=False))
    if n_days > 1:
        return days.rearranged(series, (np.arange(n_days) + shifts[:, None]) % n_days)
    return np.asarray(series[(np.arange(length) + shifts[:, None]) % length])


def _shuffled(pair: DyadSeries, series: Array, surrogates: Surrogates, rng: np.random.Generator) -> NullSeries:
    """Reorder days, or segments of one long day; all orders are equally likely, the given one included."""
    days = _Days.of(pair)
    if surrogates.segment is None and days.shape[0] > 1:
        orders = _orders(days.shape[0], surrogates.n, rng)
        return _noting_few(days.rearranged(series, orders), surrogates.n)
    length = surrogates.segment or max(2, len(series) // 10)
    n_segments = len(series) // length
    orders = _orders(n_segments, surrogates.n, rng)
    head = np.arange(n_segments * length).reshape(n_segments, length)[orders].reshape(len(orders), n_segments * length)
    # What is left over at the end stays where it is.
    tail = np.broadcast_to(np.arange(n_segments * length, len(series)), (len(orders), len(series) % length))
    return _noting_few(np.asarray(series[np.concatenate([head, tail], axis=1)]), surrogates.n)


def _orders(n_parts: int, n: int, rng: np.random.Generator) -> Ints:
    """(n, n_parts) permutations; every other one once where there are no more than n."""
    if n_parts < 2:
        return np.empty((0, n_parts), dtype=np.int64)
    if n_parts < 8 and math.factorial(n_parts) - 1 <= n:
        import itertools

        return np.array(list(itertools.permutations(range(n_parts))))[1:]
    return np.argsort(rng.random((n, n_parts)), axis=1)


def _phased(series: Array, surrogates: Surrogates, rng: np.random.Generator) -> NullSeries:
    from reldyn.surrogate import iaaft, phase_angles, randomise_phases

    seen = np.isfinite(series)
    whole = fill_gaps(series)
    if surrogates.kind == "phase":
        drawn = randomise_phases(whole, phase_angles(len(whole), surrogates.n, rng))
    else:
        generators = rng.spawn(surrogates.n)
        drawn = iaaft(whole[:, None], generators, n_iterations=_IAAFT_ITERATIONS)[:, :, 0]
    if seen.all():
        return NullSeries(drawn)
    share = float(1 - seen.mean())
    return NullSeries(
        np.where(seen, drawn, np.nan), f"{share:.0%} of the second series was interpolated for its spectrum"
    )


def _pseudo(
    pair: DyadSeries, series: Array, others: Sequence[tuple[DyadSeries, Array]], n: int, rng: np.random.Generator
) -> Array:
    """Put the second members of other dyads, on the same scheduled occasions, in place of the own one."""
    key = _joint_key(pair)
    found = []
    for other, theirs in others:
        if other.code == pair.code or not len(other.day):
            continue
        place = np.searchsorted(_joint_key(other), key)
        inside = np.minimum(place, len(theirs) - 1)
        lent = np.where(_joint_key(other)[inside] == key, theirs[inside], np.nan)
        if np.isfinite(lent).sum() >= min(FEWEST_JOINT, int(np.isfinite(series).sum())):
            found.append(lent)
    if not found:
        return np.empty((0, len(series)))
    lenders = np.stack(found)
    if len(lenders) > n:
        lenders = lenders[np.sort(rng.choice(len(lenders), n, replace=False))]
    return lenders


def _joint_key(pair: DyadSeries) -> Ints:
    return pair.day * 1_000_000 + pair.beep
