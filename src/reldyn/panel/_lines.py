"""Lines of a file: which line, as an editor counts them, each row of a table came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Ints

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["describe_lines", "keep_lines", "line_steps", "lines_of"]

_SHOWN = 5


def lines_of(frame: pd.DataFrame) -> Ints | None:
    """Give the line of the file on which each row of a table begins.

    `read_table` stores the lines of text files and the sheet rows of workbooks in ``frame.attrs["lines"]`` as
    ``{"n": number of rows, "steps": ((row, line), ...)}``: from each named row on, lines rise by one until the
    next named row. Blank lines, lines above the header and line ends within quotation marks are counted, so the
    numbers are those that an editor shows.

    Parameters
    ----------
    frame : pandas.DataFrame
        As returned by `read_table`, or rows of it in any order that still carry its index.

    Returns
    -------
    (n,) int array, or None
        Lines counted from 1. None where the table was not read from such a file, or where its index was reset
        after rows had been dropped, so that rows and lines no longer correspond.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"mood": [3, 4, 5]})
    >>> frame.attrs["lines"] = {"n": 3, "steps": ((0, 2), (1, 5))}
    >>> lines_of(frame[frame["mood"] > 3]).tolist()
    [5, 6]
    """
    stored = frame.attrs.get("lines")
    index = frame.index
    if not isinstance(stored, dict) or "steps" not in stored or index.nlevels > 1 or index.dtype.kind not in "iu":
        return None
    labels = index.to_numpy()
    n = int(stored["n"])
    reset = len(labels) < n and bool(np.array_equal(labels, np.arange(len(labels))))
    if reset or (len(labels) and (labels.min() < 0 or labels.max() >= n)):
        return None
    rows, lines = np.array(stored["steps"], dtype=np.int64).reshape(-1, 2).T
    step = np.searchsorted(rows, labels, side="right") - 1
    found: Ints = lines[step] + labels - rows[step]
    return found


def line_steps(lines: Sequence[int] | Ints) -> tuple[tuple[int, int], ...]:
    """Store lines by the rows at which they do not rise by one.

    Examples
    --------
    >>> line_steps([2, 3, 6, 7])
    ((0, 2), (2, 6))
    """
    numbers = np.asarray(lines, dtype=np.int64)
    if not len(numbers):
        return ()
    rows = np.concatenate([[0], np.flatnonzero(np.diff(numbers) != 1) + 1])
    return tuple((int(row), int(numbers[row])) for row in rows)


def keep_lines(rows: pd.DataFrame, lines: Ints | None) -> None:
    """Store the lines of the rows of a table whose index counts them from 0; None forgets what was stored."""
    if "lines" in rows.attrs:
        if lines is None:
            del rows.attrs["lines"]
        else:
            rows.attrs["lines"] = {"n": len(lines), "steps": line_steps(lines)}


def describe_lines(lines: Sequence[int] | Ints, word: str = "line") -> str:
    """Name the first few lines and count the others.

    Examples
    --------
    >>> describe_lines([3, 4]), describe_lines(range(2, 10))
    ('lines 3, 4', 'lines 2, 3, 4, 5, 6 and 3 more')
    """
    shown = ", ".join(str(int(line)) for line in lines[:_SHOWN])
    more = f" and {len(lines) - _SHOWN:,} more" if len(lines) > _SHOWN else ""
    return f"{word}{'' if len(lines) == 1 else 's'} {shown}{more}"
