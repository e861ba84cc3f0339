"""What became of every row when stamps were matched to prompts: the tables, the words, and the panel's findings.

The frame carries the counts on as an attribute of plain numbers and texts, so that a panel made of it later still says
how many rows were dropped on the way.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reldyn._format import counted
from reldyn.panel.aligning._align_clock import Prompts
from reldyn.panel.checks._finding_codes import Finding
from reldyn.panel.timing._times import SECONDS_PER_DAY

if TYPE_CHECKING:
    import numpy.typing as npt

    from reldyn.panel._identity import Identity

    FloatArray = npt.NDArray[np.float64]
    BoolArray = npt.NDArray[np.bool_]
    IntArray = npt.NDArray[np.intp]

__all__ = ["FATES", "Matching", "alignment_findings", "alignment_note", "prompt_table", "report_table"]

# What can become of a row, in the order of the checks.
FATES = ("matched", "no_stamp", "no_prompt", "duplicate", "late")
_ATTRIBUTE = "alignment"


@dataclass(frozen=True, eq=False)
class Matching:
    """The outcome for every row of the file.

    Attributes
    ----------
    fate : (n,) int array
        Position in `FATES`.
    paired : (n,) bool array
        The row is matched, and so is a row of the partner at the same prompt.
    code : (n,) int array
        Number of the prompt from 0, -1 where none.
    lag : (n,) float array
        Minutes from the prompt (from the opening of its window) to the stamp; NaN without a prompt.
    identity : Identity
    prompts : Prompts
    tolerance : float
        Seconds.
    """

    fate: IntArray
    paired: BoolArray
    code: IntArray
    lag: FloatArray
    identity: Identity
    prompts: Prompts
    tolerance: float

    @property
    def matched(self) -> BoolArray:
        """Rows that stay."""
        return np.asarray(self.fate == 0)

    def count(self, fate: str) -> int:
        """How many rows met this fate."""
        return int(np.sum(self.fate == FATES.index(fate)))


def report_table(matching: Matching) -> pd.DataFrame:
    """One row per person, then one for all of them."""
    who = matching.identity
    n = who.n_persons
    dyads = who.person_dyads()
    person = who.person_codes
    counts = np.bincount(person * len(FATES) + matching.fate, minlength=n * len(FATES)).reshape(n, len(FATES))
    paired = np.bincount(person[matching.paired], minlength=n)
    lag = pd.Series(np.where(matching.matched, matching.lag, np.nan)).groupby(person).median()
    gone = np.flatnonzero(~matching.matched)
    gone = gone[np.argsort(person[gone], kind="stable")]
    ends = np.cumsum(np.bincount(person[gone], minlength=n))
    order = np.lexsort((np.arange(n), dyads))
    by_person = pd.DataFrame(
        {
            "level": "person",
            "dyad": pd.Series(who.dyad_labels[dyads], dtype=object),
            "person": pd.Series(who.person_labels, dtype=object),
            "n_rows": counts.sum(axis=1),
            "matched": counts[:, 0],
            "paired": paired,
            "dropped": counts[:, 1:].sum(axis=1),
            **{fate: counts[:, place] for place, fate in enumerate(FATES) if place},
            "median_lag": lag.reindex(range(n)).to_numpy(),
            "dropped_rows": [tuple(part.tolist()) for part in np.split(gone, ends[:-1])],
        }
    ).iloc[order]
    total: dict[Any, Any] = {name: by_person[name].sum() for name in by_person.columns[3:-2]}
    total |= {"level": "total", "dyad": None, "person": None, "dropped_rows": tuple(np.sort(gone).tolist())}
    total["median_lag"] = float(np.median(matching.lag[matching.matched])) if matching.matched.any() else np.nan
    last = pd.DataFrame([total], columns=by_person.columns).astype({"dyad": object, "person": object})
    return pd.concat([by_person, last], ignore_index=True)


def prompt_table(matching: Matching) -> pd.DataFrame:
    """One row per prompt of a day: its clock times and how many rows were matched to it."""
    prompts = matching.prompts
    here = matching.code[matching.matched]
    lag = pd.Series(matching.lag[matching.matched]).groupby(here).median()
    return pd.DataFrame(
        {
            "beep": np.arange(1, prompts.n + 1),
            "prompt": prompts.clock(prompts.at),
            "earliest": prompts.clock(np.maximum(prompts.low, 0.0)),
            "latest": prompts.clock(np.minimum(prompts.high, SECONDS_PER_DAY)),
            "matched": np.bincount(here, minlength=prompts.n),
            "paired": np.bincount(matching.code[matching.paired], minlength=prompts.n),
            "median_lag": lag.reindex(range(prompts.n)).to_numpy(),
        }
    )


def alignment_note(matching: Matching, stamp: str) -> dict[Hashable, Any]:
    """The counts that a frame carries on, as plain numbers and texts."""
    counts = {fate: matching.count(fate) for fate in FATES}
    about = {"stamp": stamp, "n_prompts": matching.prompts.n, "paired": int(matching.paired.sum())}
    return {_ATTRIBUTE: {**about, "n_rows": len(matching.fate), **counts}}


def alignment_findings(frame: pd.DataFrame) -> Iterator[Finding]:
    """Findings about how the rows of a frame were matched to prompts; none where its attributes do not say."""
    note = _sound(frame.attrs.get(_ATTRIBUTE))
    if note is None:
        return
    stamp = str(note["stamp"])
    a_day = "1 prompt a day" if note["n_prompts"] == 1 else f"{counted(note['n_prompts'], 'prompt')} a day"
    message = f"{note['matched']:,} of {counted(note['n_rows'], 'row')} were matched to {a_day} by {stamp!r}"
    yield Finding("aligned", stamp, message, n=note["matched"])
    for code, fates, why in (
        (
            "unmatched-stamps",
            ("no_stamp", "no_prompt"),
            "dropped before: no stamp, or a stamp near no prompt",
        ),
        ("repeated-answers", ("duplicate",), "dropped before: the same person has another row at that prompt"),
        ("partners-apart", ("late",), "dropped before: stamps too long after the partner's of that prompt"),
    ):
        n = sum(note[fate] for fate in fates)
        if n:
            rows = "1 row of the file was" if n == 1 else f"{counted(n, 'row')} of the file were"
            yield Finding(code, stamp, f"{rows} {why}", n=n)


def _sound(note: Any) -> dict[str, Any] | None:
    """The counts, if they are what `alignment_note` writes; another program may use the same key."""
    names = ("n_prompts", "n_rows", "paired", *FATES)
    if not isinstance(note, Mapping) or not isinstance(note.get("stamp"), str):
        return None
    counts = {name: note.get(name) for name in names}
    if not all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts.values()):
        return None
    return {"stamp": note["stamp"], **counts}
