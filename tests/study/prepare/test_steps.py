"""Steps of the preparation against the same done by hand with pandas, and the flow that they leave."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DesignError
from reldyn.study._config import StudyFile
from reldyn.study.prepare import Prepared, columns_after, prepare

SCALES = {"q1": (1.0, 7.0), "q2": (1.0, 7.0)}


@pytest.fixture(scope="module")
def frame():
    draws = np.random.default_rng(1)
    rows = pd.MultiIndex.from_product([[11, 12, 13, 14], ["f", "m"], range(1, 9)], names=["dyad", "role", "time"])
    made = rows.to_frame(index=False)
    made["person"] = made["dyad"].astype(str) + made["role"]
    mood = draws.normal(size=len(made))
    for name in ("q1", "q2", "q3"):
        made[name] = np.clip(np.round(4 + mood + draws.normal(size=len(made))), 1, 7)
    made["age"] = 30.0 + made["dyad"] - 10 + (made["role"] == "m")
    made.loc[[3, 20, 21], "q1"] = np.nan
    made["site"] = np.where(made["dyad"] < 13, "Bern", "Ulm")
    return made


@pytest.fixture(scope="module")
def start(frame):
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time", scales=SCALES)
    return Prepared(panel, frame[["dyad", "person"]])


def steps(*tables):
    data = {"data": {"path": "a"}, "columns": {"dyad": "d"}}
    return StudyFile.model_validate({**data, "prepare": list(tables)}).prepare


def run(start, *tables):
    return prepare(start, steps(*tables), lambda number, name: f"{number} {name}")


def values(done, name):
    return done.panel.frame[name].to_numpy()


def test_filters_count_what_they_drop(start, frame):
    done = run(
        start,
        {"step": "filter", "keep": "time <= 6"},
        {"step": "filter", "keep": "age < 34", "unit": "person", "reason": "under 34"},
        {"step": "filter", "keep": "site == 'Bern'", "unit": "dyad"},
        {"step": "filter", "keep": "person != '11f'"},
    )
    counted = ["step", "rows_dropped", "persons_dropped", "dyads_dropped", "rows", "persons", "dyads"]
    assert pd.DataFrame(list(done.flow))[counted].to_numpy().tolist() == [
        ["file", 0, 0, 0, 64, 8, 4],
        ["filter", 16, 0, 0, 48, 8, 4],
        ["filter", 18, 3, 1, 30, 5, 3],
        ["filter", 6, 1, 1, 24, 4, 2],
        ["filter", 6, 1, 0, 18, 3, 2],
    ]
    assert done.flow[2]["what"] == "under 34"
    assert set(done.ids["person"]) == {"11m", "12f", "12m"}
    assert len(done.ids) == len(done.panel.frame)


def test_unknown_values_are_not_kept_and_counted(start):
    done = run(start, {"step": "filter", "keep": "q1 >= 1"})
    assert done.flow[-1]["rows_dropped"] == 3
    assert done.flow[-1]["note"].startswith("3 rows without the values")


def test_persons_and_dyads_with_too_few_answers_go(start):
    asked = {"step": "answers", "variables": ["q1"], "at_least": 8}
    assert run(start, asked).flow[-1]["persons"] == 6
    assert run(start, {**asked, "unit": "dyad"}).flow[-1]["dyads"] == 2


def test_values_are_recoded_and_reversed(start, frame):
    done = run(
        start,
        {"step": "recode", "variable": "site", "values": {"Bern": 1, "Ulm": 2}, "into": "place"},
        {"step": "recode", "variable": "q3", "values": {"7": 6, "1": "", "99": 3}},
        {"step": "reverse", "variables": ["q1"], "suffix": "_r"},
        {"step": "reverse", "variables": ["q2"], "range": [1, 7]},
    )
    np.testing.assert_array_equal(values(done, "place"), np.where(frame["site"] == "Bern", 1.0, 2.0))
    wanted = frame["q3"].replace({7: 6}).where(frame["q3"] != 1)
    np.testing.assert_array_equal(values(done, "q3"), wanted)
    np.testing.assert_array_equal(values(done, "q1_r"), 8 - frame["q1"])
    np.testing.assert_array_equal(values(done, "q2"), 8 - frame["q2"])
    assert done.flow[2]["note"] == "no row has 99"


@pytest.mark.parametrize("name", ["dyad", "person"])
def test_hidden_ids_do_not_come_back_in_a_recoded_column(start, frame, name):
    some = {str(frame[name].iloc[0]): "early"}
    step = {"step": "recode", "variable": name, "values": some, "into": "cohort"}
    done = run(replace(start, hidden=True), step)
    n = int((frame[name] == frame[name].iloc[0]).sum())
    assert [value for value in values(done, "cohort") if not pd.isna(value)] == ["early"] * n
    assert done.flow[-1]["note"] == f"{64 - n} rows with ids that are not listed have no value"
    shown = run(start, step)
    assert set(values(shown, "cohort")) == {"early", *frame[name]} - {frame[name].iloc[0]}
    assert shown.flow[-1]["note"] == ""


def test_formulas_may_compare_hidden_ids_and_not_copy_them(start):
    hidden = replace(start, hidden=True)
    done = run(hidden, {"step": "derive", "name": "late", "value": "dyad > 12"})
    assert set(values(done, "late")) == {0, 1}
    with pytest.raises(DesignError, match=r"the formula of 'copy' gives every dyad or person a number of its own from"):
        run(hidden, {"step": "derive", "name": "copy", "value": "2 * dyad"})
    assert set(values(run(start, {"step": "derive", "name": "copy", "value": "2 * dyad"}), "copy")) == {22, 24, 26, 28}


def test_a_filter_that_gives_numbers_is_refused(start):
    with pytest.raises(DesignError, match=r"'q2' gives numbers, not yes or no \(\d+ rows\): compare, as in"):
        run(start, {"step": "filter", "keep": "q2"})


def test_a_derived_column_without_a_value_is_refused(start):
    with pytest.raises(DesignError, match=r"no row has a value of 'x': look at the columns of the formula\."):
        run(start, {"step": "derive", "name": "x", "value": "q1 / 0"})


def test_scales_come_with_their_reliability(start, frame):
    done = run(start, {"step": "scale", "name": "mood", "items": ["q1", "q2", "q3"], "min_items": 2})
    np.testing.assert_allclose(values(done, "mood"), frame[["q1", "q2", "q3"]].mean(axis=1))
    with pytest.warns(rd.DataWarning, match="only some of the items"):
        found = rd.dynamics.reliability(start.panel, ["q1", "q2", "q3"])
    table = found.tidy().set_index("coefficient")["estimate"]
    assert f"of change {table['Rc']:.2f}" in done.flow[-1]["note"]
    strict = run(start, {"step": "scale", "name": "mood", "items": ["q1", "q2"], "score": "sum"})
    np.testing.assert_allclose(values(strict, "mood"), frame["q1"] + frame["q2"])


def test_alpha_of_a_cross_section_is_the_textbook_one(frame):
    once = frame[frame["time"] == 1].reset_index(drop=True)
    panel = rd.DyadPanel(once.drop(columns="time"), dyad="dyad", person="person", role="role")
    done = run(Prepared(panel, once[["dyad", "person"]]), {"step": "scale", "name": "s", "items": ["q2", "q3"]})
    items = once[["q2", "q3"]]
    alpha = 2 * (1 - items.var(ddof=1).sum() / items.sum(axis=1).var(ddof=1))
    assert done.flow[-1]["note"] == f"Cronbach's alpha {alpha:.2f} over 8 complete answers"


def test_centring_lags_and_formulas(start, frame):
    done = run(
        start,
        {"step": "centre", "variables": ["q2"]},
        {"step": "centre", "variables": ["q2"], "around": "dyad"},
        {"step": "centre", "variables": ["q3"], "around": "grand"},
        {"step": "lag", "variables": ["q2"], "steps": 2},
        {"step": "derive", "name": "change", "value": "q2 - q2_lag2"},
        {"step": "derive", "name": "mine", "value": "dyad == 12 and role == 'f'"},
    )
    by_person = frame["q2"] - frame.groupby("person")["q2"].transform("mean")
    np.testing.assert_allclose(values(done, "q2_within"), by_person, atol=1e-12)
    by_dyad = frame["q2"] - frame.groupby("dyad")["q2"].transform("mean")
    np.testing.assert_allclose(values(done, "q2_centred"), by_dyad, atol=1e-12)
    np.testing.assert_allclose(values(done, "q3_centred"), frame["q3"] - frame["q3"].mean(), atol=1e-12)
    np.testing.assert_allclose(values(done, "change"), frame["q2"] - frame.groupby("person")["q2"].shift(2))
    np.testing.assert_array_equal(values(done, "mine"), ((frame["dyad"] == 12) & (frame["role"] == "f")).astype(float))


def test_careless_rows_are_emptied_or_dropped(start, frame):
    asked = {"step": "careless", "items": ["q1", "q2", "q3"], "limits": {"irv": 0.0, "mahalanobis_p": 0.0}}
    flagged = rd.panel.careless(start.panel, ["q1", "q2", "q3"], limits=asked["limits"])["flagged"].to_numpy(bool)
    assert 0 < flagged.sum() < len(flagged)
    emptied = run(start, asked)
    np.testing.assert_array_equal(np.isnan(values(emptied, "q2")), flagged)
    assert run(start, {**asked, "action": "drop"}).flow[-1]["rows_dropped"] == flagged.sum()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"step": "filter", "keep": "q1 > 9"}, "0 filter: no row is left after this step."),
        ({"step": "derive", "name": "time", "value": "1"}, "column 'time' says who or when"),
        ({"step": "reverse", "variables": ["q3"]}, "the range of 'q3' is not known"),
        ({"step": "reverse", "variables": ["q1"], "range": [3, 4]}, "'q1' has values outside its range from 3 to 4"),
        ({"step": "recode", "variable": "q1", "values": {"x": 1}}, "'q1' holds numbers, and 'x' is none"),
        ({"step": "scale", "name": "s", "items": ["q1", "q2"], "min_items": 3}, "min_items=3 is more than the 2 items"),
        ({"step": "derive", "name": "s", "value": "site * 2"}, "calculates with texts"),
    ],
)
def test_steps_that_cannot_be_done_say_why(start, table, words):
    with pytest.raises(DesignError) as caught:
        run(start, table)
    assert words in str(caught.value)


def test_names_are_followed_through_the_steps():
    asked = steps(
        {"step": "derive", "name": "a", "value": "b + c"},
        {"step": "lag", "variables": ["a", "d"]},
        {"step": "centre", "variables": ["a_lag1"]},
    )
    names, absent = columns_after(["b"], asked)
    assert absent == [(0, "value", "c"), (1, "variables", "d")]
    assert {"a", "a_lag1", "a_lag1_within"} <= set(names)


@pytest.mark.parametrize("named", ['day = "day"\nbeep = "beep"\n', ""], ids=["named", "left out"])
def test_stamps_are_aligned_before_there_is_a_panel(tmp_path, named):
    draws = np.random.default_rng(0)
    rows = []
    for dyad in (1, 2):
        for person in ("f", "m"):
            for day in range(1, 6):
                for hour in (9, 14, 19):
                    stamp = f"2024-03-{day:02d}T{hour:02d}:{draws.integers(0, 20):02d}:00"
                    rows.append((dyad, f"{dyad}{person}", person, stamp, draws.normal()))
    rows.append((2, "2m", "m", None, 0.0))
    pd.DataFrame(rows, columns=["dyad", "person", "role", "at", "y"]).to_csv(tmp_path / "d.csv", index=False)
    (tmp_path / "s.toml").write_text(
        '[data]\npath = "d.csv"\n[columns]\ndyad = "dyad"\nperson = "person"\nrole = "role"\n'
        f'{named}[[prepare]]\nstep = "align"\nstamp = "at"\nprompts = ["09:00", "14:00", "19:00"]\n'
        '[analyses.a]\nverb = "coupling.inertia_coordination"\nvariable = "y"\n',
        encoding="utf-8",
    )
    flow = rd.run_study(tmp_path / "s.toml").flow
    assert flow["step"].tolist() == ["align"]
    assert flow[["rows_dropped", "rows", "persons", "dyads"]].iloc[0].tolist() == [1, 60, 4, 2]
    assert flow["note"].iloc[0].startswith("1 without a stamp")
