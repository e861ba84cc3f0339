"""The methods paragraph of a report, in sentences that a paper could take over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import reldyn

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel
    from reldyn.results import Result
    from reldyn.study._config import CyclesSection, StudyFile

__all__ = ["methods_text", "overview"]


def overview(panel: DyadPanel, answers: Sequence[str] | None) -> list[tuple[str, str]]:
    """The size of a study: figure and what it counts."""
    overall = panel.compliance(answers).iloc[0]
    size = [(f"{panel.n_dyads:,}", "dyads"), (f"{panel.n_persons:,}", "persons")]
    if panel.n_occasions == 1:
        return [*size, (f"{overall['both_share']:.0%}", "of dyads with both partners")]
    return [
        *size,
        (f"{panel.n_occasions:,}", "occasions at most"),
        (f"{overall['share']:.0%}", "of prompts answered"),
        (f"{overall['both_share']:.0%}", "of occasions with both partners"),
    ]


def methods_text(panel: DyadPanel, study: StudyFile, results: Mapping[str, Result]) -> list[str]:
    """One paragraph on the sample, one per model, one on the schedule, one on the software."""
    paragraphs = [_sample(panel, study.answers())]
    for name, result in results.items():
        paragraphs.append(f"Model {name}. {result.summary().partition(chr(10))[2].strip().split(chr(10) * 2)[0]}")
    if study.cycles is not None:
        paragraphs.append(_schedule(study.cycles))
    paragraphs.append(
        f"Analyses used reldyn {reldyn.__version__}. The hashes below identify the data file and the study file."
    )
    return paragraphs


def _sample(panel: DyadPanel, answers: Sequence[str] | None) -> str:
    overall = panel.compliance(answers).iloc[0]
    who = ", ".join(f"{count} {label}" for label, count in panel.compositions.items())
    clock = "one occasion" if panel.n_occasions == 1 else f"up to {panel.n_occasions} occasions"
    counted = f" (an answer is a value of {' or '.join(answers)})" if answers else ""
    index = panel.index
    days = f" on {index.n_days} days" if panel.columns["day"] is not None and index.n_days > 1 else ""
    return (
        f"The sample has {panel.n_dyads} dyads ({who}) and {panel.n_persons} persons with {clock}{days}. "
        f"Of {int(overall['expected']):,} expected answers {overall['share']:.1%} were given; both partners answered "
        f"on {overall['both_share']:.1%} of the occasions{counted}."
    )


def _schedule(asked: CyclesSection) -> str:
    rated = "received from the partner" if asked.reported_by == "receiver" else "given to the partner"
    event: Any = asked.event
    warm = "in the top tercile of the person's own ratings" if event == "threshold" else f"rated {event:g} or higher"
    after = (
        " Contingency is the share of warm occasions one beep after approach "
        f"({asked.approach}) minus the share after none, within a day."
        if asked.approach
        else ""
    )
    return (
        f"The schedule of warmth was described from {asked.warmth} ({rated}). An occasion was warm when {warm}; "
        "intervals between warm occasions count scheduled beeps. Reported are the coefficient of variation of the "
        "intervals with a bias-corrected jackknife interval, burstiness for finite series (Kim and Jo, 2016) and "
        f"memory (Goh and Barabasi, 2008).{after} These are descriptions, not tests: on short series they do not "
        "tell regimes from chance."
    )
