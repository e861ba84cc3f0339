"""Columns of stamps whose form nobody named: the one reading that holds for all of them, or a refusal.

Columns of one export are written by one program, so that a 13th day in any of them settles the order of day and month
in all. Where it stays open, what is usual where the file comes from decides, if that is known, and the caller says so.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn._types import Array, Ints
from reldyn.errors import DataError, describe_rows
from reldyn.panel._identity import spellings
from reldyn.panel._lines import describe_lines
from reldyn.panel.timing._dates import DateOrder, match_dates
from reldyn.panel.timing._times import Times, read_times

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StampColumns", "holds_dates", "holds_hours", "read_hours", "read_stamps", "stamp_moments"]

_OFFSETS_APART = 1.0
_DAY = 86_400.0


@dataclass(frozen=True, eq=False)
class StampColumns:
    """Columns read as moments.

    Attributes
    ----------
    columns : dict of str to pandas.Series
        Datetimes on the clock that was written; with a zone where all stamps have one offset from UTC.
    usual : bool
        Whether the order of day and month is the usual one, because the stamps themselves leave it open.
    several_offsets : tuple of str
        Columns whose stamps have several offsets; they stay on the clock that was written.
    """

    columns: dict[str, pd.Series[Any]]
    usual: bool
    several_offsets: tuple[str, ...]


def holds_dates(column: pd.Series[Any]) -> bool | None:
    """Whether the values of a column are dates, most of them at least; None for a column without values.

    Examples
    --------
    >>> import pandas as pd
    >>> holds_dates(pd.Series(["03.04.2026 9:00", None])), holds_dates(pd.Series(["yes", "no"]))
    (True, False)
    """
    if not column.notna().any():
        return None
    return read_times(column, serials=True).kind == "date"


def holds_hours(column: pd.Series[Any]) -> bool:
    """Whether a column of dates has times of day with them."""
    return bool(column.notna().any()) and read_times(column, "dmy", serials=True).has_hours


def read_stamps(
    frame: pd.DataFrame,
    names: Sequence[str],
    where: str,
    lines: Ints | None,
    fix: str,
    usual: Literal["dmy", "mdy"] | None = None,
    *,
    instants: bool = False,
) -> StampColumns:
    """Read columns of stamps.

    Parameters
    ----------
    frame : pandas.DataFrame
    names : sequence of str
        Its columns of stamps.
    where : str
        The file, for messages.
    lines : (n,) int array, optional
    fix : str
        What to do about a stamp that cannot be read, or has two readings: the end of the message.
    usual : {"dmy", "mdy"}, optional
        The order of day and month where the file comes from.
    instants : bool, default False
        Whether stamps of several offsets become moments in UTC; they stay on the clock that was written otherwise.

    Raises
    ------
    DataError
        A value is no date, or day and month are open.
    """
    order, open_ = _order(frame, names, usual)
    read = {name: _read(frame[name], name, order, (where, fix), lines) for name in names}
    found, several = {}, []
    for name, times in read.items():
        found[name], one_offset = _as_datetimes(times, frame[name], instants=instants)
        if not one_offset:
            several.append(name)
    return StampColumns(found, open_, tuple(several))


def stamp_moments(
    frame: pd.DataFrame, names: Sequence[str], usual: Literal["dmy", "mdy"] | None = None
) -> dict[str, Array]:
    """Numbers that rise with the stamps of each column; NaN where a stamp cannot be read or has two readings.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"sent": ["2026-03-28T20:00+01:00", "2026-03-29T20:00+02:00"]})
    >>> float(np.diff(stamp_moments(frame, ["sent"])["sent"])[0] / 3600)
    23.0
    """
    order, _ = _order(frame, names, usual)
    return {name: read_times(frame[name], order, serials=True).values for name in names}


def read_hours(column: pd.Series[Any], where: str, lines: Ints | None) -> pd.Series[Any]:
    """Times of day as durations since midnight.

    Raises
    ------
    DataError
        A value is no time of day.
    """
    import pandas as pd

    times = read_times(column)
    wrong = times.unreadable | (np.isfinite(times.values) & ~((times.values >= 0) & (times.values < _DAY)))
    if times.kind != "duration":
        wrong = np.asarray(column.notna())
    if wrong.any():
        rows = np.flatnonzero(wrong)
        place = _place(rows, lines)
        raise DataError(f"{where}: column {column.name!r} holds no time of day ({column.iloc[rows[0]]!r}), {place}.")
    return pd.Series(pd.to_timedelta(times.values, unit="s"), index=column.index)


def _order(
    frame: pd.DataFrame, names: Sequence[str], usual: Literal["dmy", "mdy"] | None
) -> tuple[DateOrder | None, bool]:
    """The order of day and month of all columns together, and whether it is only the usual one."""
    texts: list[str] = []
    for name in names:
        if frame[name].dtype.kind not in "biufcmM" and getattr(frame[name].dtype, "tz", None) is None:
            texts += [str(text).strip() for text in spellings(frame[name])[1]]
    orders = match_dates(list(dict.fromkeys(texts))).orders() if texts else ()
    if len(orders) == 1:
        return orders[0], False
    return (usual, True) if usual in orders else (None, False)


def _read(
    column: pd.Series[Any], name: str, order: DateOrder | None, words: tuple[str, str], lines: Ints | None
) -> Times:
    where, fix = words
    times = read_times(column, order, serials=True)
    if times.problems:
        problem = times.problems[0]
        rows = np.flatnonzero(problem.rows)
        raise DataError(f"{where}: column {name!r} {problem.wording}, {_place(rows, lines)}: {fix}")
    if times.kind != "date":
        rows = np.flatnonzero(np.isfinite(times.values))
        shown = column.iloc[int(rows[0])]
        shown = shown.item() if hasattr(shown, "item") else shown
        raise DataError(f"{where}: column {name!r} holds no dates ({shown!r}), {_place(rows, lines)}: {fix}")
    return times


def _place(rows: Ints, lines: Ints | None) -> str:
    return describe_rows(rows.tolist()) if lines is None else describe_lines(lines[rows])


def _as_datetimes(times: Times, column: pd.Series[Any], *, instants: bool) -> tuple[pd.Series[Any], bool]:
    """Datetimes, with a zone where there is one for all; whether they need none or have one."""
    import pandas as pd

    def stamped(seconds: Any) -> pd.Series[Any]:
        exact = np.full(len(seconds), np.iinfo(np.int64).min, dtype=np.int64)
        known = np.isfinite(seconds)
        exact[known] = np.rint(seconds[known] * 1e6).astype(np.int64) * 1000
        return pd.Series(exact.view("datetime64[ns]"), index=column.index, name=column.name)

    known = np.isfinite(times.values)
    if not times.fixed or not known.any():
        return stamped(times.local), True
    ahead = times.local[known] - times.values[known]
    if np.ptp(ahead) > _OFFSETS_APART:
        return (stamped(times.values).dt.tz_localize("UTC"), True) if instants else (stamped(times.local), False)
    zone = datetime.timezone(datetime.timedelta(seconds=round(float(ahead[0]))))
    return stamped(times.values).dt.tz_localize("UTC").dt.tz_convert(zone), True
