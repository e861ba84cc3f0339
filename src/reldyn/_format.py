"""Numbers and tables as papers print them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "HtmlText",
    "LongText",
    "agreeing",
    "counted",
    "equals_p",
    "format_p",
    "format_table",
    "numbered_notes",
]


# Beginning of a long text that a notebook shows.
_BEGINNING = 60


class LongText(str):
    """A text of many pages: a notebook that is handed one as the last line of a cell shows the beginning alone.

    Examples
    --------
    >>> LongText("[" + "1, " * 1000 + "]")
    '[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,' ... 3,002 characters; print() shows them all
    """

    __slots__ = ()

    def __repr__(self) -> str:
        if len(self) <= _BEGINNING:
            return super().__repr__()
        return f"{str(self[:_BEGINNING])!r} ... {len(self):,} characters; print() shows them all"


class HtmlText(LongText):
    """HTML as text, which a notebook shows as what it describes."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(self)


def format_p(value: float) -> str:
    """Render a p-value as papers print it.

    Parameters
    ----------
    value : float
        Between 0 and 1; NaN gives an empty text.

    Returns
    -------
    str

    Examples
    --------
    >>> format_p(0.0312), format_p(0.00001), format_p(float("nan"))
    ('.031', '< .001', '')
    """
    if math.isnan(value):
        return ""
    return "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0") if value < 1 else "1.000"


def equals_p(value: float) -> str:
    """Render a p-value for a sentence, with a sign before it.

    Parameters
    ----------
    value : float
        NaN gives "unknown".

    Returns
    -------
    str

    Examples
    --------
    >>> equals_p(0.0312), equals_p(0.00001)
    ('= .031', '< .001')
    """
    text = format_p(value) or "unknown"
    return text if text.startswith(("<", "u")) else f"= {text}"


def agreeing(number: int, one: str, more: str) -> str:
    """The form of a verb that goes with a count.

    Parameters
    ----------
    number : int
    one, more : str
        For one, and for none or several.

    Returns
    -------
    str

    Examples
    --------
    >>> agreeing(1, "has", "have"), agreeing(3, "has", "have")
    ('has', 'have')
    """
    return one if number == 1 else more


def counted(number: int, word: str) -> str:
    """Render a count with its word, in the plural unless it is one.

    Parameters
    ----------
    number : int
    word : str
        In the singular.

    Returns
    -------
    str

    Examples
    --------
    >>> counted(1, "dyad"), counted(1200, "row")
    ('1 dyad', '1,200 rows')
    """
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def format_table(frame: pd.DataFrame, digits: int = 3) -> pd.DataFrame:
    """Round a tidy frame for reading: numbers to ``digits``, p-values as papers print them.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns whose name begins with ``p_`` hold p-values.
    digits : int, default 3
        Decimals of every other column of floats: enough for standard errors of standardised effects.

    Returns
    -------
    pandas.DataFrame
        Text in every cell, empty where a value is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> format_table(pd.DataFrame({"estimate": [1 / 3], "p_value": [0.0312]})).iloc[0].tolist()
    ['0.333', '.031']
    """
    import pandas as pd

    def render(name: str, column: pd.Series) -> pd.Series:
        if name.startswith("p_"):
            return column.map(lambda item: "" if blank(item) else item if isinstance(item, str) else format_p(item))
        if pd.api.types.is_float_dtype(column):
            return column.map(lambda item: "" if blank(item) else f"{item:.{digits}f}")
        return column.map(lambda item: "" if blank(item) else str(item))

    def blank(item: Any) -> bool:
        return item is None or item is pd.NA or item is pd.NaT or (isinstance(item, float) and math.isnan(item))

    return pd.DataFrame({name: render(str(name), frame[name]) for name in frame})


def numbered_notes(table: pd.DataFrame, shown: pd.DataFrame | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Rows of a table with numbers in place of their notes, and each note once.

    Parameters
    ----------
    table : pandas.DataFrame
        Its column ``note``, if there is one, holds texts.
    shown : pandas.DataFrame, optional
        The rows that are shown; None: all.

    Returns
    -------
    rows : pandas.DataFrame
        Those that are shown.
    notes : list of str
        In the order of their numbers, with the number of rows of the whole table they belong to where it is not one.

    Examples
    --------
    >>> import pandas as pd
    >>> rows, notes = numbered_notes(pd.DataFrame({"dyad": [1, 2, 3], "note": ["short", "", "short"]}))
    >>> rows["note"].tolist(), notes
    (['[1]', '', '[1]'], ['[1] 2 rows: short'])
    """
    rows = table if shown is None else shown
    if "note" not in table:
        return rows, []
    texts, times = _texts(rows["note"]), Counter(_texts(table["note"]))
    number = {note: at for at, note in enumerate(dict.fromkeys(filter(None, texts)), start=1)}
    marks = [f"[{number[note]}]" if note else "" for note in texts]
    notes = [
        f"[{at}] {note}" if times[note] == 1 else f"[{at}] {counted(times[note], 'row')}: {note}"
        for note, at in number.items()
    ]
    return rows.assign(note=marks), notes


def _texts(notes: Iterable[object]) -> list[str]:
    return [note if isinstance(note, str) else "" for note in notes]
