"""Run a study file: from a data file to a folder with results and a report, all of it or nothing.

The work goes into a sibling folder ``NAME.unfinished-...`` and is renamed at the end, so that whatever
carries the final name is whole. Analyses that were finished stay in the unfinished folder of a failed or killed
run, and the next run takes them over where nothing that they hang on has changed.
"""

from __future__ import annotations

import datetime
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import reldyn
from reldyn._registry import Analysis, find_analysis
from reldyn.errors import ConvergenceWarning, DataError, DesignError
from reldyn.results import Result, from_json
from reldyn.study._config import SAMPLE, StudyFile
from reldyn.study._data import aligned, anonymised, data_hash, make_panel, original_ids, read_rows
from reldyn.study._frozen import check_frozen
from reldyn.study._lock import locked
from reldyn.study._manifest import sha256_of, show_versions
from reldyn.study._output import Output, check_target, clear, listed, log_of, make_parents, unfinished
from reldyn.study._progress import progress
from reldyn.study._report import ReportParts, render_report
from reldyn.study._toml import Draft, Study, StudyText, read_draft
from reldyn.study.asking import answer_columns, column_faults, seeded
from reldyn.study.prepare import Prepared, columns_after, prepare
from reldyn.study.running import (
    STEP,
    Context,
    Saved,
    as_csv,
    data_keys,
    made_by_workers,
    saved_steps,
    step_keys,
    step_text,
    tasks_of,
    versions_of,
)

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["StudyRun", "checked_study", "run_study"]

_REPORT, _RESULTS = "report.html", "results"
_SECRET = b"numbers of dyads and persons"
_LOGGED_RUNS = 50


class Results(Mapping[str, Result]):
    """Results by name of the analysis: as computed by this process, else read from the saved text when asked for."""

    def __init__(self, names: list[str], computed: Mapping[str, Result], texts: Mapping[str, str]) -> None:
        self._names, self._found, self._texts = names, dict(computed), texts

    def __getitem__(self, name: str) -> Result:
        if name not in self._found:
            if name not in self._names:
                raise KeyError(name)
            self._found[name] = from_json(self._texts[name])
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


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
    resume: bool = False,
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
        Refuse to run where the data, the study file or a version is another than in the earlier run to this folder.
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
    equal byte for byte while data, study file and versions are. Times are in ``log.json`` alone.

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
    study, panel = ready.study, ready.panel
    about = _about(study, path, ready.data_sha256, about_versions)
    if frozen:
        check_frozen(target, about)
    versions = versions_of(about_versions.packages)
    keys = step_keys(study.asked, data_keys(study.file, ready.data_sha256), versions)
    make_parents(target)
    with locked(target) as lock:
        # Another run may have come first, or a killed one may have left its folder aside.
        check_target(target)
        earlier = {} if fresh else saved_steps(target)
        work = Output(target, lock.note)
        try:
            steps = _Steps(study, keys, work)
            with progress(len(study.asked) + 1) as step:
                steps.take_over(earlier)
                steps.compute(Context(panel, ready.shown, _entries(study)), step)
                step("report")
                manifest = {**about, "kernels": versions["kernels"], "analyses": steps.described()}
                records = {name: json.loads(texts[".report.json"]) for name, texts in steps.texts.items()}
                parts = ReportParts(
                    study.file, panel, records, ready.flow, ready.answers, ready.used, ready.shown, about
                )
                _write(work, panel, parts, study)
            log = {"started": started, "finished": _now(), "analyses": steps.timed()}
            work.log({"runs": [*_logged(target), log][-_LOGGED_RUNS:]})
            manifest, moved, left = work.publish(manifest)
        except BaseException:
            work.leave(*steps.written() if "steps" in locals() else ())
            raise
        _say(target, lock.recovered, moved, [*left, *_uncleared(target)])
    steps.say_searches()
    return StudyRun(
        path=target / moved.get(_REPORT, _REPORT),
        output=target,
        results=steps.results(),
        findings=panel.findings,
        flow=_flow_table(ready.flow),
        manifest=MappingProxyType(manifest),
        log=MappingProxyType(log),
    )


@dataclass(frozen=True)
class Ready:
    """A study with its data read, prepared and checked."""

    study: Study
    panel: DyadPanel
    flow: tuple[dict[str, Any], ...]
    data_sha256: str
    shown: list[Any] | None
    answers: list[str] | None
    used: set[str]


def checked_study(draft: Draft, folder: Path) -> Ready:
    """Read and prepare the data of a study; one error for all faults of the file, those of columns included.

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
        rows, first = aligned(file, frame, where)
        original = make_panel(file, rows, where)
    except (DataError, DesignError):
        if draft.faults:
            raise where.error(draft.faults) from None
        raise
    faults = [*draft.faults, *_column_faults(study, original)]
    if faults:
        raise where.error(faults)
    secret = data_hash(file, folder, frame, _SECRET)
    panel, numbers = anonymised(original, file, secret)
    shown = _shown_dyads(file, numbers, where)
    start = Prepared(panel, original_ids(original), tuple(first))
    done = prepare(start, file.prepare, lambda number, name: _step_place(where, number, name))
    answers = answer_columns(study.asked)
    own = {column for one in study.asked for columns in one.columns().values() for column in columns}
    named = {column for column in done.panel.columns.values() if column is not None}
    used = own | named | set(file.report.trajectories or ())
    sha = data_hash(file, folder, frame)
    seeds = "seed" in file.run.model_fields_set
    asked = tuple(seeded(one, file.run.seed, always=seeds) for one in study.asked)
    return Ready(replace(study, asked=asked), done.panel, done.flow, sha, shown, answers, used)


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
    faults += column_faults(study.asked, names, source, where)
    faults += [
        f"{where.place(('report', 'trajectories'))}: no column {name!r} in {source}."
        for name in file.report.trajectories or ()
        if name not in names
    ]
    return faults


def _entries(study: Study) -> tuple[Analysis, ...]:
    """Entries of the registry behind the analyses."""
    return tuple({one.verb: find_analysis(one.verb) for one in study.asked}.values())


class _Steps:
    """The analyses of a run: what is saved of each, and where that comes from."""

    def __init__(self, study: Study, keys: Mapping[str, str], work: Output) -> None:
        self.study, self.keys, self.work = study, keys, work
        self.texts: dict[str, dict[str, str]] = {}
        self._kept: set[str] = set()
        self._computed: dict[str, Result] = {}
        self._seconds: dict[str, float] = {}
        self._names = [one.name for one in study.asked]

    def take_over(self, earlier: Mapping[tuple[str, str], Saved]) -> None:
        """Copy what earlier runs have computed."""
        for name in self._names:
            saved = earlier.get((name, self.keys[name]))
            texts = saved.texts() if saved else None
            if texts is not None and _readable_record(texts):
                self._kept.add(name)
                self._keep(name, texts)

    def compute(self, context: Context, step: Callable[[str], None]) -> None:
        """Compute the others, and save each as soon as it is there.

        Raises
        ------
        DesignError or DataError
            Some could not be computed: all of them are named.
        """
        run, where = self.study.file.run, self.study.where
        tasks = tasks_of(self.study.asked, frozenset(self._kept))
        failed = []
        if tasks:
            step(f"analysis {next(one.name for one in tasks[0] if one.name not in self._kept)}")
        for made in made_by_workers(tasks, frozenset(self._kept), context, run.workers, run.backend):
            if made.failure:
                failed.append(made)
                continue
            if made.result is not None:
                self._computed[made.name] = made.result
            self._seconds[made.name] = made.seconds
            self._keep(made.name, made.files)
            following = next((name for name in self._names if name not in self.texts), None)
            step(f"analysis {following}" if following else "tables")
        if failed:
            failed.sort(key=lambda made: self._names.index(made.name))
            kind = DesignError if any(made.of_design for made in failed) else DataError
            faults = [f"{where.place(('analyses', made.name))}: {made.failure}" for made in failed]
            raise kind(str(where.error(faults)))

    def _keep(self, name: str, texts: Mapping[str, str]) -> None:
        for ending, text in texts.items():
            self.work.write(self._file(name, ending), text)
        # Last: while it is not there, the files before it are of no use to another run.
        step = step_text(name, self.keys[name], {ending: self._file(name, ending) for ending in texts})
        self.work.write(self._file(name, STEP), step)
        done = {**self.texts, name: dict(texts)}
        self.texts = {one: done[one] for one in self._names if one in done}

    def _file(self, name: str, ending: str) -> str:
        return f"{_RESULTS}/{_file_name(name, self._names)}{ending}"

    def written(self) -> list[str]:
        """Files that another run can go on from."""
        return [self._file(name, ending) for name, texts in self.texts.items() for ending in (*texts, STEP)]

    def described(self) -> dict[str, Any]:
        """What the manifest says of each."""
        return {
            one.name: {"verb": one.verb, "key": self.keys[one.name], "seed": one.options.get("seed")}
            for one in self.study.asked
        }

    def timed(self) -> dict[str, Any]:
        """What the log says of each."""
        return {
            name: {"kept": name in self._kept, "seconds": round(self._seconds.get(name, 0.0), 3)}
            for name in self._names
        }

    def results(self) -> Results:
        """The results by name."""
        for one in self.study.asked:
            # Importing the function makes the class of its saved text known.
            find_analysis(one.verb).function()
        return Results(self._names, self._computed, {name: texts[".json"] for name, texts in self.texts.items()})

    def say_searches(self) -> None:
        """Warn of searches that did not end."""
        for texts in self.texts.values():
            for text in json.loads(texts[".report.json"])["searches"]:
                warnings.warn(text, ConvergenceWarning, stacklevel=3)


def _readable_record(texts: Mapping[str, str]) -> bool:
    try:
        return isinstance(json.loads(texts[".report.json"]), dict) and ".json" in texts
    except (KeyError, ValueError, RecursionError):
        return False


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
        warnings.warn(" ".join(said), reldyn.DataWarning, stacklevel=3)


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
    if output is None:
        return path.with_name(f"{path.stem}-output")
    target = Path(output)
    # "." and ".." have no name that a sibling could be called after; a link stays, and what it points to is written.
    return target.resolve() if target.name in ("", "..") or target.is_symlink() else target


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _shown_dyads(study: StudyFile, numbers: Mapping[str, Any], where: StudyText) -> list[Any] | None:
    named = study.report.named_dyads
    if named is None:
        return None
    unknown = [label for label in named if str(label) not in numbers]
    if unknown:
        raise where.error([f"{where.place(('report', 'dyads'))}: no dyad {unknown[0]!r} in the data."])
    return [numbers[str(label)] for label in named]


def _about(study: Study, path: Path, data_sha256: str, versions: Any) -> dict[str, Any]:
    file = study.file
    return {
        "reldyn": reldyn.__version__,
        "python": versions.python,
        "platform": versions.platform,
        "packages": dict(versions.packages),
        "study_file": _readable(path.name),
        "study_sha256": sha256_of(study.where.path),
        "data_file": SAMPLE if file.data.path == SAMPLE else _readable(Path(file.data.path).name),
        "data_sha256": data_sha256,
        "anonymised": file.report.anonymise,
    }


def _readable(name: str) -> str:
    """A file name as text, also where the locale could not decode it."""
    return os.fsencode(name).decode("utf-8", errors="replace")


def _file_name(name: str, names: list[str]) -> str:
    """A file name for an analysis: its own where that is safe, else its number."""
    safe = name.isascii() and all(sign.isalnum() or sign in "-_" for sign in name)
    clash = [other.casefold() for other in names].count(name.casefold()) > 1
    return name if safe and name and len(name) <= 80 and not clash else f"analysis-{names.index(name) + 1}"


def _write(work: Output, panel: DyadPanel, parts: ReportParts, study: Study) -> None:
    findings = panel.findings
    findings["rows"] = [" ".join(str(row) for row in rows) for rows in findings["rows"]]
    tables = {"findings": findings, "compliance": panel.compliance(parts.answers), "flow": _flow_table(parts.flow)}
    for name, table in tables.items():
        work.write(f"{name}.csv", as_csv(table))
    # The study file may name dyads; where ids are hidden its hash alone is kept.
    if not parts.study.report.anonymise or not _names_dyads(study):
        work.write("study.toml", study.where.text)
    work.write(_REPORT, render_report(parts))


def _names_dyads(study: Study) -> bool:
    """Whether the text of the study file may hold ids: in the report, or in a formula."""
    ids = {study.file.columns.dyad, study.file.columns.person}
    formulas = {name for step in study.file.prepare for _, names in step.needs() for name in names}
    return study.file.report.named_dyads is not None or bool(ids & formulas)
