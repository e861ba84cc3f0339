"""Reading delimited text: encoding, delimiter, header, shape and decimal mark are settled before parsing."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._types import Ints
from reldyn.errors import DataError, DataWarning, warn_caller
from reldyn.panel._lines import describe_lines
from reldyn.panel.reading._dialect import (
    BLANK,
    Table,
    first_records,
    never_closes,
    read_records,
    regular,
    separated,
)
from reldyn.panel.reading._encoding import decoded
from reldyn.panel.reading._header_rows import (
    cut_header,
    repeated_headers,
    title_hint,
    warn_of_names,
)
from reldyn.panel.reading._limits import check_shape
from reldyn.panel.reading._read_tables import Options, Read
from reldyn.panel.reading._text_columns import (
    Marks,
    as_text,
    decimal_mark,
    id_columns,
    may_hold_commas,
    may_hold_ids,
    typeset_numbers,
    warn_undecided,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

# What separates fields somewhere; blanks stand in many names.
_MARKS = (",", ";", "\t", "|", ":", "^", "~")
_LOOKED_AT = 1_000
_NO_TABLES = {
    "<!doctype html": "a web page (of a log-in, perhaps)",
    "<html": "a web page (of a log-in, perhaps)",
    "<?xml": "XML",
    "{\\rtf": "a document of a word processor",
}
_JSON = re.compile(r"\[\s*(?:\{\s*\"|\])|\{\s*\"[^\"]*\"\s*:")
# Quotation marks keep a decimal comma together where commas also separate the fields.
_QUOTED_COMMA = re.compile(r"\"\s*[+-]?\d*,\d+\s*\"")
_LINE_END = re.compile(r"\r\n|\r|\n")


def read_text(path: Path, options: Options) -> Read:
    """Read a .csv, .tsv or .txt file."""
    text = decoded(path, options.encoding)
    _check_is_table(path, text)
    table = _without_empty_end(path, separated(path, text, options.delimiter, options.skip))
    if options.decimal == table.delimiter and not _QUOTED_COMMA.search(table.text):
        raise DataError(
            f"{path}: decimal={options.decimal!r} is also what separates the fields; the numbers cannot be told apart."
        )
    shape = _shape(path, table, options)
    check_shape(path, len(shape.lines), shape.widest)
    body = _without_lines(_from_line(table, shape.data_line), shape)
    cells, marks = _settled(path, body, table, shape, options)
    frame = _parsed(path, body, table.delimiter, marks, options.missing, shape)
    if cells is not None:
        warn_undecided(str(path), marks, shape.names, cells, shape.lines)
    for place in marks.text:
        frame[place] = frame[place].str.strip()
    if not table.text.isascii():
        for place, numbers in typeset_numbers(frame, marks.decimal, marks.text).items():
            frame[place] = numbers
    # Where pandas and the csv module disagree about what a record is, no lines are better than wrong ones.
    lines = shape.lines if len(shape.lines) == len(frame) else None
    return Read(frame, shape.names, lines, shape.texts, unnamed=shape.unnamed)


def _check_is_table(path: Path, text: str) -> None:
    """Refuse what another program wrote for itself: a web page, such as that of a log-in, JSON, XML or RTF."""
    start = text[:_LOOKED_AT].lstrip().lower()
    kind = next((kind for begin, kind in _NO_TABLES.items() if start.startswith(begin)), None)
    if kind is None and _JSON.match(start):
        kind = "JSON"
    if kind is not None:
        raise DataError(f"{path}: the file holds {kind}, no table: export it again, as .csv or .xlsx.")


def _without_empty_end(path: Path, table: Table) -> Table:
    """Leave out the records of delimiters alone with which spreadsheets fill up a file."""
    text, empty = table.text, " \t\r\n" + table.delimiter
    end = len(text.rstrip("\r\n"))
    while end > 0 and not text[(start := _line_start(text, end)) : end].strip(empty):
        end = len(text[:start].rstrip("\r\n"))
    n = sum(table.delimiter in line for line in _LINE_END.split(text[end:]))
    if table.written == BLANK or not end or not n:
        return table
    first = table.first_line + len(_LINE_END.findall(text[:end])) + 1
    warn_caller(
        f"{path}: {n:,} record{'' if n == 1 else 's'} at the end, from line {first} on, hold nothing: left out.",
        DataWarning,
    )
    return replace(table, text=text[:end] + "\n")


def _line_start(text: str, end: int) -> int:
    return max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1


@dataclass(frozen=True)
class _Shape:
    names: list[str]
    texts: dict[int, str]
    data_line: int
    lines: Ints
    widest: int
    unnamed: dict[int, int]
    left_out: tuple[tuple[int, int], ...] = ()

    @property
    def width(self) -> int:
        return len(self.names)


def _shape(path: Path, table: Table, options: Options) -> _Shape:
    """Names, lines of the records, and a refusal of records that do not fit the names."""
    lines, widths, records = _widths(path, table)
    heads = [record for _, record in records]
    names, start, texts = cut_header(str(path), heads, options.header)
    again = _repeated(path, table, heads[:start], (options.header or (0,))[0], start)
    left_out: tuple[tuple[int, int], ...] = ()
    if again:
        left_out = tuple((int(lines[place]), int(np.append(lines, lines[place] + 1)[place + 1])) for place in again)
        lines, widths = np.delete(lines, again), np.delete(widths, again)
        records = [record for place, record in enumerate(records) if place not in again]
    top, top_lines = [record for _, record in records], [line for line, _ in records]
    warn_of_names(str(path), top, top_lines, options.header, options.codes)
    headers = [_header(name, place) for place, name in enumerate(names)]
    unnamed = {place: top_lines[(options.header or (0,))[0]] for place, name in enumerate(names) if not name.strip()}
    if table.text.count('"') % 2 and never_closes(table.text, table.delimiter):
        raise DataError(
            f"{path}: a quotation mark in the record that begins on line {lines[-1]} is never closed, so the records "
            "run into one another."
        )
    body = widths[start:]
    if _rows_are_named(path, table, len(headers), body, start):
        headers = ["Unnamed: 0", *headers]
        texts = {place + 1: text for place, text in texts.items()}
        unnamed = {place + 1: line for place, line in unnamed.items()}
    _check_widths(path, table, lines[start:], body, len(headers), (top, top_lines))
    data_line = int(lines[start]) if len(lines) > start else -1
    widest = max(len(headers), int(body.max(initial=0)))
    return _Shape(headers, texts, data_line, lines[start:], widest, unnamed, left_out)


def _repeated(path: Path, table: Table, heads: Sequence[Sequence[str]], names: int, start: int) -> list[int]:
    """Places of the records that repeat the header; a count of its longest name says where none can."""
    longest = max((name.strip() for name in heads[names]), key=len)
    if not longest or table.text.count(longest) == sum(cell.count(longest) for head in heads for cell in head):
        return []
    rows = (record for place, record in enumerate(read_records(path, table)) if place >= start)
    return [start + place for place in repeated_headers(str(path), rows, heads, names)]


def _widths(path: Path, table: Table) -> tuple[Ints, Ints, list[tuple[int, list[str]]]]:
    """Lines and widths of all records, and the first records themselves."""
    first = first_records(table.text, table.delimiter)
    if not first:
        raise DataError(f"{path}: the file is empty.")
    width = len(first[0])
    if regular(table.text.encode("utf-8", "surrogatepass"), table.delimiter, width):
        n = table.text.rstrip("\r\n").count("\n") + 1
        lines = table.first_line + np.arange(n, dtype=np.int64)
        return lines, np.full(n, width), list(zip(lines[: len(first)].tolist(), first, strict=True))
    found = [(line, len(record)) for line, record in read_records(path, table)]
    lines, widths = np.array(found, dtype=np.int64).T
    return lines, widths, list(zip(lines[: len(first)].tolist(), first, strict=False))


def _header(name: str, place: int) -> str:
    return name.strip() or f"Unnamed: {place}"


def _rows_are_named(path: Path, table: Table, width: int, body: Ints, start: int) -> bool:
    """Whether every record has one field more than the header, and the first fields are names of rows, as R writes."""
    if len(body) < 2 or not np.all(body == width + 1) or (width == 1 and _other_marks(_first(path, table), table)):
        return False
    firsts = [record[0] for _, record in read_records(path, table)][start:]
    lasts = [record[-1] for _, record in read_records(path, table)][start:]
    if len(set(firsts)) < len(firsts) or not any(lasts):
        return False
    counted = firsts == [str(number + 1) for number in range(len(firsts))]
    if not counted and table.written != BLANK:
        return False
    warn_caller(
        f"{path}: every record has one field more than the header; the first is read as the name of the row, as R "
        "writes it, under 'Unnamed: 0'.",
        DataWarning,
    )
    return True


def _first(path: Path, table: Table) -> str:
    """The only field of the first record."""
    return next(read_records(path, table))[1][0]


def _other_marks(field: str, table: Table) -> list[str]:
    """What may separate names that stand in one field."""
    return [mark for mark in _MARKS if mark != table.delimiter and mark in field.strip()]


def _check_one_field(path: Path, table: Table, lines: Ints, widths: Ints, width: int) -> None:
    """Refuse records that stand in quotation marks as a whole, and one column that another sign splits evenly."""
    alone = widths == 1
    if not len(widths) or 2 * alone.sum() <= len(widths):
        return
    fields = [record[0] for _, record in read_records(path, table) if len(record) == 1]
    first = int(lines[np.flatnonzero(alone)[0]])
    if all(table.delimiter in field for field in fields) and (width > 1 or alone.all()):
        raise DataError(
            f"{path}: from line {first} on, records stand in quotation marks as a whole, so that they have one field: "
            "take these marks out, or save the file again from the program that wrote it."
        )
    if width > 1 or not alone.all():
        return
    for mark in _other_marks(fields[0], table):
        if len({field.count(mark) for field in fields}) == 1:
            raise DataError(
                f"{path}: the file has one column, {fields[0]!r}, whose records {mark!r} splits evenly: pass "
                f"delimiter={mark!r}."
            )


def _check_widths(
    path: Path,
    table: Table,
    lines: Ints,
    widths: Ints,
    width: int,
    top: tuple[list[list[str]], list[int]],
) -> None:
    """Refuse long records, and short ones where it is open which field is missing; count the other short ones."""
    _check_one_field(path, table, lines, widths, width)
    if np.any(widths > width):
        _check_long(path, table, int(lines[0]), width, top)
    short = np.flatnonzero(widths < width)
    if not len(short):
        return
    if table.written == BLANK:
        raise DataError(
            f"{path}: line {lines[short[0]]} has {widths[short[0]]} fields where the header has {width}; between "
            "blanks a missing value must be written, for example as NA."
        )
    warn_caller(
        f"{path}: {len(short):,} of {len(lines):,} records have fewer fields than the header has ({width}); the fields "
        f"at their ends are read as missing ({describe_lines(lines[short])}).",
        DataWarning,
    )


def _check_long(path: Path, table: Table, first: int, width: int, top: tuple[list[list[str]], list[int]]) -> None:
    """Refuse the first record with more fields than the header, unless all it has more is delimiters."""
    for line, record in read_records(path, table):
        if line >= first and any(cell.strip() for cell in record[width:]):
            raise DataError(_too_long(path, line, len(record), width, top))


def _too_long(path: Path, line: int, n: int, width: int, top: tuple[list[list[str]], list[int]]) -> str:
    records, lines = top
    names = records[0][0] if len(records[0]) == 1 else ""
    if any(names.count(mark) == n - 1 for mark in _MARKS):
        return (
            f"{path}: the names on line {lines[0]} are separated by another sign than the fields on line {line}: write "
            "both alike."
        )
    hint = title_hint(records, lines, Counter(map(len, records)).most_common(1)[0][0])
    fix = f".{hint}" if hint else "; look for a lost or unquoted delimiter."
    return f"{path}: line {line} has {n} fields where the header has {width}{fix}"


def _from_line(table: Table, line: int) -> str:
    """The text from a line of the file on; empty for a line that is not there."""
    if line < 0:
        return ""
    start = 0
    for _ in range(line - table.first_line):
        found = _LINE_END.search(table.text, start)
        if found is None:
            return ""
        start = found.end()
    return table.text[start:]


def _without_lines(text: str, shape: _Shape) -> str:
    """The text of the records without the lines that repeat the header."""
    if not shape.left_out:
        return text
    ends = [0, *(match.end() for match in _LINE_END.finditer(text)), len(text)]
    kept, start = [], 0
    for first, after in shape.left_out:
        begin, end = (ends[min(max(line - shape.data_line, 0), len(ends) - 1)] for line in (first, after))
        kept.append(text[start:begin])
        start = max(start, end)
    return "".join([*kept, text[start:]])


def _settled(path: Path, body: str, table: Table, shape: _Shape, options: Options) -> tuple[pd.DataFrame | None, Marks]:
    """The decimal mark and the columns that stay text; the cells as text where they were looked at."""
    open_mark = options.decimal is None and table.delimiter != "," and may_hold_commas(body)
    dated = options.date_places(shape.names)
    if not body or not (open_mark or may_hold_ids(body)):
        return None, Marks(options.decimal or ".", dated)
    cells = _parsed(path, body, table.delimiter, None, options.missing, shape)
    marks = decimal_mark(cells) if open_mark else Marks(options.decimal or ".")
    marks.text = sorted({*marks.text, *id_columns(cells), *dated})
    return cells, marks


def _parsed(
    path: Path, body: str, delimiter: str, marks: Marks | None, missing: Sequence[Any], shape: _Shape
) -> pd.DataFrame:
    """Parse the records; without marks, every field stays text. Empty fields beyond the header are cut off."""
    import pandas as pd

    if not body.strip():
        return pd.DataFrame(columns=range(shape.width), dtype=object)
    try:
        frame = pd.read_csv(
            io.StringIO(body),
            sep=delimiter,
            decimal=marks.decimal if marks is not None else ".",
            header=None,
            names=list(range(shape.widest)),
            dtype=as_text(range(shape.widest)) if marks is None else as_text(marks.text),
            index_col=False,
            na_values=[str(code) for code in missing],
            keep_default_na=False,
            low_memory=False,
        )
    except (ValueError, OverflowError) as problem:
        reason = str(problem).splitlines()[0].rstrip(".")
        raise DataError(f"{path}: the table cannot be read ({reason}).") from None
    return frame.iloc[:, : shape.width].copy() if shape.widest > shape.width else frame
