"""A study file with every analysis of the library, on few dyads: for the test that runs it."""

import dataclasses

import numpy as np
import pandas as pd

from reldyn._registry import analyses_by_name
from reldyn._spec import spec_class

ITEMS = ["i1", "i2", "i3", "i4"]
# What options are given wherever an analysis has one of this name.
GIVEN = {
    **{"outcome": "y", "predictors": ["x"], "predictor": "x", "mediator": "z", "variables": ["y", "x"], "fixed": ["x"]},
    **{"items": ITEMS, "variable": "y", "warmth": "warmth", "response": "y", "received": "warmth", "given": "z"},
    **{"attachment": "trait", "contacts": "event", "phase": "phase", "event": "event", "judgment": "x", "affect": "y"},
    **{"truth": "y", "bias": "z", "positive": "x", "negative": "z", "segment": 7, "max_lag": 2, "increment": 3},
    **{"n_boot": 19, "n_surrogates": 19, "n_permutations": 19, "n_draws": 19, "surrogate": {"n": 19}},
}
OWN = {
    "coupling.lag_sequential": {"bins": [0.0]},
    "coupling.transition_logit": {"bins": [0.0]},
    "coupling.state_space_grid": {"bins": [-0.5, 0.5]},
    "coupling.recurrence": {"radius": 0.5},
    "coupling.windowed_cross_correlation": {"window": 7},
    # In noise its likelihood takes long to climb without compiled kernels.
    "coupling.coupled_oscillator": {"method": "local-linear"},
    "actor_partner.latent_apim": {"outcome": {"calm": ["i1", "i2", "y"]}, "predictors": {"glad": ["i3", "i4", "x"]}},
    "perception.empathic_accuracy": {"judgment": "x", "truth": "y"},
    **{
        f"intervention.{name}": {"n_boot": 99}
        for name in ("event_response", "interrupted_series", "reliable_change", "recovery")
    },
    "dynamics.correlations": {"n_boot": 99},
}
# Models of one occasion, and those that need longer series than twenty occasions.
ONCE = (
    *("apim_sem", "common_fate", "distinguishability_sem", "dyadic_score", "isat", "measurement_invariance"),
    *("mediation", "mutual_influence", "nonindependence", "pooled_regression", "latent_apim"),
    "factor_model",
)
LONG = ("cycles.calibrate", "cycles.learning")


def every_frame(n_dyads=12, n_occasions=20):
    """The columns that the analyses are given."""
    draws = np.random.default_rng(4)
    dyad, who, time = (part.ravel() for part in np.indices((n_dyads, 2, n_occasions)))
    frame = pd.DataFrame({"dyad": dyad, "person": 2 * dyad + who, "time": time})
    frame["role"] = np.where(who == 0, "a", "b")
    base = draws.standard_normal((n_dyads, n_occasions))[dyad, time]
    # Persons differ in two traits, so that constructs of one occasion can be told apart.
    traits = draws.standard_normal((n_dyads, 2, 2))[dyad, who]
    for name in ("y", "x", "z", *ITEMS):
        trait = traits[:, 0 if name in ("y", "i1", "i2") else 1]
        frame[name] = (base + trait + draws.standard_normal(len(frame))).round(3)
    frame["warmth"] = np.clip(np.round(4 + 2 * draws.standard_normal(len(frame))), 1, 7)
    frame["trait"] = draws.standard_normal(2 * n_dyads)[2 * dyad + who].round(3)
    frame["phase"] = np.where(time < 6 + dyad % 4, "A", "B")
    frame["event"] = (time % 7 == 3).astype(int)
    return frame


def every_study(names):
    """The text of the study file with these analyses."""
    text = '[data]\npath = "d.csv"\n[columns]\ndyad = "dyad"\nperson = "person"\nrole = "role"\ntime = "time"\n'
    for number, name in enumerate(names):
        fields = [field.name for field in dataclasses.fields(spec_class(name))]
        options = {option: GIVEN[option] for option in fields if option in GIVEN and _wanted(name, option)}
        lines = [f"{option} = {_toml(value)}\n" for option, value in (options | OWN.get(name, {})).items()]
        text += f'[analyses.a{number}]\nverb = "{name}"\n{"".join(lines)}'
    return text


def of_series():
    """Names of the analyses of series."""
    return [name for name in analyses_by_name() if name.rpartition(".")[2] not in ONCE and name not in LONG]


def of_one_occasion():
    """Names of the models of one occasion."""
    return [name for name in analyses_by_name() if name.rpartition(".")[2] in ONCE]


def _wanted(name, option):
    needed = [one.name for one in dataclasses.fields(spec_class(name)) if one.default is dataclasses.MISSING]
    return option in needed or option.startswith("n_") or option == "surrogate"


def _toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
