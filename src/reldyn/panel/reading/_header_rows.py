"""Rows of names: which record holds them, and which records look as if they did.

Survey platforms write question texts, and Qualtrics also ids in JSON, below the names; spreadsheets have title
lines above. Both are recognised by shape and offered, never taken without being named. A header that stands again
among the records, where files were pasted together, is left out with a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from reldyn._format import counted
from reldyn.errors import DataError, DataWarning, DesignError, warn_caller
from reldyn.panel._lines import describe_lines

__all__ = [
    "check_skip",
    "cut_header",
    "header_places",
    "is_number",
    "likely_header",
    "repeated_headers",
    "title_hint",
    "warn_of_names",
]

_NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?\s*")
_IMPORT_ID = re.compile(r"""\s*\{\s*['"]ImportId['"]""")
_LETTER = re.compile(r"[^\W\d_]")


def is_number(text: str) -> bool:
    """Whether a field is a number, with either decimal mark."""
    return _NUMBER.fullmatch(text) is not None


def header_places(header: Any) -> tuple[int, ...] | None:
    """Check `header`: None, a row, or several rows of names, counted from 0."""
    if header is None:
        return None
    places = (header,) if isinstance(header, int) else header
    whole = isinstance(places, (tuple, list, range)) and all(
        isinstance(place, int) and not isinstance(place, bool) and place >= 0 for place in places
    )
    if not whole or isinstance(header, bool) or not places or len(set(places)) != len(places):
        raise DesignError(
            f"header={header!r}: give the row of names, counted from 0 after skip, or several rows such as (0, 1, 2)."
        )
    return tuple(places)


def check_skip(skip: Any) -> int:
    """Check `skip`: a number of lines."""
    if isinstance(skip, bool) or not isinstance(skip, int) or skip < 0:
        raise DesignError(f"skip={skip!r}: give the number of lines above the header, 0 or more.")
    return skip


def likely_header(records: Sequence[Sequence[str]], width: int) -> int | None:
    """The first record that could hold the names: as wide as the table, all filled, different, no numbers.

    What follows must be as wide as the table or shorter.

    Examples
    --------
    >>> likely_header([["Diary of 2021"], ["couple", "mood"], ["1", "3"]], 2)
    1
    """
    for place, record in enumerate(records[:-1]):
        cells = [cell.strip() for cell in record]
        if (
            len(cells) == width
            and all(cells)
            and len(set(cells)) == width
            and not any(is_number(cell) for cell in cells)
            and all(len(later) <= width for later in records[place + 1 :])
        ):
            return place
    return None


def title_hint(records: Sequence[Sequence[str]], lines: Sequence[int], width: int, unit: str = "line") -> str:
    """Say which later record looks like the header, and the call that reads it as such; empty without one."""
    place = likely_header(records, width)
    if not place:
        return ""
    names = ", ".join(cell.strip() for cell in records[place][:5])
    return f" {unit.capitalize()} {lines[place]} looks like the header ({names}): pass skip={lines[place] - 1}."


def warn_of_names(
    where: str,
    records: Sequence[Sequence[str]],
    lines: Sequence[int],
    header: tuple[int, ...] | None,
    missing: set[str],
    *,
    unit: str = "line",
    even: bool = True,
) -> None:
    """Warn where the names may be a title, have texts below them or be the first record.

    Without ``even``, the first record is not as wide as the others, and nothing is said of titles and texts.
    """
    if header is None and even and not _warn_title(where, records, lines, unit):
        _warn_second_header(where, records, lines, missing, unit)
    place = header[0] if header else 0
    _warn_no_names(where, records[place], lines[place], unit)


def _warn_title(where: str, records: Sequence[Sequence[str]], lines: Sequence[int], unit: str) -> bool:
    """Warn where the header names few columns and a later record names them all: it is a title padded with blanks."""
    filled = sum(bool(cell.strip()) for cell in records[0])
    if len(records[0]) < 2 or filled > len(records[0]) / 2:
        return False
    hint = title_hint(records[:50], lines, len(records[0]), unit)
    if hint:
        warn_caller(
            f"{where}: the header, {unit} {lines[0]}, names {filled} of {counted(len(records[0]), 'column')}.{hint}",
            DataWarning,
        )
    return bool(hint)


def _warn_no_names(where: str, names: Sequence[str], line: int, unit: str) -> None:
    """Warn where the first name and half of all are numbers: the first record of a file without names, perhaps."""
    known = [name.strip() for name in names if name.strip()]
    n = sum(map(is_number, known))
    if known and is_number(known[0]) and 2 * n >= len(known):
        shown = ", ".join(known[:5]) + (", ..." if len(known) > 5 else "")
        warn_caller(
            f"{where}: {unit} {line} is taken as the names of the columns, but holds numbers ({shown}). If the file "
            "has no names, write them above its first record.",
            DataWarning,
        )


def _warn_second_header(
    where: str, records: Sequence[Sequence[str]], lines: Sequence[int], missing: set[str], unit: str
) -> None:
    """Warn where the records below the names are question texts or ids: they would turn numbers into text."""
    n = _n_below(records, missing)
    if not n:
        return
    rows = tuple(range(n + 1))
    ids = any(_IMPORT_ID.match(cell) for record in records[1 : n + 1] for cell in record)
    kind = "question texts and ids as Qualtrics writes them" if ids else "texts above columns of numbers"
    listed = " and ".join(str(line) for line in lines[1 : n + 1])
    warn_caller(
        f"{where}: {unit}{'s' if n > 1 else ''} {listed} below the names {'hold' if n > 1 else 'holds'} {kind}, "
        f"so that numbers are read as text: pass header={rows} to leave {'them' if n > 1 else 'it'} out.",
        DataWarning,
    )


def _n_below(records: Sequence[Sequence[str]], missing: set[str]) -> int:
    """How many records below the names are no answers."""
    for place in (2, 1):
        if len(records) > place and any(_IMPORT_ID.match(cell) for cell in records[place]):
            return place
    if len(records) < 4:
        return 0
    return next((n for n in (2, 1) if _texts_above_numbers(records, n, missing)), 0)


def _texts_above_numbers(records: Sequence[Sequence[str]], n: int, missing: set[str]) -> bool:
    """Whether at least two columns are numbers but for `n` different texts at the top."""
    texts: list[str] = []
    for place in range(len(records[0])):
        column = [record[place] for record in records[1:] if len(record) > place]
        top, below = column[:n], [cell for cell in column[n:] if cell.strip() and cell not in missing]
        if len(below) < 2 or not all(is_number(cell) for cell in below):
            continue
        if any(cell in missing or not _LETTER.search(cell) for cell in top):
            return False
        texts.append(top[0])
    return len(texts) >= 2 and len(set(texts)) == len(texts)


def repeated_headers(
    where: str,
    rows: Iterable[tuple[int, Sequence[Any]]],
    heads: Sequence[Sequence[str]],
    names: int,
    unit: str = "line",
) -> list[int]:
    """Places of the rows that repeat the header, with a warning that counts them.

    Parameters
    ----------
    where : str
    rows : iterable of (int, sequence)
        Line and cells of each row below the header.
    heads : sequence of sequence of str
        The records above these rows.
    names : int
        Which of the records holds the names.
    unit : str, default "line"

    Raises
    ------
    DataError
        The names stand again in another order, so that what follows them stands under wrong names.
    """
    known = [head for head in map(_bare, heads) if head]
    wanted = _bare(heads[names])
    distinct = len(set(wanted)) == len(wanted) > 1 and not all(map(is_number, wanted))
    found: list[int] = []
    lines: list[int] = []
    for place, (line, row) in enumerate(rows):
        cells = _bare(row)
        if cells in known:
            found.append(place)
            lines.append(line)
        elif distinct and len(cells) == len(wanted) and set(cells) == set(wanted):
            raise DataError(
                f"{where}: {unit} {line} names the columns again in another order, as where files were pasted "
                "together, so that what follows stands under wrong names. Read each file by itself and join them "
                "with pandas.concat, which goes by the names."
            )
    if found:
        warn_caller(
            f"{where}: the header stands again on {describe_lines(lines, unit)}, as where files were pasted together, "
            "and is left out there. Look whether any record stands in the file twice.",
            DataWarning,
        )
    return found


def _bare(record: Sequence[Any]) -> list[str]:
    """Cells without blanks, and without the byte-order mark and quotation marks that a pasted first name keeps."""
    cells = ["" if cell is None else str(cell).strip().lstrip("\ufeff").strip('"').strip() for cell in record]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def cut_header(
    where: str, records: Sequence[Sequence[str]], places: tuple[int, ...] | None
) -> tuple[Sequence[str], int, dict[int, str]]:
    """Take the names; returns them, the first place of data, and the texts of further rows by column."""
    chosen = places or (0,)
    if max(chosen) >= len(records):
        raise DataError(f"{where}: header={_shown(chosen)} names a row that is not there; there are {len(records)}.")
    names = records[chosen[0]]
    texts: dict[int, str] = {}
    for place in chosen[1:]:
        for column, cell in enumerate(records[place]):
            if cell.strip() and column not in texts and not _IMPORT_ID.match(cell):
                texts[column] = cell.strip()
    return names, max(chosen) + 1, texts


def _shown(places: tuple[int, ...]) -> str:
    return str(places[0]) if len(places) == 1 else str(places)
