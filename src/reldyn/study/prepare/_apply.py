"""Carry out the steps of ``[[prepare]]`` on a panel, and count what each of them left out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Flags
from reldyn.errors import DataError, DataWarning, DesignError, ReldynError
from reldyn.panel import DyadPanel, align, careless
from reldyn.results import Result
from reldyn.study.prepare import _steps as steps
from reldyn.study.prepare._expressions import Expression

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Prepared", "aligned_rows", "columns_after", "prepare"]

_COUNTED = ("rows", "persons", "dyads")
# Coefficients of `reldyn.dynamics.reliability`, and their words.
_RELIABILITIES = (
    *(("RkF", "of persons' averages"), ("Rc", "of change")),
    *(("omega_between", "omega between"), ("omega_within", "omega within")),
)


@dataclass(frozen=True)
class Prepared:
    """A panel after some steps.

    Attributes
    ----------
    panel : DyadPanel
    ids : pandas.DataFrame
        The columns with the ids as the file has them, row by row of the panel: formulas speak of these.
    hidden : bool
        Whether ids may not be shown: formulas about them are then left out of the flow.
    flow : tuple of dict
        One record per step: ``step``, ``what``, rows, persons and dyads dropped and left, ``note``.
    """

    panel: DyadPanel
    ids: pd.DataFrame
    flow: tuple[dict[str, Any], ...] = ()
    hidden: bool = False


def columns_after(names: Sequence[str], chain: Sequence[Any]) -> tuple[list[str], list[tuple[int, str, str]]]:
    """Names of the columns after all steps, and what steps name although it is not there.

    Returns
    -------
    names : list of str
    absent : list of (int, str, str)
        Number of the step (from 0), key, column.
    """
    known, absent = list(names), []
    for number, step in enumerate(chain):
        absent += [(number, key, name) for key, named in step.needs() for name in named if name not in known]
        known += [name for name in step.makes() if name not in known]
    return known, absent


def aligned_rows(
    frame: pd.DataFrame, step: steps.AlignStep, *, dyad: str, person: str
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Rows with day and beep, and the record of the step."""
    found = align(frame, dyad=dyad, person=person, **step.options())
    total = found.report[found.report["level"] == "total"].iloc[0]
    parts = [
        f"{int(total[name]):,} {words}"
        for name, words in (("no_stamp", "without a stamp"), ("no_prompt", "at no prompt"), ("late", "late"))
        if total[name]
    ]
    before, after = ((len(rows), *_units(rows, dyad, person)) for rows in (frame, found.frame))
    dropped = [was - now for was, now in zip(before, after, strict=True)]
    note = ". ".join(filter(None, [", ".join(parts), *found.warnings]))
    return found.frame, _record("align", step.reason or f"prompts found from {step.stamp}", dropped, after, note)


def prepare(start: Prepared, chain: Sequence[Any], place: Callable[[int, str], str]) -> Prepared:
    """Carry out all steps but the alignment, which comes before there is a panel.

    Raises
    ------
    DesignError or DataError
        A step cannot be done; `place` gives the words for its key and line.
    """
    now = start if start.flow else replace(start, flow=(_record("file", "rows of the file", [0, 0, 0], _size(start)),))
    for number, step in enumerate(chain):
        if step.step == "align":
            continue
        before = _size(now)
        try:
            after, what, note = _STEPS[step.step](now, step)
        except ReldynError as problem:
            kind = DesignError if isinstance(problem, DesignError) else DataError
            raise kind(f"{place(number, step.step)}: {problem}") from None
        left = _size(after)
        dropped = [was - is_now for was, is_now in zip(before, left, strict=True)]
        now = replace(after, flow=(*now.flow, _record(step.step, step.reason or what, dropped, left, note)))
    return now


def _record(step: str, what: str, dropped: Sequence[int], left: Sequence[int], note: str = "") -> dict[str, Any]:
    counts = {f"{unit}_dropped": int(n) for unit, n in zip(_COUNTED, dropped, strict=True)}
    return {"step": step, "what": what, **counts, **dict(zip(_COUNTED, map(int, left), strict=True)), "note": note}


def _units(rows: pd.DataFrame, dyad: str, person: str) -> tuple[int, int]:
    return len(rows[[dyad, person]].drop_duplicates()), int(rows[dyad].nunique())


def _size(now: Prepared) -> tuple[int, int, int]:
    index = now.panel.index
    return len(index.dyad), len(np.unique(index.person)), len(np.unique(index.dyad))


def _column(now: Prepared, name: str) -> Any:
    """A column as formulas take it: numbers, or texts with None."""
    import pandas as pd

    series = now.ids[name] if name in now.ids else now.panel.frame[name]
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    if pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if pd.api.types.is_datetime64_any_dtype(series):
        raise DesignError(f"column {name!r} holds times, which formulas do not know.")
    return np.array(
        [None if absent else str(value) for value, absent in zip(series, series.isna(), strict=True)], dtype=object
    )


def _select(now: Prepared, keep: Flags) -> Prepared:
    if not keep.any():
        raise DesignError("no row is left after this step.")
    if keep.all():
        return now
    return replace(now, panel=now.panel.select(where=keep), ids=now.ids.loc[keep].reset_index(drop=True))


def _all_rows_of(keep: Flags, unit: Any) -> Flags:
    """Whether every row of a unit is kept, row by row."""
    lost = np.zeros(int(unit.max()) + 1, dtype=bool)
    lost[unit[~keep]] = True
    kept: Flags = ~lost[unit]
    return kept


def _replaced(now: Prepared, columns: dict[str, Any]) -> Prepared:
    """The panel with columns added or changed; changed ones are checked again."""
    panel = now.panel
    taken = {name for name in panel.columns.values() if name is not None}
    for name in columns:
        if name in taken:
            raise DesignError(f"column {name!r} says who or when: it cannot be changed here.")
    if not set(columns) & set(map(str, panel.frame.columns)):
        return replace(now, panel=panel._with_columns(columns))
    named = {kind: name for kind, name in panel.columns.items() if name is not None}
    times = {name: getattr(panel, name) for name in ("dates", "timezone", "workdays") if hasattr(panel, name)}
    frame = panel.frame.assign(**columns)
    scales = dict(panel.scales) or None
    return replace(now, panel=DyadPanel(frame, **named, **times, schedule=panel.schedule, scales=scales))


def _shown(now: Prepared, formula: Expression, text: str) -> str:
    """A formula as the flow shows it: one about ids may name somebody."""
    return "a formula about ids" if now.hidden and set(formula.columns) & set(map(str, now.ids)) else text


def _filter(now: Prepared, step: steps.FilterStep) -> tuple[Prepared, str, str]:
    formula = Expression.parse(step.keep)
    value = formula.evaluate(lambda name: _column(now, name), len(now.ids))
    odd = np.isfinite(value) & (value != 0) & (value != 1)
    if odd.any():
        raise DesignError(
            f"{_shown(now, formula, repr(step.keep))} gives numbers, not yes or no ({int(odd.sum()):,} rows): compare, "
            "as in 'minutes > 5'."
        )
    keep, index = value == 1, now.panel.index
    if step.unit != "row":
        keep = _all_rows_of(keep, index.person if step.unit == "person" else index.dyad)
    unknown = int(np.isnan(value).sum())
    note = f"{counted(unknown, 'row')} without the values that the formula needs count as not kept" if unknown else ""
    return _select(now, keep), f"{step.unit}s with {_shown(now, formula, step.keep)}", note


def _answers(now: Prepared, step: steps.AnswersStep) -> tuple[Prepared, str, str]:
    index = now.panel.index
    answered = np.all([np.isfinite(now.panel.values(name)) for name in step.variables], axis=0)
    count = np.bincount(index.person[answered], minlength=int(index.person.max()) + 1)
    keep = count[index.person] >= step.at_least
    if step.unit == "dyad":
        keep = _all_rows_of(keep, index.dyad)
    what = f"{step.unit}s with at least {counted(step.at_least, 'answer')} to {' and '.join(step.variables)}"
    return _select(now, keep), what, ""


def _recode(now: Prepared, step: steps.RecodeStep) -> tuple[Prepared, str, str]:
    import pandas as pd

    values = _column(now, step.variable)
    texts = values.dtype.kind == "O"
    given = {key if texts else _as_number(key, step.variable): new for key, new in step.values.items()}
    hidden = now.hidden and step.variable in now.ids
    # What is not listed stays as it is; ids that are hidden may not come back in another column.
    result = np.full(len(values), None, dtype=object) if hidden else values.astype(object)
    listed = np.zeros(len(values), dtype=bool)
    for old, new in given.items():
        rows = values == old
        listed |= rows
        result[rows] = None if new == "" else new
    kept = pd.Series(result, dtype=object)
    plain = pd.to_numeric(kept, errors="coerce")
    made = plain.to_numpy(dtype=np.float64) if plain.notna().equals(kept.notna()) else result
    unused = [str(key) for key, old in zip(step.values, given, strict=True) if not (values == old).any()]
    notes = [f"no row has {f'{len(unused)} of the values' if hidden else ', '.join(unused)}"] if unused else []
    if hidden and not listed.all():
        notes.append(f"{int((~listed).sum()):,} rows with ids that are not listed have no value")
    return _replaced(now, {step.into or step.variable: made}), f"{step.variable} recoded", "; ".join(notes)


def _as_number(key: str, variable: str) -> float:
    try:
        return float(key)
    except ValueError:
        raise DesignError(f"{variable!r} holds numbers, and {key!r} is none.") from None


def _reverse(now: Prepared, step: steps.ReverseStep) -> tuple[Prepared, str, str]:
    added = {}
    for name in step.variables:
        low, high = step.range or dict(now.panel.scales).get(name) or (None, None)
        if low is None or high is None:
            raise DesignError(f"the range of {name!r} is not known: give range = [low, high], or name it in [scales].")
        values = now.panel.values(name)
        if np.nanmin(values, initial=low) < low or np.nanmax(values, initial=high) > high:
            raise DesignError(f"{name!r} has values outside its range from {low:g} to {high:g}.")
        added[f"{name}{step.suffix}"] = low + high - values
    return _replaced(now, added), f"{', '.join(step.variables)} reversed", ""


def _scale(now: Prepared, step: steps.ScaleStep) -> tuple[Prepared, str, str]:
    items = np.array([now.panel.values(name) for name in step.items])
    least = step.min_items or len(step.items)
    if least > len(step.items):
        raise DesignError(f"min_items={least} is more than the {counted(len(step.items), 'item')} of the scale.")
    n_answered = np.isfinite(items).sum(axis=0)
    total = np.nansum(items, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(n_answered >= least, total / n_answered, np.nan)
    score = mean if step.score == "mean" else mean * len(step.items)
    what = f"{step.name}: {step.score} of {', '.join(step.items)}"
    return _replaced(now, {step.name: score}), what, _reliability(now.panel, step.items, items)


def _reliability(panel: DyadPanel, names: Sequence[str], items: Array) -> str:
    """Reliability of a scale in words: of change and of differences over time, else Cronbach's alpha."""
    import reldyn.dynamics

    if panel.n_occasions < 2:
        complete = items[:, np.isfinite(items).all(axis=0)]
        if complete.shape[1] < 3:
            return "too few complete answers for a reliability"
        n_items = len(complete)
        spread = complete.sum(axis=0).var(ddof=1)
        alpha = n_items / (n_items - 1) * (1 - complete.var(axis=1, ddof=1).sum() / spread) if spread > 0 else np.nan
        return f"Cronbach's alpha {alpha:.2f} over {complete.shape[1]:,} complete answers"
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = reldyn.dynamics.reliability(panel, names)
        table = found.tidy().set_index("coefficient")["estimate"]
    except ReldynError as problem:
        return f"no reliability: {problem}"
    parts = [f"{text} {table[name]:.2f}" for name, text in _RELIABILITIES if name in table and np.isfinite(table[name])]
    notes = [str(one.message) for one in said if issubclass(one.category, DataWarning)]
    return "; ".join([f"reliability {', '.join(parts)}" if parts else "no reliability", *notes])


def _centre(now: Prepared, step: steps.CentreStep) -> tuple[Prepared, str, str]:
    what = f"{', '.join(step.variables)} centred around the {step.around} mean"
    if step.around == "person":
        return replace(now, panel=now.panel.within_between(step.variables)), what, ""
    added = {}
    for name in step.variables:
        values = now.panel.values(name)
        unit = now.panel.index.dyad if step.around == "dyad" else np.zeros(len(values), dtype=np.int64)
        known = np.isfinite(values)
        with np.errstate(invalid="ignore"):
            means = np.bincount(unit[known], values[known], int(unit.max()) + 1) / np.bincount(
                unit[known], minlength=int(unit.max()) + 1
            )
        added[f"{name}_centred"] = values - means[unit]
    return _replaced(now, added), what, ""


def _lag(now: Prepared, step: steps.LagStep) -> tuple[Prepared, str, str]:
    back = counted(step.steps, "occasion")
    lagged = now.panel.lag(step.variables, step.steps)
    return replace(now, panel=lagged), f"{', '.join(step.variables)} {back} earlier", ""


def _careless(now: Prepared, step: steps.CarelessStep) -> tuple[Prepared, str, str]:
    found: Any = careless(now.panel, step.items, limits=step.limits)
    table = found.tidy() if isinstance(found, Result) else found
    flagged = table["flagged"].to_numpy(dtype=bool)
    what = f"careless answers to {', '.join(step.items)}"
    note = f"{int(flagged.sum()):,} of {counted(len(flagged), 'row')} flagged"
    if step.action == "drop":
        return _select(now, ~flagged), what, note
    made = {name: np.where(flagged, np.nan, now.panel.values(name)) for name in step.items}
    return _replaced(now, made), f"{what} set missing", note


def _derive(now: Prepared, step: steps.DeriveStep) -> tuple[Prepared, str, str]:
    formula = Expression.parse(step.value)
    made = formula.evaluate(lambda name: _column(now, name), len(now.ids))
    ids = set(formula.columns) & set(map(str, now.ids))
    if now.hidden and ids and _tells_apart(made, now.panel.index.n_dyads):
        raise DesignError(
            f"the formula of {step.name!r} gives every dyad or person a number of its own from "
            f"{' and '.join(map(repr, sorted(ids)))}, which would show ids that are hidden: compare ids, as in "
            f"{sorted(ids)[0]} > 100, or ask for ids with anonymise = false in [report]."
        )
    if np.isnan(made).all():
        raise DesignError(f"no row has a value of {step.name!r}: look at the columns of the formula.")
    lost = int(np.isnan(made).sum())
    note = f"{lost:,} of {counted(len(made), 'row')} have no value" if lost else ""
    return _replaced(now, {step.name: made}), f"{step.name} = {_shown(now, formula, step.value)}", note


def _tells_apart(values: Array, n_dyads: int) -> bool:
    """Whether a number has a value for each dyad, or more."""
    return len(np.unique(values[np.isfinite(values)])) >= max(n_dyads, 3)


_STEPS: dict[str, Callable[[Prepared, Any], tuple[Prepared, str, str]]] = {
    "filter": _filter,
    "answers": _answers,
    "recode": _recode,
    "reverse": _reverse,
    "scale": _scale,
    "centre": _centre,
    "lag": _lag,
    "careless": _careless,
    "derive": _derive,
}
