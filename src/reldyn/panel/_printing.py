"""A panel in words: one line where it is shown among other things, a few lines where it is printed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reldyn._format import counted

if TYPE_CHECKING:
    from reldyn.panel._panel import DyadPanel

__all__ = ["one_line", "summary_lines"]

_LONGEST_LABEL = 40
_MOST_NAMES = 12


def one_line(label: object) -> str:
    """A label without line breaks, cut where it is long."""
    text = " ".join(str(label).split())
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 3] + "..."


def summary_lines(panel: DyadPanel) -> str:
    """The text of `print(panel)`: dyads, occasions, schedule, findings and columns."""
    index = panel.index
    lines = [
        f"DyadPanel: {counted(panel.n_dyads, 'dyad')}, {counted(panel.n_persons, 'person')}, "
        f"{counted(len(panel), 'row')}"
    ]
    lines.append(f"  compositions  {_listed([f'{count} {label}' for label, count in panel.compositions.items()])}")
    lines.append(f"  roles         {_listed(panel.roles) or 'none: members are exchangeable'}")
    grid = f"{index.n_days} days of {index.n_beeps} steps" if index.n_days > 1 else f"{index.n_beeps} steps"
    placed = grid if index.on_grid else "times on no common grid, in their order"
    lines.append(f"  occasions     up to {panel.n_occasions} a dyad; {placed}")
    night = _night(panel)
    lines += [f"  night         {night}"] if night else []
    lines += [f"  times         {text}" for text in recognised_times(panel)]
    named = [f"{what}={name}" for what, name in panel.columns.items() if name is not None]
    clocks = [f"{what}={name}" for what, name in panel.schedule.columns.items()] if panel.schedule is not None else []
    lines.append(f"  named         {_listed(named + clocks)}")
    known = {name.partition("=")[2] for name in named + clocks}
    lines.append(f"  variables     {_listed([name for name in panel._frame.columns if name not in known]) or 'none'}")
    severities = panel.findings["severity"]
    counts = [(int((severities == severity).sum()), severity) for severity in ("error", "warning", "note")]
    listed = [counted(count, severity) for count, severity in counts if count]
    lines.append(f"  findings      {', '.join(listed) or 'none'}")
    return "\n".join(lines)


def recognised_times(panel: DyadPanel) -> list[str]:
    """How columns of times were read, where their values do not say so themselves, and the days that were declared."""
    found = panel.findings
    return [message.rstrip(".") for message in found.loc[found["code"] == "times-read", "message"]] + _workdays(panel)


def _workdays(panel: DyadPanel) -> list[str]:
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    days = panel.workdays
    return [] if days is None else [f"prompts on {', '.join(names[day] for day in days)}"]


def _night(panel: DyadPanel) -> str:
    """How long a night is in serial models, and where that comes from; empty where there is no night."""
    clock = panel.clock
    if clock.night_from == "none":
        return ""
    if clock.night_from == "restarts":
        return "every process restarts in the morning"
    source = {"declared": "as declared", "clock": "by the clock", "default": "because its length is unknown"}
    return f"counts {clock.night_steps} steps, {source[clock.night_from]}"


def _listed(labels: Iterable[object]) -> str:
    """Labels on one line, the first of them where there are many."""
    names = [one_line(label) for label in labels]
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
