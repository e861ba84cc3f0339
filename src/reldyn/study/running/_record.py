"""What the report shows of an analysis, as plain values: the report is made from these alone, new or saved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import reldyn.plot
from reldyn._registry import Analysis, find_analysis
from reldyn.errors import ReldynError
from reldyn.results import Result
from reldyn.study.asking import Asked

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["as_csv", "record_of"]

_MOST_ROWS = 200
_DRAWN_DYADS = 12
# A cell that starts so is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SCHEDULE = "cycles.schedule"


def record_of(
    asked: Asked, result: Result, panel: DyadPanel, dyads: list[Any] | None, searches: Sequence[str]
) -> dict[str, Any]:
    """Everything that the report shows of one analysis.

    Returns
    -------
    dict
        ``name``, ``verb``, ``question``, ``methods``, ``references``, ``options``, ``headline``, ``summary``,
        ``warnings``, ``searches`` (what was said of searches that did not end), ``converged`` (None where nothing is
        searched), ``glance`` (a table of one row), ``table`` (columns and at most 200 rows; None where it holds a row
        per occasion), ``n_rows``, ``squares`` (covariances), ``tiles``, ``figures`` (SVG by name).
    """
    entry = find_analysis(asked.verb)
    summary, glance = result.summary(), result.glance()
    converged = glance["converged"].iloc[0] if "converged" in glance else None
    hidden = "table" in getattr(type(result), "row_fields", ())
    table = None if hidden else result.tidy()
    return {
        "name": asked.name,
        "verb": asked.verb,
        "question": entry.question,
        "methods": entry.methods,
        "references": list(entry.references),
        "options": _plain(dict(asked.options) | {option: {"analysis": of} for option, of in asked.references.items()}),
        "headline": summary.partition("\n")[0],
        "summary": summary,
        "warnings": list(result.warnings),
        "searches": list(searches),
        "converged": None if converged is None else bool(converged),
        "glance": _frame(glance),
        "table": None if table is None else _frame(table.head(_MOST_ROWS)),
        "n_rows": 0 if table is None else len(table),
        "squares": _squares(result),
        "tiles": _tiles(asked, table),
        "figures": _figures(entry, asked, result, panel, dyads),
    }


def as_csv(frame: pd.DataFrame) -> str:
    """A table as CSV; texts that a spreadsheet would run as a formula begin with an apostrophe."""
    frame = frame.copy()
    for position, dtype in enumerate(frame.dtypes):
        if dtype.kind not in "biufcM":
            values = [_harmless(value) for value in frame.iloc[:, position].astype(object)]
            frame.isetitem(position, np.array([*values, None], dtype=object)[:-1])
    return frame.to_csv(index=False, lineterminator="\n")


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) and len(value) > 1 else value


def _frame(frame: pd.DataFrame) -> dict[str, Any]:
    return {
        "columns": [str(name) for name in frame.columns],
        "rows": [[_plain(value) for value in row] for row in frame.itertuples(index=False, name=None)],
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it: whole numbers, numbers, truth, texts; None for what is missing or endless."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None if math.isnan(value) else str(float(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    text = str(value)
    return None if text in ("NaT", "<NA>") else text


def _squares(result: Result) -> list[dict[str, Any]]:
    """Covariances of a mixed model: standard deviations on the diagonal, correlations below it."""
    if not hasattr(result, "covariance") or not hasattr(result, "log_likelihood"):
        return []
    squares = []
    for of, title in (("random", "Random effects"), ("residual", "Residuals at one occasion")):
        try:
            frame = result.covariance(of)
        except (ReldynError, TypeError):
            continue
        if not len(frame):
            continue
        matrix = frame.to_numpy(dtype=float)
        sd = np.sqrt(np.diag(matrix))
        with np.errstate(divide="ignore", invalid="ignore"):
            shown = matrix / np.outer(sd, sd)
        np.fill_diagonal(shown, sd)
        shown[np.triu_indices(len(sd), 1)] = np.nan
        squares.append(
            {"title": title, "labels": [str(label) for label in frame.index], "rows": _plain(shown.tolist())}
        )
    return squares


def _tiles(asked: Asked, table: pd.DataFrame | None) -> list[list[str]]:
    """Figures in large type, with what they count."""
    if asked.verb != _SCHEDULE or table is None:
        return []
    return [
        [f"{len(table):,}", "directions of warmth"],
        [f"{int(table['decidable'].sum()):,}", "long and varied enough ever to be tested"],
        [f"{int((table['conf_high'] < table['cv_random']).sum()):,}", "more regular than random (interval below)"],
        [f"{int((table['conf_low'] > table['cv_random']).sum()):,}", "more clustered than random (interval above)"],
    ]


def _figures(
    entry: Analysis, asked: Asked, result: Result, panel: DyadPanel, dyads: list[Any] | None
) -> dict[str, str]:
    """The figure that the registry names, and the coefficients of models that have slopes."""
    drawn: dict[str, Any] = {}
    if asked.verb == _SCHEDULE:
        drawn["schedule"] = lambda: _draw_schedule(asked, result, panel, dyads)
    elif entry.figure and type(result).figure is not None:
        drawn[entry.figure] = lambda: result.plot()
    if hasattr(result, "covariance") and _has_slopes(result.tidy()):
        drawn["coefficients"] = lambda: reldyn.plot.coefficients(result)
    figures = {}
    for name, draw in drawn.items():
        try:
            figures[name] = reldyn.plot.to_svg(draw, salt=f"{name}-{asked.name}")
        except ReldynError:
            # Such as a growth model, which has no paths; its table says all.
            continue
    return figures


def _has_slopes(table: pd.DataFrame) -> bool:
    return "effect" in table and bool((table["effect"] != "intercept").any())


def _draw_schedule(asked: Asked, result: Result, panel: DyadPanel, dyads: list[Any] | None) -> Any:
    import reldyn.cycles

    table = result.tidy()
    same = {name: asked.options[name] for name in ("warmth", "event", "reported_by") if name in asked.options}
    events: Any = reldyn.cycles.events(panel, **same)
    events = events.tidy() if isinstance(events, Result) else events
    chosen = dyads if dyads is not None else list(dict.fromkeys(table["dyad"]))[:_DRAWN_DYADS]
    return reldyn.plot.schedule(table, events, dyads=chosen)
