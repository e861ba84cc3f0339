"""Items of two reporting standards, filled in as far as the data know them; the others are named as open.

JARS-Quant: Journal Article Reporting Standards for quantitative research (Appelbaum et al., 2018, American Psychologist
73, 3-25), in part. CREMAS: Checklist for Reporting EMA Studies (Liao, Skelton, Dunton and Bruening, 2016, Journal of
Medical Internet Research 18, e151), items 1 to 11; items 12 to 16 are named without their wording.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["Item", "cremas", "jars"]

_EMA = re.compile(
    r"ecological momentary|\bema\b|experience sampling|\besm\b|diary|ambulatory assessment", re.IGNORECASE
)
_FIT = {"absolute": ("rmsea", "srmr"), "incremental": ("cfi", "tli")}
_NONE = "No model of this kind is in the study."
Records = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Item:
    """An item of a standard.

    Attributes
    ----------
    number : str
    asks : str
        What is to be reported.
    known : str
        What the data say; empty where they do not know.
    open : str
        What is left to the authors; empty where nothing is.
    """

    number: str
    asks: str
    known: str = ""
    open: str = ""

    @property
    def state(self) -> str:
        """Whether the item is filled, in part, not, or does not apply."""
        if self.known == _NONE:
            return "not applicable"
        return "filled" if self.known and not self.open else "in part" if self.known else "not filled"


def jars(panel: DyadPanel, table: Any, records: Records, flow: Sequence[Mapping[str, Any]], about: Any) -> list[Item]:
    """Items of JARS-Quant."""
    overall = table.iloc[0]
    start = flow[0] if flow else None
    came = (
        f", of {counted(start['dyads'], 'dyad')} in the data file" if start and start["dyads"] != panel.n_dyads else ""
    )
    with_interval = [name for name, record in records.items() if _has_interval(record)]
    without = [name for name in records if name not in with_interval]
    failed = [name for name, record in records.items() if record["converged"] is False]
    searched = [name for name, record in records.items() if record["converged"] is not None]
    missing = (
        f"{1 - overall['share']:.1%} of {int(overall['expected']):,} expected answers are missing; by role, day and "
        "prompt under Compliance."
    )
    return [
        Item(
            "participants",
            "Planned and achieved number of participants, and why",
            f"Achieved: {counted(panel.n_dyads, 'dyad')}, {counted(panel.n_persons, 'person')}{came}.",
            "the planned number, and how it was decided",
        ),
        Item(
            "effect sizes",
            "Effect sizes with intervals",
            f"With intervals: {', '.join(with_interval)}." if with_interval else "",
            f"intervals for {', '.join(without)}" if without and with_interval else "",
        ),
        Item(
            "analyses",
            "Primary, secondary and exploratory analyses told apart",
            open="which of the analyses were planned",
        ),
        Item(
            "missing data",
            "Percentage, distribution and assumed mechanism of missing data",
            missing,
            "the mechanism that is assumed",
        ),
        Item(
            "software",
            "Software and versions",
            f"reldyn {about['reldyn']}, Python {about['python']}; libraries under Versions.",
        ),
        Item(
            "convergence",
            "Non-convergence disclosed",
            f"Not all of it converged: {', '.join(failed)}; their notes say what did not."
            if failed
            else f"Converged: {', '.join(searched)}."
            if searched
            else "No analysis searches for its estimates.",
        ),
        _fit_item(records),
    ]


def _has_interval(record: Mapping[str, Any]) -> bool:
    table = record["table"]
    if not table or "conf_low" not in table["columns"]:
        return False
    place = table["columns"].index("conf_low")
    return any(row[place] is not None for row in table["rows"])


def _fit_item(records: Records) -> Item:
    """Two fit statistics of different classes, for structural equation models."""
    asks = "Structural equation models: two fit statistics of different classes, and local fit"
    said, models = [], 0
    for name, record in records.items():
        columns, rows = record["glance"]["columns"], record["glance"]["rows"]
        glance = dict(zip(columns, rows[0], strict=True)) if rows else {}
        found = {
            kind: next(((one, glance[one]) for one in names if isinstance(glance.get(one), float)), None)
            for kind, names in _FIT.items()
        }
        models += any(found.values())
        if all(found.values()):
            said.append(
                f"{name}: " + ", ".join(f"{one.upper()} {value:.3f}" for one, value in filter(None, found.values()))
            )
    if not models:
        return Item("model fit", asks, _NONE)
    return Item("model fit", asks, "; ".join(said), "local fit (residuals)")


def cremas(panel: DyadPanel, table: Any, title: str | None) -> list[Item]:
    """Items of CREMAS; none for a study of one occasion."""
    if panel.n_occasions < 2:
        return []
    index = panel.index
    overall = table.iloc[0]
    words = _EMA.search(title or "")
    days = table[table["level"] == "day"]
    items = [
        (
            "1",
            "The title names ecological momentary assessment",
            f"The report's title says “{words.group()}”." if words else "",
            "",
        ),
        ("2", "Rationale for momentary assessment", "", "the reasons"),
        ("3", "Training of participants", "", "whether and how participants were trained"),
        ("4", "Technology", "", "device, software and version"),
        ("5", "Number of waves", "", "how many waves, and the time between them"),
        ("6", "Monitoring period in days, weekdays and weekends", _period(panel), ""),
        ("7", "Prompting design", "", "whether prompts came at random, at fixed times or after events"),
        (
            "8",
            "Prompt frequency",
            f"Up to {counted(index.n_beeps, 'prompt')} a day." if panel.columns["day"] is not None else "",
            "",
        ),
        ("9", "Design features that lower burden", "", "such as leave-outs, reminders, payment"),
        ("10", "Attrition by day and wave", _attrition(days), "attrition by wave" if len(days) > 1 else ""),
        (
            "11",
            "Prompts planned and delivered",
            f"Planned: {counted(int(overall['expected']), 'prompt')} of persons.",
            _delivered(panel),
        ),
    ]
    rest = ("Latency", "Compliance", "Missing data", "Results", "Limitations")
    made = [
        Item(number, asks, known, left or ("" if known else "not known from the data"))
        for number, asks, known, left in items
    ]
    return made + [
        Item(str(number), f"{what} (wording not at hand)", open="to be worded by the authors")
        for number, what in enumerate(rest, start=12)
    ]


def _period(panel: DyadPanel) -> str:
    index = panel.index
    if panel.columns["day"] is None and index.n_days < 2:
        return ""
    clock = index.schedule
    free = len(np.unique(clock.day[clock.weekend]))
    share = f", {free} of them at weekends" if free else "; no weekends are known"
    return f"{index.n_days} days at most{share}."


def _attrition(days: Any) -> str:
    if len(days) < 2:
        return ""
    first, last = days.iloc[0], days.iloc[-1]
    ends = f"{first['share']:.0%} of prompts answered on the first day, {last['share']:.0%} on the last"
    return f"{ends}; the course is under Compliance."


def _delivered(panel: DyadPanel) -> str:
    known = panel.schedule is not None and getattr(panel.schedule, "sent", None) is not None
    return "" if known else "how many were delivered (the schedule names no column of prompts sent)"
