"""Pairs of series: who comes first, where they stand, and that no lag reaches over a night."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.coupling._pairs import complete_lags, lagged, pairs_of, runs


def _diary(days=3, beeps=4, **columns):
    day, beep, member = (part.ravel() for part in np.indices((days, beeps, 2)))
    frame = pd.DataFrame({"dyad": 7, "who": np.array(["a", "b"])[member], "day": day + 1, "beep": beep + 1})
    return frame.assign(y=100.0 * member + 10 * day + beep, **columns)


def _panel(frame, **roles):
    return rd.DyadPanel(frame, **{"dyad": "dyad", "person": "who", "day": "day", "beep": "beep", **roles})


def test_values_stand_on_the_scheduled_occasions_in_order_of_time():
    frame = _diary().sample(frac=1, random_state=3)
    (pair,) = pairs_of(_panel(frame), "y")
    assert pair.values[:, 0].tolist() == [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]
    assert (pair.values[:, 1] - pair.values[:, 0] == 100).all()
    assert pair.day.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert pair.dyad == 7
    assert pair.persons == ("a", "b")


def test_an_absent_row_and_an_absent_day_are_occasions_without_a_value():
    frame = _diary(days=4)
    frame = frame[(frame["day"] != 2) & ~((frame["day"] == 1) & (frame["beep"] == 3) & (frame["who"] == "a"))]
    (pair,) = pairs_of(_panel(frame), "y")
    assert len(pair.values) == 16
    assert np.flatnonzero(np.isnan(pair.values[:, 0])).tolist() == [2, 4, 5, 6, 7]
    assert pair.n_both == 11


def test_lags_are_the_lags_of_the_panel_and_never_cross_a_night():
    frame = _diary()
    frame.loc[[4, 13], "y"] = np.nan
    panel = _panel(frame)
    (pair,) = pairs_of(panel, "y")
    for steps in (1, 2, 3):
        expected = panel.lag(["y"], steps).frame.sort_values(["who", "day", "beep"])[f"y_lag{steps}"]
        earlier, later = lagged(pair, steps)
        found = np.full(pair.values.shape, np.nan)
        found[later] = pair.values[earlier]
        np.testing.assert_array_equal(found.T.ravel(), expected.to_numpy())
        assert len(earlier) == 3 * (4 - steps)
    assert len(lagged(pair, 4)[0]) == 0
    whole, _ = complete_lags(pair)
    assert len(whole) == 9 - 2 - 2


def test_a_beep_that_the_study_never_uses_still_takes_its_time():
    frame = _diary()
    (pair,) = pairs_of(_panel(frame[frame["beep"] != 3]), "y")
    assert pair.values[:4, 0].tolist()[:2] == [0, 1]
    earlier, later = complete_lags(pair)
    assert (pair.values[earlier, 0] % 10).tolist() == [0, 0, 0]
    assert len(later) == 3


def test_runs_break_at_nights_and_at_missing_values():
    frame = _diary(days=2)
    frame.loc[(frame["day"] == 1) & (frame["beep"] == 2) & (frame["who"] == "b"), "y"] = np.nan
    (pair,) = pairs_of(_panel(frame), "y")
    assert runs(pair) == [slice(0, 1), slice(2, 4), slice(4, 8)]
    assert runs(pair, observed=False) == [slice(0, 4), slice(4, 8)]


def test_a_study_without_days_is_one_long_day_and_a_daily_diary_steps_from_day_to_day():
    frame = _diary(days=1, beeps=9)
    (pair,) = pairs_of(rd.DyadPanel(frame, dyad="dyad", person="who", time="beep"), "y")
    assert set(pair.day.tolist()) == {0}
    assert len(lagged(pair, 8)[0]) == 1
    daily = _diary(days=6, beeps=1)
    for roles in ({"beep": None}, {}):
        (pair,) = pairs_of(_panel(daily, **roles), "y")
        assert pair.beep.tolist() == list(range(6))
        assert len(lagged(pair)[0]) == 5


def test_roles_come_in_panel_order_and_persons_where_roles_do_not_tell():
    frame = _diary().assign(role=lambda rows: np.where(rows["who"] == "a", "wife", "husband"))
    (pair,) = pairs_of(_panel(frame, role="role"), "y")
    assert pair.roles == pair.names == ("husband", "wife")
    assert pair.persons == ("b", "a")
    assert pair.values[0].tolist() == [100, 0]
    (alike,) = pairs_of(_panel(frame), "y")
    assert alike.roles == (None, None)
    assert alike.names == ("a", "b")


def test_a_member_who_never_appears_has_only_missing_values():
    frame = _diary().assign(role=lambda rows: np.where(rows["who"] == "a", "wife", "husband"))
    both = pd.concat([frame, frame.assign(dyad=8, who=frame["who"] + "2")], ignore_index=True)
    both = both[(both["dyad"] == 8) | (both["who"] == "b")]
    first, second = pairs_of(_panel(both, role="role"), "y")
    assert first.persons == ("b", None)
    assert first.names == first.roles == ("husband", "wife")
    assert np.isnan(first.values[:, 1]).all()
    assert second.n_both == 12


def test_several_variables_share_one_grid():
    (pair,) = pairs_of(_panel(_diary(z=1.0)), ["y", "z"])
    assert pair.values.shape == (12, 2, 2)
    assert (pair.values[:, :, 1] == 1).all()


@pytest.mark.parametrize(("night", "gap"), [(5, 5.0), (None, None)])
def test_the_clock_counts_nights_as_the_panel_does(night, gap):
    panel = _panel(_diary(), schedule=rd.Schedule(night_steps=night) if night else None)
    (pair,) = pairs_of(panel, "y")
    assert pair.night_known is (night is not None)
    assert np.diff(pair.step)[:3].tolist() == [1, 1, 1]
    assert gap is None or np.diff(pair.step)[3] == gap


def test_unequal_spans_end_with_the_own_rows_of_a_dyad():
    short = _diary(days=1).assign(dyad=8, who=lambda rows: rows["who"] + "2")
    long, brief = pairs_of(_panel(pd.concat([_diary(), short], ignore_index=True)), "y")
    assert (len(long.values), len(brief.values)) == (12, 4)


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(rd.DataError, match="no column 'x' in the panel"):
        pairs_of(_panel(_diary()), "x")
