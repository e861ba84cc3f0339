"""Records and results in one line: what is shown, what is cut and what is left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reldyn._records import WIDTH, brief, one_line
from reldyn.results import InState, MaybeInTables, Result, register


@brief
@dataclass(frozen=True)
class Options:
    method: str = "ml"
    terms: tuple[str, ...] = ("intercept",)


@brief
@dataclass(frozen=True)
class Record:
    dyad: str
    beta: np.ndarray
    table: pd.DataFrame
    settings: Mapping[str, Any]
    options: Options
    share: float
    note: str = ""
    seed: int | None = None


def record(**changes):
    values = {
        "dyad": "Ann and Bob",
        "beta": np.zeros((4, 2)),
        "table": pd.DataFrame({"a": [1, 2]}),
        "settings": {"x": 1},
        "options": Options(),
        "share": np.float64(1 / 3),
    }
    return Record(**(values | changes))


def test_data_are_shown_by_their_size_and_no_dyad_by_its_name():
    line = "<Record: beta (4, 2), table (2, 1), settings: 1, options: Options, share=0.3333>"
    assert repr(record()) == line
    assert repr(record(note="a\nb")) == line[:-1] + ", note='a\\nb'>"


def test_options_show_themselves_as_one_writes_them_while_they_fit():
    assert repr(Options()) == "Options(method='ml', terms=('intercept',))"
    many = Options(terms=tuple(f"variable number {k}" for k in range(20)))
    assert repr(many) == "<Options: method='ml', terms: 20>"
    assert one_line(Options(method=200 * "m")) == "<Options: method='" + 37 * "m" + "'..., terms: 1>"


@pytest.mark.parametrize(("n", "cut"), [(3, False), (40, True)])
def test_what_does_not_fit_ends_in_dots(n, cut):
    line = repr(record(note="n" * n, share=1e-12 / 3))
    assert len(line) <= WIDTH
    assert line.endswith(", ...>") is cut


class Toy(Result):
    outcome = InState[Any]("y")
    predictors = InState[Any](("x", "z"))
    n_dyads = InState[int | None](1)
    converged = InState[bool | None](None)
    columns = InState[Any](None)
    rows = MaybeInTables()


def test_results_name_their_model_their_dyads_and_their_state():
    assert repr(Toy.of()) == "<Toy: y ~ x + z, 1 dyad>"
    assert str(Toy.of()) == repr(Toy.of())
    assert (
        repr(Toy.of(n_dyads=2, converged=False, notes=("a", "b")))
        == "<Toy: y ~ x + z, 2 dyads, not converged, 2 notes>"
    )
    rows = pd.DataFrame({"dyad": ["a", "b", "b", "", "sample", None]})
    assert repr(Toy.of(n_dyads=None, rows=rows, converged=True, predictors=())) == "<Toy: y, 2 dyads, converged>"
    # Columns that are a record of names, and not those of a table.
    assert (
        repr(Toy.of(outcome=None, predictors=None, n_dyads=None, columns=Toy.of(outcome="warmth")))
        == "<Toy: warmth ~ x + z, 1 dyad>"
    )
    long = repr(Toy.of(outcome="o" * 300, predictors=tuple("p" * 30 for _ in range(9))))
    assert len(long) <= WIDTH
    assert long.startswith("<Toy: " + 37 * "o" + "... ~ " + "p" * 30)


def test_registered_records_are_brief():
    @register
    @dataclass(frozen=True)
    class Saved:
        values: np.ndarray

    assert repr(Saved(np.zeros(9999))) == "<Saved: values (9999,)>"
