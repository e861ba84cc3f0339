"""Which columns of a text table are not numbers, though they look like it.

Ids with leading zeros or more than 15 digits stay text, as 001 and 1 are two ids and a float holds 15 digits.
The decimal mark is settled for the whole file by the evidence of each column: '2,3' may be two chosen answers,
so that a comma is a decimal mark only where some column cannot be lists of answers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Ints
from reldyn.errors import DataWarning, warn_caller
from reldyn.panel.reading._header_rows import is_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Marks",
    "comma_numbers",
    "decimal_mark",
    "id_columns",
    "may_hold_commas",
    "may_hold_ids",
    "typeset_numbers",
]

_IDS = r"[+-]?(?:0\d+|\d{16,}|\d+[eE]\d+)"
_EXACT_DIGITS = 15
_MAY_HOLD_COMMAS = re.compile(r",\d")
_COMMA = re.compile(r"([+-]?)(\d*),(\d+)")
_POINT = re.compile(r"[+-]?\d*\.\d+")
_LIST = re.compile(r"\d+(?:\s*,\s*\d+){2,}")
# Signs with which word processors and phones set numbers: a minus, fixed and narrow blanks, wide digits.
_TYPESET = re.compile(r"[\u2212\u00a0\u2007\u2009\u202f\uff0b\uff0d-\uff19]")
_GROUPED = re.compile(r"([+-]?\d{1,3})((?: \d{3})+)([.,]\d+)?")
# Codes of answers rarely go further; the fractions of prices and weights do.
_MOST_OPTIONS = 30
_ENOUGH = 5
_MANY = 8


def may_hold_ids(text: str) -> bool:
    """Whether a number with a leading zero, more than 15 digits or an inner E may be in the text; False is certain."""
    marks = np.frombuffer(b"\n" + text.encode("utf-8", "surrogatepass") + b"\n", dtype=np.uint8)
    digits = (marks >= ord("0")) & (marks <= ord("9"))
    first = digits[1:-1] & ~digits[:-2] & (marks[:-2] != ord("."))
    if np.any(first & digits[2:] & (marks[1:-1] == ord("0"))):
        return True
    exponents = ((marks[1:-1] | 32) == ord("e")) & digits[:-2] & digits[2:]
    if exponents.any():
        return True
    return bool(np.any(np.diff(np.flatnonzero(~digits)) > _EXACT_DIGITS + 1))


def may_hold_commas(text: str) -> bool:
    """Whether a number with a comma may be in the text; False is certain."""
    return _MAY_HOLD_COMMAS.search(text) is not None


def id_columns(cells: pd.DataFrame) -> list[int]:
    """Find the columns in which some value is a whole number with a leading zero or over 15 digits, or as 1E5 is."""
    return [
        place
        for place in range(cells.shape[1])
        if bool(cells.iloc[:, place].dropna().str.strip().str.fullmatch(_IDS).any())
    ]


@dataclass
class Marks:
    """The decimal mark of a file, and the columns whose commas are none.

    Attributes
    ----------
    decimal : str
    text : list of int
        Places of columns that stay text.
    undecided : dict of int to str
        Places of columns that may be numbers or lists of answers, each with the first such value.
    grouped : dict of int to str
        Places of columns whose commas separate thousands, each with the first such value.
    """

    decimal: str
    text: list[int] = field(default_factory=list)
    undecided: dict[int, str] = field(default_factory=dict)
    grouped: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Evidence:
    first: str
    number: bool
    likely: bool
    listed: bool
    rising: bool
    grouped: bool = False


def decimal_mark(cells: pd.DataFrame) -> Marks:
    """Settle the decimal mark of a table whose fields are not separated by commas.

    Parameters
    ----------
    cells : pandas.DataFrame
        The fields as text, missing ones as NaN.

    Returns
    -------
    Marks

    Examples
    --------
    >>> import pandas as pd
    >>> decimal_mark(pd.DataFrame({0: ["2,3", "1,2,3"], 1: ["0,125", "3"]}))
    Marks(decimal=',', text=[0], undecided={}, grouped={})
    """
    found: dict[int, _Evidence] = {}
    points = False
    for place in range(cells.shape[1]):
        values = [str(value) for value in cells.iloc[:, place].dropna().str.strip().unique() if value]
        points = points or _has_points(values)
        evidence = _evidence(values)
        if evidence is not None:
            found[place] = evidence
    proven = any(one.number and not one.listed for one in found.values())
    numbers = [] if points else [place for place, one in found.items() if _is_number_column(one, proven)]
    kept = [place for place in found if place not in numbers]
    # Beside points, which may separate thousands, only a comma that can be nothing but a decimal mark is worth a word.
    doubtful = [place for place in kept if not found[place].listed and (found[place].number or not points)]
    undecided = {place: found[place].first for place in doubtful}
    grouped = {place: found[place].first for place in kept if found[place].grouped}
    return Marks("," if numbers else ".", kept, undecided, grouped)


def comma_numbers(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, pd.Series]:
    """Columns of text whose values are numbers with a decimal comma and cannot be lists of chosen answers.

    Quotation marks keep such numbers together where commas also separate the fields.

    Examples
    --------
    >>> import pandas as pd
    >>> found = comma_numbers(pd.DataFrame({"mood": ["3,05", "4"], "chosen": ["2,3", "1,2,3"]}), ["mood", "chosen"])
    >>> {name: column.tolist() for name, column in found.items()}
    {'mood': [3.05, 4.0]}
    """
    import pandas as pd

    cells = pd.DataFrame({place: frame[name].astype("string") for place, name in enumerate(columns)})
    marks = decimal_mark(cells)
    if marks.decimal != ",":
        return {}
    found = {}
    for place, name in enumerate(columns):
        texts = cells[place].str.strip()
        known = texts.dropna()
        if place not in marks.text and len(known) and all(is_number(text) for text in known):
            found[name] = pd.to_numeric(texts.str.replace(",", "."), errors="coerce").astype(float)
    return found


def typeset_numbers(frame: pd.DataFrame, decimal: str, fixed: Sequence[int]) -> dict[int, pd.Series]:
    """Columns of text that are numbers but for signs of typesetting: a true minus, fixed blanks, wide digits.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns are counted from 0.
    decimal : str
        The decimal mark.
    fixed : sequence of int
        Columns that stay text, whatever they hold.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({0: ["\u22122", "1\u202f250", "3\u00a0"], 1: ["001\u00a0", "2", "3"]})
    >>> {place: column.tolist() for place, column in typeset_numbers(cells, ".", []).items()}
    {0: [-2.0, 1250.0, 3.0]}
    """
    import pandas as pd

    found = {}
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        if place in fixed or not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
            continue
        texts = column.dropna()
        values = [str(text) for text in texts]
        if not any(map(_TYPESET.search, values)):
            continue
        plain = [_plain_number(value) for value in values]
        if all(is_number(text) and (decimal == "," or "," not in text) for text in plain) and not any(
            re.fullmatch(_IDS, text) for text in plain
        ):
            numbers = pd.Series([float(text.replace(decimal, ".")) for text in plain], index=texts.index)
            found[place] = numbers.reindex(column.index)
    return found


def _plain_number(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()
    grouped = _GROUPED.fullmatch(plain) if _TYPESET.search(text) else None
    return plain.replace(" ", "") if grouped else plain


def _is_number_column(one: _Evidence, proven: bool) -> bool:
    """Whether the commas of a column are decimal marks, where the file has them for certain or not."""
    return not one.listed and (one.number or one.likely or (proven and not one.rising))


def _has_points(values: Sequence[str]) -> bool:
    """Whether a column of numbers has one with a decimal point."""
    return any(_POINT.fullmatch(value) for value in values) and all(is_number(value) for value in values)


def _evidence(values: Sequence[str]) -> _Evidence | None:
    """What the values of a column with commas say; None where it has none, or is text anyway."""
    parts = [match.groups() for value in values if (match := _COMMA.fullmatch(value))]
    if not parts:
        return None
    lists = [value for value in values if _LIST.fullmatch(value)]
    if not all(is_number(value) for value in values if value not in lists):
        return None
    first = next(value for value in values if _COMMA.fullmatch(value))
    lengths = {len(fraction) for _, _, fraction in parts}
    # A writer of fractions leaves out zeros at the end, or writes all fractions with one number of digits.
    padded = len(lengths) > 1 and any(len(fraction) > 1 and fraction.endswith("0") for _, _, fraction in parts)
    rising = len(parts) >= _ENOUGH and all(whole and int(whole) < int(fraction) for _, whole, fraction in parts)
    # No option is chosen twice, but pairs such as places on a grid may agree: many values must speak for numbers.
    twice = any(whole == fraction for _, whole, fraction in parts)
    likely = twice and lengths == {1} and len(parts) >= _MANY
    grouped = _separates_thousands(parts, [value for value in values if value.isdigit()])
    return _Evidence(first, _cannot_be_lists(parts), likely, bool(lists) or padded or grouped, rising, grouped)


def _separates_thousands(parts: Sequence[tuple[str, ...]], whole: Sequence[str]) -> bool:
    """Whether commas stand between thousands: whole numbers have none below 1000 and all have one from there on.

    Beside whole numbers a writer of fractions leaves out zeros at the end, so that 1,000 would be 1.
    """
    groups = all(len(fraction) == 3 and re.fullmatch(r"[1-9]\d{0,2}", first) for _, first, fraction in parts)
    zeros = any(fraction.endswith("0") for _, _, fraction in parts)
    return groups and zeros and any(int(value) > 0 for value in whole) and all(int(value) < 1000 for value in whole)


def _cannot_be_lists(parts: Sequence[tuple[str, ...]]) -> bool:
    """Whether some value cannot be two chosen answers: their codes are whole and small."""
    prices = {len(fraction) for _, _, fraction in parts} == {2}
    return any(
        sign
        or not whole
        or len(whole) > 2
        or len(fraction) > 2
        or (len(fraction) == 2 and fraction.startswith("0"))
        or (prices and int(fraction) > _MOST_OPTIONS)
        for sign, whole, fraction in parts
    )


def warn_undecided(where: str, marks: Marks, names: Sequence[str], cells: pd.DataFrame, lines: Ints | None) -> None:
    """Warn of columns that stay text because they may hold lists of answers, or marks between thousands."""
    if marks.grouped:
        columns, one = _columns_shown(marks.grouped, names, cells, lines)
        warn_caller(
            f"{where}: {columns} {'writes' if one else 'write'} commas between thousands, and "
            f"{'stays' if one else 'stay'} text: write 1000 for 1,000 in the file, or pass "
            'decimal="," where they are decimal commas.',
            DataWarning,
        )
    if marks.undecided:
        columns, one = _columns_shown(marks.undecided, names, cells, lines)
        warn_caller(
            f"{where}: {columns} may hold numbers with a decimal comma or "
            f'lists of chosen answers, and {"stays" if one else "stay"} text: pass decimal="," for numbers, '
            'decimal="." for lists.',
            DataWarning,
        )


def _columns_shown(
    found: Mapping[int, str], names: Sequence[str], cells: pd.DataFrame, lines: Ints | None
) -> tuple[str, bool]:
    """Up to five columns with a value and its place, and whether there is one only."""
    shown = [_shown(names[place], value, cells[place], lines) for place, value in list(found.items())[:5]]
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    one = len(found) == 1
    return f"{'column' if one else 'columns'} {', '.join(shown)}{more}", one


def _shown(name: str, value: str, cells: pd.Series, lines: Ints | None) -> str:
    rows = (cells.str.strip() == value).to_numpy(dtype=bool, na_value=False).nonzero()[0]
    line = f" on line {int(lines[rows[0]])}" if lines is not None and len(rows) else ""
    return f"{name!r} ({value!r}{line})"


def as_text(places: Sequence[int]) -> Mapping[int, type[str]]:
    """The types that `pandas.read_csv` takes for columns that stay text."""
    return dict.fromkeys(places, str)
