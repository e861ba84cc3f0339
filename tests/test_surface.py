"""The public names and arguments that are promised: they may be joined by others, never renamed."""

import inspect
from operator import attrgetter

import pytest

import reldyn as rd

FRAME_ROLES = ("frame", "dyad", "person", "role", "time", "day", "beep", "schedule", "scales")
CALLS = {
    "read_table": ("path", "missing", "decimal", "encoding"),
    "check_panel": ("frame",),
    "DyadPanel": FRAME_ROLES,
    "from_wide": ("frame", "dyad", "prefixes", "suffixes", "time"),
    "pair_ids": ("frame", "person", "partner"),
    "align": (*("frame", "dyad", "person", "stamp", "timezone", "day_starts", "prompts", "tolerance", "duplicates"),),
    "to_grid": ("frame", "dyad", "person", "stamp", "step", "how"),
    "load_sample": (),
    "load_sample_truth": (),
    "Schedule": ("scheduled", "sent", "answered", "expires", "night_steps"),
    "simulate.apim": ("n_dyads", "n_occasions", "actor", "partner", "missing", "seed"),
    "simulate.cycles": (
        *("kind", "n_dyads", "n_occasions", "beeps_per_day", "effect", "phi", "reliability", "sojourn_cv"),
        *("period", "missing", "missing_pattern", "categories", "seed"),
    ),
    "apim": (
        *("panel", "outcome", "predictors", "covariates", "roles", "centering", "random", "residual", "estimation"),
        *("moderators", "interaction", "family"),
    ),
    "mixed_model": ("panel", "outcome", "fixed", "random", "roles", "residual", "estimation"),
    "compare": ("smaller", "larger"),
    "distinguishability": ("panel",),
    "Random": ("terms", "covariance"),
    "Residual": ("process", "common", "equal_variances", "measurement_error"),
    "Estimation": ("method", "inference", "missing", "n_boot", "seed", "n_jobs"),
    "detect_cycles": (
        *("panel", "warmth", "response", "reported_by", "covariates", "triggers", "phases", "alpha"),
        *("n_surrogates", "seed", "n_jobs"),
    ),
    "cycles.calibrate": ("panel", "warmth", "response", "effect", "n_replications", "n_surrogates", "seed", "n_jobs"),
    "markov.fit_hmm": (
        *("series", "n_states", "emission", "covariance", "lags", "duration", "covariates", "n_starts", "start"),
        *("max_iter", "tol", "seed"),
    ),
    "cycles.schedule": ("panel", "warmth", "approach", "event", "reported_by"),
    "affect_dynamics": ("panel", "variables", "pairs"),
    "panel.careless": ("panel", "items"),
    "run_study": ("path", "output", "fresh", "frozen", "resume"),
    "study.deidentify": ("panel", "secret", "shift"),
    "study.read_export": ("path", "preset", "mapping", "dyads"),
    "from_json": ("path",),
    "show_versions": (),
}
POSITIONAL = {"frame", "items", "kind", "larger", "panel", "path", "process", "series", "smaller", "terms", "variables"}
ROOMS = {
    "actor_partner": (
        *("nonindependence", "distinguishability_sem", "isat", "mediation", "common_fate", "mutual_influence"),
        *("response_surface", "dyadic_score", "dyad_individual", "simple_slopes"),
    ),
    "coupling": (
        *("var", "granger", "cross_correlation", "windowed_cross_correlation", "susy", "recurrence"),
        *(
            "coupled_oscillator",
            "transition_logit",
            "inertia_coordination",
            "state_space_grid",
            "lag_sequential",
            "influence_functions",
            "asymmetry",
        ),
    ),
    "dynamics": ("correlations", "inertia", "network_density", "icc", "reliability", "shrinkage"),
    "intervention": (
        *("overlap", "effect_size", "interrupted_series", "event_response", "multiple_baseline"),
        *("randomization_test", "reliable_change", "recovery"),
    ),
    "perception": (
        *("truth_and_bias", "empathic_accuracy", "contagion", "social_accuracy", "indirect_accuracy"),
        *("similarity", "ambivalence"),
    ),
}
PANEL_VERBS = {
    "compliance": (),
    "describe": ("variables",),
    "within_between": ("variables",),
    "lag": ("variables", "steps"),
    "actor_partner": ("variables",),
    "wide": ("variables",),
    "select": (),
    "with_compositions": ("pool", "exchangeable"),
    "to_parquet": ("path",),
    "from_parquet": ("path",),
}
PANEL_FACTS = ("frame", "n_dyads", "n_persons", "n_occasions", "roles", "compositions", "findings")


@pytest.mark.parametrize("path", CALLS)
def test_a_promised_call_has_its_arguments(path):
    value = attrgetter(path)(rd)
    assert not inspect.ismodule(value)
    have = inspect.signature(value).parameters
    assert [name for name in CALLS[path] if name not in have] == []


@pytest.mark.parametrize("path", [path for path, names in CALLS.items() if names and path[0].islower()])
def test_everything_after_the_data_is_keyword_only(path):
    parameters = inspect.signature(attrgetter(path)(rd)).parameters.values()
    loose = [item.name for item in parameters if item.kind is item.POSITIONAL_OR_KEYWORD]
    assert set(loose) <= POSITIONAL


@pytest.mark.parametrize("path", [f"{room}.{name}" for room, names in ROOMS.items() for name in names])
def test_a_room_hands_on_what_it_promises(path):
    value = attrgetter(path)(rd)
    assert callable(value)
    assert not inspect.ismodule(value)


def test_shared_takes_one_name():
    (parameter,) = inspect.signature(rd.shared).parameters.values()
    assert parameter.kind is not parameter.KEYWORD_ONLY


@pytest.mark.parametrize("verb", PANEL_VERBS)
def test_a_panel_has_its_verbs(verb):
    have = inspect.signature(getattr(rd.DyadPanel, verb)).parameters
    assert [name for name in PANEL_VERBS[verb] if name not in have] == []


def test_a_panel_has_its_facts():
    panel = rd.load_sample()
    assert [name for name in PANEL_FACTS if not hasattr(panel, name)] == []


def test_errors_are_classes_of_one_family():
    assert [issubclass(error, rd.ReldynError) for error in (rd.DataError, rd.DesignError)] == [True, True]
