"""The sample study as it is shipped: where it is found, what is in it, and that the planted truth is there."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.panel.reading import _sample

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def panel():
    return rd.load_sample()


@pytest.fixture(scope="module")
def truth():
    return rd.load_sample_truth()


def test_size_and_roles(panel):
    frame = panel.frame
    assert (panel.n_dyads, panel.n_persons, panel.n_occasions) == (140, 280, 224)
    assert len(frame) == 140 * 2 * 56 * 4
    assert panel.roles == ("female", "male")
    assert sorted(panel.compositions.items()) == [("female-female", 10), ("female-male", 120), ("male-male", 10)]


def test_nothing_in_it_is_an_error(panel):
    assert panel.findings["severity"].eq("error").sum() == 0


def test_answers_lie_on_their_scales(panel):
    frame = panel.frame
    for name in ("warmth_given", "warmth_received", "longing", "satisfaction"):
        assert set(frame[name].dropna().unique()) == set(range(1, 8))
    for name in ("stress", "positive_affect", "negative_affect"):
        assert frame[name].min() >= 0
        assert frame[name].max() <= 100
        assert (frame[name].dropna() % 1 == 0).all()
    assert set(frame["conflict"].dropna().unique()) == {0, 1}
    for name in ("attachment_anxiety", "attachment_avoidance"):
        assert frame[name].between(1, 7).all()
        assert frame.groupby("person")[name].nunique().eq(1).all()


def test_missing_answers_are_realistic(panel):
    frame = panel.frame.sort_values(["person", "day", "beep"])
    missed = frame["warmth_received"].isna()
    assert missed.mean() == pytest.approx(0.20, abs=0.015)
    assert frame["answered"].isna().equals(missed)
    for name in ("warmth_given", "longing", "stress", "positive_affect", "negative_affect"):
        assert frame[name].isna().equals(missed)
    by_beep = missed.groupby(frame["beep"]).mean()
    assert by_beep[4] > by_beep[[1, 2, 3]].max() + 0.02
    by_person = missed.groupby(frame["person"]).mean()
    assert by_person.std() > 0.05
    after_missed = missed.groupby(frame["person"]).shift(fill_value=False)
    assert missed[after_missed].mean() > missed[~after_missed].mean() + 0.1


def test_daily_reports_come_with_the_last_beep(panel):
    frame = panel.frame
    last = frame["beep"].eq(4)
    assert frame.loc[~last, ["satisfaction", "conflict"]].isna().all().all()
    assert frame.loc[last, "satisfaction"].isna().equals(frame.loc[last, "stress"].isna())


def test_clock_times_are_possible(panel):
    frame = panel.frame
    delay = (frame["answered"] - frame["scheduled"]).dropna().dt.total_seconds() / 60
    assert delay.between(1, 30).all()
    assert 3 < delay.median() < 10
    both = frame.groupby(["dyad", "day", "beep"])["scheduled"].nunique()
    assert both.eq(1).all()
    first = frame.query("beep == 1 and day == 1")["scheduled"]
    assert first.dt.day_of_week.eq(0).all()
    gaps = frame.sort_values(["person", "day", "beep"]).groupby("person")["scheduled"].diff().dropna()
    assert gaps.min() > pd.Timedelta(0)


def test_a_third_of_the_couples_is_intermittent(truth):
    kinds = truth.couples.assign(hit=truth.couples["kind"].isin(["cycle", "alternation"]))
    per_couple = kinds.groupby("dyad")["hit"].sum()
    assert (per_couple > 0).sum() == 47
    assert (per_couple == 2).sum() == 20
    rhythmic = truth.couples.loc[truth.couples["kind"].isin(["rhythm", "jittered_rhythm"]), "dyad"]
    assert rhythmic.nunique() == 16
    assert set(truth.couples["kind"]) >= {"linear", "noisy_linear", "skewed_shocks", "level_shift", "floor"}


def test_truth_names_the_persons_of_the_panel(panel, truth):
    persons = set(map(tuple, panel.frame[["dyad", "person"]].drop_duplicates().to_numpy()))
    assert set(map(tuple, truth.couples[["dyad", "giver"]].to_numpy())) == persons
    assert set(map(tuple, truth.couples[["dyad", "receiver"]].to_numpy())) == persons
    assert not truth.couples["giver"].eq(truth.couples["receiver"]).any()
    with_phases = truth.couples.loc[truth.couples["period"].notna()]
    assert truth.phases.groupby(["dyad", "giver"]).size().eq(224).all()
    assert set(truth.phases["giver"]) == set(with_phases["giver"])
    assert truth.phases["beep"].max() == 4
    assert truth.phases["day"].max() == 56


def test_warmth_received_follows_the_true_phases(panel, truth):
    givers = truth.couples[["giver", "receiver"]]
    phases = truth.phases.merge(givers, on="giver")
    keys = ["dyad", "day", "beep"]
    rows = panel.frame.merge(phases, left_on=[*keys, "person"], right_on=[*keys, "receiver"])
    means = rows.groupby("phase")["warmth_received"].mean()
    assert means["fusion"] > means["pursuit"] > means["rupture"]
    assert means["warm"] - means["withdrawn"] > 1
    given = (
        panel.frame.merge(phases, left_on=[*keys, "person"], right_on=[*keys, "giver"])
        .groupby("phase")["warmth_given"]
        .mean()
    )
    assert given["fusion"] - given["rupture"] > 0.8


def test_planted_effects_of_stress_can_be_found(panel, truth):
    frame = panel.frame
    columns = ["stress", "positive_affect", "warmth_received"]
    within = frame[columns] - frame.groupby("person")[columns].transform("mean")
    rows = frame[["dyad", "person", "role", "day", "beep"]].join(within)
    both = rows.merge(
        rows[["dyad", "person", "day", "beep", "stress"]], on=["dyad", "day", "beep"], suffixes=("", "_partner")
    )
    both = both[both["person"] != both["person_partner"]].dropna()
    both["composition"] = both["dyad"].map(truth.couples.groupby("dyad")["composition"].first())
    planted = truth.effects.query("outcome == 'positive_affect' and variable == 'stress' and level == 'within'")
    # Standard errors come from the planted spread of slopes over persons and from the rows.
    for (composition, role), rows_of in both.groupby(["composition", "role"]):
        design = rows_of[["stress", "stress_partner", "warmth_received"]].to_numpy()
        outcome = rows_of["positive_affect"].to_numpy()
        actor, partner, warmth = np.linalg.lstsq(design, outcome, rcond=None)[0]
        n_persons = rows_of["person"].nunique()
        noise = 10 / 15 / np.sqrt(len(rows_of))
        group = planted["composition"].eq(composition) & planted["role"].eq(role)
        expected = planted[group].set_index("effect")
        for effect, found in (("actor", actor), ("partner", partner)):
            error = np.hypot(expected.loc[effect, "random_sd"] / np.sqrt(n_persons), noise)
            assert found == pytest.approx(expected.loc[effect, "estimate"], abs=3.5 * error + 0.005)
        assert warmth == pytest.approx(3.0, abs=0.2)


def test_the_wheel_takes_the_sample_along():
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["data/sample"] == "reldyn/_sample"
    for name in ("data/study-couples_data.csv", "truth/study-couples_truth.json", "dataset_description.json"):
        assert (REPOSITORY / "data" / "sample" / name).is_file()


def test_it_loads_from_the_layout_of_a_wheel(tmp_path):
    shutil.copytree(REPOSITORY / "src" / "reldyn", tmp_path / "reldyn", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "data" / "sample", tmp_path / "reldyn" / "_sample")
    code = (
        "import reldyn as rd; print(rd.__file__); print(rd.load_sample().n_dyads, len(rd.load_sample_truth().couples))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", env=environment, cwd=tmp_path, check=True
    )
    assert done.stdout.splitlines() == [str(tmp_path / "reldyn" / "__init__.py"), "140 280"]


def test_absent_files_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(_sample, "__file__", str(tmp_path / "src" / "reldyn" / "panel" / "reading" / "_sample.py"))
    with pytest.raises(rd.DataError) as caught:
        rd.load_sample()
    package = (tmp_path / "src" / "reldyn").resolve()
    assert str(caught.value) == (
        f"the sample study's file data/study-couples_data.csv is neither in {package / '_sample'} nor in "
        f"{tmp_path.resolve() / 'data' / 'sample'}: reinstall reldyn, or run python tools/make_sample.py in a checkout."
    )
