"""Both reports of one warmth, tested alike and compared."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd


def both_reports(noise, seed=3):
    """A panel in which each giver rates, up to noise, the warmth that the partner says to have received."""
    panel = rd.simulate.cycles("cycle", n_dyads=1, n_occasions=80, effect=2.5, seed=seed).panel
    frame = panel.frame
    partner = frame.assign(role=frame["role"].map({"a": "b", "b": "a"}))
    keys = ["dyad", "role", "day", "beep"]
    given = frame[keys].merge(partner[[*keys, "warmth"]], on=keys, how="left")["warmth"]
    frame = frame.assign(given=given.to_numpy() - 1 + noise * np.random.default_rng(seed).normal(size=len(frame)))
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")


@pytest.fixture(scope="module")
def same():
    panel = both_reports(0.0)
    return panel, rd.cycles.compare_reports(panel, received="warmth", given="given", n_surrogates=19, seed=1)


def test_the_same_warmth_told_twice_agrees_throughout(same):
    _, found = same
    table = found.tidy()
    assert table["same_verdict"].all()
    assert table["r_phases"].to_numpy() == pytest.approx(1, abs=1e-6)
    assert table["r_reports"].to_numpy() == pytest.approx(1)
    assert table["mean_difference"].to_numpy() == pytest.approx(1)
    assert table["n_both"].tolist() == [80] * 2


def test_each_side_is_what_a_detection_by_itself_says(same):
    panel, found = same
    alone = rd.detect_cycles(panel, warmth="given", reported_by="giver", n_surrogates=19, seed=1)
    pd.testing.assert_frame_equal(found.given.tidy(), alone.tidy())


@pytest.fixture
def few(monkeypatch):
    """Let a single surrogate do, where no p-value is asked for."""
    monkeypatch.setattr("reldyn.cycles._detect._FEWEST_SURROGATES", 1)


@pytest.mark.usefixtures("few")
def test_reports_that_differ_agree_less_and_nobody_is_called_right():
    panel = both_reports(4.0)
    found = rd.cycles.compare_reports(panel, received="warmth", given="given", n_surrogates=1, seed=1)
    assert found.tidy()["r_reports"].max() < 0.8
    assert "cannot say whose is right" in " ".join(found.summary().split())


def test_a_comparison_comes_back_from_json(same):
    _, found = same
    back = rd.from_json(found.to_json())
    pd.testing.assert_frame_equal(back.tidy(), found.tidy())
    assert back.glance()["n_directions"].item() == 2


def test_one_column_is_not_two_reports(same):
    panel, _ = same
    with pytest.raises(rd.DesignError, match="name the column of each report"):
        rd.cycles.compare_reports(panel, received="warmth", given="warmth")


def test_phases_told_twice_agree_phase_by_phase_beyond_chance(same):
    _, found = same
    table = found.phases()
    assert table.groupby(["dyad", "giver"], sort=False)["phase"].first().tolist() == ["all"] * 2
    assert table["kappa"].dropna().to_numpy() == pytest.approx(1)
    assert (table["n_both"] == 80).all()
    every = table[table["phase"] == "all"]
    # 20 days can be moved in 19 ways; the same series is never reached by one of them.
    assert every["n_shifts"].tolist() == [19] * 2
    assert every["p_value"].to_numpy() == pytest.approx(1 / 20)
    assert (every["null_high"] < 0.9).all()
    shares = table[table["phase"] != "all"].groupby(["dyad", "giver"])["share_received"].sum()
    assert shares.to_numpy() == pytest.approx(1)
    text = " ".join(found.summary().split())
    assert "moved by whole days (smallest p-value possible .050; phase by phase: phases())" in text


@pytest.mark.usefixtures("few")
def test_a_response_that_is_part_of_both_fits_is_named(same):
    panel, found = same
    assert not any("channel of both fits" in note for note in found.warnings)
    frame = panel.frame
    short = rd.DyadPanel(
        frame[(frame["dyad"] == 1) & (frame["day"] <= 16)],
        dyad="dyad",
        person="person",
        role="role",
        day="day",
        beep="beep",
    )
    told = rd.cycles.compare_reports(
        short, received="warmth", given="given", response="response", n_surrogates=1, seed=1
    )
    assert told.warnings[-1] == (
        "'response' is a channel of both fits, so that phases agree through it: leave the response out to compare "
        "what the reports alone show"
    )


def test_numbers_of_phases_that_differ_leave_the_outer_phases_to_compare(make):
    from reldyn.cycles.reports._reports import _phase_rows

    two, three = (make.result([make.outcome(1, "a", (0.01, 0.5, 0.5, 0.5), fit=make.phases(n))]) for n in (2, 3))
    rows = pd.DataFrame(_phase_rows(three, two, 4))
    assert rows["phase"].tolist() == ["all", "cold", "warm"]
    assert np.isnan(rows["kappa"][0]) and np.isfinite(rows["kappa"][1:]).all()
    assert rows["note"].tolist() == ["3 phases in the received report, 2 in the given one"] * 3
    untested = make.result([make.outcome(1, "a", reasons=("no answers",))])
    assert _phase_rows(untested, two, 4) == []


def test_columns_are_checked_before_the_first_detection(monkeypatch):
    panel = rd.simulate.cycles("linear", n_dyads=1, n_occasions=40, seed=1).panel
    monkeypatch.setattr("reldyn.cycles.reports._reports.detect_cycles", lambda *_, **__: pytest.fail("computed"))
    for wrong in ({"given": "gvien"}, {"given": "response", "response": "lnoging"}):
        with pytest.raises(rd.DataError, match="no column"):
            rd.cycles.compare_reports(panel, received="warmth", **wrong)
