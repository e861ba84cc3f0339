"""`run_study`: from a study file to a folder with results and a report, all of it or nothing.

The work goes into a sibling folder called ``NAME.unfinished`` and is renamed at the end, so that
whatever carries the final name is whole. Results of finished models stay in the unfinished folder
of a failed run for ``resume=True``.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import reldyn
from reldyn.errors import DataError, DesignError, ReldynError
from reldyn.results import Result, from_json, write_text
from reldyn.study._config import SAMPLE, ApimModel, ModelBase, StudyFile
from reldyn.study._data import anonymised, check_named_columns, data_hash, make_panel, read_rows
from reldyn.study._manifest import fingerprint, sha256_of, show_versions
from reldyn.study._progress import progress
from reldyn.study._report import ReportParts, render_report
from reldyn.study._toml import StudyText, read_study_file

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["StudyRun", "run_study"]

_MANIFEST, _REPORT, _FINGERPRINTS, _MARK = "manifest.json", "report.html", "fingerprints.json", "UNFINISHED.txt"
_MARK_TEXT = (
    "This run did not finish. What is here is no report; reldyn run --resume goes on from the models that were done.\n"
)


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
        Folder to write. None: beside the study file, ``NAME-output``. An earlier run there is
        replaced; any other folder that is not empty is refused.
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
        The data cannot be read or make no panel, or the output folder is not ours to replace.

    Notes
    -----
    Dyads and persons carry running numbers in everything that is written, unless the report
    section says ``anonymise = false``: two partners may come to read the same report.

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
    _check_target(target)
    frame = read_rows(study, path.parent)
    original = make_panel(study, frame, where)
    check_named_columns(study, original, where)
    panel, numbers = anonymised(original, study)
    shown = _shown_dyads(study, numbers, where)
    work = _open_work(target, resume)
    try:
        about = _about(study, where, path, data_hash(study, path.parent, frame))
        with progress(len(study.models) + 2) as step:
            earlier = _earlier(target, work) if resume else {}
            results, prints = _fit_all(study, panel, where, work, earlier, about, step)
            step("schedule")
            schedule, events = _schedule(study, panel)
            manifest = {**about, "models": prints, "started": started, "finished": _now()}
            parts = ReportParts(study, panel, results, schedule, events, shown, about)
            step("report")
            _write(work, panel, results, schedule, parts, manifest, where.text)
    except BaseException:
        _leave(work)
        raise
    _publish(work, target)
    return StudyRun(
        path=target / _REPORT,
        output=target,
        results=MappingProxyType(results),
        schedule=schedule,
        findings=panel.findings,
        manifest=MappingProxyType(manifest),
    )


def _target(path: Path, output: str | Path | None) -> Path:
    if output is None:
        return path.with_name(f"{path.stem}-output")
    target = Path(output)
    # "." and ".." have no name that a sibling could be called after.
    return target if target.name not in ("", "..") else target.resolve()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _check_target(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise DataError(f"{target} is a file: name a folder for the output.")
    if target.is_dir() and any(target.iterdir()) and not (target / _MANIFEST).is_file():
        raise DataError(
            f"{target} holds files that no run of reldyn wrote: name another folder for the output, or empty this one."
        )


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
    work: Path,
    earlier: Mapping[str, tuple[str, Path]],
    about: Mapping[str, Any],
    step: Callable[[str], None],
) -> tuple[dict[str, Result], dict[str, Any]]:
    """Fit every model, or take over an equal earlier result; keep each as soon as it is there."""
    folder = work / "results"
    results: dict[str, Result] = {}
    prints: dict[str, Any] = {}
    for name, model in study.models.items():
        step(f"model {name}")
        mark = _fingerprint(study, model, about)
        taken = _take_over(earlier.get(name), mark)
        result = taken if taken is not None else _fit(panel, name, model, where)
        results[name] = result
        prints[name] = {"fingerprint": mark, "seed": model.estimation.seed, "resumed": taken is not None}
        folder.mkdir(exist_ok=True)
        result.to_json(folder / f"{_file_name(name, results)}.json")
        known = {other: [entry["fingerprint"], _file_name(other, results)] for other, entry in prints.items()}
        write_text(folder / _FINGERPRINTS, json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    stems = {_file_name(name, results) for name in results}
    for stale in folder.glob("*.json") if folder.is_dir() else ():
        if stale.stem not in stems and stale.name != _FINGERPRINTS:
            stale.unlink()
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
    work: Path,
    panel: DyadPanel,
    results: Mapping[str, Result],
    schedule: pd.DataFrame | None,
    parts: ReportParts,
    manifest: Mapping[str, Any],
    study_text: str,
) -> None:
    findings = panel.findings
    findings["rows"] = [" ".join(str(row) for row in rows) for rows in findings["rows"]]
    tables = {"findings": findings, "compliance": panel.compliance(parts.study.answers())}
    for name, result in results.items():
        stem = f"results/{_file_name(name, results)}"
        tables |= {f"{stem}_tidy": result.tidy(), f"{stem}_glance": result.glance()}
    if schedule is not None:
        tables["schedule"] = schedule
    for name, table in tables.items():
        write_text(work / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    # The study file may name dyads; where ids are hidden its hash alone is kept.
    if not manifest["anonymised"] or parts.study.report.dyads is None:
        write_text(work / "study.toml", study_text)
    write_text(work / _REPORT, render_report(parts))
    write_text(work / _MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def _work_folder(target: Path) -> Path:
    return target.with_name(f"{target.name}.unfinished")


def _open_work(target: Path, resume: bool) -> Path:
    work = _work_folder(target)
    try:
        if work.is_dir() and not (work / _MARK).is_file() and any(work.iterdir()):
            raise DataError(f"{work} holds files that no run of reldyn wrote: move them away.")
        if work.is_dir() and not resume:
            shutil.rmtree(work)
        work.mkdir(parents=True, exist_ok=True)
        write_text(work / _MARK, _MARK_TEXT)
    except OSError as problem:
        raise DataError(f"{target}: the output folder cannot be written ({problem.strerror}).") from None
    return work


def _earlier(target: Path, work: Path) -> dict[str, tuple[str, Path]]:
    """Fingerprint and file of every result of earlier runs, the unfinished one first."""
    found: dict[str, tuple[str, Path]] = {}
    for folder in (target / "results", work / "results"):
        try:
            known = json.loads((folder / _FINGERPRINTS).read_text(encoding="utf-8"))
            found |= {name: (mark, folder / f"{stem}.json") for name, (mark, stem) in known.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            continue
    return found


def _leave(work: Path) -> None:
    """After a failure: keep finished models under the unfinished name, nothing else."""
    results = work / "results"
    if not results.is_dir() or not any(results.glob("*.json")):
        shutil.rmtree(work, ignore_errors=True)
        return
    for item in [*work.iterdir(), *results.glob("*.csv")]:
        if item.is_file() and item.name != _MARK:
            item.unlink(missing_ok=True)


def _publish(work: Path, target: Path) -> None:
    """Give the finished folder its name; the earlier run goes only when the new one stands."""
    (work / _MARK).unlink(missing_ok=True)
    replaced = target.with_name(f"{target.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    try:
        if target.exists():
            target.rename(replaced)
        work.rename(target)
    except OSError as problem:
        write_text(work / _MARK, _MARK_TEXT)
        raise DataError(f"{target}: the output folder cannot be replaced ({problem.strerror}).") from None
    shutil.rmtree(replaced, ignore_errors=True)
