"""The numbers of the sample study: who the couples are, what is planted, what they answer and miss.

Every couple has its own seeds below one root, so couples can be made one by one. Effects are
planted on the answers as reported (rounded), so that the truth holds for the numbers in the file.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reldyn.simulate._grid import Grid, schedule_grid
from reldyn.simulate._seeds import child_generator
from reldyn.simulate._series import SeriesDesign, SimulatedSeries, simulate_series

SEED = 20240108
N_DAYS, BEEPS_PER_DAY = 56, 4
N_OCCASIONS = N_DAYS * BEEPS_PER_DAY
COMPOSITIONS = (("female", "male"),) * 120 + (("female", "female"),) * 10 + (("male", "male"),) * 10
FIRST_MONDAY = np.datetime64("2024-01-08T00:00", "m")
BEEP_HOURS = np.array([10, 14, 18, 22])
ANSWER_WINDOW = 30

# A third of the couples have intermittent cycles: 20 in both directions, 27 in one.
PLAN = (
    (("cycle", "cycle"), 14),
    (("alternation", "alternation"), 6),
    (("cycle", "linear"), 9),
    (("linear", "cycle"), 9),
    (("alternation", "linear"), 5),
    (("linear", "alternation"), 4),
    (("rhythm", "rhythm"), 8),
    (("jittered_rhythm", "jittered_rhythm"), 8),
    (("noisy_linear", "noisy_linear"), 10),
    (("skewed_shocks", "linear"), 8),
    (("level_shift", "level_shift"), 8),
    (("floor", "floor"), 6),
    (("linear", "linear"), 45),
)

# Effects of stress (points of 0-100) on positive affect (points of 0-100): (actor, partner) of the within parts.
STRESS_EFFECTS = {
    ("female-male", "female"): (-0.30, -0.12),
    ("female-male", "male"): (-0.22, -0.06),
    ("female-female", "female"): (-0.28, -0.10),
    ("male-male", "male"): (-0.20, -0.08),
}
STRESS_BETWEEN = (-0.35, -0.08)
STRESS_SLOPE_SD = (0.06, 0.03)
STRESS_CENTRE = 35.0
WARMTH_ON_POSITIVE = 3.0
WARMTH_ON_NEGATIVE = -2.5
STRESS_ON_NEGATIVE = 0.25
ANXIETY_ON_LONGING = 0.45
AVOIDANCE_ON_WARMTH_GIVEN = -0.30
ANXIETY, AVOIDANCE = (3.2, 1.1), (2.7, 1.0)
# Intercept of the log odds of missing a beep at which about a fifth of all beeps is missed.
MISSING_INTERCEPT = -1.87
WARMTH_CENTRE, LONGING_CENTRE, FLOOR_CENTRE = 4.6, 3.6, 1.7


@dataclasses.dataclass(frozen=True, slots=True)
class Couple:
    """One couple: rows of both members, the planted laws and the true phases, as frames."""

    rows: pd.DataFrame
    laws: pd.DataFrame
    sojourns: pd.DataFrame


def kinds_of_couples() -> list[tuple[str, str]]:
    """Deal the plan to the couples: per couple the kinds of warmth the first and the second member receive."""
    planned = [kinds for kinds, count in PLAN for _ in range(count)]
    order = child_generator(np.random.SeedSequence(SEED), len(COMPOSITIONS)).permutation(len(planned))
    return [planned[position] for position in order]


def make_couple(number: int) -> Couple:
    """Make couple ``number`` (from 0)."""
    root = np.random.SeedSequence(SEED)
    rng = child_generator(root, number, 2)
    roles, kinds = COMPOSITIONS[number], kinds_of_couples()[number]
    composition = "-".join(roles)
    grid = schedule_grid(N_OCCASIONS, BEEPS_PER_DAY)
    dyad = number + 1
    persons = np.array([dyad * 10 + 1, dyad * 10 + 2])
    designs = _designs(kinds, rng)
    batches = [
        simulate_series(design, [child_generator(root, number, member)]) for member, design in enumerate(designs)
    ]
    answers = _answers(batches, kinds, composition, roles, grid, rng)
    missed = _missed(answers["negative_affect"], grid, rng)
    rows = _rows(dyad, persons, roles, grid, answers, missed, rng)
    laws = _laws(dyad, composition, persons, designs, batches, grid)
    return Couple(rows, laws, _sojourns(dyad, persons, designs, batches))


def _designs(kinds: tuple[str, str], rng: np.random.Generator) -> list[SeriesDesign]:
    """Draw effect, period and jitter of a couple; both directions share them, as one household has one calendar."""
    effect, period = round(rng.uniform(1.3, 2.2), 2), round(rng.uniform(13, 20), 1)
    jitter, weekly = round(rng.uniform(0.1, 0.25), 2), rng.random() < 0.4
    made = []
    for kind in kinds:
        options: dict[str, float] = {}
        if kind in {"cycle", "alternation", "jittered_rhythm"}:
            options = {"effect": effect, "period": period}
        if kind == "jittered_rhythm":
            options["sojourn_cv"] = jitter
        if kind == "rhythm":
            options = {"effect": effect, "period": 28 if weekly else 16}
        made.append(SeriesDesign(kind, N_OCCASIONS, BEEPS_PER_DAY, **options))
    return made


def _answers(
    batches: list[SimulatedSeries],
    kinds: tuple[str, str],
    composition: str,
    roles: tuple[str, str],
    grid: Grid,
    rng: np.random.Generator,
) -> dict[str, NDArray[np.float64]]:
    """Compute complete answers: each (occasions, 2), the last axis the member who answers."""
    traits = {"anxiety": rng.normal(size=2), "avoidance": rng.normal(size=2)}
    received = np.stack([batch.state[0, :, 0] for batch in batches], axis=1)
    wish = np.stack([batch.state[0, :, 1] for batch in batches], axis=1)
    true_warmth = np.stack([batch.latent[0, :, 0] for batch in batches], axis=1)
    true_warmth = (true_warmth - true_warmth.mean(axis=0)) / true_warmth.std(axis=0)
    centre = np.where([kind == "floor" for kind in kinds], FLOOR_CENTRE, WARMTH_CENTRE)
    warmth_received = _likert(centre + rng.normal(0, 0.4, 2) + 1.25 * received)
    longing = _likert(LONGING_CENTRE + rng.normal(0, 0.5, 2) + ANXIETY_ON_LONGING * traits["anxiety"] + 1.3 * wish)
    # What a member gives is what the other receives, seen through the giver's own eyes.
    own_view = 0.8 * true_warmth[:, ::-1] + 0.6 * rng.standard_normal((N_OCCASIONS, 2))
    given_level = 4.9 + rng.normal(0, 0.4, 2) + AVOIDANCE_ON_WARMTH_GIVEN * traits["avoidance"]
    stress = _stress(grid, rng)
    affect = _affect(stress, warmth_received, composition, roles, grid, rng)
    return {
        "warmth_given": _likert(given_level + 1.1 * own_view),
        "warmth_received": warmth_received,
        "longing": longing,
        "stress": stress,
        **affect,
        **_daily_report(warmth_received, affect["positive_affect"], rng),
        "attachment_anxiety": np.tile(_trait(traits["anxiety"], *ANXIETY), (N_OCCASIONS, 1)),
        "attachment_avoidance": np.tile(_trait(traits["avoidance"], *AVOIDANCE), (N_OCCASIONS, 1)),
    }


def _likert(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(np.rint(value), 1, 7)


def _slider(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(np.rint(value), 0, 100)


def _trait(standard: NDArray[np.float64], mean: float, sd: float) -> NDArray[np.float64]:
    return np.clip(np.round(mean + sd * standard, 1), 1, 7)


def _carried(rng: np.random.Generator, grid: Grid, phi: float, r: float) -> NDArray[np.float64]:
    """Draw (occasions, 2) first-order autoregressions of unit variance, correlated ``r``, that relax over nights."""
    shocks = rng.standard_normal((N_OCCASIONS, 2))
    shocks[:, 1] = r * shocks[:, 0] + np.sqrt(1 - r**2) * shocks[:, 1]
    out = shocks.copy()
    for occasion in range(1, N_OCCASIONS):
        kept = phi ** grid.elapsed[occasion]
        out[occasion] = kept * out[occasion - 1] + np.sqrt(1 - kept**2) * shocks[occasion]
    return out


def _stress(grid: Grid, rng: np.random.Generator) -> NDArray[np.float64]:
    midday = np.array([0.0, 0.35, 0.25, -0.3])[grid.beep - 1]
    workday = np.where((grid.day - 1) % 7 < 5, 0.15, -0.375)
    state = rng.normal(0, 0.5, 2) + (midday + workday)[:, None] + _carried(rng, grid, 0.4, 0.25)
    return _slider(STRESS_CENTRE + 15 * state)


def _affect(
    stress: NDArray[np.float64],
    warmth: NDArray[np.float64],
    composition: str,
    roles: tuple[str, str],
    grid: Grid,
    rng: np.random.Generator,
) -> dict[str, NDArray[np.float64]]:
    """Plant the actor-partner effects of stress and the warmth just received."""
    means = stress.mean(axis=0)
    deviations, between = stress - means, means - STRESS_CENTRE
    warmer = warmth - warmth.mean(axis=0)
    slopes = np.array([STRESS_EFFECTS[composition, role] for role in roles]).T
    slopes = slopes + rng.standard_normal((2, 2)) * np.array(STRESS_SLOPE_SD)[:, None]
    level = 58 + rng.normal(0, 7, 2) + STRESS_BETWEEN[0] * between + STRESS_BETWEEN[1] * between[::-1]
    positive = level + slopes[0] * deviations + slopes[1] * deviations[:, ::-1] + WARMTH_ON_POSITIVE * warmer
    negative = 14 + rng.normal(0, 5, 2) + STRESS_ON_NEGATIVE * (stress - STRESS_CENTRE) + WARMTH_ON_NEGATIVE * warmer
    return {
        "positive_affect": _slider(positive + 10 * _carried(rng, grid, 0.3, 0.25)),
        "negative_affect": _slider(negative + 9 * _carried(rng, grid, 0.3, 0.2)),
    }


def _daily_report(
    warmth: NDArray[np.float64], positive: NDArray[np.float64], rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Draw the report of the last beep: satisfaction, and whether there was a conflict; NaN at other beeps."""
    by_day = (warmth - warmth.mean(axis=0)).reshape(N_DAYS, BEEPS_PER_DAY, 2).mean(axis=1)
    mood = (positive - positive.mean(axis=0)).reshape(N_DAYS, BEEPS_PER_DAY, 2).mean(axis=1) / 10
    satisfaction = 4.9 + rng.normal(0, 0.5, 2) + 0.7 * by_day + 0.3 * mood + rng.normal(0, 0.6, (N_DAYS, 2))
    odds = np.exp(-2.2 - 0.9 * by_day.mean(axis=1))
    happened = rng.random(N_DAYS) < odds / (1 + odds)
    reported = rng.random((N_DAYS, 2)) < np.where(happened, 0.85, 0.03)[:, None]
    report = {"satisfaction": _likert(satisfaction), "conflict": reported.astype(float)}
    return {name: _at_last_beep(values) for name, values in report.items()}


def _at_last_beep(values: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.full((N_DAYS, BEEPS_PER_DAY, 2), np.nan)
    out[:, -1] = values
    return out.reshape(N_OCCASIONS, 2)


def _missed(negative: NDArray[np.float64], grid: Grid, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Mark missed beeps: persons and shared days differ, evenings and bad moments cost answers, some stop early."""
    bad = (negative - negative.mean(axis=0)) / np.maximum(negative.std(axis=0), 1)
    busy_days = np.repeat(rng.normal(0, 0.5, N_DAYS), BEEPS_PER_DAY)[:, None]
    odds = np.exp(MISSING_INTERCEPT + rng.normal(0, 0.6, 2) + busy_days + 0.4 * (grid.beep == 4)[:, None] + 0.3 * bad)
    missed = rng.random((N_OCCASIONS, 2)) < odds / (1 + odds)
    changes = rng.random((N_OCCASIONS, 2))
    away = np.zeros(2, dtype=bool)
    for occasion in range(N_OCCASIONS):
        away = changes[occasion] < np.where(away, 1 - 1 / 8, 0.004)
        missed[occasion] |= away
    leaves = np.where(rng.random(2) < 0.04, rng.integers(30, 55, 2), N_DAYS)
    return missed | (grid.day[:, None] > leaves)


def _rows(
    dyad: int,
    persons: NDArray[np.int64],
    roles: tuple[str, str],
    grid: Grid,
    answers: dict[str, NDArray[np.float64]],
    missed: NDArray[np.bool_],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Lay the couple out as one row per person and beep; both members are beeped at the same minute."""
    minutes = rng.integers(-40, 41, N_OCCASIONS) + 60 * BEEP_HOURS[grid.beep - 1] + 24 * 60 * (grid.day - 1)
    week = int(rng.integers(0, 30))
    scheduled = FIRST_MONDAY + np.timedelta64(7 * week, "D") + minutes.astype("timedelta64[m]")
    delay = np.minimum(1 + rng.exponential(6, (N_OCCASIONS, 2)), ANSWER_WINDOW - 1).astype("timedelta64[m]")
    answered = np.where(missed, np.datetime64("NaT", "m"), scheduled[:, None] + delay)
    frame = pd.DataFrame(
        {
            "dyad": dyad,
            "person": np.repeat(persons, N_OCCASIONS),
            "role": np.repeat(roles, N_OCCASIONS),
            "day": np.tile(grid.day, 2),
            "beep": np.tile(grid.beep, 2),
            "scheduled": _clock(np.tile(scheduled, 2)),
            "answered": _clock(answered.T.ravel()),
        }
    )
    for name, values in answers.items():
        if name.startswith("attachment"):
            frame[name] = values.T.ravel()
        else:
            frame[name] = pd.array(np.where(missed, np.nan, values).T.ravel(), dtype="Int64")
    return frame


def _clock(moments: NDArray[np.datetime64]) -> NDArray[np.object_]:
    text = np.datetime_as_string(moments, unit="m").astype(object)
    return np.where(np.isnat(moments), None, text)


def _laws(
    dyad: int,
    composition: str,
    persons: NDArray[np.int64],
    designs: list[SeriesDesign],
    batches: list[SimulatedSeries],
    grid: Grid,
) -> pd.DataFrame:
    rows = []
    for receiver, (design, batch) in enumerate(zip(designs, batches, strict=True)):
        law, shift = design.phase_model, int(batch.shift[0])
        rows.append(
            {
                "dyad": dyad,
                "composition": composition,
                "giver": persons[1 - receiver],
                "receiver": persons[receiver],
                "kind": design.kind,
                "period": np.nan if law is None else law.period,
                "sojourn_cv": np.nan if law is None else round(law.sojourn_cv, 4),
                "effect": design.effect if law is not None or design.kind == "level_shift" else 0.0,
                "reliability": 1.0 if design.reliability is None else design.reliability,
                "phi_warmth": round(float(batch.coefficients[0, 0, 0]), 4),
                "phi_response": round(float(batch.coefficients[0, 1, 1]), 4),
                "shift_day": grid.day[shift] if shift >= 0 else np.nan,
                "shift_beep": grid.beep[shift] if shift >= 0 else np.nan,
            }
        )
    return pd.DataFrame(rows)


def _sojourns(
    dyad: int, persons: NDArray[np.int64], designs: list[SeriesDesign], batches: list[SimulatedSeries]
) -> pd.DataFrame:
    """Tabulate the true phases by sojourn: first occasion (from 1), length in beeps, and name."""
    tables = []
    for receiver, (design, batch) in enumerate(zip(designs, batches, strict=True)):
        if design.phase_model is None:
            continue
        path = batch.phase[0]
        starts = np.flatnonzero(np.r_[True, path[1:] != path[:-1]])
        tables.append(
            pd.DataFrame(
                {
                    "dyad": dyad,
                    "giver": persons[1 - receiver],
                    "first": starts + 1,
                    "length": np.diff(np.r_[starts, N_OCCASIONS]),
                    "phase": np.array(design.phase_model.names, dtype=object)[path[starts]],
                }
            )
        )
    columns = ["dyad", "giver", "first", "length", "phase"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
