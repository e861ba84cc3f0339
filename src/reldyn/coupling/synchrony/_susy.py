"""Surrogate synchrony of segments: cross-correlations of segments that belong together against those that do not.

After Tschacher and Haken (2019) and the R package SUSY, with a z against surrogates beside the effect size of the
package, whose unit is the spread of one averaged curve over lags.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Column, Ints
from reldyn.coupling.synchrony._cross_correlation import why_not
from reldyn.coupling.synchrony._lag_products import fisher, lag_correlations, perfect, standardised
from reldyn.coupling.synchrony._surrogates import Surrogates
from reldyn.coupling.synchrony._synchrony import Case, answer_all, columns, pool, with_note
from reldyn.coupling.synchrony._synchrony_result import SynchronyResult, assemble
from reldyn.errors import DesignError, check_count
from reldyn.panel import DyadSeries, analysis
from reldyn.results import InState

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["SusyResult", "susy"]

# Two segments have two orders: no test, but still a description.
_FEWEST_SEGMENTS = 2


class SusyResult(SynchronyResult):
    """Surrogate synchrony by dyad and lag. Lag k is cor(x[t + k], y[t]): a peak at k < 0 says that x moved first.

    Attributes
    ----------
    lags : (n_lags,) int array
    real, pseudo, real_signed, pseudo_signed : (n_dyads, n_lags) arrays
        Mean Fisher z over segments that belong together, and over all pairings of segments that do not: absolute,
        and with their sign.
    """

    figure: ClassVar[str | None] = "susy"
    lags = InState[Ints]()
    real = InState[Array]()
    pseudo = InState[Array]()
    real_signed = InState[Array]()
    pseudo_signed = InState[Array]()

    def profile(self) -> pd.DataFrame:
        """One row per dyad and lag k, cor(x[t + k], y[t]).

        Returns
        -------
        pandas.DataFrame
            ``dyad``, ``x``, ``y``, ``lag``, ``real``, ``pseudo`` (mean absolute Fisher z), ``real_signed``,
            ``pseudo_signed``.
        """
        n_lags = len(self.lags)
        who = self.dyads[["dyad", "x", "y"]].loc[np.repeat(np.arange(len(self.dyads)), n_lags)].reset_index(drop=True)
        return who.assign(
            lag=np.tile(self.lags, len(self.dyads)),
            real=self.real.ravel(),
            pseudo=self.pseudo.ravel(),
            real_signed=self.real_signed.ravel(),
            pseudo_signed=self.pseudo_signed.ravel(),
        )


@analysis
def susy(
    panel: DyadPanel,
    variable: Column,
    *,
    segment: int,
    max_lag: int,
    n_surrogates: int = 999,
    seed: Any = None,
    n_jobs: int = 1,
) -> SusyResult:
    """Compare the synchrony of segments recorded together with that of segments that were not.

    Both series are cut into segments; within each the cross-correlations up to ``max_lag`` become Fisher z, whose
    absolute values are averaged. Pseudo-synchrony is the same for every segment of x with every other segment of y.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
    segment : int
        Occasions of a segment; segments do not overlap and, where days have several prompts, lie within a day. What
        is left at the end is not used.
    max_lag : int
        Below ``segment``. Lag k is cor(x[t + k], y[t]): at negative lags x is earlier.
    n_surrogates : int, default 999
        Orders in which the segments of y are dealt to those of x, for ``z`` and ``p_value``.
    seed : int, SeedSequence, Generator or None
    n_jobs : int, default 1

    Returns
    -------
    SusyResult
        `tidy`: per dyad

        - ``estimate``: mean absolute Fisher z of real segments; ``pseudo`` that of all pseudo-pairings;
          ``signed``, ``pseudo_signed``: the same without taking absolute values.
        - ``es_over_lags``, ``es_over_lags_signed``: the effect size of the package, (real - pseudo) / SD, whose SD is
          that of the averaged pseudo curve **over lags**. It tells how far real lies above pseudo in units of how
          bumpy the pseudo curve is. It is no z: what it would be by chance depends on segments and lags.
        - ``z``, ``p_value``: against whole surrogates, in each of which all segments of y are dealt anew; ``z`` is
          (estimate - ``surrogate_mean``) / ``surrogate_sd``.
        - ``n_segments``, ``n_used``: cut, and of those the ones in which both members vary.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        A number is not a count, or ``max_lag`` reaches as far as a segment.

    Notes
    -----
    A correlation of 1 or -1 counts with a Fisher z of 10, and ``note`` says how many there are. A segment with missing
    answers has the Pearson correlations of its joint pairs (see `cross_correlation`); at least three are needed.
    A segment in which a member does not vary has no correlation. It is left out of sums and divisors alike; the R
    package leaves it out of the sum but divides by all segments, which pulls real synchrony down. Dealt orders
    include those that leave a segment in place, which keeps the level of the test. Over segments shorter than the slow
    swings of a series real and pseudo-synchrony are large alike: read neither without the other.

    References
    ----------
    Tschacher, W. and Haken, H. (2019). The process of psychotherapy: causation and chance. Springer.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=2, n_occasions=80, actor=0.3, partner=0.4, seed=1).panel
    >>> result = rd.coupling.susy(panel, "y", segment=20, max_lag=3, n_surrogates=99, seed=1)
    >>> result.tidy()[["n_segments", "n_used"]].values.tolist()
    [[4, 4], [4, 4]]
    """
    check_count(segment, "segment", 3)
    check_count(max_lag, "max_lag", 0)
    if max_lag >= segment:
        raise DesignError(
            f"max_lag={max_lag} reaches over a segment of {counted(segment, 'occasion')}: give fewer lags."
        )
    surrogates = Surrogates("segment-shuffle", n=n_surrogates, segment=segment)
    dealt = [_deal(pair, segment, max_lag) for pair in panel.series(variable)]
    n_lags = 2 * max_lag + 1
    answers, known = answer_all([one.case for one in dealt], surrogates, n_points=n_lags, seed=seed, n_jobs=n_jobs)
    rows = [
        with_note(columns(one.case, answer), one.edge) | _effects(one)
        for one, answer in zip(dealt, answers, strict=True)
    ]
    cases = [one.case for one in dealt]
    dyads, sample, warnings = assemble(rows, cases, answers, pool(answers, n_lags), surrogates)
    return SusyResult.of(
        variable=variable,
        statistic=f"the mean absolute Fisher z of segments of {segment} within {max_lag} lags",
        dyads=dyads,
        sample=sample,
        surrogates=surrogates,
        seed=known,
        step_name=panel.clock.step_name,
        notes=warnings,
        lags=np.arange(-max_lag, max_lag + 1),
        real=np.stack([_mean(np.abs(one.real)) for one in dealt]),
        pseudo=np.stack([_mean(np.abs(one.pseudo)) for one in dealt]),
        real_signed=np.stack([_mean(one.real) for one in dealt]),
        pseudo_signed=np.stack([_mean(one.pseudo) for one in dealt]),
    )


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Dealt:
    """Fisher z of segments: ``real`` (n_used, n_lags) of those that belong together, ``pseudo`` of all the others.

    ``edge`` says how many of the real ones stand for a correlation of 1 or -1.
    """

    case: Case
    n_segments: int
    real: Array
    pseudo: Array
    edge: str = ""


def _deal(pair: DyadSeries, segment: int, max_lag: int) -> _Dealt:
    parts = [
        slice(start, start + segment)
        for run in pair.runs(observed=False)
        for start in range(run.start, run.stop - segment + 1, segment)
    ]
    n_lags = 2 * max_lag + 1
    empty = np.empty((0, n_lags))
    note = why_not(pair.values)
    if not note and not parts:
        note = f"nowhere {counted(segment, 'occasion')} in a row, the length of a segment"
    z = _every_pairing(pair, parts, max_lag) if not note else np.empty((0, 0, n_lags))
    # A segment counts where it has a correlation at some lag with the one that belongs to it.
    used = np.flatnonzero(np.isfinite(z[np.arange(len(z)), np.arange(len(z))]).any(axis=1))
    if not note and not len(used):
        note = "no segment in which both members vary"
    if note:
        return _Dealt(Case(pair, pair.values[:, 1], _unused, note), len(parts), empty, empty)
    z = z[np.ix_(used, used)]
    same = np.eye(len(used), dtype=bool)
    case = Case(pair, pair.values[:, 1], lambda ys: _as_recorded(z, len(ys)), "", lambda n, rng: _orders(z, n, rng))
    real = z[same]
    n = int(perfect(np.tanh(real)).sum())
    edge = f"{n} of {int(np.isfinite(real).sum())} correlations are 1 or -1: their Fisher z is set to 10" if n else ""
    return _Dealt(case, len(parts), real, z[~same], edge)


def _every_pairing(pair: DyadSeries, parts: list[slice], max_lag: int) -> Array:
    """(n, n, n_lags) Fisher z of each segment of x with each of y, mean and SD within the segment."""
    x = standardised(np.stack([pair.values[part, 0] for part in parts]))
    y = standardised(np.stack([pair.values[part, 1] for part in parts]))
    length = x.shape[1]
    at = np.arange(length)[:, None] + np.arange(-max_lag, max_lag + 1)
    table = np.where((at >= 0) & (at < length), at, -1)
    return np.stack([fisher(lag_correlations(one, y, table)[0]) for one in x])


def _unused(ys: Array) -> tuple[Array, Array]:
    return np.full((len(ys), 1), np.nan), np.full(len(ys), np.nan)


def _as_recorded(z: Array, n: int) -> tuple[Array, Array]:
    curve = _mean(np.abs(z[np.arange(len(z)), np.arange(len(z))]))
    return np.tile(curve, (n, 1)), np.full(n, _center(curve))


def _orders(z: Array, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Curves and means with the segments of y dealt anew."""
    if len(z) < _FEWEST_SEGMENTS:
        return np.empty((0, z.shape[2])), np.empty(0)
    orders = np.argsort(rng.random((n, len(z))), axis=1)
    strength = np.abs(z)
    seen = np.isfinite(strength)
    total, count = np.zeros((n, z.shape[2])), np.zeros((n, z.shape[2]))
    for row in range(len(z)):
        total += np.where(seen, strength, 0.0)[row, orders[:, row]]
        count += seen[row, orders[:, row]]
    curves = total / np.where(count > 0, count, np.nan)
    return curves, np.array([_center(curve) for curve in curves])


def _mean(z: Array) -> Array:
    """(n_lags,) mean over what is there; NaN where nothing is."""
    seen = np.isfinite(z)
    return np.asarray(np.where(seen, z, 0.0).sum(axis=0) / np.where(seen.any(axis=0), seen.sum(axis=0), np.nan))


def _effects(one: _Dealt) -> dict[str, Any]:
    cells: dict[str, Any] = {"n_segments": one.n_segments, "n_used": len(one.real)}
    for name, real, pseudo in (
        ("", np.abs(one.real), np.abs(one.pseudo)),
        ("_signed", one.real, one.pseudo),
    ):
        curve, null = _mean(real), _mean(pseudo)
        ours, theirs = _center(curve), _center(null)
        known = null[np.isfinite(null)]
        spread = float(known.std(ddof=1)) if len(known) > 1 else np.nan
        if name:
            cells["signed"] = ours
        cells[f"pseudo{name}"] = theirs
        cells[f"es_over_lags{name}"] = (ours - theirs) / spread if spread > 0 else np.nan
    return cells


def _center(curve: Array) -> float:
    seen = curve[np.isfinite(curve)]
    return float(seen.mean()) if len(seen) else np.nan
