"""Reading delimited text: encoding, delimiter, decimal mark and shape are settled before anything is parsed."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LOOKED_AT = 1_000
_HEAD = 1_000_000
_WITH_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*")
_WITH_POINT = re.compile(r"\s*[+-]?\d*\.\d+\s*")


def read_text(
    path: Path, missing: Sequence[Any], decimal: str | None, encoding: str | None
) -> tuple[pd.DataFrame, list[str]]:
    """Read a .csv or .tsv file; returns the frame and the headers as they stand in the file."""
    text = _decoded(path, encoding)
    head = _head(text)
    delimiter = _delimiter(path, head)
    first = list(_first_records(head, delimiter))
    headers = [_header(name, place) for place, name in enumerate(first[0])]
    _check_shape(path, text, delimiter, len(headers))
    mark = decimal or _decimal(first[1:], delimiter)
    if mark == delimiter:
        raise DataError(
            f"{path}: decimal={mark!r} is also what separates the fields; the numbers cannot be told apart."
        )
    return _parsed(path, text, delimiter, mark, missing, len(headers)), headers


def _decoded(path: Path, encoding: str | None) -> str:
    raw = path.read_bytes()
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and encoding is None:
        raise DataError(f'{path}: the file is UTF-16, not UTF-8: pass encoding="utf-16".')
    try:
        text = raw.decode(encoding or "utf-8-sig")
    except LookupError:
        raise DataError(f"{path}: encoding={encoding!r} is not known; try 'utf-8' or 'latin-1'.") from None
    except UnicodeDecodeError as problem:
        # The byte order mark is not counted in the position that the decoder gives.
        place = problem.start + (len(raw) - len(problem.object))
        line = raw.count(b"\n", 0, place) + 1
        said = encoding or "UTF-8"
        mend = 'pass encoding="latin-1", or save the file as UTF-8' if encoding is None else "pass the right encoding"
        raise DataError(
            f"{path}: byte {raw[place]:#04x} at position {place} (line {line}) is not {said}: {mend}."
        ) from None
    if "\0" in text:
        raise DataError(f"{path}: the file holds binary data, not text; check its suffix.")
    if not text.strip():
        raise DataError(f"{path}: the file is empty.")
    return text.lstrip("\r\n")


def _head(text: str) -> str:
    """The first lines, enough to tell how the table is written; whole lines only."""
    if len(text) <= _HEAD:
        return text
    cut = text.rfind("\n", 0, _HEAD)
    return text[: cut + 1] if cut >= 0 else text


def _delimiter(path: Path, text: str) -> str:
    """The delimiter that the suffix promises, or semicolons where nothing else can be meant."""
    promised = "\t" if path.suffix.lower() == ".tsv" else ","
    widths = {mark: len(next(_first_records(text, mark), [""])) for mark in _DELIMITERS}
    if promised == "," and widths[";"] > 1 and _agrees(text, ";") and not (widths[","] > 1 and _agrees(text, ",")):
        return ";"
    if widths[promised] > 1:
        return promised
    seen = max((mark for mark in _DELIMITERS if mark != promised), key=lambda mark: widths[mark])
    if widths[seen] == 1:
        return promised
    kinds = {",": "rename the file to .csv", "\t": "rename the file to .tsv"}
    mend = kinds.get(seen, f"save it with {_DELIMITERS[promised]}")
    raise DataError(
        f"{path}: the fields are separated by {_DELIMITERS[seen]}, not by the {_DELIMITERS[promised]} that "
        f"{path.suffix} promises: {mend}."
    )


def _agrees(text: str, delimiter: str) -> bool:
    """Whether the first records all have as many fields as the header."""
    return len({len(record) for record in _first_records(text, delimiter)}) == 1


def _first_records(text: str, delimiter: str) -> Iterator[list[str]]:
    """The header and the first filled records."""
    try:
        for number, record in enumerate(_records(text, delimiter)):
            if number > _LOOKED_AT:
                return
            if record:
                yield record
    except csv.Error:
        return


def _records(text: str, delimiter: str) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _header(name: str, place: int) -> str:
    return name.strip() or f"Unnamed: {place}"


def _check_shape(path: Path, text: str, delimiter: str, width: int) -> None:
    """Refuse a record with more or fewer fields than the header; short records would be filled up in silence."""
    if _regular(text.encode("utf-8", "surrogatepass"), delimiter, width):
        return
    reader = _records(text, delimiter)
    try:
        for record in reader:
            if record and len(record) != width:
                raise DataError(
                    f"{path}: line {reader.line_num} has {len(record)} fields where the header has {width}; "
                    "look for a lost or unquoted delimiter."
                )
    except csv.Error as problem:
        raise DataError(f"{path}: line {reader.line_num} cannot be read as a record ({problem}).") from None
    if text.count('"') % 2 and _never_closes(text, delimiter):
        raise DataError(f"{path}: a quotation mark is never closed, so the records run into one another.")


def _never_closes(text: str, delimiter: str) -> bool:
    """Whether the text ends within quotation marks; one inside a bare field (5" tall) is a letter like others."""
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            pass
    except csv.Error as problem:
        return "unexpected end" in str(problem)
    return False


def _regular(raw: bytes, delimiter: str, width: int) -> bool:
    """Whether a count of bytes already shows that every record has the same width; False only means: look closer."""
    marks = np.frombuffer(raw, dtype=np.uint8)
    ends = marks == ord("\n")
    separators = marks == ord(delimiter)
    if b'"' in raw:
        outside = (np.cumsum(marks == ord('"'), dtype=np.int32) & 1) == 0
        if not outside[-1]:
            return False
        ends &= outside
        separators &= outside
    places = np.flatnonzero(ends)
    if not len(places) or places[-1] != len(marks) - 1:
        places = np.append(places, len(marks))
    counts = np.diff(np.searchsorted(np.flatnonzero(separators), places), prepend=0)
    # An empty line is no record; a line of one field in a table of one column may be empty.
    lengths = np.diff(places, prepend=-1) - 1
    return bool(np.all((counts == width - 1) | (lengths == 0)))


def _decimal(records: Sequence[Sequence[str]], delimiter: str) -> str:
    """A comma where the delimiter allows it and the first records write every fraction so."""
    if delimiter == ",":
        return "."
    fields = [field for record in records for field in record]
    commas = any(_WITH_COMMA.fullmatch(field) for field in fields)
    points = any(_WITH_POINT.fullmatch(field) for field in fields)
    return "," if commas and not points else "."


def _parsed(path: Path, text: str, delimiter: str, decimal: str, missing: Sequence[Any], width: int) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            decimal=decimal,
            header=0,
            names=list(range(width)),
            index_col=False,
            na_values=[str(code) for code in missing],
            keep_default_na=False,
            low_memory=False,
        )
    except (ValueError, OverflowError) as problem:
        reason = str(problem).splitlines()[0].rstrip(".")
        raise DataError(f"{path}: the table cannot be read ({reason}).") from None
