"""Results made by hand: every number is chosen here, so that tests know what must come out."""

import functools
import importlib

import numpy as np
import pandas as pd
import pytest

from reldyn.cycles._result import CycleResult
from reldyn.cycles.consequences._reinforcement import Reinforcement
from reldyn.cycles.ladder._claims import ClaimTest, PhaseFit
from reldyn.cycles.ladder._outcome import Outcome
from reldyn.cycles.series._directions import CycleColumns

N = 120


def claim(name, p_value, *, estimate=1.0, low=0.5, high=1.5, n=199):
    rng = np.random.default_rng(len(name))
    return ClaimTest(name, 3.2, p_value, n, estimate, low, high, f"null of {name}", {}, rng.gamma(2.0, 1.0, n))


def phases(n_states=3, n_cycles=14.0):
    path = np.array(([2] * 7 + [0] * 5 + [1] * 4) * 20)[:N] if n_states == 3 else np.array(([1] * 8 + [0] * 8) * 20)[:N]
    posterior = np.full((N, n_states), 0.1 / (n_states - 1))
    posterior[np.arange(N), path] = 0.9
    transition = np.array([[0.8, 0.17, 0.03], [0.04, 0.75, 0.21], [0.12, 0.02, 0.86]])
    if n_states == 2:
        transition = np.array([[0.88, 0.12], [0.12, 0.88]])
    return PhaseFit(
        n_states=n_states,
        posterior=posterior,
        means=np.column_stack([np.linspace(2, 6, n_states), np.linspace(3, 5, n_states)]),
        covariance=np.eye(2),
        transition=transition,
        dwell_means=1 / (1 - np.diag(transition)),
        sojourn_cv=0.8,
        circulation=0.62 if n_states == 3 else float("nan"),
        n_cycles=n_cycles,
        log_likelihood=-400.0,
        optima=np.array([-400.0, -402.0, -410.0]),
        optima_spread=2.0,
        warnings=(),
    )


def outcome(dyad, giver, p=None, *, reasons=(), fit=None, power=None, cv_high=0.9, reinforcement=None):
    """One direction with p-values of regimes, periodic, irregular and directed, or with reasons and none."""
    rng = np.random.default_rng(7)
    y = np.clip(np.rint(4 + 1.5 * rng.standard_normal((N, 2))), 1, 7)
    y[::9] = np.nan
    tests = ()
    if p is not None:
        tests = (
            claim("regimes", p[0]),
            claim("periodic", p[1], estimate=16.0, low=float("nan"), high=float("nan")),
            claim("irregular", p[2], estimate=0.7, low=0.5, high=cv_high),
            claim("directed", p[3], estimate=0.6, low=0.2, high=0.9),
        )
    return Outcome(
        dyad=dyad,
        giver=giver,
        n_occasions=0 if reasons else 106,
        n_scheduled=N,
        floor_share=0.05,
        missing_share=0.11,
        n_categories=7,
        reasons=tuple(reasons),
        notes=(),
        occasion=np.arange(N),
        y=y,
        tests=tests,
        fit=fit if fit is not None or p is None else phases(),
        reinforcement=reinforcement,
        power=power,
        false_positives=None if power is None else 0.02,
    )


def reinforcement(estimate, p_value=0.2):
    drawn = np.random.default_rng(3).standard_normal(99)
    low, high = estimate - 0.2, estimate + 0.2
    return Reinforcement(estimate, 0.1, low, high, 1.1, p_value, p_value, float("nan"), 90, 99, drawn, "")


def result(outcomes, response="longing"):
    columns = CycleColumns("warmth", response)
    setting = {"phases": "auto", "alpha": 0.05, "n_surrogates": 199, "seed": 1, "version": "0.1.0"}
    occasions = pd.DataFrame({"occasion": np.arange(N), "day": np.arange(N) // 4 + 1, "beep": np.arange(N) % 4 + 1})
    schedule = pd.DataFrame({"dyad": [one.dyad for one in outcomes], "giver": [one.giver for one in outcomes]})
    return CycleResult.of(
        columns=columns,
        setting=setting,
        outcomes=tuple(outcomes),
        occasions=occasions,
        schedule_table=schedule,
        notes=("a note for the careful reader",),
    )


# Steps of every fit inside a detection: enough for numbers that are finite and repeat, too few for good ones.
BRIEF = {
    "reldyn.cycles.ladder._fits": {
        "_SHORT": 2,
        "_LONG": 3,
        "_FIRST_SOJOURN": 2,
        "_NEXT_SOJOURN": 1,
        "_ONLY_SOJOURN": 2,
        "_SHORT_RAMP": 1,
        "_LONG_RAMP": 1,
    },
    "reldyn.cycles.reference._reference_humps": {"_SHORT": 1, "_LONG": 2},
}


@pytest.fixture(scope="module")
def brief_fits():
    """Cut every fit short, for tests of what surrounds the statistics."""
    with pytest.MonkeyPatch.context() as patch:
        for module, constants in BRIEF.items():
            for name, value in constants.items():
                patch.setattr(f"{module}.{name}", value)
        whole = importlib.import_module("reldyn.cycles.ladder._regimes").fit_phases
        patch.setattr("reldyn.cycles.ladder._claim_tests.fit_phases", functools.partial(whole, n_starts=4))
        yield


@pytest.fixture(scope="session")
def make():
    """The builders of this file, by name."""
    return type("Make", (), {f.__name__: staticmethod(f) for f in (claim, phases, outcome, reinforcement, result)})


@pytest.fixture(scope="session")
def made(make):
    """Three dyads: supported and rhythm, not supported and without a tested power, too short and silent."""
    return make.result(
        [
            make.outcome(1, "a", (0.001, 0.6, 0.002, 0.01), reinforcement=make.reinforcement(0.3)),
            make.outcome(1, "b", (0.002, 0.001, 0.7, 0.01), cv_high=0.31, reinforcement=make.reinforcement(0.1)),
            make.outcome(2, "a", (0.4, 0.5, 0.3, 0.6), power=0.95, reinforcement=make.reinforcement(0.2)),
            make.outcome(2, "b", (0.4, 0.5, 0.3, 0.6), fit=make.phases(2), reinforcement=make.reinforcement(0.0)),
            make.outcome(3, "a", reasons=("30 answered occasions, below 60",)),
            make.outcome(3, "b", reasons=("the partner never answers",)),
        ]
    )
