"""How a text table is written: its delimiter, its records and their lines.

The delimiter is the one under which the records have one width. A file separated by blanks is rewritten with
tabs once, so that everything later knows single characters only.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DesignError
from reldyn.panel.reading._header_rows import is_number

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "BLANK",
    "DELIMITERS",
    "Table",
    "find_delimiter",
    "first_records",
    "never_closes",
    "read_records",
    "regular",
    "separated",
]

BLANK = " "
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", BLANK: "blanks"}
_READ = {".csv": (",", ";", BLANK), ".tsv": ("\t",), ".txt": ("\t", ";", ",", "|", BLANK)}
_LOOKED_AT = 1_000
_HEAD = 1_000_000
_HINT = re.compile(r'"?sep=([^"\r\n])"?[;,\t]*(\r\n|\r|\n)', re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\r|\n")
_MISSING = frozenset({"na", "nan", "."})
# A token of a file separated by blanks: in quotation marks, or anything without blanks.
_TOKEN = re.compile(r'"(?:[^"]|"")*"(?=\s|$)|\S+')


@dataclass(frozen=True)
class Table:
    """A text table cut free of what stands above it.

    Attributes
    ----------
    text : str
        From the first line that is not skipped, without blank lines at the beginning.
    delimiter : str
        One character, as in the text.
    written : str
        The delimiter as it stands in the file; differs where blanks were rewritten.
    first_line : int
        Line of the file on which `text` begins, counted from 1.
    """

    text: str
    delimiter: str
    written: str
    first_line: int


def separated(path: Path, text: str, delimiter: str | None, skip: int) -> Table:
    """Skip what stands above the table and settle what separates the fields."""
    hint = _HINT.match(text)
    lines = max(skip, 1 if hint else 0)
    start = 0
    for _ in range(lines):
        end = _LINE_END.search(text, start)
        if end is None:
            raise DataError(f"{path}: skip={skip} leaves nothing to read; the file has {_n_lines(text)} lines.")
        start = end.end()
    body = text[start:]
    if not body.strip():
        kind = f"skip={skip} leaves nothing to read" if skip else "the file is empty"
        raise DataError(f"{path}: {kind}.")
    rest = body.lstrip("\r\n")
    first_line = 1 + len(_LINE_END.findall(text[: len(text) - len(rest)]))
    mark = _checked(delimiter)
    if mark is None and hint is not None:
        mark = _hinted(path, hint.group(1), rest)
    written = mark or find_delimiter(path, rest)
    if written == BLANK:
        return Table(_with_tabs(rest), "\t", BLANK, first_line)
    return Table(rest, written, written, first_line)


def _hinted(path: Path, mark: str, text: str) -> str:
    """The delimiter that the first line names, unless the records below it have another."""
    head = _head(text)
    if _fit(head, mark)[0] <= 1:
        others = [other for other in DELIMITERS if other not in (mark, BLANK) and _fit(head, other)[0] > 1]
        if others:
            raise DataError(
                f"{path}: line 1 says sep={mark}, but the fields are separated by {DELIMITERS[others[0]]}: "
                f'pass delimiter="{others[0] if others[0] != chr(9) else chr(92) + "t"}".'
            )
    return mark


def _n_lines(text: str) -> int:
    return len(_LINE_END.findall(text.rstrip("\r\n"))) + 1


def _checked(delimiter: str | None) -> str | None:
    if delimiter is None:
        return None
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
        raise DesignError(
            f"delimiter={delimiter!r}: give the one character between the fields, for example ',', ';', '\\t', or ' ' "
            "for blanks."
        )
    return delimiter


def _with_tabs(text: str) -> str:
    """Rewrite a table separated by blanks with one tab between fields; the lines stay where they are."""
    lines = _LINE_END.split(text)
    return "\n".join("\t".join(_TOKEN.findall(line)) for line in lines)


def find_delimiter(path: Path, text: str) -> str:
    """Find the delimiter that the suffix allows, by the widths of the first records."""
    head = _head(text)
    allowed = _READ.get(path.suffix.lower(), _READ[".txt"])
    kinds = {mark: _fit(head, mark) for mark in DELIMITERS if mark != BLANK}
    best = max((mark for mark in allowed if mark != BLANK), key=lambda mark: (kinds[mark], mark == allowed[0]))
    others = [mark for mark in kinds if mark not in allowed and kinds[mark][0] > 1]
    # A comma in the header of a table that is otherwise split evenly by tabs is no delimiter.
    if kinds[best][0] > 1:
        return best
    if BLANK in allowed and not others and _blanks_fit(head):
        return BLANK
    if kinds[best][0] and not others:
        return best
    if others:
        actual = max(others, key=lambda mark: kinds[mark])
        raise DataError(_other_delimiter(path, allowed[0], actual))
    if _blanks_fit(head):
        raise DataError(_other_delimiter(path, allowed[0], BLANK))
    return allowed[0]


def _other_delimiter(path: Path, promised: str, actual: str) -> str:
    kinds = {",": "rename the file to .csv", "\t": "rename the file to .tsv", BLANK: "rename the file to .txt"}
    rename = f"{kinds[actual]}, or " if actual in kinds else ""
    return (
        f"{path}: the fields are separated by {DELIMITERS[actual]}, not by the {DELIMITERS[promised]} that "
        f'{path.suffix} promises: {rename}pass delimiter="{actual if actual != chr(9) else chr(92) + "t"}".'
    )


def _fit(text: str, mark: str) -> tuple[int, float]:
    """How well a delimiter fits: 3 for equal widths, 2 for short records, 1 for records that it splits at all.

    The second number breaks ties: the share of records that have the commonest width.
    """
    widths = [len(record) for record in first_records(text, mark)]
    if not widths or max(widths) == 1:
        return 0, 0.0
    body = widths[1:] or widths
    width, count = Counter(body).most_common(1)[0]
    share = count / len(body)
    split = sum(width > 1 for width in body) / len(body)
    if widths[0] == 1:
        # A title line of one field above a table.
        return (1, share) if width > 1 and len(body) > 1 and share > 0.5 else (0, 0.0)
    if len(set(widths)) == 1:
        return 3, 1.0
    if max(body) <= widths[0] and split > 0.5:
        return 2, share
    return (1, share) if width > 1 or len(body) == 1 else (1, 0.0)


def _blanks_fit(text: str) -> bool:
    """Whether all records split at blanks into one width, with a column of numbers or a header in quotation marks."""
    lines = [line for line in _LINE_END.split(text)[:_LOOKED_AT] if line.strip()]
    records = [_TOKEN.findall(line) for line in lines]
    width = Counter(len(record) for record in records[1:] or records).most_common(1)[0]
    if width[0] < 2 or len(records) < 2 or width[1] < 0.5 * (len(records) - 1):
        return False
    # Files pasted together have their names again further down.
    body = [record for record in records[1:] if len(record) == width[0] and record != records[0]]
    quoted = len(records[0]) > 1 and all(name.startswith('"') for name in records[0])
    numeric = any(_numbers(record[place] for record in body) for place in range(width[0]))
    if len(records[0]) == width[0]:
        return quoted or numeric
    # R writes the names of rows without a name above them.
    return quoted and len(records[0]) == width[0] - 1


def _numbers(cells: Iterable[str]) -> bool:
    """Whether all cells are numbers but for missing ones, and any is."""
    known = [cell for cell in cells if cell.lower() not in _MISSING]
    return bool(known) and all(map(is_number, known))


def _head(text: str) -> str:
    """The first lines, enough to tell how the table is written; whole lines only."""
    if len(text) <= _HEAD:
        return text
    cut = text.rfind("\n", 0, _HEAD)
    return text[: cut + 1] if cut >= 0 else text


def first_records(text: str, delimiter: str) -> list[list[str]]:
    """The first filled records, at most a thousand and one."""
    found: list[list[str]] = []
    try:
        for record in csv_records(_head(text), delimiter):
            if record and (len(record) > 1 or not record[0] or record[0].strip()):
                found.append(record)
            if len(found) > _LOOKED_AT:
                break
    except csv.Error:
        pass
    return found


def csv_records(text: str, delimiter: str, *, strict: bool = False) -> Any:
    """Iterate over the records of a text, as the csv module does."""
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict)


def read_records(path: Path, table: Table) -> Iterator[tuple[int, list[str]]]:
    """Each filled record with the line of the file on which it begins."""
    reader = csv_records(table.text, table.delimiter)
    line = table.first_line
    try:
        for record in reader:
            # A line of blanks is no record, as it is none for pandas.
            if record and (len(record) > 1 or not record[0] or record[0].strip()):
                yield line, record
            line = table.first_line + reader.line_num
    except csv.Error as problem:
        raise DataError(f"{path}: line {line} cannot be read as a record ({problem}).") from None


def regular(raw: bytes, delimiter: str, width: int) -> bool:
    """Whether a count of bytes already shows that every line is a record of one width; False means: look closer."""
    raw = raw.rstrip(b"\r\n")
    if b'"' in raw or b"\n\n" in raw or b"\n\r" in raw or raw.count(b"\r") != raw.count(b"\r\n"):
        return False
    if len(delimiter.encode()) > 1:
        return False
    marks = np.frombuffer(raw, dtype=np.uint8)
    ends = np.append(np.flatnonzero(marks == ord("\n")), len(marks))
    counts = np.diff(np.searchsorted(np.flatnonzero(marks == ord(delimiter)), ends), prepend=0)
    return bool(np.all(counts == width - 1))


def never_closes(text: str, delimiter: str) -> bool:
    """Whether the text ends within quotation marks; one inside a bare field (5" tall) is a letter like others."""
    try:
        for _ in csv_records(text, delimiter, strict=True):
            pass
    except csv.Error as problem:
        return "unexpected end" in str(problem)
    return False
