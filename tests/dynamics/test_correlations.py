"""Correlations within and between persons: pingouin, brute force with gaps, stored coverage, and edges."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

STORED = Path(__file__).resolve().parents[2] / "tools" / "results" / "correlations.json"


def frame_of(n_dyads=9, n_occasions=12, missing=0.0, seed=1):
    rng = np.random.default_rng(seed)
    dyad, member, time = (part.ravel() for part in np.indices((n_dyads, 2, n_occasions)))
    frame = pd.DataFrame({"dyad": dyad, "person": 2 * dyad + member, "time": time})
    frame["role"] = np.where(member == 0, "a", "b")
    level = rng.normal(size=2 * n_dyads)[frame["person"]]
    for name in "xyz":
        frame[name] = 50 + level + 3 * (name == "x") * time + rng.normal(size=len(frame))
        frame.loc[rng.random(len(frame)) < missing, name] = np.nan
    return frame


def panel_of(frame):
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time")


def rows(panel, names=("x", "y"), **options):
    options = {"n_boot": 99, "seed": 1} | options
    return rd.dynamics.correlations(panel, list(names), **options).tidy().set_index("term")


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_within_persons_it_is_the_repeated_measures_correlation(missing):
    import pingouin

    frame = frame_of(missing=missing)
    table = rows(panel_of(frame), "xyz")
    for one, other in itertools.combinations("xyz", 2):
        row = table.loc[f"{one} with {other}, within"]
        theirs = pingouin.rm_corr(frame.dropna(subset=[one, other]), x=one, y=other, subject="person")
        assert row["estimate"] == pytest.approx(theirs["r"].iloc[0], abs=1e-8)
        assert row["n_obs"] - row["n_persons"] - 1 == theirs["dof"].iloc[0]


def test_the_icc_of_complete_data_is_pingouins():
    import pingouin

    frame = frame_of()
    theirs = pingouin.intraclass_corr(frame, targets="person", raters="time", ratings="y")
    assert rows(panel_of(frame)).loc["y, icc", "estimate"] == pytest.approx(theirs["ICC"].iloc[0], abs=1e-8)


def test_the_icc_with_gaps_is_the_analysis_of_variance_done_by_hand():
    frame = frame_of(missing=0.4)
    groups = [group.dropna().to_numpy() for _, group in frame.groupby("person")["x"]]
    n = np.array([len(group) for group in groups])
    grand = np.concatenate(groups).mean()
    between = sum(len(g) * (g.mean() - grand) ** 2 for g in groups) / (len(groups) - 1)
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (n.sum() - len(groups))
    size = (n.sum() - (n**2).sum() / n.sum()) / (len(groups) - 1)
    wanted = (between - within) / (between + (size - 1) * within)
    assert rows(panel_of(frame)).loc["x, icc", "estimate"] == pytest.approx(wanted, abs=1e-10)


def test_between_persons_it_is_the_correlation_of_means():
    frame = frame_of(missing=0.3)
    means = frame.groupby("person")[["x", "y"]].mean()
    found = rows(panel_of(frame)).loc["x with y, between", "estimate"]
    assert found == pytest.approx(np.corrcoef(means["x"], means["y"])[0, 1], abs=1e-10)


def test_standard_errors_are_those_of_samples_of_dyads_computed_anew_from_their_rows():
    frame = frame_of(n_dyads=6, missing=0.2)
    n_boot = 99
    children = np.random.SeedSequence(3).spawn(n_boot)
    drawn = []
    for child in children:
        dyads = np.random.default_rng(child).choice(6, 6)
        parts = [
            frame[frame["dyad"] == d].assign(person=lambda f, k=k: f["person"] + 100 * k) for k, d in enumerate(dyads)
        ]
        sample = pd.concat(parts)
        joint = sample.dropna(subset=["x", "y"])
        apart = joint[["x", "y"]] - joint.groupby("person")[["x", "y"]].transform("mean")
        means = sample.groupby("person")[["x", "y"]].mean()
        r = (apart["x"] * apart["y"]).sum() / math.sqrt((apart["x"] ** 2).sum() * (apart["y"] ** 2).sum())
        drawn.append([math.atanh(r), math.atanh(np.corrcoef(means.T)[0, 1])])
    table = rows(panel_of(frame), n_boot=n_boot, seed=3)
    error = table["std_error"].iloc[:2].to_numpy()
    np.testing.assert_allclose(error, np.std(drawn, axis=0, ddof=1), rtol=1e-8)
    row = table.iloc[0]
    assert math.atanh(row["conf_high"]) - math.atanh(row["estimate"]) == pytest.approx(2.570582 * row["std_error"])
    assert row["df"] == 5


def test_units_order_and_workers_change_nothing():
    frame = frame_of(missing=0.2)
    table = rows(panel_of(frame))
    moved = frame.assign(x=1e6 + 1000 * frame["x"]).sample(frac=1, random_state=2)
    numbers = ["estimate", "std_error", "conf_low", "p_value"]
    np.testing.assert_allclose(rows(panel_of(moved))[numbers], table[numbers], rtol=1e-6)
    pd.testing.assert_frame_equal(rows(panel_of(frame), n_jobs=2), table)


def test_what_never_varies_within_a_person_has_no_correlation_there():
    frame = frame_of()
    frame["trait"] = frame.groupby("person")["y"].transform("mean") + 1e6
    table = rows(panel_of(frame), ("x", "trait"))
    assert table.loc["x with trait, within", "note"] == "a variable does not vary at this level"
    assert np.isnan(table.loc["x with trait, within", ["estimate", "p_value"]].astype(float)).all()
    assert np.isfinite(table.loc["x with trait, between", "estimate"])
    frame["clock"] = frame["time"] + 0.1
    table = rows(panel_of(frame), ("x", "clock"))
    assert np.isnan(table.loc["x with clock, between", "estimate"])
    assert np.isfinite(table.loc["x with clock, within", "estimate"])


def test_the_matrix_has_within_below_and_between_above_and_the_icc_on_the_diagonal():
    found = rd.dynamics.correlations(panel_of(frame_of()), ["x", "y", "z"], n_boot=99, seed=1)
    matrix, table = found.correlation_matrix(), found.tidy().set_index("term")["estimate"]
    assert matrix.loc["z", "x"] == table["x with z, within"]
    assert matrix.loc["x", "z"] == table["x with z, between"]
    assert matrix.loc["y", "y"] == table["y, icc"]


def test_few_answers_and_few_dyads_are_said():
    found = rd.dynamics.correlations(panel_of(frame_of(n_dyads=40, n_occasions=2)), ["y", "z"], n_boot=99, seed=1)
    assert "means of y rest on about 2 answers a person and have a reliability of 0." in found.summary()
    few = rows(panel_of(frame_of(n_dyads=3)))
    assert few["std_error"].isna().all()
    assert set(few["note"]) == {"3 dyads, below 5: no interval"}


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        (["x"], {}, "correlations need at least two variables; for one use reldyn.dynamics.icc."),
        (["x", "y"], {"n_boot": 5}, "n_boot=5: fewer than 99 samples give no usable standard error."),
    ],
)
def test_what_cannot_be_estimated_is_refused(names, options, said):
    with pytest.raises(rd.DesignError) as caught:
        rd.dynamics.correlations(panel_of(frame_of()), names, **options)
    assert str(caught.value) == said


def test_stored_intervals_cover_as_they_should_from_twenty_dyads_on():
    cells = {cell["cell"]: cell for cell in json.loads(STORED.read_text(encoding="utf-8"))["cells"]}
    assert {cell["n_dyads"] for cell in cells.values()} == {10, 20, 50, 150}
    for cell in cells.values():
        assert cell["done"] >= 1000
        for name, rate in cell["rates"].items():
            if name.startswith("coverage"):
                least = 0.92 if cell["n_dyads"] >= 20 else 0.90
                assert least <= rate["value"] + 2 * rate["mcse"]
                assert rate["value"] <= 0.97
