"""The summary of a detection: what was tested against what, what came out, what to be careful about."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reldyn._format import counted
from reldyn.cycles.ladder._claim_tests import shares_of_level
from reldyn.results import equals_p, format_table

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.cycles._result import CycleResult
    from reldyn.results import Section

__all__ = ["headline", "methods", "sections"]

_REASON = 60
_ORDER = ("supported", "rhythm", "not supported", "not decidable")


def headline(result: CycleResult) -> str:
    """How many directions have which verdict."""
    verdicts = result.verdicts()
    n_directions, n_dyads = len(verdicts), verdicts["dyad"].nunique()
    return f"Intermittent warmth in {counted(n_directions, 'direction')} of {counted(n_dyads, 'dyad')}: " + ", ".join(
        f"{int((verdicts['verdict'] == name).sum())} {name}" for name in _ORDER
    )


def sections(result: CycleResult) -> Iterator[Section]:
    """Sample, verdicts, and the claims on which no verdict rests."""
    yield from _sample_lines(result)
    yield f"Verdicts at level {result.alpha:g} (whole reasons: verdicts())", _verdict_table(result.verdicts())
    yield from _apart_lines(result)
    yield (
        "A verdict is about a series of answers on these days, on this scale; it is no property of a person, no "
        "judgement of anyone, and says nothing about causes. 'not decidable' is an answer: these data cannot tell. "
        "What nobody entered cannot be excluded: shifts, travel, strain or illness that come and go move warmth as "
        "well; enter them as covariates."
    )


def methods(result: CycleResult) -> str:
    """What was tested against what."""
    columns, setting = result.columns, result.setting
    reporter = "by the one who received it" if columns.reported_by == "receiver" else "by the one who gave it"
    reads = f"Warmth is {columns.warmth!r}, reported {reporter}"
    if columns.response is not None:
        reads += f"; the response is {columns.response!r} of the one who received it"
    if columns.covariates:
        reads += f"; {', '.join(map(repr, columns.covariates))} enter every hypothesis"
    phases = (
        "two and three phases, the larger statistic" if setting["phases"] == "auto" else f"{setting['phases']} phases"
    )
    return (
        f"{reads}. {_pooling(result)}Every claim is tested against a null of its own with at most "
        f"{setting['n_surrogates']} surrogates per direction ({phases}; directed cycles always three), more of them "
        f"where a decision is open; seed {setting['seed']}. Regimes: levels that last, abrupt or gradual, against "
        "linear dynamics of any memory behind an item with one hump, and of short memory behind the item as it is; "
        "measurement error, skewed shocks and a variance that changes are no regimes. Irregular timing: against dwell "
        "times that vary by at most 40 % of their mean. Intermittent: both rejected, by the larger p-value, adjusted "
        f"over directions (Benjamini and Hochberg).{_masked(result)}"
    )


def _masked(result: CycleResult) -> str:
    counts = [one.n_masked for one in result.outcomes]
    if not any(counts):
        return ""
    return (
        f" {sum(counts)} answered occasions of {sum(count > 0 for count in counts)} directions lie in stretches of the "
        "same answers to every item, longer than the person's habits explain, and are left out (panel.careless)."
    )


def _pooling(result: CycleResult) -> str:
    if result.setting.get("phases_from") != "other dyads":
        return ""
    tests = [test for one in result.outcomes for test in one.tests if test.n_ways > 1]
    # Results saved before the two ways had shares of their own: every p-value was doubled.
    halved = bool(tests) and all(test.weight == 1 for test in tests)
    shares = (0.5, 0.5) if halved else shares_of_level(int(result.setting["n_surrogates"]), result.alpha)
    return (
        "Regimes and irregular timing are tested with phases whose shape and transitions were learned from the other "
        "dyads, in folds, never from the dyad that is tested. Noise and surrogates are the dyad's own; its memory and "
        "the size of its effect are drawn towards those of the others. A direction whose phases are not shown clearly "
        "enough in this way is also tested by itself, and the clearer of the two tests counts. To keep the level over "
        f"both, p-values are divided by {shares[0]:g} with phases of others and by {shares[1]:g} by itself. "
    )


def _sample_lines(result: CycleResult) -> list[str]:
    lines = []
    for row in result.sample().to_dict("records"):
        if math.isnan(row["estimate"]):
            lines.append(f"{_sample_name(row['term'])}: no estimate ({row['note']}).")
            continue
        text = f"{_sample_name(row['term'])}: {_number(row)}, from {row['n']} "
        text += "directions" if row["term"] == "prevalence" else "dyads"
        if not math.isnan(row["p_value"]):
            text += f", p {equals_p(row['p_value'])}, SD between dyads {row['spread']:.2f}"
        lines.append(text + (f"; {row['note']}." if row["note"] else "."))
    return lines


def _apart_lines(result: CycleResult) -> list[str]:
    """Volatility and splitting, on which no verdict rests."""
    table = result.tidy()
    volatile = table[(table["claim"] == "volatility") & table["p_value"].notna()]
    lines = []
    if len(volatile):
        changing = volatile[volatile["p_value"] <= result.alpha]
        text = (
            f"Volatility, a claim of its own: the size of swings changes in episodes in {len(changing)} of "
            f"{counted(len(volatile), 'tested direction')} (raw p at most {result.alpha:g})"
        )
        if len(changing):
            text += f"; turbulent over calm SD {_span(changing['estimate'])}"
        lines.append(text + ". It is no sign of cycles and none against them: where phases differ in both, both hold.")
    split = table[(table["claim"] == "splitting") & table["estimate"].notna()]
    if len(split):
        lines.append(
            f"Splitting: in {counted(len(split), 'direction')} with phases the share of answers in the middle half "
            f"between their levels is {_span(split['estimate'])} (intervals: tidy())."
        )
    return lines


def _span(values: pd.Series[float]) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.2f}" if len(values) == 1 else f"{low:.2f} to {high:.2f}"


def _sample_name(term: str) -> str:
    if term == "prevalence":
        return (
            "Share of directions with intermittent warmth (from raw p-values and the power of the tests; no count of "
            "verdicts)"
        )
    return "Response after unpredictable warmth (SD per SD)"


def _number(row: dict[Any, Any]) -> str:
    return f"{row['estimate']:.2f}, 95 % interval {row['conf_low']:.2f} to {row['conf_high']:.2f}"


def _verdict_table(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Verdicts, supported ones first, with the beginning of each reason."""
    rank = {name: place for place, name in enumerate(_ORDER)}
    chosen = verdicts.assign(rank=verdicts["verdict"].map(rank)).sort_values("rank", kind="stable")
    shown = format_table(chosen.drop(columns=["rank", "n_masked", "n_surrogates"]), digits=2)
    return shown.assign(reason=[_clipped(reason) for reason in shown.pop("reason")])


def _clipped(reason: str) -> str:
    """The beginning of a reason: as many of its clauses as there is room for, else as many of its words."""
    if len(reason) <= _REASON:
        return reason
    clauses, cut, _ = reason[: _REASON - 3].rpartition("; ")
    return f"{clauses}; ..." if cut else textwrap.shorten(reason, _REASON, placeholder=" ...")
