"""The report: one HTML file with everything inside, the same text for the same data and versions."""

from __future__ import annotations

import importlib.resources
import math
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import reldyn.plot
from reldyn.errors import DesignError
from reldyn.results import Result, format_p
from reldyn.study._config import ApimModel, StudyFile
from reldyn.study._methods import methods_text, overview

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["ReportParts", "render_report"]

_SHOWN_ROWS = 12
# A figure of the usual eight inches fills the page of 60 rem.
_PIXELS_PER_POINT = 1.58
_FIGURES = {
    "compliance": "Answered occasions of every dyad",
    "trajectories": "Answers of a few dyads over time",
    "paths": "Path diagram of actor and partner effects",
    "forest": "Coefficients with intervals",
    "schedule": "Warm events and the spread of their intervals",
}


@dataclass(frozen=True)
class ReportParts:
    """What a report is made of.

    Attributes
    ----------
    study : StudyFile
    panel : DyadPanel
        With running numbers in place of ids, unless asked otherwise.
    results : mapping of str to Result
    schedule, events : pandas.DataFrame or None
        Of `reldyn.cycles`.
    dyads : list or None
        Labels of the dyads that are drawn one by one; None: the first few.
    about : mapping
        Versions and hashes.
    """

    study: StudyFile
    panel: DyadPanel
    results: Mapping[str, Result]
    schedule: pd.DataFrame | None
    events: pd.DataFrame | None
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
    answers, used = parts.study.answers(), parts.study.used_columns() | {""}
    findings = _findings(parts.panel)
    return environment.from_string(template).render(
        title=parts.study.report.title or "A dyadic time series study",
        overview=overview(parts.panel, answers),
        findings=[row for row in findings if row["column"] in used],
        other_findings=[row for row in findings if row["column"] not in used],
        compliance=_compliance(parts.panel, answers),
        heatmap=_heatmap(parts.panel, answers),
        trajectories=_trajectories(parts),
        models=[_model(name, result, parts.study) for name, result in parts.results.items()],
        schedule=_schedule(parts),
        methods=methods_text(parts.panel, parts.study, parts.results),
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


def _svg(draw: Any, salt: str) -> Any:
    """A figure as inline SVG, as wide as the page allows but with one size of type in all figures."""
    from markupsafe import Markup

    text = reldyn.plot.to_svg(draw, salt=salt)
    width = re.search(r'width="([\d.]+)pt"', text)
    limit = f' style="max-width:{float(width.group(1)) * _PIXELS_PER_POINT:.0f}px"' if width else ""
    limit += f' role="img" aria-label="{_FIGURES[salt.partition("-")[0]]}"'
    # The text is made by matplotlib, which escapes names of columns and roles itself.
    return Markup(text.replace("<svg", f"<svg{limit}", 1))  # noqa: S704


def _findings(panel: DyadPanel) -> list[dict[Hashable, Any]]:
    """The findings, those of one code and column together: the first stands for the others."""
    table = panel.findings
    keys = ["severity", "code", "column"]
    first = table.drop_duplicates(keys)
    size = table.groupby(keys, sort=False).size()
    rows = first[[*keys, "n", "message", "mend"]].to_dict("records")
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
    return _svg(lambda: reldyn.plot.compliance_heatmap(panel, variables=answers), "compliance")


def _trajectories(parts: ReportParts) -> Any:
    """The figure of a few dyads, or None where there is no time or nothing to draw."""
    if parts.panel.n_occasions < 2:
        return None
    names = parts.study.report.trajectories or _interesting(parts)
    if not names:
        return None
    return _svg(lambda: reldyn.plot.trajectories(parts.panel, names, dyads=parts.dyads), "trajectories")


def _interesting(parts: ReportParts) -> list[str]:
    """The first outcome, the warmth and the first predictor: at most two columns of the data."""
    names: list[str] = [parts.study.cycles.warmth] if parts.study.cycles is not None else []
    for model in parts.study.models.values():
        predictors = model.columns().get("predictors", [])[:1] if isinstance(model, ApimModel) else []
        names += [model.outcome, *predictors]
    known = [name for name in dict.fromkeys(names) if name in parts.panel.frame.columns]
    return known[:2]


def _model(name: str, result: Result, study: StudyFile) -> dict[str, Any]:
    headline = result.summary().partition("\n")[0]
    diagram = None
    if isinstance(study.models[name], ApimModel):
        try:
            diagram = _svg(lambda: reldyn.plot.path_diagram(result), f"paths-{name}")
        except DesignError:
            # A growth model has no actor or partner paths; its table says all.
            diagram = None
    table = result.tidy()
    return {
        "name": name,
        "headline": headline,
        "converged": bool(result.glance()["converged"].iloc[0]),
        "warnings": list(result.warnings),
        "rows": table.to_dict("records"),
        "glance": {str(key): _plain(value) for key, value in result.glance().iloc[0].items()},
        "random": _square(result, "random"),
        "residual": _square(result, "residual"),
        "diagram": diagram,
        "forest": _svg(lambda: reldyn.plot.coefficients(result), f"forest-{name}") if _has_slopes(table) else None,
    }


def _plain(value: Any) -> str:
    """A value of ``glance()`` as words: numbers with three decimals, truth as yes and no."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    return number(value) if isinstance(value, (float, np.floating)) else str(value)


def _has_slopes(table: pd.DataFrame) -> bool:
    return bool((table["effect"] != "intercept").any())


def _square(result: Result, of: str) -> dict[str, Any] | None:
    """Standard deviations on the diagonal, correlations below it."""
    frame = result.covariance(of)  # type: ignore[attr-defined]
    if not len(frame):
        return None
    matrix = frame.to_numpy(dtype=float)
    sd = np.sqrt(np.diag(matrix))
    with np.errstate(divide="ignore", invalid="ignore"):
        shown = matrix / np.outer(sd, sd)
    np.fill_diagonal(shown, sd)
    shown[np.triu_indices(len(sd), 1)] = np.nan
    return {"labels": [str(label) for label in frame.index], "rows": shown.tolist()}


def _schedule(parts: ReportParts) -> dict[str, Any] | None:
    table = parts.schedule
    if table is None:
        return None
    chosen: Sequence[Any] = parts.dyads if parts.dyads is not None else list(dict.fromkeys(table["dyad"]))[:_SHOWN_ROWS]
    return {
        "figure": _svg(lambda: reldyn.plot.schedule(table, parts.events, dyads=chosen), "schedule"),
        "rows": table.to_dict("records"),
        "n": len(table),
        "n_decidable": int(table["decidable"].sum()),
        "n_regular": int((table["conf_high"] < table["cv_random"]).sum()),
        "n_bursty": int((table["conf_low"] > table["cv_random"]).sum()),
        "contingency": bool(table["contingency"].notna().any()),
        "warmth": parts.study.cycles.warmth if parts.study.cycles is not None else "",
    }
