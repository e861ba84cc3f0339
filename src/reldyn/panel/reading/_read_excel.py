"""Reading one sheet of an Excel workbook, after a look at what it would unpack to."""

from __future__ import annotations

import datetime
import difflib
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn.errors import DataError, DataWarning, warn_caller
from reldyn.panel._lines import describe_lines
from reldyn.panel.reading._header_rows import (
    cut_header,
    repeated_headers,
    title_hint,
    warn_of_names,
)
from reldyn.panel.reading._hidden_cells import Hidden, hidden_cells, holds_formulas, words_for_hidden
from reldyn.panel.reading._limits import check_shape
from reldyn.panel.reading._packages import require_io
from reldyn.panel.reading._read_tables import Options, Read

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

# A diary of a million cells unpacks to some 40 MB; sheets compress five- to thirtyfold.
_MOST_BYTES = 200_000_000
_BIG_MEMBER = 10_000_000
_MOST_RATIO = 100


_TOP = 50
_MONTHS = 12
_DAY_MONTH = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](?:\d{4}|\d{2})(?=\D|$)")


def read_excel(path: Path, options: Options) -> Read:
    """Read one sheet; text cells stay text, so that ids keep their leading zeros."""
    import pandas as pd

    _check_archive(path)
    openpyxl = require_io("openpyxl")
    try:
        rows, sheets, hidden, worked = _cells(openpyxl, path, options.sheet)
    except DataError:
        raise
    except Exception:
        raise DataError(f"{path}: this is no readable Excel workbook; export it again.") from None
    filled = [(number, row) for number, row in rows if number > options.skip]
    if not filled:
        raise DataError(f"{path}: {_nothing(options, sheets)}.")
    if len(sheets) > 1 and options.sheet is None:
        listed = ", ".join(repr(name) for name in sheets)
        warn_caller(
            f"{path}: the workbook has {len(sheets)} sheets ({listed}); only the first, {sheets[0]!r}, is read. Name "
            f"one: sheet={sheets[0]!r}.",
            DataWarning,
        )
    width = max(len(row) for _, row in filled)
    check_shape(path, len(filled), width)
    top = [[_shown(cell) for cell in row] + [""] * (width - len(row)) for _, row in filled[: 10 * _TOP]]
    _, start, texts = cut_header(str(path), top, options.header)
    place = options.header[0] if options.header else 0
    again = {start + k for k in repeated_headers(str(path), filled[start:], top[:start], place, "row")}
    filled = [row for k, row in enumerate(filled) if k not in again]
    top = [row for k, row in enumerate(top) if k not in again]
    numbers = [number for number, _ in filled]
    even = len(filled[0][1]) == width > 1
    warn_of_names(str(path), top, numbers, options.header, options.codes, unit="row", even=even)
    headers = _headers(path, filled[place:], top, numbers)
    body = [list(row[: len(headers)]) + [None] * (len(headers) - len(row)) for _, row in filled[start:]]
    frame = pd.DataFrame(body, columns=range(len(headers)), dtype=object).infer_objects()
    _warn_swapped(path, frame, headers, numbers[start:])
    name = options.sheet if options.sheet is not None else sheets[0]
    if unseen := words_for_hidden(hidden, name, numbers[start:], headers):
        warn_caller(f"{path}: {unseen}", DataWarning)
    lines = np.array(numbers[start:], dtype=np.int64)
    absent = {headers[k]: set(lines[frame[k].isna()].tolist()) for k in range(len(headers)) if frame[k].isna().any()}
    if absent and worked:
        _warn_formulas(openpyxl, path, options.sheet, absent, numbers[place])
    unnamed = {k: numbers[place] for k, name in enumerate(filled[place][1]) if not _shown(name).strip()}
    return Read(frame, headers, lines, texts, unit="row", unnamed=unnamed)


def _nothing(options: Options, sheets: Sequence[str]) -> str:
    """Why there is nothing to read."""
    if options.skip:
        return f"skip={options.skip} leaves nothing to read"
    if len(sheets) < 2:
        return "the file is empty"
    read = options.sheet if options.sheet is not None else sheets[0]
    others = [name for name in sheets if name != read]
    return f"the sheet {read!r} is empty; others are {', '.join(map(repr, others))}: name one, sheet={others[0]!r}"


def _warn_swapped(path: Path, frame: pd.DataFrame, headers: Sequence[str], numbers: Sequence[int]) -> None:
    """Warn of dates whose day and month a spreadsheet of another country exchanged: it left days above 12 as text."""
    for place, name in enumerate(headers):
        cells = frame[place].dropna()
        if cells.dtype != object:
            continue
        dated = [isinstance(cell, datetime.datetime) for cell in cells]
        if any(dated) and all(known or _is_plain_number(cell) for cell, known in zip(cells, dated, strict=True)):
            rows = [numbers[row] for row, known in zip(cells.index, dated, strict=True) if known]
            warn_caller(
                f"{path}: {name!r} holds {counted(len(cells) - len(rows), 'number')} and {counted(len(rows), 'date')} "
                f"({describe_lines(rows, 'row')}): a spreadsheet probably made dates of numbers such as 3.4. Correct "
                "them in the file from which the workbook was made.",
                DataWarning,
            )
            continue
        texts = [str(cell).strip() for cell, known in zip(cells, dated, strict=True) if not known]
        if not any(dated) or not texts or not all(_DAY_MONTH.match(text) for text in texts):
            continue
        dates = [cell for cell, known in zip(cells, dated, strict=True) if known]
        days = [max(int(part) for part in _DAY_MONTH.match(text).groups()) for text in texts]  # type: ignore[union-attr]
        rows = [numbers[row] for row, known in zip(cells.index, dated, strict=True) if known]
        message = (
            f"{path}: {name!r} holds {len(dates):,} dates and {len(texts):,} texts such as {texts[0]!r}: a spreadsheet "
            "read some of its dates and not the others"
        )
        if min(days) > _MONTHS and max(date.day for date in dates) <= _MONTHS:
            message += (
                f"; as no date has a day above 12 and every text has, day and month of the dates are probably "
                f"exchanged ({describe_lines(rows, 'row')})"
            )
        warn_caller(
            f"{message}. Read the file from which the workbook was made, or correct the column there.", DataWarning
        )


def _is_plain_number(cell: Any) -> bool:
    return isinstance(cell, (int, float)) and not isinstance(cell, bool)


def _warn_formulas(openpyxl: Any, path: Path, sheet: str | None, absent: Mapping[str, set[int]], row: int) -> None:
    """Warn of columns with formulas none of which a spreadsheet has worked out yet; ``absent``: lines without a value.

    Where some have results, an empty one is a result as well.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(path, read_only=True)
        try:
            cells = book[sheet] if sheet is not None else book.worksheets[0]
            cells.reset_dimensions()
            below = {at: line for at, line in enumerate(cells.iter_rows(values_only=True), start=1) if at > row}
            names_row = next(cells.iter_rows(min_row=row, max_row=row, values_only=True))
        finally:
            book.close()
    columns = {_shown(name).strip(): place for place, name in enumerate(names_row)}
    found = []
    for name, missing in absent.items():
        place = columns.get(name, len(names_row))
        formulas = {at for at, line in below.items() if len(line) > place and str(line[place]).startswith("=")}
        if formulas and formulas <= missing:
            found.append(name)
    if found:
        warn_caller(
            f"{path}: {', '.join(repr(name) for name in found)} holds formulas without their results, which are read "
            "as missing: open and save the workbook in a spreadsheet, or save it as .csv.",
            DataWarning,
        )


def _shown(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _check_archive(path: Path) -> None:
    """Refuse an archive that claims to unpack to far more than any study."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError):
        raise DataError(f"{path}: this is no Excel workbook (.xlsx); export it again, or save it as .csv.") from None
    total = sum(member.file_size for member in members)
    if total > _MOST_BYTES:
        raise DataError(
            f"{path}: the workbook claims to unpack to {total / 1e6:,.0f} MB, more than the "
            f"{_MOST_BYTES / 1e6:,.0f} MB that are read: save it as .csv or .parquet."
        )
    for member in members:
        if member.file_size > _BIG_MEMBER and member.file_size > _MOST_RATIO * max(member.compress_size, 1):
            raise DataError(
                f"{path}: {member.filename} in the workbook claims to unpack to more than {_MOST_RATIO} "
                "times its size; such files are not opened: save it as .csv or .parquet."
            )


def _cells(
    openpyxl: Any, path: Path, wanted: str | None
) -> tuple[list[tuple[int, tuple[Any, ...]]], list[str], Hidden, bool]:
    """Filled rows with their numbers, the names of all sheets, what the sheet hides, and whether it has formulas."""
    with warnings.catch_warnings():
        # Styles and validations that openpyxl leaves out do not touch the values.
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            names = [str(sheet.title) for sheet in book.worksheets]
            if wanted is not None and wanted not in names:
                raise DataError(_no_sheet(path, wanted, names))
            sheet = book.worksheets[names.index(wanted) if wanted is not None else 0]
            # The declared dimensions may be a million empty rows.
            sheet.reset_dimensions()
            rows = [(number, _trimmed(row)) for number, row in enumerate(sheet.iter_rows(values_only=True), start=1)]
            filled = [(number, row) for number, row in rows if row]
            return filled, names, hidden_cells(path, sheet), holds_formulas(path, sheet)
        finally:
            book.close()


def _no_sheet(path: Path, wanted: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(wanted, names, n=1)
    nearest = f" (nearest: {close[0]!r})" if close else ""
    return f"{path}: no sheet {wanted!r}{nearest}. Sheets: {', '.join(repr(name) for name in names)}."


def _trimmed(row: Sequence[Any]) -> tuple[Any, ...]:
    cells = list(row)
    while cells and cells[-1] is None:
        cells.pop()
    return tuple(cells)


def _headers(
    path: Path, rows: Sequence[tuple[int, Sequence[Any]]], top: Sequence[Sequence[str]], numbers: Sequence[int]
) -> list[str]:
    headers = [_shown(name).strip() for name in rows[0][1]]
    for number, row in rows[1:]:
        if len(row) > len(headers):
            hint = title_hint(top[:_TOP], numbers, len(top[0]), "row")
            fix = f".{hint}" if hint else "; give every column a header."
            raise DataError(f"{path}: row {number} has {len(row)} cells where the header has {len(headers)}{fix}")
    return [name or f"Unnamed: {place}" for place, name in enumerate(headers)]
