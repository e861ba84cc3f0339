"""One direction of a dyad as arrays: what the claim tests read."""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.errors import DataError


@dataclasses.dataclass(frozen=True, slots=True)
class DirectionSeries:
    """Warmth received and the receiver's response on the grid of scheduled beeps.

    Attributes
    ----------
    y : (n_occasions, n_channels) array
        Warmth received first, then the response where there is one; NaN where nothing was answered.
        An occasion with one channel missing carries no emission, its other answer is not used.
    day : (n_occasions,) int array
        Day of the study, never decreasing.
    beep : (n_occasions,) int array
        Number of the beep within its day; equal numbers share a time of day.
    step : (n_occasions,) float array
        Strictly increasing clock in units of one daytime interval: a night that counts three steps
        adds 3. Only differences matter.
    covariates : (n_occasions, n_covariates) array
        Enter both hypotheses of every claim and the surrogates as they stand; no missing values.
        Zero columns by default.
    triggers : (n_occasions, n_triggers) array
        Occurrences that may act on transitions; zero columns by default.
    weekend : (n_occasions,) bool array
        Whether the occasion lies on a free day; all False where the calendar is unknown.
    categories : tuple of (n,) arrays
        Per channel the answers an item allows, ascending; empty tuple: those observed.

    Raises
    ------
    DataError
        Lengths differ, a clock runs backwards, or a covariate is missing.

    Examples
    --------
    >>> import numpy as np
    >>> series = DirectionSeries.from_arrays(np.arange(8.0).reshape(4, 2), day=[1, 1, 2, 2], beep=[1, 2, 1, 2])
    >>> series.elapsed.tolist()
    [1.0, 1.0, 3.0, 1.0]
    >>> series.n_observed
    4
    """

    y: Array
    day: Ints
    beep: Ints
    step: Array
    covariates: Array
    triggers: Array
    weekend: Flags
    categories: tuple[Array, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.y)
        if self.y.ndim != 2 or n < 2:
            raise DataError("y must be a table of at least two occasions by one or two channels.")
        lengths = {name: len(getattr(self, name)) for name in ("day", "beep", "step", "covariates", "triggers")}
        wrong = [name for name, length in lengths.items() if length != n]
        if wrong or len(self.weekend) != n:
            raise DataError(f"{', '.join(wrong) or 'weekend'} must have one row per occasion of y ({n}).")
        if np.any(np.diff(self.step) <= 0):
            raise DataError("step must increase from occasion to occasion: sort the occasions by time.")
        if not np.all(np.isfinite(self.covariates)) or not np.all(np.isfinite(self.triggers)):
            raise DataError("covariates and triggers must have a value at every occasion: fill or leave them out.")

    @classmethod
    def from_arrays(
        cls,
        y: object,
        *,
        day: object,
        beep: object,
        step: object | None = None,
        covariates: object | None = None,
        triggers: object | None = None,
        weekend: object | None = None,
        night_steps: float = 3.0,
        categories: tuple[Array, ...] = (),
    ) -> DirectionSeries:
        """Complete a series from what is at hand.

        Parameters
        ----------
        y, day, beep, covariates, triggers, weekend, categories : array_like
            As the attributes; a one-dimensional ``y`` is a single channel.
        step : array_like, optional
            Default: one step within a day, ``night_steps`` from a day to the next.
        night_steps : float, default 3.0
            A waking day of four beeps four hours apart leaves a night of twelve hours.

        Returns
        -------
        DirectionSeries
        """
        values = np.array(y, dtype=float)
        values = values[:, None] if values.ndim == 1 else values
        days, beeps = np.array(day, dtype=np.int64), np.array(beep, dtype=np.int64)
        n = len(values)
        if step is None:
            gaps = np.where(np.diff(days) != 0, night_steps, 1.0)
            step = np.concatenate([[0.0], np.cumsum(gaps)])
        return cls(
            y=values,
            day=days,
            beep=beeps,
            step=np.array(step, dtype=float),
            covariates=_columns(covariates, n),
            triggers=_columns(triggers, n),
            weekend=np.zeros(n, dtype=bool) if weekend is None else np.array(weekend, dtype=bool),
            categories=categories,
        )

    @property
    def observed(self) -> Flags:
        """(n_occasions,) True where every channel was answered."""
        return np.asarray(np.isfinite(self.y).all(axis=1))

    @property
    def n_observed(self) -> int:
        """Occasions with every channel answered."""
        return int(self.observed.sum())

    @property
    def night(self) -> Flags:
        """(n_occasions,) True at the first occasion of each day but the first."""
        return np.concatenate([[False], np.diff(self.day) != 0])

    @property
    def elapsed(self) -> Array:
        """(n_occasions,) steps since the occasion before; 1 for the first."""
        return np.concatenate([[1.0], np.diff(self.step)])


def _columns(values: object | None, n: int) -> Array:
    if values is None:
        return np.zeros((n, 0))
    table = np.array(values, dtype=float)
    return table[:, None] if table.ndim == 1 else table
