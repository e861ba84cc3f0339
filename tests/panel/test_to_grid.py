"""Series on a common grid: brute force cell by cell, and what comes out can be made a panel."""

import datetime as dt
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reldyn as rd

ROLES = {"dyad": "dyad", "person": "who"}


def grid(frame, **options):
    return rd.to_grid(frame, **{**ROLES, "stamp": "t", "step": "1s", **options})


def dials(seed=0, seconds=60):
    """One partner's dial read ten times a second, the other's four times."""
    rng = np.random.default_rng(seed)
    parts = []
    for dyad in ("x", "y"):
        for who, rate in (("a", 10), ("b", 4)):
            t = np.arange(seconds * rate) / rate
            parts.append(
                pd.DataFrame({"dyad": dyad, "who": dyad + who, "role": who, "t": t, "y": rng.normal(size=len(t))})
            )
    return pd.concat(parts, ignore_index=True)


BRUTE = {"mean": np.mean, "median": np.median, "first": lambda values: values[0], "last": lambda values: values[-1]}


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.integers(-400, 400), st.one_of(st.none(), st.integers(-9, 9))),
        min_size=1,
        max_size=40,
        unique_by=lambda row: row[:2],
    ),
    step=st.sampled_from([10, 25, 70]),
    how=st.sampled_from(list(BRUTE)),
)
def test_each_cell_against_brute_force(rows, step, how):
    """Stamps are hundredths of a second, so that cells can be counted in whole numbers."""
    frame = pd.DataFrame(
        [(who // 2, who, at / 100, np.nan if y is None else float(y)) for who, at, y in rows],
        columns=["dyad", "who", "t", "y"],
    )
    cells = {}
    for who, at, y in sorted(rows, key=lambda row: row[:2]):
        cells.setdefault((who // 2, who, at // step), []).append(y)
    out = grid(frame, step=step / 100, how=how)
    assert out["n_raw"].tolist() == [len(cells[key]) for key in sorted(cells)]
    found = np.rint(out["t"].to_numpy() * 100 / step).astype(int)
    assert list(zip(out["dyad"], out["who"], found, strict=True)) == sorted(cells)
    np.testing.assert_allclose(out["t"], found * step / 100, atol=1e-12)
    for value, key in zip(out["y"], sorted(cells), strict=True):
        given_ = [y for y in cells[key] if y is not None]
        np.testing.assert_allclose(value, BRUTE[how](np.array(given_)) if given_ else np.nan, atol=1e-12)
    first = {dyad: min(key[2] for key in cells if key[0] == dyad) for dyad, _, _ in cells}
    expected = [(key[2] - first[key[0]]) * step / 100 for key in sorted(cells)]
    np.testing.assert_allclose(out["elapsed"], expected, atol=1e-12)


def test_partners_at_ten_and_four_a_second_share_every_second():
    frame = dials()
    out = grid(frame)
    assert out.columns.tolist() == ["dyad", "who", "t", "elapsed", "n_raw", "role", "y"]
    assert out.groupby("who")["n_raw"].unique().map(list).to_dict() == {"xa": [10], "xb": [4], "ya": [10], "yb": [4]}
    panel = rd.DyadPanel(out, dyad="dyad", person="who", role="role", time="t")
    assert panel.index.on_grid
    assert (panel.index.partner_row >= 0).all()
    second = frame.assign(second=np.floor(frame["t"])).groupby(["who", "second"])["y"].mean()
    np.testing.assert_allclose(out.set_index(["who", "t"])["y"], second, atol=1e-12)


@pytest.mark.parametrize("step", [0.1, 0.2, 0.25, 0.3, 1 / 3])
@pytest.mark.parametrize("start", [0.0, 1_713_514_593.0])
def test_stamps_on_grid_points_stay_there(step, start):
    """Multiples of a tenth are a little below or above what they should be."""
    times = start + np.arange(200) * 0.1
    out = rd.to_grid(
        pd.DataFrame({"dyad": 1, "who": "a", "t": times, "y": 1.0}), **ROLES, stamp="t", step=step, how="first"
    )
    assert out["n_raw"].sum() == 200
    exact = np.array([round(start * 10) + k for k in range(200)])
    tenths = {0.1: exact, 0.2: exact // 2, 0.25: exact * 2 // 5, 0.3: exact // 3, 1 / 3: exact * 3 // 10}[step]
    assert out["n_raw"].tolist() == np.unique(tenths, return_counts=True)[1].tolist()


def test_gaps_are_absent_and_lags_do_not_cross_them():
    frame = pd.DataFrame({"dyad": 1, "who": "a", "t": [0.1, 1.1, 4.2, 5.0], "y": [1.0, 2.0, 3.0, np.nan]})
    frame = pd.concat([frame, frame.assign(who="b")])
    out = grid(frame)
    assert out["t"].tolist() == [0.0, 1.0, 4.0, 5.0] * 2
    assert np.isnan(out["y"].iloc[3])
    lagged = rd.DyadPanel(out, dyad="dyad", person="who", time="t").lag(["y"]).frame["y_lag1"]
    np.testing.assert_equal(lagged.tolist()[:4], [np.nan, 1.0, np.nan, 3.0])


def test_order_of_rows_does_not_matter():
    frame = dials()
    pd.testing.assert_frame_equal(grid(frame.sample(frac=1, random_state=1)), grid(frame))


def test_adding_a_dyad_moves_no_grid_point():
    frame = dials().assign(t=lambda rows: rows["t"] + 0.37)
    alone = grid(frame[frame["dyad"] == "y"])
    both = grid(frame)
    pd.testing.assert_frame_equal(both[both["dyad"] == "y"].reset_index(drop=True), alone)


# --- types of stamps -----------------------------------------------------------------------------


def test_one_recording_in_every_type_of_stamp():
    """Over the hour in which summer time begins; the grid is that of the instants."""
    start = dt.datetime(2026, 3, 29, 0, 59, 30, tzinfo=dt.UTC)
    seconds = np.r_[np.arange(0, 120, 0.5), np.arange(0.25, 120, 1.0)]
    who = np.where(np.arange(len(seconds)) < 240, "a", "b")
    frame = pd.DataFrame({"dyad": 1, "who": who, "y": np.arange(len(seconds))})
    instants = pd.Series(pd.to_datetime([start + dt.timedelta(seconds=second) for second in seconds]))
    forms = {
        "zoned": instants.dt.tz_convert("Europe/Berlin"),
        "utc": instants,
        "naive": instants.dt.tz_localize(None),
        "text": instants.map(lambda moment: moment.isoformat()),
        "local text": instants.dt.tz_convert("Europe/Berlin").map(lambda moment: moment.isoformat()),
        "unix": start.timestamp() + pd.Series(seconds),
        "length": pd.to_timedelta(pd.Series(seconds), unit="s"),
        "clock": pd.Series(
            [str(dt.timedelta(seconds=second)).split(".")[0] + f".{second % 1 * 100:02.0f}" for second in seconds]
        ),
    }
    for name, stamps in forms.items():
        out = grid(frame.assign(t=stamps), step="10s")
        assert out["n_raw"].tolist() == [20] * 12 + [10] * 12, name
        assert out["elapsed"].tolist() == [10.0 * k for k in range(12)] * 2, name
        panel = rd.DyadPanel(out, dyad="dyad", person="who", time="t")
        assert panel.index.on_grid, name
        assert (panel.index.partner_row >= 0).all(), name
    out = grid(frame.assign(t=forms["zoned"]), step=pd.Timedelta("10s"))
    assert str(out["t"].dtype) == "datetime64[us, Europe/Berlin]"
    assert out["t"].iloc[0] == start
    assert grid(frame.assign(t=forms["naive"]), step=10)["t"].iloc[0] == start.replace(tzinfo=None)
    assert grid(frame.assign(t=forms["local text"]), step=10)["t"].iloc[0] == start
    assert grid(frame.assign(t=forms["length"]), step="10s")["t"].iloc[1] == pd.Timedelta("10s")


def test_dyads_recorded_on_different_days_are_on_one_grid_by_elapsed_time():
    """Each dyad starts in the middle of a second of its own day; partners of a dyad share the clock."""
    parts = []
    for dyad in range(30):
        start = pd.Timestamp("2026-01-05 10:00") + pd.Timedelta(days=11.37 * dyad)
        for who in "ab":
            t = start + pd.to_timedelta(np.arange(40) / 4, unit="s")
            parts.append(pd.DataFrame({"dyad": dyad, "who": who, "t": t, "y": np.arange(40.0)}))
    out = grid(pd.concat(parts))
    panel = rd.DyadPanel(out, dyad="dyad", person="who", time="elapsed")
    assert panel.index.on_grid
    assert panel.index.n_beeps in (10, 11)
    assert (panel.index.partner_row >= 0).all()


def test_heart_rate_from_intervals_counts_the_beats():
    """Mean intervals give beats per minute of the cell; the mean of single rates is larger."""
    rng = np.random.default_rng(5)
    interval = rng.uniform(500, 1500, 4000)
    frame = pd.DataFrame({"dyad": 1, "who": "a", "t": np.cumsum(interval), "rr": interval, "rate": 60_000 / interval})
    out = grid(frame, step=60_000).iloc[1:-1]
    assert out["t"].tolist() == [60_000.0 * k for k in range(1, len(out) + 1)]
    assert np.abs(60_000 / out["rr"] - out["n_raw"]).max() < 2
    assert (out["rate"] > 60_000 / out["rr"]).all()


# --- interpolation -------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    at=st.lists(st.integers(0, 3000), min_size=2, max_size=25, unique=True),
    holes=st.sets(st.integers(0, 24)),
    step=st.sampled_from([50, 100, 250]),
    seed=st.integers(0, 99),
)
def test_lines_against_brute_force(at, holes, step, seed):
    rng = np.random.default_rng(seed)
    at = np.array(sorted(at))
    y = rng.normal(size=len(at))
    y[[place for place in holes if place < len(at)]] = np.nan
    if np.isnan(y).all():
        return
    known = np.isfinite(y)
    times, values = at[known], y[known]
    limit = max(step, 2 * np.median(np.diff(times))) if len(times) > 1 else step
    expected = {}
    for point in range(0, 3001, step):
        before, after = times <= point, times >= point
        if before.any() and after.any() and times[after][0] - times[before][-1] <= limit:
            expected[point] = np.interp(point, times, values)
    frame = pd.DataFrame({"dyad": 1, "who": "a", "t": at / 100, "y": y, "note": "same"})
    if not expected:
        with pytest.raises(rd.DataError, match="no grid point lies between two samples"):
            grid(frame, step=step / 100, how="interpolate")
        return
    out = grid(frame, step=step / 100, how="interpolate")
    np.testing.assert_allclose(out["t"], np.array(list(expected)) / 100, atol=1e-9)
    np.testing.assert_allclose(out["y"], list(expected.values()), atol=1e-9)
    assert out["n_raw"].tolist() == [int(np.sum((at >= point) & (at < point + step))) for point in expected]
    assert set(out["note"]) == {"same"}


def test_lines_stay_within_a_person_and_average_rows_of_one_stamp():
    frame = pd.DataFrame(
        {"dyad": 1, "who": [*"aaabb"], "t": [0.5, 1.5, 1.5, 0.5, 1.5], "y": [0.0, 1.0, 3.0, 10.0, 20.0]}
    )
    out = grid(frame, how="interpolate")
    assert out[["who", "t", "y"]].values.tolist() == [["a", 1.0, 1.0], ["b", 1.0, 15.0]]


# --- other columns -------------------------------------------------------------------------------


def test_columns_that_are_no_numbers_stay_if_they_are_constant_in_every_cell():
    frame = pd.DataFrame(
        {
            "dyad": 1,
            "who": [*"aaab"],
            "t": [0.0, 0.5, 1.0, 0.0],
            "role": pd.Categorical(["f", "f", "f", "m"], categories=["m", "f"]),
            "phase": ["talk", None, "rest", "talk"],
            "sex": [1, 1, 1, 2],
            "count": [1, 2, 3, 4],
            "flag": [True, True, False, False],
            "word": ["x", "y", "z", "z"],
        }
    )
    with pytest.warns(rd.DataWarning, match="vary within a cell of the grid: 'word'. Convert them to numbers"):
        out = grid(frame)
    assert out.columns.tolist() == ["dyad", "who", "t", "elapsed", "n_raw", "role", "phase", "sex", "count", "flag"]
    assert out["role"].cat.categories.tolist() == ["m", "f"]
    assert out["phase"].tolist() == ["talk", "rest", "talk"]
    assert out["sex"].dtype == "int64"
    assert out["sex"].tolist() == [1, 1, 2]
    assert out["count"].tolist() == [1.5, 3.0, 4.0]
    assert out["flag"].tolist() == [True, False, False]


def test_rows_without_a_stamp_are_counted():
    frame = dials().head(40)
    frame.loc[[3, 4], "t"] = np.nan
    with pytest.warns(rd.DataWarning, match="2 rows without a stamp were dropped"):
        out = grid(frame)
    assert out["n_raw"].sum() == 38
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grid(dials().head(40))


def test_a_missing_value_anywhere_leaves_the_others():
    frame = pd.DataFrame(
        {"dyad": 1, "who": "a", "t": [0.0, 0.1, 0.2], "y": [np.nan, 2.0, 4.0], "z": [np.inf, np.nan, np.nan]}
    )
    out = grid(frame)
    assert out["y"].tolist() == [3.0]
    assert out["z"].isna().all()
    assert grid(frame, how="first")["y"].tolist() == [2.0]


def test_nullable_numbers_and_attributes():
    frame = dials().assign(y=lambda rows: pd.array(rows["y"].round(), dtype="Int64"))
    frame.loc[0, "y"] = pd.NA
    frame.attrs["source"] = "dial"
    before = frame.copy()
    out = grid(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert out["y"].notna().all()
    assert out.attrs == {"source": "dial"}


def test_a_step_in_another_unit_than_the_stamps_is_mentioned():
    """Cumulative intervals in milliseconds, and a step of a second."""
    frame = pd.DataFrame({"dyad": 1, "who": "a", "t": np.arange(1, 50) * 800.0, "rr": 800.0})
    with pytest.warns(rd.DataWarning, match="samples lie 800 steps apart: the step may be in another unit"):
        grid(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grid(frame, step=1000)
        grid(frame.assign(t=frame["t"] / 1000), step="25ms", how="interpolate")


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"stamp": "T"}, rd.DataError, "no column 'T' in the table"),
        ({"step": 0}, rd.DesignError, "step=0 is no positive length: write '1s', '500ms', or a number"),
        ({"step": "1 parsec"}, rd.DesignError, "step='1 parsec' is no positive length"),
        ({"step": "-1s"}, rd.DesignError, "step='-1s' is no positive length"),
        ({"step": True}, rd.DesignError, "step=True is no positive length"),
        ({"step": float("nan")}, rd.DesignError, "step=nan is no positive length"),
        ({"step": 1e-300}, rd.DesignError, "the grid would have too many steps"),
        ({"how": "maen"}, rd.DesignError, "how='maen' is not known; allowed: 'mean', 'median', 'first', 'last'"),
    ],
)
def test_arguments_that_make_no_sense(options, error, message):
    with pytest.raises(error) as caught:
        grid(dials().head(), **options)
    assert message in str(caught.value)


def test_tables_that_cannot_be_put_on_a_grid():
    frame = dials().head()
    with pytest.raises(rd.DataError, match="'t' is no time or number"):
        grid(frame.assign(t=["1", "2", "soon", "4", "5"]))
    with pytest.raises(rd.DataError, match="'t' has no stamps"):
        grid(frame.assign(t=np.nan))
    with pytest.raises(rd.DataError, match=r"no dyad in 'dyad': row 2."):
        grid(frame.assign(dyad=["x", "x", None, "x", "x"]))
    with pytest.raises(rd.DataError, match="there is a column 'n_raw' already"):
        grid(frame.assign(n_raw=1))
    with pytest.raises(rd.DataError, match="the column of stamp is called 'elapsed'"):
        grid(frame.rename(columns={"t": "elapsed"}), stamp="elapsed")
    with pytest.raises(rd.DataError, match="the table has no rows"):
        grid(frame.iloc[:0])
    with pytest.raises(rd.DataError, match="'t' holds labels, which have no distance"):
        grid(frame.assign(t=pd.Categorical(list("abcab"), ordered=True)))
