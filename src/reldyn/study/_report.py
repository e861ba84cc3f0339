"""The report: one HTML file with everything inside, the same text for the same data and versions."""

from __future__ import annotations

import importlib.resources
import math
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import reldyn.plot
from reldyn.results import format_p
from reldyn.study._config import StudyFile
from reldyn.study._methods import methods_text, overview

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["ReportParts", "render_report"]

# A figure of the usual eight inches fills the page of 60 rem.
_PIXELS_PER_POINT = 1.58
# A table of an analysis shows so many rows; the rest is in the CSV beside the report.
_SHOWN_ROWS = 60
_FIGURES = {
    "compliance": "Answered occasions of every dyad",
    "trajectories": "Answers of a few dyads over time",
    "path_diagram": "Path diagram of actor and partner effects",
    "coefficients": "Coefficients with intervals",
    "schedule": "Warm events and the spread of their intervals",
}
_CAPTIONS = {
    "path_diagram": "Path diagram. Blue: actor effects, a person's own predictor. Orange: partner effects. The curve "
    "is the correlation of the two residuals at one occasion.",
    "schedule": "Left: each tick is a warm occasion. Right: coefficient of variation of the intervals with its 95 % "
    "interval; 0 is a strict rhythm, the dark bar is what random warmth at the same rate has.",
}
# Figures that say what a table above them says.
_FOLDED = ("coefficients",)
# The usual columns of estimates, and their heads.
_ESTIMATES = {
    "term": "Term",
    "estimate": "Estimate",
    "std_error": "SE",
    "conf_low": "95 % interval",
    "statistic": "Statistic",
    "df": "df",
    "p_value": "p",
}


@dataclass(frozen=True)
class ReportParts:
    """What a report is made of.

    Attributes
    ----------
    study : StudyFile
    panel : DyadPanel
        With running numbers in place of ids, unless asked otherwise.
    records : mapping of str to mapping
        What is shown of each analysis, see `reldyn.study.running`.
    flow : sequence of mapping
        What each step of the preparation left out.
    answers : list of str or None
        Columns whose values count as answers.
    used : set of str
        Columns that the study names.
    dyads : list or None
        Labels of the dyads that are drawn one by one; None: the first few.
    about : mapping
        Versions and hashes.
    """

    study: StudyFile
    panel: DyadPanel
    records: Mapping[str, Mapping[str, Any]]
    flow: Sequence[Mapping[str, Any]]
    answers: list[str] | None
    used: set[str]
    dyads: list[Any] | None
    about: Mapping[str, Any]


def render_report(parts: ReportParts) -> str:
    """Render the report as one HTML text."""
    import jinja2

    template = importlib.resources.files("reldyn.study").joinpath("report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["number"] = number
    environment.filters["p"] = format_p
    answers, used = parts.answers, parts.used | {""}
    findings = _findings(parts.panel)
    return environment.from_string(template).render(
        title=parts.study.report.title or "A dyadic time series study",
        overview=overview(parts.panel, answers),
        flow=parts.flow if len(parts.flow) > 1 else [],
        findings=[row for row in findings if row["column"] in used],
        other_findings=[row for row in findings if row["column"] not in used],
        compliance=_compliance(parts.panel, answers),
        heatmap=_heatmap(parts.panel, answers),
        trajectories=_trajectories(parts),
        analyses=[_analysis(record) for record in parts.records.values()],
        methods=methods_text(parts.panel, parts.records, answers),
        about=parts.about,
        anonymised=parts.study.report.anonymise,
    )


def number(value: Any, digits: int = 3) -> str:
    """Render a number for reading; nothing for NaN, no decimals for whole counts."""
    if value is None or isinstance(value, str):
        return value or ""
    value = float(value)
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _svg(text: str, name: str) -> Any:
    """A figure as inline SVG, as wide as the page allows but with one size of type in all figures."""
    from markupsafe import Markup, escape

    width = re.search(r'width="([\d.]+)pt"', text)
    limit = f' style="max-width:{float(width.group(1)) * _PIXELS_PER_POINT:.0f}px"' if width else ""
    limit += f' role="img" aria-label="{escape(_FIGURES.get(name, name.replace("_", " ")))}"'
    # The text is made by matplotlib, which escapes names of columns and roles itself.
    return Markup(text.replace("<svg", f"<svg{limit}", 1))  # noqa: S704


def _findings(panel: DyadPanel) -> list[dict[Hashable, Any]]:
    """The findings, those of one code and column together: the first stands for the others."""
    table = panel.findings
    keys = ["severity", "code", "column"]
    first = table.drop_duplicates(keys)
    size = table.groupby(keys, sort=False).size()
    rows = first[[*keys, "n", "message", "fix"]].to_dict("records")
    for row in rows:
        row["alike"] = int(size.loc[tuple(row[key] for key in keys)]) - 1
    return rows


def _compliance(panel: DyadPanel, answers: Sequence[str] | None) -> list[dict[Hashable, Any]]:
    table = panel.compliance(answers)
    return table[table["level"].isin(["overall", "role"])].to_dict("records")


def _heatmap(panel: DyadPanel, answers: Sequence[str] | None) -> Any:
    """The figure of who answered when; None for a cross-section."""
    if panel.n_occasions < 2:
        return None
    draw = reldyn.plot.to_svg(lambda: reldyn.plot.compliance_heatmap(panel, variables=answers), salt="compliance")
    return _svg(draw, "compliance")


def _trajectories(parts: ReportParts) -> Any:
    """The figure of a few dyads, or None where there is no time or nothing to draw."""
    if parts.panel.n_occasions < 2:
        return None
    names = parts.study.report.trajectories or _interesting(parts)
    if not names:
        return None
    draw = reldyn.plot.to_svg(
        lambda: reldyn.plot.trajectories(parts.panel, names, dyads=parts.dyads), salt="trajectories"
    )
    return _svg(draw, "trajectories")


def _interesting(parts: ReportParts) -> list[str]:
    """The first two numeric columns that the analyses are about."""
    known = [name for name in parts.answers or () if name in parts.panel.frame.columns]
    return [name for name in known if parts.panel.frame[name].dtype.kind in "biuf"][:2]


def _analysis(record: Mapping[str, Any]) -> dict[str, Any]:
    """One analysis as the template takes it."""
    table = record["table"]
    shown = None if table is None else {**table, "rows": table["rows"][:_SHOWN_ROWS]}
    usual = shown is not None and {"term", "estimate", "std_error", "conf_low", "conf_high"} <= set(shown["columns"])
    glance = record["glance"]
    return {
        **record,
        "table": None if shown is None else _estimates(shown) if usual else _any_table(shown),
        "more": record["n_rows"] - (0 if shown is None else len(shown["rows"])),
        "glance": dict(zip(glance["columns"], map(_plain, glance["rows"][0]), strict=True)) if glance["rows"] else {},
        "figures": [
            {"svg": _svg(svg, name), "caption": _CAPTIONS.get(name, ""), "folded": name in _FOLDED}
            for name, svg in record["figures"].items()
        ],
    }


def _estimates(table: Mapping[str, Any]) -> dict[str, Any]:
    """The usual columns of estimates, the two ends of an interval in one cell."""
    columns = table["columns"]
    heads = [(name, head) for name, head in _ESTIMATES.items() if name in columns]
    rows = []
    for values in table["rows"]:
        row = dict(zip(columns, values, strict=True))
        rows.append([_estimate_cell(name, row) for name, _ in heads])
    return {"heads": [(head, name != "term") for name, head in heads], "rows": rows}


def _estimate_cell(name: str, row: Mapping[str, Any]) -> str:
    value = row[name]
    if name == "conf_low":
        return f"[{number(value)}, {number(row['conf_high'])}]" if value is not None else ""
    if name == "p_value":
        return format_p(value) if isinstance(value, (int, float)) else ""
    return str(value or "") if name == "term" else number(value, {"statistic": 2, "df": 1}.get(name, 3))


def _any_table(table: Mapping[str, Any]) -> dict[str, Any]:
    columns = list(zip(*table["rows"], strict=True)) if table["rows"] else [()] * len(table["columns"])
    numeric = [
        any(isinstance(value, (int, float)) for value in column) and not any(isinstance(value, str) for value in column)
        for column in columns
    ]
    heads = [(name.replace("_", " "), is_number) for name, is_number in zip(table["columns"], numeric, strict=True)]
    return {"heads": heads, "rows": [[_plain(value) for value in row] for row in table["rows"]]}


def _plain(value: Any) -> str:
    """A value as words: numbers with three decimals, truth as yes and no."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return number(value) if isinstance(value, float) else str(value)
