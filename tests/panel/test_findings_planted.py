"""Each kind of dirt, planted at known rows of a clean panel, is found at exactly those rows."""

import numpy as np
import pandas as pd
import pytest

from reldyn.panel import DyadPanel, Schedule
from reldyn.panel.checks._findings import check_panel

DYADS, DAYS, BEEPS = 12, 4, 6
PER_PERSON = DAYS * BEEPS
CLOCK = Schedule(scheduled="scheduled", sent="sent", answered="answered", expires="expires")
ROLES = {"dyad": "couple", "person": "who", "role": "sex", "day": "day", "beep": "beep", "schedule": CLOCK}
COMPLIANCE = [
    "compliance",
    "dyadic-compliance",
    "compliance-by-person",
    "compliance-by-day",
    "compliance-by-beep",
]
SCALES = {"warmth": (0, 100), "stress": (0, 100)}


@pytest.fixture
def clean():
    """Rows sorted by person and occasion, so that row = person * 24 + occasion."""
    rng = np.random.default_rng(20261123)
    n = DYADS * 2 * PER_PERSON
    person = np.repeat(np.arange(DYADS * 2), PER_PERSON)
    day = np.tile(np.repeat(np.arange(1, DAYS + 1), BEEPS), DYADS * 2)
    beep = np.tile(np.arange(1, BEEPS + 1), DYADS * 2 * DAYS)
    scheduled = pd.Timestamp("2026-03-02 09:00") + pd.to_timedelta((day - 1) * 24 + 2 * (beep - 1), unit="h")
    return pd.DataFrame(
        {
            "couple": person // 2 + 1,
            "who": person + 100,
            "sex": np.where(person % 2 == 0, "female", "male"),
            "day": day,
            "beep": beep,
            "scheduled": scheduled,
            "sent": scheduled + pd.Timedelta(seconds=20),
            "answered": scheduled + pd.to_timedelta(rng.integers(60, 600, n), unit="s"),
            "expires": scheduled + pd.Timedelta(minutes=15),
            "warmth": rng.uniform(5, 95, n).round(1),
            "stress": rng.uniform(5, 95, n).round(1),
        }
    )


def check(frame, **changes):
    return check_panel(frame, **({**ROLES, "scales": SCALES} | changes))


def rows_of(table, code):
    """Rows of the one finding with this code."""
    assert table["code"].tolist().count(code) == 1, table[["code", "message"]]
    found = table[table["code"] == code].iloc[0]
    assert found["n"] == len(found["rows"])
    return list(found["rows"])


def errors(table):
    return table.loc[table["severity"] == "error", "code"].tolist()


def test_the_clean_panel_has_only_notes(clean):
    table = check(clean)
    assert table["code"].tolist() == ["night", *COMPLIANCE]
    assert rows_of(table, "night") == np.flatnonzero((clean["beep"] == 1) & (clean["day"] > 1)).tolist()
    assert table["message"].tolist()[1:] == [
        "persons answered 100.0 % of their dyad's occasions.",
        "both partners answered 100.0 % of the occasions.",
        "single persons answered 100.0 % to 100.0 %, median 100.0 %.",
        "by day, persons answered 100.0 % (day 1) to 100.0 % (day 1).",
        "by beep, persons answered 100.0 % (beep 1) to 100.0 % (beep 1).",
    ]


def test_row_order_does_not_matter_to_what_is_found(clean):
    shuffled = clean.sample(frac=1, random_state=4, ignore_index=True)
    assert check(shuffled)["code"].tolist() == ["out-of-order", "night", *COMPLIANCE]


def test_duplicated_occasions_give_all_their_rows(clean):
    dirty = pd.concat([clean, clean.iloc[[30, 200]]], ignore_index=True)
    table = check(dirty)
    n = len(clean)
    assert rows_of(table, "duplicate-occasion") == [30, 200, n, n + 1]
    assert errors(table) == ["duplicate-occasion"]
    message = table.loc[table["code"] == "duplicate-occasion", "message"].item()
    assert message == f"several rows for one person and occasion: rows 30, 200, {n}, {n + 1}."


def test_many_rows_without_a_time_are_duplicates(clean):
    table = check(clean.iloc[[0, 1, 24]], day=None, beep=None, schedule=None)
    assert rows_of(table, "duplicate-occasion") == [0, 1]
    assert table.loc[0, "message"] == "several rows for one person and no time is named: rows 0, 1."


def test_a_person_in_two_dyads_is_found_at_the_stray_rows(clean):
    dirty = clean.copy()
    dirty.loc[[50, 51], "who"] = 100
    table = check(dirty)
    assert rows_of(table, "person-in-two-dyads") == [50, 51]
    assert errors(table) == ["person-in-two-dyads", "dyad-size"]
    assert rows_of(table, "dyad-size") == np.flatnonzero(clean["couple"] == 2).tolist()
    message = table.loc[table["code"] == "person-in-two-dyads", "message"].item()
    assert message == "'who' has 100 in more than one dyad: rows 50, 51."


def test_a_third_member_and_a_lonely_one(clean):
    dirty = clean.copy()
    third = dirty["who"] == 102
    dirty.loc[third, "couple"] = 1
    table = check(dirty)
    sizes = table[table["code"] == "dyad-size"]
    assert sizes["severity"].tolist() == ["error", "warning"]
    assert list(sizes["rows"].iloc[0]) == np.flatnonzero(dirty["couple"] == 1).tolist()
    assert list(sizes["rows"].iloc[1]) == np.flatnonzero(dirty["couple"] == 2).tolist()
    assert sizes["message"].tolist() == [
        "dyad 1 (100, 101, 102) with more than two members: rows 0, 1, 2, 3, 4 and 67 more.",
        "dyad 2 with one member: rows 72, 73, 74, 75, 76 and 19 more.",
    ]


def test_a_changed_role_is_found_at_the_changed_rows(clean):
    dirty = clean.copy()
    dirty.loc[[7, 100], "sex"] = ["male", "other"]
    table = check(dirty)
    assert rows_of(table, "role-changes") == [7, 100]
    assert errors(table) == ["role-changes"]


def test_dyads_with_one_role_are_a_note_unless_all_are(clean):
    dirty = clean.copy()
    same = dirty["couple"] == 3
    dirty.loc[same, "sex"] = "female"
    table = check(dirty)
    found = table[table["code"] == "role-not-distinguishing"].iloc[0]
    assert found["severity"] == "note"
    assert list(found["rows"]) == np.flatnonzero(same).tolist()
    assert found["message"] == (
        "'sex' is the same for both members of 1 of 12 dyads: rows 96, 97, 98, 99, 100 and 43 more."
    )
    dirty["sex"] = "x"
    found = check(dirty)
    assert found.loc[0, ["code", "severity", "n"]].tolist() == ["role-not-distinguishing", "warning", len(dirty)]


def test_a_role_column_of_many_values(clean):
    table = check(clean, role="who")
    assert table.loc[0, ["code", "n"]].tolist() == ["many-roles", 24]


@pytest.mark.parametrize(("kind", "column"), [("dyad", "couple"), ("person", "who"), ("role", "sex")])
def test_missing_ids(clean, kind, column):
    dirty = clean.astype({column: object})
    dirty.loc[[3, 60], column] = None
    table = check(dirty)
    assert rows_of(table, "missing-id") == [3, 60]
    assert errors(table) == ["missing-id"]
    assert table.loc[0, "message"] == f"no {kind} in '{column}': rows 3, 60."


def test_missing_and_unreadable_occasions(clean):
    dirty = clean.astype({"beep": object})
    dirty.loc[[4, 9], "beep"] = [None, "soon"]
    table = check(dirty)
    assert rows_of(table, "missing-occasion") == [4]
    assert rows_of(table, "unparsable-time") == [9]


def test_unreadable_clock_times(clean):
    dirty = clean.astype({"sent": str})
    dirty.loc[[11], "sent"] = "yesterday"
    table = check(dirty)
    assert rows_of(table, "unparsable-time") == [11]
    assert errors(table) == ["unparsable-time"]


def test_labels_for_days_are_taken_in_order(clean):
    dirty = clean.assign(day="day " + clean["day"].astype(str))
    table = check(dirty)
    assert errors(table) == []
    assert table.loc[0, ["code", "severity", "n"]].tolist() == ["unparsable-time", "warning", len(dirty)]
    assert rows_of(table, "night") == rows_of(check(clean), "night")


def test_text_in_a_column_of_numbers(clean):
    dirty = clean.astype({"warmth": str, "stress": str})
    dirty.loc[[5, 70], "warmth"] = ["warm", "about 3"]
    dirty.loc[[6], "stress"] = "3,5"
    dirty.loc[[8, 9], "stress"] = [" ", "n/a"]
    table = check(dirty)
    assert rows_of(table, "non-numeric") == [5, 70]
    assert rows_of(table, "decimal-comma") == [6]
    assert rows_of(table, "missing-code") == [8, 9]
    assert table.loc[table["code"] == "non-numeric", "message"].item() == (
        "'warmth' holds text among its numbers ('warm', 'about 3'): rows 5, 70."
    )
    assert set(errors(check(dirty, scales=None))) == {"non-numeric", "decimal-comma", "missing-code"}


def test_a_whole_column_with_decimal_commas(clean):
    dirty = clean.assign(warmth=clean["warmth"].astype(str).str.replace(".", ",", regex=False))
    table = check(dirty, scales=None)
    assert rows_of(table, "decimal-comma") == list(range(len(dirty)))


def test_numbers_kept_as_text_are_a_warning_and_still_checked(clean):
    dirty = clean.astype({"warmth": str})
    dirty.loc[12, "warmth"] = "101"
    table = check(dirty)
    assert table["code"].tolist()[:2] == ["outside-scale", "numbers-as-text"]
    assert rows_of(table, "outside-scale") == [12]


def test_free_text_is_no_finding(clean):
    comments = np.where(np.arange(len(clean)) % 3 == 0, "12", "talked about holidays")
    assert check(clean.assign(comment=comments), scales=None)["code"].tolist() == ["night", *COMPLIANCE]


def test_values_outside_the_scale_and_infinite(clean):
    dirty = clean.copy()
    dirty.loc[[2, 300], "warmth"] = [-1, 100.5]
    dirty.loc[[17], "stress"] = np.inf
    table = check(dirty)
    assert rows_of(table, "outside-scale") == [2, 300]
    assert rows_of(table, "infinite") == [17]
    assert table.loc[table["code"] == "outside-scale", "message"].item() == (
        "'warmth' lies outside its scale 0 to 100: rows 2, 300."
    )


@pytest.mark.parametrize("code", [-99, 999])
def test_numbers_that_look_like_missing_codes(clean, code):
    dirty = clean.copy()
    dirty.loc[[2, 300], "warmth"] = code
    assert rows_of(check(dirty, scales=None), "suspected-missing-code") == [2, 300]


def test_rows_out_of_order(clean):
    order = np.arange(len(clean))
    order[[30, 31]] = order[[31, 30]]
    assert rows_of(check(clean.iloc[order].reset_index(drop=True)), "out-of-order") == [31]


def test_gaps_are_found_at_the_row_after(clean):
    dirty = clean.drop(index=[2, 3, *range(30, 36)]).reset_index(drop=True)
    table = check(dirty)
    # Rows 2 and 3 were the third and fourth beep; the second person lost the whole second day.
    assert rows_of(table, "gap") == [2, 28]
    assert rows_of(check(dirty.rename(columns={"beep": "time"}), beep=None, time="time"), "gap") == [2, 28]


def test_gaps_are_found_where_most_occasions_are_missing(clean):
    kept = clean[clean["beep"].isin([1, 3, 5]) | (clean.index == 1)].reset_index(drop=True)
    table = check(kept)
    # Only the first person's second occasion breaks the habit of skipping one.
    assert rows_of(table, "gap") == [row for row in np.flatnonzero(kept["beep"].isin([3, 5])) if row != 2]


def test_gaps_and_nights_from_clock_times_alone(clean):
    dirty = clean.drop(index=[2, 3]).reset_index(drop=True)
    table = check(dirty, day=None, beep=None, time="scheduled")
    assert rows_of(table, "gap") == [2]
    first = dirty["scheduled"].dt.hour == 9
    assert rows_of(table, "night") == np.flatnonzero(first & (dirty["day"] > 1)).tolist()


def test_gaps_of_a_daily_diary(clean):
    diary = clean[clean["beep"] == 1].drop(index=[6]).reset_index(drop=True)
    for day in (diary["day"], pd.Timestamp("2026-03-01") + pd.to_timedelta(diary["day"], unit="D")):
        table = check(diary.assign(day=day), beep=None, schedule=None)
        assert rows_of(table, "gap") == [1]
        assert "night" not in set(table["code"])


def test_answers_before_sending_and_after_expiry(clean):
    dirty = clean.copy()
    dirty.loc[[20, 21], "answered"] = dirty.loc[[20, 21], "sent"] - pd.Timedelta(seconds=1)
    dirty.loc[[40], "answered"] = dirty.loc[[40], "expires"] + pd.Timedelta(seconds=1)
    table = check(dirty)
    assert rows_of(table, "answered-before-sent") == [20, 21]
    assert rows_of(table, "answered-after-expiry") == [40]
    assert table.loc[table["code"] == "answered-before-sent", "message"].item() == (
        "'answered' lies before 'sent': rows 20, 21."
    )


def test_epoch_seconds_of_zero_did_not_happen(clean):
    seconds = {name: clean[name].astype("datetime64[s]").astype("int64") for name in ("sent", "answered", "expires")}
    dirty = clean.assign(**seconds)
    dirty.loc[[5, 6], "answered"] = 0
    dirty.loc[[7], "answered"] = dirty.loc[7, "sent"] - 5
    assert rows_of(check(dirty), "answered-before-sent") == [7]


def test_constant_and_near_constant_series(clean):
    dirty = clean.copy()
    constant, near = clean["who"] == 103, clean["who"] == 110
    dirty.loc[constant, "warmth"] = 0.1
    dirty.loc[near, "stress"] = 50 + 0.1 * (np.arange(PER_PERSON) % 2)
    table = check(dirty)
    assert rows_of(table, "constant") == np.flatnonzero(constant).tolist()
    assert rows_of(table, "near-constant") == np.flatnonzero(near).tolist()
    assert table.loc[table["code"] == "constant", "message"].item() == (
        "'warmth' of person 103 never varies: rows 72, 73, 74, 75, 76 and 19 more."
    )


def test_a_series_is_constant_over_its_observed_rows(clean):
    dirty = clean.copy()
    dirty.loc[72:95, "warmth"] = 4.0
    dirty.loc[[72, 95], "warmth"] = np.nan
    assert rows_of(check(dirty), "constant") == list(range(73, 95))


def test_a_trait_is_no_constant_series_but_a_constant_column_is(clean):
    table = check(clean.assign(age=clean["who"] * 1.5, study=1.0), scales=None)
    constant = table[table["code"] == "constant"]
    assert constant["column"].tolist() == ["study"]
    assert constant["message"].item() == "'study' is 1 wherever it has a value: rows 0, 1, 2, 3, 4 and 571 more."


def test_a_yes_no_question_may_stay_no(clean):
    met = (np.arange(len(clean)) % 2).astype(float)
    met[:PER_PERSON] = 0
    assert "constant" not in set(check(clean.assign(met=met), scales=None)["code"])


def test_floor_and_ceiling_shares(clean):
    dirty = clean.copy()
    floor, ceiling = np.arange(0, len(clean), 5), np.arange(1, len(clean), 4)
    dirty.loc[floor, "warmth"] = 0
    dirty.loc[ceiling, "stress"] = 100
    table = check(dirty)
    assert rows_of(table, "floor-share") == floor.tolist()
    assert rows_of(table, "ceiling-share") == ceiling.tolist()
    assert table.loc[table["code"] == "floor-share", "message"].item() == (
        "20 % of the values of 'warmth' stand at the lowest point (0): rows 0, 5, 10, 15, 20 and 111 more."
    )


def test_a_careless_stretch(clean):
    dirty = clean.copy()
    dirty.loc[27:34, ["warmth", "stress"]] = [40.0, 60.0]
    table = check(dirty)
    assert rows_of(table, "careless-stretch") == list(range(27, 35))
    assert table.loc[table["code"] == "careless-stretch", "message"].item() == (
        "a stretch of 8 prompts in a row with the same answers to all 2 items, unlikely for one person: "
        "rows 27, 28, 29, 30, 31 and 3 more."
    )
    numbered = check(dirty.assign(row=np.arange(len(clean))), scales=None)
    assert rows_of(numbered, "careless-stretch") == list(range(27, 35))


def test_a_careless_stretch_may_skip_unanswered_occasions_but_not_persons(clean):
    dirty = clean.copy()
    dirty.loc[20:26, ["warmth", "stress"]] = [40.0, 60.0]
    assert "careless-stretch" not in set(check(dirty)["code"])
    dirty.loc[27:34, ["warmth", "stress"]] = [40.0, 60.0]
    dirty.loc[30, ["warmth", "stress"]] = np.nan
    assert rows_of(check(dirty), "careless-stretch") == [*range(24, 30), *range(31, 35)]


def test_unequal_rows_and_missing_partners(clean):
    dirty = clean.drop(index=[30, 31]).reset_index(drop=True)
    table = check(dirty)
    assert rows_of(table, "unequal-rows") == np.flatnonzero(dirty["couple"] == 1).tolist()
    assert rows_of(table, "partner-missing") == [6, 7]
    dirty = clean.copy()
    dirty.loc[[6, 31, 32, 8], ["warmth", "stress"]] = np.nan
    table = check(dirty)
    assert "unequal-rows" not in set(table["code"])
    # Row 6 is the first person's seventh occasion, row 31 the partner's eighth, rows 8 and 32 are one occasion.
    assert rows_of(table, "partner-missing") == [7, 30]
    assert rows_of(table, "both-missing") == [8, 32]


def test_compliance_counts_the_occasions_of_the_dyad(clean):
    dirty = clean.copy()
    dirty.loc[0:14, ["warmth", "stress"]] = np.nan
    table = check(dirty)
    low = table[table["code"] == "low-compliance"].iloc[0]
    assert low["n"] == 24
    assert list(low["rows"]) == list(range(24))
    assert low["message"] == (
        "1 person answered fewer than half of the dyad's occasions: rows 0, 1, 2, 3, 4 and 19 more."
    )
    # 288 dyad occasions: 561 of 576 answers given, both on 273; day 1 lacks 6 of 144 answers, day 4 none,
    # beeps 1 to 3 lack 3 of 96 each, beeps 4 to 6 lack 2.
    by_code = table.set_index("code")
    assert by_code.loc["compliance", ["n", "message"]].tolist() == [
        561,
        "persons answered 97.4 % of their dyad's occasions.",
    ]
    assert by_code.loc["dyadic-compliance", ["n", "message"]].tolist() == [
        273,
        "both partners answered 94.8 % of the occasions.",
    ]
    assert by_code.loc["compliance-by-person", ["n", "message"]].tolist() == [
        24,
        "single persons answered 37.5 % to 100.0 %, median 100.0 %.",
    ]
    assert by_code.loc["compliance-by-day", ["n", "message"]].tolist() == [
        4,
        "by day, persons answered 95.8 % (day 1) to 100.0 % (day 4).",
    ]
    assert by_code.loc["compliance-by-beep", ["n", "message"]].tolist() == [
        6,
        "by beep, persons answered 96.9 % (beep 1) to 97.9 % (beep 4).",
    ]


def test_compliance_counts_occasions_without_any_row(clean):
    # The first dyad has no row at its second occasion; from its first to its last row there are 24 all the same.
    dirty = clean.drop(index=[1, 25]).reset_index(drop=True)
    table = check(dirty)
    panel = DyadPanel(dirty, **ROLES, scales=SCALES).compliance().set_index("level")
    assert table.set_index("code").loc["compliance", "n"] == panel.loc["overall", "answered"] == 574
    assert table.set_index("code").loc["compliance", "message"] == (
        "persons answered 99.7 % of their dyad's occasions."
    )
    assert panel.loc["overall", "share"] == 574 / 576


def test_persons_with_times_of_their_own_are_compared_by_their_rows(clean):
    own = clean["scheduled"] + pd.to_timedelta(clean["couple"] * 7, unit="s")
    table = check(clean.assign(time=own), day=None, beep=None, time="time").set_index("code")
    assert table.loc["compliance", "message"] == "persons answered 100.0 % of their dyad's occasions."
    assert table.loc["dyadic-compliance", "n"] == 288


def test_a_column_without_values(clean):
    table = check(clean.assign(mood=np.nan), scales=None)
    assert table.loc[0, ["code", "column", "n"]].tolist() == ["all-missing", "mood", len(clean)]


def test_labels_within_the_dyad_are_no_persons_in_two_dyads(clean):
    table = check(clean.assign(who=clean["who"] % 2 + 1))
    assert table["code"].tolist() == ["person-within-dyad", "night", *COMPLIANCE]
    assert table.loc[0, "message"] == "'who' numbers the members of each dyad (1, 2)."
    dirty = clean.assign(who=clean["who"] % 2 + 1)
    dirty.loc[48:71, "warmth"] = 3.0
    message = check(dirty).query("code == 'constant'")["message"].item()
    assert message == "'warmth' of person 1 of dyad 2 never varies: rows 48, 49, 50, 51, 52 and 19 more."
