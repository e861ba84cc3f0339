"""What m-Path does with rows and columns: names of items, reminders; and the long table that formr shows items by."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from reldyn.study.exports._export_log import texts_of

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.study.exports._export_log import ImportLog
    from reldyn.study.exports._presets import ExportMapping

__all__ = ["fold_reminders", "formr_rows", "m_path_names"]

_DISPLAY = ("session", "item_name", "answer")
_TYPES = (*("sliderNegPos", "sliderNeutralPos", "slider", "multipleChoice", "checkbox", "yesno", "open", "basic"),)
_ITEM = re.compile(
    rf"(?P<item>.+?)_(?P<type>{'|'.join(_TYPES)})(?:_(?P<suffix>(?!open|basic|slider|multipleChoice)[A-Za-z]+))?"
)


def m_path_names(columns: list[str]) -> tuple[dict[str, str], list[str]]:
    """Short names for columns ``<item>_<type>[_suffix]``, and the columns of displayed texts, which hold no answer.

    An item with one column takes the item's name; one with several takes the suffix along.

    Examples
    --------
    >>> m_path_names(["mood_slider_likert", "hi_basic"])
    ({'mood_slider_likert': 'mood'}, ['hi_basic'])
    >>> m_path_names(["a_multipleChoice_index", "a_multipleChoice_string"])[0]
    {'a_multipleChoice_index': 'a_index', 'a_multipleChoice_string': 'a_string'}
    """
    parsed = {name: found for name in columns if (found := _ITEM.fullmatch(name))}
    texts = [name for name, found in parsed.items() if found["type"] == "basic"]
    answers = {name: found for name, found in parsed.items() if name not in texts}
    many = [found["item"] for found in answers.values()]
    short = {
        name: found["item"] if many.count(found["item"]) == 1 else f"{found['item']}_{found['suffix'] or found['type']}"
        for name, found in answers.items()
    }
    taken = [*short.values(), *(name for name in columns if name not in parsed)]
    return {name: new if taken.count(new) == 1 else name for name, new in short.items()}, texts


def fold_reminders(frame: pd.DataFrame, mapping: ExportMapping, log: ImportLog) -> pd.DataFrame:
    """Make one row of a prompt and its reminders: the answered one, with the times at which the prompt was due.

    Where two of them were answered, both stay: which counts is for the study to decide.
    """
    needed = ("sentBeepId", "reminderForOriginalSentBeepId")
    if mapping.answered is None or any(name not in frame.columns for name in needed):
        return frame
    own, original = (texts_of(frame[name]) for name in needed)
    reminder = ~np.isin(original, ["", "0", "-1"])
    if not reminder.any():
        return frame
    prompt = np.where(reminder, original, own)
    person = texts_of(frame[mapping.person])
    answered = frame[mapping.answered].fillna(0).to_numpy() != 0
    groups: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(person, prompt, strict=True)):
        groups.setdefault(key, []).append(row)
    gone = np.zeros(len(frame), dtype=bool)
    due = np.arange(len(frame))
    for rows in groups.values():
        if len(rows) == 1 or not reminder[rows].any() or answered[rows].sum() > 1:
            continue
        first = next((row for row in rows if not reminder[row]), rows[0])
        stays = next((row for row in rows if answered[row]), first)
        gone[[row for row in rows if row != stays]] = True
        due[stays] = first
    attrs = frame.attrs
    times = [name for name in (mapping.scheduled, mapping.sent) if name is not None]
    frame = frame.assign(**{name: frame[name].to_numpy()[due] for name in times})
    frame.attrs = attrs
    return log.drop(frame, gone, "reminder and prompt made one row")


def formr_rows(frame: pd.DataFrame, log: ImportLog) -> pd.DataFrame:
    """One row per session and run of a survey from formr's table of displayed items; other tables as they are.

    That table has one row per item: ``item_name`` and ``answer``, with the moments at which the item was made,
    shown, answered and saved. A run begins when its first item is made; it ends with its last answer where every
    item that was shown was answered or saved.
    """
    import pandas as pd

    if any(name not in frame.columns for name in _DISPLAY):
        return frame
    unit = "unit_session_id" if "unit_session_id" in frame.columns else "created"
    keys = ["session", unit]
    rows = frame[frame["item_name"].notna()]
    wide = rows.pivot_table(index=keys, columns="item_name", values="answer", aggfunc="last", sort=False)
    runs = rows.groupby(keys, sort=False)
    if "created" in rows and unit != "created":
        wide.insert(0, "created", runs["created"].min())
    ended = next((name for name in ("answered", "saved") if name in rows and rows[name].notna().any()), None)
    if ended is not None:
        wide.insert(1 if "created" in wide else 0, "ended", runs[ended].max())
    wide = wide.reset_index()
    wide.columns = [str(name) for name in wide.columns]
    for name in wide.columns:
        numbers = pd.to_numeric(wide[name], errors="coerce")
        if name not in keys and bool(numbers.notna().eq(wide[name].notna()).all()) and numbers.notna().any():
            wide[name] = numbers
    log.notes.append(f"{len(frame):,} rows of displayed items made {len(wide):,} rows of answers")
    return wide
