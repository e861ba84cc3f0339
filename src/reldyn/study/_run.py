"""Run a study file: from a data file to a folder with results and a report, all of it or nothing.

The work goes into a sibling folder ``NAME.unfinished-...`` and is renamed at the end, so that whatever
carries the final name is whole. Analyses that were finished stay in the unfinished folder of a failed or killed
run, and the next run takes them over where nothing that they hang on has changed.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import reldyn
from reldyn._registry import Analysis, find_analysis
from reldyn.errors import DesignError, warn_caller
from reldyn.results import Result
from reldyn.study._config import SAMPLE
from reldyn.study._frozen import check_frozen
from reldyn.study._lock import locked
from reldyn.study._manifest import sha256_of, show_versions
from reldyn.study._output import Output, check_target, clear, listed, log_of, make_parents, unfinished
from reldyn.study._progress import progress
from reldyn.study._ready import Ready, checked_study
from reldyn.study._toml import Study, read_draft
from reldyn.study._wording import findings_in_study_words
from reldyn.study.reporting import ReportParts, render_report
from reldyn.study.running import Context, StudySteps, as_csv, data_keys, saved_steps, step_keys, versions_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StudyRun", "run_study"]

_REPORT = "report.html"
_LOGGED_RUNS = 50


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
        The results by the names of the analyses. Those that were saved by an earlier run, or computed by another
        process, come without rows, as `reldyn.from_json` gives them.
    findings : pandas.DataFrame
        The findings about the data.
    flow : pandas.DataFrame
        What each step of ``[[prepare]]`` left out: one row per step, with rows, persons and dyads dropped and left.
    manifest : mapping
        Versions, hashes and seeds: what ``manifest.json`` holds. Two runs of the same study have the same.
    log : mapping
        When the run was, how long each analysis took, and which were kept from an earlier run.
    """

    path: Path
    output: Path
    results: Mapping[str, Result]
    findings: pd.DataFrame
    flow: pd.DataFrame
    manifest: Mapping[str, Any]
    log: Mapping[str, Any]

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the analyses that an earlier run had computed."""
        return tuple(name for name, one in self.log["analyses"].items() if one["kept"])


def run_study(
    path: str | Path,
    *,
    output: str | Path | None = None,
    fresh: bool = False,
    frozen: bool = False,
    resume: bool = False,  # noqa: ARG001
) -> StudyRun:
    """Run a study file: read and prepare the data, compute the analyses, write the report.

    Parameters
    ----------
    path : str or Path
        A study file (TOML) with the sections ``data`` and ``columns`` and any of ``wide``, ``schedule``, ``scales``,
        ``[[prepare]]``, ``[analyses.NAME]``, ``run``, ``report``. Paths in it are relative to its folder. Files of
        version 1 (``[models.NAME]``, ``[cycles]``) are read as well.
    output : str or Path, optional
        Folder to write. None: beside the study file, ``NAME-output``. The files of an earlier run there
        are replaced; what else stands there, or was changed since, is left and named in a warning. Any
        other folder that is not empty is refused.
    fresh : bool, default False
        Compute every analysis anew. By default one that an earlier run to the same folder has computed, finished or
        killed, is taken over while its options, the data, their preparation and the versions are the same, because
        it would come out the same.
    frozen : bool, default False
        Refuse to run where the data, the study file, the key of the running numbers, the kernels (compiled or plain) or
        a version is another than in the earlier run to this folder.
    resume : bool, default False
        Without effect: every run takes over what it can.

    Returns
    -------
    StudyRun

    Raises
    ------
    DesignError
        The study file has faults (all are named, with key path and line), or an analysis cannot be estimated.
    DataError
        The data cannot be read or make no panel, the output folder is not ours to replace, another
        run is writing to it, or ``frozen`` finds a change.

    Warns
    -----
    DataWarning
        The folder holds files that no run wrote, or an earlier run was killed.
    ConvergenceWarning
        A search did not end; also where the result was taken over.

    Notes
    -----
    A run is the same on any number of workers and whenever it was interrupted: report, results and manifest are
    equal byte for byte while data, study file, key and versions are. Times are in ``log.json`` alone.

    Dyads and persons carry running numbers in everything that is written, unless the report
    section says ``anonymise = false``: two partners may come to read the same report. The numbers follow
    hashes of the ids with a key, which the first run writes beside the study file (``NAME.key``, readable by its
    owner alone); it goes into no output. As dyads then come in another order, intervals by the bootstrap
    differ within their Monte Carlo error from those with the original ids.
    Saved results hold no rows (see `reldyn.from_json`). The report shows no row and no cell of a single dyad unless
    the report section asks for them, with ``dyads = true`` or a list of ids.

    Examples
    --------
    >>> import tempfile, pathlib, reldyn as rd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data, study = pathlib.Path(folder) / "diary.csv", pathlib.Path(folder) / "study.toml"
    ...     rd.simulate.apim(n_dyads=4, n_occasions=12, actor=0.3, partner=0.1, seed=1).panel.frame.to_csv(data)
    ...     _ = study.write_text('''
    ...         [data]
    ...         path = "diary.csv"
    ...         [columns]
    ...         dyad = "dyad"
    ...         person = "person"
    ...         role = "role"
    ...         time = "time"
    ...         [analyses.carry]
    ...         verb = "coupling.inertia_coordination"
    ...         variable = "y"
    ...     ''', encoding="utf-8")
    ...     run = rd.run_study(study)
    ...     run.path.name, list(run.results)
    ('report.html', ['carry'])
    """
    path = _as_path(path, "path", "a study file")
    target = _target(path, None if output is None else _as_path(output, "output", "a folder"))
    draft = read_draft(path)
    started, about_versions = _now(), show_versions()
    check_target(target)
    ready = checked_study(draft, path.parent)
    versions = versions_of(about_versions.packages)
    about = _about(ready, path, about_versions, versions["kernels"])
    if frozen:
        check_frozen(target, about)
    study = ready.study
    keys = step_keys(study.requests, data_keys(study.file, ready.data_sha256, ready.numbers), versions)
    make_parents(target)
    with locked(target) as lock:
        # Another run may have come first, or a killed one may have left its folder aside.
        check_target(target)
        earlier = {} if fresh else saved_steps(target)
        work = Output(target, lock.note)
        steps = StudySteps(study, keys, work)
        try:
            with progress(len(study.requests) + 1) as step:
                steps.take_over(earlier)
                steps.compute(Context(ready.panel, study.file.report.dyads, ready.shown, _entries(study)), step)
                step("report")
                manifest = {**about, "analyses": steps.described()}
                _write(work, ready, ReportParts(ready, steps.records(), about))
            log = {"started": started, "finished": _now(), "analyses": steps.timed()}
            work.log({"runs": [*_logged(target), log][-_LOGGED_RUNS:]})
            manifest, moved, left = work.publish(manifest)
        except BaseException:
            work.leave(*steps.written())
            raise
        _say(target, lock.recovered, moved, [*left, *_uncleared(target)])
    steps.say_searches()
    return StudyRun(
        path=target / moved.get(_REPORT, _REPORT),
        output=target,
        results=steps.results(),
        findings=ready.panel.findings,
        flow=_flow_table(ready.flow),
        manifest=MappingProxyType(manifest),
        log=MappingProxyType(log),
    )


def _entries(study: Study) -> tuple[Analysis, ...]:
    """Entries of the registry behind the analyses."""
    return tuple({one.verb: find_analysis(one.verb) for one in study.requests}.values())


def _logged(target: Path) -> list[Any]:
    """Earlier entries of the log."""
    runs = (log_of(target) or {}).get("runs")
    return runs if isinstance(runs, list) else []


def _flow_table(flow: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([dict(one) for one in flow])


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
        warn_caller(" ".join(said), reldyn.DataWarning)


def _uncleared(target: Path) -> list[str]:
    """Remove what unfinished runs to this output wrote; the folders that hold something else stay."""
    return [str(folder) for folder in unfinished(target) if not clear(folder)]


def _as_path(given: Any, name: str, what: str) -> Path:
    """A path, or one sentence about what was given in its place."""
    if isinstance(given, (str, os.PathLike)) and isinstance(os.fspath(given), str) and "\0" not in os.fspath(given):
        return Path(given)
    shown = f"{given!r}" if isinstance(given, str) else f"a {type(given).__name__}"
    raise DesignError(f"{name}: give the path of {what}, not {shown}.")


def _target(path: Path, output: str | Path | None) -> Path:
    if not path.name:
        raise DesignError(f"{path} is no file: name a study file.")
    if output is None:
        return path.with_name(f"{path.stem}-output")
    target = Path(output)
    # "." and ".." have no name that a sibling could be called after; a link stays, and what it points to is written.
    return target.resolve() if target.name in ("", "..") or target.is_symlink() else target


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _about(ready: Ready, path: Path, versions: Any, kernels: str) -> dict[str, Any]:
    file = ready.study.file
    return {
        "reldyn": reldyn.__version__,
        "python": versions.python,
        "platform": versions.platform,
        "kernels": kernels,
        "packages": dict(versions.packages),
        "study_file": _readable(path.name),
        "study_sha256": sha256_of(ready.study.where.content),
        "data_file": SAMPLE if file.data.path == SAMPLE else _readable(Path(file.data.path).name),
        "data_sha256": ready.data_sha256,
        "numbers": ready.numbers,
        "anonymised": file.report.anonymise,
    }


def _readable(name: str) -> str:
    """A file name as text, also where the locale could not decode it."""
    return os.fsencode(name).decode("utf-8", errors="replace")


def _write(work: Output, ready: Ready, parts: ReportParts) -> None:
    findings = findings_in_study_words(ready.panel.findings)
    findings["rows"] = [" ".join(str(row) for row in rows) for rows in findings["rows"]]
    compliance = ready.panel.compliance(ready.answers)
    tables = {"findings": findings, "compliance": compliance, "flow": _flow_table(ready.flow)}
    for name, table in tables.items():
        work.write(f"{name}.csv", as_csv(table))
    # The study file may name dyads; where ids are hidden its hash alone is kept.
    if not ready.study.file.report.anonymise or not (ready.names_ids or _names_dyads(ready.study)):
        # With its byte-order mark, if it has one: the copy has the hash of the file.
        work.write("study.toml", ready.study.where.content.decode("utf-8"))
    work.write(_REPORT, render_report(parts))


def _names_dyads(study: Study) -> bool:
    """Whether the text of the study file may hold ids: in the report, or in a formula."""
    ids = {study.file.columns.dyad, study.file.columns.person}
    formulas = {name for step in study.file.prepare for _, names in step.needs() for name in names}
    return study.file.report.named_dyads is not None or bool(ids & formulas)
