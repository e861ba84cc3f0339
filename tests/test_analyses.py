"""The list of analyses: every analysis is in it, and what it says is true."""

import dataclasses
import importlib
import inspect
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn._registry import ROOMS, analyses_by_name, find_analysis
from reldyn._spec import spec_class
from reldyn.results import Result, from_json

ENTRIES = analyses_by_name()
TOY = '''
"""How often is a value high? A toy analysis."""
import pandas as pd
from reldyn._types import Column
from reldyn.panel import analysis
from reldyn.results import TableResult

class HighShare(TableResult):
    """Share of high values."""

@analysis
def high_share(panel, variable: Column, *, above: float = 0.0) -> HighShare:
    """Count them."""
    values = panel.values(variable)
    return HighShare.of(table=pd.DataFrame([{"dyad": "sample", "share": float((values > above).mean())}]))
'''


def panel_functions():
    for room in ROOMS:
        module = getattr(rd, room)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value) and next(iter(inspect.signature(value).parameters), "") == "panel":
                yield f"reldyn.{room}.{name}", value


FUNCTIONS = dict(panel_functions())


def test_every_function_of_a_panel_has_an_entry_and_no_entry_is_about_nothing():
    assert {entry.call for entry in ENTRIES.values() if entry.call.startswith("reldyn.")} == set(FUNCTIONS)


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_is_true(name):
    entry = ENTRIES[name]
    cls = entry.result_class()
    assert issubclass(cls, Result)
    assert (cls.figure or "") == entry.figure
    if entry.figure:
        assert callable(getattr(rd.plot, entry.figure))
    else:
        assert not hasattr(cls, "plot")
    assert entry.question.endswith("?") and entry.methods.endswith(".")
    assert name == entry.name and (("." not in name) == hasattr(rd, name.rpartition(".")[2]))
    parameters = list(inspect.signature(entry.function()).parameters.values())
    # The panel and at most one more by position: whatever else is named.
    assert all(item.kind in (item.KEYWORD_ONLY, item.VAR_KEYWORD) for item in parameters[2:])


@pytest.mark.parametrize("call", FUNCTIONS)
def test_what_is_no_panel_is_refused_in_one_sentence(call):
    name = call.removeprefix("reldyn.")
    for given in (pd.DataFrame({"x": [1.0]}), None, "diary.csv"):
        with pytest.raises(rd.DesignError) as caught:
            FUNCTIONS[call](given)
        said = str(caught.value)
        assert said.startswith(f"{name} takes a DyadPanel, not a {type(given).__name__}: make one with rd.DyadPanel(")
        assert said.count(". ") == 0


def test_a_simulated_panel_is_recognised():
    simulated = rd.simulate.apim(n_dyads=2, actor=0.1, partner=0.1, seed=1)
    with pytest.raises(rd.DesignError, match=r"this Simulated holds one: give its \.panel\."):
        rd.apim(simulated, outcome="y", predictors=["x"])


def test_the_list_is_a_frame_and_imports_no_room():
    table = rd.analyses()
    assert list(table) == ["name", "question", "call", "room", "result", "figure", "methods", "references"]
    assert table["name"].is_unique and set(table["name"]) == set(ENTRIES)
    assert set(rd.analyses("coupling")["room"]) == {"coupling"}
    code = (
        "import sys, reldyn as rd; rd.analyses(); "
        "print([m for m in sys.modules if m.split('.')[:1] == ['reldyn'] and m.split('.')[1:2] and "
        f"m.split('.')[1] in {ROOMS!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ENTRIES)
def test_a_spec_has_the_options_of_its_call(name):
    cls = spec_class(name)
    assert dataclasses.is_dataclass(cls)
    names = {field.name for field in dataclasses.fields(cls)}
    own = {item.name for item in inspect.signature(find_analysis(name).function()).parameters.values()} - {"panel"}
    assert {item for item in own if item not in ("same", "model")} <= names
    assert cls.column_fields and set(cls.column_fields) <= names


def test_a_spec_comes_from_a_call_a_table_and_json_alike():
    panel = rd.simulate.apim(n_dyads=30, n_occasions=4, actor=0.3, partner=0.2, seed=1).panel
    fit = rd.apim(
        panel,
        outcome="y",
        predictors=[rd.shared("x")],
        residual=rd.Residual("ar1", common=True),
        estimation=rd.Estimation(inference="z"),
    )
    table = {
        "outcome": "y",
        "predictors": [{"shared": "x"}],
        "residual": {"process": "ar1", "common": True},
        "estimation": {"inference": "z"},
    }
    assert fit.spec.to_table() == table
    assert spec_class("apim").from_table(table) == fit.spec
    assert from_json(fit.to_json()).spec == fit.spec
    assert fit.spec.columns() == {"outcome": ["y"], "predictors": ["x"]}
    again = fit.spec.run(panel)
    np.testing.assert_array_equal(again.tidy()["estimate"], fit.tidy()["estimate"])


def test_faults_of_a_table_are_all_named():
    with pytest.raises(rd.DesignError) as caught:
        spec_class("coupling.asymmetry").from_table({"trnd": False})
    said = str(caught.value)
    assert "'trnd' is no option of coupling.asymmetry (did you mean 'trend'?)" in said
    assert "the option 'variable' is needed" in said


def test_an_unknown_analysis_offers_its_neighbours():
    with pytest.raises(rd.DesignError, match=r"no analysis is called 'coupling.asymetry'. Did you mean"):
        find_analysis("coupling.asymetry")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "toylab.py").write_text(TOY, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("reldyn._registry._BY_NAME", dict(ENTRIES))
    entry = rd.study.Analysis(
        name="toylab.high_share",
        call="toylab.high_share",
        question="How often is a value high?",
        result="toylab.HighShare",
        methods="The share of values above a bound was counted.",
    )
    rd.study.register_analysis(entry)
    yield importlib.import_module("toylab")
    sys.modules.pop("toylab")


def test_an_analysis_of_ones_own_is_one_function_and_one_entry(toy):
    panel = rd.simulate.apim(n_dyads=6, n_occasions=5, actor=0.3, partner=0.2, seed=1).panel
    assert "toylab.high_share" in set(rd.analyses()["name"])
    found = toy.high_share(panel, "y", above=0.5)
    assert found.spec.to_table() == {"variable": "y", "above": 0.5}
    assert "How often is a value high?" in found.summary()
    again = from_json(found.to_json())
    assert type(again) is toy.HighShare and again.spec == found.spec
    pd.testing.assert_frame_equal(again.tidy(), found.tidy())
    with pytest.raises(rd.DesignError, match="takes a DyadPanel"):
        toy.high_share(panel.frame, "y")
    with pytest.raises(rd.DesignError, match="there is an analysis called"):
        rd.study.register_analysis(dataclasses.replace(ENTRIES["coupling.var"], question="What?"))
