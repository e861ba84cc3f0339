"""The series of one dyad and of one person: views of the batch of all series."""

from __future__ import annotations

import itertools
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from reldyn._types import Array, Flags, Ints

__all__ = ["DyadSeries", "PersonSeries"]


@dataclass(frozen=True, slots=True, eq=False)
class DyadSeries:
    """The series of one dyad.

    Attributes
    ----------
    dyad : hashable
        Label of the panel.
    code : int
        Its position among the dyads of the panel.
    roles, persons : (2,) tuples
        Of the first and the second member; None where unknown. Roles that differ come in panel order, otherwise the
        persons do.
    values : (T, 2) array, or (T, 2, n_variables)
        On the scheduled occasions from the dyad's first to its last row; NaN where not observed. Rows outside the
        schedule (`Clock.scheduled`) are left out. The last axis is
        there if several variables were asked for.
    day : (T,) int array
        Two occasions may be lagged only where it is equal. All 0 where the study has no days or one occasion a day.
    beep : (T,) int array
        Scheduled steps: within equal ``day`` a difference of k is a lag of k.
    step : (T,) float array
        Strictly increasing position in a serial process, nights as long as the clock of the panel counts them.
    night_known : bool
        False where every serial process restarts in the morning; ``step`` then leaps by a million.
    weekend : (T,) bool array or None
        Saturdays and Sundays; all False where the panel has no calendar.
    """

    dyad: Hashable
    code: int
    roles: tuple[Hashable, Hashable]
    persons: tuple[Hashable, Hashable]
    values: Array
    day: Ints
    beep: Ints
    step: Array
    night_known: bool
    weekend: Flags | None = None

    @property
    def names(self) -> tuple[Hashable, Hashable]:
        """Labels of the two in tables: their roles where these differ, else their persons."""
        first, second = self.roles
        return self.persons if first == second or first is None or second is None else self.roles

    @property
    def complete(self) -> Flags:
        """(T,) whether both members have every variable."""
        return np.asarray(np.isfinite(self.values).reshape(len(self.values), -1).all(axis=1))

    @property
    def n_both(self) -> int:
        """Occasions at which both members have every variable."""
        return int(self.complete.sum())

    def lagged(self, steps: int = 1) -> tuple[Ints, Ints]:
        """Places of scheduled occasions ``steps`` apart on the same day.

        Parameters
        ----------
        steps : int, default 1
            At least 1.

        Returns
        -------
        earlier, later : int arrays of equal length
            Places in ``values``; nothing is said about missing values.

        Examples
        --------
        >>> import reldyn as rd
        >>> series = rd.load_sample().series("longing")[0]
        >>> earlier, later = series.lagged()
        >>> bool((series.day[earlier] == series.day[later]).all())
        True
        >>> bool((series.beep[later] - series.beep[earlier] == 1).all())
        True
        """
        # Days and beeps in one number, far enough apart that no lag leads into another day.
        width = int(self.beep.max(initial=0)) + steps + 1
        key: Ints = self.day * width + self.beep
        place = np.searchsorted(key, key + steps)
        inside = place < len(key)
        hit = np.zeros(len(key), dtype=bool)
        hit[inside] = key[place[inside]] == key[inside] + steps
        return np.flatnonzero(hit), place[hit]

    def complete_lags(self, steps: int = 1) -> tuple[Ints, Ints]:
        """As `lagged`, where both members have every variable at both occasions.

        Parameters
        ----------
        steps : int, default 1

        Returns
        -------
        earlier, later : int arrays of equal length

        Examples
        --------
        >>> import reldyn as rd
        >>> series = rd.load_sample().series("longing")[0]
        >>> earlier, later = series.complete_lags()
        >>> bool(np.isfinite(series.values[later]).all()), len(earlier) <= len(series.lagged()[0])
        (True, True)
        """
        earlier, later = self.lagged(steps)
        complete = self.complete
        keep = complete[earlier] & complete[later]
        return earlier[keep], later[keep]

    def runs(self, *, observed: bool = True) -> list[slice]:
        """Stretches of consecutive scheduled occasions, none of which leads over a night.

        Parameters
        ----------
        observed : bool, default True
            Break a stretch where a value is missing, too.

        Returns
        -------
        list of slice
            Into ``values``, in order of time.

        Examples
        --------
        >>> import reldyn as rd
        >>> series = rd.load_sample().series("longing")[0]
        >>> all(len(set(series.day[part].tolist())) == 1 for part in series.runs())
        True
        """
        if not len(self.day):
            return []
        joined: Flags = (np.diff(self.day) == 0) & (np.diff(self.beep) == 1)
        usable = self.complete if observed else np.ones(len(self.day), dtype=bool)
        if observed:
            joined = joined & usable[1:] & usable[:-1]
        edges = np.concatenate([[0], np.flatnonzero(~joined) + 1, [len(self.day)]])
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges) if usable[a]]


@dataclass(frozen=True, eq=False)
class PersonSeries:
    """The series of one person: the occasions at which the panel has a row of them, in order of time.

    Attributes
    ----------
    dyad, person : hashable
        Labels of the panel.
    role : hashable
        Empty where no role is known.
    code, member : int
        Position of the dyad among the dyads of the panel, and of the person within it.
    row : (n,) int array
        Rows of the panel.
    step : (n,) int array
        Position in a serial process, nights as long as the clock of the panel counts them.
    time : (n,) array
        `Clock.time`: days, or occasions where no day is named.
    values : (n,) array, or (n, n_variables)
        NaN where not observed.
    """

    dyad: Hashable
    person: Hashable
    role: Hashable
    code: int
    member: int
    row: Ints
    step: Ints
    time: Array
    values: Array

    @property
    def identity(self) -> dict[str, Any]:
        """The cells of a table that say whose series it is."""
        return {"dyad": self.dyad, "person": self.person, "role": self.role}

    @property
    def observed(self) -> Flags:
        """(n,) whether every variable has a value."""
        return np.asarray(np.isfinite(self.values).reshape(len(self.values), -1).all(axis=1))

    def take(self, at: Ints) -> Self:
        """Keep the occasions at some positions."""
        kept = {name: getattr(self, name)[at] for name in ("row", "step", "time", "values")}
        return replace(self, **kept)
