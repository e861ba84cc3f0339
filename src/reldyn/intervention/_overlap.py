"""Nonoverlap of two phases: how seldom an occasion of the one lies beyond an occasion of the other.

Every name stands for one definition, because "Tau-U" in the literature is several: Parker, Vannest, Davis and Sauber
(2011) subtract the trend of the first phase from the pairs between phases and divide by those pairs; Tarlow (2017)
removes a Theil-Sen trend first; others take Kendall's tau-b of both trends together, with its correction for ties.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Column
from reldyn.errors import check_option
from reldyn.intervention._phases import PhaseSeries, chosen_names, partners_together, phase_series
from reldyn.panel import analysis
from reldyn.results import TableResult

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

Improvement = Literal["increase", "decrease"]
PairError = Literal["unbiased", "hanley", "null"]
Overlap = Literal[
    "nap",
    "tau",
    "tau_u_parker",
    "tau_bc",
    "taub_a_vs_b",
    "taub_a_vs_b_minus_trend_a",
    "taub_a_vs_b_plus_trend_b",
    "taub_a_vs_b_plus_trend_b_minus_trend_a",
    "pnd",
    "pem",
    "pand",
    "ird",
]

__all__ = ["OverlapResult", "OVERLAPS", "Index", "kendall_b", "nap", "nonoverlap", "overlap"]


class OverlapResult(TableResult):
    """What `overlap` found."""


_CONSTANT = "the outcome never varies"
OVERLAPS: tuple[str, ...] = get_args(Overlap)
IMPROVEMENTS = ("increase", "decrease")
_ERRORS = ("unbiased", "hanley", "null")


@dataclass(frozen=True)
class Index:
    """One index with what is known of its error; NaN where nothing is."""

    estimate: float
    std_error: float = math.nan
    conf_low: float = math.nan
    conf_high: float = math.nan
    p_value: float = math.nan


@analysis
def overlap(
    panel: DyadPanel,
    *,
    outcome: Column,
    phase: Column,
    phases: Sequence[Hashable] | None = None,
    improvement: Improvement = "increase",
    indices: Sequence[Overlap] | None = None,
    std_error: PairError = "unbiased",
) -> OverlapResult:
    """Describe how far two phases of each person's series lie apart, by indices of nonoverlap.

    Parameters
    ----------
    panel : DyadPanel
    outcome, phase : str
        Columns: the answers, and the label of the phase.
    phases : pair, optional
        The two labels to compare, the earlier first. None: the two that there are.
    improvement : {"increase", "decrease"}, default "increase"
        Which direction counts as better; it is a matter of the item and of nothing in the data.
    indices : sequence of str, optional
        Which; None gives all: see Notes.
    std_error : {"unbiased", "hanley", "null"}, default "unbiased"
        Of ``nap``, ``tau`` and ``tau_bc``: unbiased (Sen 1967, Mee 1990), after Hanley and McNeil (1982), or under
        the null hypothesis.

    Returns
    -------
    OverlapResult
        A table that is used like a data frame.
        One row per person and index: ``dyad``, ``person``, ``role``, ``index``, ``estimate``, ``std_error``,
        ``conf_low``, ``conf_high``, ``p_value``, ``n_before``, ``n_after``, ``note``. The two partners' rows of one
        index stand together.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        An option is not known, or the column has not two phases.

    Notes
    -----
    ``nap`` is the share of pairs (one occasion of each phase) in which the later is better, ties half; ``tau`` is
    2 nap - 1; ``tau_u_parker`` subtracts the trend of the first phase from the pairs between phases, and can exceed
    1; ``tau_bc`` is ``tau`` after the first phase's Theil-Sen line was taken off both. The four ``taub_`` are
    Kendall's tau-b over the pairs they name, with the normal p-value of its tie-corrected variance. ``pnd``: share
    of the second phase beyond the best of the first; ``pem``: beyond its median; ``pand``: the largest share of all
    occasions that can be kept without any overlap; ``ird`` its improvement rate difference (Parker, Vannest and
    Brown 2009).

    The unbiased variance is so where no pair is tied, and as in the package SingleCaseES a little too large where some
    are. Where every pair agrees the estimators of ``std_error`` give 0; it is NaN then, and the interval stands.
    Intervals of ``nap`` and ``tau`` are Newcombe's (2006, method 5). All errors take occasions for independent: in an
    autocorrelated series they are too small, and none of the indices knows a trend unless its name says so. For a
    test use `interrupted_series` or `randomization_test`.

    References
    ----------
    Parker and Vannest (2009), Behavior Therapy 40, 357-367. Parker, Vannest, Davis and Sauber (2011), Behavior
    Therapy 42, 284-299. Tarlow (2017), Behavior Modification 41, 427-467. Newcombe (2006), Statistics in Medicine
    25, 559-573.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.intervention(n_dyads=1, level=3.0, seed=1).panel
    >>> found = rd.intervention.overlap(panel, outcome="closeness", phase="phase", indices=["nap", "pnd"])
    >>> found["index"].tolist(), bool((found["estimate"] > 0.5).all())
    (['nap', 'nap', 'pnd', 'pnd'], True)
    """
    import pandas as pd

    check_option(improvement, IMPROVEMENTS, "improvement")
    check_option(std_error, _ERRORS, "std_error")
    wanted = chosen_names(indices, OVERLAPS, "indices", "index")
    series, _ = phase_series(panel, outcome, phase, phases)
    rows = []
    for one in series:
        found, notes = _of_series(one, wanted, improvement, std_error)
        for place, (name, index) in enumerate(found.items()):
            cells = {**one.identity, "index": name, **vars(index)}
            cells |= {"n_before": len(one.before_values), "n_after": len(one.after_values), "note": notes[name]}
            rows.append((one, place, cells))
    return OverlapResult.of(table=pd.DataFrame(partners_together(rows)))


def _of_series(
    one: PhaseSeries, wanted: list[str], improvement: Improvement, std_error: PairError
) -> tuple[dict[str, Index], dict[str, str]]:
    known = "; ".join(one.notes)
    short = one.lacking(1, 1)
    sign = 1.0 if improvement == "increase" else -1.0
    before, after = sign * one.before_values, sign * one.after_values
    time = one.time[one.observed]
    found, notes = {}, {}
    for name in wanted:
        reason = short or _reason(name, before, after)
        if reason:
            found[name] = Index(math.nan)
        else:
            found[name] = nonoverlap(name, before, after, time=time, std_error=std_error)
            if math.isfinite(found[name].p_value) and not _varies(before, after):
                # Of ties alone an index is what it is, and has no error.
                found[name], reason = Index(found[name].estimate), _CONSTANT
        notes[name] = "; ".join(part for part in (known, reason) if part)
    return found, notes


def _varies(before: Array, after: Array) -> bool:
    return bool(np.ptp(np.concatenate([before, after])) > 0)


def _reason(name: str, before: Array, after: Array) -> str:
    if name == "tau_bc" and len(before) < 3:
        return f"{counted(len(before), 'answer')} before the start, at least 3 are needed for their trend"
    if name.startswith("taub") and not _varies(before, after):
        return _CONSTANT
    return ""


def nonoverlap(
    name: str, before: Array, after: Array, *, time: Array | None = None, std_error: PairError = "unbiased"
) -> Index:
    """Compute one index from the answers of the two phases, larger values being better.

    Parameters
    ----------
    name : str
        One of `OVERLAPS`.
    before, after : (m,) and (n,) arrays
        Answers in order of time, without missing ones.
    time : (m + n,) array, optional
        For the trend of ``tau_bc``; None counts occasions.
    std_error : {"unbiased", "hanley", "null"}

    Returns
    -------
    Index

    Examples
    --------
    >>> nonoverlap("pnd", np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0])).estimate
    0.5
    """
    check_option(name, OVERLAPS, "index")
    if name.startswith("taub"):
        return kendall_b(*_ordering(name, before, after))
    if name == "nap":
        return nap(before, after, std_error)
    if name == "tau":
        return _doubled(nap(before, after, std_error))
    if name == "tau_bc":
        from scipy.stats import theilslopes

        clock = np.arange(len(before) + len(after), dtype=float) if time is None else time
        m = len(before)
        slope = theilslopes(before, clock[:m]).slope
        return _doubled(nap(before - slope * clock[:m], after - slope * clock[m:], std_error))
    return Index(_simple(name, before, after))


def _simple(name: str, before: Array, after: Array) -> float:
    m, n = len(before), len(after)
    if name == "tau_u_parker":
        between = float(np.sign(after[None, :] - before[:, None]).sum())
        trend = np.triu(np.sign(before[None, :] - before[:, None]), 1)
        return (between - float(trend.sum())) / (m * n)
    if name == "pnd":
        return float(np.mean(after > before.max()))
    if name == "pem":
        middle = float(np.median(before))
        return float(np.mean((after > middle) + 0.5 * (after == middle)))
    kept = _most_without_overlap(before, after)
    return kept / (m + n) if name == "pand" else 1 - (m + n - kept) * (m + n) / (2 * m * n)


def _most_without_overlap(before: Array, after: Array) -> int:
    """Most occasions that can be kept so that all of the first phase lie below all of the second."""
    low, high = np.sort(before), np.sort(after)
    # Keep the i lowest of the one; then all of the other above the highest of them.
    beyond = [len(high)] + [int((high > edge).sum()) for edge in low]
    return max(count + other for count, other in enumerate(beyond))


def nap(before: Array, after: Array, std_error: PairError = "unbiased") -> Index:
    """Nonoverlap of all pairs, its standard error and Newcombe's interval.

    Parameters
    ----------
    before, after : (m,) and (n,) arrays
    std_error : {"unbiased", "hanley", "null"}

    Returns
    -------
    Index
        The p-value is the normal one of the null standard error.

    Examples
    --------
    >>> nap(np.array([1.0, 2.0]), np.array([2.0, 3.0])).estimate
    0.875
    """
    from scipy.stats import norm

    m, n = len(before), len(after)
    pairs = (after[None, :] > before[:, None]) + 0.5 * (after[None, :] == before[:, None])
    value = float(pairs.mean())
    null = math.sqrt((m + n + 1) / (12 * m * n))
    error = null if std_error == "null" else _pair_error(pairs, value, std_error)
    low, high = _newcombe(value, m, n)
    return Index(value, error, low, high, float(2 * norm.sf(abs(value - 0.5) / null)))


def _pair_error(pairs: Array, value: float, kind: PairError) -> float:
    m, n = pairs.shape
    if value in (0.0, 1.0):
        # Both estimators give 0 here, which would claim that nothing is uncertain.
        return math.nan
    by_before = float((pairs.sum(axis=1) ** 2).sum()) / (m * n**2)
    by_after = float((pairs.sum(axis=0) ** 2).sum()) / (n * m**2)
    if kind == "hanley":
        total = value * (1 - value) + (n - 1) * (by_before - value**2) + (m - 1) * (by_after - value**2)
        return math.sqrt(max(total, 0.0) / (m * n))
    if m < 2 or n < 2:
        return math.nan
    squares = float((pairs**2).mean())
    total = value - (m + n - 1) * value**2 + n * by_before + m * by_after - 2 * squares
    return math.sqrt(max(total, 0.0) / ((m - 1) * (n - 1)))


def _newcombe(value: float, m: int, n: int) -> tuple[float, float]:
    """Values whose own variance puts the observed one at 1.96 standard errors."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    z, h = float(norm.ppf(0.975)), (m + n) / 2 - 1

    def away(q: float) -> float:
        spread = q * (1 - q) * (1 + h * (1 - q) / (2 - q) + h * q / (1 + q))
        return (value - q) ** 2 * m * n - z**2 * spread

    low = float(brentq(away, 0.0, value)) if value > 0 else 0.0
    high = float(brentq(away, value, 1.0)) if value < 1 else 1.0
    # At the ends the equation also holds where nothing is uncertain; the interval ends inside.
    if value == 1.0:
        low = float(brentq(away, 1e-9, 1 - 1e-9))
    if value == 0.0:
        high = float(brentq(away, 1e-9, 1 - 1e-9))
    return low, high


def _doubled(index: Index) -> Index:
    return Index(
        2 * index.estimate - 1, 2 * index.std_error, 2 * index.conf_low - 1, 2 * index.conf_high - 1, index.p_value
    )


def _ordering(name: str, before: Array, after: Array) -> tuple[Array, Array]:
    """The answers, and the order they are expected in: which pairs count is said by ties in it."""
    m, n = len(before), len(after)
    first = -np.arange(1.0, m + 1) if name.endswith("minus_trend_a") else np.full(m, -1.0)
    second = np.arange(1.0, n + 1) if "plus_trend_b" in name else np.ones(n)
    return np.concatenate([before, after]), np.concatenate([first, second])


def kendall_b(x: Array, y: Array) -> Index:
    """Kendall's tau-b with its tie-corrected normal test.

    Parameters
    ----------
    x, y : (n,) arrays
        Neither may be constant.

    Returns
    -------
    Index
        ``std_error`` is that of tau-b under the null hypothesis, the SD of S over the same divisor.

    References
    ----------
    Kendall (1970), Rank Correlation Methods.

    Examples
    --------
    >>> round(kendall_b(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])).estimate, 3)
    0.333
    """
    from scipy.stats import norm

    n = len(x)
    first, second = np.triu_indices(n, 1)
    score = float((np.sign(x[second] - x[first]) * np.sign(y[second] - y[first])).sum())
    ties_x, ties_y = (np.unique(v, return_counts=True)[1].astype(float) for v in (x, y))
    pairs = n * (n - 1) / 2
    tied_x, tied_y = (float((t * (t - 1)).sum()) / 2 for t in (ties_x, ties_y))
    divisor = math.sqrt((pairs - tied_x) * (pairs - tied_y))
    spread = math.sqrt(_kendall_variance(n, ties_x, ties_y))
    statistic = score / spread if spread > 0 else math.nan
    return Index(score / divisor, spread / divisor, p_value=float(2 * norm.sf(abs(statistic))))


def _kendall_variance(n: int, ties_x: Array, ties_y: Array) -> float:
    def cubic(t: Array) -> float:
        return float((t * (t - 1) * (2 * t + 5)).sum())

    def triples(t: Array) -> float:
        return float((t * (t - 1) * (t - 2)).sum())

    def doubles(t: Array) -> float:
        return float((t * (t - 1)).sum())

    value = (n * (n - 1) * (2 * n + 5) - cubic(ties_x) - cubic(ties_y)) / 18
    if n > 2:
        value += triples(ties_x) * triples(ties_y) / (9 * n * (n - 1) * (n - 2))
    return value + doubles(ties_x) * doubles(ties_y) / (2 * n * (n - 1))
