"""Synchrony that comes and goes: cross-correlation in moving windows, its peaks, and a test against surrogates."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn._types import Array, Column, Ints
from reldyn.coupling.synchrony._cross_correlation import why_not
from reldyn.coupling.synchrony._lag_products import fisher, perfect, standardised
from reldyn.coupling.synchrony._surrogates import Surrogates, as_surrogates
from reldyn.coupling.synchrony._synchrony import Case, Curves, answer_all, columns, pool, with_note
from reldyn.coupling.synchrony._synchrony_result import SynchronyResult, assemble
from reldyn.coupling.synchrony._windows import pick_peaks, window_starts, windowed_correlations
from reldyn.errors import DesignError, check_count, is_number
from reldyn.panel import DyadSeries, analysis, label_codes
from reldyn.results import InState

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["WindowedResult", "windowed_cross_correlation"]

# Values held at a time while surrogates are correlated.
_BATCH = 1_000_000


class WindowedResult(SynchronyResult):
    """Correlations by window and lag. Lag k is cor(x[t + k], y[t]): a peak at k < 0 says that x moved first.

    Attributes
    ----------
    window, increment : int
    lags : (n_lags,) int array
    starts : tuple of int arrays
        Per dyad the place of each window on its scheduled occasions.
    days, beeps : tuple of int arrays
        When the windows begin.
    matrices : tuple of (n_windows, n_lags) arrays
        In the order of ``dyads``.
    curves, low, high : (n_dyads, n_lags) arrays
        Mean absolute Fisher z by lag, and the pointwise 95 % band of the surrogates.
    """

    figure: ClassVar[str | None] = "windowed_cross_correlation"
    window = InState[int]()
    increment = InState[int]()
    lags = InState[Ints]()
    starts = InState[tuple[Ints, ...]]()
    days = InState[tuple[Ints, ...]]()
    beeps = InState[tuple[Ints, ...]]()
    matrices = InState[tuple[Array, ...]]()
    curves = InState[Array]()
    low = InState[Array]()
    high = InState[Array]()

    def matrix(self, dyad: Hashable) -> pd.DataFrame:
        """Correlations of one dyad: a row per window (named by its place), a column per lag.

        Parameters
        ----------
        dyad : label

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        DataError
            There is no such dyad.
        """
        import pandas as pd

        row = label_codes([dyad], self.dyads["dyad"].tolist(), "dyad", "the result")[0]
        index = pd.Index(self.starts[row], name="start")
        return pd.DataFrame(self.matrices[row], index=index, columns=pd.Index(self.lags, name="lag"))

    def peaks(self, *, size: int | None = None, span: float = 0.25) -> pd.DataFrame:
        """One row per window: the peak nearest to lag 0, and who was earlier at it.

        Parameters
        ----------
        size : int, optional
            Lags over which the smoothed correlations must fall on either side. None: an eighth of the lags, at
            least 2; the source leaves it to the researcher.
        span : float, default 0.25
            Share of the lags seen by the local regression that smooths.

        Returns
        -------
        pandas.DataFrame
            ``dyad``, ``start``, ``day``, ``beep``, ``peak`` (the correlation at the peak), ``peak_lag``, ``leads``;
            NaN and an empty name where the window has no peak or a missing correlation.
        """
        import pandas as pd

        steps = _peak_size(self.lags) if size is None else size
        check_count(steps, "size", 1)
        if not 0 < (span if is_number(span) else 0.0) <= 1:
            raise DesignError(f"span={span!r}: give a share of the lags, above 0 and at most 1.")
        parts = []
        for row in range(len(self.dyads)):
            who = self.dyads.iloc[row]
            peak, lag = pick_peaks(self.matrices[row], self.lags, steps, span)
            leads = [who["x"] if k < 0 else who["y"] if k > 0 else "" for k in lag]
            parts.append(
                pd.DataFrame(
                    {
                        "dyad": who["dyad"],
                        "start": self.starts[row],
                        "day": self.days[row],
                        "beep": self.beeps[row],
                        "peak": peak,
                        "peak_lag": lag,
                        "leads": pd.Series(leads, dtype=object),
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)


@analysis
def windowed_cross_correlation(
    panel: DyadPanel,
    variable: Column,
    *,
    window: int,
    increment: int,
    max_lag: int,
    lag_increment: int = 1,
    surrogate: str | Surrogates | None = "circular-shift",
    seed: Any = None,
    n_jobs: int = 1,
) -> WindowedResult:
    """Correlate the two members of each dyad within windows that move along and against each other.

    Both series may change their level and their tie over time; within a window they are taken as stationary. Lag k
    is cor(x[t + k], y[t]), so a peak at a negative lag says that x moved first.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
    window : int
        Occasions per window: long enough for a correlation, short enough for the tie to stay the same.
    increment : int
        Occasions from one window to the next.
    max_lag : int
        Occasions by which the windows are moved against each other, both ways.
    lag_increment : int, default 1
    surrogate : str, Surrogates or None, default "circular-shift"
        The null model of the mean absolute Fisher z, see `Surrogates`. None: describe only.
    seed : int, SeedSequence, Generator or None
    n_jobs : int, default 1

    Returns
    -------
    WindowedResult
        `tidy`: per dyad the mean absolute Fisher z over windows and lags as ``estimate``, ``mean_r``, ``n_windows``,
        ``n_peaks``, ``mean_peak_lag`` and ``x_leads`` (share of the peaks off lag 0 at which the first member was
        earlier). `matrix`, `peaks`: by window.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        A number is not a count, or the surrogate is not known.

    Notes
    -----
    A window and all its moved copies lie within one day: in studies of few occasions a day there is none, and a
    ``note`` says so. Windows with fewer than half of their pairs observed are left out. Correlations in short windows
    of smooth series are large by themselves, so their mean says nothing without the surrogates. A linear trend within
    a window counts as synchrony. A correlation of 1 or -1, as short windows of few categories have, counts with a
    Fisher z of 10, and ``note`` says how many there are.

    References
    ----------
    Boker, S. M., Xu, M., Rotondo, J. L. and King, K. (2002). Windowed cross-correlation and peak picking for the
    analysis of variability in the association between behavioral time series. Psychological Methods, 7, 338-355.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=2, n_occasions=60, actor=0.3, partner=0.4, seed=1).panel
    >>> result = rd.coupling.windowed_cross_correlation(panel, "y", window=20, increment=5, max_lag=4, seed=1)
    >>> result.matrix(1).shape
    (7, 9)
    >>> len(result.peaks())
    14
    """
    for name, value, least in (("window", window, 3), ("increment", increment, 1), ("max_lag", max_lag, 0)):
        check_count(value, name, least)
    check_count(lag_increment, "lag_increment", 1)
    chosen = as_surrogates(surrogate)
    reach = max_lag // lag_increment * lag_increment
    lags = np.arange(-reach, reach + 1, lag_increment)
    pairs = list(panel.series(variable))
    starts = [window_starts(pair.runs(observed=False), window, increment, max_lag) for pair in pairs]
    cases = [_case(pair, places, window, lags) for pair, places in zip(pairs, starts, strict=True)]
    answers, known = answer_all(cases, chosen, n_points=len(lags), seed=seed, n_jobs=n_jobs)
    matrices = tuple(_matrix(case, places, window, lags) for case, places in zip(cases, starts, strict=True))
    rows = [
        with_note(columns(case, answer), _at_the_edge(matrix)) | _described(matrix, lags)
        for case, answer, matrix in zip(cases, answers, matrices, strict=True)
    ]
    dyads, sample, warnings = assemble(rows, cases, answers, pool(answers, len(lags)), chosen)
    return WindowedResult.of(
        variable=variable,
        statistic=f"the mean absolute Fisher z in windows of {window} within {max_lag} lags",
        dyads=dyads,
        sample=sample,
        surrogates=chosen,
        seed=known,
        step_name=panel.clock.step_name,
        notes=warnings,
        window=window,
        increment=increment,
        lags=lags,
        starts=tuple(starts),
        days=tuple(pair.day[places] for pair, places in zip(pairs, starts, strict=True)),
        beeps=tuple(pair.beep[places] for pair, places in zip(pairs, starts, strict=True)),
        matrices=matrices,
        curves=np.stack([answer.curve for answer in answers]),
        low=np.stack([answer.low for answer in answers]),
        high=np.stack([answer.high for answer in answers]),
    )


def _case(pair: DyadSeries, starts: Ints, window: int, lags: Ints) -> Case:
    x, y = standardised(pair.values.T)
    note = why_not(pair.values)
    if not note and not len(starts):
        note = f"nowhere as many occasions in a row as a window of {window} needs with its lags"
    return Case(pair, y, _mean_z(x, starts, window, lags), note)


def _mean_z(x: Array, starts: Ints, window: int, lags: Ints) -> Curves:
    """Mean |z| over windows by lag, and over both."""

    def curves(ys: Array) -> tuple[Array, Array]:
        total, count = np.zeros((len(ys), len(lags))), np.zeros((len(ys), len(lags)))
        size = max(1, _BATCH // ys.shape[1])
        for begin in range(0, len(ys), size):
            part = slice(begin, begin + size)
            for at, found in enumerate(windowed_correlations(x, standardised(ys[part]), starts, window, lags)):
                seen = np.isfinite(found)
                total[part, at] = np.where(seen, np.abs(fisher(found)), 0.0).sum(axis=1)
                count[part, at] = seen.sum(axis=1)
        by_lag = total / np.where(count > 0, count, np.nan)
        return by_lag, total.sum(axis=1) / np.where(count.any(axis=1), count.sum(axis=1), np.nan)

    return curves


def _matrix(case: Case, starts: Ints, window: int, lags: Ints) -> Array:
    if case.note:
        return np.full((len(starts), len(lags)), np.nan)
    x, y = standardised(case.pair.values.T)
    return np.stack([found[0] for found in windowed_correlations(x, y[None], starts, window, lags)], axis=1)


def _at_the_edge(matrix: Array) -> str:
    """How many correlations are 1 or -1: their z is cut, and the mean with it."""
    seen = np.isfinite(matrix)
    n = int(perfect(matrix[seen]).sum())
    return f"{n} of {int(seen.sum())} correlations are 1 or -1: their Fisher z is set to 10" if n else ""


def _peak_size(lags: Ints) -> int:
    return max(2, len(lags) // 8)


def _described(matrix: Array, lags: Ints) -> dict[str, Any]:
    _, lag = pick_peaks(matrix, lags, _peak_size(lags))
    found = lag[np.isfinite(lag)]
    off = found[found != 0]
    seen = matrix[np.isfinite(matrix)]
    return {
        "mean_r": float(seen.mean()) if len(seen) else np.nan,
        "n_windows": len(matrix),
        "n_peaks": len(found),
        "mean_peak_lag": float(found.mean()) if len(found) else np.nan,
        "x_leads": float((off < 0).mean()) if len(off) else np.nan,
    }
