"""Reading the first sheet of an Excel workbook, after a look at what it would unpack to."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reldyn.errors import DataError, DataWarning
from reldyn.panel.reading._packages import require_io

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

# A diary of a million cells unpacks to some 40 MB; sheets compress five- to thirtyfold.
_MOST_BYTES = 200_000_000
_BIG_MEMBER = 10_000_000
_MOST_RATIO = 100


def read_excel(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read the first sheet; returns the frame and the headers as they stand in its first row."""
    import pandas as pd

    _check_archive(path)
    openpyxl = require_io("openpyxl")
    try:
        rows, sheets = _cells(openpyxl, path)
    except DataError:
        raise
    except Exception:
        raise DataError(f"{path}: this is no readable Excel workbook; export it again.") from None
    if not rows:
        raise DataError(f"{path}: the file is empty.")
    if len(sheets) > 1:
        text = f"{path}: the workbook has {len(sheets)} sheets; only the first, {sheets[0]!r}, is read."
        warnings.warn(text, DataWarning, stacklevel=3)
    headers = _headers(path, rows)
    body = [list(row) + [None] * (len(headers) - len(row)) for row in rows[1:]]
    return pd.DataFrame(body, columns=range(len(headers)), dtype=object).infer_objects(), headers


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


def _cells(openpyxl: Any, path: Path) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Rows of the first sheet without empty ones, and the names of all sheets."""
    with warnings.catch_warnings():
        # Styles and validations that openpyxl leaves out do not touch the values.
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            sheet = book.worksheets[0]
            # The declared dimensions may be a million empty rows.
            sheet.reset_dimensions()
            rows = [_trimmed(row) for row in sheet.iter_rows(values_only=True)]
            return [row for row in rows if row], [str(name) for name in book.sheetnames]
        finally:
            book.close()


def _trimmed(row: Sequence[Any]) -> tuple[Any, ...]:
    cells = list(row)
    while cells and cells[-1] is None:
        cells.pop()
    return tuple(cells)


def _headers(path: Path, rows: Sequence[Sequence[Any]]) -> list[str]:
    headers = ["" if name is None else str(name).strip() for name in rows[0]]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) > len(headers):
            raise DataError(
                f"{path}: filled row {number} has {len(row)} cells where the header has {len(headers)}; "
                "give every column a header."
            )
    return [name or f"Unnamed: {place}" for place, name in enumerate(headers)]
