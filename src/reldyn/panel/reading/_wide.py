"""From one row per dyad, or per dyad and occasion, to a panel with one row per person and occasion."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from reldyn.errors import DataError, DataWarning, DesignError, check_columns

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel._panel import DyadPanel
    from reldyn.panel._schedule import Schedule

__all__ = ["from_wide"]

_Where = Literal["prefix", "suffix"]


def from_wide(
    frame: pd.DataFrame,
    *,
    dyad: str,
    prefixes: Sequence[str] | Mapping[str, str] | None = None,
    suffixes: Sequence[str] | Mapping[str, str] | None = None,
    time: str | None = None,
    day: str | None = None,
    beep: str | None = None,
    schedule: Schedule | None = None,
    scales: Mapping[str, tuple[float, float]] | None = None,
    role: str | None = "role",
    person: str = "person",
) -> DyadPanel:
    """Make a panel from one row per dyad, or per dyad and occasion.

    Parameters
    ----------
    frame : pandas.DataFrame (or any frame that narwhals knows)
        Columns of the two members differ in a prefix (``f_mood``, ``m_mood``) or a suffix (``mood_f``, ``mood_m``).
        Columns with neither describe the dyad or occasion and are repeated for both members.
    dyad : str
        Column with the dyad's id.
    prefixes, suffixes : two str, or mapping of role to str
        Give one of them. Without a mapping the roles are the prefixes themselves, freed of punctuation
        (``("f_", "m_")`` gives roles ``f`` and ``m``).
    time, day, beep, schedule, scales
        As for `DyadPanel`; names without prefix or suffix.
    role : str, optional
        Name of the new role column. None: the members are exchangeable, and no role is named.
    person : str, default "person"
        Name of the person column: where both members have a column of that name (``f_person``, ``m_person``)
        it holds their ids, else the role label, which tells the members of a dyad apart.

    Returns
    -------
    DyadPanel
        Two rows for every row of `frame`, in its order, the first-named member first. Missing values stay
        missing. A column that only one member has is missing for the other, with a `DataWarning`.

    Raises
    ------
    DesignError
        Not exactly one of `prefixes` and `suffixes`, or not two different ones.
    DataError
        No column fits a prefix, a new name is taken already, or the rows cannot make a panel.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"couple": [1, 2], "years": [3, 9], "f_mood": [4.0, 5.0], "m_mood": [2.0, 6.0]})
    >>> panel = from_wide(frame, dyad="couple", prefixes={"woman": "f_", "man": "m_"})
    >>> panel.frame["mood"].tolist(), panel.frame["role"].tolist()
    ([4.0, 2.0, 5.0, 6.0], ['woman', 'man', 'woman', 'man'])
    """
    from reldyn.panel._border import as_pandas
    from reldyn.panel._panel import DyadPanel

    rows = as_pandas(frame)
    where, marks = _marks(prefixes, suffixes)
    check_columns([str(name) for name in rows.columns], [dyad], "the wide table")
    shared = [name for name in (dyad, time, day, beep) if name is not None]
    pairs = _pairs(rows, marks, where, shared)
    long = _long(rows, pairs, list(marks), role=role, person=person)
    return DyadPanel(
        long, dyad=dyad, person=person, role=role, time=time, day=day, beep=beep, schedule=schedule, scales=scales
    )


def _marks(
    prefixes: Sequence[str] | Mapping[str, str] | None, suffixes: Sequence[str] | Mapping[str, str] | None
) -> tuple[_Where, dict[str, str]]:
    """Where the marks stand, and the mark of each role."""
    if (prefixes is None) == (suffixes is None):
        raise DesignError('give either prefixes or suffixes, for example prefixes=("f_", "m_").')
    where: _Where = "suffix" if prefixes is None else "prefix"
    given = prefixes if prefixes is not None else suffixes
    if isinstance(given, Mapping):
        marks = {str(label): str(mark) for label, mark in given.items()}
    else:
        listed = [given] if isinstance(given, str) else [str(mark) for mark in given or ()]
        marks = {mark.strip("_.- ") or mark: mark for mark in listed}
    if len(marks) != 2 or len(set(marks.values())) != 2 or not all(marks.values()):
        raise DesignError(f"{where}es={given!r}: name two different ones, one for each member of a dyad.")
    return where, marks


def _pairs(
    rows: pd.DataFrame, marks: Mapping[str, str], where: _Where, shared: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Columns of each variable by role; the other columns belong to the dyad."""
    from reldyn.panel.checks._findings import duplicated_headers

    twice = duplicated_headers(rows)
    pairs: dict[str, dict[str, str]] = {}
    # The longer mark is tried first, as one may begin or end like the other.
    ordered = sorted(marks.items(), key=lambda item: -len(item[1]))
    for name in (str(column) for column in rows.columns if column not in shared):
        for label, mark in ordered:
            variable = name.removeprefix(mark) if where == "prefix" else name.removesuffix(mark)
            if variable not in (name, ""):
                if name in twice:
                    raise DataError(f"the header {name!r} stands more than once in the wide table: rename the columns.")
                pairs.setdefault(variable, {})[label] = name
                break
    for label, mark in marks.items():
        if not any(label in columns for columns in pairs.values()):
            present = ", ".join(str(name) for name in rows.columns[:30])
            raise DataError(f"no column of the wide table has the {where} {mark!r} ({label}). Columns: {present}.")
    _warn_unmatched(pairs, marks, where)
    return pairs


def _warn_unmatched(pairs: Mapping[str, Mapping[str, str]], marks: Mapping[str, str], where: _Where) -> None:
    lonely = [next(iter(columns.values())) for columns in pairs.values() if len(columns) == 1]
    if lonely:
        shown = ", ".join(lonely[:5]) + (f" and {len(lonely) - 5} more" if len(lonely) > 5 else "")
        listed = " and ".join(repr(mark) for mark in marks.values())
        warnings.warn(
            f"without a counterpart under the {where}es {listed}: {shown}. The other member's values are missing.",
            DataWarning,
            stacklevel=4,
        )


def _long(
    rows: pd.DataFrame,
    pairs: Mapping[str, Mapping[str, str]],
    labels: Sequence[str],
    *,
    role: str | None,
    person: str,
) -> pd.DataFrame:
    import pandas as pd

    n = len(rows)
    used = {name for columns in pairs.values() for name in columns.values()}
    common = [name for name in rows.columns if name not in used]
    _check_new_names(common, pairs, role, person)
    # Row i of the wide table becomes rows 2i and 2i + 1.
    interleaved = np.arange(2 * n).reshape(2, n).T.ravel()
    long = rows[common].take(np.repeat(np.arange(n), 2)).reset_index(drop=True)
    label_of_row = pd.Series(np.tile(np.array(labels, dtype=object), n)).astype(str)
    columns = {}
    if role is not None:
        columns[role] = label_of_row
    if person not in pairs and person != role:
        columns[person] = label_of_row
    for variable, names in pairs.items():
        parts = [
            rows[names[label]] if label in names else _absent(rows[next(iter(names.values()))]) for label in labels
        ]
        columns[variable] = pd.concat(parts, ignore_index=True).take(interleaved).reset_index(drop=True)
    long = pd.concat([long, pd.DataFrame(columns)], axis=1)
    long.attrs = dict(rows.attrs)
    return long


def _absent(like: pd.Series) -> pd.Series:
    """A column without values that can stand beside another."""
    return like.reindex(np.full(len(like), -1))


def _check_new_names(
    common: Sequence[str], pairs: Mapping[str, Mapping[str, str]], role: str | None, person: str
) -> None:
    for option, name in (("role", role), ("person", person)):
        if name in common or (option == "role" and name in pairs):
            raise DataError(
                f"{option}={name!r} is a column of the wide table already: give the new column another name."
            )
    for variable in pairs:
        if variable in common:
            columns = ", ".join(pairs[variable].values())
            raise DataError(
                f"{columns} would become {variable!r}, which is a column of the wide table already: rename it."
            )
