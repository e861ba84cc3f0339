"""The methods section of a report, in sentences that a paper could take over, and its references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import reldyn
from reldyn._format import counted

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["methods_text", "overview", "references"]


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


def methods_text(
    panel: DyadPanel, records: Mapping[str, Mapping[str, Any]], answers: Sequence[str] | None
) -> list[str]:
    """One paragraph on the sample, one per analysis, one on the software."""
    paragraphs = [_sample(panel, answers)]
    paragraphs += [f"Analysis {name}. {_of_analysis(record)}" for name, record in records.items()]
    paragraphs.append(
        f"Analyses used reldyn {reldyn.__version__}. The hashes below identify the data file and the study file."
    )
    return paragraphs


def references(records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Sources of all methods, by name."""
    return sorted({source for record in records.values() for source in record["references"]})


def _of_analysis(record: Mapping[str, Any]) -> str:
    """The sentences of the registry and those of the result, with the sources of the method."""
    own, methods = record["own"], record["methods"] or record["question"]
    sources = "; ".join(
        source.partition("),")[0] + ")" if ")," in source else source for source in record["references"]
    )
    sentences = [methods if methods not in own else "", own, f"Sources: {sources}." if sources else ""]
    return " ".join(filter(None, sentences))


def _sample(panel: DyadPanel, answers: Sequence[str] | None) -> str:
    overall = panel.compliance(answers).iloc[0]
    who = ", ".join(f"{count} {label}" for label, count in panel.compositions.items())
    clock = "one occasion" if panel.n_occasions == 1 else f"up to {counted(panel.n_occasions, 'occasion')}"
    answer = f" (an answer is a value of {' or '.join(answers)})" if answers else ""
    index = panel.index
    days = f" on {index.n_days} days" if panel.columns["day"] is not None and index.n_days > 1 else ""
    return (
        f"The sample has {counted(panel.n_dyads, 'dyad')} ({who}) and {counted(panel.n_persons, 'person')} with "
        f"{clock}{days}. Of {int(overall['expected']):,} expected answers {overall['share']:.1%} were given; both "
        f"partners answered on {overall['both_share']:.1%} of the occasions{answer}."
    )
