"""From a panel to pairs of series: the two members of each dyad on one grid of scheduled occasions.

Every function of this room starts here, so that who comes first, what a lag is, and that no lag reaches over a night
are decided in one place.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.errors import DataError

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel


__all__ = ["Pair", "complete_lags", "lagged", "pairs_of", "runs"]

# Above this many scheduled occasions per occasion in use the clock forms no schedule worth completing.
_SPARSE = 8


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The series of one dyad.

    Attributes
    ----------
    dyad : hashable
        Label of the panel; ``code`` is its place there.
    roles, persons : (2,) tuples
        Of the first and the second member; None where unknown. Roles that tell the two apart come in panel order,
        otherwise the persons do.
    values : (T, 2) array, or (T, 2, n_variables)
        On the scheduled occasions from the dyad's first to its last row; NaN where not observed. The last axis is
        there if several variables were asked for.
    day : (T,) int array
        Two occasions may be lagged only where it is equal. All 0 where the study has no days or one occasion a day.
    beep : (T,) int array
        Scheduled steps: within equal ``day`` a difference of k is a lag of k.
    step : (T,) float array
        Strictly increasing clock in steps, nights as long as the panel says; ``night_known`` is False where it does
        not, and the clock then leaps by a million.
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

    @property
    def names(self) -> tuple[Hashable, Hashable]:
        """What the two are called in tables: their roles where these differ, else their persons."""
        first, second = self.roles
        return self.persons if first == second or first is None or second is None else self.roles

    @property
    def n_both(self) -> int:
        """Occasions at which both members have every variable."""
        return int(_whole(self).sum())


def pairs_of(panel: DyadPanel, variables: str | Sequence[str]) -> list[Pair]:
    """Arrange every dyad of a panel, in the panel's order.

    Parameters
    ----------
    panel : DyadPanel
    variables : str or sequence of str
        One name gives values of shape (T, 2), a sequence (T, 2, n_variables).

    Returns
    -------
    list of Pair
        One per dyad; a member who never appears has only missing values.

    Raises
    ------
    DataError
        A column does not exist or holds text.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=2, n_occasions=5, actor=0.3, partner=0.2, seed=1).panel
    >>> first = pairs_of(panel, "y")[0]
    >>> first.values.shape, first.beep.tolist()
    ((5, 2), [0, 1, 2, 3, 4])
    """
    if not isinstance(variables, (str, list, tuple)) or not variables:
        raise DataError(f"{variables!r} is no name of a column: give one name, as text.")
    names = [variables] if isinstance(variables, str) else list(variables)
    columns = [panel.values(name) for name in names]
    index = panel.index
    grid = _Grid.of(panel)
    order = index.order
    starts = np.searchsorted(index.dyad[order], np.arange(index.n_dyads + 1))
    found = []
    for code, dyad in enumerate(index.dyad_labels):
        rows = order[starts[code] : starts[code + 1]]
        place = grid.span(index.occasion[rows])
        cells = [index.find(np.full(len(place), code), np.full(len(place), m), grid.occasion[place]) for m in (0, 1)]
        at = np.stack(cells, axis=1)
        values = np.stack([np.where(at >= 0, column[at], np.nan) for column in columns], axis=2)
        roles, persons = _members(panel, rows)
        found.append(
            Pair(
                dyad=dyad,
                code=code,
                roles=roles,
                persons=persons,
                values=values[:, :, 0] if isinstance(variables, str) else values,
                day=grid.day[place],
                beep=grid.beep[place],
                step=grid.step[place],
                night_known=grid.night_known,
            )
        )
    return found


def lagged(pair: Pair, steps: int = 1) -> tuple[Ints, Ints]:
    """Places of scheduled occasions ``steps`` apart on the same day.

    Parameters
    ----------
    pair : Pair
    steps : int, default 1
        At least 1.

    Returns
    -------
    earlier, later : int arrays of equal length
        Places in ``pair.values``; nothing is said about missing values.

    Examples
    --------
    >>> import reldyn as rd
    >>> pair = pairs_of(rd.load_sample(), "longing")[0]
    >>> earlier, later = lagged(pair)
    >>> bool((pair.day[earlier] == pair.day[later]).all()), bool((pair.beep[later] - pair.beep[earlier] == 1).all())
    (True, True)
    """
    # Days and beeps in one number, far enough apart that no lag within reach leads into another day.
    width = int(pair.beep.max(initial=0)) + steps + 1
    key: Ints = pair.day * width + pair.beep
    place = np.searchsorted(key, key + steps)
    inside = place < len(key)
    hit = np.zeros(len(key), dtype=bool)
    hit[inside] = key[place[inside]] == key[inside] + steps
    return np.flatnonzero(hit), place[hit]


def complete_lags(pair: Pair, steps: int = 1) -> tuple[Ints, Ints]:
    """As `lagged`, kept where both members have every variable at both occasions.

    Parameters
    ----------
    pair : Pair
    steps : int, default 1

    Returns
    -------
    earlier, later : int arrays of equal length

    Examples
    --------
    >>> import reldyn as rd
    >>> pair = pairs_of(rd.load_sample(), "longing")[0]
    >>> earlier, later = complete_lags(pair)
    >>> bool(np.isfinite(pair.values[later]).all()), len(earlier) <= len(lagged(pair)[0])
    (True, True)
    """
    earlier, later = lagged(pair, steps)
    whole = _whole(pair)
    kept = whole[earlier] & whole[later]
    return earlier[kept], later[kept]


def runs(pair: Pair, *, observed: bool = True) -> list[slice]:
    """Stretches of consecutive scheduled occasions, none of which reaches over a night.

    Parameters
    ----------
    pair : Pair
    observed : bool, default True
        Break a stretch where a value is missing, too.

    Returns
    -------
    list of slice
        Into ``pair.values``, in order of time.

    Examples
    --------
    >>> import reldyn as rd
    >>> pair = pairs_of(rd.load_sample(), "longing")[0]
    >>> all(len(set(pair.day[part].tolist())) == 1 for part in runs(pair))
    True
    """
    if not len(pair.day):
        return []
    joined: Flags = (np.diff(pair.day) == 0) & (np.diff(pair.beep) == 1)
    usable = _whole(pair) if observed else np.ones(len(pair.day), dtype=bool)
    if observed:
        joined = joined & usable[1:] & usable[:-1]
    edges = np.concatenate([[0], np.flatnonzero(~joined) + 1, [len(pair.day)]])
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges) if usable[a]]


def _whole(pair: Pair) -> Flags:
    """(T,) whether both members have every variable."""
    return np.asarray(np.isfinite(pair.values).reshape(len(pair.values), -1).all(axis=1))


@dataclasses.dataclass(frozen=True, slots=True)
class _Grid:
    """Every scheduled occasion of the study, ascending."""

    occasion: Ints
    day: Ints
    beep: Ints
    step: Array
    night_known: bool
    complete: bool

    @classmethod
    def of(cls, panel: DyadPanel) -> _Grid:
        index = panel.index
        used, complete = _scheduled(np.unique(index.occasion), index.n_beeps, on_grid=index.on_grid)
        day, beep = used // index.n_beeps, used % index.n_beeps
        if len(np.unique(day)) == len(day):
            # One occasion a day: the night is the step.
            day, beep = np.zeros_like(day), day if index.n_days > 1 else beep
            return cls(used, day, beep, beep.astype(float), True, complete)
        step, known = _steps(panel, day, beep)
        return cls(used, day, beep, step, known, complete)

    def span(self, own: Ints) -> Ints:
        """Places from the first to the last of a dyad's occasions."""
        place = np.flatnonzero((self.occasion >= own.min()) & (self.occasion <= own.max()))
        # Times without a common grid are those of others, too: only the dyad's own are its occasions.
        return place if self.complete else place[np.isin(self.occasion[place], own)]


def _scheduled(seen: Ints, n_beeps: int, *, on_grid: bool) -> tuple[Ints, bool]:
    """Occasions in use and the holes between them; False where the clock forms no such schedule."""
    if not on_grid:
        return seen, False
    day, beep = seen // n_beeps, seen % n_beeps
    days = np.unique(day)
    first = np.array([beep[day == one].min() for one in days])
    last = np.array([beep[day == one].max() for one in days])
    if len(days) > 1 and np.all(first[1:] > last[:-1]):
        parts = [one * n_beeps + np.arange(a, b + 1) for one, a, b in zip(days, first, last, strict=True)]
        full = np.concatenate(parts)
    else:
        every = np.arange(days[0], days[-1] + 1)
        full = (every[:, None] * n_beeps + np.arange(first.min(), last.max() + 1)).ravel()
    return (full, True) if len(full) <= _SPARSE * len(seen) else (seen, False)


def _steps(panel: DyadPanel, day: Ints, beep: Ints) -> tuple[Array, bool]:
    """The clock, and whether the panel knows how long a night is."""
    from reldyn.panel._index import NEW_START

    index = panel.index
    # The panel's step is linear in day and beep, so one row of a later day tells the length of a day.
    later = np.flatnonzero(index.day > 0)
    per_day = (index.step[later[0]] - index.beep[later[0]]) // index.day[later[0]] if len(later) else 0
    step = (day * per_day + beep).astype(float)
    return step - step.min(), bool(per_day < NEW_START)


def _members(panel: DyadPanel, rows: Ints) -> tuple[tuple[Hashable, Hashable], tuple[Hashable, Hashable]]:
    """Roles and persons of both members; with two roles in the panel the absent one must be the other."""
    index = panel.index
    roles: list[Hashable] = [None, None]
    persons: list[Hashable] = [None, None]
    for member in (0, 1):
        own = rows[index.member[rows] == member]
        if len(own):
            role = int(index.role[own[0]])
            roles[member] = index.roles[role] if role >= 0 else None
            persons[member] = index.person_labels[index.person[own[0]]]
    if len(index.roles) == 2 and persons.count(None) == 1:
        absent = persons.index(None)
        roles[absent] = next((role for role in index.roles if role != roles[1 - absent]), None)
    return (roles[0], roles[1]), (persons[0], persons[1])
