"""Columns of text that are dates in a named format become datetimes; what does not fit is named with its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._types import Ints
from reldyn.errors import DataError, DataWarning, DesignError, check_columns, describe_rows, warn_caller
from reldyn.panel._lines import describe_lines
from reldyn.panel.timing._declared import with_zeros
from reldyn.panel.timing._formats import fault_of_format

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_dates", "with_dates"]

_ISO = "iso"


def check_dates(dates: Any) -> str | dict[str, str] | None:
    """Check `dates`: a format, ``"iso"``, or a mapping of columns to these."""
    formats = dates.values() if isinstance(dates, Mapping) else () if dates is None else (dates,)
    for one in formats:
        if not isinstance(one, str) or (one != _ISO and "%" not in one):
            raise DesignError(
                f"dates={dates!r}: give a format such as '%d.%m.%Y %H:%M', 'iso', or a mapping of columns to formats."
            )
        if one != _ISO and (fault := fault_of_format(one, dated=True)):
            raise DesignError(f"dates={one!r}: {fault}")
    return {str(name): one for name, one in dates.items()} if isinstance(dates, Mapping) else dates


def with_dates(
    frame: pd.DataFrame, dates: str | Mapping[str, str] | None, where: str, lines: Ints | None, unit: str
) -> pd.DataFrame:
    """Read the columns named, or every column of text that one format fits."""
    dates = check_dates(dates)
    if dates is None:
        return frame
    if isinstance(dates, Mapping):
        check_columns([str(name) for name in frame.columns], list(dates), where)
        parsed = {name: _column(frame[name], one, name, where, lines, unit) for name, one in dates.items()}
    else:
        parsed = _fitting(frame, dates, where)
    attrs = frame.attrs
    frame = frame.assign(**{str(name): column for name, column in parsed.items()})
    frame.attrs = attrs
    return frame


def _fitting(frame: pd.DataFrame, form: str, where: str) -> dict[str, pd.Series]:
    """Every column of text whose values all fit the format."""
    found: dict[str, pd.Series] = {}
    nearest, share, odd = "", 0.0, ""
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind in "biufcmM" or not column.notna().any():
            continue
        texts = _texts(column, form)
        dated = _parsed(texts, form, where, str(name))
        fits = float(dated[texts.notna()].notna().mean())
        if fits == 1:
            found[str(name)] = dated
        elif fits > share:
            wrong = texts[texts.notna() & dated.isna()]
            nearest, share, odd = str(name), fits, str(wrong.iloc[0])
    if not found:
        fix = (
            f"column {nearest!r} fits in {share:.0%} of its values, but not in {odd!r}; pass "
            f"dates={{{nearest!r}: ...}} to see every value that does not fit"
            if nearest
            else "name the format that the file uses, for example '%d.%m.%Y', or the columns: dates={'sent': ...}"
        )
        raise DataError(f"{where}: no column holds dates of the form {form!r}: {fix}.")
    return found


def _column(column: pd.Series, form: str, name: str, where: str, lines: Ints | None, unit: str) -> pd.Series:
    if column.dtype.kind == "M":
        return column
    texts = _texts(column, form)
    dated = _parsed(texts, form, where, name)
    wrong = np.flatnonzero((texts.notna() & dated.isna()).to_numpy())
    if len(wrong):
        shown = ", ".join(dict.fromkeys(repr(str(texts.iloc[row])) for row in wrong[:5]))
        place = describe_lines(lines[wrong], unit) if lines is not None else describe_rows(wrong.tolist())
        raise DataError(
            f"{where}: column {name!r}: {len(wrong):,} of {int(texts.notna().sum()):,} values are no dates of the form "
            f"{form!r}: {shown} ({place}). Correct them, name them as missing=, or name another form: "
            f"dates={{{name!r}: ...}}."
        )
    return dated


def _texts(column: pd.Series, form: str = _ISO) -> pd.Series:
    """The values as text without blanks around; whole numbers without a fraction, as in 20210301."""
    if column.dtype.kind == "f":
        column = column.astype("Int64") if (column.dropna() % 1 == 0).all() else column
    texts = column.astype("string").str.strip()
    return texts if form == _ISO else texts.map(lambda text: with_zeros(text, form), na_action="ignore")


def _parsed(texts: pd.Series, form: str, where: str, name: str) -> pd.Series:
    """Parse with NaT for what does not fit; one UTC offset is kept, several become UTC."""
    import pandas as pd

    how = "ISO8601" if form == _ISO else form
    plain = texts.astype(object).where(texts.notna(), None)
    try:
        return pd.to_datetime(plain, format=how, errors="coerce")
    except ValueError:
        pass
    try:
        dated = pd.to_datetime(plain, format=how, errors="coerce", utc=True)
    except ValueError as problem:
        raise DataError(f"{where}: dates={form!r} is no format ({str(problem).splitlines()[0]}).") from None
    if dated.notna().any():
        warn_caller(f"{where}: column {name!r} has several offsets from UTC; its times are read as UTC.", DataWarning)
    return dated
