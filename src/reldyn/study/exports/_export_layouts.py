"""What single platforms do with rows and columns: header rows, names of items, reminders, events and repeats."""

from __future__ import annotations

import csv
import graphlib
import io
import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reldyn.errors import DataError
from reldyn.study.exports._export_log import texts_of

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.study.exports._export_log import ImportLog
    from reldyn.study.exports._presets import ExportMapping

__all__ = ["fold_reminders", "m_path_names", "qualtrics_header", "settle_redcap"]

_EVENT, _FORM, _REPEAT = "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"
_TYPES = (*("sliderNegPos", "sliderNeutralPos", "slider", "multipleChoice", "checkbox", "yesno", "open", "basic"),)
_ITEM = re.compile(
    rf"(?P<item>.+?)_(?P<type>{'|'.join(_TYPES)})(?:_(?P<suffix>(?!open|basic|slider|multipleChoice)[A-Za-z]+))?"
)


def qualtrics_header(path: Path) -> tuple[int, ...]:
    """The rows above the first answer: names, question texts, and in newer exports the line of ImportIds."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt") or not path.is_file():
        return (0, 1, 2)
    data = path.read_bytes()[: 1 << 22]
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = data.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")
    first = text.partition("\n")[0]
    mark = max(",\t;", key=first.count)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    rows = [row for row, _ in zip(records, range(4), strict=False)]
    place = rows[0].index("StartDate") if rows and "StartDate" in rows[0] else None
    if place is None:
        return (0, 1, 2)
    dated = [n for n, row in enumerate(rows) if len(row) > place and row[place][:1].isdigit()]
    return tuple(range(dated[0])) if dated else (0, 1, 2)


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


def settle_redcap(frame: pd.DataFrame, mapping: ExportMapping, path: str, log: ImportLog) -> pd.DataFrame:
    """Blank untouched check boxes, spread what was asked once per person, and number events and repeats.

    Raises
    ------
    DataError
        Several repeating instruments, or an order of events that the file leaves open.
    """
    frame = _boxes(frame, log)
    repeat = frame[_REPEAT] if _REPEAT in frame.columns else None
    repeats = repeat is not None and bool(repeat.notna().any())
    once = _deselected(frame, mapping)
    if repeat is not None and repeats:
        once |= repeat.isna().to_numpy()
        other = _other_instrument(frame, mapping)
        frame = log.drop(frame, other & ~once, "other instrument")
        once = once[~(other & ~once)]
        _check_one_instrument(frame[~once], path)
    if once.any() and not once.all():
        frame = _spread(frame, once, mapping, log)
    events = texts_of(frame[_EVENT]) if _EVENT in frame.columns else np.array([], dtype=object)
    several = len(set(events)) > 1
    number = _event_numbers(events, texts_of(frame[mapping.person]), mapping, path) if several else None
    attrs = frame.attrs
    if number is not None and repeats:
        frame = frame.assign(day=number, beep=frame[_REPEAT].to_numpy())
    elif number is not None or repeats:
        frame = frame.assign(occasion=number if number is not None else frame[_REPEAT].to_numpy())
    frame.attrs = attrs
    return frame


def _boxes(frame: pd.DataFrame, log: ImportLog) -> pd.DataFrame:
    """Check boxes of a form that was never opened are exported as 0: nobody left them empty."""
    attrs, frame = frame.attrs, frame.copy()
    form: list[str] = []
    for name in [str(column) for column in frame.columns]:
        if not name.endswith("_complete"):
            form.append(name)
            continue
        boxes = [column for column in form if "___" in column]
        stem = name.removesuffix("_complete")
        others = [column for column in form if "___" not in column and not column.startswith("redcap_")]
        others = [column for column in others if column not in (frame.columns[0], f"{stem}_timestamp")]
        if boxes:
            empty = frame[others].isna().all(axis=1) & (frame[boxes].fillna(0) == 0).all(axis=1)
            unopened = frame[name].isna() | ((frame[name] == 0) & empty)
            log.recode("check boxes of forms not filled in", int(frame.loc[unopened, boxes].notna().sum().sum()))
            frame[boxes] = frame[boxes].mask(unopened)
        form = []
    frame.attrs = attrs
    return frame


def _deselected(frame: pd.DataFrame, mapping: ExportMapping) -> npt.NDArray[np.bool_]:
    """Rows of events that the mapping leaves out."""
    flags = np.zeros(len(frame), dtype=bool)
    if _EVENT in frame.columns:
        events = texts_of(frame[_EVENT])
        if _EVENT in mapping.drop:
            flags |= np.isin(events, [str(value) for value in mapping.drop[_EVENT]])
        if _EVENT in mapping.only:
            flags |= ~np.isin(events, [str(value) for value in mapping.only[_EVENT]])
    return flags


def _other_instrument(frame: pd.DataFrame, mapping: ExportMapping) -> npt.NDArray[np.bool_]:
    flags = np.zeros(len(frame), dtype=bool)
    if _FORM in frame.columns and _FORM in mapping.only:
        flags = ~np.isin(texts_of(frame[_FORM]), ["", *(str(value) for value in mapping.only[_FORM])])
    return flags


def _check_one_instrument(rows: pd.DataFrame, path: str) -> None:
    found = list(dict.fromkeys(texts_of(rows[_FORM]))) if _FORM in rows.columns else []
    if len(found) > 1:
        raise DataError(
            f"{path}: {len(found)} instruments repeat ({', '.join(found)}), and a panel has rows of one: choose it "
            f"with mapping={{'only': {{'{_FORM}': ['{found[0]}']}}}}."
        )


def _spread(frame: pd.DataFrame, once: npt.NDArray[np.bool_], mapping: ExportMapping, log: ImportLog) -> pd.DataFrame:
    """Take values that were asked once per person to each of the person's rows."""
    attrs, frame = frame.attrs, frame.copy()
    person = texts_of(frame[mapping.person])
    administrative = {*mapping.administrative, *mapping.identifying, mapping.person}
    spread, unclear = [], []
    for name in [str(column) for column in frame.columns if column not in administrative]:
        base = frame[name][once]
        if name.endswith("_complete") or frame[name][~once].notna().any() or not base.notna().any():
            continue
        asked = base.groupby(person[once], sort=False)
        if int(asked.nunique().max()) > 1:
            unclear.append(name)
            continue
        value = asked.first()
        frame[name] = value.reindex(person).to_numpy()
        spread.append(name)
    if spread:
        log.notes.append(f"asked once and taken to every row of the person: {', '.join(spread)}")
    if unclear:
        log.notes.append(f"asked several times in rows without a repeat and left missing: {', '.join(unclear)}")
    frame.attrs = attrs
    return log.drop(frame, once, "row outside the repeats")


def _event_numbers(
    events: npt.NDArray[np.object_], person: npt.NDArray[np.object_], mapping: ExportMapping, path: str
) -> npt.NDArray[Any]:
    """Number the events from 1 in the one order that the rows of all persons agree on."""
    names = list(dict.fromkeys(events))
    order = mapping.events
    if order is None:
        sorter: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter(dict.fromkeys(names, ()))
        for one in dict.fromkeys(person):
            own = list(dict.fromkeys(events[person == one]))
            for before, after in itertools.pairwise(own):
                sorter.add(after, before)
        order = _one_order(sorter)
    if order is None or any(name not in order for name in names):
        raise DataError(
            f"{path}: the order of the events {', '.join(names)} does not follow from the file: "
            "give all of them in order with mapping={'events': [...]}."
        )
    place = {name: number for number, name in enumerate(order, start=1)}
    return np.array([place[event] for event in events], dtype=np.int64)


def _one_order(sorter: graphlib.TopologicalSorter[str]) -> list[str] | None:
    order: list[str] = []
    try:
        sorter.prepare()
    except graphlib.CycleError:
        return None
    while sorter.is_active():
        ready = sorter.get_ready()
        if len(ready) > 1:
            return None
        order += ready
        sorter.done(*ready)
    return order
