"""One column of a panel, as numbers or as times, or an error that says why it is neither."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from reldyn.errors import DataError, check_columns, describe_rows
from reldyn.panel._grouped import fix_for_commas, is_grouped
from reldyn.panel._lines import describe_lines, lines_of
from reldyn.panel._readonly import read_only
from reldyn.panel.checks._finding_codes import CODES
from reldyn.panel.checks._findings import duplicated_headers
from reldyn.panel.timing._columns_read import read_column
from reldyn.panel.timing._repeated_hours import settle_repeated_hours
from reldyn.panel.timing._times import Times

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel._panel import DyadPanel

__all__ = ["check_usable", "numbers_of", "times_of"]

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")


def numbers_of(panel: DyadPanel, variable: str) -> NDArray[np.float64]:
    """One column as floats, missing as NaN: `DyadPanel.values`."""
    import pandas as pd

    if not isinstance(variable, str):
        raise DataError(f"{variable!r} is no name of a column: give one name, as text.")
    if variable in panel._numbers:
        return panel._numbers[variable]
    check_usable(panel, [variable])
    column = panel._frame[variable]
    if column.dtype == np.float64:
        # A view, kept because an analysis asks for the same few columns again and again.
        panel._numbers[variable] = read_only(column.to_numpy())
        return panel._numbers[variable]
    if column.dtype.kind in "cmM" or isinstance(column.dtype, (pd.DatetimeTZDtype, pd.PeriodDtype)):
        kind = "complex numbers" if column.dtype.kind == "c" else "dates or times"
        raise DataError(f"column {variable!r} holds {kind}: recode it to numbers.")
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        numbers = pd.to_numeric(column, errors="coerce")
        bad = np.flatnonzero((numbers.isna() & column.notna()).to_numpy())
        if len(bad):
            lines = lines_of(panel._frame)
            where = describe_rows(bad.tolist()) + (f"; {describe_lines(lines[bad])}" if lines is not None else "")
            first = column.iloc[bad[0]]
            raise DataError(
                f"column {variable!r} holds text, for example {first!r} ({where}): "
                f"{_fix_for_text(str(first), with_numbers=bool(numbers.notna().any()))}."
            )
        column = numbers
    if column.dtype == np.float64:
        panel._numbers[variable] = read_only(column.to_numpy())
        return panel._numbers[variable]
    return read_only(column.to_numpy(dtype=float, na_value=np.nan))


def _fix_for_text(first: str, *, with_numbers: bool) -> str:
    """What to do about text where numbers are needed, by its first example."""
    if _DECIMAL_COMMA.fullmatch(first.strip()) or is_grouped(first.strip()):
        return f"if these are numbers, {fix_for_commas([first.strip()])}"
    if with_numbers:
        return f"correct it, or name it as missing, as in rd.read_table(path, missing=('', 'NA', {first!r}))"
    return (
        "recode it to numbers, categories to one indicator column each (pd.get_dummies), never to 1, 2, 3 but for "
        "analyses of states (lag_sequential, state_space_grid), to which numbers are labels"
    )


def times_of(panel: DyadPanel, name: str) -> Times:
    """One column read as times, in the same way as when the panel was made."""
    times = settle_repeated_hours(read_column(panel._frame[name], name, panel._time_options), panel.index.person)
    if times.problems:
        problem = times.problems[0]
        rows = describe_rows(np.flatnonzero(problem.rows).tolist())
        raise DataError(f"{name!r} {problem.wording}: {rows}. {problem.fix or CODES[problem.code].fix}")
    return times


def check_usable(panel: DyadPanel, variables: Iterable[str]) -> None:
    """Raise where a column is absent, or shares its header with another."""
    wanted, columns = list(variables), panel._frame.columns
    once = columns.is_unique and "duplicated_columns" not in panel._frame.attrs
    twice = {} if once else duplicated_headers(panel._frame)
    for name in wanted:
        if name in twice:
            group = twice[name]
            raise DataError(
                f"the header {group[0]!r} stands {len(group)} times in the file (read as {', '.join(group)}), "
                f"so which column {name!r} is remains unclear: rename the columns, then use the new name."
            )
    check_columns(columns.tolist(), wanted)
