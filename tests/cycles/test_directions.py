import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.cycles.series._directions import CycleColumns, build_series
from reldyn.errors import DataError, DesignError


def study(n_days=30, beeps=4, **roles):
    """One dyad; warmth counts up per person so that every cell is known."""
    day, beep = np.divmod(np.arange(n_days * beeps), beeps)
    rows = [
        pd.DataFrame(
            {"dyad": 1, "who": who, "day": day + 1, "beep": beep + 1, "warmth": start + np.arange(len(day)) % 7.0}
        )
        for who, start in (("a", 1), ("b", 2))
    ]
    frame = pd.concat(rows, ignore_index=True)
    frame["longing"] = 10 + frame["warmth"]
    return frame


def panel_of(frame, **options):
    columns = {"dyad": "dyad", "person": "who", "role": "who", "day": "day", "beep": "beep"}
    return rd.DyadPanel(frame, **(columns | options))


def test_a_direction_is_what_the_receiver_reports_about_the_giver():
    frame = study()
    first, second = build_series(panel_of(frame), CycleColumns("warmth", "longing"))
    assert (first.giver, second.giver) == ("a", "b")
    assert first.series.y[0].tolist() == [2.0, 12.0]
    assert second.series.y[0].tolist() == [1.0, 11.0]
    by_giver = build_series(panel_of(frame), CycleColumns("warmth", "longing", "giver"))
    assert by_giver[0].series.y[0].tolist() == [1.0, 12.0]


def test_scheduled_beeps_without_a_row_are_missing_occasions():
    frame = study()
    gone = (frame["who"] == "b") & (frame["day"] == 3) & (frame["beep"] == 2)
    first = build_series(panel_of(frame[~gone]), CycleColumns("warmth"))[0]
    assert len(first.series.y) == 120
    assert np.flatnonzero(np.isnan(first.series.y[:, 0])).tolist() == [9]
    assert first.n_occasions == 119


def test_nights_count_as_the_panel_says_and_three_where_it_says_nothing():
    known = build_series(panel_of(study(), schedule=rd.Schedule(night_steps=5)), CycleColumns("warmth"))[0]
    assert known.series.elapsed[1:9].tolist() == [1, 1, 1, 5, 1, 1, 1, 5]
    assert known.notes == ()
    unknown = build_series(panel_of(study()), CycleColumns("warmth"))[0]
    assert unknown.series.elapsed[1:6].tolist() == [1, 1, 1, 3, 1]
    assert unknown.notes[0].startswith("the length of the night is unknown and counts 3 daytime intervals")


def test_one_occasion_a_day_has_no_time_of_day():
    frame = study(n_days=90, beeps=1)
    daily = rd.DyadPanel(frame, dyad="dyad", person="who", role="who", time="day")
    series = build_series(daily, CycleColumns("warmth"))[0].series
    assert np.unique(series.beep).tolist() == [0]
    assert np.unique(series.elapsed).tolist() == [1.0]
    assert not series.night.any()


def test_a_calendar_tells_free_days_and_day_numbers_tell_none():
    frame = study()
    frame["date"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["day"] - 1, unit="D")
    dated = build_series(panel_of(frame, day="date"), CycleColumns("warmth"))[0].series
    assert dated.weekend.reshape(30, 4)[:, 0].tolist() == [day % 7 in (5, 6) for day in range(30)]
    assert not build_series(panel_of(study()), CycleColumns("warmth"))[0].series.weekend.any()


def test_covariates_are_standardised_filled_and_left_out_where_constant():
    frame = study().assign(stress=lambda table: table["beep"] * 1.0, flat=3.0, row=range(240))
    frame.loc[frame["row"] % 11 == 0, "stress"] = np.nan
    found = build_series(panel_of(frame), CycleColumns("warmth", covariates=("stress", "flat")))[0]
    assert found.series.covariates.shape == (120, 1)
    assert np.isfinite(found.series.covariates).all()
    assert set(found.notes[1:]) == {
        "missing values of covariate 'stress' take the person's mean",
        "covariate 'flat' never varies in some directions and is left out there",
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.assign(warmth=np.where(t["who"] == "b", 4.0, t["warmth"])), "answers never vary"),
        (
            lambda t: t.assign(warmth=t["warmth"].where((t["who"] == "a") | (t["day"] < 11))),
            "40 answered occasions, below 60",
        ),
        (lambda t: t.assign(warmth=t["warmth"].where(t["who"] == "b")), "the partner never answers"),
        (
            lambda t: t.assign(warmth=np.where((t["who"] == "b") & (t["beep"] < 4), 1.0, t["warmth"])),
            "75% of answers are 1, above 60%",
        ),
        (lambda t: t.assign(longing=1.0), "longing never varies"),
        (lambda t: t.assign(longing=np.nan), "longing was never answered"),
        (
            lambda t: t.assign(longing=t["longing"].where(t["day"] < 12)),
            "44 occasions with warmth and longing, below 60",
        ),
        (
            lambda t: t.assign(warmth=np.where(t["who"] == "b", 4 + t["warmth"] / 1000, t["warmth"])),
            "warmth hardly varies: its SD is 0.0% of the scale",
        ),
    ],
)
def test_what_cannot_carry_a_test_says_why(change, reason):
    panel = panel_of(change(study()), scales={"warmth": (1, 8)})
    assert reason in build_series(panel, CycleColumns("warmth", "longing"))[0].reasons


def test_a_direction_without_answers_has_no_series():
    frame = study()
    frame.loc[frame["who"] == "b", "warmth"] = np.nan
    found = build_series(panel_of(frame), CycleColumns("warmth"))[0]
    assert (found.series, found.n_occasions, found.reasons) == (None, 0, ("no answers",))


def test_an_unknown_column_or_reporter_is_one_sentence():
    panel = panel_of(study())
    with pytest.raises(DataError) as caught:
        build_series(panel, CycleColumns("warmht"))
    assert str(caught.value).startswith("no column 'warmht' in the panel (nearest: 'warmth').")
    with pytest.raises(DesignError) as refused:
        build_series(panel, CycleColumns("warmth", reported_by="both"))
    assert str(refused.value).startswith("reported_by='both' is not known; allowed: 'receiver', 'giver'.")


def test_labels_are_covariates_too():
    frame = study()
    frame["place"] = np.where(frame["day"] % 3 == 0, "away", np.where(frame["day"] % 3 == 1, "home", "office"))
    frame["shift"] = (frame["day"] % 2).astype(str)
    one = build_series(panel_of(frame), CycleColumns("warmth", covariates=("place", "shift")))[0]
    # Three places are two columns, and shifts that are numbers are one.
    assert one.series.covariates.shape == (120, 3)
    away = frame[frame["who"] == "b"]["place"].to_numpy() == "away"
    fitted = np.linalg.lstsq(np.column_stack([np.ones(120), one.series.covariates]), away, rcond=None)[0]
    np.testing.assert_allclose(np.column_stack([np.ones(120), one.series.covariates]) @ fitted, away, atol=1e-9)
    frame.loc[frame["day"] == 1, "place"] = None
    again = build_series(panel_of(frame), CycleColumns("warmth", covariates=("place",)))[0]
    assert "missing values of covariate 'place' take the person's mean" in again.notes


def test_careless_stretches_are_left_out_and_too_many_decide_nothing():
    rng = np.random.default_rng(3)
    frame = study()
    frame[["warmth", "longing"]] = rng.integers(1, 8, (len(frame), 2)).astype(float)
    b = np.flatnonzero(frame["who"] == "b")
    frame.loc[b[20:30], ["warmth", "longing"]] = 3.0
    first, second = build_series(panel_of(frame), CycleColumns("warmth", "longing"), leave_out_careless=True)
    assert (first.n_masked, second.n_masked) == (10, 0)
    assert np.isnan(first.series.y[20:30]).all()
    assert not first.reasons
    frame.loc[b[60:90], ["warmth", "longing"]] = 5.0
    first = build_series(panel_of(frame), CycleColumns("warmth", "longing"), leave_out_careless=True)[0]
    assert first.n_masked == 40
    assert "33% of answered occasions lie in careless stretches, above 20%" in first.reasons
    # Warmth alone may stay the same for long.
    assert build_series(panel_of(frame), CycleColumns("warmth"), leave_out_careless=True)[0].n_masked == 0
