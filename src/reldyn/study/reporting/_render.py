"""The report as one HTML text, the same for the same data, key and versions."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import reldyn.plot
from reldyn.errors import ReldynError
from reldyn.study._visible import visible
from reldyn.study.reporting._methods import methods_text, overview, references
from reldyn.study.reporting._sample import (
    compliance_rows,
    correlations,
    descriptives,
    findings,
    is_small_share,
    small_cells,
)
from reldyn.study.reporting._standards import cremas, jars
from reldyn.study.reporting._svg import inline_svg
from reldyn.study.reporting._words import number, plain, table_of

if TYPE_CHECKING:
    from reldyn.study._ready import Ready

__all__ = ["ReportParts", "render_report"]

# A table of an analysis shows so many rows; the rest is in the CSV beside the report.
_SHOWN_ROWS = 60
_FIGURES = {
    "compliance": "Share of prompts answered over days and prompts",
    "who_answered": "Answered occasions of every dyad",
    "trajectories": "Answers of a few dyads over time",
    "path_diagram": "Path diagram of actor and partner effects",
    "coefficients": "Estimates with 95 % intervals",
    "spread": "How estimates are spread over dyads",
    "schedule": "Warm events and the spread of their intervals",
}
_CAPTIONS = {
    "path_diagram": "Path diagram. Blue: actor effects, a person's own predictor. Orange: partner effects. The curve "
    "is the correlation of the two residuals at one occasion.",
    "coefficients": "Estimates with 95 % intervals; filled where the interval leaves out 0.",
    "spread": "Over dyads: the bar holds the middle half of them, the upright line is the median, the dot the mean.",
    "schedule": "Left: each tick is a warm occasion. Right: coefficient of variation of the intervals with its 95 % "
    "interval; 0 is a strict rhythm, the dark bar is what random warmth at the same rate has.",
}
_SPREAD_HEADS = [("Group", False), ("Number", False), ("Dyads", True), ("M", True), ("SD", True)] + [
    (head, True) for head in ("25%", "Median", "75%")
]


@dataclass(frozen=True)
class ReportParts:
    """What a report is made of.

    Attributes
    ----------
    ready : Ready
        The study and its panel, with running numbers in place of ids unless asked otherwise.
    records : mapping of str to mapping
        What is shown of each analysis, see `reldyn.study.running`.
    about : mapping
        Versions and hashes.
    """

    ready: Ready
    records: Mapping[str, Mapping[str, Any]]
    about: Mapping[str, Any]


def render_report(parts: ReportParts) -> str:
    """Render the report as one HTML text."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, finalize=_visible
    )
    environment.filters["number"] = number
    style = _resource("report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    return environment.from_string(_resource("report.html.jinja")).render(
        # Our own file.
        style=Markup(style),  # noqa: S704
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'",
        **_sections(parts),
    )


def _resource(name: str) -> str:
    return importlib.resources.files("reldyn.study.reporting").joinpath(name).read_text(encoding="utf-8")


def _visible(value: Any) -> Any:
    """Every text of the page with signs made visible that would change how it reads; markup is our own."""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else visible(value)


def _sections(parts: ReportParts) -> dict[str, Any]:
    ready, records = parts.ready, parts.records
    panel, answers, report = ready.panel, ready.answers, ready.study.file.report
    flow = list(ready.flow)
    used = ready.used | {""}
    single = bool(report.dyads)
    # Where some dyads are named, messages could speak of the others.
    found = findings(panel, single=report.dyads is True)
    compliance, levels = compliance_rows(panel, answers)
    names = [name for name in answers or () if name in panel.frame.columns]
    return {
        "title": report.title or "A dyadic time series study",
        "overview": overview(panel, answers),
        "flow": flow,
        "findings": [row for row in found if row["column"] in used],
        "other_findings": [row for row in found if row["column"] not in used],
        "compliance": compliance,
        "course": _drawn("compliance", lambda: reldyn.plot.compliance_course(levels)),
        "who_answered": _compliance(ready) if single else None,
        "trajectories": _trajectories(ready, names) if single else None,
        "descriptives": descriptives(panel, names),
        "correlations": correlations(panel, names),
        "small": small_cells(panel, levels, records, flow),
        "analyses": [_analysis(record, place) for place, record in enumerate(records.values(), start=1)],
        "methods": methods_text(panel, records, answers),
        "references": references(records),
        "standards": [
            ("JARS-Quant, in part", jars(panel, levels, records, flow, parts.about)),
            ("CREMAS", cremas(panel, levels, report.title)),
        ],
        "about": parts.about,
        "anonymised": report.anonymise,
        "single": single,
    }


def _drawn(name: str, draw: Any) -> Any:
    """A figure about the data; None where there is nothing to draw."""
    try:
        return inline_svg(reldyn.plot.to_svg(draw, salt=name), _FIGURES[name], name)
    except ReldynError:
        return None


def _compliance(ready: Ready) -> Any:
    """Who answered when, of the dyads that are named or of all."""
    panel = ready.panel if ready.shown is None else ready.panel.select(dyads=ready.shown)
    if panel.n_occasions < 2:
        return None
    return _drawn("who_answered", lambda: reldyn.plot.compliance_heatmap(panel, variables=ready.answers))


def _trajectories(ready: Ready, answers: Sequence[str]) -> Any:
    """The figure of a few dyads, or None where there is no time or nothing to draw."""
    panel = ready.panel
    numeric = [name for name in answers if panel.frame[name].dtype.kind in "biuf"][:2]
    names = ready.study.file.report.trajectories or numeric
    if panel.n_occasions < 2 or not names:
        return None
    return _drawn("trajectories", lambda: reldyn.plot.trajectories(panel, names, dyads=ready.shown))


def _analysis(record: Mapping[str, Any], place: int) -> dict[str, Any]:
    """One analysis as the template takes it."""
    glance = record["glance"]
    shown = record["table"]
    tables = [] if shown is None else [table_of(shown, f"{record['name']}: estimates", _SHOWN_ROWS)]
    if record["spread"] is not None:
        tables.append(_spread_table(record))
    if record["rows"] is not None:
        tables.append(table_of(record["rows"], f"{record['name']}: single dyads", _SHOWN_ROWS))
    in_tables = len(shown["rows"][:_SHOWN_ROWS]) if shown is not None else 0
    return {
        **record,
        "tables": tables,
        "counts": [_count_table(counts) for counts in record["counts"]],
        "more": record["n_rows"] - in_tables,
        "glance": dict(zip(glance["columns"], map(plain, glance["rows"][0]), strict=True)) if glance["rows"] else {},
        "figures": [
            {
                "svg": inline_svg(
                    svg, f"{_FIGURES.get(name, name.replace('_', ' '))}. {record['sentence']}", f"a{place}-{name}"
                ),
                "caption": _CAPTIONS.get(name, name.replace("_", " ").capitalize() + "."),
            }
            for name, svg in record["figures"].items()
        ],
    }


def _spread_table(record: Mapping[str, Any]) -> dict[str, Any]:
    rows = []
    for of, what, n, mean, *rest in record["spread"]["rows"][:_SHOWN_ROWS]:
        few = " (few)" if is_small_share(what, n, mean) else ""
        counted = f"{n:,}" if mean is not None else "fewer than 5"
        rows.append([of or "all", what.replace("_", " "), counted, f"{number(mean)}{few}", *map(number, rest)])
    return {"caption": f"{record['name']}: spread over dyads", "heads": _SPREAD_HEADS, "rows": rows}


def _count_table(counts: Mapping[str, Any]) -> dict[str, Any]:
    """A table of counts; cells of one to four are marked."""
    rows = [
        [{"text": plain(value), "small": type(value) is int and 0 < value < 5} for value in row]
        for row in counts["rows"]
    ]
    numeric = [
        all(value is None or isinstance(value, (int, float)) for value in column)
        for column in zip(*counts["rows"], strict=True)
    ]
    heads = list(zip(counts["heads"], numeric, strict=True))
    return {"caption": counts["title"], "heads": heads, "rows": rows}
