"""From the data section of a study file to a panel, with or without its original ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DesignError, ReldynError
from reldyn.panel import DyadPanel, check_panel, from_wide, load_sample, read_table
from reldyn.study._config import SAMPLE, StudyFile
from reldyn.study._key import keyed_digest
from reldyn.study._manifest import sha256_of
from reldyn.study._wording import findings_in_study_words, study_words
from reldyn.study.prepare import aligned_rows

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel import PanelIndex
    from reldyn.study._toml import StudyText

__all__ = ["aligned", "anonymised", "data_hash", "findings_of", "make_panel", "original_ids", "read_rows", "text_ids"]


def data_path(study: StudyFile, folder: Path) -> Path | None:
    """The data file, relative to the folder of the study file; None for the sample study."""
    return None if study.data.path == SAMPLE else folder / study.data.path


def read_rows(study: StudyFile, folder: Path) -> pd.DataFrame:
    """The rows as they stand in the file."""
    path = data_path(study, folder)
    if path is None:
        return load_sample().frame
    with study_words("reading"):
        return read_table(path, **study.data.options())


def data_hash(study: StudyFile, folder: Path, frame: pd.DataFrame) -> str:
    """SHA-256 of the data file; of the rows as CSV for the sample study, whose file depends on the installation."""
    path = data_path(study, folder)
    return sha256_of(path if path is not None else frame.to_csv(index=False, lineterminator="\n").encode())


def roles_of(study: StudyFile) -> dict[str, Any]:
    """Arguments of `DyadPanel` and `check_panel`."""
    named: dict[str, Any] = {**study.columns.names(), **study.columns.options()}
    if study.align_step() is not None and named.keys().isdisjoint(("time", "day", "beep")):
        # As `Aligned.panel` does: the alignment has just made these columns.
        named |= {"day": "day", "beep": "beep"}
    if study.schedule is not None:
        named["schedule"] = study.schedule.as_option()
    if study.scales:
        named["scales"] = dict(study.scales)
    return named


def aligned(study: StudyFile, frame: pd.DataFrame, where: StudyText) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The rows with day and prompt where the study asks for it, and the record of that step."""
    step = study.align_step()
    if step is None:
        return frame, []
    person = study.columns.person
    if person is None:
        raise where.error([f"{where.place(('columns', 'person'))}: this key is needed to align the rows."])
    try:
        with study_words("align"):
            rows, record = aligned_rows(frame, step, dyad=study.columns.dyad, person=person)
    except ReldynError as problem:
        kind = DesignError if isinstance(problem, DesignError) else DataError
        raise kind(f"{where.path.name}: {where.place(('prepare', 0))}: {problem}") from None
    return rows, [record]


def original_ids(panel: DyadPanel) -> pd.DataFrame:
    """The ids of every row as the file has them: formulas of the study speak of these."""
    columns = {panel.columns[kind] for kind in ("dyad", "person")} - {None, panel.columns["role"]}
    return panel.frame[sorted(str(name) for name in columns)]


def text_ids(panel: DyadPanel) -> set[str]:
    """Ids that are words, and so long that they do not stand in any text by chance."""
    labels = set(panel.index.dyad_labels)
    if _own_ids(panel):
        labels |= set(panel.index.person_labels)
    return {label for label in labels if isinstance(label, str) and len(label) > 2}


def _own_ids(panel: DyadPanel) -> bool:
    """Whether persons have ids of their own; else their labels only tell the members of one dyad apart."""
    index, columns = panel.index, panel.columns
    return len(set(index.person_labels)) == index.n_persons and columns["person"] != columns["role"]


def make_panel(study: StudyFile, frame: pd.DataFrame, where: StudyText) -> DyadPanel:
    """The panel as the file has it; `reldyn.study.prepare` does what the study asks for."""
    if study.wide is None and study.columns.person is None:
        raise where.error(
            [f"{where.place(('columns', 'person'))}: this key is needed unless there is a [wide] section."]
        )
    try:
        with study_words():
            if study.wide is not None:
                layout = {name: value for name, value in study.wide.model_dump().items() if value is not None}
                return from_wide(frame, **roles_of(study), **layout)
            return DyadPanel(frame, **roles_of(study))
    except DataError as problem:
        raise DataError(f"{study.data.path}: {problem}", problem.findings) from None


def findings_of(study: StudyFile, frame: pd.DataFrame, where: StudyText) -> pd.DataFrame:
    """The findings about the rows; those of a table that makes no panel are not raised."""
    if study.wide is None:
        with study_words():
            return findings_in_study_words(check_panel(frame, **roles_of(study)))
    try:
        return findings_in_study_words(make_panel(study, frame, where).findings)
    except DataError as problem:
        if problem.findings is None:
            raise
        return problem.findings


def anonymised(panel: DyadPanel, study: StudyFile, key: bytes) -> tuple[DyadPanel, Mapping[str, Hashable]]:
    """The same panel with running numbers for dyads and persons, in the order of keyed hashes of their ids.

    Tables and figures go by the numbers, so that neither a number nor a place in a table tells where an id
    stands among the ids. One key gives one set of numbers, and nobody without the key can compute them. Labels that
    only tell the members of one dyad apart identify nobody and stay as they are.

    Parameters
    ----------
    panel : DyadPanel
        As the file has it: columns that are added later would count as answers.
    study : StudyFile
    key : bytes

    Returns
    -------
    panel : DyadPanel
    numbers : mapping of str to label
        The dyad's label in the new panel by its original id as text.
    """
    labels = panel.index.dyad_labels
    if not study.report.anonymise:
        return panel, {str(label): label for label in labels}
    frame, index, columns = panel.frame, panel.index, panel.columns
    dyad_number = _ranks([keyed_digest(key, "dyad", label) for label in labels])
    person_number = _person_numbers(key, dyad_number, index)
    frame[columns["dyad"]] = dyad_number[index.dyad]
    if _own_ids(panel):
        frame[columns["person"]] = person_number[index.person]
    named: dict[str, Any] = {name: column for name, column in columns.items() if column is not None}
    scales = dict(panel.scales) or None
    times: dict[str, Any] = {"dates": panel.dates, "timezone": panel.timezone, "workdays": panel.workdays}
    plain = DyadPanel(frame, **named, **times, schedule=panel.schedule, scales=scales)
    return plain, {str(label): int(number) for label, number in zip(labels, dyad_number, strict=True)}


def _ranks(values: Sequence[Any]) -> NDArray[np.int64]:
    """Numbers from 1 in the order of the values."""
    order = sorted(range(len(values)), key=values.__getitem__)
    numbers = np.empty(len(values), dtype=np.int64)
    numbers[order] = np.arange(1, len(values) + 1)
    return numbers


def _person_numbers(key: bytes, dyad_number: NDArray[np.int64], index: PanelIndex) -> NDArray[np.int64]:
    """Numbers from 1, those of one dyad in a row, the two in the order of their hashes."""
    dyad_of = np.zeros(index.n_persons, dtype=np.int64)
    dyad_of[index.person] = index.dyad
    hashes = [
        keyed_digest(key, "person", index.dyad_labels[dyad], label)
        for dyad, label in zip(dyad_of, index.person_labels, strict=True)
    ]
    return _ranks(list(zip(dyad_number[dyad_of].tolist(), hashes, strict=True)))
