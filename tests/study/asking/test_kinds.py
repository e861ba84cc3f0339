"""Values of study files against annotations: right kinds pass, wrong ones are named in words."""

import dataclasses
import datetime
from typing import Literal

import pytest

from reldyn._registry import analyses_by_name
from reldyn._spec import Spec, spec_class
from reldyn.study.asking import Request, in_order, read_requests, seeded
from reldyn.study.asking._kinds import kind_fault

Method = Literal["fast", "exact"]
SPACE = {"Method": Method, "Table": dict, "Either": int | str}


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("str", "a"),
        ("Column", "a"),
        ("Columns", "a"),
        ("Columns", ["a", "b"]),
        ("Terms", ["a", {"shared": "b"}]),
        ("Constructs", {"a": ["b", "c"]}),
        ("bool", True),
        ("int", 3),
        ("float", 3),
        ("float | None", 0.5),
        ("Sequence[str] | None", []),
        ("tuple[float, float]", [1, 2.5]),
        ("tuple[str, ...]", ["a", "b", "c"]),
        ("Mapping[str, float]", {"a": 1}),
        ("Literal['a', 'b'] | None", "b"),
        ("Method", "fast"),
        ("Either", 3),
        ("Any", [1, {"a": 2}]),
        ("Unknown[int]", "anything"),
        ("Callable[[int], str] | str", "a"),
        ("str | Sequence[str]", ["a"]),
    ],
)
def test_right_kinds_pass(annotation, value):
    assert kind_fault(value, annotation, SPACE.get) is None


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        ("str", 3, "wanted is text in quotation marks"),
        ("Column | None", ["a"], "wanted is text in quotation marks"),
        ("Columns", [1], "wanted is text or a list of texts"),
        ("Constructs", {"a": "b"}, "wanted is a table of lists of columns"),
        ("Terms", "a", "wanted is a list in [ ]"),
        ("bool", 1, "wanted is true or false"),
        ("bool", "yes", "wanted is true or false"),
        ("int", True, "wanted is a whole number"),
        ("int", 1.5, "wanted is a whole number"),
        ("float", "1", "wanted is a number"),
        ("float | Literal['all']", "most", "wanted is a number or 'all'"),
        ("Sequence[int]", [1, "a"], "wanted is a list in [ ] (each item: a whole number)"),
        ("tuple[float, float]", [1], "wanted is a list in [ ]"),
        ("Mapping[str, str]", [1], "wanted is a table"),
        ("Method", "slow", "wanted is 'fast' or 'exact'"),
        ("Either", 2.5, "wanted is a whole number or text in quotation marks"),
        ("Any", float("nan"), "wanted is a finite number"),
        ("Any", [1, [float("inf")]], "wanted is a finite number"),
        ("Any", 10**30, "the number is too large"),
        ("Any", datetime.date(2024, 1, 1), "dates and times are texts here"),
    ],
)
def test_wrong_kinds_are_named(annotation, value, words):
    assert kind_fault(value, annotation, SPACE.get) == words


class Anywhere:
    def place(self, keys):
        return ".".join(map(str, keys))


@pytest.mark.parametrize("value", [{}, {"a": 1}, [], [[1]], 3, -1.5, "nonsense", True, {"analysis": "self"}, 10**30])
def test_no_option_of_any_analysis_ends_in_a_raw_error(value):
    for name in analyses_by_name():
        fields = list(spec_class(name).__dataclass_fields__)
        table = {"verb": name, **dict.fromkeys(fields, value)}
        asked, faults = read_requests({"self": table}, Anywhere())
        assert all(fault.startswith("analyses.self") for fault in faults)
        for one in asked:
            one.columns()


def test_defaults_of_every_analysis_are_of_the_kind_that_they_ask_for():
    for name in analyses_by_name():
        spec = spec_class(name)
        fields = {one.name: one for one in dataclasses.fields(spec)}
        plain = {
            option: list(one.default) if isinstance(one.default, tuple) else one.default
            for option, one in fields.items()
            if isinstance(one.default, (str, bool, int, float, tuple))
        }
        _, faults = read_requests({"self": {"verb": name, **plain}}, Anywhere())
        assert all("needed" in fault for fault in faults), (name, faults)


def test_no_option_hides_what_a_spec_offers():
    methods = {name for name in vars(Spec) if not name.startswith("_")}
    for name in analyses_by_name():
        assert not methods & {one.name for one in dataclasses.fields(spec_class(name))}, name


def test_analyses_come_after_those_that_they_refer_to():
    first = Request("a", "apim", {}, {"x": "b"})
    second = Request("b", "apim", {}, {"x": "c"})
    third = Request("c", "apim", {})
    assert [one.name for one in in_order([first, second, third])] == ["c", "b", "a"]
    raw = {
        "a": {"verb": "coupling.granger", "variable": "x", "lags": {"analysis": "b"}},
        "b": {"verb": "coupling.granger", "variable": "x", "lags": {"analysis": "a"}},
    }
    assert read_requests(raw, Anywhere())[1] == ["analyses: a and b refer to each other in a circle."]


def test_seeds_hang_on_the_name_and_not_on_the_order():
    one = Request("x", "coupling.cross_correlation", {"variable": "y"})
    first, again, other = (seeded(asked, 1, always=False) for asked in (one, one, Request("z", one.verb, one.options)))
    assert first == again
    assert first.options["seed"] != other.options["seed"]
    assert seeded(one, 2, always=False).options["seed"] != first.options["seed"]
    given = Request("x", one.verb, {"variable": "y", "seed": 3})
    assert seeded(given, 1, always=True).options["seed"] == 3
    boot = Request("m", "apim", {"outcome": "y", "predictors": [], "estimation": {"inference": "bootstrap"}})
    assert seeded(boot, 1, always=False).options["estimation"]["seed"] > 0
