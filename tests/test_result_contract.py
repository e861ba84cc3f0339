"""What every result of the families holds to: unique terms, numbers in their range, and a faithful copy from JSON."""

import dataclasses
import importlib
import pkgutil
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.results import Result, TableResult

MARKED = ("<i>&", "ж ♀")
ITEMS = ("i1", "i2", "i3", "i4")
JUDGED = ("j1", "j2", "j3", "j4")


@pytest.fixture(scope="module")
def panel():
    """Six dyads, one of them with one role twice; roles and variables carry markup."""
    rng = np.random.default_rng(4)
    dyad, who, time = (part.ravel() for part in np.indices((6, 2, 42)))
    frame = pd.DataFrame({"dyad": dyad, "person": 2 * dyad + who, "day": time})
    frame["role"] = np.where((who == 0) | (dyad == 5), *MARKED)
    frame["<i>&"] = rng.standard_normal(len(frame))
    for name in ("y", "x", *ITEMS, *JUDGED):
        frame[name] = 0.5 * frame["<i>&"] + rng.standard_normal(len(frame))
    frame["phase"] = np.where(time < 12 + 3 * dyad, "A", "B")
    frame["event"] = (time % 9 == 5).astype(int)
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day")


@pytest.fixture(scope="module")
def told_apart(panel):
    return panel.select(dyads=range(5))


few = rd.coupling.Surrogates("circular-shift", n=19)
phases = {"outcome": "<i>&", "phase": "phase"}
CALLS = {
    "correlations": lambda p: rd.dynamics.correlations(p, ["<i>&", "x"], n_boot=99, seed=1),
    "icc": lambda p: rd.dynamics.icc(p, ["<i>&", "x"]),
    "inertia": lambda p: rd.dynamics.inertia(p, "<i>&"),
    "instability": lambda p: rd.dynamics.instability(p, "<i>&"),
    "location_scale": lambda p: rd.dynamics.location_scale(p, "<i>&"),
    "network_density": lambda p: rd.dynamics.network_density(p, ["<i>&", "x"]),
    "reliability": lambda p: rd.dynamics.reliability(p, ITEMS, method="reml"),
    "cross_correlation": lambda p: rd.coupling.cross_correlation(p, "<i>&", surrogate=few, seed=1),
    "lag_sequential": lambda p: rd.coupling.lag_sequential(p, "<i>&", bins=[0.0], n_permutations=19, seed=1),
    "recurrence": lambda p: rd.coupling.recurrence(p, "<i>&", radius=0.5, surrogate=few, seed=1),
    "state_space_grid": lambda p: rd.coupling.state_space_grid(p, "<i>&", bins=[-0.5, 0.5]),
    "susy": lambda p: rd.coupling.susy(p, "<i>&", segment=14, max_lag=2, n_surrogates=19, seed=1),
    "transition_logit": lambda p: rd.coupling.transition_logit(p, "<i>&", bins=[0.0]),
    "var": lambda p: rd.coupling.var(p, "<i>&"),
    "windowed": lambda p: rd.coupling.windowed_cross_correlation(
        p, "<i>&", window=14, increment=7, max_lag=2, surrogate=few, seed=1
    ),
    "similarity over items": lambda p: rd.perception.similarity(p, ITEMS, n_permutations=19, seed=1),
    "similarity over occasions": lambda p: rd.perception.similarity(
        p, ITEMS, over="occasions", n_permutations=19, seed=1
    ),
    "social_accuracy": lambda p: rd.perception.social_accuracy(p, items=ITEMS, judged=JUDGED),
    "event_response": lambda p: rd.intervention.event_response(
        p, outcome="<i>&", event="event", n_boot=99, n_surrogates=19, seed=1
    ),
    "recovery": lambda p: rd.intervention.recovery(p, outcome="<i>&", n_boot=19, seed=1),
}
APART = {
    "dissociation": lambda p: rd.perception.dissociation(p, judgment="x", affect="<i>&", n_boot=99, seed=1),
    "truth_and_bias": lambda p: rd.perception.truth_and_bias(p, judgment="y", truth="<i>&", bias="x"),
    "interrupted_series": lambda p: rd.intervention.interrupted_series(
        p.select(dyads=[0]), **phases, inference="kenward-roger"
    ),
    "multiple_baseline": lambda p: rd.intervention.multiple_baseline(p, **phases),
}


class Tags(HTMLParser):
    """Tags that are open; markup that came from a name would be one."""

    known = ("div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "ul", "li")

    @classmethod
    def of(cls, text):
        parser = cls()
        parser.open = []
        parser.feed(text)
        parser.close()
        return parser.open

    def handle_starttag(self, tag, attrs):
        assert tag in self.known, tag
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def as_numbers(column):
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def records(item):
    """The dataclasses that can be reached from a result through its fields, itself among them."""
    if dataclasses.is_dataclass(item):
        yield item
        for field in dataclasses.fields(item):
            yield from records(getattr(item, field.name))
    elif isinstance(item, (tuple, list, dict)):
        for one in item.values() if isinstance(item, dict) else item:
            yield from records(one)


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning", "ignore::reldyn.ConvergenceWarning")
@pytest.mark.parametrize("name", [*CALLS, *APART])
def test_a_result_keeps_its_promises(name, panel, told_apart):
    result = CALLS[name](panel) if name in CALLS else APART[name](told_apart)
    table = result.tidy()
    assert table["term"].is_unique
    assert table.columns.is_unique
    for column in table.filter(regex="^p_"):
        p = as_numbers(table[column])
        assert not ((p <= 0) | (p > 1)).any(), column
    if "conf_low" in table:
        low, middle, high = (as_numbers(table[column]) for column in ("conf_low", "estimate", "conf_high"))
        slack = 1e-9 * (1 + np.abs(middle))
        assert not ((low > middle + slack) | (middle > high + slack)).any()
    assert len(result.glance()) == 1
    text = result.summary()
    assert not re.search(r"\bnan\b|\bNone\b|<NA>", text), text
    assert not re.search(r"narciss|abus|victim|diagnos|leads? to|\bcauses\b", text, re.IGNORECASE)
    html = result._repr_html_()
    assert Tags.of(html) == []
    assert repr(result).startswith(f"<{type(result).__name__}: ")
    assert str(result) == f"{result}" == text
    for record in records(result):
        assert len(repr(record)) <= 120, repr(record)
        assert "\n" not in repr(record)
    again = rd.from_json(result.to_json(rows=True))
    assert repr(again) == repr(result)
    pd.testing.assert_frame_equal(again.tidy(), table)
    pd.testing.assert_frame_equal(again.glance(), result.glance())
    assert (again.summary(), again._repr_html_(), again.to_json(rows=True)) == (text, html, result.to_json(rows=True))


@pytest.mark.parametrize("inference", ["z", "kenward-roger"])
def test_a_fit_names_its_model_in_one_line(inference):
    panel = rd.simulate.apim(n_dyads=12, n_occasions=6, actor=0.3, partner=0.2, seed=1).panel
    estimation = rd.Estimation(inference=inference)
    fit = rd.apim(panel, outcome="y", predictors=["x"], estimation=estimation)
    assert repr(fit).startswith("<ApimResult: y ~ x, 12 dyads, converged")
    assert str(fit) == fit.summary()
    for record in records(fit):
        assert len(repr(record)) <= 120, repr(record)
    wide = rd.apim(
        rd.DyadPanel(
            panel.frame.rename(columns={"x": "a predictor\nwith " + 20 * "very " + "many words"}),
            dyad="dyad",
            person="person",
            role="role",
            time="time",
        ),
        outcome="y",
        predictors=["a predictor\nwith " + 20 * "very " + "many words"],
    )
    assert repr(wide).startswith("<ApimResult: y ~ a predictor with very")
    assert len(repr(wide)) <= 120
    assert "\n" not in repr(wide)


def modules():
    for module in pkgutil.walk_packages(rd.__path__, "reldyn."):
        if module.name == "reldyn.__main__":
            continue
        try:
            yield importlib.import_module(module.name)
        except ModuleNotFoundError as missing:
            # Compiled twins need numba, which is optional; they hold functions only.
            if missing.name != "numba":
                raise


def every_dataclass():
    for module in modules():
        for item in vars(module).values():
            if isinstance(item, type) and dataclasses.is_dataclass(item) and item.__module__ == module.__name__:
                yield item


def test_every_result_and_every_saved_record_has_a_line_of_its_own():
    from reldyn._saved import REGISTRY

    found = set(every_dataclass())
    results = {cls for cls in found if issubclass(cls, Result)}
    assert len(results) > 40
    saved = {cls for cls in REGISTRY.values() if cls in found} - results
    assert len(saved) > 15
    four = ["spec", "tables", "notes", "state"]
    for cls in results:
        assert [field.name for field in dataclasses.fields(cls)] == four, cls
        assert (cls.summary, cls._repr_html_) == (Result.summary, Result._repr_html_), cls
        assert cls.__repr__ is Result.__repr__, cls
        assert cls.__str__ is Result.__str__, cls
        # Also half a result, as a debugger may meet it.
        assert repr(object.__new__(cls)).startswith(f"<{cls.__name__}")
    for cls in saved:
        assert cls.__repr__.__module__ == "reldyn._records", cls


def test_a_result_with_a_field_of_its_own_is_refused():
    with pytest.raises(TypeError, match=r"Ours is a Result .* name estimate with InTables\(\) or InState\(\)"):
        type("Ours", (Result,), {"__annotations__": {"estimate": "float"}})


def test_what_a_result_holds_cannot_be_changed():
    found = TableResult.of(table=pd.DataFrame({"a": [1]}), notes=["a note"])
    assert (found.warnings, list(found.parts()), found.spec) == (("a note",), ["table"], None)
    for name in ("table", "notes", "anything"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(found, name, None)
    assert found.with_parts(notes=()).warnings == ()
    with pytest.raises(TypeError, match=r"parts missing \['table'\], unknown \['frame'\]"):
        TableResult.of(frame=1)


@pytest.mark.parametrize("name", [None, 3, float("nan"), [], {}])
def test_what_is_no_name_is_refused_in_words(panel, name):
    for call in (rd.dynamics.inertia, rd.coupling.var):
        with pytest.raises(rd.DataError) as error:
            call(panel, name)
        assert str(error.value) == f"{name!r} is no name of a column: give one name, as text."


def test_what_is_no_list_of_names_is_refused_in_words(panel):
    with pytest.raises(rd.DesignError) as error:
        rd.affect_dynamics(panel, None)
    assert str(error.value) == "None names no column: give one name, as text, or a list of names."
