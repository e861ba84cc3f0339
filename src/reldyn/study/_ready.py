"""From a study file to a prepared panel: read, checked and given running numbers, with all faults said at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldyn.errors import DataError, DataWarning, DesignError, warn_caller
from reldyn.study._config import SAMPLE, StudyFile
from reldyn.study._data import aligned, anonymised, data_hash, make_panel, original_ids, read_rows, text_ids
from reldyn.study._key import keyed_digest, study_key
from reldyn.study._toml import Draft, Study, StudyText
from reldyn.study._wording import study_words
from reldyn.study.asking import absent_faults, answer_columns, column_faults, seeded
from reldyn.study.prepare import Prepared, columns_after, prepare

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["Ready", "checked_study"]

# Nobody is behind the rows of the sample study: its numbers are the same everywhere.
_SAMPLE_KEY = b"the sample study of reldyn"


@dataclass(frozen=True)
class Ready:
    """A study with its data read, prepared and checked.

    Attributes
    ----------
    study : Study
    panel : DyadPanel
    flow : tuple of dict
        What each step of the preparation left out.
    data_sha256 : str
    numbers : str or None
        What tells one key of running numbers from another; None where there is none.
    shown : list or None
        Labels of the dyads that the study names to be drawn.
    answers : list of str or None
        Columns whose values count as answers.
    used : set of str
        Columns that the study names.
    names_ids : bool
        Whether ids stand in the text of the study file, in a comment perhaps.
    """

    study: Study
    panel: DyadPanel
    flow: tuple[dict[str, Any], ...]
    data_sha256: str
    numbers: str | None
    shown: list[Any] | None
    answers: list[str] | None
    used: set[str]
    names_ids: bool = False


def checked_study(draft: Draft, folder: Path, *, keep_key: bool = True) -> Ready:
    """Read and prepare the data of a study; one error for all faults of the file, those of columns included.

    Parameters
    ----------
    draft : Draft
    folder : Path
        Paths in the study file are relative to it.
    keep_key : bool, default True
        Whether to make the key of the running numbers where there is none yet.

    Raises
    ------
    DesignError or DataError
    """
    study, where = draft.study, draft.where
    if study is None:
        raise where.error(draft.faults)
    file = study.file
    try:
        frame = read_rows(file, folder)
        absent = _absent_columns(file, frame, where)
        rows, first = (frame, []) if absent else aligned(file, frame, where)
        original = None if absent else make_panel(file, rows, where)
    except (DataError, DesignError):
        if draft.faults:
            raise where.error(draft.faults) from None
        raise
    faults = [*draft.faults, *absent, *([] if original is None else _column_faults(study, original))]
    if original is None or faults:
        raise where.error(faults)
    key = _key(file, where.path, keep_key) if file.report.anonymise else b""
    panel, numbers = anonymised(original, file, key)
    shown = _shown_dyads(file, numbers, where)
    start = Prepared(panel, original_ids(original), tuple(first), hidden=file.report.anonymise)
    with study_words("analysis"):
        done = prepare(start, file.prepare, lambda number, name: _step_place(where, number, name))
    _check_shown(file, numbers, done.panel, where)
    _check_trajectories(file, done.panel, where)
    answers = answer_columns(study.requests)
    own = {column for one in study.requests for columns in one.columns().values() for column in columns}
    named = {column for column in done.panel.columns.values() if column is not None}
    used = own | named | set(file.report.trajectories or ())
    sha = data_hash(file, folder, frame)
    seeds = "seed" in file.run.model_fields_set
    requests = tuple(seeded(one, file.run.seed, always=seeds) for one in study.requests)
    names_ids = any(re.search(rf"(?<!\w){re.escape(label)}(?!\w)", where.text) for label in text_ids(original))
    number_key = keyed_digest(key, "which key").hex()[:16] if file.report.anonymise else None
    return Ready(
        replace(study, requests=requests), done.panel, done.flow, sha, number_key, shown, answers, used, names_ids
    )


def _absent_columns(file: StudyFile, frame: pd.DataFrame, where: StudyText) -> list[str]:
    """What the sections that say who and when name and the file lacks; a wide file is another matter."""
    if file.wide is not None:
        return []
    step = file.align_step()
    present = [*map(str, frame.columns), *(step.makes() if step is not None else ())]
    schedule = file.schedule.model_dump(exclude={"night_steps"}) if file.schedule is not None else {}
    named = [(("columns", kind), name) for kind, name in file.columns.names().items()]
    named += [(("schedule", kind), name) for kind, name in schedule.items() if name is not None]
    named += [(("scales", name), name) for name in file.scales]
    return [text for keys, name in named for text in absent_faults(present, [name], file.data.path, where.place(keys))]


def _key(file: StudyFile, path: Path, keep: bool) -> bytes:
    return _SAMPLE_KEY if file.data.path == SAMPLE else study_key(path, make=keep)


def _step_place(where: StudyText, number: int, name: str) -> str:
    return f"{where.path.name}: {where.place(('prepare', number))}: step {name!r}"


def _column_faults(study: Study, panel: DyadPanel) -> list[str]:
    """What the study names and the data, with all that the steps add, lack."""
    file, where = study.file, study.where
    source = file.data.path
    names, absent = columns_after([str(name) for name in panel.frame.columns], file.prepare)
    faults = [
        f"{where.place(('prepare', number, key))}: no column {name!r} in {source} or made by an earlier step."
        for number, key, name in absent
    ]
    faults += column_faults(study.requests, names, source, where)
    faults += [
        f"{where.place(('report', 'trajectories'))}: no column {name!r} in {source}."
        for name in file.report.trajectories or ()
        if name not in names
    ]
    return faults


def _check_shown(file: StudyFile, numbers: Mapping[str, Any], panel: DyadPanel, where: StudyText) -> None:
    """Refuse dyads to be shown of which the preparation leaves no row."""
    left = set(panel.index.dyad_labels)
    gone = [label for label in file.report.named_dyads or () if numbers[str(label)] not in left]
    if gone:
        place = where.place(("report", "dyads"))
        raise where.error([f"{place}: the steps of [[prepare]] leave no row of dyad {gone[0]!r}."])


def _check_trajectories(file: StudyFile, panel: DyadPanel, where: StudyText) -> None:
    """Refuse trajectories of texts, and say where none are drawn as no single dyad is shown."""
    names, place = file.report.trajectories or [], where.place(("report", "trajectories"))
    texts = [name for name in names if panel.frame[name].dtype.kind not in "biuf"]
    if texts:
        raise where.error([f"{place}: column {texts[0]!r} holds no numbers."])
    if names and not file.report.dyads:
        warn_caller(
            f"{where.path.name}: {place}: trajectories are those of single dyads, and none is drawn: ask for them with "
            "dyads = true in [report], or with a list of ids.",
            DataWarning,
        )


def _shown_dyads(study: StudyFile, numbers: Mapping[str, Any], where: StudyText) -> list[Any] | None:
    named = study.report.named_dyads
    if named is None:
        return None
    unknown = [label for label in named if str(label) not in numbers]
    if unknown:
        raise where.error([f"{where.place(('report', 'dyads'))}: no dyad {unknown[0]!r} in the data."])
    return [numbers[str(label)] for label in named]
