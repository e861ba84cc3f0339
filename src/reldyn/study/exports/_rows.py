"""The rows of an import under the names that a panel takes, and what is to be known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reldyn.errors import DataError
from reldyn.panel.reading import comma_numbers
from reldyn.study.exports._export_layouts import m_path_names
from reldyn.study.exports._export_log import texts_of
from reldyn.study.exports._presets import ROLES, TIMES
from reldyn.study.exports._recognise import identifies

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from reldyn.study.exports._export_log import ImportLog
    from reldyn.study.exports._presets import ExportMapping

__all__ = ["about_columns", "assembled", "in_order", "panel_columns", "report_of"]

# What places rows in time, the best first. Numbers that run on from day to day do as beeps.
_CHOICES: tuple[dict[str, str], ...] = (
    {"day": "day", "beep": "beep"},
    {"time": "scheduled"},
    {"day": "day"},
    {"day": "day", "beep": "occasion"},
    *({"time": role} for role in ("occasion", *TIMES[1:4])),
)
_EARLY = 5
_WORDS = {"true": 1.0, "false": 0.0, "wahr": 1.0, "falsch": 0.0}


def assembled(
    frame: pd.DataFrame, mapping: ExportMapping, times: dict[str, pd.Series[Any]], preset: str, log: ImportLog
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The columns of the result under their names, and which column of the file each was."""
    import pandas as pd

    roles = mapping.columns()
    items, left_out = _items(frame, mapping, preset, log)
    data: dict[str, Any] = {}
    for role, name in roles.items():
        data[role] = times[role] if role in times else frame[name]
    clash = [new for new in items if new in data or (new in ("dyad", "role") and new not in roles)]
    if clash:
        raise DataError(
            f"the item {clash[0]!r} would have the name of a column that the import makes: "
            f"rename it with mapping={{'items': {{NEW NAME: {items[clash[0]]!r}, ...}}}}."
        )
    moments = [times[role] for role in TIMES[:4] if role in times]
    if moments and "day" not in data and "day" not in items:
        first = moments[0]
        for later in moments[1:]:
            first = first.fillna(later)
        data["day"] = first.dt.normalize()
    answers = {name: frame[name] for name in items.values()}
    answers |= _plain_numbers(frame[list(answers)], mapping, log)
    data |= {new: answers[name] for new, name in items.items()}
    columns = {**roles, **items}
    return pd.DataFrame(data, index=frame.index), {"columns": columns, "left_out": left_out}


def _plain_numbers(answers: pd.DataFrame, mapping: ExportMapping, log: ImportLog) -> dict[str, pd.Series[Any]]:
    """Truth values, in English or German, as 1 and 0; numbers that were written with a decimal comma."""
    import pandas as pd

    found: dict[str, pd.Series[Any]] = {}
    texts: list[str] = []
    points = False
    for name in answers.columns:
        column = answers[name]
        if column.dtype.kind in "iuf":
            points = points or bool((column.dropna() % 1 != 0).any())
        elif column.dtype.kind not in "bcmM" and column.notna().any():
            words = pd.Series(texts_of(column), index=column.index).str.casefold()
            if set(words) - {""} <= set(_WORDS):
                found[name] = words.map(_WORDS).astype(float)
                log.recode(f"{name}: truth values as 1 and 0", int(column.notna().sum()))
            else:
                texts.append(name)
    if mapping.decimal is None and not points and texts:
        numbers = comma_numbers(answers, texts)
        for name, column in numbers.items():
            log.recode(f"{name}: numbers with a decimal comma", int(column.notna().sum()))
        found |= numbers
    return found


def _items(
    frame: pd.DataFrame, mapping: ExportMapping, preset: str, log: ImportLog
) -> tuple[dict[str, str], list[str]]:
    """Columns of the file by their new names, and the columns that are left out."""
    names = [str(name) for name in frame.columns]
    used = set(mapping.columns().values())
    if isinstance(mapping.items, dict):
        items = dict(mapping.items)
    elif mapping.items is not None:
        items = {name: name for name in mapping.items}
    else:
        unwanted = {*used, *mapping.administrative, *mapping.identifying}
        free = [name for name in names if name not in unwanted]
        short, texts = m_path_names(free) if preset == "m-path" else ({}, [])
        named = {short.get(name, name): name for name in free if name not in texts}
        personal = [name for new, name in named.items() if identifies(new, frame[name]) and name not in mapping.keep]
        items = {new: name for new, name in named.items() if name not in personal}
        if personal:
            log.notes.append(
                f"left out, as they say who somebody is: {', '.join(personal)}; mapping={{'keep': [...]}} keeps them"
            )
    items |= {name: name for name in mapping.keep if name not in items.values()}
    kept = {*items.values(), *used}
    return items, [name for name in names if name not in kept]


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the columns that say who and when before all others."""
    leading = [role for role in ROLES if role in rows.columns]
    return rows[[*leading, *(name for name in rows.columns if name not in leading)]]


def about_columns(frame: pd.DataFrame, about: dict[str, Any]) -> dict[Any, Any]:
    """What the reader knew about lines and columns, under the new names."""
    kept: dict[Any, Any] = {key: value for key, value in frame.attrs.items() if key == "lines"}
    for key in ("column_labels", "value_labels"):
        labels = frame.attrs.get(key)
        if labels:
            kept[key] = {new: labels[old] for new, old in about["columns"].items() if old in labels}
    new_name = {old: new for new, old in about["columns"].items()}
    twice = {
        header: tuple(new_name.get(name, name) for name in group)
        for header, group in frame.attrs.get("duplicated_columns", {}).items()
        if any(name in new_name for name in group)
    }
    unnamed = {new_name[old]: place for old, place in frame.attrs.get("unnamed_columns", {}).items() if old in new_name}
    return kept | {k: v for k, v in {"duplicated_columns": twice, "unnamed_columns": unnamed}.items() if v}


def panel_columns(rows: pd.DataFrame) -> dict[str, str]:
    """The arguments of `DyadPanel` that name the columns of these rows: the first that place each row by itself.

    Where none does, because rows stand twice, those that place most of them: the panel then names the others.
    """
    named = {name: name for name in ("dyad", "person", "role") if name in rows}
    late = _after_midnight(rows)
    best, most = named, len(set(zip(*(texts_of(rows[name]) for name in ("dyad", "person")), strict=True)))
    for choice in _CHOICES if late is None else ({"time": late}, *_CHOICES):
        if not all(name in rows and rows[name].notna().all() for name in choice.values()):
            continue
        keys = [texts_of(rows[name]) for name in ("dyad", "person", *choice.values())]
        n_placed = len(set(zip(*keys, strict=True)))
        if n_placed == len(rows):
            return named | choice
        if n_placed > most:
            best, most = named | choice, n_placed
    return best


def _after_midnight(rows: pd.DataFrame) -> str | None:
    """The stamps of which some lie after midnight, where days are those of the calendar: stamps know the evening.

    A panel lets days of stamps begin in the long pause of the night.
    """
    if "day" not in rows or rows["day"].dtype.kind != "M" or "scheduled" in rows or "beep" in rows:
        return None
    for role in TIMES[1:4]:
        if role in rows and rows[role].notna().all() and rows[role].dtype.kind == "M":
            by_stamp = bool((rows[role].dt.normalize() == rows["day"]).all())
            return role if by_stamp and bool((rows[role].dt.hour < _EARLY).any()) else None
    return None


def report_of(path: Path, preset: str, rows: pd.DataFrame, about: dict[str, Any], log: ImportLog) -> dict[str, Any]:
    """What was read, dropped and renamed, for ``frame.attrs`` and the printed report."""
    return {
        "file": path.name,
        "preset": preset,
        "rows_read": log.rows_read,
        "rows": len(rows),
        "persons_absent": log.persons_absent,
        "dropped": dict(log.dropped),
        "recoded": dict(log.recoded),
        "panel": panel_columns(rows),
        "columns": dict(about["columns"]),
        "left_out": list(about["left_out"]),
        "notes": list(log.notes),
    }
