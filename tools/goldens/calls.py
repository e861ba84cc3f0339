"""The clean panels of the goldens, and one call of every analysis on them.

The panels have no gap, no text clock and no missing label, so that what the goldens fix does not rest on how a hole or
a night is read. Two exceptions are named where they stand: panels of four beeps a day, in which nights exist.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import reldyn as rd

ITEMS = ("i1", "i2", "i3", "i4")
JUDGED = ("j1", "j2", "j3", "j4")
PHASE = {"outcome": "y", "phase": "phase"}


def _rows(n_dyads: int, n_days: int, beeps: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    dyad, member, time = (part.ravel() for part in np.indices((n_dyads, 2, n_days * beeps)))
    frame = pd.DataFrame({"dyad": dyad + 1, "person": 2 * dyad + member, "role": np.where(member, "m", "f")})
    frame["day"], frame["beep"] = time // beeps + 1, time % beeps + 1
    shape = (n_dyads, 2, n_days * beeps)
    level, x = rng.normal(size=shape[:2]), rng.normal(size=shape)
    y = np.empty(shape)
    y[..., 0] = level + rng.normal(size=shape[:2])
    for t in range(1, shape[2]):
        before = y[..., t - 1] - level
        y[..., t] = level + 0.3 * before + 0.15 * before[:, ::-1] + 0.4 * x[..., t] + rng.normal(size=shape[:2])
    frame["y"], frame["x"] = y.ravel(), (x + 0.5 * rng.normal(size=shape[:2])[..., None]).ravel()
    for name in (*ITEMS, *JUDGED):
        frame[name] = 0.6 * frame["y"] + rng.normal(size=len(frame))
    frame["bias"] = 0.5 * frame["y"] + rng.normal(size=len(frame))
    frame["judgment"] = 0.4 * frame["y"] + 0.3 * frame["bias"] + rng.normal(size=len(frame))
    frame["positive"] = np.clip(np.round(50 + 12 * frame["y"]), 0, 100)
    frame["negative"] = np.clip(np.round(40 - 8 * frame["y"] + 8 * rng.normal(size=len(frame))), 0, 100)
    frame["phase"] = np.where(frame["day"] <= n_days // 3 + 2 * frame["dyad"] % 5, "A", "B")
    frame["event"] = (time % 9 == 5).astype(int)
    frame["count"] = rng.poisson(np.exp(0.2 * frame["y"]))
    frame["contact"] = (time % 11 == 3).astype(int)
    frame["trait"] = rng.normal(size=n_dyads * 2)[frame["person"]]
    return frame


@cache
def panel(name: str) -> rd.DyadPanel:
    """One of the clean panels: ``daily``, ``beeps`` (four a day), ``waves`` (one occasion), ``cycles``."""
    if name == "cycles":
        return rd.simulate.cycles("cycle", n_dyads=1, n_occasions=80, seed=3).panel
    if name == "learning":
        return rd.simulate.cycles("cycle", n_dyads=6, n_occasions=60, seed=4).panel
    if name == "waves":
        return rd.DyadPanel(_rows(60, 1, 1, 2).drop(columns=["day", "beep"]), dyad="dyad", person="person", role="role")
    if name == "beeps":
        frame = _rows(6, 12, 4, 3)
        return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")
    if name == "large":
        return rd.DyadPanel(
            _rows(40, 12, 1, 5).drop(columns="beep"), dyad="dyad", person="person", role="role", day="day"
        )
    return rd.DyadPanel(_rows(8, 42, 1, 4).drop(columns="beep"), dyad="dyad", person="person", role="role", day="day")


def few(name: str) -> rd.DyadPanel:
    """Two dyads of a panel, for what takes seconds a dyad."""
    return panel(name).select(dyads=[1, 2])


def _lagged() -> rd.DyadPanel:
    return panel("large").lag(["y"])


@cache
def _fit() -> Any:
    return rd.apim(panel("large"), outcome="y", predictors=["x"])


BRIEF = {"n_surrogates": 19, "seed": 1}
Z = rd.Estimation(inference="z")

CALLS: dict[str, Callable[[], Any]] = {
    # actor_partner
    "apim": _fit,
    "apim lagged": lambda: rd.apim(_lagged(), outcome="y", predictors=["y_lag1", "x"], random=("intercept", "actor:x")),
    "apim ar1": lambda: rd.apim(panel("large"), outcome="y", predictors=["x"], residual="ar1"),
    "apim var1": lambda: rd.apim(panel("large"), outcome="y", predictors=["x"], residual="var1", estimation=Z),
    "apim cr2": lambda: rd.apim(
        panel("large"), outcome="y", predictors=["x"], estimation=rd.Estimation(inference="cr2")
    ),
    "apim moderated": lambda: rd.apim(panel("large"), outcome="y", predictors=["x"], moderators={"trait": "actor"}),
    "apim waves": lambda: rd.apim(panel("waves"), outcome="y", predictors=["x"]),
    "apim exchangeable": lambda: rd.apim(panel("large"), outcome="y", predictors=["x"], roles="exchangeable"),
    "apim poisson": lambda: rd.apim(panel("large"), outcome="count", predictors=["x"], family="poisson"),
    "mixed_model": lambda: rd.mixed_model(panel("large"), outcome="y", fixed=["x", rd.shared("bias")]),
    "over_time": lambda: rd.actor_partner.over_time(panel("large"), outcome="y"),
    "distinguishability": lambda: rd.distinguishability(panel("large"), outcome="y", predictors=["x"]),
    "nonindependence": lambda: rd.actor_partner.nonindependence(panel("waves"), ["y", "x"]),
    "apim_sem": lambda: rd.actor_partner.apim_sem(panel("waves"), outcome="y", predictors=["x"]),
    "common_fate": lambda: rd.actor_partner.common_fate(panel("waves"), outcome="i1", predictor="i2", least_icc=-1.0),
    "distinguishability_sem": lambda: rd.actor_partner.distinguishability_sem(
        panel("waves"), outcome="y", predictors=["x"]
    ),
    "dyad_individual": lambda: rd.actor_partner.dyad_individual(panel("waves"), outcome="y", predictors=["x"]),
    "dyadic_score": lambda: rd.actor_partner.dyadic_score(panel("waves"), outcome="y", predictors=["x"]),
    "isat": lambda: rd.actor_partner.isat(panel("waves"), ["y", "x"]),
    "measurement_invariance": lambda: rd.actor_partner.measurement_invariance(panel("waves"), ITEMS),
    "mediation": lambda: rd.actor_partner.mediation(
        panel("waves"), outcome="y", predictor="x", mediator="bias", n_boot=99, seed=1
    ),
    "mutual_influence": lambda: rd.actor_partner.mutual_influence(panel("waves"), outcome="y", predictor="x"),
    "pooled_regression": lambda: rd.actor_partner.pooled_regression(panel("waves"), outcome="y", predictors=["x"]),
    "response_surface": lambda: rd.actor_partner.response_surface(panel("waves"), outcome="y", predictor="x"),
    "effect_sizes": lambda: rd.actor_partner.effect_sizes(_fit()),
    "simple_slopes": lambda: rd.actor_partner.simple_slopes(
        rd.apim(panel("large"), outcome="y", predictors=["x"], moderators={"trait": "actor"})
    ),
    # coupling
    "asymmetry": lambda: rd.coupling.asymmetry(few("daily"), "y"),
    "asymmetry beeps": lambda: rd.coupling.asymmetry(few("beeps"), "y"),
    "coupled_oscillator": lambda: rd.coupling.coupled_oscillator(few("daily"), "y"),
    "coupled_oscillator local-linear": lambda: rd.coupling.coupled_oscillator(
        panel("daily"), "y", method="local-linear"
    ),
    "cross_correlation": lambda: rd.coupling.cross_correlation(
        panel("daily"), "y", surrogate=rd.coupling.Surrogates("circular-shift", n=19), seed=1
    ),
    "cross_correlation beeps": lambda: rd.coupling.cross_correlation(
        panel("beeps"), "y", max_lag=3, surrogate=rd.coupling.Surrogates("circular-shift", n=11), seed=1
    ),
    "granger": lambda: rd.coupling.granger(panel("daily"), "y"),
    "granger beeps": lambda: rd.coupling.granger(panel("beeps"), "y"),
    "inertia_coordination": lambda: rd.coupling.inertia_coordination(panel("daily"), "y"),
    "influence_functions": lambda: rd.coupling.influence_functions(panel("daily"), "y", n_boot=19, seed=1),
    "lag_sequential": lambda: rd.coupling.lag_sequential(panel("daily"), "y", bins=[0.0], n_permutations=19, seed=1),
    "recurrence": lambda: rd.coupling.recurrence(
        panel("daily"), "y", radius=0.5, surrogate=rd.coupling.Surrogates("circular-shift", n=19), seed=1
    ),
    "state_space_grid": lambda: rd.coupling.state_space_grid(panel("daily"), "y", bins=[-0.5, 0.5]),
    "susy": lambda: rd.coupling.susy(panel("daily"), "y", segment=14, max_lag=2, **BRIEF),
    "transition_logit": lambda: rd.coupling.transition_logit(panel("daily"), "y", bins=[0.0]),
    "transition_logit random-effects": lambda: rd.coupling.transition_logit(
        panel("daily"), "y", bins=[0.0], average_by="random-effects"
    ),
    "var": lambda: rd.coupling.var(panel("daily"), "y"),
    "var two-step": lambda: rd.coupling.var(panel("large"), "y", pooling="two-step"),
    "windowed_cross_correlation": lambda: rd.coupling.windowed_cross_correlation(
        panel("daily"),
        "y",
        window=14,
        increment=7,
        max_lag=2,
        surrogate=rd.coupling.Surrogates("circular-shift", n=19),
        seed=1,
    ),
    # cycles
    "detect_cycles": lambda: rd.detect_cycles(
        panel("cycles"), warmth="warmth", response="response", pooling="none", **BRIEF
    ),
    "schedule": lambda: rd.cycles.schedule(panel("cycles"), warmth="warmth"),
    "events": lambda: rd.cycles.events(panel("cycles"), warmth="warmth").iloc[:200],
    "learning": lambda: rd.cycles.learning(
        panel("learning"), warmth="warmth", response="response", n_recovery=2, seed=1
    ),
    "persistence": lambda: rd.cycles.persistence(panel("learning"), warmth="warmth", response="response"),
    "vigilance": lambda: rd.cycles.vigilance(panel("learning"), warmth="warmth", response="response"),
    "bond_trend": lambda: rd.cycles.bond_trend(panel("learning"), attachment="response", warmth="warmth"),
    # dynamics
    "affect_dynamics": lambda: rd.affect_dynamics(panel("daily"), ["y", "x"]),
    "affect_dynamics beeps": lambda: rd.affect_dynamics(panel("beeps"), ["y", "x"]),
    "correlations": lambda: rd.dynamics.correlations(panel("daily"), ["y", "x"], n_boot=99, seed=1),
    "icc": lambda: rd.dynamics.icc(panel("large"), ["y", "x"]),
    "inertia": lambda: rd.dynamics.inertia(panel("large"), "y"),
    "instability": lambda: rd.dynamics.instability(panel("large"), "y"),
    "location_scale": lambda: rd.dynamics.location_scale(panel("large"), "y"),
    "network_density": lambda: rd.dynamics.network_density(panel("large"), ["y", "x"]),
    "reliability": lambda: rd.dynamics.reliability(panel("large"), ITEMS, method="reml"),
    "contact_windows": lambda: rd.dynamics.contact_windows(few("daily"), "contact"),
    "shrinkage": lambda: rd.dynamics.shrinkage(panel("daily"), "contact"),
    # intervention
    "effect_size": lambda: rd.intervention.effect_size(panel("daily"), **PHASE),
    "event_response": lambda: rd.intervention.event_response(
        panel("daily"), outcome="y", event="event", n_boot=99, n_surrogates=19, seed=1
    ),
    "interrupted_series": lambda: rd.intervention.interrupted_series(
        panel("daily").select(dyads=[1]), **PHASE, n_boot=99, seed=1
    ),
    "multiple_baseline": lambda: rd.intervention.multiple_baseline(panel("daily"), **PHASE),
    "overlap": lambda: rd.intervention.overlap(few("daily"), **PHASE),
    "randomization_test": lambda: rd.intervention.randomization_test(
        panel("daily").select(dyads=[1, 2]), **PHASE, n_draws=99, seed=1
    ),
    "recovery": lambda: rd.intervention.recovery(panel("daily"), outcome="y", n_boot=19, seed=1),
    "reliable_change": lambda: rd.intervention.reliable_change(
        panel("daily").select(dyads=[1, 2]), **PHASE, n_boot=99, seed=1
    ),
    # perception
    "ambivalence": lambda: rd.perception.ambivalence(panel("daily"), positive="positive", negative="negative"),
    "contagion": lambda: rd.perception.contagion(panel("daily"), affect="y"),
    "dissociation": lambda: rd.perception.dissociation(
        panel("daily"), judgment="judgment", affect="y", n_boot=99, seed=1
    ),
    "empathic_accuracy": lambda: rd.perception.empathic_accuracy(panel("daily"), judgment="judgment", truth="y"),
    "indirect_accuracy": lambda: rd.perception.indirect_accuracy(
        panel("large"), judgment="judgment", truth="y", bias="bias", n_boot=99, seed=1
    ),
    "similarity": lambda: rd.perception.similarity(panel("daily"), ITEMS, n_permutations=19, seed=1),
    "social_accuracy": lambda: rd.perception.social_accuracy(panel("large"), items=ITEMS, judged=JUDGED),
    "truth_and_bias": lambda: rd.perception.truth_and_bias(panel("large"), judgment="judgment", truth="y", bias="bias"),
    # panel
    "lag": lambda: panel("beeps").lag(["y"], steps=2).frame[["y", "y_lag2"]].iloc[:96],
    "compliance": lambda: panel("beeps").compliance(),
    "describe": lambda: panel("daily").describe(["y", "x"]),
}
