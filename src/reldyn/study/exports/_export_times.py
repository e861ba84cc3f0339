"""Time stamps of an export as moments on the participants' own clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DesignError
from reldyn.panel.reading import describe_lines, holds_dates, lines_of, read_stamps, with_dates
from reldyn.study.exports._presets import TIMES
from reldyn.study.exports._recognise import STAMPS_FIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from reldyn.study.exports._export_log import ImportLog
    from reldyn.study.exports._presets import DayMonth, ExportMapping

__all__ = ["local_times"]


def local_times(
    frame: pd.DataFrame, mapping: ExportMapping, path: str, log: ImportLog, usual: tuple[DayMonth | None, str]
) -> dict[str, pd.Series[Any]]:
    """Every time column that the export has, by role, as datetimes without a zone (the clock on the wall).

    Raises
    ------
    DataError
        A cell is no time of the declared form.
    DesignError
        Only one of the two zones is named for stamps that are text.
    """
    columns = {role: name for role, name in mapping.columns().items() if role in TIMES}
    if mapping.day is not None and mapping.clock == "text" and _text_dates(frame[mapping.day]):
        columns["day"] = mapping.day
    if not columns:
        return {}
    if mapping.clock == "epoch":
        shift = _offsets(frame, mapping, log)
        return {role: _from_epoch(frame, name, shift, mapping, path, log) for role, name in columns.items()}
    import pandas as pd

    filled = [name for name in dict.fromkeys(columns.values()) if frame[name].notna().any()]
    if mapping.dates is None:
        zoned = mapping.timezone is not None
        read: Mapping[Any, pd.Series[Any]] = _recognised(frame, filled, path, usual, log, zoned=zoned)
    else:
        try:
            dated = with_dates(frame[filled], dict.fromkeys(filled, mapping.dates), path, lines_of(frame), "line")
            read = {name: dated[name] for name in filled}
        except DataError as problem:
            raise DataError(f"{problem} The form of this export's stamps is set by mapping={{'dates': ...}}.") from None
    nothing = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[ns]")
    return {
        role: _from_text(read[name] if name in filled else nothing.rename(name), mapping, log)
        for role, name in columns.items()
    }


def _text_dates(column: pd.Series[Any]) -> bool:
    return column.dtype.kind not in "biufcmM" and bool(holds_dates(column))


def _recognised(
    frame: pd.DataFrame,
    names: list[str],
    path: str,
    usual: tuple[DayMonth | None, str],
    log: ImportLog,
    *,
    zoned: bool,
) -> Mapping[str, pd.Series[Any]]:
    """Stamps in the form that all of them have; ``zoned``: they are to be shown in one zone."""
    order, why = usual
    read = read_stamps(frame, names, path, lines_of(frame), STAMPS_FIX, order, instants=zoned)
    if read.usual:
        first = "the day" if order == "dmy" else "the month"
        log.notes.append(
            f"dates are read with {first} first, as {why} and they leave it open; mapping={{'dates': ...}} says "
            "otherwise"
        )
    for name in read.several_offsets:
        log.notes.append(f"{name} has several offsets from UTC; its times are those of the clock that was written")
    return read.columns


def _offsets(frame: pd.DataFrame, mapping: ExportMapping, log: ImportLog) -> pd.Series[Any]:
    """Seconds to add to each row's stamps."""
    import pandas as pd

    zero = pd.Series(0.0, index=frame.index)
    if mapping.offset is None:
        if mapping.timezone is None:
            log.notes.append("epoch times are shown as written, without a time zone")
        return zero
    known = pd.to_numeric(frame[mapping.offset], errors="coerce")
    by_person = known.groupby(frame[mapping.person], sort=False, dropna=False)
    filled = by_person.ffill().fillna(by_person.bfill())
    log.recode(f"no {mapping.offset}: the same person's nearest row", int((known.isna() & filled.notna()).sum()))
    log.recode(f"no {mapping.offset} for this person: read as 0", int(filled.isna().sum()))
    filled = filled.fillna(0.0)
    if (filled != 0).any():
        log.notes.append(
            f"times were shifted by {mapping.offset}; if the stamps already show the participants' clock, "
            "use mapping={'offset': None}"
        )
    return filled


def _from_epoch(
    frame: pd.DataFrame, name: str, shift: pd.Series[Any], mapping: ExportMapping, path: str, log: ImportLog
) -> pd.Series[Any]:
    import pandas as pd

    given = frame[name]
    seconds = pd.to_numeric(given, errors="coerce")
    odd = np.flatnonzero(given.notna() & (seconds.isna() | (seconds < 0) | (seconds > 1e11)))
    if len(odd):
        lines = lines_of(frame)
        place = f"row {odd[0]}" if lines is None else describe_lines(lines[odd])
        raise DataError(
            f"{path}: column {name!r} has {len(odd)} value{'' if len(odd) == 1 else 's'} that "
            f"{'is' if len(odd) == 1 else 'are'} no seconds since 1970, such as "
            f"{given.iloc[odd[0]]!r} ({place}). Text stamps need mapping={{'clock': 'text'}}."
        )
    log.recode(f"{name} 0: did not happen", int((seconds == 0).sum()))
    happened = seconds.where(seconds != 0)
    if mapping.timezone is not None and mapping.offset is None:
        instants = pd.to_datetime(happened, unit="s", utc=True)
        return instants.dt.tz_convert(mapping.timezone).dt.tz_localize(None).astype("datetime64[ns]")
    return pd.to_datetime(happened + shift, unit="s").astype("datetime64[ns]")


def _from_text(column: pd.Series[Any], mapping: ExportMapping, log: ImportLog) -> pd.Series[Any]:
    import pandas as pd

    if column.dtype.kind != "M" or not column.notna().any():
        return pd.Series(pd.NaT, index=column.index, dtype="datetime64[ns]")
    aware = getattr(column.dtype, "tz", None) is not None
    if aware and mapping.timezone is None:
        log.notes.append(
            f"{column.name} carries offsets from UTC and is left as it is: give the participants' zone with "
            "mapping={'timezone': ...}"
        )
        return column
    if not aware and (mapping.written_in is None) != (mapping.timezone is None):
        raise DesignError(
            "mapping: text stamps without an offset are converted from the zone 'written_in' to the zone 'timezone': "
            "give both, or neither where they show the participants' clock."
        )
    if not aware and mapping.timezone is None:
        return column
    if not aware:
        zoned = column.dt.tz_localize(
            mapping.written_in, ambiguous=np.ones(len(column), dtype=bool), nonexistent="shift_forward"
        )
        unclear = column.dt.tz_localize(mapping.written_in, ambiguous="NaT", nonexistent="NaT")
        log.recode(f"{column.name} in the hour of a clock change", int((unclear.isna() & column.notna()).sum()))
    else:
        zoned = column
    local: pd.Series[Any] = zoned.dt.tz_convert(mapping.timezone).dt.tz_localize(None)
    return local
