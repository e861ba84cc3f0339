"""The border of a panel: which frames come in, and which faults keep them out."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reldyn.errors import DataError
from reldyn.panel._lines import keep_lines, lines_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_pandas", "column_label", "plain_rows", "raise_errors"]

# Faults that arise where one person or dyad is written in two ways.
_OF_IDS = ("person-in-two-dyads", "dyad-size", "role-changes")


def as_pandas(frame: Any) -> pd.DataFrame:
    """Take any data frame at the border and copy it with plain row positions."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        import narwhals as nw

        try:
            frame = nw.from_native(frame, eager_only=True).to_pandas()
        except TypeError:
            raise DataError(
                f"a panel is made from a data frame, not from a {type(frame).__name__}: read a file with rd.read_table."
            ) from None
        except ModuleNotFoundError:
            raise DataError('this frame needs pyarrow to be converted: pip install "reldyn[io]".') from None
    return plain_rows(frame)


def plain_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Copy a data frame with plain row positions, columns named by text, and attributes of its own."""
    import pandas as pd

    # A frame copies its attributes at every step: those that refuse must be gone before the first.
    rows: pd.DataFrame = pd.DataFrame(frame).reset_index(drop=True)
    lines = lines_of(frame)
    if rows.columns.nlevels > 1 or not all(isinstance(name, str) for name in rows.columns):
        rows.columns = pd.Index([column_label(name) for name in frame.columns], dtype=object)
    rows.attrs = _copied(frame.attrs)
    keep_lines(rows, lines)
    return rows


def _copied(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    """A deep copy of the attributes of a frame, without those that cannot be copied."""
    copies = {}
    for key, value in attrs.items():
        with contextlib.suppress(Exception):
            copies[key] = copy.deepcopy(value)
    return copies


def column_label(name: object) -> str:
    """The text by which a panel names a column."""
    try:
        return str(name)
    except Exception:
        return f"<{type(name).__name__}>"


def raise_errors(findings: pd.DataFrame) -> None:
    """Raise one `DataError` with every finding of severity error, and the whole table behind it."""
    errors = findings[findings["severity"] == "error"]
    if errors.empty:
        return
    lines = [f"- {error.message} {error.fix}" for error in errors.itertuples()]
    count = "1 fault" if len(lines) == 1 else f"{len(lines)} faults"
    if errors["code"].isin(_OF_IDS).any():
        spellings = findings[findings["code"] == "label-spellings"]
        lines += [f"Perhaps the cause: {other.message} {other.fix}" for other in spellings.itertuples()]
    raise DataError(f"the rows cannot make a panel, {count}:\n" + "\n".join(lines), findings)
