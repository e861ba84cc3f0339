"""DyadPanel: what it is, its verbs, and that it never changes."""

import contextlib
import copy

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DataError, DesignError


def diary(n_dyads=3, n_days=4, seed=1):
    rng = np.random.default_rng(seed)
    grid = [(d, r, t) for d in range(n_dyads) for r in ("f", "m") for t in range(1, n_days + 1)]
    frame = pd.DataFrame(grid, columns=["dyad", "role", "day"])
    frame["person"] = frame["dyad"].astype(str) + frame["role"]
    frame["x"] = rng.normal(size=len(frame))
    return frame


def make(frame, **options):
    return rd.DyadPanel(frame, **{"dyad": "dyad", "person": "person", "role": "role", "time": "day", **options})


def esm(n_dyads=2, n_days=3, n_beeps=4):
    grid = [
        (d, r, t, b)
        for d in range(n_dyads)
        for r in ("f", "m")
        for t in range(1, n_days + 1)
        for b in range(1, n_beeps + 1)
    ]
    frame = pd.DataFrame(grid, columns=["dyad", "role", "day", "beep"])
    frame["person"] = frame["dyad"].astype(str) + frame["role"]
    frame["x"] = np.arange(len(frame), dtype=float)
    return frame


def test_counts_and_labels():
    panel = make(diary())
    assert (panel.n_dyads, panel.n_persons, panel.n_occasions) == (3, 6, 4)
    assert panel.roles == ("f", "m")
    assert dict(panel.compositions) == {"f-m": 3}
    assert repr(panel) == "DyadPanel: 3 dyads (3 f-m), 6 persons, up to 4 occasions, 24 rows, 5 columns"


def test_a_panel_never_changes():
    frame = diary()
    panel = make(frame)
    with pytest.raises(AttributeError, match="a DyadPanel never changes"):
        panel.roles = ("a", "b")
    frame.loc[0, "x"] = 1e9
    copy = panel.frame
    copy.loc[1, "x"] = 1e9
    with contextlib.suppress(ValueError):  # pandas 3 hands out arrays that cannot be written to
        panel.frame["x"].to_numpy()[2] = 1e9
    assert panel.frame["x"].max() < 1e8
    panel.lag(["x"])
    assert "x_lag1" not in panel.frame


def arrays_of(thing):
    """Every array that an attribute of a record holds, in tuples and mappings too."""
    if isinstance(thing, np.ndarray):
        yield thing
    elif isinstance(thing, tuple | list):
        for part in thing:
            yield from arrays_of(part)


def test_nobody_can_write_into_the_index():
    for panel in (make(diary()), make(esm(), time=None, day="day", beep="beep"), make(diary()).select(dyads=[0, 2])):
        index = panel.index
        names = [name for name in dir(index) if not name.startswith("__")]
        found = {name: list(arrays_of(getattr(index, name))) for name in names}
        assert {"dyad", "person", "member", "role", "day", "beep", "step", "clock"} <= set(found)
        assert all(found[name] for name in ("dyad", "clock", "occasion", "order", "partner_row", "_rows_by_cell"))
        for name, arrays in found.items():
            assert not any(array.flags.writeable for array in arrays), name
        with pytest.raises(ValueError, match="read-only"):
            index.dyad[0] = 99
        assert not panel.values("x").flags.writeable


def test_the_codes_of_the_index_belong_to_the_panel():
    codes = np.array([0, 0, 1, 1])
    frame = pd.DataFrame({"dyad": codes, "person": ["a", "b", "c", "d"], "x": [1.0, 2.0, 3.0, 4.0]})
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", scales={"x": [1, 7]})
    codes[0] = 1
    assert panel.index.dyad.tolist() == [0, 0, 1, 1]
    assert panel.scales["x"] == (1.0, 7.0)


def test_attributes_of_a_frame_that_cannot_be_copied_are_left_behind():
    import threading

    frame = diary()
    frame.attrs = {"lock": threading.Lock(), "source": {"file": "diary.csv"}}
    panel = make(frame)
    assert panel.lag(["x"]).frame.attrs == {"source": {"file": "diary.csv"}}
    frame.attrs["source"]["file"] = "other.csv"
    assert panel.frame.attrs == {"source": {"file": "diary.csv"}}


def test_a_panel_is_one_line_among_other_things_and_several_when_printed():
    frame = diary(n_dyads=40)
    frame["role"] = "role\nof " + frame["person"]
    frame["x\ny"] = 1.0
    clock = rd.Schedule(scheduled="day")
    panel = make(frame, schedule=clock, scales={"x": (-9, 9)})
    for thing in (panel, panel.index, clock, rd.simulate.cycles("cycle", n_dyads=3, n_occasions=40, seed=1)):
        assert "\n" not in repr(thing)
        assert len(repr(thing)) < 500
    assert "35 more compositions" in repr(panel)
    assert repr(panel.index) == "PanelIndex: 320 rows, 40 dyads, 80 persons, 1 x 4 occasions"


def test_print_gives_a_summary():
    frame = esm()
    frame["planned"] = pd.Timestamp("2026-03-02") + pd.to_timedelta(24 * frame["day"] + 3 * frame["beep"], unit="h")
    panel = make(frame, time=None, day="day", beep="beep", schedule=rd.Schedule(scheduled="planned"))
    assert str(panel) == (
        "DyadPanel: 2 dyads, 4 persons, 48 rows\n"
        "  compositions  2 f-m\n"
        "  roles         f, m\n"
        "  occasions     up to 12 a dyad; 3 days of 4 steps\n"
        "  night         counts 5 steps, by the clock\n"
        "  named         dyad=dyad, person=person, role=role, day=day, beep=beep, scheduled=planned\n"
        "  variables     x\n"
        f"  findings      {len(panel.findings)} notes"
    )
    simulated = rd.simulate.apim(n_dyads=5, actor=(0.3, 0.2), partner=(0.1, 0.1), seed=1)
    assert str(simulated).startswith(str(simulated.panel))
    assert str(simulated).splitlines()[-1] == f"  truth         {', '.join(simulated.truth)}"
    assert repr(simulated) == f"Simulated({simulated.panel!r}; {simulated.truth!r})"
    truth = repr(rd.load_sample_truth())
    assert truth.startswith("SampleTruth(couples: ") and "\n" not in truth


def test_an_answering_time_that_is_blank_or_zero_did_not_happen():
    for value, missing in ((1_700_000_000, 0), ("2026-03-02 10:00", " "), ("10:00", "NaT")):
        frame = diary(n_dyads=2)
        frame["answered_at"] = pd.Series([value] * len(frame), dtype=object)
        frame.loc[[0, 1, 2], "answered_at"] = missing
        panel = make(frame.infer_objects(), schedule=rd.Schedule(answered="answered_at"))
        assert panel.compliance().iloc[0]["answered"] == 13


def test_roles_follow_the_order_of_a_categorical():
    frame = diary()
    frame["role"] = pd.Categorical(frame["role"], categories=["m", "f"])
    panel = make(frame)
    assert panel.roles == ("m", "f")
    assert (panel.index.member == (frame["role"] == "f")).all()


def test_within_between_is_about_observed_person_means():
    frame = diary()
    frame.loc[[0, 5], "x"] = np.nan
    result = make(frame).within_between(["x"]).frame
    means = frame.groupby("person")["x"].mean()
    expected = frame["person"].map(means)
    np.testing.assert_allclose(result["x_between"], expected - means.mean(), atol=1e-14)
    np.testing.assert_allclose(result["x_within"], frame["x"] - expected, atol=1e-14)


def test_partner_values_pair_by_occasion_in_any_row_order():
    frame = diary().drop(index=[2, 13]).sample(frac=1, random_state=3)
    result = make(frame).actor_partner(["x"]).frame
    lookup = frame.set_index(["dyad", "role", "day"])["x"]
    other = {"f": "m", "m": "f"}
    for row in result.itertuples():
        expected = lookup.get((row.dyad, other[row.role], row.day), np.nan)
        assert np.isclose(row.x_partner, expected, equal_nan=True)


def test_lag_is_by_scheduled_occasion_and_never_over_a_gap():
    frame = diary(n_dyads=1, n_days=6)
    kept = frame[~((frame["day"] == 3) & (frame["role"] == "f"))]
    result = make(kept.sample(frac=1, random_state=0)).lag(["x"]).lag(["x"], steps=2).frame.set_index(["role", "day"])
    assert np.isnan(result.loc[("f", 4), "x_lag1"])
    assert result.loc[("f", 4), "x_lag2"] == result.loc[("f", 2), "x"]
    assert result.loc[("m", 4), "x_lag1"] == result.loc[("m", 3), "x"]
    assert np.isnan(result.loc[("m", 1), "x_lag1"])


def test_lag_never_crosses_a_night():
    panel = make(esm(), time=None, day="day", beep="beep").lag(["x"])
    frame = panel.frame
    assert frame.loc[frame["beep"] == 1, "x_lag1"].isna().all()
    later = frame[frame["beep"] > 1]
    np.testing.assert_array_equal(later["x_lag1"], later["x"] - 1)


def test_a_lag_looks_back():
    panel = make(diary())
    with pytest.raises(DesignError, match="steps=0: give a whole number of at least 1"):
        panel.lag(["x"], steps=0)
    single = rd.DyadPanel(diary(n_days=1), dyad="dyad", person="person", role="role")
    with pytest.raises(DesignError, match="more than one occasion"):
        single.lag(["x"])


@pytest.mark.parametrize(("night", "steps"), [(3, 3), (1, 1), (None, 1_000_000 - 3)])
def test_night_steps_count_in_the_process(night, steps):
    panel = make(esm(), time=None, day="day", beep="beep", schedule=rd.Schedule(night_steps=night))
    step = panel.index.step.reshape(-1, 3, 4)[0]
    assert step[1, 0] - step[0, 3] == steps
    assert step[0].tolist() == [0, 1, 2, 3]


def test_a_night_is_measured_by_the_clock():
    frame = esm()
    hour = 9 + 3 * (frame["beep"] - 1)
    frame["planned"] = (
        pd.Timestamp("2026-03-02") + pd.to_timedelta(frame["day"], unit="D") + pd.to_timedelta(hour, unit="h")
    )
    panel = make(frame, time=None, day="day", beep="beep", schedule=rd.Schedule(scheduled="planned"))
    step = panel.index.step.reshape(-1, 3, 4)[0]
    assert step[1, 0] - step[0, 3] == 5  # 18:00 to 9:00 is 15 hours: five daytime intervals of 3 hours


def test_times_need_not_be_whole_numbers():
    frame = diary(n_days=5)
    frame["day"] = -1.5 + (frame["day"] - 1) / 7
    panel = make(frame)
    assert panel.index.on_grid
    assert sorted(set(panel.index.beep)) == [0, 1, 2, 3, 4]


def test_wide_has_one_row_per_dyad_and_occasion():
    frame = diary().drop(index=[0])
    wide = make(frame).wide(["x"])
    assert list(wide.columns) == ["dyad", "day", "x_f", "x_m"]
    assert len(wide) == 12
    assert np.isnan(wide.loc[(wide["dyad"] == 0) & (wide["day"] == 1), "x_f"].item())


def test_mixed_samples_have_compositions():
    frame = diary()
    frame.loc[frame["dyad"] == 2, "role"] = "f"
    panel = make(frame)
    assert dict(panel.compositions) == {"f-m": 2, "f-f": 1}
    assert panel.exchangeable_compositions == {"f-f"}
    pooled = panel.with_compositions(pool={"couples": ["f-m", "f-f"]})
    assert dict(pooled.compositions) == {"couples": 3}
    with pytest.raises(DesignError, match="'m-m', which is no composition"):
        panel.with_compositions(pool={"men": ["m-m"]})


def test_select_keeps_the_grid_of_the_study():
    panel = make(diary())
    part = panel.select(dyads=[0, 2], where=lambda frame: frame["day"] != 2)
    assert (part.n_dyads, len(part)) == (2, 12)
    lagged = part.lag(["x"]).frame
    assert lagged.loc[lagged["day"] == 3, "x_lag1"].isna().all()
    with pytest.raises(DataError, match="no dyad 9 in the panel; there are 3: 0, 1, 2"):
        panel.select(dyads=[9])
    assert len(panel.select(dyads=2)) == len(panel.select(dyads=[2])) == 8


def test_compliance_counts_occasions_of_both_partners():
    frame = diary(n_dyads=2)
    frame.loc[[0, 1, 4], "x"] = np.nan
    table = make(frame).compliance(["x"]).set_index(["level", "label"])
    overall = table.loc[("overall", "")]
    assert (overall["expected"], overall["answered"]) == (16, 13)
    assert overall["both_share"] == 6 / 8  # day 1 lost by both, day 2 by one
    assert overall["any_share"] == 7 / 8
    assert table.loc[("person", "0f"), "share"] == 0.5


def test_an_absent_row_counts_as_scheduled():
    frame = diary(n_dyads=2, n_days=3)
    gone = frame.drop(index=[1])
    table = make(gone).compliance()
    assert table.loc[table["level"] == "overall", "expected"].item() == 12


def test_describe_separates_within_from_between():
    frame = diary()
    table = make(frame).describe(["x"]).set_index("role")
    women = frame[frame["role"] == "f"]
    means = women.groupby("person")["x"].mean()
    assert np.isclose(table.loc["f", "sd_between"], means.std())
    assert np.isclose(table.loc["f", "mean"], women["x"].mean())
    assert table.loc["f", "n_obs"] == 12


def test_parquet_keeps_roles_and_schedule(tmp_path):
    panel = make(esm(), time=None, day="day", beep="beep", schedule=rd.Schedule(night_steps=3), scales={"x": (0, 100)})
    panel.to_parquet(tmp_path / "panel.parquet")
    back = rd.DyadPanel.from_parquet(tmp_path / "panel.parquet")
    pd.testing.assert_frame_equal(back.frame, panel.frame)
    assert dict(back.columns) == dict(panel.columns)
    assert back.schedule == panel.schedule
    assert dict(back.scales) == dict(panel.scales)
    np.testing.assert_array_equal(back.index.step, panel.index.step)


def test_other_data_frames_are_taken_at_the_border():
    import pyarrow as pa

    panel = make(pa.Table.from_pandas(diary(), preserve_index=False))
    assert panel.n_dyads == 3
    with pytest.raises(DataError, match="made from a data frame, not from a list"):
        make([1, 2])


def test_a_duplicated_header_cannot_be_used():
    frame = diary()
    frame["x.1"] = 1.0
    frame.attrs["duplicated_columns"] = {"x": ("x", "x.1")}
    panel = make(frame)
    message = (
        "the header 'x' stands 2 times in the file (read as x, x.1), so which column 'x' is remains unclear: "
        "rename the columns, then use the new name."
    )
    with pytest.raises(DataError) as error:
        panel.lag(["x"])
    assert str(error.value) == message


def test_unknown_columns_name_the_nearest():
    with pytest.raises(DataError, match="no column 'xx' in the panel"):
        make(diary()).lag(["xx"])


def test_a_trait_in_every_row_is_no_answer():
    frame = diary(n_dyads=2)
    frame["trait"] = frame["person"].map({name: place for place, name in enumerate(sorted(set(frame["person"])))})
    frame.loc[[0, 1], "x"] = np.nan
    overall = make(frame).compliance().iloc[0]
    assert (overall["expected"], overall["answered"]) == (16, 14)


def test_design_and_lags_are_no_answers():
    frame = diary(n_dyads=2)
    frame.loc[[0, 1], "x"] = np.nan
    frame["place"] = ["home", "work"] * (len(frame) // 2)
    panel = make(frame)
    stated = panel.findings.set_index("code").loc["compliance", "n"]
    for one in (panel, panel.lag(["x"])):
        assert one.compliance().iloc[0]["answered"] == stated == 14


def test_compliance_of_a_diary_is_by_its_days():
    frame = diary(n_dyads=2)
    frame.loc[frame["day"] == 2, "x"] = np.nan
    panel = make(frame, time=None, day="day")
    table = panel.compliance().query("level == 'day'").set_index("label")
    assert table["expected"].tolist() == [4, 4, 4, 4]
    assert table["share"].to_dict() == {1: 1.0, 2: 0.0, 3: 1.0, 4: 1.0}
    assert not panel.compliance()["level"].eq("beep").any()


def test_an_answering_time_says_what_was_answered():
    frame = diary(n_dyads=2)
    frame["answered_at"] = pd.Timestamp("2026-03-02 10:00")
    frame.loc[[0, 1, 2], "answered_at"] = pd.NaT
    panel = make(frame, schedule=rd.Schedule(answered="answered_at"))
    assert panel.compliance().iloc[0]["answered"] == 13


def test_compliance_by_day_and_beep_uses_the_labels_of_the_study():
    frame = esm()
    frame.loc[frame["beep"] == 4, "x"] = np.nan
    table = make(frame, time=None, day="day", beep="beep").compliance(["x"])
    beeps = table[table["level"] == "beep"].set_index("label")["share"]
    assert beeps.to_dict() == {1: 1.0, 2: 1.0, 3: 1.0, 4: 0.0}
    assert table.loc[table["level"] == "day", "label"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["3", "4", "n.a.", "5"], "'n.a.' (row 2; line 4): correct it, or name it as missing, as in rd.read_table("),
        (["3,5", "4,5", "2,5", "5"], "'3,5' (rows 0, 1, 2; lines 2, 3, 4): if these are numbers, read the file with"),
        (
            ["often", "never"] * 2,
            "'often' (rows 0, 1, 2, 3; lines 2, 3, 4, 5): recode it to numbers, categories to one",
        ),
    ],
)
def test_text_where_numbers_are_needed_says_its_lines_and_what_to_do(tmp_path, cells, words):
    path = tmp_path / "diary.csv"
    rows = [
        f"1;{who};{day};{cell}"
        for (who, day), cell in zip([("a", 1), ("a", 2), ("b", 1), ("b", 2)], cells, strict=True)
    ]
    path.write_text("\n".join(["couple;who;day;mood", *rows]), encoding="utf-8")
    panel = rd.DyadPanel(rd.read_table(path, decimal="."), dyad="couple", person="who", role="who", time="day")
    with pytest.raises(DataError) as error:
        panel.lag(["mood"])
    assert str(error.value).startswith(f"column 'mood' holds text, for example {words}")


def test_labels_of_another_type_are_named_with_the_right_one():
    panel = rd.simulate.apim(n_dyads=3, n_occasions=4, actor=0.3, partner=0.1, seed=1).panel
    wanted = "no dyad '1' in the panel (did you mean 1, a number?); there are 3: 1, 2, 3."
    for ask in (lambda: panel.select(dyads=["1"]), lambda: rd.plot.trajectories(panel, ["y"], dyads=["1"])):
        with pytest.raises(DataError) as told:
            ask()
        assert str(told.value) == wanted
    with pytest.raises(DataError, match=r"no role \['a'\] in the panel"):
        panel.select(roles=[["a"]])


def test_a_lag_that_nobody_can_have_is_said():
    panel = rd.simulate.apim(n_dyads=3, n_occasions=6, actor=0.3, partner=0.1, seed=1).panel
    with pytest.warns(rd.DataWarning) as caught:
        assert panel.lag(["y"], 6).frame["y_lag6"].isna().all()
    assert [str(one.message) for one in caught] == [
        "y_lag6 is empty: nobody has values of 'y' at more than 6 occasions. Take fewer steps."
    ]
    assert panel.lag(["y"], 5).frame["y_lag5"].notna().sum() == 6


@pytest.mark.parametrize("verb", ["lag", "within_between", "actor_partner", "describe", "wide", "compliance"])
@pytest.mark.parametrize("given", [5, 1.5, True, b"y", [["y"]], [None]])
def test_what_names_no_columns_is_said_so(verb, given):
    panel = rd.simulate.apim(n_dyads=3, n_occasions=4, actor=0.3, partner=0.1, seed=1).panel
    with pytest.raises(DataError, match=r"is no name of a column: give names, as a list of texts\."):
        getattr(panel, verb)(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"schedule": 3}, "schedule=3: give a schedule"),
        ({"schedule": {"night_steps": 1}}, "schedule={'night_steps': 1}: give a schedule"),
        ({"scales": "y"}, "scales='y': give the ends of each scale by column"),
        ({"scales": [("x", (1, 7))]}, "scales=[('x', (1, 7))]: give the ends of each scale by column"),
    ],
)
def test_options_of_another_kind_are_refused(given, words):
    with pytest.raises(DesignError) as told:
        rd.DyadPanel(diary(), dyad="dyad", person="person", role="role", time="day", **given)
    assert str(told.value).startswith(words)


def test_a_lag_beyond_all_bounds_is_empty():
    panel = rd.simulate.apim(n_dyads=3, n_occasions=4, actor=0.3, partner=0.1, seed=1).panel
    with pytest.warns(rd.DataWarning, match="is empty: nobody has values of 'y'"):
        assert panel.lag(["y"], 10**30).frame[f"y_lag{10**30}"].isna().all()


def test_one_dyad_is_not_written_as_several():
    panel = rd.simulate.apim(n_dyads=1, n_occasions=3, actor=0.4, partner=0.2, seed=1).panel
    for shown in (repr(panel), str(panel), repr(panel.index)):
        assert "1 dyad" in shown and "1 dyads" not in shown


def test_who_seeks_what_data_frames_have_is_told_where_that_is():
    panel = rd.simulate.apim(n_dyads=1, n_occasions=3, actor=0.4, partner=0.2, seed=1).panel
    with pytest.raises(AttributeError) as caught:
        panel.head()
    assert str(caught.value) == "a DyadPanel has no 'head': panel.frame.head is that of its rows, a data frame."
    with pytest.raises(AttributeError, match=r"^a DyadPanel has no 'plot': rd\.plot\.trajectories"):
        panel.plot()
    with pytest.raises(AttributeError, match=r"^'DyadPanel' object has no attribute 'heads'$"):
        panel.heads()
    assert not hasattr(panel, "iloc") and copy.deepcopy(panel).n_dyads == 1


def test_a_night_of_unknown_length_says_how_both_ways_of_naming_it_are_written():
    frame = rd.simulate.cycles("linear", n_dyads=1, n_occasions=8, seed=1).panel.frame
    note = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep").clock.note
    assert note == (
        "the length of the night is unknown and counts 3 daytime intervals: name it with "
        "schedule=rd.Schedule(night_steps=...), or a column of clock times with rd.Schedule(scheduled=...)"
    )
