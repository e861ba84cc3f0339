"""The analyses of a run: what is saved of each, taken over from earlier runs or computed, and their results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reldyn._registry import find_analysis
from reldyn.errors import ConvergenceWarning, DataError, DesignError, warn_caller
from reldyn.results import Result, from_json
from reldyn.study._names import file_name
from reldyn.study.running._compute import Context, Made
from reldyn.study.running._earlier import STEP, Saved, step_text
from reldyn.study.running._workers import made_by_workers, tasks_of

if TYPE_CHECKING:
    from reldyn.study._output import Output
    from reldyn.study._toml import Study

__all__ = ["AnalysisFault", "Results", "StudySteps"]

_FOLDER = "results"


class AnalysisFault(RuntimeError):
    """An analysis failed in a way that nobody foresaw: its name, and the traceback as a note."""


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


class StudySteps:
    """The analyses of a run: what is saved of each, and where that comes from."""

    def __init__(self, study: Study, keys: Mapping[str, str], work: Output) -> None:
        self.study, self.keys, self.work = study, keys, work
        self.texts: dict[str, dict[str, str]] = {}
        self._kept: set[str] = set()
        self._computed: dict[str, Result] = {}
        self._seconds: dict[str, float] = {}
        self._names = [one.name for one in study.requests]

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
        AnalysisFault
            Some failed unexpectedly.
        """
        run = self.study.file.run
        tasks = tasks_of(self.study.requests, frozenset(self._kept))
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
            raise self._failure(failed)

    def _failure(self, failed: Sequence[Made]) -> Exception:
        """One error that names all analyses that failed; the record of the unfinished run names them too."""
        self.work.describe(failed={made.name: made.failure for made in failed})
        where = self.study.where
        faults = []
        for made in failed:
            waiting = [name for name in self._names if name not in self.texts and made.name in self._needed(name)]
            also = f" {', '.join(waiting)} {'rest' if len(waiting) > 1 else 'rests'} on it." if waiting else ""
            failure = made.failure
            if made.trace:
                failure = f"a fault of reldyn itself ({failure}); please report it with the versions it needs."
            faults.append(f"{where.place(('analyses', made.name))}: {failure}{also}")
        text = str(where.error(faults))
        traces = [f"analyses.{made.name}:\n{made.trace}" for made in failed if made.trace]
        if traces:
            fault = AnalysisFault(text)
            fault.add_note("\n".join(traces))
            return fault
        return DesignError(text) if any(made.of_design for made in failed) else DataError(text)

    def _needed(self, name: str) -> set[str]:
        """Analyses that an analysis refers to, directly or through others."""
        of = {one.name: set(one.references.values()) for one in self.study.requests}
        found: set[str] = set()
        open_ = set(of[name])
        while open_:
            found |= open_
            open_ = set().union(*(of[one] for one in open_)) - found
        return found

    def _keep(self, name: str, texts: Mapping[str, str]) -> None:
        for ending, text in texts.items():
            self.work.write(self._file(name, ending), text)
        # Last: while it is not there, the files before it are of no use to another run.
        step = step_text(name, self.keys[name], {ending: self._file(name, ending) for ending in texts})
        self.work.write(self._file(name, STEP), step)
        done = {**self.texts, name: dict(texts)}
        self.texts = {one: done[one] for one in self._names if one in done}

    def _file(self, name: str, ending: str) -> str:
        return f"{_FOLDER}/{file_name(name, self._names)}{ending}"

    def written(self) -> list[str]:
        """Files that another run can go on from."""
        return [self._file(name, ending) for name, texts in self.texts.items() for ending in (*texts, STEP)]

    def described(self) -> dict[str, Any]:
        """What the manifest says of each."""
        return {
            one.name: {"verb": one.verb, "key": self.keys[one.name], "seed": one.options.get("seed")}
            for one in self.study.requests
        }

    def timed(self) -> dict[str, Any]:
        """What the log says of each."""
        return {
            name: {"kept": name in self._kept, "seconds": round(self._seconds.get(name, 0.0), 3)}
            for name in self._names
        }

    def records(self) -> dict[str, dict[str, Any]]:
        """What the report shows of each."""
        return {name: json.loads(texts[".report.json"]) for name, texts in self.texts.items()}

    def results(self) -> Results:
        """The results by name."""
        for one in self.study.requests:
            # Importing the function makes the class of its saved text known.
            find_analysis(one.verb).function()
        return Results(self._names, self._computed, {name: texts[".json"] for name, texts in self.texts.items()})

    def say_searches(self) -> None:
        """Warn of searches that did not end."""
        for record in self.records().values():
            for text in record["searches"]:
                warn_caller(text, ConvergenceWarning)


def _readable_record(texts: Mapping[str, str]) -> bool:
    try:
        return isinstance(json.loads(texts[".report.json"]), dict) and ".json" in texts
    except (KeyError, ValueError, RecursionError):
        return False
