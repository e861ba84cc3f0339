"""Reading a column of times: numbers, dates and their spellings become one array of floats.

Dates become seconds since 1970-01-01 (time zones are brought to UTC), durations seconds, and numbers
stay numbers, so that order and differences mean the same for every kind.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from reldyn.panel._identity import spellings

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, eq=False)
class Clock:
    """The values of one time column.

    Attributes
    ----------
    values : ndarray of float, shape (rows,)
        Numbers, or seconds where `kind` is ``"date"``; NaN where missing or unreadable.
    kind : {"number", "date"}
        Whether differences are seconds.
    unreadable : ndarray of bool, shape (rows,)
        There is a value, but it is no time.
    """

    values: npt.NDArray[np.float64]
    kind: Literal["number", "date"]
    unreadable: npt.NDArray[np.bool_]


def read_clock(column: pd.Series[Any]) -> Clock:
    """Read one column as times; text is read as numbers where most of it is, else as dates (ISO 8601 first)."""
    nothing = np.zeros(len(column), dtype=bool)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return Clock(_seconds(column), "date", nothing)
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        return Clock(column.dt.total_seconds().to_numpy(dtype=float), "number", nothing)
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        endless = np.isinf(numbers)
        return Clock(np.where(endless, np.nan, numbers), "number", endless)
    return _read_text(column)


def _read_text(column: pd.Series[Any]) -> Clock:
    # A column can hold few distinct times many times; each spelling is read once.
    codes, texts = spellings(column)
    written = pd.Series(texts, dtype=object)
    given = codes >= 0
    numbers = np.append(pd.to_numeric(written, errors="coerce").to_numpy(dtype=float, na_value=np.nan), np.nan)[codes]
    numbers = np.where(np.isinf(numbers), np.nan, numbers)
    if 2 * np.isfinite(numbers).sum() > given.sum():
        return Clock(numbers, "number", given & np.isnan(numbers))
    seconds = np.append(_seconds(_dates(written)), np.nan)[codes]
    return Clock(seconds, "date", given & np.isnan(seconds))


def _dates(written: pd.Series[Any]) -> pd.Series[Any]:
    """ISO 8601 where that reads anything, else the one format of the first value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dates = pd.to_datetime(written, errors="coerce", format="ISO8601", utc=True)
        if dates.isna().all():
            dates = pd.to_datetime(written, errors="coerce", utc=True)
    return dates


def _seconds(dates: pd.Series[Any]) -> npt.NDArray[np.float64]:
    plain = dates.dt.tz_convert("UTC").dt.tz_localize(None) if dates.dt.tz is not None else dates
    stamps = plain.to_numpy(dtype="datetime64[us]", na_value=np.datetime64("NaT"))
    seconds = stamps.astype(np.int64) / 1e6
    seconds[np.isnat(stamps)] = np.nan
    return seconds
