"""Day and beep from stamps: brute force over wall clocks, every way to store a diary, and the fate of every row."""

import datetime as dt
import pickle
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reldyn as rd

ROLES = {"dyad": "dyad", "person": "who"}


def diary(*rows, columns=("who", "at", "y")):
    """Rows of one dyad."""
    frame = pd.DataFrame(rows, columns=list(columns))
    return frame.assign(dyad=1)


def align(frame, **options):
    return rd.align(frame, **{**ROLES, "stamp": "at", **options})


def phones_that_ring_apart(n_days=10, seed=3):
    """Each phone draws its own moment within windows of 90 minutes, five times a day."""
    rng = np.random.default_rng(seed)
    rows = [
        (1, who, day, beep + 1, 1713514593 + 86400 * day + 10800 * beep + int(rng.integers(0, 5400)), rng.normal())
        for day in range(n_days)
        for beep in range(5)
        for who in "ab"
    ]
    return pd.DataFrame(rows, columns=["dyad", "who", "day", "beep", "at", "y"])


def test_partners_whose_phones_ring_apart_share_their_occasions_after_one_call():
    frame = phones_that_ring_apart()
    aligned = align(frame)
    assert aligned.frame["beep"].tolist() == frame["beep"].tolist()
    assert (aligned.frame["day"] - pd.Timestamp("2024-04-19")).dt.days.tolist() == frame["day"].tolist()
    assert aligned.report.iloc[-1][["n_rows", "matched", "paired", "dropped"]].tolist() == [100, 100, 100, 0]
    panel = aligned.panel(role="who")
    wanted = rd.DyadPanel(frame, dyad="dyad", person="who", role="who", day="day", beep="beep")
    assert panel.index.partner_row.tolist() == wanted.index.partner_row.tolist()
    np.testing.assert_array_equal(panel.lag(["y"]).frame["y_lag1"], wanted.lag(["y"]).frame["y_lag1"])
    found = rd.coupling.cross_correlation(panel, "y", max_lag=2, seed=1).tidy()
    assert found["n_obs"].tolist() == [50]
    assert rd.affect_dynamics(panel, "y")["n_pairs"].tolist() == [40, 40]


# --- one diary in every form ---------------------------------------------------------------------

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
# Weekends on which summer time begins or ends somewhere above, and one on which it does not.
WEEKENDS = tuple(dt.date(2026, *date) for date in ((3, 28), (10, 24), (3, 7), (10, 31), (4, 4), (6, 6)))


@st.composite
def diaries(draw):
    """Local moments of a diary with their true day and beep, both found from how they were made."""
    zone, first = ZoneInfo(draw(st.sampled_from(ZONES))), draw(st.sampled_from(WEEKENDS))
    start = draw(st.sampled_from([0, 180, 240, 300]))
    gaps = draw(st.lists(st.integers(100, 300), min_size=1, max_size=3))
    prompts = [minute for minute in np.cumsum([30, *gaps]).tolist() if minute <= 1410]
    rows = []
    for day in range(3):
        for beep, minute in enumerate(prompts, 1):
            for who in "ab":
                late = draw(st.integers(-20, 20))
                moment = dt.datetime.combine(first, dt.time()) + dt.timedelta(days=day, minutes=start + minute + late)
                moment = moment.replace(tzinfo=zone, fold=draw(st.integers(0, 1)))
                exists = moment.astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None)
                if exists == moment.replace(tzinfo=None) and draw(st.integers(0, 9)):
                    rows.append((1, who, first + dt.timedelta(days=day), beep, moment))
    clock = [f"{(start + minute) // 60 % 24:02d}:{(start + minute) % 60:02d}" for minute in prompts]
    table = pd.DataFrame(rows, columns=["dyad", "who", "true_day", "true_beep", "moment"])
    some = draw(st.lists(st.integers(0, 11), min_size=3, max_size=3, unique=True))
    return table, tuple(clock), f"{start // 60:02d}:{start % 60:02d}", zone.key, some


def forms(moments, zone):
    """The same moments as they come in files; the zone is named unless the stamps show its clock themselves."""
    utc = [moment.astimezone(dt.UTC) for moment in moments]
    naive = [moment.replace(tzinfo=None) for moment in moments]
    unix = [moment.timestamp() for moment in moments]
    return [
        (pd.Series(naive, dtype="datetime64[us]"), zone),
        (pd.Series(naive, dtype="datetime64[us]"), None),
        (pd.Series([f"{moment:%Y-%m-%d %H:%M:%S}" for moment in naive]), zone),
        (pd.Series([moment.isoformat() for moment in moments]), None),
        (pd.Series([moment.isoformat() for moment in moments]), zone),
        (pd.Series(moments, dtype=object), None),
        (pd.Series(pd.to_datetime(utc, utc=True)), zone),
        (pd.Series(pd.to_datetime(utc, utc=True)).dt.tz_convert(zone), None),
        (pd.Series([f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in utc]), zone),
        (pd.Series(unix), zone),
        (pd.Series([int(1000 * moment) for moment in unix]), zone),
        (pd.Series([str(int(moment)) for moment in unix]), ZoneInfo(zone)),
    ]


@settings(max_examples=100, deadline=None)
@given(diaries())
def test_one_diary_in_every_form_and_order_has_one_day_and_beep(made):
    table, prompts, day_starts, zone, some = made
    if table.empty:
        return
    every = forms(table["moment"].tolist(), zone)
    for stamps, timezone in (every[place] for place in some):
        frame = table.drop(columns="moment").assign(at=stamps).sample(frac=1, random_state=some[0])
        out = align(frame, timezone=timezone, prompts=prompts, day_starts=day_starts).frame
        assert len(out) == len(table)
        assert out["beep"].tolist() == out["true_beep"].tolist()
        assert out["day"].dt.date.tolist() == out["true_day"].tolist()


@pytest.mark.parametrize("seed", [1, 2])
def test_learned_prompts_are_the_same_in_every_form(seed):
    """A diary over both changes of the clock; on the clock of UTC each prompt has two times of day."""
    rng, zone = np.random.default_rng(seed), ZoneInfo("Europe/Berlin")
    rows = []
    for day in [*pd.date_range("2026-03-23", periods=14), *pd.date_range("2026-10-19", periods=14)]:
        for beep, hour in enumerate((9, 12, 15, 18, 21), 1):
            for who in "ab":
                prompt = day.to_pydatetime().replace(hour=hour, tzinfo=zone)
                moment = prompt + dt.timedelta(minutes=int(rng.integers(0, 40)))
                rows.append((1, who, day.date(), beep, moment))
    table = pd.DataFrame(rows, columns=["dyad", "who", "true_day", "true_beep", "moment"])
    for stamps, timezone in forms(table["moment"].tolist(), zone.key):
        aligned = align(table.drop(columns="moment").assign(at=stamps), timezone=timezone)
        assert aligned.frame["beep"].tolist() == table["true_beep"].tolist()
        assert aligned.frame["day"].dt.date.tolist() == table["true_day"].tolist()


# --- brute force ---------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    minutes=st.lists(st.integers(1, 1439), min_size=1, max_size=30, unique=True),
    prompts=st.lists(st.integers(0, 1439), min_size=1, max_size=5, unique=True),
    start=st.integers(0, 1439),
)
def test_the_nearest_prompt_within_half_the_way_to_its_neighbour(minutes, prompts, start):
    first = dt.datetime(2026, 5, 1)
    frame = pd.DataFrame(
        {"dyad": 1, "who": range(len(minutes)), "at": [first + dt.timedelta(minutes=minute) for minute in minutes]}
    )
    expected = [nearest(minute, prompts, start) for minute in minutes]
    options = {
        "prompts": [clock(minute) for minute in prompts],
        "day_starts": clock(start),
        "tolerance": "24h",
    }
    if not any(expected):
        with pytest.raises(rd.DataError, match="belongs to any of the prompts"):
            align(frame, **options)
        return
    aligned = align(frame, **options)
    assert aligned.frame["who"].tolist() == [row for row, beep in enumerate(expected) if beep]
    assert aligned.frame["beep"].tolist() == [beep for beep in expected if beep]
    matched = [minute for minute, beep in zip(minutes, expected, strict=True) if beep]
    days = ["2026-05-01" if minute >= start else "2026-04-30" for minute in matched]
    assert aligned.frame["day"].astype(str).tolist() == days


def clock(minute):
    return f"{minute // 60:02d}:{minute % 60:02d}"


def nearest(minute, prompts, start):
    """The number of the prompt, or 0; all in minutes since the start of the day."""
    since = (minute - start) % 1440
    order = sorted((prompt - start) % 1440 for prompt in prompts)
    best = min(range(len(order)), key=lambda k: (abs(since - order[k]), order[k]))
    distance = since - order[best]
    if len(order) == 1:
        return 1
    before = order[best] - order[best - 1] if best else order[1] - order[0]
    after = order[best + 1] - order[best] if best + 1 < len(order) else order[-1] - order[-2]
    return best + 1 if -before / 2 <= distance <= after / 2 else 0


@pytest.mark.parametrize(
    ("at", "beep"),
    [
        ("08:59:59", None),
        ("09:00", 1),
        ("10:30", 1),
        ("10:30:01", None),
        ("11:59", None),
        ("12:00", 2),
        ("13:00", 3),
        ("14:00", 3),
        ("22:30", 4),
        ("00:45", 4),
        ("02:00", None),
    ],
)
def test_windows_hold_their_ends_and_may_cross_midnight(at, beep):
    windows = (("22:00", "01:00"), ("09:00", "10:30"), ("12:00", "13:00"), ("13:00", "14:00"))
    frame = diary(("a", "2026-05-01 09:30", 1), ("a", f"2026-05-02 {at}", 2))
    found = align(frame, prompts=windows, day_starts="04:00").frame
    assert found.loc[found["y"] == 2, "beep"].tolist() == ([] if beep is None else [beep])


def test_an_answer_after_midnight_belongs_to_the_day_before():
    frame = diary(("a", "2026-05-01 21:00", 1), ("a", "2026-05-03 01:30", 2), ("a", "2026-05-03 04:00", 3))
    days = align(frame, prompts="21:00", day_starts="04:00").frame["day"]
    assert days.dt.strftime("%d").tolist() == ["01", "02", "03"]
    at_midnight = align(frame, prompts=dt.time(21), day_starts=dt.time(0), duplicates="first").frame["day"]
    assert at_midnight.dt.strftime("%d").tolist() == ["01", "03"]


# --- the fate of every row -----------------------------------------------------------------------


def test_every_row_has_one_fate_and_the_report_counts_it():
    frame = pd.DataFrame(
        [
            ("d1", "a", "2026-05-01 09:05", 1.0),
            ("d1", "b", "2026-05-01 09:10", 2.0),
            ("d1", "a", "2026-05-01 03:00", 3.0),  # near no prompt
            ("d1", "b", None, 4.0),  # no stamp
            ("d1", "a", "2026-05-01 12:00", 5.0),
            ("d1", "b", "2026-05-01 12:31", 6.0),  # late
            ("d2", "c", "2026-05-01 09:00", 7.0),
            ("d2", "c", "2026-05-01 09:20", np.nan),  # repeated
            ("d2", "d", "2026-05-01 15:00", 8.0),
        ],
        columns=["dyad", "who", "at", "y"],
    )
    aligned = align(frame, prompts=("09:00", "12:00", "15:00"), tolerance="30min", duplicates="first")
    report = aligned.report
    assert report["level"].tolist() == ["person"] * 4 + ["total"]
    assert report["person"].tolist() == ["a", "b", "c", "d", None]
    assert report["dyad"].tolist() == ["d1", "d1", "d2", "d2", None]
    counts = report.set_index("person")
    names = ["n_rows", "matched", "paired", "dropped", "no_stamp", "no_prompt", "duplicate", "late"]
    assert counts.loc["a", names].tolist() == [3, 2, 1, 1, 0, 1, 0, 0]
    assert counts.loc["b", names].tolist() == [3, 1, 1, 2, 1, 0, 0, 1]
    assert counts.loc["c", names].tolist() == [2, 1, 0, 1, 0, 0, 1, 0]
    assert counts.loc["d", names].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    assert report.iloc[-1][names].tolist() == [9, 5, 2, 4, 1, 1, 1, 1]
    assert report["dropped_rows"].tolist() == [(2,), (3, 5), (7,), (), (2, 3, 5, 7)]
    assert report["median_lag"].tolist() == [2.5, 10.0, 0.0, 0.0, 0.0]
    assert aligned.frame["y"].tolist() == [1.0, 2.0, 5.0, 7.0, 8.0]
    assert aligned.prompts["prompt"].tolist() == ["09:00", "12:00", "15:00"]
    assert aligned.prompts[["matched", "paired"]].values.tolist() == [[3, 2], [1, 0], [1, 0]]
    assert aligned.warnings == (
        "1 row was dropped: the stamp lies near no prompt.",
        "1 row was dropped: there is no stamp.",
        "1 row was dropped: the person has another row at the same prompt.",
        "1 row was dropped: they lie further than the tolerance after the partner's row of the prompt.",
        "in 1 dyad the partners share no prompt.",
    )
    assert repr(aligned) == "Aligned: 5 of 9 rows on 3 prompts a day, 2 with the partner's, 4 dropped"
    assert str(aligned) == aligned.summary()
    assert aligned.summary().splitlines()[:3] == [
        "Stamps of 9 rows from 4 persons were matched to 3 prompts a day (named clock times: 09:00, 12:00, 15:00).",
        "Days start at 00:00, on the clock of the stamps. Partners' stamps of one prompt lie at most 30 minutes apart.",
        "5 rows were matched, 2 of them together with the partner's. 4 rows were dropped: 1 without a stamp, 1 near no "
        "prompt, 1 repeated, 1 late.",
    ]


def test_without_a_tolerance_partners_lie_at_most_half_the_smallest_distance_apart():
    frame = diary(("a", "2026-05-01 09:00", 1), ("b", "2026-05-01 10:30", 2), ("b", "2026-05-01 12:59", 3))
    assert align(frame, prompts=("09:00", "12:00", "18:00")).report.iloc[-1]["paired"] == 2
    windows = (("09:00", "12:00"), ("12:00", "15:00"))
    assert align(frame, prompts=windows).report.iloc[-1][["paired", "late"]].tolist() == [2, 0]
    frame.loc[1, "at"] = "2026-05-01 10:31"
    assert align(frame, prompts=windows).report.iloc[-1][["paired", "late"]].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("duplicates", "kept"), [("first", [3.0, 4.0]), ("last", [2.0, 4.0]), ("most-complete", [1.0, 4.0])]
)
def test_which_of_several_rows_stays(duplicates, kept):
    frame = diary(
        ("a", "2026-05-01 09:10", 1.0),
        ("a", "2026-05-01 09:20", 2.0),
        ("a", "2026-05-01 09:01", 3.0),
        ("b", "2026-05-01 09:05", 4.0),
    ).assign(z=[1.0, np.nan, np.nan, 1.0])
    frame = pd.concat([frame.iloc[3:], frame.iloc[:3]])
    found = align(frame, prompts=("09:00", "12:00"), duplicates=duplicates).frame
    assert sorted(found["y"]) == sorted(kept)


def test_several_rows_at_one_prompt_are_refused_and_listed():
    frame = diary(*[("a", f"2026-05-01 09:0{k}", k) for k in range(3)], ("b", "2026-05-01 09:00", 4))
    with pytest.raises(rd.DataError) as caught:
        align(frame, prompts=("09:00", "12:00"))
    assert str(caught.value) == (
        "several rows of one person belong to one prompt: rows 0, 1, 2. Drop all but one of each, choose by "
        "duplicates='first', 'last' or 'most-complete', or name prompts= and day_starts= that tell them apart."
    )


def test_nothing_depends_on_the_labels_of_persons_or_the_order_of_rows():
    frame = phones_that_ring_apart()
    other = frame.assign(who=frame["who"].map({"a": 2, "b": 1}), dyad="x").iloc[::-1]
    first, second = align(frame), align(other)
    assert second.frame["beep"].tolist() == first.frame["beep"].tolist()[::-1]
    assert second.report.iloc[-1]["paired"] == 100


# --- what a careful reader must know -------------------------------------------------------------


def test_stamps_in_utc_without_a_zone_are_mentioned():
    note = "the stamps are in UTC, and so are days and prompts: name timezone= if that was not local time."
    frame = diary(("a", 1713514593, 1), ("b", 1713514600, 2))
    assert note in align(frame, prompts="09:00").warnings
    assert note not in align(frame, prompts="09:00", timezone="Europe/Berlin").warnings
    assert align(frame, prompts="09:00").frame["day"].tolist() == [pd.Timestamp("2024-04-19")] * 2
    assert "on the clock of UTC" in align(frame, prompts="09:00").summary()
    assert "on the clock of Asia/Tokyo" in align(frame, prompts="09:00", timezone="Asia/Tokyo").summary()


def test_local_times_that_never_existed_are_mentioned():
    frame = diary(("a", "2026-03-29 02:30", 1), ("b", "2026-03-29 03:30", 2))
    notes = align(frame, prompts="03:00", timezone="Europe/Berlin").warnings
    assert notes == (
        "1 local times never existed in Europe/Berlin, because summer time began: perhaps the stamps are on "
        "another clock.",
    )
    assert align(frame, prompts="03:00").warnings == ()


def test_partners_on_different_clocks_are_mentioned():
    frame = diary(("a", "2026-05-01T09:00+02:00", 1), ("b", "2026-05-01T09:00-04:00", 2))
    aligned = align(frame, prompts=("09:00", "15:00"))
    assert aligned.report.iloc[-1]["paired"] == 2
    assert aligned.warnings == (
        "at 1 prompt the partners' stamps have different UTC offsets; each was matched on its own clock. "
        "Name timezone= to put both on one clock.",
    )
    together = align(frame, prompts=("09:00", "15:00"), timezone="Europe/Berlin").frame
    assert together["beep"].tolist() == [1, 2]


def test_rows_just_over_the_start_of_a_day_point_to_day_starts():
    frame = diary(("a", "2026-05-01 23:50", 1), ("b", "2026-05-02 00:10", 2), ("b", "2026-05-01 18:00", 3))
    notes = align(frame, prompts=("18:00", "23:45")).warnings
    assert "1 of them would belong to a prompt of the day before or after: choose day_starts." in notes
    fixed = align(frame, prompts=("18:00", "23:45"), day_starts="04:00")
    assert fixed.report.iloc[-1][["paired", "dropped"]].tolist() == [2, 0]


def test_columns_that_are_called_day_or_beep_stay_under_another_name():
    frame = diary(("a", "2026-05-01 09:00", 1)).assign(day=7, beep=8, day_original=9)
    aligned = align(frame, prompts="09:00")
    assert aligned.frame[["day_original_2", "beep_original", "day_original"]].values.tolist() == [[7, 8, 9]]
    assert aligned.warnings == (
        "the column 'day' of the file is now 'day_original_2'.",
        "the column 'beep' of the file is now 'beep_original'.",
    )


def test_the_frame_of_the_caller_is_not_changed():
    frame = phones_that_ring_apart()
    frame.attrs["mine"] = {"a": [1]}
    before = frame.copy()
    out = align(frame).frame
    pd.testing.assert_frame_equal(frame, before)
    assert frame.attrs == {"mine": {"a": [1]}}
    assert out.attrs["mine"] == {"a": [1]}


def test_other_frames_are_taken():
    pyarrow = pytest.importorskip("pyarrow")
    frame = phones_that_ring_apart()
    table = pyarrow.Table.from_pandas(frame)
    assert align(table).frame["beep"].tolist() == frame["beep"].tolist()


# --- errors --------------------------------------------------------------------------------------

GOOD = diary(("a", "2026-05-01 09:00", 1), ("b", "2026-05-01 09:10", 2))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"stamp": "att"}, rd.DataError, "no column 'att' in the table (nearest: 'at'). Columns: who, at, y, dyad."),
        ({"timezone": "Europe/Berln"}, rd.DesignError, "Did you mean 'Europe/Berlin'?"),
        ({"timezone": "+02:00"}, rd.DesignError, "timezone='+02:00' is no time zone: give an IANA name"),
        ({"timezone": 2}, rd.DesignError, "timezone=2 is no time zone"),
        ({"day_starts": "25:00"}, rd.DesignError, "day_starts='25:00' is no time of day: write hours and minutes"),
        ({"day_starts": 4}, rd.DesignError, "day_starts=4 is no time of day"),
        ({"prompts": ()}, rd.DesignError, "prompts=(): name clock times such as"),
        ({"prompts": 9}, rd.DesignError, "prompts=9: name clock times such as"),
        ({"prompts": ("09:00", ("10:00", "11:00"))}, rd.DesignError, "name clock times such as"),
        ({"prompts": ("09:00", "9:00 am")}, rd.DesignError, "names one clock time twice."),
        ({"prompts": ("nine",)}, rd.DesignError, "prompts='nine' is no time of day"),
        ({"prompts": (("09:00",),)}, rd.DesignError, "the window ('09:00',) is no pair of clock times"),
        ({"prompts": (("22:00", "01:00"),)}, rd.DesignError, "the window 22:00 to 01:00 crosses 00:00, where a day"),
        (
            {"prompts": (("09:00", "11:00"), ("10:00", "12:00"))},
            rd.DesignError,
            "two windows overlap: one opens at 10:00, before the one before it has closed.",
        ),
        ({"prompts": ("18:00", "19:00")}, rd.DataError, "no stamp of 'at' belongs to any of the prompts 18:00, 19:00"),
        ({"tolerance": 30}, rd.DesignError, "tolerance=30 is no length of time: give it with its unit"),
        ({"tolerance": "-5min"}, rd.DesignError, "tolerance='-5min' is no length of time"),
        ({"tolerance": "soon"}, rd.DesignError, "tolerance='soon' is no length of time"),
        ({"duplicates": "frist"}, rd.DesignError, "duplicates='frist' is not known; allowed: 'refuse', 'first'"),
    ],
)
def test_arguments_that_make_no_sense(options, error, message):
    with pytest.raises(error) as caught:
        align(GOOD, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        (["09:00", "10:00"], "'at' holds times of day without a date: join it with the date first"),
        (["2026-05-01", "2026-05-02"], "'at' holds dates without a time of day, so no prompt can be found"),
        ([1, 2], "'at' holds numbers that are no Unix times (the first is 1)"),
        ([1713514593, 12], "'at' holds Unix seconds, but not in row 1."),
        ([0, 0], "'at' has no stamps"),
        ([None, None], "'at' has no stamps"),
        (["monday", "tuesday"], "'at' holds labels"),
        (["2026-05-01 09:00", "soon"], "'at' is no time or number ('soon'): row 1."),
        (["01.04.2026 09:00", "02.04.2026 09:00"], "'at' leaves the order of its dates open"),
        (pd.Categorical(["b", "a"], ordered=True), "'at' holds labels, no stamps"),
    ],
)
def test_stamps_that_are_none(stamps, message):
    with pytest.raises(rd.DataError) as caught:
        align(GOOD.assign(at=stamps), prompts="09:00")
    assert message in str(caught.value)


def test_missing_ids_taken_names_and_empty_tables():
    with pytest.raises(rd.DataError, match=r"no person in 'who': row 1. Fill in the id, or drop these rows."):
        align(GOOD.assign(who=["a", None]), prompts="09:00")
    with pytest.raises(rd.DataError, match="the column of stamp is called 'day', as is a column that is added"):
        align(GOOD.rename(columns={"at": "day"}), stamp="day", prompts="09:00")
    with pytest.raises(rd.DataError, match="the table has no rows"):
        align(GOOD.iloc[:0], prompts="09:00")
    twice = GOOD.assign(**{"at.1": 1})
    twice.attrs["duplicated_columns"] = {"at": ("at", "at.1")}
    with pytest.raises(rd.DataError, match="the header 'at' stands several times"):
        align(twice, prompts="09:00")
    with pytest.raises(rd.DataError, match="not from a list"):
        align([1], prompts="09:00")


# --- findings ------------------------------------------------------------------------------------


def alignment(findings):
    codes = ("aligned", "unmatched-stamps", "repeated-answers", "partners-apart")
    return findings.loc[findings["code"].isin(codes), ["code", "severity", "n"]].values.tolist()


def dropped():
    frame = phones_that_ring_apart()
    frame.loc[3, "at"] = 0
    frame.loc[6, "at"] = frame.loc[4, "at"]
    return align(frame, duplicates="first", tolerance="60min")


def test_a_panel_says_what_was_dropped_before_it_was_made(tmp_path):
    aligned = dropped()
    total = aligned.report.iloc[-1]
    assert total["no_stamp"] == 1
    assert total["duplicate"] == 1
    assert total["late"] > 0
    expected = [
        ["unmatched-stamps", "warning", 1],
        ["repeated-answers", "warning", 1],
        ["partners-apart", "warning", total["late"]],
        ["aligned", "note", total["matched"]],
    ]
    roles = {"dyad": "dyad", "person": "who", "role": "who", "day": "day", "beep": "beep"}
    panel = rd.DyadPanel(aligned.frame, **roles)
    assert alignment(panel.findings) == expected
    assert alignment(aligned.panel(role="who").findings) == expected
    assert alignment(rd.check_panel(aligned.frame.copy(), **roles)) == expected
    assert alignment(panel.select(where=lambda frame: frame["beep"] < 4).findings) == expected
    pytest.importorskip("pyarrow")
    panel.to_parquet(tmp_path / "panel.parquet")
    assert alignment(rd.DyadPanel.from_parquet(tmp_path / "panel.parquet").findings) == expected
    message = panel.findings.set_index("code").loc["unmatched-stamps", "message"]
    assert message == "1 row of the file was dropped before: no stamp, or a stamp near no prompt."


@pytest.mark.parametrize(
    "note",
    [
        None,
        "aligned",
        [1, 2],
        {},
        {"stamp": "at"},
        {"stamp": 3, "n_prompts": 1},
        "negative",
        "text",
        "bool",
        "missing",
    ],
)
def test_a_note_that_something_else_wrote_is_left_alone(note):
    frame = dropped().frame
    sound = frame.attrs["alignment"]
    broken = {
        "negative": {**sound, "late": -1},
        "text": {**sound, "late": "7"},
        "bool": {**sound, "late": True},
        "missing": {name: value for name, value in sound.items() if name != "late"},
    }
    frame.attrs["alignment"] = broken.get(note, note) if isinstance(note, str) else note
    findings = rd.check_panel(frame, dyad="dyad", person="who", day="day", beep="beep")
    assert alignment(findings) == []
    assert "unchecked" not in set(findings["code"])


def test_an_aligned_frame_names_nobody_in_its_attributes():
    assert set(map(type, dropped().frame.attrs["alignment"].values())) == {int, str}
    assert pickle.loads(pickle.dumps(dropped().frame.attrs)) == dropped().frame.attrs  # noqa: S301
