"""From one row per dyad to one row per person."""

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
