"""The record of what an analysis estimates: number, standard error, test and interval, many at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from reldyn._types import Array
from reldyn.errors import DesignError

__all__ = ["Estimate"]

NUMBERS = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high", "between_sd", "n")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Estimates of k quantities, each with its own test and interval.

    Attributes
    ----------
    estimate, std_error : (k,) arrays
    statistic : (k,) array
        Estimate over standard error; NaN where the standard error is 0 or missing.
    df : (k,) array
        Degrees of freedom of t; infinite for z.
    p_value : (k,) array
        Two-sided.
    conf_low, conf_high : (k,) arrays
        Limits of the interval.
    between_sd : (k,) array
        Standard deviation of the true values between units (dyads); NaN where the estimate is no mean over units.
    n : (k,) array
        Independent units behind each; NaN where that is not known.
    note : tuple of str
        What a reader has to know of each, k in number; empty where there is nothing.
    """

    estimate: Array
    std_error: Array
    statistic: Array
    df: Array
    p_value: Array
    conf_low: Array
    conf_high: Array
    between_sd: Array
    n: Array
    note: tuple[str, ...]

    @classmethod
    def from_std_error(
        cls,
        estimate: ArrayLike,
        std_error: ArrayLike,
        df: ArrayLike = np.inf,
        *,
        level: float = 0.95,
        between_sd: ArrayLike = np.nan,
        n: ArrayLike = np.nan,
        note: str | Sequence[str] = "",
    ) -> Estimate:
        """Test estimates against zero and give their intervals, by t or z.

        Parameters
        ----------
        estimate : (k,) array_like or float
            NaN where there is none.
        std_error : (k,) array_like or float
            Where it is 0 or missing there is no test and no interval: an interval without width would claim to be
            certain.
        df : (k,) array_like or float, default inf
            Degrees of freedom of t. Infinite: the normal distribution.
        level : float, default 0.95
            Coverage of the interval; the convention of the field.
        between_sd, n : (k,) array_like or float, default NaN
            Passed on.
        note : str or sequence of str, default ""
            One for all, or one for each.

        Returns
        -------
        Estimate

        Raises
        ------
        DesignError
            ``level`` is not between 0 and 1.

        Examples
        --------
        >>> found = Estimate.from_std_error([2.0, 0.0], [1.0, 0.0])
        >>> found.p_value.round(4).tolist(), found.conf_high.round(2).tolist()
        ([0.0455, nan], [3.96, nan])
        """
        from scipy.stats import t as student

        if not 0 < level < 1:
            raise DesignError(f"level={level!r}: the coverage of an interval lies between 0 and 1, as 0.95 does.")
        value = np.atleast_1d(np.asarray(estimate, dtype=float))
        error, freedom, spread, count = (
            np.broadcast_to(np.asarray(part, dtype=float), value.shape).copy()
            for part in (std_error, df, between_sd, n)
        )
        usable = np.isfinite(value) & np.isfinite(error) & (error > 0) & (freedom > 0)
        statistic = np.divide(value, error, out=np.full(value.shape, np.nan), where=usable)
        half = np.where(usable, student.ppf(0.5 + 0.5 * level, freedom) * error, np.nan)
        p_value = np.asarray(2 * student.sf(np.abs(statistic), freedom), dtype=float)
        notes = (note,) * len(value) if isinstance(note, str) else tuple(note)
        return cls(value, error, statistic, freedom, p_value, value - half, value + half, spread, count, notes)

    def __len__(self) -> int:
        """Give the number of quantities."""
        return len(self.estimate)

    def columns(self) -> dict[str, Any]:
        """Give all numbers and the note as columns of a table, of k rows.

        Returns
        -------
        dict of str to (k,) array, and the notes as a list

        Examples
        --------
        >>> list(Estimate.from_std_error([1.0], [0.5]).columns())[:3]
        ['estimate', 'std_error', 'statistic']
        """
        return {name: getattr(self, name) for name in NUMBERS} | {"note": list(self.note)}

    def row(self, index: int = 0) -> dict[str, Any]:
        """Give one quantity as plain numbers.

        Parameters
        ----------
        index : int, default 0
            The only one, where there is one.

        Returns
        -------
        dict of str to float, and the note

        Examples
        --------
        >>> Estimate.from_std_error([1.0], [0.5]).row()["statistic"]
        2.0
        """
        return {name: float(getattr(self, name)[index]) for name in NUMBERS} | {"note": self.note[index]}

    def transformed(self, function: Callable[[Array], Array]) -> Estimate:
        """Take estimate and limits to another scale by an increasing function, as ``numpy.tanh`` after Fisher's z.

        Parameters
        ----------
        function : callable
            Of arrays, increasing.

        Returns
        -------
        Estimate
            The test stays that of the scale of estimation; standard error and ``between_sd`` are NaN, since they
            belong to that scale.

        Examples
        --------
        >>> found = Estimate.from_std_error([0.0], [0.1]).transformed(np.exp)
        >>> found.estimate.tolist(), found.p_value.tolist()
        ([1.0], [1.0])
        """
        nothing = np.full(len(self), np.nan)
        return dataclasses.replace(
            self,
            estimate=np.asarray(function(self.estimate)),
            conf_low=np.asarray(function(self.conf_low)),
            conf_high=np.asarray(function(self.conf_high)),
            std_error=nothing,
            between_sd=nothing.copy(),
        )
