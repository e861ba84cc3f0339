"""`run_study`: from a study file to a folder with results and a report, all of it or nothing.

The work goes into a sibling folder ``NAME.unfinished-...`` and is renamed at the end, so that whatever
carries the final name is whole. Results of finished models stay in the unfinished folder of a failed
run for ``resume=True``.
"""

from __future__ import annotations

import datetime
import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import reldyn
from reldyn.errors import DataError, DesignError, ReldynError
from reldyn.results import Result, from_json
from reldyn.study._config import SAMPLE, ApimModel, ModelBase, StudyFile
from reldyn.study._data import anonymised, check_named_columns, data_hash, make_panel, prepared, read_rows
from reldyn.study._lock import locked
from reldyn.study._manifest import fingerprint, sha256_of, show_versions
from reldyn.study._output import (
    RECORD,
    UNFINISHED,
    Output,
    check_target,
    clear,
    files_of,
    listed,
    make_parents,
    unchanged,
    unfinished,
)
from reldyn.study._progress import progress
from reldyn.study._report import ReportParts, render_report
from reldyn.study._toml import StudyText, read_study_file

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["StudyRun", "run_study"]

_REPORT, _RESULTS, _FINGERPRINTS = "report.html", "results", "fingerprints.json"
_SECRET = b"numbers of dyads and persons"


@dataclass(frozen=True)
class StudyRun:
    """A finished run of a study file.

    Attributes
    ----------
    path : Path
        The report.
    output : Path
        The folder with the report, tables, results and manifest.
    results : mapping of str to Result
        The fitted models by name.
    schedule : pandas.DataFrame or None
        What `reldyn.cycles.schedule` returned, where the study asks for it.
    findings : pandas.DataFrame
        The findings about the data.
    manifest : mapping
        Versions, hashes, seeds and times: what ``manifest.json`` holds.
    """

    path: Path
    output: Path
    results: Mapping[str, Result]
    schedule: pd.DataFrame | None
    findings: pd.DataFrame
    manifest: Mapping[str, Any]


def run_study(path: str | Path, *, output: str | Path | None = None, resume: bool = False) -> StudyRun:
    """Run a study file: read the data, fit the models, describe the schedule, write the report.

    Parameters
    ----------
    path : str or Path
        A study file (TOML) with the sections ``data`` and ``columns`` and any of ``wide``,
        ``schedule``, ``scales``, ``prepare``, ``models``, ``cycles``, ``report``. Paths in it are
        relative to its folder.
    output : str or Path, optional
        Folder to write. None: beside the study file, ``NAME-output``. The files of an earlier run there
        are replaced; what else stands there, or was changed since, is left and named in a warning. Any
        other folder that is not empty is refused.
    resume : bool, default False
        Take over results of an earlier, finished or unfinished, run to the same folder whose
        data, model and reldyn version are the same. Off by default, as a whole run shows that
        everything can be computed anew.

    Returns
    -------
    StudyRun

    Raises
    ------
    DesignError
        The study file has faults (all are named, with key path and line), or a model cannot be
        estimated.
    DataError
        The data cannot be read or make no panel, the output folder is not ours to replace, or another
        run is writing to it.

    Warns
    -----
    DataWarning
        The folder holds files that no run wrote, or an earlier run was killed.

    Notes
    -----
    Dyads and persons carry running numbers in everything that is written, unless the report
    section says ``anonymise = false``: two partners may come to read the same report. The numbers are
    drawn by lot from the data, so that they do not follow the ids; as dyads then come in another order,
    intervals by the bootstrap differ within their Monte Carlo error from those with the original ids.
    Saved results hold no rows (see `reldyn.from_json`); the figure of trajectories draws the series of a
    few dyads, and that of compliance who answered when.

    Examples
    --------
    >>> import tempfile, pathlib, reldyn as rd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data, study = pathlib.Path(folder) / "diary.csv", pathlib.Path(folder) / "study.toml"
    ...     rd.simulate.apim(n_dyads=30, actor=0.3, partner=0.1, seed=1).panel.frame.to_csv(data)
    ...     _ = study.write_text('''
    ...         [data]
    ...         path = "diary.csv"
    ...         [columns]
    ...         dyad = "dyad"
    ...         person = "person"
    ...         role = "role"
    ...         [models.mood]
    ...         outcome = "y"
    ...         predictors = ["x"]
    ...         estimation = { inference = "z" }
    ...     ''', encoding="utf-8")
    ...     run = rd.run_study(study)
    ...     run.path.name, list(run.results)
    ('report.html', ['mood'])
    """
    path = Path(path)
    study, where = read_study_file(path)
    target = _target(path, output)
    started = _now()
    check_target(target)
    frame = read_rows(study, path.parent)
    original = make_panel(study, frame, where)
    panel, numbers = anonymised(original, study, data_hash(study, path.parent, frame, _SECRET))
    panel = prepared(panel, study)
    check_named_columns(study, panel, where)
    shown = _shown_dyads(study, numbers, where)
    about = _about(study, where, path, data_hash(study, path.parent, frame))
    make_parents(target)
    with locked(target) as lock:
        # Another run may have come first, or a killed one may have left its folder aside.
        check_target(target)
        earlier = _earlier(target) if resume else {}
        work = Output(target, lock.note)
        try:
            with progress(len(study.models) + 2) as step:
                results, prints = _fit_all(study, panel, where, work, earlier, about, step)
                step("schedule")
                schedule, events = _schedule(study, panel)
                manifest: dict[str, Any] = {**about, "models": prints, "started": started, "finished": _now()}
                parts = ReportParts(study, panel, results, schedule, events, shown, about)
                step("report")
                _write(work, panel, results, schedule, parts, where.text)
            manifest, moved, left = work.publish(manifest)
        except BaseException:
            stems = [_FINGERPRINTS, *(f"{_file_name(name, study.models)}.json" for name in study.models)]
            work.leave(*(f"{_RESULTS}/{stem}" for stem in stems))
            raise
        _say(target, lock.recovered, moved, [*left, *_uncleared(target)])
    return StudyRun(
        path=target / moved.get(_REPORT, _REPORT),
        output=target,
        results=MappingProxyType(results),
        schedule=schedule,
        findings=panel.findings,
        manifest=MappingProxyType(manifest),
    )


def _say(target: Path, recovered: str, moved: Mapping[str, str], left: list[str]) -> None:
    """Warn of what is not as a reader of the folder would expect."""
    said = [recovered] if recovered else []
    if left:
        said.append(f"{target} holds what no run wrote, or what was changed since, left as it is: {listed(left)}.")
    if moved:
        said.append(
            f"This run's files of the same name are called {listed([f'{new} ({old})' for old, new in moved.items()])}."
        )
    if said:
        warnings.warn(" ".join(said), reldyn.DataWarning, stacklevel=3)


def _uncleared(target: Path) -> list[str]:
    """Remove what unfinished runs to this output wrote; the folders that hold something else stay."""
    return [str(folder) for folder in unfinished(target) if not clear(folder)]


def _target(path: Path, output: str | Path | None) -> Path:
    if output is None:
        return path.with_name(f"{path.stem}-output")
    target = Path(output)
    # "." and ".." have no name that a sibling could be called after.
    return target if target.name not in ("", "..") else target.resolve()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _shown_dyads(study: StudyFile, numbers: Mapping[str, Any], where: StudyText) -> list[Any] | None:
    if study.report.dyads is None:
        return None
    unknown = [label for label in study.report.dyads if str(label) not in numbers]
    if unknown:
        raise where.error([f"{where.place(('report', 'dyads'))}: no dyad {unknown[0]!r} in the data."])
    return [numbers[str(label)] for label in study.report.dyads]


def _about(study: StudyFile, where: StudyText, path: Path, data_sha256: str) -> dict[str, Any]:
    versions = show_versions()
    return {
        "reldyn": reldyn.__version__,
        "python": versions.python,
        "platform": versions.platform,
        "packages": dict(versions.packages),
        "study_file": _readable(path.name),
        "study_sha256": sha256_of(where.path),
        "data_file": SAMPLE if study.data.path == SAMPLE else _readable(Path(study.data.path).name),
        "data_sha256": data_sha256,
        "anonymised": study.report.anonymise,
    }


def _readable(name: str) -> str:
    """A file name as text, also where the locale could not decode it."""
    return os.fsencode(name).decode("utf-8", errors="replace")


def _fit_all(
    study: StudyFile,
    panel: DyadPanel,
    where: StudyText,
    work: Output,
    earlier: Mapping[str, tuple[str, Path]],
    about: Mapping[str, Any],
    step: Callable[[str], None],
) -> tuple[dict[str, Result], dict[str, Any]]:
    """Fit every model, or take over an equal earlier result; keep each as soon as it is there."""
    results: dict[str, Result] = {}
    prints: dict[str, Any] = {}
    for name, model in study.models.items():
        step(f"model {name}")
        mark = _fingerprint(study, model, about)
        taken = _take_over(earlier.get(name), mark)
        result = taken if taken is not None else _fit(panel, name, model, where)
        results[name] = result
        prints[name] = {"fingerprint": mark, "seed": model.estimation.seed, "resumed": taken is not None}
        work.write(f"{_RESULTS}/{_file_name(name, study.models)}.json", result.to_json() + "\n")
        known = {other: [entry["fingerprint"], _file_name(other, study.models)] for other, entry in prints.items()}
        work.write(f"{_RESULTS}/{_FINGERPRINTS}", json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    return results, prints


def _file_name(name: str, names: Mapping[str, Any]) -> str:
    """A file name for a model: its own where that is safe, else its number."""
    safe = name.isascii() and all(sign.isalnum() or sign in "-_" for sign in name) and name.casefold() != "fingerprints"
    clash = [other.casefold() for other in names].count(name.casefold()) > 1
    return name if safe and not clash else f"model-{list(names).index(name) + 1}"


def _fingerprint(study: StudyFile, model: ModelBase, about: Mapping[str, Any]) -> str:
    said = study.model_dump(include={"data", "columns", "wide", "schedule", "scales", "prepare"})
    return fingerprint(
        {
            "model": model.model_dump(),
            "study": said,
            "data": about["data_sha256"],
            "anonymised": about["anonymised"],
            "packages": {name: about["packages"][name] for name in ("reldyn", "numpy", "scipy")},
        }
    )


def _take_over(found: tuple[str, Path] | None, mark: str) -> Result | None:
    if found is None or found[0] != mark:
        return None
    try:
        result = from_json(found[1])
    except DataError:
        return None
    # A failed search is made again, so that it is told again.
    return result if bool(result.glance()["converged"].iloc[0]) else None


def _fit(panel: DyadPanel, name: str, model: ModelBase, where: StudyText) -> Result:
    verb = reldyn.apim if isinstance(model, ApimModel) else reldyn.mixed_model
    try:
        # What the model says about the data is in the result and in the report; a failed search is also told here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", reldyn.DataWarning)
            result: Result = verb(panel, **model.options())
            return result
    except ReldynError as problem:
        kind = DesignError if isinstance(problem, DesignError) else DataError
        raise kind(f"{where.path.name}: {where.place(('models', name))}: {problem}") from None


def _schedule(study: StudyFile, panel: DyadPanel) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    if study.cycles is None:
        return None, None
    asked = study.cycles
    common: dict[str, Any] = {"warmth": asked.warmth, "event": asked.event, "reported_by": asked.reported_by}
    table = reldyn.cycles.schedule(panel, approach=asked.approach, **common)
    return table, reldyn.cycles.events(panel, **common)


def _write(
    work: Output,
    panel: DyadPanel,
    results: Mapping[str, Result],
    schedule: pd.DataFrame | None,
    parts: ReportParts,
    study_text: str,
) -> None:
    findings = panel.findings
    findings["rows"] = [" ".join(str(row) for row in rows) for rows in findings["rows"]]
    tables = {"findings": findings, "compliance": panel.compliance(parts.study.answers())}
    for name, result in results.items():
        stem = f"{_RESULTS}/{_file_name(name, results)}"
        tables |= {f"{stem}_tidy": result.tidy(), f"{stem}_glance": result.glance()}
    if schedule is not None:
        tables["schedule"] = schedule
    for name, table in tables.items():
        work.write(f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    # The study file may name dyads; where ids are hidden its hash alone is kept.
    if not parts.study.report.anonymise or parts.study.report.dyads is None:
        work.write("study.toml", study_text)
    work.write(_REPORT, render_report(parts))


def _earlier(target: Path) -> dict[str, tuple[str, Path]]:
    """Fingerprint and file of every result of earlier runs, unfinished ones first; only files that are as written."""
    found: dict[str, tuple[str, Path]] = {}
    kept = [
        (target, files_of(target)),
        *((folder, files_of(folder, RECORD, UNFINISHED)) for folder in unfinished(target)),
    ]
    for folder, files in kept:
        index = f"{_RESULTS}/{_FINGERPRINTS}"
        if files is None or not unchanged(folder, index, files):
            continue
        known = json.loads((folder / index).read_text(encoding="utf-8"))
        for name, (mark, stem) in known.items():
            file = f"{_RESULTS}/{stem}.json"
            if unchanged(folder, file, files):
                found[name] = (mark, folder / file)
    return found
