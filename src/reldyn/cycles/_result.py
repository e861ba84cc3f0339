"""`CycleResult`: the tests, verdicts, phases and sample estimates of one detection."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn.cycles._sample_level import SampleEstimate, pool_directions, prevalence
from reldyn.cycles._text import headline, methods, sections
from reldyn.cycles.calibration._power import stored_cells
from reldyn.cycles.consequences._triggers import TriggerEffect
from reldyn.cycles.ladder._claim_tests import shares_of_level
from reldyn.cycles.ladder._claims import ClaimTest, intermittent_p, weight_of
from reldyn.cycles.ladder._outcome import Outcome, claim_of, evidence_of, n_cycles, n_surrogates
from reldyn.cycles.ladder._rounds import needed_surrogates
from reldyn.cycles.ladder._verdict import MIN_CYCLES, NOT_COVERED, adjust, decide
from reldyn.cycles.series._directions import CycleColumns
from reldyn.errors import DataError, DesignError
from reldyn.panel import label_codes
from reldyn.results import InState, InTables, Result, register

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.cycles.calibration._calibrate import CalibrationResult
    from reldyn.results import Section

__all__ = ["CycleResult"]

register(CycleColumns)
# How the note begins that a calibration makes untrue.
WITHOUT_POWER = "no stored calibration covers"
CLAIMS = (
    *("regimes", "periodic", "irregular", "intermittent", "directed", "reinforcement"),
    *("volatility", "splitting"),
)
PHASES = {2: ("cold", "warm"), 3: ("cold", "middle", "warm")}


class CycleResult(Result):
    """What `reldyn.detect_cycles` found, per dyad and giver and for the sample.

    Attributes
    ----------
    columns : CycleColumns
        Which columns were read.
    setting : mapping
        ``phases``, ``alpha``, ``n_surrogates``, ``seed`` (what brings back the same result), ``version``, ``roles``.
    outcomes : tuple of Outcome
        One per dyad and giver, in the order of the panel.
    occasions : pandas.DataFrame
        ``occasion`` (code of the scheduled beep) with ``day`` and ``beep`` or ``time`` as the panel calls them.
    schedule_table : pandas.DataFrame
        What `reldyn.cycles.schedule` says about the same columns.
    notes : tuple of str
        What a careful reader must know.
    without : CycleResult or None
        The same detection without covariates, where there are any: its verdicts stand beside the others.
    """

    columns = InState[CycleColumns]()
    setting = InState[Mapping[str, Any]]()
    outcomes = InState[tuple[Outcome, ...]]()
    occasions = InState["pd.DataFrame"]()
    schedule_table = InTables()
    without = InState["CycleResult | None"](None)

    figure: ClassVar[str | None] = "cycles"
    rows_shown: ClassVar[int | None] = 20
    row_fields: ClassVar[tuple[str, ...]] = ("occasions",)

    @property
    def alpha(self) -> float:
        """Level of the verdicts."""
        return float(self.setting["alpha"])

    @cached_property
    def _raw(self) -> NDArray[np.float64]:
        # An undecidable direction is no hypothesis of its own: it does not count in the adjustment.
        decidable = [not evidence_of(one, math.nan, self.alpha, MIN_CYCLES).reasons for one in self.outcomes]
        values = [intermittent_p(one.tests) for one in self.outcomes]
        return np.where(decidable, values, math.nan)

    @cached_property
    def _adjusted(self) -> NDArray[np.float64]:
        return adjust(self._raw)

    @property
    def _shares_phases(self) -> bool:
        return bool(self.setting.get("phases_from", "own") == "other dyads")

    @property
    def _unknown_power(self) -> str:
        """Why no stored calibration speaks about these tests, and how to get it."""
        if self.setting["phases"] != "auto":
            return f"stored calibrations are of phases='auto', not of {self.setting['phases']} phases"
        if self.columns.covariates:
            return "stored calibrations are of tests without covariates"
        fewest = min((cell["n_surrogates"] for cell in stored_cells()), default=0)
        if self.setting["n_surrogates"] < fewest:
            return f"stored calibrations are of tests with {fewest} surrogates or more"
        return NOT_COVERED

    @property
    def _n_dyads(self) -> int:
        return len({one.dyad for one in self.outcomes})

    def tidy(self) -> pd.DataFrame:
        """One row per dyad, giver and claim.

        Returns
        -------
        pandas.DataFrame
            ``term``, ``dyad``, ``giver``, ``claim``, ``estimate``, ``conf_low``, ``conf_high``, ``statistic``,
            ``p_value``, ``p_adjusted`` (of ``intermittent``, over all dyads and givers that are decidable),
            ``n_surrogates``, ``note``. Where phases of other dyads are used, p-values of ``regimes``, ``irregular`` and
            ``intermittent`` are divided by their share of the level, which ``note`` names. The estimate of ``regimes``
            is the smallest distance between phases in SD of the noise; of ``periodic`` the period in beeps; of
            ``irregular`` and ``intermittent`` the coefficient of variation of sojourns; of ``directed`` net circulation
            from -1 to 1; of ``reinforcement`` SD of the response per SD of unpredictability; of ``volatility`` the SD
            of shocks in turbulent over that in calm episodes; of ``splitting``, which is no test and needs *regimes*,
            the share of answers in the middle half between the levels of two phases.
        """
        import pandas as pd

        rows = [
            _claim_row(one, claim, adjusted)
            for one, adjusted in zip(self.outcomes, self._adjusted, strict=True)
            for claim in CLAIMS
        ]
        return pd.DataFrame(rows)

    def verdicts(self, adjusted: bool = True) -> pd.DataFrame:
        """One of four verdicts about each direction.

        Parameters
        ----------
        adjusted : bool, default True
            Judge *intermittent* by p-values adjusted over all directions, because with many dyads some tests
            reject by chance. False: raw p-values, for a direction that was chosen before the data were seen.

        Returns
        -------
        pandas.DataFrame
            ``dyad``, ``giver``, ``verdict`` (``"supported"``, ``"rhythm"``, ``"not supported"``, ``"not
            decidable"``), ``reason``, ``n_occasions``, ``n_cycles`` (expected returns to the warmest of the phases that
            were tested, its own or those of other dyads), ``floor_share``, ``n_masked`` (occasions left
            out as careless stretches), ``n_surrogates`` (behind the p-value; 0 where none was needed). With covariates
            also ``without_covariates``: the verdict where none enters.
        """
        import pandas as pd

        # The two directions of a single dyad are two questions, not a sample to pick from.
        judged = self._adjusted if adjusted and self._n_dyads > 1 else self._raw
        rows = []
        effect = float(self.setting.get("effect", 1.5))
        for index, (one, p_value) in enumerate(zip(self.outcomes, judged, strict=True)):
            needed = self._needed(index, adjusted=judged is self._adjusted)
            evidence = evidence_of(one, float(p_value), self.alpha, MIN_CYCLES, self._unknown_power, effect, needed)
            verdict, reason = decide(evidence)
            rows.append(
                {
                    "dyad": one.dyad,
                    "giver": one.giver,
                    "verdict": verdict,
                    "reason": reason,
                    "n_occasions": one.n_occasions,
                    "n_cycles": n_cycles(one),
                    "floor_share": one.floor_share,
                    "n_masked": one.n_masked,
                    "n_surrogates": n_surrogates(one),
                }
            )
        table = pd.DataFrame(rows)
        if self.without is not None:
            table.insert(4, "without_covariates", self.without.verdicts(adjusted)["verdict"])
        return table

    def _needed(self, index: int, *, adjusted: bool) -> int | None:
        """Surrogates that could change an adjusted decision made at the smallest p-value those drawn can give."""
        one = self.outcomes[index]
        drawn, weight = n_surrogates(one), weight_of(one.tests)
        # P-values of two ways of testing are rounded to twelve digits.
        if not adjusted or not drawn or not float(self._raw[index]) * weight * (drawn + 1) < 1 + 1e-6:
            return None
        needed = needed_surrogates(self._raw, index, self.alpha, weight)
        if weight == 1:
            return needed
        regimes = claim_of(one, "regimes")
        alone = regimes is not None and regimes.detail.get("pooling") != "shared"
        then = shares_of_level(needed, self.alpha)[int(alone)]
        # With more surrogates the level may be split otherwise, and the smaller share takes more of them.
        return needed if then >= weight else needed_surrogates(self._raw, index, self.alpha, then)

    def phases(self) -> pd.DataFrame:
        """Posterior probability of each phase at every scheduled occasion.

        Returns
        -------
        pandas.DataFrame
            ``dyad``, ``giver``, the occasion columns of the panel, ``cold``, ``middle`` (NaN with two phases),
            ``warm`` and the most probable ``phase``. Directions without a fit have no rows. The phases are those
            of a fitted model; whether the model is needed at all is what the claim ``regimes`` says.
        """
        import pandas as pd

        parts = [_phase_rows(one, self.occasions) for one in self.outcomes if one.fit is not None]
        if not parts:
            names = ["dyad", "giver", *self.occasions.columns.drop("occasion"), "cold", "middle", "warm", "phase"]
            return pd.DataFrame(columns=names)
        return pd.concat(parts, ignore_index=True)

    def sample(self) -> pd.DataFrame:
        """What the whole sample says: prevalence, and the common coefficient of reinforcement.

        Returns
        -------
        pandas.DataFrame
            ``term`` (``prevalence``, ``reinforcement``), ``estimate``, ``std_error``, ``conf_low``, ``conf_high``,
            ``p_value``, ``spread`` (SD between dyads), ``n``, ``note``.
        """
        import pandas as pd

        rows = [("prevalence", self._prevalence())]
        if self.columns.response is not None:
            rows.append(("reinforcement", self._reinforcement()))
        return pd.DataFrame(
            [
                {
                    "term": term,
                    "estimate": found.estimate,
                    "std_error": found.std_error,
                    "conf_low": found.conf_low,
                    "conf_high": found.conf_high,
                    "p_value": found.p_value,
                    "spread": found.spread,
                    "n": found.n,
                    "note": found.note,
                }
                for term, found in rows
            ]
        )

    def _prevalence(self) -> SampleEstimate:
        power = [math.nan if one.power is None else one.power for one in self.outcomes]
        wrong = [one.false_positives for one in self.outcomes if one.false_positives is not None]
        dyads = [one.dyad for one in self.outcomes]
        alone = np.array([one.p_alone for one in self.outcomes])
        if not np.isfinite(alone).any():
            level = float(np.mean(wrong)) if wrong else None
            return prevalence(self._raw, dyads, alpha=self.alpha, power=power, false_positives=level)
        # Power is that of a direction by itself: what either way of testing shows is shown at least as often.
        lower = prevalence(self._raw, dyads, alpha=self.alpha)
        upper = prevalence(np.fmin(self._raw, alone), dyads, alpha=self.alpha, power=power)
        note = f"the estimate is a lower one; upper limit: {upper.note}"
        return replace(lower, conf_high=max(upper.conf_high, lower.estimate), note=note)

    def _reinforcement(self) -> SampleEstimate:
        found = [one.reinforcement for one in self.outcomes]
        return pool_directions(
            [math.nan if one is None else one.estimate for one in found],
            [math.nan if one is None else one.std_error for one in found],
            [one.dyad for one in self.outcomes],
        )

    def triggers(self) -> pd.DataFrame:
        """Whether warm phases end more often right after each of the ``triggers``.

        Returns
        -------
        pandas.DataFrame
            One row per dyad, giver and trigger, where regimes are supported by their own raw p-value:
            ``dyad``, ``giver``, ``trigger``, ``estimate`` (log odds ratio of leaving the warm phase by the next
            occasion), ``conf_low``, ``conf_high``, ``p_value`` (against occurrences that depend on themselves,
            the time of day and the present phase only), ``n_warm``, ``n_surrogates``, ``note``.
        """
        import dataclasses

        import pandas as pd

        names = [field.name for field in dataclasses.fields(TriggerEffect)]
        rows = [
            {"dyad": one.dyad, "giver": one.giver, **{name: getattr(effect, name) for name in names}}
            for one in self.outcomes
            for effect in one.triggers
        ]
        return pd.DataFrame(rows, columns=["dyad", "giver", *names])

    def schedule(self) -> pd.DataFrame:
        """The schedule of warmth, described: see `reldyn.cycles.schedule`."""
        return self.schedule_table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: how many directions, which verdicts, which settings."""
        import pandas as pd

        counts = self.verdicts()["verdict"].value_counts()
        row = {
            "n_dyads": self._n_dyads,
            "n_directions": len(self.outcomes),
            "n_obs": sum(one.n_occasions for one in self.outcomes),
            "n_tested": sum(bool(one.tests) for one in self.outcomes),
            **{
                "n_" + verdict.replace(" ", "_"): int(counts.get(verdict, 0))
                for verdict in ("supported", "rhythm", "not supported", "not decidable")
            },
            "phases": str(self.setting["phases"]),
            "phases_from": str(self.setting.get("phases_from", "own")),
            "alpha": self.alpha,
            "n_surrogates": int(self.setting["n_surrogates"]),
            "converged": not any(one.fit is not None and one.fit.warnings for one in self.outcomes),
        }
        return pd.DataFrame([row])

    def _headline(self) -> str:
        return headline(self)

    def _methods(self) -> str:
        return methods(self)

    def _sections(self) -> Iterable[Section]:
        return sections(self)

    def with_calibration(self, calibration: CalibrationResult) -> CycleResult:
        """Judge tests without result by the power that a calibration found for this design.

        Parameters
        ----------
        calibration : CalibrationResult
            Of the same panel and columns, from `reldyn.cycles.calibrate`. Where phases come from other dyads: with
            the same ``pooling``, or without, which is the power of each direction tested by itself. Its power is
            that of the mean direction, so it says less about one with far fewer answers than the others.

        Returns
        -------
        CycleResult

        Raises
        ------
        DesignError
            CycleColumns, level, number of phases or the way of testing differ.
        """
        same = replace(calibration.columns, triggers=()) == replace(self.columns, triggers=())
        if not same or float(calibration.setting["alpha"]) != self.alpha:
            raise DesignError("the calibration is of other columns or of another level than this detection.")
        self._check_tests_of(calibration)
        known: dict[str, Any] = {"power": calibration.power_low, "false_positives": calibration.false_positives}
        if calibration.setting.get("pooling", "none") != "none":
            # The power of shared phases needs no second test beside them.
            known["p_alone"] = float("nan")
        outcomes = tuple(replace(one, **known) if one.tests else one for one in self.outcomes)
        setting = calibration.setting
        told = (
            f"power is that of a calibration with planted cycles of effect {setting['effect']:g}, "
            f"{setting['n_replications']} replications per world"
        )
        stale = [note for note in self.warnings if not note.startswith(WITHOUT_POWER)]
        return self.with_parts(
            outcomes=outcomes,
            notes=(*stale, told),
            setting={**self.setting, "effect": float(setting["effect"])},
        )

    def _check_tests_of(self, calibration: CalibrationResult) -> None:
        """Refuse the power of other tests than those of this detection."""
        of = calibration.setting.get("phases", "auto")
        if of != self.setting["phases"]:
            raise DesignError(
                f"the calibration has phases={of!r}, this detection phases={self.setting['phases']!r}: it does not "
                "give the power of this detection."
            )
        calibrated, mine = calibration.setting.get("pooling", "none"), self.setting.get("pooling", "none")
        if self._shares_phases and calibrated not in ("none", mine):
            raise DesignError(
                f"this detection learned its phases from other dyads (pooling={mine!r}), the calibration has "
                f"pooling={calibrated!r}: run rd.cycles.calibrate with pooling={mine!r}, or 'none'."
            )
        if not self._shares_phases and calibrated != "none":
            raise DesignError(
                f"this detection tested every dyad by itself, the calibration has pooling={calibrated!r}: "
                "run rd.cycles.calibrate with pooling='none'."
            )

    def outcome(self, dyad: Hashable, giver: Hashable) -> Outcome:
        """Everything kept of one direction.

        Raises
        ------
        DataError
            There is no such direction.
        """
        for one in self.outcomes:
            if one.dyad == dyad and one.giver == giver:
                return one
        label_codes([dyad], list(dict.fromkeys(one.dyad for one in self.outcomes)), "dyad", "the result")
        givers = [one.giver for one in self.outcomes if one.dyad == dyad]
        raise DataError(f"no giver {giver!r} in dyad {dyad!r}; its givers: {', '.join(map(repr, givers))}.")


def _claim_row(one: Outcome, claim: str, adjusted: float) -> dict[str, Any]:
    nan = math.nan
    row: dict[str, Any] = {
        "term": f"{claim}: dyad {one.dyad}, from {one.giver}",
        "dyad": one.dyad,
        "giver": one.giver,
        "claim": claim,
        "estimate": nan,
        "conf_low": nan,
        "conf_high": nan,
        "statistic": nan,
        "p_value": nan,
        "p_adjusted": nan,
        "n_surrogates": 0,
        "note": "; ".join(one.reasons),
    }
    if claim == "reinforcement":
        return row | _reinforcement_cells(one)
    found = claim_of(one, "irregular" if claim == "intermittent" else claim)
    if found is None and claim == "intermittent" and one.tests:
        p_value = intermittent_p(one.tests)
        return row | {"p_value": p_value, "p_adjusted": float(adjusted), "note": "no regimes: not tested further"}
    if found is None:
        return row if one.reasons else row | {"note": _why_untested(claim)}
    row |= {name: getattr(found, name) for name in ("estimate", "conf_low", "conf_high", "statistic", "p_value")}
    row["n_surrogates"], row["note"] = found.n_surrogates, found.null + _way(found)
    if found.detail.get("screened"):
        last = "sizes of swings" if claim == "volatility" else "levels"
        row["note"] = f"{last} that last explain no more than other descriptions: not tested further"
    if claim == "intermittent":
        both = [claim_of(one, name) for name in ("regimes", "irregular")]
        row |= {"p_value": intermittent_p(one.tests), "p_adjusted": float(adjusted), "statistic": nan}
        row |= {
            "n_surrogates": min(test.n_surrogates for test in both if test is not None),
            "note": "the larger p-value of regimes and irregular" + _way(found),
        }
    return row


def _way(test: ClaimTest) -> str:
    """Say which of two ways of testing is reported, and at which share of the level; nothing where there is one."""
    if test.n_ways == 1:
        return ""
    way = "with phases of other dyads" if test.detail.get("pooling") == "shared" else "by itself"
    return f"; tested {way}, p divided by {weight_of([test]):g}"


def _why_untested(claim: str) -> str:
    if claim == "splitting":
        return "no regimes: no levels to lie between"
    return "the test broke down" if claim == "volatility" else "no regimes: not tested"


def _reinforcement_cells(one: Outcome) -> dict[str, Any]:
    found = one.reinforcement
    if found is None:
        return {"note": "; ".join(one.reasons) or "no response was named"}
    cells: dict[str, Any] = {
        name: getattr(found, name)
        for name in ("estimate", "conf_low", "conf_high", "statistic", "p_value", "n_surrogates")
    }
    nulls = "linear world" if math.isnan(found.p_phases) else "linear world, and phases without learning"
    return cells | {"note": found.note or nulls}


def _phase_rows(one: Outcome, occasions: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    if one.fit is None:
        raise DataError(f"dyad {one.dyad!r} has no fitted phases.")
    names = PHASES[one.fit.n_states]
    place = np.searchsorted(occasions["occasion"].to_numpy(), one.occasion)
    when = occasions.drop(columns="occasion").iloc[place].reset_index(drop=True)
    table = pd.DataFrame({"dyad": one.dyad, "giver": one.giver, **{name: when[name] for name in when}})
    for name in ("cold", "middle", "warm"):
        table[name] = one.fit.posterior[:, names.index(name)] if name in names else np.nan
    table["phase"] = np.array(names)[one.fit.posterior.argmax(axis=1)]
    return table
