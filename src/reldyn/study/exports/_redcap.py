"""REDCap: events, repeats and check boxes, in exports of raw values and of labels."""

from __future__ import annotations

import graphlib
import itertools
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reldyn.errors import DataError
from reldyn.study.exports._export_log import texts_of

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.study.exports._export_log import ImportLog
    from reldyn.study.exports._presets import ExportMapping

__all__ = ["complete_days", "raw_names", "settle_redcap"]

_EVENT, _FORM, _REPEAT = "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"
_LABELS = {
    "Event Name": _EVENT,
    "Repeat Instrument": _FORM,
    "Repeat Instance": _REPEAT,
    "Data Access Group": "redcap_data_access_group",
    "Survey Identifier": "redcap_survey_identifier",
}
_MOST_WAVES = 3
_RECORD = ("Record ID", "Study ID", "Participant ID", "Subject ID")
_CHECKED = {"Checked": 1.0, "Unchecked": 0.0}
_COMPLETE = {"Complete": 2.0, "Unverified": 1.0, "Incomplete": 0.0}
# An event belongs to one arm; patients and partners in two arms have the same events all the same.
_ARM = re.compile(r"(_arm_\d+|\s*\(Arm \d+:[^)]*\))$", re.IGNORECASE)
_NUMBERED = re.compile(r"(?P<stem>.*?\D|)(?P<number>\d+)(?P<rest>\D*)")


def raw_names(frame: pd.DataFrame, log: ImportLog) -> pd.DataFrame:
    """Names and codes of a raw export for one of labels: administrative columns, check boxes, states of forms.

    The header of a label export holds texts of questions; those of items stay.
    """
    names = [str(name) for name in frame.columns]
    if not names or (names[0] not in _RECORD and not set(names) & set(_LABELS)):
        return frame
    attrs = frame.attrs
    new = {old: raw for old, raw in _LABELS.items() if old in names and raw not in names}
    if "record_id" not in names and names[0] not in _LABELS:
        new[names[0]] = "record_id"
    frame = frame.rename(columns=new)
    done = [name for name in names if re.fullmatch(r"Complete\?(\.\d+)?", name)]
    for number, name in enumerate(done, start=1):
        frame = frame.rename(columns={name: f"form{number}_complete"})
    n_boxes = 0
    for name in [str(column) for column in frame.columns]:
        values = set(frame[name].dropna().unique())
        for words in (_CHECKED, _COMPLETE):
            if values and values <= set(words):
                frame[name] = frame[name].map(words)
                n_boxes += words is _CHECKED
    boxes = {name: _box(name) for name in map(str, frame.columns) if _box(name)}
    frame = frame.rename(columns={name: box for name, box in boxes.items() if box is not None})
    twice = dict(attrs.get("duplicated_columns", {}))
    twice.pop("Complete?", None)
    frame.attrs = {**attrs, "duplicated_columns": twice}
    log.notes = [note for note in log.notes if "the header 'Complete?' stands" not in note]
    log.notes.append("an export of labels: answers are the texts of their options")
    if n_boxes:
        log.notes.append(f"Checked and Unchecked of {n_boxes} columns are read as 1 and 0")
    return frame


def _box(name: str) -> str | None:
    """The name of a check box of a label export, ``What? (choice=Talk)``, in the manner of a raw one."""
    found = re.fullmatch(r"(?P<item>.+?)\s*\(choice=(?P<option>.+)\)", name)
    return None if found is None else f"{found['item']}___{found['option']}"


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
    once = _deselected(frame, mapping) | _once_per_person(frame, mapping)
    if repeat is not None and repeats:
        once |= repeat.isna().to_numpy()
        other = _other_instrument(frame, mapping)
        frame = log.drop(frame, other & ~once, "other instrument")
        once = once[~(other & ~once)]
        _check_one_instrument(frame[~once], path)
    if once.any() and not once.all():
        frame = _spread(frame, once, mapping, log)
    events = texts_of(frame[_EVENT]) if _EVENT in frame.columns else np.array([], dtype=object)
    events = np.array([_ARM.sub("", event) for event in events], dtype=object)
    several = len(set(events)) > 1
    number = _event_numbers(events, texts_of(frame[mapping.person]), mapping, path) if several else None
    found: dict[str, Any] = {}
    if number is not None and repeats:
        found = {"day": number, "beep": frame[_REPEAT].to_numpy()}
    elif number is not None or repeats:
        found = {"occasion": number if number is not None else frame[_REPEAT].to_numpy()}
    attrs = frame.attrs
    # A field of the project that has the name already says more than the number of an event.
    new = {name: _filled_up(frame[name], values) if name in frame else values for name, values in found.items()}
    frame = frame.assign(**new)
    frame.attrs = attrs
    return frame


def _filled_up(field: pd.Series[Any], number: Any) -> pd.Series[Any]:
    """A field of numbers whose gaps are filled by another count that runs along with it."""
    import pandas as pd

    known = pd.to_numeric(field, errors="coerce")
    ahead = known - pd.to_numeric(pd.Series(number, index=field.index), errors="coerce")
    if known.isna().eq(field.isna()).all() and field.isna().any() and len(set(ahead.dropna())) == 1:
        return field.fillna(pd.Series(number, index=field.index) + ahead.dropna().iloc[0])
    return field


def _once_per_person(frame: pd.DataFrame, mapping: ExportMapping) -> npt.NDArray[np.bool_]:
    """Rows of up to three events that share no form with the others, of which there are more: a baseline, a follow-up.

    Only where `mapping` chooses no events.
    """
    nobody = np.zeros(len(frame), dtype=bool)
    if _EVENT not in frame.columns or _EVENT in mapping.drop or _EVENT in mapping.only or mapping.events is not None:
        return nobody
    events = np.array([_ARM.sub("", event) for event in texts_of(frame[_EVENT])], dtype=object)
    names = list(dict.fromkeys(events))
    administrative = {*mapping.administrative, *mapping.identifying, mapping.person}
    fields = [name for name in frame.columns if name not in administrative and not str(name).endswith("_complete")]
    groups: list[tuple[set[Any], list[str]]] = []
    for event in names:
        forms, members = _filled(frame[events == event], fields), [event]
        for group in [group for group in groups if group[0] & forms]:
            groups.remove(group)
            forms, members = forms | group[0], [*group[1], *members]
        groups.append((forms, members))
    diary = max(len(members) for _, members in groups)
    # Mornings and evenings may have forms of their own: only what is asked a few times is no part of the diary.
    few = [members for _, members in groups if len(members) <= min(_MOST_WAVES, diary // 2)]
    return np.isin(events, [event for members in few for event in members])


def _filled(rows: pd.DataFrame, fields: list[Any]) -> set[Any]:
    return {name for name in fields if rows[name].notna().any()}


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
    if mapping.events is not None and order is not None:
        order = list(dict.fromkeys(_ARM.sub("", name) for name in order))
    if order is None:
        order = _by_numbers(names)
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


def _by_numbers(names: list[str]) -> list[str] | None:
    """The order of events that differ in one number only, as ``day_2`` and ``day_10`` do."""
    parts = [_NUMBERED.fullmatch(name) for name in names]
    if any(part is None for part in parts):
        return None
    frames = {(part["stem"], part["rest"]) for part in parts if part is not None}
    numbers = [int(part["number"]) for part in parts if part is not None]
    if len(frames) != 1 or len(set(numbers)) < len(numbers):
        return None
    return [name for _, name in sorted(zip(numbers, names, strict=True))]


def complete_days(rows: pd.DataFrame, log: ImportLog) -> pd.DataFrame:
    """Days of forms that nobody filled in, from the numbers of events or repeats.

    A form without a stamp has no day of its own. Where the days of each person's other rows and their numbers rise
    together, it lies as far from them as its number does. Without any stamps the number itself is the day; where
    persons have several rows on one day, days stay missing.
    """
    if "occasion" not in rows or ("day" in rows and rows["day"].notna().all()):
        return rows
    attrs = rows.attrs
    days = _days_by_number(rows, log) if "day" in rows and rows["day"].notna().any() else rows["occasion"]
    rows = rows.assign(day=days)
    rows.attrs = attrs
    return rows


def _days_by_number(rows: pd.DataFrame, log: ImportLog) -> pd.Series[Any]:
    day, number, person = rows["day"], rows["occasion"].astype(float), texts_of(rows["person"])
    one: Any = np.timedelta64(1, "D") if day.dtype.kind == "M" else 1.0
    first = day.min()
    ahead = ((day - first) / one - number).groupby(person)
    start = ahead.transform("first")
    n = int(day.isna().sum())
    if bool((ahead.transform("max") - ahead.transform("min")).fillna(0.0).eq(0).all()) and start.notna().all():
        log.recode("no stamp: day by the number of the occasion", n)
        return day.fillna(first + (number + start) * one)
    if bool(day.groupby([person, day]).transform("size").gt(1).any()):
        log.notes.append(f"{n:,} rows without a stamp have no day; their order is that of the column occasion")
        return day
    log.notes.append("day is the number of the event or repeat, as forms without a stamp have no day of the calendar")
    return rows["occasion"]
