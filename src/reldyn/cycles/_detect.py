"""Detection of intermittent warmth in every dyad and direction of a panel."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn._format import counted
from reldyn._types import Column, Columns
from reldyn.cycles._result import WITHOUT_POWER, CycleResult
from reldyn.cycles.calibration._power import power_of
from reldyn.cycles.ladder._claim_tests import (
    Pooling,
    Setting,
    check_pooling,
    extend_claim_tests,
    for_two_ways,
    run_claim_tests,
)
from reldyn.cycles.ladder._claims import ClaimTest
from reldyn.cycles.ladder._outcome import Outcome, n_cycles, reasons_of
from reldyn.cycles.ladder._rounds import limits_of, open_decisions, rounds
from reldyn.cycles.ladder._shared import FEWEST_DYADS, TOO_FEW, Shared, learn
from reldyn.cycles.ladder._shared_tests import PhasePrior
from reldyn.cycles.ladder._verdict import MIN_CYCLES
from reldyn.cycles.series._directions import CycleColumns, WarmthDirection, build_series
from reldyn.cycles.series._events import ReportedBy
from reldyn.cycles.series._schedule import schedule
from reldyn.cycles.series._series import DirectionSeries
from reldyn.errors import DataWarning, DesignError, check_option, warn_caller
from reldyn.panel import analysis
from reldyn.stats import known_seed, map_seeded

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["Pooling", "detect_cycles"]

# Below about twelve cycles a verdict about one dyad has little power (60 % at best for large effects).
_FEW_CYCLES = 12
_LARGE_FLOOR = 0.30
_FEWEST_SURROGATES = 19
# Below the seed of a detection: tasks take the keys from zero on.
_FOLDS_KEY = 2**31


@analysis
def detect_cycles(
    panel: DyadPanel,
    *,
    warmth: Column,
    response: Column | None = None,
    reported_by: ReportedBy = "receiver",
    covariates: Columns = (),
    triggers: Columns = (),
    phases: Literal["auto"] | int = "auto",
    alpha: float = 0.05,
    n_surrogates: int = 999,
    seed: Any = None,
    n_jobs: int = 1,
    pooling: Pooling = "auto",
    effect: float = 1.5,
) -> CycleResult:
    """Test every direction of warmth for phases, for irregular timing, and for what follows from them.

    A ladder of claims, each against a null of its own: *regimes* (warmth stays on levels and moves between them,
    at once or gradually, which neither a linear process nor a changing variance nor the humps of an item explain),
    *irregular* (the time spent on a level varies by more than 40 % of its mean, against any rhythm), *intermittent*
    (both), *directed* (phases follow one another in one direction), *reinforcement* (the response rises after warmth
    was unpredictable). A result describes series of answers; it is never about what a person is.

    Parameters
    ----------
    panel : DyadPanel
        Serial answers of both partners; missed occasions may be rows without answers or no rows at all.
    warmth : str
        Column with the warmth received from the partner, or given to the partner.
    response : str, optional
        Column with the receiver's response: longing, approach, closeness. Second channel of the phases, and
        outcome of the claim *reinforcement*, which needs it.
    reported_by : {"receiver", "giver"}, default "receiver"
        Whose rating of warmth it is. The one who receives, because only what arrives can reinforce.
    covariates : sequence of str, default ()
        Columns of the receiver, numbers or labels, that enter every hypothesis and every surrogate: own affect, and the
        place for schedules, travel, shifts and illness, because what nobody entered cannot be excluded. With one, the
        claims are about warmth beyond what it gives; travel can itself be a way of withdrawing, so
        ``verdicts()`` shows the verdict without covariates beside the other. A missing value takes the person's mean.
    triggers : sequence of str, default ()
        Occurrences in the receiver's rows, such as a conflict: above zero means that it happened, a missing
        value that it did not. Where there are phases, ``CycleResult.triggers()`` says whether warm ones end
        more often right after it.
    phases : "auto", 2 or 3, default "auto"
        ``"auto"``: *regimes* takes the larger statistic of two and three phases, in the data and in every
        surrogate; *irregular* tests three where they describe clearly more than two. Choosing by BIC would nearly
        always choose two. *directed* needs and uses three.
    alpha : float, default 0.05
        Level of the verdicts. Stored power figures exist for .05 only.
    n_surrogates : int, default 999
        At most so many per null; enough for p-values that survive adjustment over a hundred dyads, several of which are
        clear. Beside shared phases a direction that shows cycles only by itself takes five times as many
        (``verdicts()`` names the number). A run ends after ten surrogates that exceed the series (Besag and Clifford
        1991; of a direction by itself beside shared phases after fewer, where these put its p-value above ``alpha``),
        or once it is clear on which side of ``alpha`` its p-value lies; it goes on, in rounds, where the decision after
        adjustment over directions is still open (Gandy and Hahn 2014). Surrogates are keyed by the ranked answers of
        the direction and by what is missing: the same ``seed`` gives the same ones whatever the labels, the order, the
        unit and the other dyads.
    seed : int, SeedSequence, Generator or None, default None
        None draws one and stores it in ``setting["seed"]``.
    n_jobs : int, default 1
        Parallel workers, as in joblib. The result is the same, bit for bit, whatever the number.
    pooling : {"auto", "none", "shared"}, default "auto"
        Whether *regimes* and *irregular* borrow strength. ``"auto"``: the shape of the phases and the transitions
        between them are learned from the other dyads (in five folds of dyads, never from the dyad that is tested),
        where at least 16 dyads can be tested (with 39 surrogates or more) and shared phases predict dyads they were
        not learned from better than shared skewed shocks and each dyad's own changing variance do; else every dyad is
        tested by itself. A dyad's memory and the size of its effect are drawn towards those of the others. Cycles of
        another kind are seen only where a direction is tested by itself. That is done as well, unless the phases of
        others already show both claims as clearly as it could, and the clearer of the two tests counts. Four fifths
        of the level go to the phases of others and one fifth to the direction by itself: p-values are divided by that
        share. With too few surrogates to reach a fifth of the level (fewer than 99 at .05) each gets half of it.
        ``"shared"`` shares even if the others' phases predict no better, for a sensitivity analysis. p-values come
        from the dyad's own surrogates in any case; a result says which was used. *not supported* rests on the test of
        the direction by itself, whose power is stored. ``"none"``: every verdict depends on its own dyad alone.
    effect : float, default 1.5
        Size of abrupt two-phase cycles, each level so many SD of the noise from their middle, that *not supported*
        speaks of: it takes a stored power of .80 or more for them (lower 95 % limit) at this length, missing share,
        number of channels and points. 1.5 is a large effect. Weaker or gradual cycles are never excluded.

    Returns
    -------
    CycleResult
        ``tidy()``, ``verdicts()``, ``phases()``, ``sample()``, ``schedule()``, ``summary()``, ``plot()``.
        A direction that cannot carry a test (fewer than 60 occasions, room for fewer than 4 cycles, more than
        60 % of answers on one category, a silent partner, answers that never vary or that the time of day, the
        trend, the covariates or the other channel give but for a ten-thousandth of their variance, fewer than 3
        occasions for each of these columns, more than a fifth of answered occasions in careless stretches) is
        *not decidable*, with the reason; it is never an error. So is one whose
        statistic, or that of most of its surrogates, is no finite number. A single surrogate without a finite
        statistic counts as exceeding, against the claim; ``warnings`` and ``summary()`` say how many there are.

    Raises
    ------
    DataError
        A column does not exist, or holds text, dates or complex numbers.
    DesignError
        No panel was given, or an option is not allowed.

    Warns
    -----
    DataWarning
        Some directions could not be tested.

    Notes
    -----
    Stretches of the same answers to every item that is rated at a prompt, longer than the person's habits explain
    (`DyadPanel.careless`), are left out before anything is tested, in data and surrogates; ``verdicts()`` counts them.

    References
    ----------
    Berger (1982), Technometrics 24, 295-300 (both claims by the larger p-value). Kasahara and Shimotsu (2018),
    arXiv 1801.06862 (bootstrap of the number of regimes). Haslbeck, Ryan and Dablander (2023), Emotion 23, 2117-2141
    (items with several humps).

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("cycle", n_dyads=1, n_occasions=80, seed=1).panel
    >>> found = rd.detect_cycles(panel, warmth="warmth", response="response", n_surrogates=19, seed=1)
    >>> found.verdicts()[["dyad", "giver"]].to_dict("records")
    [{'dyad': 1, 'giver': 'a'}, {'dyad': 1, 'giver': 'b'}]
    """
    columns = CycleColumns(
        warmth, response, reported_by, _names(covariates, "covariates"), _names(triggers, "triggers")
    )
    _check(columns, phases, alpha, n_surrogates, effect)
    check_pooling(pooling, n_surrogates, alpha)
    known = known_seed(seed)
    setting = Setting(phases=phases, n_surrogates=int(n_surrogates), alpha=float(alpha), triggers=columns.triggers)
    found = _detected(panel, columns, setting, known, n_jobs, pooling, float(effect))
    if columns.covariates:
        bare = dataclasses.replace(columns, covariates=(), triggers=())
        plain = dataclasses.replace(setting, triggers=())
        without = _detected(panel, bare, plain, known, n_jobs, pooling, float(effect))
        found = found.with_parts(without=without)
    n_untested = sum(bool(one.reasons) for one in found.outcomes)
    if n_untested:
        message = f"{n_untested} of {len(found.outcomes)} directions cannot carry a test; verdicts() says why."
        warn_caller(message, DataWarning)
    return found


def _detected(
    panel: DyadPanel, columns: CycleColumns, setting: Setting, known: int, n_jobs: int, pooling: Pooling, effect: float
) -> CycleResult:
    """Test every direction with these columns."""
    directions = build_series(panel, columns, leave_out_careless=True)
    shared = _shared(directions, setting, known, pooling)
    tasks = [_Task(one, setting, prior, known, effect) for one, prior in zip(directions, shared.priors, strict=True)]
    first = map_seeded(_outcome, tasks, known, n_jobs, label="directions")
    outcomes = _more_surrogates(tasks, first, setting, known, n_jobs)
    notes = (*_pooling_notes(shared, pooling), *_warnings(columns, directions, outcomes))
    return CycleResult.of(
        columns=columns,
        setting={
            "phases": setting.phases,
            "alpha": setting.alpha,
            "n_surrogates": setting.n_surrogates,
            "effect": effect,
            "seed": known,
            "version": _version(),
            "roles": tuple(panel.roles),
            **_pooling_setting(shared, pooling),
        },
        outcomes=outcomes,
        occasions=_occasions(panel, directions),
        schedule_table=schedule(
            panel, warmth=columns.warmth, approach=columns.response, reported_by=columns.reported_by
        ).tidy(),
        notes=notes,
    )


def _names(names: Sequence[str], option: str) -> tuple[str, ...]:
    if isinstance(names, str):
        raise DesignError(f"{option}={names!r}: give a sequence of column names, such as ({names!r},).")
    if not isinstance(names, Iterable):
        raise DesignError(f"{option}={names!r}: give a sequence of column names; () for none.")
    return tuple(names)


def _check(columns: CycleColumns, phases: object, alpha: float, n_surrogates: int, effect: float) -> None:
    check_option(phases, ("auto", 2, 3), "phases")
    used = [columns.warmth, columns.response, *columns.covariates, *columns.triggers]
    twice = [name for name, count in Counter(name for name in used if isinstance(name, str)).items() if count > 1]
    if twice:
        raise DesignError(f"column {twice[0]!r} is named twice: warmth, response, covariates and triggers must differ.")
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float, np.floating)) or not 0 < alpha < 1:
        raise DesignError(f"alpha={alpha!r} is no level: give a number between 0 and 1.")
    whole = isinstance(n_surrogates, (int, np.integer)) and not isinstance(n_surrogates, bool)
    if not whole or n_surrogates < _FEWEST_SURROGATES:
        raise DesignError(
            f"n_surrogates={n_surrogates!r}: give a whole number from {_FEWEST_SURROGATES}, "
            "below which no p-value can reach .05."
        )
    number = isinstance(effect, (int, float, np.integer, np.floating)) and not isinstance(effect, bool)
    if not number or not 0 < effect < 10:
        raise DesignError(f"effect={effect!r}: give the size of cycles in SD of the noise, above 0 and below 10.")


def _shared(directions: Sequence[WarmthDirection], setting: Setting, seed: int, pooling: Pooling) -> Shared:
    """Learn what dyads share, unless every dyad is to stand alone."""
    if pooling == "none":
        return Shared((None,) * len(directions), used=False, reason="")
    n_dyads = len({one.dyad for one in directions if not one.reasons})
    if pooling == "auto" and n_dyads >= FEWEST_DYADS and setting.n_surrogates < for_two_ways(setting.alpha):
        reason = f"two ways of testing take {for_two_ways(setting.alpha)} surrogates or more"
        return Shared((None,) * len(directions), used=False, reason=reason)
    series = [None if one.reasons else one.series for one in directions]
    folds = np.random.SeedSequence(seed, spawn_key=(_FOLDS_KEY,))
    dyads = [one.dyad for one in directions]
    return learn(series, dyads, n_states=setting.n_states, seed=folds, required=pooling == "shared")


def _pooling_setting(shared: Shared, pooling: Pooling) -> dict[str, Any]:
    """What a reader of the result must know about sharing; nothing where it was not asked for."""
    if pooling == "none":
        return {"pooling": "none", "phases_from": "own"}
    return {
        "pooling": pooling,
        "phases_from": "other dyads" if shared.used else "own",
        "pooling_reason": shared.reason,
        "pooling_gain": shared.gain,
    }


def _pooling_notes(shared: Shared, pooling: Pooling) -> tuple[str, ...]:
    if pooling == "none":
        return ()
    if not shared.used:
        # That a few dyads stand alone goes without saying.
        said = not shared.reason.endswith(TOO_FEW)
        return (f"every dyad was tested by itself: {shared.reason}",) if said else ()
    if shared.objection:
        return (f"phases were shared although {shared.objection}: read the verdicts as a sensitivity analysis",)
    return ()


@dataclasses.dataclass(frozen=True, slots=True)
class _Task:
    """One direction to test; its random numbers follow from its own answers and the seed of the detection."""

    direction: WarmthDirection
    setting: Setting
    prior: PhasePrior | None
    seed: int
    effect: float
    tests: tuple[ClaimTest, ...] = ()


def _more_surrogates(
    tasks: Sequence[_Task], first: Sequence[Outcome], setting: Setting, seed: int, n_jobs: int
) -> tuple[Outcome, ...]:
    """Draw on, in rounds, where the decision after adjustment over directions is still open."""
    outcomes = list(first)
    several = len({one.dyad for one in outcomes}) > 1
    for number in rounds(setting.n_surrogates) if several else []:
        limits = [limits_of(one.tests) if _is_hypothesis(one, setting.alpha) else (np.nan, np.nan) for one in outcomes]
        again = [
            index
            for index in np.flatnonzero(open_decisions(limits, setting.alpha)).tolist()
            if any(test.drawn and test.n_surrogates < number for test in outcomes[index].tests)
        ]
        longer = dataclasses.replace(setting, n_surrogates=number)
        more = [dataclasses.replace(tasks[at], setting=longer, tests=outcomes[at].tests) for at in again]
        found = map_seeded(_extended, more, seed, n_jobs, label=f"directions, {number} surrogates")
        for at, tests in zip(again, found, strict=True):
            outcomes[at] = dataclasses.replace(outcomes[at], tests=tests)
    return tuple(_without_draws(one) for one in outcomes)


def _is_hypothesis(outcome: Outcome, alpha: float) -> bool:
    return bool(outcome.tests) and not reasons_of(outcome, alpha, MIN_CYCLES)


def _extended(task: _Task, _: np.random.Generator) -> tuple[ClaimTest, ...]:
    if task.direction.series is None:
        return task.tests
    return extend_claim_tests(task.direction.series, task.setting, task.seed, task.prior, task.tests)


def _without_draws(outcome: Outcome) -> Outcome:
    """Statistics of surrogates were needed to draw on; a result holds those of the figures."""
    return dataclasses.replace(outcome, tests=tuple(dataclasses.replace(test, drawn={}) for test in outcome.tests))


def _outcome(task: _Task, _: np.random.Generator) -> Outcome:
    """Test one direction; what cannot be tested comes back with its reasons."""
    direction, setting = task.direction, task.setting
    series = direction.series
    n_scheduled = 0 if series is None else len(series.y)
    answers = np.zeros(0) if series is None else series.y[np.isfinite(series.y[:, 0]), 0]
    bare = Outcome(
        dyad=direction.dyad,
        giver=direction.giver,
        n_occasions=direction.n_occasions,
        n_scheduled=n_scheduled,
        floor_share=direction.floor_share,
        missing_share=direction.missing_share,
        n_categories=len(np.unique(answers)),
        reasons=direction.reasons,
        notes=direction.notes,
        occasion=direction.occasion,
        y=np.zeros((0, 1)) if series is None else series.y,
        n_masked=direction.n_masked,
    )
    if direction.reasons or series is None:
        return bare
    found = run_claim_tests(series, setting, task.seed, task.prior)
    power, wrong = _stored_power(bare, series, setting, task.effect)
    return dataclasses.replace(
        bare,
        reasons=found.reasons,
        tests=found.tests,
        fit=found.fit,
        reinforcement=found.reinforcement,
        triggers=found.triggers,
        p_alone=found.p_alone,
        power=power,
        false_positives=wrong,
    )


def _stored_power(
    bare: Outcome, series: DirectionSeries, setting: Setting, effect: float
) -> tuple[float | None, float | None]:
    """Power and false positives by stored calibration, of tests as it ran them: alone, any phases, no covariates."""
    if setting.phases != "auto" or series.covariates.shape[1]:
        return None, None
    known = power_of(
        effect=effect,
        n_occasions=bare.n_scheduled,
        missing_share=bare.missing_share,
        n_categories=bare.n_categories,
        floor_share=bare.floor_share,
        n_channels=series.y.shape[1],
        alpha=setting.alpha,
        n_surrogates=setting.n_surrogates,
    )
    return (None, None) if known is None else known


def _warnings(
    columns: CycleColumns, directions: Sequence[WarmthDirection], outcomes: Sequence[Outcome]
) -> tuple[str, ...]:
    """What a careful reader must know, most general first."""
    notes = []
    if columns.response is not None and columns.reported_by == "receiver":
        notes.append(
            "warmth and response of a direction are answers of one person: phases may be that reporter's mood; "
            "name own affect in covariates, or use warmth reported by the giver"
        )
    notes += list(dict.fromkeys(note for one in directions for note in one.notes))
    tested = [one for one in outcomes if one.tests]
    untested = [one for one in outcomes if one.reasons]
    if untested:
        notes.append(f"{len(untested)} of {len(outcomes)} directions cannot carry a test")
    floor = sum(one.floor_share > _LARGE_FLOOR for one in tested)
    if floor:
        notes.append(
            f"in {counted(floor, 'tested direction')} more than {_LARGE_FLOOR:.0%} of answers are on the lowest "
            "category"
        )
    failed = [test.n_failed for one in tested for test in one.tests if test.n_failed]
    failed += [one.reinforcement.n_failed for one in tested if one.reinforcement and one.reinforcement.n_failed]
    if failed:
        notes.append(
            f"{sum(failed)} surrogates of {len(failed)} tests have no finite statistic: each counts as exceeding, "
            "against the claim"
        )
    few = sum(n_cycles(one) < _FEW_CYCLES for one in tested)
    if few:
        notes.append(
            f"{counted(few, 'tested direction')} with fewer than {_FEW_CYCLES} expected cycles: a verdict about such a "
            "direction has little power"
        )
    if tested and all(one.power is None for one in tested):
        notes.append(
            f"{WITHOUT_POWER} this design, so a test without result stays 'not decidable': "
            "rd.cycles.calibrate gives the power that this design has"
        )
    # The same note with another number in it is the same note: the largest is told.
    about_fits: dict[str, list[str]] = {}
    for note in (note for one in tested if one.fit is not None for note in one.fit.warnings):
        about_fits.setdefault(re.sub(r"\d+\.\d", "", note), []).append(note)
    for alike in about_fits.values():
        largest = max(alike, key=lambda note: float(next(iter(re.findall(r"\d+\.\d", note)), 0)))
        most = ", at most" if len(set(alike)) > 1 else ""
        notes.append(f"{largest} ({len(alike)} of {len(tested)} directions{most})")
    return tuple(notes)


def _occasions(panel: DyadPanel, directions: Sequence[WarmthDirection]) -> pd.DataFrame:
    """What the panel calls each scheduled occasion that occurs in a direction."""
    import pandas as pd

    index = panel.index
    used = np.unique(np.concatenate([one.occasion for one in directions])) if directions else np.zeros(0, dtype=int)
    known, row = np.unique(index.occasion, return_index=True)
    frame = pd.DataFrame({"occasion": used})
    place = np.minimum(np.searchsorted(known, used), len(known) - 1)
    exact = known[place] == used
    rows = panel.frame
    for role in ("day", "beep", "time"):
        name = panel.columns[role]
        if name is not None:
            labels = rows[name].iloc[row[place]].reset_index(drop=True)
            frame[name] = labels if exact.all() else labels.where(exact)
    return frame


def _version() -> str:
    import reldyn

    return reldyn.__version__
