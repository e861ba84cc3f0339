"""From one row per dyad, or per dyad and occasion, to a panel with one row per person and occasion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from reldyn.errors import DataError, DataWarning, DesignError, check_columns, warn_caller
from reldyn.panel._lines import keep_lines, lines_of
from reldyn.panel.reading._wide_names import Pattern, absent, find_members, find_occasions, unfold, warn_items

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
    names: str | None = None,
    occasions: str | None = None,
    dates: str | Mapping[str, str] | None = None,
    timezone: str | None = None,
    workdays: Sequence[str | int] | str | None = None,
) -> DyadPanel:
    """Make a panel from one row per dyad, per dyad and occasion, or with occasions in columns.

    Parameters
    ----------
    frame : pandas.DataFrame (or any frame that narwhals knows)
        Columns of the two members differ in a prefix (``f_mood``, ``m_mood``) or a suffix (``mood_f``, ``mood_m``).
        Columns with neither describe the dyad or occasion and are repeated for both members.
    dyad : str
        Column with the dyad's id.
    prefixes, suffixes : two str, or mapping of role to str
        Where the partner stands first or last in the names. Without a mapping the roles are the prefixes
        themselves, freed of punctuation (``("f_", "m_")`` gives roles ``f`` and ``m``).
    time, day, beep, schedule, scales
        As for `DyadPanel`; names without prefix or suffix. With `occasions`, `time` is the name of the new column
        (None: ``time``).
    role : str, default "role"
        Name of the new role column. None: the members are exchangeable, and no role is named.
    person : str, default "person"
        Name of the person column: where both members have a column of that name (``f_person``, ``m_person``)
        it holds their ids, else the role label, which tells the members of a dyad apart.
    names : str, optional
        Where the partner stands inside the names, instead of prefixes or suffixes: a pattern of ``{member}`` with
        ``{stem}``, ``{item}`` or both, and perhaps ``{time}``. ``"{stem}.{member}_{item}"`` makes ``sat_1`` of
        ``sat.1_1`` and ``sat.2_1``, with roles ``1`` and ``2``. Members are letters and digits.
    occasions : str, optional
        Where the occasion stands in the names: a pattern of ``{time}`` with ``{stem}``, ``{item}`` or both.
        ``"{item}.{time}"`` makes ``TM`` of ``TM.1``, ``TM.2``, ... A prefix or suffix of the member is set aside
        before; together with `names`, it is `names` that applies to what is left. Alone, the table has one row per
        person: `person` is then a column of it, and so is `role`, unless there is none. Times are the numbers in
        the names, or the dates (``2026-03-02``, ``2026_03_02``); words (pre, post) are numbered in the order in
        which they stand, with a `DataWarning`.
    dates, timezone, workdays : optional
        As for `DyadPanel`.

    Returns
    -------
    DyadPanel
        Two rows for every row of `frame` (and occasion), in its order, the first-named member first. Missing values
        stay missing. A column that only one member has is missing for the other, with a `DataWarning`.

    Raises
    ------
    DesignError
        Not exactly one of `prefixes`, `suffixes` and `names` (none is allowed with `occasions`), not two different
        members, or no such pattern.
    DataError
        No column fits a prefix or pattern (the nearest are named), a pattern finds more than two members, a new name
        is taken already, or the rows cannot make a panel.

    Warns
    -----
    DataWarning
        Suffixes that look like the numbers of items, columns that nearly fit a pattern, and those of one member only.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"couple": [1, 2], "years": [3, 9], "f_mood": [4.0, 5.0], "m_mood": [2.0, 6.0]})
    >>> panel = from_wide(frame, dyad="couple", prefixes={"woman": "f_", "man": "m_"})
    >>> panel.frame["mood"].tolist(), panel.frame["role"].tolist()
    ([4.0, 2.0, 5.0, 6.0], ['woman', 'man', 'woman', 'man'])

    >>> frame = pd.DataFrame({"couple": [1], "sat.1_1": [8], "sat.1_2": [7], "sat.2_1": [6], "sat.2_2": [9]})
    >>> panel = from_wide(frame, dyad="couple", names="{stem}.{member}_{item}")
    >>> panel.frame[["role", "sat_1", "sat_2"]].values.tolist()
    [['1', 8, 7], ['2', 6, 9]]
    """
    from reldyn.panel._border import as_pandas
    from reldyn.panel._panel import DyadPanel

    rows = as_pandas(frame)
    n, lines = len(rows), lines_of(rows)
    where, marks, pattern = _marks(prefixes, suffixes, names, occasions)
    check_columns([str(name) for name in rows.columns], [dyad], "the wide table")
    shared = [name for name in (dyad, day, beep) if name is not None]
    if occasions is not None or (pattern is not None and "time" in pattern.fields):
        time = "time" if time is None else time
        rows, pattern = _unfolded(rows, occasions, pattern, marks, where, shared, time)
    shared += [time] if time is not None else []
    if not marks and pattern is None:
        long, role = rows, _own_columns(rows, person, role)
    else:
        if pattern is not None:
            pairs, members = find_members(_free(rows, shared), pattern)
            _check_headers(rows, [name for columns in pairs.values() for name in columns.values()])
            marks = {member: member for member in members}
            _warn_unmatched(pairs, f"under names={pattern.template!r}")
        else:
            pairs = _pairs(rows, marks, where, shared)
        long = _long(rows, pairs, list(marks), role=role, person=person)
    # Members and occasions of a row follow one another, and all are on its line of the file.
    keep_lines(long, None if lines is None else np.repeat(lines, len(long) // max(n, 1)))
    return DyadPanel(
        long,
        dyad=dyad,
        person=person,
        role=role,
        time=time,
        day=day,
        beep=beep,
        schedule=schedule,
        scales=scales,
        dates=dates,
        timezone=timezone,
        workdays=workdays,
    )


def _unfolded(
    rows: pd.DataFrame,
    occasions: str | None,
    pattern: Pattern | None,
    marks: Mapping[str, str],
    where: _Where,
    shared: Sequence[str],
    time: str,
) -> tuple[pd.DataFrame, Pattern | None]:
    """One row per occasion, and the pattern of what is left of the names."""
    inside = pattern is not None and "time" in pattern.fields
    if occasions is not None and inside:
        raise DesignError("the time stands in names already: leave occasions out.")
    left: Pattern | None
    if inside and pattern is not None:
        with_time, left = pattern, pattern.without("time")
    else:
        with_time, left = Pattern.parse("occasions", occasions, "time"), pattern
    found = find_occasions(_free(rows, shared), with_time, marks, where)
    _check_headers(rows, [name for columns in found.columns.values() for name in columns.values()])
    attrs = rows.attrs
    rows = unfold(rows, found, time)
    rows.attrs = attrs
    return rows, left


def _free(rows: pd.DataFrame, shared: Sequence[str]) -> list[str]:
    return [str(name) for name in rows.columns if name not in shared]


def _check_headers(rows: pd.DataFrame, used: Sequence[str]) -> None:
    from reldyn.panel.checks._findings import duplicated_headers

    twice = duplicated_headers(rows)
    for name in used:
        if name in twice:
            raise DataError(f"the header {name!r} stands more than once in the wide table: rename the columns.")


def _own_columns(rows: pd.DataFrame, person: str, role: str | None) -> str | None:
    """The role column of a table with one row per person, which must have a person column."""
    present = [str(name) for name in rows.columns]
    check_columns(present, [person], "the wide table")
    if role is not None and role != "role":
        check_columns(present, [role], "the wide table")
    return role if role in present else None


def _marks(
    prefixes: Sequence[str] | Mapping[str, str] | None,
    suffixes: Sequence[str] | Mapping[str, str] | None,
    names: str | None,
    occasions: str | None,
) -> tuple[_Where, dict[str, str], Pattern | None]:
    """Where the marks stand, the mark of each role, and the pattern that takes their place."""
    given = [option for option in (prefixes, suffixes, names) if option is not None]
    if len(given) > 1 or (not given and occasions is None):
        raise DesignError('give either prefixes or suffixes, for example prefixes=("f_", "m_").')
    where: _Where = "prefix" if prefixes is not None else "suffix"
    if names is not None or not given:
        return where, {}, Pattern.parse("names", names, "member") if names is not None else None
    chosen = prefixes if prefixes is not None else suffixes
    if isinstance(chosen, (set, frozenset)):
        raise DesignError(
            f"{where}es={{{', '.join(map(repr, sorted(map(str, chosen))))}}}: a set has no order, and the first names "
            "the first member: give a list."
        )
    if isinstance(chosen, Mapping):
        marks = {str(label): str(mark) for label, mark in chosen.items()}
    else:
        listed = [chosen] if isinstance(chosen, str) else [str(mark) for mark in chosen or ()]
        marks = {mark.strip("_.- ") or mark: mark for mark in listed}
    if len(marks) != 2 or len(set(marks.values())) != 2 or not all(marks.values()):
        raise DesignError(f"{where}es={chosen!r}: name two different ones, one for each member of a dyad.")
    return where, marks, None


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
    listed = " and ".join(repr(mark) for mark in marks.values())
    expected = {
        (mark + variable if where == "prefix" else variable + mark): next(iter(columns.values()))
        for variable, columns in pairs.items()
        for label, mark in marks.items()
        if label not in columns
    }
    _warn_unmatched(pairs, f"under the {where}es {listed}", _nearly(rows, expected))
    warn_items([str(name) for name in rows.columns], pairs, marks, where)
    return pairs


def _nearly(rows: pd.DataFrame, expected: Mapping[str, str]) -> dict[str, str]:
    """Columns that differ only in capitals and signs from the expected counterpart of a column, by that column."""
    alike: dict[str, list[str]] = {}
    for name in (str(column) for column in rows.columns):
        alike.setdefault(_bare(name), []).append(name)
    return {alone: alike[_bare(name)][0] for name, alone in expected.items() if _bare(name) in alike}


def _bare(name: str) -> str:
    """Letters and digits alone, without capitals."""
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _warn_unmatched(
    pairs: Mapping[str, Mapping[str, str]], where: str, nearly: Mapping[str, str] | None = None
) -> None:
    lonely = [next(iter(columns.values())) for columns in pairs.values() if len(columns) == 1]
    if lonely:
        shown = ", ".join(lonely[:5]) + (f" and {len(lonely) - 5} more" if len(lonely) > 5 else "")
        near = "; ".join(f"{other!r} for {alone!r}" for alone, other in list((nearly or {}).items())[:5])
        rename = f" Perhaps misspelt: {near}; write both names alike." if near else ""
        warn_caller(
            f"without a counterpart {where}: {shown}. The other member's values are missing.{rename}", DataWarning
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
        parts = [rows[names[label]] if label in names else absent(rows[next(iter(names.values()))]) for label in labels]
        columns[variable] = pd.concat(parts, ignore_index=True).take(interleaved).reset_index(drop=True)
    long = pd.concat([long, pd.DataFrame(columns)], axis=1)
    long.attrs = dict(rows.attrs)
    return long


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
