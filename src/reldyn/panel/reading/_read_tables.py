"""What every reader is asked for, and what it hands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reldyn._types import Ints

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Options", "Read", "blank_codes"]


@dataclass(frozen=True)
class Options:
    """The options of `read_table`, checked."""

    missing: tuple[Any, ...]
    decimal: str | None = None
    encoding: str | None = None
    dates: str | Mapping[str, str] | None = None
    skip: int = 0
    header: tuple[int, ...] | None = None
    sheet: str | None = None
    delimiter: str | None = None
    labels: bool | tuple[str, ...] = True

    @property
    def codes(self) -> set[str]:
        """The codes for missing as text."""
        return {str(code) for code in self.missing}

    def date_places(self, names: Sequence[str]) -> list[int]:
        """Places of the columns named in `dates`, which stay text until they are read as dates."""
        if not isinstance(self.dates, Mapping):
            return []
        return [place for place, name in enumerate(names) if name in self.dates]


@dataclass
class Read:
    """A table as a reader hands it back.

    Attributes
    ----------
    frame : pandas.DataFrame
        Columns in the order of the file; their names are set later.
    headers : list of str
        The names as they stand in the file.
    lines : (n,) int array, optional
        Line (of text) or sheet row of each row.
    texts : dict of int to str
        What the file says about a column beside its name: question texts, labels of variables.
    value_labels : dict of str to dict
        Per column, the label of each code.
    unit : str, default "line"
        What `lines` counts.
    unnamed : dict of int to int
        Places of columns without a name in the header, which are called after them, with the line of the header.
    """

    frame: pd.DataFrame
    headers: list[str]
    lines: Ints | None = None
    texts: dict[int, str] = field(default_factory=dict)
    value_labels: dict[str, dict[Any, str]] = field(default_factory=dict)
    unit: str = "line"
    unnamed: dict[int, int] = field(default_factory=dict)


def blank_codes(frame: pd.DataFrame, missing: Sequence[Any]) -> pd.DataFrame:
    """Set the codes for missing to missing: texts in columns of text, numbers in columns of numbers."""
    import pandas as pd

    texts = {str(code) for code in missing}
    numbers = [value for code in missing if (value := _as_number(code)) is not None]
    columns = {}
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        if pd.api.types.is_object_dtype(column.dtype) or pd.api.types.is_string_dtype(column.dtype):
            columns[place] = column.mask(column.astype(object).isin([*texts, *numbers])).infer_objects()
        elif numbers and pd.api.types.is_numeric_dtype(column.dtype) and column.isin(numbers).any():
            columns[place] = column.astype(float).mask(column.isin(numbers))
        else:
            columns[place] = column
    blanked = pd.DataFrame(columns)
    blanked.columns = frame.columns
    return blanked


def _as_number(code: Any) -> float | None:
    try:
        return float(code)
    except (TypeError, ValueError):
        return None
