"""Rows, columns and sheets that a workbook hides: they are read, and a reader of the screen does not know it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from reldyn._format import counted
from reldyn.panel._lines import describe_lines

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Hidden", "hidden_cells", "holds_formulas", "words_for_hidden"]

Hidden = tuple[frozenset[int], frozenset[int], bool]
_NOTHING: Hidden = (frozenset(), frozenset(), False)
_TAG = re.compile(rb"<(?:\w+:)?(row|col|sheetFormatPr)\s([^>]*)>")
_ATTRIBUTE = re.compile(rb"(\w+)\s*=\s*[\"']([^\"']*)[\"']")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_TRUE = (b"1", b"true")
# The widest sheet that Excel knows; hidden columns often go to its end.
_WIDEST = 16_384


def hidden_cells(path: Path, sheet: Any) -> Hidden:
    """Numbers of rows (from 1) and columns (from 1) that a sheet hides, and whether it is hidden itself.

    Parameters
    ----------
    path : Path
    sheet : worksheet of openpyxl
        Read-only sheets know their state, and nothing of their rows and columns.
    """
    content = _content(path, sheet)
    if content is None:
        return _NOTHING
    rows: set[int] = set()
    columns: set[int] = set()
    for kind, attributes in _tags(content):
        if attributes.get(b"hidden") not in _TRUE:
            continue
        if kind == b"row" and attributes.get(b"r", b"").isdigit():
            rows.add(int(attributes[b"r"]))
        elif kind == b"col" and attributes.get(b"min", b"").isdigit() and attributes.get(b"max", b"").isdigit():
            columns |= set(range(int(attributes[b"min"]), min(int(attributes[b"max"]), _WIDEST) + 1))
    return frozenset(rows), frozenset(columns), getattr(sheet, "sheet_state", "visible") != "visible"


def holds_formulas(path: Path, sheet: Any) -> bool:
    """Whether a cell of the sheet may hold a formula; False is certain."""
    content = _content(path, sheet)
    return content is None or _FORMULA.search(content) is not None


def _content(path: Path, sheet: Any) -> bytes | None:
    """The file of a sheet; None where openpyxl does not say where it is."""
    inside = getattr(sheet, "_worksheet_path", None)
    if inside is None:
        return None
    with zipfile.ZipFile(path) as archive:
        return archive.read(str(inside).lstrip("/"))


def _tags(content: bytes) -> Iterator[tuple[bytes, dict[bytes, bytes]]]:
    for found in _TAG.finditer(content):
        if b"hidden" in found[2]:
            yield found[1], dict(_ATTRIBUTE.findall(found[2]))


def words_for_hidden(hidden: Hidden, name: str, numbers: Sequence[int], headers: Sequence[str]) -> str:
    """What is read although the workbook hides it, with the fix; empty where nothing is.

    Parameters
    ----------
    hidden : tuple
        As `hidden_cells` gives it.
    name : str
        Of the sheet.
    numbers : sequence of int
        Rows of the sheet that are read below the header.
    headers : sequence of str
        Names of the columns that are read.

    Examples
    --------
    >>> words_for_hidden((frozenset({3, 9}), frozenset(), False), "diary", [2, 3, 4], ["a"])[:62]
    "sheet 'diary' hides 1 row (row 3), and what is hidden is read:"
    """
    rows, columns, whole = hidden
    found = [number for number in numbers if number in rows]
    named = [repr(header) for place, header in enumerate(headers, start=1) if place in columns]
    parts = []
    if found:
        parts.append(f"{counted(len(found), 'row')} ({describe_lines(found, 'row')})")
    if named:
        parts.append(f"{counted(len(named), 'column')} ({', '.join(named)})")
    said = [f"hides {' and '.join(parts)}"] if parts else []
    if whole:
        said.insert(0, "is hidden itself")
    if not said:
        return ""
    return (
        f"sheet {name!r} {' and '.join(said)}, and what is hidden is read: delete it in the workbook if it is not to "
        "count, for a filter or outline only hides it; else show it there."
    )
