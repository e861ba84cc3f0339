"""Series of dyads: the order of members, their places on the clock, and that no lag leads over a night."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd


def _diary(days=3, beeps=4, **columns):
    day, beep, member = (part.ravel() for part in np.indices((days, beeps, 2)))
    frame = pd.DataFrame({"dyad": 7, "who": np.array(["a", "b"])[member], "day": day + 1, "beep": beep + 1})
    return frame.assign(y=100.0 * member + 10 * day + beep, **columns)


def _panel(frame, **roles):
    return rd.DyadPanel(frame, **{"dyad": "dyad", "person": "who", "day": "day", "beep": "beep", **roles})


def test_values_stand_on_the_scheduled_occasions_in_order_of_time():
    frame = _diary().sample(frac=1, random_state=3)
    (pair,) = _panel(frame).series("y")
    assert pair.values[:, 0].tolist() == [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]
    assert (pair.values[:, 1] - pair.values[:, 0] == 100).all()
    assert pair.day.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert pair.dyad == 7
    assert pair.persons == ("a", "b")


def test_an_absent_row_and_an_absent_day_are_occasions_without_a_value():
    frame = _diary(days=4)
    frame = frame[(frame["day"] != 2) & ~((frame["day"] == 1) & (frame["beep"] == 3) & (frame["who"] == "a"))]
    (pair,) = _panel(frame).series("y")
    assert len(pair.values) == 16
    assert np.flatnonzero(np.isnan(pair.values[:, 0])).tolist() == [2, 4, 5, 6, 7]
    assert pair.n_both == 11


def test_lags_are_the_lags_of_the_panel_and_never_cross_a_night():
    frame = _diary()
    frame.loc[[4, 13], "y"] = np.nan
    panel = _panel(frame)
    (pair,) = panel.series("y")
    for steps in (1, 2, 3):
        expected = panel.lag(["y"], steps).frame.sort_values(["who", "day", "beep"])[f"y_lag{steps}"]
        earlier, later = pair.lagged(steps)
        found = np.full(pair.values.shape, np.nan)
        found[later] = pair.values[earlier]
        np.testing.assert_array_equal(found.T.ravel(), expected.to_numpy())
        assert len(earlier) == 3 * (4 - steps)
    assert len(pair.lagged(4)[0]) == 0
    whole, _ = pair.complete_lags()
    assert len(whole) == 9 - 2 - 2


def test_a_beep_that_the_study_never_uses_is_no_occasion():
    frame = _diary()
    (pair,) = _panel(frame[frame["beep"] != 3]).series("y")
    assert pair.values[:, 0].tolist() == [0, 1, 3, 10, 11, 13, 20, 21, 23]
    earlier, later = pair.complete_lags()
    assert (pair.values[earlier, 0] % 10).tolist() == [0, 1] * 3
    assert (pair.values[later, 0] % 10).tolist() == [1, 3] * 3


def test_runs_break_at_nights_and_at_missing_values():
    frame = _diary(days=2)
    frame.loc[(frame["day"] == 1) & (frame["beep"] == 2) & (frame["who"] == "b"), "y"] = np.nan
    (pair,) = _panel(frame).series("y")
    assert pair.runs() == [slice(0, 1), slice(2, 4), slice(4, 8)]
    assert pair.runs(observed=False) == [slice(0, 4), slice(4, 8)]


def test_a_study_without_days_is_one_long_day_and_a_daily_diary_steps_from_day_to_day():
    frame = _diary(days=1, beeps=9)
    (pair,) = rd.DyadPanel(frame, dyad="dyad", person="who", time="beep").series("y")
    assert set(pair.day.tolist()) == {0}
    assert len(pair.lagged(8)[0]) == 1
    daily = _diary(days=6, beeps=1)
    for roles in ({"beep": None}, {}):
        (pair,) = _panel(daily, **roles).series("y")
        assert pair.beep.tolist() == list(range(6))
        assert len(pair.lagged()[0]) == 5


def test_roles_come_in_panel_order_and_persons_where_roles_do_not_tell():
    frame = _diary().assign(role=lambda rows: np.where(rows["who"] == "a", "wife", "husband"))
    (pair,) = _panel(frame, role="role").series("y")
    assert pair.roles == pair.names == ("husband", "wife")
    assert pair.persons == ("b", "a")
    assert pair.values[0].tolist() == [100, 0]
    (alike,) = _panel(frame).series("y")
    assert alike.roles == (None, None)
    assert alike.names == ("a", "b")


def test_a_member_who_never_appears_has_only_missing_values():
    frame = _diary().assign(role=lambda rows: np.where(rows["who"] == "a", "wife", "husband"))
    both = pd.concat([frame, frame.assign(dyad=8, who=frame["who"] + "2")], ignore_index=True)
    both = both[(both["dyad"] == 8) | (both["who"] == "b")]
    first, second = _panel(both, role="role").series("y")
    assert first.persons == ("b", None)
    assert first.names == first.roles == ("husband", "wife")
    assert np.isnan(first.values[:, 1]).all()
    assert second.n_both == 12


def test_several_variables_share_one_grid():
    (pair,) = _panel(_diary(z=1.0)).series(["y", "z"])
    assert pair.values.shape == (12, 2, 2)
    assert (pair.values[:, :, 1] == 1).all()


@pytest.mark.parametrize(
    ("schedule", "gap"), [(rd.Schedule(night_steps=5), 5.0), (None, 3.0), (rd.Schedule(night_steps=None), None)]
)
def test_the_clock_counts_nights_as_the_panel_does(schedule, gap):
    (pair,) = _panel(_diary(), schedule=schedule).series("y")
    assert pair.night_known is (gap is not None)
    assert np.diff(pair.step)[:3].tolist() == [1, 1, 1]
    assert np.diff(pair.step)[3] == gap if gap else np.diff(pair.step)[3] > 100_000


def test_unequal_spans_end_with_the_own_rows_of_a_dyad():
    short = _diary(days=1).assign(dyad=8, who=lambda rows: rows["who"] + "2")
    long, brief = _panel(pd.concat([_diary(), short], ignore_index=True)).series("y")
    assert (len(long.values), len(brief.values)) == (12, 4)


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(rd.DataError, match="no column 'x' in the panel"):
        _panel(_diary()).series("x")


@pytest.mark.parametrize("scale", [1, 0.31])
def test_a_batch_holds_every_row_once_and_the_views_are_its_parts(scale):
    rng = np.random.default_rng(3)
    frame = pd.concat(
        [_diary(days=4).assign(dyad=dyad, who=lambda rows, d=dyad: rows["who"] + str(d)) for dyad in (3, 1, 2)],
        ignore_index=True,
    ).sample(frac=0.6, random_state=2, ignore_index=True)
    frame["y"] = rng.normal(size=len(frame))
    if scale != 1:
        # Times on no common grid: each dyad has its own occasions only.
        frame["beep"] = frame.groupby(["dyad", "day", "beep"])["y"].transform("first").rank(method="dense") * np.pi**0.5
        frame["beep"] = frame["beep"] ** 1.1
    panel = _panel(frame)
    batch = panel.series("y")
    assert batch.on_grid is (scale == 1)
    used = batch.rows[batch.rows >= 0]
    assert sorted(used.tolist()) == list(range(len(frame)))
    np.testing.assert_array_equal(batch.observed, batch.rows >= 0)
    for code, pair in enumerate(batch):
        rows = frame[frame["dyad"] == pair.dyad]
        assert pair.n_both == int((rows.groupby(["day", "beep"]).size() == 2).sum())
        assert np.isfinite(pair.values).any(axis=1)[[0, -1]].all()
        for member, person in enumerate(pair.persons):
            own = rows[rows["who"] == person].sort_values(["day", "beep"])
            values = pair.values[:, member]
            assert values[np.isfinite(values)].tolist() == own["y"].tolist()
        part = slice(batch.start[code], batch.start[code + 1])
        assert np.shares_memory(pair.values, batch.values)
        np.testing.assert_array_equal(np.isfinite(batch.exact[part]), np.isfinite(pair.values))
    assert batch[-1].dyad == batch.dyads[-1]
    with pytest.raises(IndexError):
        batch[3]


def _shuffled_study():
    """Three dyads with holes, one of them a single person, whose codes do not follow the order of members."""
    rng = np.random.default_rng(4)
    dyad, member, day, beep = (part.ravel() for part in np.indices((3, 2, 3, 2)))
    frame = pd.DataFrame(
        {"dyad": dyad, "day": day + 1, "beep": np.array([1, 4])[beep], "y": rng.normal(size=len(dyad))}
    )
    frame["who"] = [f"p{9 - 2 * d - m}" for d, m in zip(dyad, member, strict=True)]
    frame["role"] = np.array(["f", "m"])[1 - member]
    frame = frame[(rng.random(len(frame)) > 0.25) & ~((frame["dyad"] == 1) & (frame["role"] == "f"))]
    return frame.sample(frac=1, random_state=2).reset_index(drop=True)


@pytest.mark.parametrize("roles", [{"role": "role"}, {}])
@pytest.mark.parametrize("by_code", [False, True])
def test_series_of_persons_hold_their_rows_in_order_of_time(roles, by_code):
    panel = _panel(_shuffled_study(), **roles)
    index, batch = panel.index, panel.series("y")
    persons = batch.by_person(by_code=by_code)
    order = np.lexsort((index.occasion, *((index.person,) if by_code else (index.member, index.dyad))))
    assert persons.row.tolist() == order.tolist()
    assert persons.person.tolist() == index.person[order].tolist()
    assert persons.day.tolist() == index.day[order].tolist()
    assert persons.beep.tolist() == index.beep[order].tolist()
    np.testing.assert_array_equal(persons.values, panel.values("y")[order])
    assert len(persons) == 5 == panel.n_persons
    for one in persons:
        rows = one.row
        assert {one.person} == set(panel.frame["who"].iloc[rows])
        assert {one.role} == (set(panel.frame["role"].iloc[rows]) if roles else {""})
        assert {(one.code, one.member)} == set(zip(index.dyad[rows], index.member[rows], strict=True))
        assert one.step.tolist() == index.step[rows].tolist()
        assert one.time.tolist() == (index.day[rows] + index.beep[rows] / 2).tolist()


def test_several_variables_of_a_person_are_columns():
    panel = _panel(_shuffled_study().assign(x=lambda frame: 2 * frame["y"]))
    persons = panel.series(["y", "x"]).by_person()
    np.testing.assert_array_equal(persons.values, np.column_stack(persons.columns))
    np.testing.assert_array_equal(persons[0].values[:, 1], 2 * persons[0].values[:, 0])
    assert persons[0].observed.all()


def test_dense_values_stand_on_the_slots_of_the_clock():
    panel = _panel(_shuffled_study())
    index = panel.index
    expected = np.full((3, 2, len(panel.clock)), np.nan)
    expected[index.dyad, index.member, index.slot] = panel.values("y")
    np.testing.assert_array_equal(panel.series("y").dense(), expected)
    np.testing.assert_array_equal(panel.series(["y"]).dense()[..., 0], expected)


def test_occasions_count_time_where_a_study_has_no_days():
    frame = _diary(days=1, beeps=5)
    panel = rd.DyadPanel(frame, dyad="dyad", person="who", time="beep")
    assert panel.series("y").by_person()[1].time.tolist() == [0, 1, 2, 3, 4]
