"""Compute one analysis and write down, as texts, all that is saved and shown of it."""

from __future__ import annotations

import json
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reldyn._registry import Analysis, find_analysis
from reldyn.errors import ConvergenceWarning, DataWarning, DesignError, ReldynError
from reldyn.results import Result, TableResult
from reldyn.study._wording import in_study_words
from reldyn.study.asking import Request
from reldyn.study.running._csv import as_csv
from reldyn.study.running._record import record_of

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["Context", "Made", "compute_group"]


@dataclass(frozen=True)
class Context:
    """What all analyses of a run share.

    Attributes
    ----------
    panel : DyadPanel
        Prepared, with running numbers in place of ids unless asked otherwise.
    single : bool, list or None
        Whether the study asks for rows and figures of single dyads: of all, or by their ids.
    dyads : list or None
        Labels of the dyads that it names.
    entries : tuple of Analysis
        Entries of the registry that other processes may not know.
    """

    panel: DyadPanel
    single: bool | list[Any] | None = None
    dyads: list[Any] | None = None
    entries: tuple[Analysis, ...] = ()

    @property
    def shown(self) -> list[Any] | bool:
        """Dyads that are shown one by one: those named, all, or none."""
        return self.dyads if self.dyads is not None else bool(self.single)


@dataclass
class Made:
    """One analysis that has been computed.

    Attributes
    ----------
    name : str
    files : dict of str to str
        Texts by the ending of their file: result, tables, and the record that the report is made from.
    seconds : float
    failure : str
        Why it could not be computed; empty where it could.
    of_design : bool
        Whether the failure is one of the design, else of the data.
    trace : str
        Where an unexpected failure, which is neither, came from; empty for all others.
    result : Result or None
        With its rows; None where it was computed by another process.
    """

    name: str
    files: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    failure: str = ""
    of_design: bool = False
    trace: str = ""
    result: Result | None = None


def compute_group(
    group: Sequence[Request], keep: frozenset[str], context: Context, *, results: bool = True
) -> Iterator[Made]:
    """Compute analyses that refer to each other, one by one.

    Parameters
    ----------
    group : sequence of Asked
        Each after those that it refers to.
    keep : frozenset of str
        Those that are saved already: computed only where another one needs their rows, and not given again.
    context : Context
    results : bool
        Whether to hand on the results themselves.
    """
    needed = _needed(group, keep)
    found: dict[str, Result] = {}
    for one in group:
        if one.name not in needed:
            continue
        if not set(one.references.values()) <= set(found):
            continue
        made = _compute(one, context, found)
        if made.result is not None:
            found[one.name] = made.result
        if one.name not in keep or made.failure:
            made.result = made.result if results else None
            yield made


def _needed(group: Sequence[Request], keep: frozenset[str]) -> set[str]:
    needed = {one.name for one in group if one.name not in keep}
    for one in reversed(group):
        if one.name in needed:
            needed |= set(one.references.values())
    return needed


def _compute(request: Request, context: Context, found: dict[str, Result]) -> Made:
    start = time.perf_counter()
    made = Made(request.name)
    entry = find_analysis(request.verb)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            answer: Any = entry.function()(context.panel, **request.arguments(found))
        result = answer if isinstance(answer, Result) else TableResult.of(table=answer)
        searches = [str(one.message) for one in said if issubclass(one.category, ConvergenceWarning)]
        record = record_of(request, result, context.panel, context.shown, searches)
        made.files = {
            ".json": result.to_json() + "\n",
            ".report.json": json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
            "_glance.csv": as_csv(result.glance()),
        }
        # A table with a row per occasion is not saved.
        if "table" not in getattr(type(result), "row_fields", ()):
            made.files["_tidy.csv"] = as_csv(result.tidy())
        made.result = result
        _pass_on(said)
    except ReldynError as problem:
        made.failure = in_study_words(str(problem), "analysis")
        made.of_design = isinstance(problem, DesignError)
    except MemoryError:
        made.failure = "the memory does not suffice: close other programs, or set workers = 1 in [run]."
    except OSError as problem:
        made.failure = f"the system refused something ({problem.strerror or problem})."
    except Exception as problem:  # the other analyses go on, and this one is named
        made.failure, made.trace = f"{type(problem).__name__}: {problem}", traceback.format_exc()
    if made.failure:
        made.files, made.result = {}, None
    made.seconds = time.perf_counter() - start
    return made


def _pass_on(said: list[warnings.WarningMessage]) -> None:
    """Say again what is neither in the result nor in the record."""
    for one in said:
        if not issubclass(one.category, (DataWarning, ConvergenceWarning)):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
