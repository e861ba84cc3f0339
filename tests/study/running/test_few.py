"""Numbers of fewer than five dyads are in nothing that the report shows of an analysis, unless dyads are asked for."""

import json

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.study.running import _record
from reldyn.study.running._few import FEW, glance_without_means, rows_without_means

STUDY = """[data]
path = "d.csv"
[columns]
dyad = "dyad"
person = "person"
role = "role"
time = "time"
[analyses.synchrony]
verb = "coupling.cross_correlation"
variable = "y"
max_lag = 2
surrogate = { n = 19 }
[analyses.grid]
verb = "coupling.state_space_grid"
variable = "y"
bins = [0.0]
[analyses.accuracy]
verb = "perception.empathic_accuracy"
judgment = "x"
truth = "y"
[analyses.sequences]
verb = "coupling.lag_sequential"
variable = "y"
bins = [0.0]
n_permutations = 19
"""


def run(folder, n_dyads, more=""):
    panel = rd.simulate.apim(n_dyads=n_dyads, n_occasions=20, actor=0.3, partner=0.1, seed=1).panel
    panel.frame.to_csv(folder / "d.csv", index=False)
    (folder / "s.toml").write_text(STUDY + more, encoding="utf-8")
    done = rd.run_study(folder / "s.toml")
    names = ("synchrony", "grid", "accuracy", "sequences")
    records = {name: json.loads((done.output / "results" / f"{name}.report.json").read_text("utf-8")) for name in names}
    return done, records


def glance(record):
    return dict(zip(record["glance"]["columns"], record["glance"]["rows"][0], strict=True))


def estimates(record, column):
    return [row[record["table"]["columns"].index(column)] for row in record["table"]["rows"]]


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
def test_means_of_few_dyads_are_not_in_the_figures_of_the_fit(tmp_path):
    done, records = run(tmp_path, 4)
    said = glance(records["synchrony"])
    assert {said[name] for name in ("estimate", "surrogate_mean", "z", "p_value", "share_below_05")} == {FEW}
    assert (said["n_dyads"], said["n_tested"]) == (4, 4)
    assert "Mean over" not in records["synchrony"]["own"]
    assert records["synchrony"]["own"].startswith("Lag k pairs")
    said = glance(records["grid"])
    assert (said["mean_dispersion"], said["mean_n_visits"], said["n_states"]) == (FEW, FEW, 2)
    for name, column in (("accuracy", "accuracy"), ("sequences", "estimate")):
        assert set(estimates(records[name], column)) == {None}
        assert set(estimates(records[name], "note")) == {FEW}
        assert records[name]["sentence"].startswith("Fewer than 5 dyads have an estimate")
        assert records[name]["figures"] == {}
    mean = float(done.results["synchrony"].glance()["estimate"].iloc[0])
    page = done.path.read_text("utf-8")
    assert f"dyads {mean:.3f}" not in page
    assert FEW in page


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
@pytest.mark.parametrize(("n_dyads", "more"), [(5, ""), (4, "[report]\ndyads = true\n")])
def test_five_dyads_and_those_that_are_asked_for_have_their_means(tmp_path, n_dyads, more):
    _, records = run(tmp_path, n_dyads, more)
    assert isinstance(glance(records["synchrony"])["estimate"], float)
    assert "Mean over" in records["synchrony"]["own"]
    assert isinstance(glance(records["grid"])["mean_dispersion"], float)
    assert None not in estimates(records["accuracy"], "accuracy")


def test_rows_of_few_dyads_keep_labels_and_counts():
    rows = pd.DataFrame({"term": ["a", "b"], "estimate": [0.1, 0.2], "n_dyads": [4, 5], "n_obs": [40, 50]})
    shown = rows_without_means(rows, few=False)
    np.testing.assert_array_equal(shown["estimate"], [np.nan, 0.2])
    assert shown["note"].tolist() == [FEW, ""]
    assert shown["n_obs"].tolist() == [40, 50]
    assert rows_without_means(rows.drop(columns="n_dyads"), few=False).equals(rows.drop(columns="n_dyads"))


def test_options_are_no_means():
    about = pd.DataFrame({"n_dyads": [3], "bandwidth": [28.0], "estimate": [0.5]})
    assert glance_without_means(about, {"bandwidth"}, few=True).iloc[0].tolist() == [3, 28.0, FEW]
    assert glance_without_means(about, (), few=False) is about


@pytest.mark.parametrize(("n", "everyone", "shown"), [(4, False, None), (5, False, 0.3), (4, True, 0.3)])
def test_the_common_coefficient_of_few_dyads_is_left_out(n, everyone, shown):
    class Result:
        def sample(self):
            names = ["term", "estimate", "conf_low", "conf_high", "n", "note"]
            rows = [("prevalence", 0.5, 0.1, 0.9, n, ""), ("reinforcement", 0.3, 0.1, 0.5, n, "")]
            return pd.DataFrame(rows, columns=names)

    first, second = _record._prevalence(Result(), everyone=everyone)["rows"]
    assert first[1] == 0.5
    assert (second[1], second[4], second[5]) == (shown, n, "" if shown else FEW)
