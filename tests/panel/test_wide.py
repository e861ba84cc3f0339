"""From one row per dyad to one row per person."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from reldyn.errors import DataError, DataWarning, DesignError
from reldyn.panel import DyadPanel, Schedule, from_wide, read_table

WIDE = pd.DataFrame(
    {
        "couple": [1, 1, 2, 2],
        "day": [1, 2, 1, 2],
        "years": [3, 3, 9, 9],
        "f_mood": [4.0, 5.0, np.nan, 6.0],
        "m_mood": [2.0, 6.0, 1.0, 3.0],
        "f_word": ["a", "b", "c", "d"],
        "m_word": ["e", "f", "g", None],
    }
)


def test_prefixes_become_roles():
    panel = from_wide(WIDE, dyad="couple", prefixes=("f_", "m_"), time="day", scales={"mood": (1, 7)})
    assert isinstance(panel, DyadPanel)
    assert panel.roles == ("f", "m")
    assert panel.scales == {"mood": (1, 7)}
    frame = panel.frame
    assert frame.columns.tolist() == ["couple", "day", "years", "role", "person", "mood", "word"]
    assert frame["couple"].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    assert frame["day"].tolist() == [1, 1, 2, 2, 1, 1, 2, 2]
    assert frame["years"].tolist() == [3, 3, 3, 3, 9, 9, 9, 9]
    assert frame["role"].tolist() == ["f", "m"] * 4
    assert frame["person"].tolist() == ["f", "m"] * 4
    np.testing.assert_array_equal(frame["mood"], [4, 2, 5, 6, np.nan, 1, 6, 3])
    assert frame["word"].tolist()[:7] == ["a", "e", "b", "f", "c", "g", "d"]
    assert frame["word"].isna().tolist() == [False] * 7 + [True]
    assert (panel.n_dyads, panel.n_persons) == (2, 4)


def test_suffixes_with_role_names_and_ids():
    wide = pd.DataFrame({"id": [7, 8], "sat.w": [1, 2], "sat.h": [3, 4], "who.w": [71, 81], "who.h": [72, 82]})
    panel = from_wide(wide, dyad="id", suffixes={"wife": ".w", "husband": ".h"}, person="who", role="part")
    frame = panel.frame
    assert frame["part"].tolist() == ["wife", "husband", "wife", "husband"]
    assert frame["who"].tolist() == [71, 72, 81, 82]
    assert frame["sat"].tolist() == [1, 3, 2, 4]
    assert frame["sat"].dtype == np.int64


def test_exchangeable_members():
    wide = pd.DataFrame({"id": [7, 8], "x1": [1, 2], "x2": [3, 4]})
    panel = from_wide(wide, dyad="id", suffixes=("1", "2"), role=None)
    assert panel.roles == ()
    assert panel.frame.columns.tolist() == ["id", "person", "x"]


def test_clock_columns_and_days_are_named_without_prefix():
    wide = WIDE.assign(beep=1, f_sent=1.0, m_sent=2.0, f_start=5.0, m_start=[1.0, 3, 3, 3])
    clock = Schedule(sent="sent", answered="start")
    panel = from_wide(wide, dyad="couple", prefixes=("f_", "m_"), day="day", beep="beep", schedule=clock)
    early = panel.findings.set_index("code").loc["answered-before-sent"]
    assert early["rows"] == (1,)


def test_the_longer_of_two_marks_that_end_alike_is_tried_first():
    wide = pd.DataFrame({"id": [1, 2], "x_m": [1, 2], "x_fm": [3, 4]})
    assert from_wide(wide, dyad="id", suffixes=("_m", "_fm")).frame["x"].tolist() == [1, 3, 2, 4]


def test_the_wide_table_is_not_changed():
    before = WIDE.copy()
    from_wide(WIDE, dyad="couple", prefixes=("f_", "m_"), time="day")
    pd.testing.assert_frame_equal(WIDE, before)


def test_a_column_of_one_member_is_missing_for_the_other():
    wide = WIDE.assign(f_cycle=[1, 2, 3, 4], m_note="x")
    with pytest.warns(DataWarning) as caught:
        frame = from_wide(wide, dyad="couple", prefixes=("f_", "m_"), time="day").frame
    assert [str(entry.message) for entry in caught] == [
        "without a counterpart under the prefixes 'f_' and 'm_': f_cycle, m_note. "
        "The other member's values are missing."
    ]
    np.testing.assert_array_equal(frame["cycle"], [1, np.nan, 2, np.nan, 3, np.nan, 4, np.nan])
    assert frame["note"].isna().tolist() == [True, False] * 4


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, 'give either prefixes or suffixes, for example prefixes=("f_", "m_").'),
        (
            {"prefixes": ("f_", "m_"), "suffixes": ("_f", "_m")},
            'give either prefixes or suffixes, for example prefixes=("f_", "m_").',
        ),
        ({"prefixes": "f_"}, "prefixes='f_': name two different ones, one for each member of a dyad."),
        ({"suffixes": ("_f", "_f")}, "suffixes=('_f', '_f'): name two different ones, one for each member of a dyad."),
        ({"prefixes": ("f_", "")}, "prefixes=('f_', ''): name two different ones, one for each member of a dyad."),
        (
            {"prefixes": {"a": "f_", "b": "f_"}},
            "prefixes={'a': 'f_', 'b': 'f_'}: name two different ones, one for each member of a dyad.",
        ),
    ],
)
def test_marks_that_cannot_be_meant(options, text):
    with pytest.raises(DesignError) as caught:
        from_wide(WIDE, dyad="couple", **options)
    assert str(caught.value) == text


@pytest.mark.parametrize("other", ["mood_F", "Mood_f", "mood.f", "mood _f"])
def test_a_column_that_nearly_is_the_counterpart_is_named(other):
    frame = pd.DataFrame({"couple": [1, 2], "calm_f": [1, 2], "calm_m": [3, 4], other: [5, 6], "mood_m": [7, 8]})
    with pytest.warns(DataWarning, match="Perhaps misspelt: .*" + re.escape(f"{other!r} for 'mood_m'")):
        from_wide(frame, dyad="couple", suffixes=("_f", "_m"))


@pytest.mark.parametrize(
    ("wide", "options", "text"),
    [
        (
            WIDE,
            {"dyad": "cuople"},
            "no column 'cuople' in the wide table (nearest: 'couple'). "
            "Columns: couple, day, years, f_mood, m_mood, f_word, m_word.",
        ),
        (
            WIDE,
            {"prefixes": ("f_", "w_")},
            "no column of the wide table has the prefix 'w_' (w). "
            "Columns: couple, day, years, f_mood, m_mood, f_word, m_word.",
        ),
        (
            WIDE,
            {"role": "years"},
            "role='years' is a column of the wide table already: give the new column another name.",
        ),
        (
            WIDE,
            {"role": "mood"},
            "role='mood' is a column of the wide table already: give the new column another name.",
        ),
        (
            WIDE,
            {"person": "years"},
            "person='years' is a column of the wide table already: give the new column another name.",
        ),
        (
            WIDE.assign(mood=1),
            {},
            "f_mood, m_mood would become 'mood', which is a column of the wide table already: rename it.",
        ),
        (
            pd.DataFrame([[1, 2, 3, 4]], columns=["couple", "f_x", "f_x", "m_x"]),
            {"time": None},
            "the header 'f_x' stands more than once in the wide table: rename the columns.",
        ),
        (
            [1],
            {},
            "a panel is made from a data frame, not from a list: read a file with rd.read_table.",
        ),
    ],
)
def test_wide_tables_that_cannot_be_read(wide, options, text):
    with pytest.raises(DataError) as caught:
        from_wide(wide, **({"dyad": "couple", "prefixes": ("f_", "m_"), "time": "day"} | options))
    assert str(caught.value) == text


def test_a_dyad_that_stands_twice_is_refused_with_its_rows():
    with pytest.raises(DataError) as caught:
        from_wide(WIDE, dyad="couple", prefixes=("f_", "m_"))
    assert caught.value.findings.loc[0, "code"] == "duplicate-occasion"
    assert caught.value.findings.loc[0, "rows"] == tuple(range(8))


@pytest.mark.shared_data
def test_the_diary_of_bolger_and_laurenceau(shared_data):
    wide = read_table(shared_data / "BLdyads_long.csv")
    panel = from_wide(wide, dyad="coupleid", prefixes=("f_", "m_"), time="time", person="personid")
    assert (panel.n_dyads, panel.n_persons, panel.n_occasions, len(panel)) == (100, 200, 21, 4200)
    frame = panel.frame
    for role in ("f", "m"):
        mine = frame[frame["role"] == role].reset_index(drop=True)
        for variable in ("personid", "reldis", "wrkstrs", "wrkstrsc_w"):
            np.testing.assert_array_equal(mine[variable], wide[f"{role}_{variable}"])
    assert "error" not in set(panel.findings["severity"])


# The partner or the occasion inside the names.

INFIX = pd.DataFrame(
    [[1, 8, 8, 6, 9, 3], [2, 4, 6, 5, 5, 7], [3, 7, 7, 2, 3, 9]],
    columns=["couple", "sat.g.1_1", "sat.g.1_2", "sat.g.2_1", "sat.g.2_2", "years"],
)


@pytest.mark.parametrize(
    ("template", "names", "variables"),
    [
        ("{stem}.{member}_{item}", ["sat.g.1_1", "sat.g.1_2", "sat.g.2_1", "sat.g.2_2"], ["sat.g_1", "sat.g_2"]),
        ("{stem}_{member}{item}", ["a_f1", "a_f2", "a_m1", "a_m2"], ["a1", "a2"]),
        ("{member}_{item}", ["f_x", "f_y", "m_x", "m_y"], ["x", "y"]),
        ("{stem}_{member}_{item}", ["mood_f_so_so", "mood_f_y", "mood_m_so_so", "mood_m_y"], ["mood_so_so", "mood_y"]),
        ("{item}{member}", ["xA", "yA", "xB", "yB"], ["x", "y"]),
    ],
)
def test_the_partner_inside_the_names(template, names, variables):
    wide = INFIX.set_axis(["couple", *names, "years"], axis=1)
    frame = from_wide(wide, dyad="couple", names=template).frame
    members = frame["role"].tolist()[:2]
    for variable in variables:
        assert frame[variable].notna().all()
    np.testing.assert_array_equal(frame[variables[0]], [8, 6, 4, 5, 7, 2])
    np.testing.assert_array_equal(frame[variables[1]], [8, 9, 6, 5, 7, 3])
    assert frame["role"].tolist() == members * 3
    assert frame["years"].tolist() == [3, 3, 7, 7, 9, 9]


def test_names_and_suffixes_agree():
    one = from_wide(WIDE, dyad="couple", prefixes=("f_", "m_"), time="day").frame
    two = from_wide(WIDE, dyad="couple", names="{member}_{item}", time="day").frame
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize(
    ("template", "options"),
    [
        ("{stem}_{member}_t{time}", {"names": "{stem}_{member}_t{time}"}),
        ("{stem}_{member}_t{time}", {"names": "{stem}_{member}", "occasions": "{item}_t{time}"}),
        ("{stem}_t{time}_{member}", {"names": "{stem}_{member}", "occasions": "{stem}_t{time}_{item}"}),
        ("{stem}_t{time}_{member}", {"suffixes": ("_f", "_m"), "occasions": "{item}_t{time}"}),
        ("{member}_{stem}.{time}", {"prefixes": ("f_", "m_"), "occasions": "{item}.{time}"}),
        ("{stem}_{member}_T{time}", {"names": "{stem}_{member}", "occasions": "{item}_{time}"}),
    ],
)
def test_occasions_in_columns_come_back_from_every_layout(template, options):
    rng = np.random.default_rng(1)
    values = rng.integers(1, 8, size=(3, 2, 2, 11))  # couple, member, variable, time
    columns = {"couple": [5, 6, 7], "years": [1, 2, 3]}
    for m, member in enumerate("fm"):
        for v, stem in enumerate(("mood", "stress")):
            for t in range(11):
                columns[template.format(stem=stem, member=member, time=t + 1)] = values[:, m, v, t]
    panel = from_wide(pd.DataFrame(columns), dyad="couple", time="wave", **options)
    frame = panel.frame.sort_values(["couple", "role", "wave"])
    assert (panel.n_dyads, panel.n_occasions, len(panel)) == (3, 11, 66)
    assert frame["wave"].tolist() == list(range(1, 12)) * 6
    for v, name in enumerate(("mood", "stress")):
        np.testing.assert_array_equal(frame[name].to_numpy().reshape(3, 2, 11), values[:, :, v])
    assert frame["years"].tolist() == np.repeat([1, 2, 3], 22).tolist()


def test_one_row_per_person_with_occasions_in_columns():
    wide = pd.DataFrame({"couple": [1, 1], "id": [11, 12], "TM.1": [1.0, 2], "TM.2": [3.0, 4], "TM.10": [5.0, np.nan]})
    panel = from_wide(wide, dyad="couple", person="id", occasions="{item}.{time}")
    assert panel.roles == ()
    assert panel.frame["time"].tolist() == [1, 2, 10] * 2
    np.testing.assert_array_equal(panel.frame["TM"], [1, 3, 5, 2, 4, np.nan])
    with pytest.raises(DataError, match="no column 'person' in the wide table"):
        from_wide(wide, dyad="couple", occasions="{item}.{time}")


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y_%m_%d", "%Y.%m.%d"])
@pytest.mark.parametrize(
    ("template", "options"),
    [
        ("{stem}_{member}_{time}", {"names": "{stem}_{member}_{time}"}),
        ("{time} {stem} ({member})", {"names": "{time} {stem} ({member})"}),
        ("{stem}_{time}_{member}", {"suffixes": ("_f", "_m"), "occasions": "{item}_{time}"}),
    ],
)
def test_occasions_may_be_dates(template, options, form):
    days = pd.date_range("2025-12-30", periods=4)
    columns = {"couple": [5, 6]}
    for k, (day, member) in enumerate((day, member) for day in days[::-1] for member in "fm"):
        columns[template.format(stem="mood", member=member, time=day.strftime(form))] = [k, 10 + k]
    panel = from_wide(pd.DataFrame(columns), dyad="couple", time="day", **options)
    frame = panel.frame.sort_values(["couple", "role", "day"])
    assert frame["day"].tolist() == days.strftime("%Y-%m-%d").tolist() * 4
    assert frame["mood"].tolist() == [6, 4, 2, 0, 7, 5, 3, 1, 16, 14, 12, 10, 17, 15, 13, 11]
    assert panel.lag(["mood"]).frame["mood_lag1"].notna().sum() == 4 * 3


@pytest.mark.parametrize(
    ("template", "variable"),
    [("{stem}({member})", "mood"), ("{stem} [{member}]_{item}", "mood_1"), ("({member}){stem}", "mood")],
)
def test_brackets_around_the_member_are_no_part_of_the_variable(template, variable):
    names = {template.format(stem="mood", member=member, item=1): [3, 4] for member in "fm"}
    panel = from_wide(pd.DataFrame({"couple": [1, 2], **names}), dyad="couple", names=template)
    assert panel.frame.columns.tolist() == ["couple", "role", "person", variable]
    assert panel.roles == ("f", "m")


def test_columns_that_are_nearly_an_occasion_are_said():
    wide = pd.DataFrame({"couple": [1, 1], "id": [11, 12], "x_pre": [0, 0], "x_1": [1, 2], "x_2": [3, 4]})
    with pytest.warns(DataWarning) as caught:
        frame = from_wide(wide, dyad="couple", person="id", occasions="{item}_{time}").frame
    assert [str(entry.message) for entry in caught] == [
        "not of the form occasions='{item}_{time}', though they begin alike: x_pre. They are taken as columns that "
        "are the same at every occasion."
    ]
    assert frame["x"].tolist() == [1, 3, 2, 4]


def test_occasions_named_by_words_are_numbered_as_they_stand():
    wide = pd.DataFrame({"couple": [1], "f_x_pre": [1], "f_x_post": [2], "m_x_pre": [3], "m_x_post": [4]})
    with pytest.warns(DataWarning) as caught:
        frame = from_wide(wide, dyad="couple", prefixes=("f_", "m_"), occasions="{item}_{time}").frame
    assert [str(entry.message) for entry in caught] == [
        "occasions='{item}_{time}': the occasions are numbered as they stand: pre = 1, post = 2."
    ]
    assert sorted(frame[["role", "time", "x"]].values.tolist()) == [["f", 1, 1], ["f", 2, 2], ["m", 1, 3], ["m", 2, 4]]


def test_occasions_that_some_items_lack_are_said():
    wide = pd.DataFrame({"couple": [1], "f_x.1": [1], "f_x.2": [2], "m_x.1": [3]})
    with pytest.warns(DataWarning, match=r"without a column for every occasion: m_x \(1 of 2\)"):
        frame = from_wide(wide, dyad="couple", prefixes=("f_", "m_"), occasions="{item}.{time}").frame
    np.testing.assert_array_equal(frame.sort_values(["role", "time"])["x"], [1, 2, 3, np.nan])


@pytest.mark.parametrize(
    ("columns", "more"),
    [
        (["sat.1_1", "sat.1_2", "sat.2_1", "sat.2_2"], "may be items, not members"),
        (
            ["sat_1", "sat_2", "sat_3", "sat_4"],
            "look like items or occasions, not members: sat_3, sat_4 go on counting",
        ),
    ],
)
def test_suffixes_that_look_like_items_are_said(columns, more):
    wide = pd.DataFrame([[1, 8, 8, 6, 9], [2, 4, 6, 5, 5]], columns=["couple", *columns])
    with pytest.warns(DataWarning) as caught:
        from_wide(wide, dyad="couple", suffixes=("_1", "_2"), role=None)
    assert len(caught) == 1
    assert more in str(caught[0].message)
    assert "names='{stem}.{member}_{item}'" in str(caught[0].message)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"names": "{stem}-{member}-{item}"},
            "no column of the wide table has the form names='{stem}-{member}-{item}'. Columns: sat.g.1_1,",
        ),
        (
            {"names": "{stem}_{member}.{item}"},
            "no column of the wide table has the form names='{stem}_{member}.{item}'. Nearest: sat.g.1_1,",
        ),
        (
            {"occasions": "{item}.T{time}"},
            "no column of the wide table has the form occasions='{item}.T{time}'.",
        ),
    ],
)
def test_patterns_that_no_column_fits_name_the_nearest(options, text):
    with pytest.raises(DataError) as caught:
        from_wide(INFIX, dyad="couple", **options)
    assert str(caught.value).startswith(text)


def test_items_taken_for_members_are_refused_with_the_pattern_that_finds_two():
    wide = pd.DataFrame([range(7)], columns=["couple", "x.1_1", "x.2_1", "x.1_2", "x.2_2", "x.1_3", "x.2_3"])
    with pytest.raises(DataError) as caught:
        from_wide(wide, dyad="couple", names="{stem}.{item}_{member}")
    assert str(caught.value) == (
        "names='{stem}.{item}_{member}' finds 3 members ('1', '2', '3'), where a dyad has two. "
        "names='{stem}.{member}_{item}' finds two."
    )


def test_columns_that_nearly_fit_a_pattern_are_said():
    with pytest.warns(DataWarning, match=r"though they begin alike: sat\.g\.x\. They are taken as columns of the dyad"):
        from_wide(INFIX.assign(**{"sat.g.x": 1}), dyad="couple", names="{stem}.{member}_{item}")


@pytest.mark.parametrize(
    "options",
    [
        {"names": "{stem}"},
        {"names": "{member}"},
        {"names": "{stem}{member}{member}"},
        {"names": "{stem}.{member!r}"},
        {"names": "{stem.x}.{member}"},
        {"names": "{stem"},
        {"names": 3},
        {"occasions": "{item}"},
        {"occasions": "{item}.{member}.{time}"},
        {"names": "{stem}.{member}", "suffixes": ("_1", "_2")},
        {"names": "{stem}.{member}.{time}", "occasions": "{item}.{time}"},
    ],
)
def test_patterns_that_cannot_be_meant(options):
    with pytest.raises(DesignError):
        from_wide(INFIX, dyad="couple", **options)


def test_an_unused_duplicated_header_does_not_matter():
    wide = pd.concat([INFIX, pd.DataFrame({"note": ["a"] * 3}), pd.DataFrame({"note": ["b"] * 3})], axis=1)
    panel = from_wide(wide, dyad="couple", names="{stem}.{member}_{item}")
    assert panel.frame["sat.g_1"].tolist() == [8, 6, 4, 5, 7, 2]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("couple,mood_f,mood_m\n1,3,4\n2,5,inf\n", {"suffixes": ("_f", "_m")}),
        (
            "couple,mood_f_t1,mood_m_t1,mood_f_t2,mood_m_t2\n1,3,4,3,4\n2,5,4,1,inf\n",
            {"names": "{stem}_{member}_t{time}"},
        ),
        ("couple,who,mood.1,mood.2\n1,a,3,4\n2,a,5,inf\n", {"person": "who", "occasions": "{item}.{time}"}),
    ],
)
def test_faults_name_the_line_of_the_wide_file(tmp_path, text, options):
    path = tmp_path / "couples.csv"
    path.write_text("a title\n\n" + text, encoding="utf-8")
    with pytest.raises(DataError, match=r"'mood' is infinite: row \d+ \(line 5\)"):
        from_wide(read_table(path, skip=1), dyad="couple", **options)


def test_a_wide_table_of_no_file_has_no_lines():
    with pytest.raises(DataError, match=r"infinite: row 1\. "):
        from_wide(WIDE.assign(m_mood=[np.inf, 1, 2, 3]), dyad="couple", prefixes=("f_", "m_"), time="day")


def test_a_set_of_prefixes_has_no_first_member():
    with pytest.raises(DesignError) as told:
        from_wide(WIDE, dyad="couple", prefixes={"m_", "f_"}, time="day")
    assert str(told.value) == (
        "prefixes={'f_', 'm_'}: a set has no order, and the first names the first member: give a list."
    )


def test_a_member_in_capitals_is_named_and_no_variable_taken_for_it():
    columns = [f"{stem}_{member}_t{t}" for stem in ("mood", "sat") for member in "fm" for t in (1, 2, 3)]
    frame = pd.DataFrame(1.0, index=range(4), columns=columns).assign(couple=range(4))
    frame = frame.rename(columns={"mood_f_t1": "mood_F_t1"})
    with warnings.catch_warnings(), pytest.raises(DataError, match=r"capitals or blanks only: rename mood_F\."):
        warnings.simplefilter("ignore")
        from_wide(frame, dyad="couple", names="{stem}_{member}_t{time}")
