"""Values of the right kind that no analysis can use are refused at check, with the fix."""

import dataclasses

import pytest

from reldyn._registry import analyses_by_name
from reldyn._spec import spec_class
from reldyn.study.asking import read_requests
from reldyn.study.asking._bounds import value_fault
from reldyn.study.cli import main

APIM = {"verb": "apim", "outcome": "y", "predictors": ["x"]}
CORRELATION = {"verb": "coupling.cross_correlation", "variable": "x"}


class Places:
    def place(self, keys):
        return ".".join(map(str, keys))


def faults(**table):
    return read_requests({"one": table}, Places())[1]


@pytest.mark.parametrize("name", analyses_by_name())
def test_defaults_are_within_bounds(name):
    for field in dataclasses.fields(spec_class(name)):
        if field.default not in (dataclasses.MISSING, None):
            assert value_fault(name, field.name, field.default, str(field.type)) is None


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"verb": "affect_dynamics", "variables": []}, "variables: the list is empty: name at least one."),
        ({"verb": "affect_dynamics", "variables": ["a", "a"]}, "variables: 'a' stands twice: name each column once."),
        ({"verb": "actor_partner.apim_sem", "outcome": "y", "predictors": []}, "predictors: the list is empty"),
        ({"verb": "cycles.learning", "warmth": "w", "response": "r", "models": []}, "models: the list is empty"),
        (
            CORRELATION | {"seed": -1},
            "seed: give a whole number of at least 0",
        ),
        (
            CORRELATION | {"seed": "a"},
            "seed: give a whole number of at least 0",
        ),
        (
            CORRELATION | {"seed": 1.5},
            "seed: give a whole number of at least 0",
        ),
        (
            CORRELATION | {"seed": True},
            "seed: give a whole number of at least 0",
        ),
        (CORRELATION | {"max_lag": -1}, "max_lag: give a whole number of at"),
        (CORRELATION | {"n_jobs": 0}, "n_jobs: give a count of at least 1"),
        (
            CORRELATION | {"surrogate": "fase"},
            'surrogate: surrogate = "fase" is',
        ),
        ({"verb": "detect_cycles", "warmth": "w", "alpha": 5}, "alpha: give a number between 0 and 1, not 5."),
        (
            {"verb": "detect_cycles", "warmth": "w", "n_surrogates": -1},
            "n_surrogates: give a whole number",
        ),
        (
            APIM | {"residual": "ar"},
            'residual: residual process = "ar" is',
        ),
        (APIM | {"centering": "gran"}, "centering: wanted is 'within-b"),
        (
            APIM | {"estimation": "ml"},
            "estimation: wanted is a table such",
        ),
        (
            APIM | {"estimation": {"seed": -2}},
            "estimation: seed: give a whole number of at least 0, not -2.",
        ),
        (
            {"verb": "cycles.bond_trend", "warmth": "w", "attachment": "a", "phases": "x"},
            'phases: wanted is another analysis of the file: { analysis = "NAME" }.',
        ),
    ],
)
def test_values_without_use_are_refused(table, words):
    (fault,) = faults(**table)
    assert fault.startswith(f"analyses.one.{words}")


def test_models_without_predictors_stay_possible():
    assert faults(verb="apim", outcome="y", predictors=[]) == []
    assert faults(verb="actor_partner.dyad_individual", outcome="y", predictors=[]) == []
    assert faults(verb="actor_partner.factor_model", items=["a", "b", "c"], equal=[]) == []


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("[run]\nseed = -1", "run.seed (line 8): give a number of at least 0."),
        ("[schedule]\nnight_steps = -1", "night_steps = -1: give a whole number of at least 1, 'restart' or 'clock'."),
        ("[schedule]\nnight_steps = 'x'", "allowed: 'clock' or 'restart' or a whole number."),
        ("[scales]\nx = [1]", "scales.x (line 8): wanted is a list of two numbers."),
        ("[[prepare]]\nstep = 'reverse'\nvariables = ['x']\nrange = [7, 1]", "the lower end comes first: [1, 7]."),
        (
            "[[prepare]]\nstep = 'recode'\nvariable = 'x'\nvalues = {}",
            "prepare.0.values (line 10): too few: give 1",
        ),
    ],
)
def test_sections_say_what_is_wanted(section, words, tmp_path, capsys):
    head = '[data]\npath = "reldyn:sample"\n[columns]\ndyad = "dyad"\nperson = "person"\nday = "day"\n'
    (tmp_path / "study.toml").write_text(head + section, encoding="utf-8")
    assert main(["check", str(tmp_path / "study.toml")]) == 1
    assert words in capsys.readouterr().err
