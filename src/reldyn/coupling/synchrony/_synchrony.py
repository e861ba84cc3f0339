"""From a statistic of two series to a claim of synchrony: the same statistic in series without it.

One-sided p-values (1 + number at least as large) / (1 + number of surrogates), per dyad and for the sample.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reldyn._records import brief
from reldyn._types import Array
from reldyn.coupling.synchrony._surrogates import FEWEST_JOINT, NullSeries, Surrogates, draw_nulls
from reldyn.panel import DyadSeries
from reldyn.stats import known_seed, map_seeded, monte_carlo_p

__all__ = [
    "Case",
    "Curves",
    "DyadSynchrony",
    "Pooled",
    "SurrogateTest",
    "answer_all",
    "columns",
    "pool",
    "surrogate_test",
    "with_note",
]

# Takes surrogates of the second series, (n, T), and returns curves (n, n_points) and one statistic for each.
Curves = Callable[[Array], tuple[Array, Array]]
# A spread below this is rounding.
_ROUNDING = 1e-12
_BAND = (0.025, 0.975)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One dyad to be tested.

    Attributes
    ----------
    pair : DyadSeries
    series : (T,) array
        The second series, as the statistic wants it.
    curves : callable
        See `Curves`.
    note : str
        Why nothing can be computed; empty if it can.
    nulls : callable, optional
        ``nulls(n, rng)`` gives null curves and statistics directly, where that is quicker than drawing series.
    no_estimate : str
        Why there is a curve but no statistic; empty if there is one.
    untested : str
        Why the statistic is not compared with surrogates; empty if it is.
    """

    pair: DyadSeries
    series: Array
    curves: Curves
    note: str = ""
    nulls: Callable[[int, np.random.Generator], tuple[Array, Array]] | None = None
    no_estimate: str = ""
    untested: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class SurrogateTest:
    """A statistic beside its null: mean and SD of the surrogates, the distance in these SD, the one-sided p-value."""

    estimate: float
    mean: float = np.nan
    sd: float = np.nan
    z: float = np.nan
    p_value: float = np.nan


@brief
@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class DyadSynchrony:
    """What the test of one dyad says.

    Attributes
    ----------
    curve, low, high : (n_points,) arrays
        Observed, and the pointwise 95 % band of the surrogates; NaN without surrogates.
    test : SurrogateTest
    n_nulls : int
    note : str
    picked, picked_curves : (n,), (n, n_points) arrays
        For the sample: in each of its surrogates one of the dyad's own, the observed one included. Empty without.
    """

    curve: Array
    low: Array
    high: Array
    test: SurrogateTest
    n_nulls: int
    note: str
    picked: Array
    picked_curves: Array


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """What the test of the sample says: as `DyadSynchrony`, of means over dyads."""

    curve: Array
    low: Array
    high: Array
    test: SurrogateTest
    n_tested: int


def answer_all(
    cases: Sequence[Case], surrogates: Surrogates | None, *, n_points: int, seed: Any, n_jobs: int
) -> tuple[list[DyadSynchrony], int]:
    """Test every dyad.

    Parameters
    ----------
    cases : sequence of Case
    surrogates : Surrogates or None
        None: nothing is tested.
    n_points : int
        Length of a curve.
    seed, n_jobs
        As `reldyn.resample.map_seeded`.

    Returns
    -------
    answers : list of DyadSynchrony
    seed : int
        That gives them again.

    Examples
    --------
    >>> answer_all([], None, n_points=1, seed=3, n_jobs=1)
    ([], 3)
    """
    known = known_seed(seed)
    others = [(case.pair, case.series) for case in cases] if surrogates and surrogates.kind == "pseudo-pairs" else []

    def one(case: Case, rng: np.random.Generator) -> DyadSynchrony:
        return _answer(case, surrogates, others, n_points, rng)

    return map_seeded(one, cases, known, n_jobs, label="surrogates"), known


def _answer(
    case: Case,
    surrogates: Surrogates | None,
    others: Sequence[tuple[DyadSeries, Array]],
    n_points: int,
    rng: np.random.Generator,
) -> DyadSynchrony:
    nothing = np.full(n_points, np.nan)
    if case.note:
        return DyadSynchrony(
            nothing, nothing, nothing, SurrogateTest(np.nan), 0, case.note, np.empty(0), np.empty((0, n_points))
        )
    curves, statistics = case.curves(case.series[None])
    curve, estimate = curves[0], float(statistics[0])
    if case.no_estimate:
        none = np.empty((0, n_points))
        return DyadSynchrony(curve, nothing, nothing, SurrogateTest(np.nan), 0, case.no_estimate, np.empty(0), none)
    null_curves, null, note = np.empty((0, n_points)), np.empty(0), ""
    if surrogates is not None and np.isfinite(estimate):
        null_curves, null, note = _null(case, surrogates, others, rng)
    test = surrogate_test(estimate, null)
    if not len(null):
        return DyadSynchrony(curve, nothing, nothing, test, 0, note, np.empty(0), np.empty((0, n_points)))
    low, high = _band(null_curves)
    n_draws = surrogates.n if surrogates is not None else 0
    drawn = rng.integers(0, len(null) + 1, n_draws)
    # Among the sample's surrogates one without a statistic stands at the largest that is known of its dyad.
    known = np.isfinite(null)
    largest = np.max(null, where=known, initial=estimate)
    picked = np.concatenate([[estimate], np.where(known, null, largest)])[drawn]
    picked_curves = np.concatenate([curve[None], null_curves])[drawn]
    return DyadSynchrony(curve, low, high, test, len(null), note, picked, picked_curves)


def _null(
    case: Case, surrogates: Surrogates, others: Sequence[tuple[DyadSeries, Array]], rng: np.random.Generator
) -> tuple[Array, Array, str]:
    """Curves and statistics of the surrogates; NaN for those that have too few joint occasions for one."""
    n_joint = case.pair.n_both
    few = f"{n_joint} joint occasions, below {FEWEST_JOINT}" if n_joint < FEWEST_JOINT else ""
    if case.untested or few:
        return np.empty((0, 0)), np.empty(0), f"{case.untested or few}: described, not tested"
    if case.nulls is not None:
        curves, null = case.nulls(surrogates.n, rng)
        return curves, null, ""
    nulls: NullSeries = draw_nulls(case.pair, case.series, surrogates, rng, others=others)
    if not len(nulls.series):
        return np.empty((0, 0)), np.empty(0), nulls.note
    curves, null = case.curves(nulls.series)
    n_lost = int((~np.isfinite(null)).sum())
    if n_lost == len(null):
        return np.empty((0, 0)), np.empty(0), "no surrogate has enough joint occasions: described, not tested"
    lost = f"{n_lost} of {len(null)} surrogates have too few joint occasions and count as at least as large"
    curves = np.where(np.isfinite(null)[:, None], curves, np.nan)
    return curves, null, "; ".join(filter(None, [nulls.note, lost if n_lost else ""]))


def surrogate_test(estimate: float, null: Array) -> SurrogateTest:
    """Compare a statistic with the same statistic of surrogates; large values speak for synchrony.

    Parameters
    ----------
    estimate : float
    null : (n,) array
        May be empty: nothing is then known but the estimate. Surrogates without a finite statistic count as at least
        as large; mean and SD are those of the others.

    Returns
    -------
    SurrogateTest

    Examples
    --------
    >>> surrogate_test(2.0, np.array([0.0, 1.0, 2.0])).p_value
    0.5
    """
    if not len(null):
        return SurrogateTest(estimate)
    p_value = float(monte_carlo_p(estimate, null))
    known = null[np.isfinite(null)]
    mean = float(known.mean()) if len(known) else np.nan
    sd = float(known.std(ddof=1)) if len(known) > 1 else np.nan
    return SurrogateTest(estimate, mean, sd, (estimate - mean) / sd if sd > _ROUNDING else np.nan, p_value)


def _band(curves: Array) -> tuple[Array, Array]:
    if np.isfinite(curves).all():
        low, high = np.quantile(curves, _BAND, axis=0)
        return low, high
    some = np.isfinite(curves).any(axis=0)
    band = np.full((2, curves.shape[1]), np.nan)
    band[:, some] = np.nanquantile(curves[:, some], _BAND, axis=0)
    return band[0], band[1]


def pool(answers: Sequence[DyadSynchrony], n_points: int) -> Pooled:
    """Test the mean over dyads.

    Every surrogate of the sample takes one arrangement of each dyad, the observed one as likely as any other, which
    keeps the level exact where a dyad has few.

    Parameters
    ----------
    answers : sequence of DyadSynchrony
    n_points : int

    Returns
    -------
    Pooled
        Without surrogates NaN but for curve and estimate.

    Examples
    --------
    >>> pool([], 1).n_tested
    0
    """
    nothing = np.full(n_points, np.nan)
    tested = [answer for answer in answers if len(answer.picked)]
    described = tested or [answer for answer in answers if np.isfinite(answer.test.estimate)]
    if not described:
        return Pooled(nothing, nothing, nothing, SurrogateTest(np.nan), 0)
    curve = _mean_curve(np.stack([answer.curve for answer in described])[:, None])[0]
    estimate = float(np.mean([answer.test.estimate for answer in described]))
    if not tested:
        return Pooled(curve, nothing, nothing, SurrogateTest(estimate), 0)
    test = surrogate_test(estimate, np.mean([answer.picked for answer in tested], axis=0))
    low, high = _band(_mean_curve(np.stack([answer.picked_curves for answer in tested])))
    return Pooled(curve, low, high, test, len(tested))


def _mean_curve(curves: Array) -> Array:
    """Mean over the first axis of what is there."""
    seen = np.isfinite(curves)
    total = np.where(seen, curves, 0.0).sum(axis=0)
    return np.asarray(total / np.where(seen.any(axis=0), seen.sum(axis=0), np.nan))


def columns(case: Case, answer: DyadSynchrony) -> dict[str, Any]:
    """The columns every synchrony result has for a dyad.

    Parameters
    ----------
    case : Case
    answer : DyadSynchrony

    Returns
    -------
    dict

    Examples
    --------
    >>> callable(columns)
    True
    """
    x, y = case.pair.names
    return {
        "term": f"synchrony of dyad {case.pair.dyad}",
        "dyad": case.pair.dyad,
        "x": x,
        "y": y,
        "estimate": answer.test.estimate,
        "surrogate_mean": answer.test.mean,
        "surrogate_sd": answer.test.sd,
        "z": answer.test.z,
        "p_value": answer.test.p_value,
        "n_surrogates": answer.n_nulls,
        "n_obs": case.pair.n_both,
        "note": answer.note,
    }


def with_note(cells: dict[str, Any], more: str) -> dict[str, Any]:
    """Add to the note of a row.

    Examples
    --------
    >>> with_note({"note": "few"}, "cut")["note"]
    'few; cut'
    """
    return cells | {"note": "; ".join(filter(None, [cells["note"], more]))}
