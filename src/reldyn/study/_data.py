"""From the data section of a study file to a panel, with or without its original ids."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError
from reldyn.panel import DyadPanel, check_panel, from_wide, load_sample, read_table
from reldyn.study._config import SAMPLE, StudyFile
from reldyn.study._manifest import sha256_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel import PanelIndex
    from reldyn.study._toml import StudyText

__all__ = ["anonymised", "check_named_columns", "data_hash", "findings_of", "make_panel", "prepared", "read_rows"]


def data_path(study: StudyFile, folder: Path) -> Path | None:
    """The data file, relative to the folder of the study file; None for the sample study."""
    return None if study.data.path == SAMPLE else folder / study.data.path


def read_rows(study: StudyFile, folder: Path) -> pd.DataFrame:
    """The rows as they stand in the file."""
    path = data_path(study, folder)
    if path is None:
        return load_sample().frame
    return read_table(path, **study.data.options())


def data_hash(study: StudyFile, folder: Path, frame: pd.DataFrame, salt: bytes = b"") -> str:
    """SHA-256 of the data file; of the rows as CSV for the sample study, whose file depends on the installation.

    ``salt`` comes before the data: a hash with one cannot be had from the plain hash, only from the data.
    """
    path = data_path(study, folder)
    return sha256_of(path if path is not None else frame.to_csv(index=False, lineterminator="\n").encode(), salt)


def roles_of(study: StudyFile) -> dict[str, Any]:
    """Arguments of `DyadPanel` and `check_panel`."""
    named: dict[str, Any] = {**study.columns.names(), **study.columns.options()}
    if study.schedule is not None:
        named["schedule"] = study.schedule.as_option()
    if study.scales:
        named["scales"] = dict(study.scales)
    return named


def make_panel(study: StudyFile, frame: pd.DataFrame, where: StudyText) -> DyadPanel:
    """The panel as the file has it; `prepared` adds what the study asks for."""
    if study.wide is None and study.columns.person is None:
        raise where.error(
            [f"{where.place(('columns', 'person'))}: this key is needed unless there is a [wide] section."]
        )
    try:
        if study.wide is not None:
            layout = {name: value for name, value in study.wide.model_dump().items() if value is not None}
            panel = from_wide(frame, **roles_of(study), **layout)
        else:
            panel = DyadPanel(frame, **roles_of(study))
    except DataError as problem:
        raise DataError(f"{study.data.path}: {problem}", problem.findings) from None
    return panel


def prepared(panel: DyadPanel, study: StudyFile) -> DyadPanel:
    """The panel with the lags that the study asks for."""
    return panel.lag(study.prepare.lag) if study.prepare.lag else panel


def findings_of(study: StudyFile, frame: pd.DataFrame, where: StudyText) -> pd.DataFrame:
    """The findings about the rows; those of a table that makes no panel are not raised."""
    if study.wide is None:
        return check_panel(frame, **roles_of(study))
    try:
        return make_panel(study, frame, where).findings
    except DataError as problem:
        if problem.findings is None:
            raise
        return problem.findings


def anonymised(panel: DyadPanel, study: StudyFile, secret: str) -> tuple[DyadPanel, Mapping[str, Hashable]]:
    """The same panel with running numbers for dyads and persons, drawn by lot.

    Tables and figures go by the numbers, so that neither a number nor a place in a table tells where an id
    stands among the ids. The lot is drawn from the data themselves: one file has one set of numbers,
    and nobody without the file can draw it again. Labels that only tell the members of one dyad apart identify
    nobody and stay as they are.

    Parameters
    ----------
    panel : DyadPanel
        As the file has it: columns that are added later would count as answers.
    study : StudyFile
    secret : str
        Hexadecimal digits that only whoever has the data can know.

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
    lot = np.random.default_rng(int(secret, 16))
    dyad_number = lot.permutation(index.n_dyads) + 1
    person_number = _person_numbers(lot, dyad_number, index)
    unique_ids = len(set(index.person_labels)) == index.n_persons
    frame[columns["dyad"]] = dyad_number[index.dyad]
    if unique_ids and columns["person"] != columns["role"]:
        frame[columns["person"]] = person_number[index.person]
    named = {name: column for name, column in columns.items() if column is not None}
    scales = dict(panel.scales) or None
    times: dict[str, Any] = {"dates": panel.dates, "timezone": panel.timezone, "workdays": panel.workdays}
    plain = DyadPanel(frame, **named, **times, schedule=panel.schedule, scales=scales)
    return plain, {str(label): int(number) for label, number in zip(labels, dyad_number, strict=True)}


def _person_numbers(lot: np.random.Generator, dyad_number: NDArray[np.int64], index: PanelIndex) -> NDArray[np.int64]:
    """Numbers from 1, those of one dyad in a row, the two in an order drawn by lot."""
    dyad_of = np.zeros(index.n_persons, dtype=np.int64)
    dyad_of[index.person] = dyad_number[index.dyad]
    order = np.lexsort((lot.permutation(index.n_persons), dyad_of))
    numbers = np.empty(index.n_persons, dtype=np.int64)
    numbers[order] = np.arange(1, index.n_persons + 1)
    return numbers


def check_named_columns(study: StudyFile, panel: DyadPanel, where: StudyText) -> None:
    """Raise one error for every column that the study names and the data lack, with key path and line."""
    from reldyn.errors import check_columns

    present = [str(name) for name in panel.frame.columns]
    source = study.data.path
    wanted: list[tuple[tuple[str, ...], list[str]]] = []
    for name, model in study.models.items():
        wanted += [(("models", name, key), names) for key, names in model.columns().items()]
    if study.cycles is not None:
        wanted.append((("cycles", "warmth"), [study.cycles.warmth]))
        wanted.append((("cycles", "approach"), [study.cycles.approach] if study.cycles.approach else []))
    wanted.append((("report", "trajectories"), study.report.trajectories or []))
    faults = []
    for keys, names in wanted:
        for name in names:
            try:
                check_columns(present, [name], source)
            except DataError as problem:
                faults.append(f"{where.place(keys)}: {problem}")
    if faults:
        raise where.error(faults)
