"""What the report shows of an analysis, as plain values: the report is made from these alone, new or saved.

By default nothing of a single dyad is in it, and no mean of fewer than five; two partners may come to read the same
report.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._registry import find_analysis
from reldyn.errors import ReldynError
from reldyn.results import Result
from reldyn.study.asking import Request
from reldyn.study.running._few import (
    FEW,
    are_few,
    glance_without_means,
    rows_without_means,
    sentences_without_means,
)
from reldyn.study.running._figures import figures_of
from reldyn.study.running._over_dyads import FEWEST, Spread, has_ids, of_sample, person_columns, spreads
from reldyn.study.running._sentences import sentence_of

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["record_of"]

_MOST_ROWS = 200
_SPREAD_COLUMNS = ["of", "number", "n_dyads", "mean", "sd", "low", "middle", "high"]
_SOMEBODY = re.compile(r"\b(?:dyads?|couples?|persons?|directions?)\s+(?:'[^']*'|\d+\b(?!\s*%|\.\d))")


def record_of(
    request: Request,
    result: Result,
    panel: DyadPanel,
    dyads: list[Any] | bool | None = None,
    searches: Sequence[str] = (),
) -> dict[str, Any]:
    """Everything that the report shows of one analysis.

    Parameters
    ----------
    request : Asked
    result : Result
    panel : DyadPanel
    dyads : list, bool or None
        Labels of dyads that are shown one by one; True: all of them; None or False: none.
    searches : sequence of str
        What was said of searches that did not end.

    Returns
    -------
    dict
        ``name``, ``verb``, ``question``, ``methods``, ``references``, ``options``, ``headline``, ``own`` (sentences of
        the result), ``sentence`` (one for a paper), ``warnings``, ``n_hidden`` (warnings about single dyads that are
        left out), ``searches``, ``converged`` (None where nothing is searched), ``glance`` (a table of one row),
        ``table`` (rows of the sample: columns and at most 200 rows; None where there is none), ``spread`` (how the
        rows of dyads are spread), ``counts`` (tables of counts), ``rows`` (those of single dyads, where they are
        asked for), ``n_rows`` (of all), ``squares`` (covariances), ``figures`` (SVG by name).
    """
    entry = find_analysis(request.verb)
    summary, glance = result.summary(), result.glance()
    converged = glance["converged"].iloc[0] if "converged" in glance else None
    hidden = "table" in getattr(type(result), "row_fields", ())
    table = None if hidden else result.tidy()
    single = table if table is not None and has_ids(table) else None
    rows = None if table is None else of_sample(table)
    spread = [] if single is None else spreads(single, person_columns(type(result)), list(map(str, panel.index.roles)))
    # Means over fewer than five dyads are as good as numbers of single dyads.
    few = are_few(spread) and dyads is not True
    if rows is not None and dyads is not True:
        rows = rows_without_means(rows, few=few)
    names_nobody = _namer(panel, dyads)
    warnings = [note for note in result.warnings if names_nobody(note)]
    return {
        "name": request.name,
        "verb": request.verb,
        "question": entry.question,
        "methods": entry.methods,
        "references": list(entry.references),
        "options": _plain(
            dict(request.options) | {option: {"analysis": of} for option, of in request.references.items()}
        ),
        "headline": summary.partition("\n")[0],
        "own": sentences_without_means(_own_sentences(summary, names_nobody), few=few),
        "sentence": sentence_of(request.verb, result, rows, spread),
        "warnings": warnings,
        "n_hidden": len(result.warnings) - len(warnings),
        "searches": [text for text in searches if names_nobody(text)],
        "converged": None if converged is None else bool(converged),
        "glance": _frame(glance_without_means(glance, request.options, few=few)),
        "table": None if rows is None or rows.empty else _frame(rows.head(_MOST_ROWS)),
        "spread": _spread(spread),
        "counts": _counts(request.verb, result, table, everyone=dyads is True),
        "rows": _rows(single, dyads) if single is not None and dyads else None,
        "n_rows": 0 if table is None else len(table),
        "squares": _squares(result),
        "figures": figures_of(entry, request, result, rows=rows, spread=spread, panel=panel, dyads=dyads),
    }


def _namer(panel: DyadPanel, dyads: list[Any] | bool | None) -> Callable[[str], bool]:
    """Tells whether a text may be shown: it names no single dyad or person, or all are asked for."""
    if dyads is True:
        return lambda _: True
    labels = {str(label) for label in panel.index.dyad_labels if isinstance(label, str)}
    if len(set(panel.index.person_labels)) == panel.index.n_persons:
        labels |= {str(label) for label in panel.index.person_labels if isinstance(label, str)}
    # Labels such as "a" stand in any text.
    known = [re.escape(label) for label in sorted(labels) if len(label) > 2]
    somebody = re.compile(rf"(?<!\w)(?:{'|'.join(known)})(?!\w)") if known else None
    return lambda text: not _SOMEBODY.search(text) and not (somebody and somebody.search(text))


def _own_sentences(summary: str, names_nobody: Callable[[str], bool]) -> str:
    """The first paragraph below the headline, where it is made of sentences."""
    said = summary.partition("\n")[2].strip().split("\n\n")[0]
    # A summary that goes on with a table has no sentences of its own.
    lines = said.splitlines() if said.endswith((".", "%")) else []
    return " ".join(" ".join(filter(names_nobody, lines)).split())


def _frame(frame: pd.DataFrame) -> dict[str, Any]:
    return {
        "columns": [str(name) for name in frame.columns],
        "rows": [[_plain(value) for value in row] for row in frame.itertuples(index=False, name=None)],
    }


def _rows(table: pd.DataFrame, dyads: list[Any] | bool) -> dict[str, Any]:
    """Rows of single dyads: of all, or of those that are named."""
    if isinstance(dyads, list) and "dyad" in table:
        table = table[table["dyad"].isin(dyads)]
    return _frame(table.head(_MOST_ROWS))


def _spread(spread: Sequence[Spread]) -> dict[str, Any] | None:
    if not spread:
        return None
    return {"columns": _SPREAD_COLUMNS, "rows": [[_plain(value) for value in astuple(one)] for one in spread]}


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


def _counts(verb: str, result: Any, table: pd.DataFrame | None, *, everyone: bool = False) -> list[dict[str, Any]]:
    """Tables that count dyads or directions: title, heads, rows of label and counts."""
    if verb == "detect_cycles":
        return [_verdict_counts(result), _prevalence(result, everyone=everyone)]
    if verb == "cycles.schedule" and table is not None:
        below, above = table["conf_high"] < table["cv_random"], table["conf_low"] > table["cv_random"]
        rows = [
            ["all", len(table)],
            ["long and varied enough ever to be tested", int(table["decidable"].sum())],
            ["more regular than random (interval below)", int(below.sum())],
            ["more clustered than random (interval above)", int(above.sum())],
        ]
        return [{"title": "Directions of warmth", "heads": ["Directions", "n"], "rows": rows}]
    return []


def _verdict_counts(result: Any) -> dict[str, Any]:
    """How many directions have each verdict, for each giver where givers are roles."""
    verdicts = result.verdicts()
    givers: Collection[Any] = [role for role in result.setting.get("roles") or () if role in set(verdicts["giver"])]
    rows = []
    for verdict in ("supported", "rhythm", "not supported", "not decidable"):
        mine = verdicts[verdicts["verdict"] == verdict]
        rows.append([verdict, *(int((mine["giver"] == giver).sum()) for giver in givers), len(mine)])
    heads = ["Verdict", *(f"from {giver}" for giver in givers), "all"]
    return {"title": "Verdicts about intermittent warmth, directions", "heads": heads, "rows": rows}


def _prevalence(result: Any, *, everyone: bool) -> dict[str, Any]:
    """What the sample says; a mean of fewer than five dyads only where all of them are shown."""
    rows: list[list[Any]] = []
    for row in result.sample().to_dict("records"):
        few = not everyone and row["term"] != "prevalence" and 0 < row["n"] < FEWEST
        numbers = [None if few else _plain(row[name]) for name in ("estimate", "conf_low", "conf_high")]
        rows.append([row["term"], *numbers, _plain(row["n"]), FEW if few else str(row["note"])])
    heads = ["What the sample says", "estimate", "95% from", "to", "n", "note"]
    return {"title": "Prevalence and common coefficient", "heads": heads, "rows": rows}
