"""Both reports of one warmth, tested alike and compared."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd


def both_reports(noise, seed=3):
    """A panel in which each giver rates, up to noise, the warmth that the partner says to have received."""
    panel = rd.simulate.cycles("cycle", n_dyads=2, n_occasions=100, effect=2.5, seed=seed).panel
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
    assert table["n_both"].tolist() == [100] * 4


def test_each_side_is_what_a_detection_by_itself_says(same):
    panel, found = same
    alone = rd.detect_cycles(panel, warmth="given", reported_by="giver", n_surrogates=19, seed=1)
    pd.testing.assert_frame_equal(found.given.tidy(), alone.tidy())


def test_reports_that_differ_agree_less_and_nobody_is_called_right():
    panel = both_reports(4.0)
    found = rd.cycles.compare_reports(panel, received="warmth", given="given", n_surrogates=19, seed=1)
    assert found.tidy()["r_reports"].max() < 0.8
    assert "cannot say whose is right" in found.summary()


def test_a_comparison_comes_back_from_json(same):
    _, found = same
    back = rd.from_json(found.to_json())
    pd.testing.assert_frame_equal(back.tidy(), found.tidy())
    assert back.glance()["n_directions"].item() == 4


def test_one_column_is_not_two_reports(same):
    panel, _ = same
    with pytest.raises(rd.DesignError, match="name the column of each report"):
        rd.cycles.compare_reports(panel, received="warmth", given="warmth")
