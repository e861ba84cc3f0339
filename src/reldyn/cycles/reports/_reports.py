"""Warmth as its receiver and as its giver report it: both tested, and laid side by side.

Phases of one report may be the mood of the one who reports. What both reports show does not hang on one reporter
alone; where they differ, nothing here says whose report is right.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn._types import Array, Column, Ints
from reldyn.cycles._detect import detect_cycles
from reldyn.cycles._result import PHASES, CycleResult
from reldyn.cycles.ladder._outcome import Outcome
from reldyn.cycles.reports._phase_agreement import agree, calendar
from reldyn.cycles.series._screen import check_names
from reldyn.errors import DesignError
from reldyn.panel import DyadSeries, analysis
from reldyn.results import InState, InTables, MaybeInTables, Result, format_p, format_table
from reldyn.stats import known_seed

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel
    from reldyn.results import Section


__all__ = ["ReportComparison", "compare_reports"]

_PHASE_COLUMNS = (
    *("term", "dyad", "giver", "phase", "n_both", "share_received", "share_given", "agreement", "kappa"),
    *("null_low", "null_high", "p_value", "n_shifts", "note"),
)
# Fewer common occasions say nothing about agreement.
_FEWEST = 10


class ReportComparison(Result):
    """Two detections of the same warmth, and how far they agree.

    Attributes
    ----------
    received, given : CycleResult
        By the receivers' and by the givers' reports.
    table : pandas.DataFrame
        What `tidy` returns.
    notes : tuple of str
    phase_table : pandas.DataFrame or None
        What `phases` returns.
    """

    received = InState[CycleResult]()
    given = InState[CycleResult]()
    table = InTables()
    phase_table = MaybeInTables()

    def tidy(self) -> pd.DataFrame:
        """One row per dyad and giver; the columns are those of `reldyn.cycles.compare_reports`."""
        return self.table.copy()

    def phases(self) -> pd.DataFrame:
        """Whether both reports put the same occasions into the same phase, phase by phase.

        Each report's most probable phases are compared at occasions with answers to both. Phases last, so that
        unrelated ones agree often: chance is what is left when the phases of one report are moved by whole days, once
        round the calendar. That keeps their length, their order and the time of day. A strict rhythm agrees with
        itself however it is moved by its period, and is no sign of agreement here.

        Returns
        -------
        pandas.DataFrame
            One row per dyad, giver and phase, and one for ``"all"`` phases: ``term``, ``dyad``, ``giver``, ``phase``,
            ``n_both`` (occasions), ``share_received`` and ``share_given`` (of them in the phase; NaN for all),
            ``agreement`` (share of occasions that both reports put into the phase or neither does; for all, into the
            same), ``kappa`` (the same beyond the shares, 1 for perfect agreement), ``null_low`` and ``null_high``
            (hold 95 % of ``kappa`` by chance), ``p_value`` (one-sided), ``n_shifts`` (no p-value lies below
            1 / (n_shifts + 1)) and ``note``.
        """
        import pandas as pd

        return pd.DataFrame(columns=_PHASE_COLUMNS) if self.phase_table is None else self.phase_table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: how many directions, and in how many the verdicts are the same or both support."""
        import pandas as pd

        both = (self.table["verdict_received"] == "supported") & (self.table["verdict_given"] == "supported")
        counts = {
            "n_dyads": self.table["dyad"].nunique(),
            "n_directions": len(self.table),
            "same_verdict": int(self.table["same_verdict"].sum()),
            "both_supported": int(both.sum()),
        }
        return pd.DataFrame([counts | {"seed": self.received.setting["seed"]}])

    def _headline(self) -> str:
        return f"Warmth as received ({self.received.columns.warmth}) and as given ({self.given.columns.warmth})"

    def _methods(self) -> str:
        counts = self.glance().iloc[0]
        return (
            f"Both reports were tested alike. In {counts['same_verdict']} of {counts['n_directions']} directions the "
            f"verdicts are the same, in {counts['both_supported']} both are 'supported'. Where reports differ, the "
            "analysis cannot say whose is right; where they agree, both may still follow something else that both saw."
        )

    def _sections(self) -> Iterable[Section]:
        yield format_table(self.table.drop(columns="term"), digits=2)
        found = self.phases().query("phase == 'all' and p_value == p_value")
        if found.empty:
            return
        yield (
            "Phases of both reports at the same occasions, against the phases of one moved by whole days (smallest "
            f"p-value possible {format_p(1 / (found['n_shifts'].max() + 1))}; phase by phase: phases()):"
        )
        shown = found[["dyad", "giver", "n_both", "agreement", "kappa", "null_low", "null_high", "p_value"]]
        yield format_table(shown, digits=2)


@analysis
def compare_reports(
    panel: DyadPanel,
    *,
    received: Column,
    given: Column,
    response: Column | None = None,
    phases: Literal["auto", 2, 3] = "auto",
    alpha: float = 0.05,
    n_surrogates: int = 999,
    seed: Any = None,
    n_jobs: int = 1,
) -> ReportComparison:
    """Run `reldyn.detect_cycles` on both reports of the same warmth and compare what they show.

    Parameters
    ----------
    panel : DyadPanel
    received : str
        Column with the warmth each person received, rated by that person.
    given : str
        Column with the warmth each person gave, rated by that person.
    response, phases, alpha, n_surrogates, n_jobs
        As in `reldyn.detect_cycles`, the same for both. A response is the same answers beside either report, so that
        phases then agree through it: leave it out to compare what the reports alone show.
    seed : int, SeedSequence, Generator or None, default None
        Of both runs.

    Returns
    -------
    ReportComparison
        ``tidy()``: ``term``, ``dyad``, ``giver``, ``verdict_received``, ``verdict_given``, ``same_verdict``,
        ``r_phases`` (correlation over occasions of the two posterior probabilities of the warm phase; NaN where
        either has no fit), ``n_both`` (occasions with both reports), ``r_reports``, ``mean_difference`` (received
        less given, in points of the scale) and ``note``. ``phases()``: whether both reports put the same occasions
        into the same phase, phase by phase, with what chance would give.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        Both names are the same column, or an option is not allowed.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("cycle", n_dyads=1, n_occasions=80, seed=1).panel
    >>> found = rd.cycles.compare_reports(panel, received="warmth", given="response", n_surrogates=19, seed=1)
    >>> found.tidy()[["dyad", "giver", "n_both"]].to_dict("records")
    [{'dyad': 1, 'giver': 'a', 'n_both': 80}, {'dyad': 1, 'giver': 'b', 'n_both': 80}]
    """
    import pandas as pd

    if received == given:
        raise DesignError(f"received and given are both {received!r}: name the column of each report.")
    # All columns before the first detection, which may take hours.
    check_names(received=received, given=given, response=response)
    for name in (received, given, *(() if response is None else (response,))):
        panel.values(name)
    known = known_seed(seed)
    options: dict[str, Any] = {"response": response, "phases": phases, "alpha": alpha, "n_surrogates": n_surrogates}
    first = detect_cycles(panel, warmth=received, reported_by="receiver", seed=known, n_jobs=n_jobs, **options)
    second = detect_cycles(panel, warmth=given, reported_by="giver", seed=known, n_jobs=n_jobs, **options)
    keys = ["dyad", "giver"]
    verdicts = first.verdicts()[[*keys, "verdict"]].merge(
        second.verdicts()[[*keys, "verdict"]], on=keys, suffixes=("_received", "_given"), validate="one_to_one"
    )
    warm = _warm_phases(first, second)
    pairs = {pair.dyad: pair for pair in panel.series([received, given])}
    rows: list[dict[Hashable, Any]] = []
    for verdict in verdicts.to_dict("records"):
        dyad, giver = verdict["dyad"], verdict["giver"]
        r_phases, why = warm.get((dyad, giver), (np.nan, "no phases were fitted to both reports"))
        rows.append(
            {
                "term": f"{giver} in {dyad}",
                **verdict,
                "same_verdict": verdict["verdict_received"] == verdict["verdict_given"],
                "r_phases": r_phases,
                **_levels(pairs[dyad], giver),
                "note": why,
            }
        )
    notes = [*first.warnings, *second.warnings]
    if response is not None:
        notes.append(
            f"{response!r} is a channel of both fits, so that phases agree through it: leave the response out to "
            "compare what the reports alone show"
        )
    return ReportComparison.of(
        received=first,
        given=second,
        table=pd.DataFrame(rows),
        notes=tuple(dict.fromkeys(notes)),
        phase_table=pd.DataFrame(_phase_rows(first, second, panel.index.n_beeps), columns=_PHASE_COLUMNS),
    )


def _warm_phases(first: CycleResult, second: CycleResult) -> dict[tuple[Hashable, ...], tuple[float, str]]:
    """Correlation of the probability of the warm phase, per direction with a fit of both reports."""
    one, other = first.phases(), second.phases()
    keys = [name for name in one.columns if name not in ("cold", "middle", "warm", "phase")]
    both = one[[*keys, "warm"]].merge(other[[*keys, "warm"]], on=keys, suffixes=("_received", "_given"))
    found: dict[tuple[Hashable, ...], tuple[float, str]] = {}
    for label, rows in both.groupby(["dyad", "giver"], sort=False):
        a, b = rows["warm_received"].to_numpy(dtype=float), rows["warm_given"].to_numpy(dtype=float)
        r = _correlation(a, b)
        found[label] = (r, "" if np.isfinite(r) else "the warm phase of one report never varies")
    return found


def _phase_rows(first: CycleResult, second: CycleResult, n_beeps: int) -> list[dict[str, Any]]:
    """The agreement of both reports in every phase, per direction with a fit of both."""
    rows: list[dict[str, Any]] = []
    others = {(one.dyad, one.giver): one for one in second.outcomes}
    for one in first.outcomes:
        other = others[one.dyad, one.giver]
        if one.fit is None or other.fit is None:
            continue
        paths, day, slot = _paths(one, other, n_beeps)
        names = [PHASES[fit.n_states] for fit in (one.fit, other.fit)]
        alike = names[0] == names[1]
        note = "" if alike else f"{len(names[0])} phases in the received report, {len(names[1])} in the given one"
        for phase in ("all", *(name for name in PHASES[3] if all(name in own for own in names))):
            if phase == "all":
                found = [path if alike else np.full_like(path, -1) for path in paths]
                shares = [np.nan, np.nan]
            else:
                found = [
                    np.where(path < 0, path, (path == own.index(phase)).astype(np.int64))
                    for path, own in zip(paths, names, strict=True)
                ]
                answered = (found[0] >= 0) & (found[1] >= 0)
                shares = [float(path[answered].mean()) if answered.any() else np.nan for path in found]
            agreed = agree(*(calendar(day, slot, path) for path in found))
            rows.append(
                {
                    "term": f"{phase}: {one.giver} in {one.dyad}",
                    "dyad": one.dyad,
                    "giver": one.giver,
                    "phase": phase,
                    "share_received": shares[0],
                    "share_given": shares[1],
                    **dataclasses.asdict(agreed),
                    "note": note or ("" if np.isfinite(agreed.kappa) else "a report never leaves its phase"),
                }
            )
    return rows


def _paths(one: Outcome, other: Outcome, n_beeps: int) -> tuple[list[Ints], Ints, Ints]:
    """Most probable phases of both reports at common occasions, -1 where either was not answered; day and beep."""
    common, *places = np.intersect1d(one.occasion, other.occasion, return_indices=True)
    paths = []
    for outcome, place in zip((one, other), places, strict=True):
        posterior = np.zeros((len(outcome.y), 1)) if outcome.fit is None else outcome.fit.posterior
        answered = np.isfinite(outcome.y).all(axis=1)
        paths.append(np.where(answered, posterior.argmax(axis=1), -1)[place])
    return paths, common // n_beeps, common % n_beeps


def _levels(pair: DyadSeries, giver: Hashable) -> dict[Hashable, Any]:
    """How many occasions have both reports, their correlation and their mean difference."""
    member = pair.names.index(giver)
    received, given = pair.values[:, 1 - member, 0], pair.values[:, member, 1]
    answered = np.isfinite(received) & np.isfinite(given)
    difference = received[answered] - given[answered]
    return {
        "n_both": int(answered.sum()),
        "r_reports": _correlation(received[answered], given[answered]),
        "mean_difference": float(difference.mean()) if len(difference) else np.nan,
    }


def _correlation(a: Array, b: Array) -> float:
    if len(a) < _FEWEST or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
