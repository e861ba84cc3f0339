"""careless: the reference indices, brute force, and what bad input gives."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reldyn as rd
from reldyn.panel.checks._careless_indices import mahalanobis, modal_share, row_sd, strings

REFERENCE = Path(__file__).parent / "reference"
ESM = Path(__file__).parents[1] / "dynamics" / "reference" / "esm.csv"
LETTERS = "ABCDEFGHIJ"


@pytest.fixture(scope="module")
def reference():
    return json.loads((REFERENCE / "h_preproc.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def items():
    return pd.read_csv(REFERENCE / "careless.csv")


def cross_section(items):
    frame = items.assign(dyad=np.arange(len(items)) // 2, person=np.arange(len(items)))
    return rd.DyadPanel(frame, dyad="dyad", person="person")


@pytest.fixture(scope="module")
def found(items):
    subscales = [[f"scale{letter}{k}" for k in range(1, 6)] for letter in LETTERS]
    return rd.panel.careless(cross_section(items), list(items.columns), subscales=subscales)


@pytest.fixture(scope="module")
def esm():
    frame = pd.read_csv(ESM)
    scales = dict.fromkeys(("pa1", "pa2", "pa3"), (0, 100))
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep", scales=scales)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("longstring", "longstring"),
        ("average_longstring", "longstring_avg"),
        ("irv", "irv"),
        ("even_odd", "evenodd"),
        ("synonyms", "psychsyn"),
        ("mahalanobis", "mahad"),
    ],
)
def test_the_first_ten_agree_with_careless(found, reference, ours, theirs):
    assert reference["careless"]["dim"] == [len(found), 50]
    np.testing.assert_allclose(found[ours][:10], reference["careless"][theirs], rtol=1e-9)


def test_diary_indices_agree_with_the_reference(esm, reference):
    table = rd.panel.careless(esm, ["pa1", "pa2", "pa3"])
    wanted = reference["esm_careless"]
    assert table["irv"].mean() == pytest.approx(wanted["mean_beep_sd"], rel=1e-10)
    assert (table["irv"].dropna() == 0).mean() == pytest.approx(wanted["prop_zero_sd"], rel=1e-10)
    shares = table.groupby("person")["person_modal_share"].first()
    for person, share in wanted["person_mode_prop"].items():
        assert shares[int(person)] == pytest.approx(share, rel=1e-10)


def test_rows_are_flagged_and_none_is_left_out(esm):
    table = rd.panel.careless(esm, ["pa1", "pa2", "pa3"])
    assert table["row"].tolist() == list(range(len(esm)))
    assert (table["flagged"] == (table["flags"] != "")).all()
    assert table.loc[table["irv"] <= 5, "flags"].str.contains("irv").all()
    assert not table.loc[table["irv"] > 5, "flags"].str.contains("irv").any()
    # Three answers cannot have a telling mode, but a whole week of the same number can.
    assert not table["flags"].str.contains(r"(?<!person_)modal_share").any()
    answered = table["n_items"] > 0
    assert table.loc[table["person"].eq(3) & answered, "flags"].str.contains("person_modal_share").all()
    assert (table.loc[~answered, "note"] == "no answer").all()


def test_limits_can_be_moved_and_switched_off(esm):
    table = rd.panel.careless(
        esm,
        ["pa1", "pa2", "pa3"],
        limits={"irv": None, "mahalanobis_p": None, "person_modal_share": None, "longstring": 3},
    )
    assert (table["flagged"] == (table["longstring"] == 3)).all()


def test_pace_from_dates_and_from_numbers():
    sent = pd.to_datetime(["2026-01-01 10:00:00"] * 3 + [None])
    frame = pd.DataFrame({"dyad": [1, 1, 2, 2], "person": [1, 2, 3, 4], "a": [1, 2, 3, 4.0], "b": [2, 2, np.nan, 1]})
    frame["sent"] = sent
    frame["done"] = sent + pd.to_timedelta([2, 30, -5, 1], unit="s")
    schedule = rd.Schedule(sent="sent", answered="done")
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", schedule=schedule)
    table = rd.panel.careless(panel, ["a", "b"])
    np.testing.assert_array_equal(table["seconds_per_item"], [1, 15, np.nan, np.nan])
    assert table["flags"].str.contains("seconds_per_item").tolist() == [True, False, False, False]
    assert "answered before it was opened" in table["note"][2]
    minutes = frame.assign(open=[0, 0, 0, 0], done=[1.0, 2.0, 3.0, 4.0])
    panel = rd.DyadPanel(minutes, dyad="dyad", person="person", schedule=rd.Schedule(answered="done"))
    table = rd.panel.careless(panel, ["a", "b"], opened="open", seconds_per_unit=60)
    np.testing.assert_array_equal(table["seconds_per_item"], [30, 60, 180, 120])


rows = st.lists(st.one_of(st.none(), st.integers(1, 5)), min_size=2, max_size=8).map(
    lambda xs: np.array([[np.nan if x is None else float(x) for x in xs]])
)


@given(row=rows)
def test_indices_of_one_row_against_plain_counting(row):
    runs, last = [], None
    for answer in row[0]:
        if np.isnan(answer):
            last = None
        elif answer == last:
            runs[-1] += 1
        else:
            runs.append(1)
            last = answer
    seen = row[0][np.isfinite(row[0])]
    longest, average = strings(row)
    if not len(seen):
        assert np.isnan([longest[0], average[0], row_sd(row)[0], modal_share(row)[0]]).all()
        return
    assert longest[0] == max(runs)
    assert average[0] == pytest.approx(np.mean(runs))
    assert modal_share(row)[0] == pytest.approx(np.unique(seen, return_counts=True)[1].max() / len(seen))
    if len(seen) > 1:
        assert row_sd(row)[0] == pytest.approx(np.std(seen, ddof=1), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.integers(-9, 9), factor=st.sampled_from([0.5, 2.0, 10.0]))
def test_shift_and_unit_change_the_spread_only(seed, shift, factor):
    rng = np.random.default_rng(seed)
    answers = np.clip(np.rint(rng.normal(4, 1.2, (30, 1)) + rng.normal(0, 1, (30, 6))), 1, 7)
    frame = pd.DataFrame(answers, columns=list("abcdef"))
    one = rd.panel.careless(
        cross_section(frame), list("abcdef"), subscales=[list("ab"), list("cd"), list("ef")], synonym_r=0.3
    )
    two = rd.panel.careless(
        cross_section(frame * factor + shift),
        list("abcdef"),
        subscales=[list("ab"), list("cd"), list("ef")],
        synonym_r=0.3,
    )
    np.testing.assert_allclose(two["irv"], one["irv"] * factor)
    for name in ("longstring", "average_longstring", "modal_share", "mahalanobis", "synonyms", "even_odd"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-6, atol=1e-9)


def test_distance_of_an_incomplete_row_is_over_what_it_has():
    rng = np.random.default_rng(3)
    answers = rng.normal(size=(40, 3))
    answers[0, 1] = np.nan
    distance, df, reason = mahalanobis(answers)
    mean = [np.nanmean(answers[:, k]) for k in range(3)]
    part = answers[0, [0, 2]] - np.array(mean)[[0, 2]]
    S = np.cov(answers[:, [0, 2]].T)
    assert (df[0], reason) == (2, "")
    assert distance[0] == pytest.approx(part @ np.linalg.solve(S, part))


def test_what_cannot_be_computed_says_why():
    frame = pd.DataFrame({"dyad": [1, 1, 2, 2], "person": [1, 2, 3, 4], "a": [1, 2, 3, 4], "b": 5, "c": np.nan})
    table = rd.panel.careless(rd.DyadPanel(frame, dyad="dyad", person="person"), ["a", "b", "c"])
    assert table[["even_odd", "synonyms", "mahalanobis", "seconds_per_item"]].isna().all(axis=None)
    assert table["note"][0] == (
        "no subscales named, so no even_odd; 0 pairs of items correlate above 0.6, so no synonyms; "
        "too few complete rows for a covariance of all items; "
        "no clock of opening and answering, so no seconds_per_item"
    )


def test_dependent_or_constant_items_give_no_distance():
    rng = np.random.default_rng(1)
    answers = rng.normal(size=(20, 2))
    assert mahalanobis(np.column_stack([answers, answers.sum(axis=1)]))[2].startswith("items are linearly dependent")
    assert mahalanobis(np.column_stack([answers, np.ones(20)]))[2].startswith("an item never varies")


def test_refusals(items):
    panel = cross_section(items)
    with pytest.raises(rd.DesignError, match="name at least two different ones"):
        rd.panel.careless(panel, ["scaleA1"])
    with pytest.raises(rd.DataError, match="no column 'scaleZ1' in the panel"):
        rd.panel.careless(panel, ["scaleA1", "scaleZ1"])
    with pytest.raises(rd.DataError, match="no column 'scaleB1' in items"):
        rd.panel.careless(panel, ["scaleA1", "scaleA2"], subscales=[["scaleA1", "scaleB1"]])
    with pytest.raises(rd.DesignError, match="1 subscales: a correlation over subscales needs at least three"):
        rd.panel.careless(panel, ["scaleA1", "scaleA2"], subscales=[["scaleA1", "scaleA2"]])
    with pytest.raises(rd.DesignError, match="subscale 1 has 1 item"):
        rd.panel.careless(panel, ["scaleA1", "scaleA2"], subscales=[["scaleA1"]])
    with pytest.raises(rd.DesignError, match="limits='longstrings' is not known"):
        rd.panel.careless(panel, ["scaleA1", "scaleA2"], limits={"longstrings": 3})
    with pytest.raises(rd.DesignError, match="give a number, or None for no limit"):
        rd.panel.careless(panel, ["scaleA1", "scaleA2"], limits={"longstring": "x"})
    with pytest.raises(rd.DesignError, match="synonym_r=2: give a correlation between 0 and 1"):
        rd.panel.careless(panel, ["scaleA1", "scaleA2"], synonym_r=2)
    with pytest.raises(rd.DataError, match="no column 'open' in the panel"):
        rd.panel.careless(panel, ["scaleA1", "scaleA2"], opened="open")


# --- lags and compliance of the same reference ---------------------------------------------


def test_lags_by_scheduled_beep_agree_with_the_reference(esm, reference):
    wanted = reference["lag"]
    lagged = esm.lag(["pa"]).lag(["pa"], steps=2).frame
    assert lagged["pa"].notna().sum() == wanted["n_valid"]
    both = lagged["pa"].notna() & lagged["pa_lag1"].notna()
    assert both.sum() == wanted["n_lag1_within_day"] == 1407
    assert (lagged["minutes"] - esm.lag(["minutes"]).frame["minutes_lag1"])[both].mean() == pytest.approx(
        wanted["mean_timelag"], rel=1e-12
    )
    either = lagged["pa"].notna() & (lagged["pa_lag1"].notna() | lagged["pa_lag2"].notna())
    assert either.sum() == wanted["n_lag12_within_day"]
    first = lagged[lagged["person"] == 1].sort_values(["day", "beep"])["pa_lag1"][:12]
    theirs = [np.nan if one is None else one for one in wanted["first12"]]
    np.testing.assert_allclose(first, theirs, rtol=1e-12)


def test_ignoring_the_day_would_add_pairs_over_nights(reference):
    frame = pd.read_csv(ESM)
    frame["occasion"] = (frame["day"] - 1) * 6 + frame["beep"]
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", time="occasion")
    lagged = panel.lag(["pa"]).frame
    assert (lagged["pa"].notna() & lagged["pa_lag1"].notna()).sum() == reference["lag"]["n_lag1_any"] == 1639


def test_compliance_agrees_with_the_reference(esm, reference):
    table = esm.compliance(["pa"]).set_index(["level", "label"])
    wanted = reference["compliance"]
    overall = table.loc[("overall", "")]
    assert overall["share"] == pytest.approx(wanted["overall"], rel=1e-12)
    assert overall["both_share"] == pytest.approx(reference["dyad_compliance"]["both"], rel=1e-12)
    assert overall["any_share"] == pytest.approx(reference["dyad_compliance"]["any"], rel=1e-12)
    persons = table.loc["person", "share"].astype(float)
    ours = [persons.mean(), persons.std(), persons.min(), persons.max()]
    np.testing.assert_allclose(ours, [wanted[name] for name in ("mean", "sd", "min", "max")], rtol=1e-12)
    for level in ("beep", "day"):
        for label, share in wanted[f"by_{level}"].items():
            assert table.loc[(level, int(label)), "share"] == pytest.approx(share, rel=1e-12)


def test_partners_answer_together_hardly_more_than_by_chance(esm, reference):
    answered, expected = rd.panel.answered_grid(esm, ["pa"])
    pair = answered.transpose(0, 2, 1)[expected]
    assert np.corrcoef(pair.T)[0, 1] == pytest.approx(reference["dyad_compliance"]["phi"], rel=1e-9)
