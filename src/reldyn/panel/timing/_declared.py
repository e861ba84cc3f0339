"""Texts read in a declared form: a strptime format or ISO 8601, each spelling once."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reldyn._types import Array
from reldyn.panel.timing._dates import DATE_ORDERS, match_dates
from reldyn.panel.timing._formats import ISO

__all__ = ["DeclaredTimes", "read_form", "with_zeros"]

_ANY_TIME = datetime.datetime(2021, 12, 14, 15, 16, 17, tzinfo=datetime.UTC)
_DATE_PARTS = re.compile(r"%[-]?[YyGcxDFdjVUWbBm]")


@dataclass(frozen=True, eq=False)
class DeclaredTimes:
    """Texts in one form.

    Attributes
    ----------
    local : (n,) float array
        Seconds since 1970-01-01 on the clock that was written, since midnight for forms without a date; NaN where a
        text has another form.
    offset : (n,) float array
        Seconds that the written clock is ahead of UTC, NaN where none is written.
    dated : bool
        Whether the form has a date.
    """

    local: Array
    offset: Array
    dated: bool


def with_zeros(text: str, form: str) -> str:
    """Digits in a form of fixed width, with the zeros that a spreadsheet takes from their beginning.

    Without them other readings fit: 2032026 would be the 20th of March.

    Examples
    --------
    >>> with_zeros("2032026", "%d%m%Y"), with_zeros("930", "%H%M"), with_zeros("2.3.2026", "%d.%m.%Y")
    ('02032026', '0930', '2.3.2026')
    """
    sample = _ANY_TIME.strftime(form) if text.isdecimal() else ""
    return text.zfill(len(sample)) if sample.isdecimal() else text


def read_form(texts: npt.NDArray[np.object_], form: str) -> DeclaredTimes:
    """Read distinct texts in a form.

    Examples
    --------
    >>> import numpy as np
    >>> read_form(np.array(["28.03.2021 09:30", "soon"], dtype=object), "%d.%m.%Y %H:%M").local.tolist()
    [1616923800.0, nan]
    """
    if form == ISO:
        written = match_dates(texts)
        alike = written.matched & np.all([written.days[order] == written.days["ymd"] for order in DATE_ORDERS], axis=0)
        local = np.where(alike, written.days["ymd"] * 86_400.0 + written.seconds, np.nan)
        return DeclaredTimes(local, np.where(alike, written.offset, np.nan), True)
    dated = bool(_DATE_PARTS.search(form))
    texts = np.array([with_zeros(text, form) for text in texts], dtype=object)
    fast = None if "%z" in form else _fast(texts, form)
    local, offset = _one_by_one(texts, form) if fast is None else (fast, np.full(len(texts), np.nan))
    if not dated:
        local = np.asarray(local % 86_400.0)
    return DeclaredTimes(local, offset, dated)


def _fast(texts: npt.NDArray[np.object_], form: str) -> Array | None:
    """Parse all texts at once; None where pandas does not know the form."""
    import pandas as pd

    try:
        stamps = pd.to_datetime(pd.Series(texts, dtype=object), format=form, errors="coerce")
    except ValueError:
        return None
    if stamps.dtype.kind != "M" or isinstance(stamps.dtype, pd.DatetimeTZDtype):
        return None
    values = stamps.to_numpy(dtype="datetime64[us]")
    seconds = values.astype(np.int64) / 1e6
    seconds[np.isnat(values)] = np.nan
    return np.asarray(seconds)


def _one_by_one(texts: npt.NDArray[np.object_], form: str) -> tuple[Array, Array]:
    local, offset = np.full(len(texts), np.nan), np.full(len(texts), np.nan)
    epoch = datetime.datetime(1970, 1, 1)
    for place, text in enumerate(texts):
        try:
            moment = datetime.datetime.strptime(text, form)
        except ValueError:
            continue
        ahead = moment.utcoffset()
        offset[place] = np.nan if ahead is None else ahead.total_seconds()
        local[place] = (moment.replace(tzinfo=None) - epoch).total_seconds()
    return local, offset
