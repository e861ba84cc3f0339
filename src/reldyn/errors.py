"""Errors and warnings that reach a user, and the checks that raise them.

Every message says what is wrong, where (file, column, first rows) and how to fix it.
"""

from __future__ import annotations

import difflib
import math
import numbers
import sys
import warnings
from collections.abc import Collection, Hashable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ConvergenceWarning",
    "DataError",
    "DataWarning",
    "DesignError",
    "ReldynError",
    "check_columns",
    "check_count",
    "check_option",
    "describe_rows",
    "is_count",
    "is_number",
    "label_hint",
    "warn_caller",
]

# Words of the field for an option whose nearest spelling would mean something else.
_OTHER_WORDS = {
    "indistinguishable": "exchangeable",
    "interchangeable": "exchangeable",
    "normal": "gaussian",
    "linear": "gaussian",
    "logistic": "binomial",
    "logit": "binomial",
    "bernoulli": "binomial",
    "negbin": "negative-binomial",
}


class ReldynError(Exception):
    """Root of every error that reldyn raises on purpose."""


class DataError(ReldynError, ValueError):
    """The data cannot be used as they are: names the file or column, the rows and the fix.

    Parameters
    ----------
    message : str
        One or more sentences for the reader.
    findings : pandas.DataFrame, optional
        The table of `check_panel` behind the error, kept as the attribute ``findings``.
    """

    def __init__(self, message: str, findings: pd.DataFrame | None = None) -> None:
        super().__init__(message)
        self.findings = findings


class DesignError(ReldynError, ValueError):
    """The model asked for cannot be estimated from these data: names the term and the reason."""


class ConvergenceWarning(UserWarning):
    """An optimiser did not reach a verified optimum; the result says so too."""


class DataWarning(UserWarning):
    """The data can be used, but a careful reader should know something about them."""


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn at the line that called the library, however deep inside the library the reason was found.

    Parameters
    ----------
    message : str
    category : type

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_caller("eight dyads are few", DataWarning)
    >>> [str(one.message) for one in caught]
    ['eight dyads are few']
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_ours(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == "reldyn"


def describe_rows(rows: Sequence[int], shown: int = 5) -> str:
    """Say which rows are meant: the first few row positions and how many there are.

    Parameters
    ----------
    rows : sequence of int
        Row positions, counted from 0.
    shown : int, default 5
        How many positions to print: enough to find the place, few enough to read.

    Returns
    -------
    str

    Examples
    --------
    >>> describe_rows([3, 4, 9])
    'rows 3, 4, 9'
    >>> describe_rows(range(100))
    'rows 0, 1, 2, 3, 4 and 95 more'
    """
    first = ", ".join(str(int(row)) for row in rows[:shown])
    word = "row" if len(rows) == 1 else "rows"
    more = f" and {len(rows) - shown:,} more" if len(rows) > shown else ""
    return f"{word} {first}{more}"


def check_option(value: Any, allowed: Collection[Any], name: str) -> None:
    """Raise a `DesignError` that lists all allowed values and the nearest match.

    Parameters
    ----------
    value : object
        What the caller gave.
    allowed : collection
        Every value that is allowed, in the order to list them.
    name : str
        The parameter, as the caller writes it.

    Raises
    ------
    DesignError
        The value is none of the allowed ones.

    Examples
    --------
    >>> check_option("remI", ("reml", "ml"), "method")
    Traceback (most recent call last):
        ...
    reldyn.errors.DesignError: method='remI' is not known; allowed: 'reml', 'ml'. Did you mean 'reml'?
    """
    try:
        if value in allowed:
            return
    except (TypeError, ValueError):
        # Arrays have no single truth value, and lists no hash: none of them is an option.
        pass
    other = _OTHER_WORDS.get(str(value).lower())
    close = (
        [other]
        if other and other in allowed
        else difflib.get_close_matches(str(value), [str(one) for one in allowed], n=1)
        or [str(one) for one in allowed if str(one).casefold() == str(value).casefold()]
    )
    hint = f" Did you mean {close[0]!r}?" if close else ""
    listed = ", ".join(repr(item) for item in allowed)
    raise DesignError(f"{name}={value!r} is not known; allowed: {listed}.{hint}")


def is_count(value: Any, least: int) -> bool:
    """Whether a value is a whole number of at least ``least``; numbers of numpy are, and truth values are not.

    Parameters
    ----------
    value : object
    least : int

    Returns
    -------
    bool

    Examples
    --------
    >>> is_count(3, 1), is_count(3.0, 1), is_count(True, 1), is_count(0, 1)
    (True, False, False, False)
    """
    return not isinstance(value, bool) and isinstance(value, numbers.Integral) and int(value) >= least


def is_number(value: Any, least: float = -math.inf) -> bool:
    """Whether a value is a finite number of at least ``least``; numbers of numpy are, and truth values are not.

    Parameters
    ----------
    value : object
    least : float, default -inf

    Returns
    -------
    bool

    Examples
    --------
    >>> is_number(0.5), is_number(-1, 0), is_number("much"), is_number(True), is_number(float("nan"))
    (True, False, False, False, False)
    """
    import numpy as np

    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return real and math.isfinite(float(value)) and float(value) >= least


def check_count(value: Any, name: str, least: int) -> None:
    """Raise a `DesignError` unless a value is a whole number of at least ``least``.

    Parameters
    ----------
    value : object
        What the caller gave.
    name : str
        The parameter, as the caller writes it.
    least : int

    Raises
    ------
    DesignError

    Examples
    --------
    >>> check_count(-1, "max_lag", 0)
    Traceback (most recent call last):
        ...
    reldyn.errors.DesignError: max_lag=-1: give a whole number of at least 0.
    """
    if not is_count(value, least):
        shown = value.item() if isinstance(value, numbers.Number) and hasattr(value, "item") else value
        raise DesignError(f"{name}={shown!r}: give a whole number of at least {least}.")


def check_columns(present: Collection[str], wanted: Collection[str], where: str = "the panel") -> None:
    """Raise one `DataError` naming every wanted column that is absent, with the nearest match.

    Parameters
    ----------
    present, wanted : collection of str
        Columns that are there, and those that are needed.
    where : str, default "the panel"
        What has the columns: a file's name, where there is one.

    Raises
    ------
    DataError
        Any wanted column is absent.

    Examples
    --------
    >>> check_columns(["warmth", "stress"], ["warmht"])
    Traceback (most recent call last):
        ...
    reldyn.errors.DataError: no column 'warmht' in the panel (nearest: 'warmth'). Columns: warmth, stress.
    """
    absent = [str(name) for name in wanted if name not in present]
    if not absent:
        return
    names = [str(name) for name in present]
    parts = []
    for name in absent:
        close = difflib.get_close_matches(str(name), names, n=1)
        parts.append(f"{name!r} in {where}" + (f" (nearest: {close[0]!r})" if close else ""))
    listed = ", ".join(names[:30]) + (" ..." if len(names) > 30 else "")
    raise DataError(f"no column {'; no column '.join(parts)}. Columns: {listed}.")


def label_hint(asked: Any, known: Collection[Hashable]) -> str:
    """A question whether another label was meant, to be put behind the one that is absent; empty where none is near.

    Parameters
    ----------
    asked : object
        The label that is not there.
    known : collection of label

    Returns
    -------
    str

    Examples
    --------
    >>> label_hint("1", [1, 2]), label_hint(7, ["c7"]), label_hint("c77", ["c7", "d1"])
    (' (did you mean 1, a number?)', '', " (did you mean 'c7'?)")
    """
    for one in known:
        if isinstance(one, str) != isinstance(asked, str) and _reads_alike(asked, one):
            return f" (did you mean {one!r}, {'text' if isinstance(one, str) else 'a number'}?)"
    texts = [one for one in known if isinstance(one, str)]
    close = difflib.get_close_matches(asked, texts, n=1) if isinstance(asked, str) else []
    return f" (did you mean {close[0]!r}?)" if close else ""


def _reads_alike(first: Any, second: Any) -> bool:
    """Whether two labels are written alike, or are the same number."""
    if str(first).strip() == str(second).strip():
        return True
    try:
        return float(first) == float(second)
    except (TypeError, ValueError):
        return False
