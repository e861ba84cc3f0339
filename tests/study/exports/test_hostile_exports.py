"""Give the importers files that are broken: one sentence each, with the file, the line, the column and the fix."""

import json
import warnings

import pandas as pd
import pytest

import reldyn as rd

PAIR = pd.DataFrame({"dyad": [1, 1], "person": ["a", "b"], "role": ["m", "f"]})
FORMR = "session,created,modified,ended,expired,mood\n"
Q_NAMES = "StartDate,EndDate,Status,Finished,ExternalReference,mood\n"
Q_TEXTS = "Start Date,End Date,Response Type,Finished,External Data Reference,Mood?\n"
Q_IDS = '"{""ImportId"":""startDate"",""timeZone"":""America/Denver""}",x,x,x,x,x\n'
QUALTRICS = Q_NAMES + Q_TEXTS + Q_IDS
REDCAP = "record_id,redcap_repeat_instrument,redcap_repeat_instance,mood,diary_complete\n"
FIX = "correct it, or give the form with mapping={'dates': '%d.%m.%Y %H:%M'}."
# The preset, the text, and the message after the path.
REFUSED = {
    "nothing": ("formr", "", "the file is empty."),
    "a mark only": ("formr", "\ufeff", "the file is empty."),
    "a header only": ("redcap", REDCAP, "the file has a header but no rows."),
    "headers only": ("qualtrics", QUALTRICS, "the file has a header but no rows."),
    "a field too many": (
        "qualtrics",
        QUALTRICS + "3/14/2021 9:00,3/14/2021 9:05,IP Address,True,a,4,9\n",
        "line 4 has 7 fields where the header has 6; look for a lost or unquoted delimiter.",
    ),
    "no stamp": (
        "formr",
        FORMR + "a,2024-05-01 20:00:00,,,,3\nb,soon,,,,3\n",
        f"column 'created' is no time or number ('soon'), line 3: {FIX}",
    ),
    "day and month open": (
        "qualtrics",
        Q_NAMES + Q_TEXTS + "3/4/2021 9:00,3/4/2021 9:05,IP Address,True,a,4\n",
        "column 'StartDate' leaves the order of its dates open ('3/4/2021 9:00' is 3 April 2021 or 4 March 2021), "
        f"line 3: {FIX}",
    ),
    "day and month in two orders": (
        "qualtrics",
        QUALTRICS + "3/14/2021 9:00,,IP Address,True,a,4\n14/3/2021 9:00,,IP Address,True,b,4\n",
        "column 'StartDate' is no date in the order month, day, year that its other values have ('14/3/2021 9:00'), "
        f"line 5: {FIX}",
    ),
    "no time of day": (
        "generic",
        "Teilnehmer;Datum;Uhrzeit;mood\na;13.04.2021;9:00;3\nb;13.04.2021;25:00;2\n",
        "column 'Uhrzeit' holds no time of day ('25:00'), line 3.",
    ),
    "nobody": (
        "qualtrics",
        QUALTRICS + "3/14/2021 9:00,,IP Address,True,,4\n",
        "column 'ExternalReference' is empty and no other column is known to hold the ids of persons: name it with "
        "mapping={'person': ...}. Columns: StartDate, EndDate, Status, Finished, ExternalReference, mood.",
    ),
    "nobody in a file of one's own": (
        "generic",
        "x,y,z\n1,2,3\n",
        "no column is known to hold the ids of persons: name it with mapping={'person': ...}. Columns: x, y, z.",
    ),
    "two columns of persons": (
        "generic",
        "participant;Teilnehmer;paar;z\na;2;1;3\nb;1;1;4\n",
        "'participant' and 'Teilnehmer' can both be the person: say which with mapping={'person': 'participant'}.",
    ),
    "text where m-Path has seconds": (
        "m-path",
        "connectionId;timeStampScheduled;mood_slider_likert\na;2021-03-01;3\nb;1714554000;3\n",
        "column 'timeStampScheduled' has 1 value that is no seconds since 1970, such as '2021-03-01' (line 2). Text "
        "stamps need mapping={'clock': 'text'}.",
    ),
    "a tab for a comma": (
        "formr",
        FORMR.replace(",", "\t") + "a\t2024-05-01 20:00:00\t\t\t\t3\n",
        "the fields are separated by tabs, not by the commas that .csv promises: rename the file to .tsv, or set in "
        'the mapping delimiter="\\t".',
    ),
    "a quotation mark": (
        "formr",
        FORMR + 'a,2024-05-01 20:00:00,,,,"3\nb,2024-05-01 20:00:00,,,,3\n',
        "a quotation mark in the record that begins on line 2 is never closed, so the records run into one another.",
    ),
}


def read(tmp_path, preset, text, encoding="utf-8", **options):
    path = tmp_path / "export.csv"
    path.write_bytes(text.encode(encoding))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", rd.DataWarning)
        frame = rd.study.read_export(path, preset=preset, **{"dyads": PAIR} | options)
    return frame, [str(one.message).removeprefix(f"{path}: ") for one in said]


@pytest.mark.parametrize(("preset", "text", "message"), REFUSED.values(), ids=list(REFUSED))
def test_broken_files_are_refused_in_one_sentence(tmp_path, preset, text, message):
    with pytest.raises(rd.DataError) as fault:
        read(tmp_path, preset, text)
    assert str(fault.value) == f"{tmp_path / 'export.csv'}: {message}"


def test_another_encoding_is_refused_with_the_key_of_the_mapping(tmp_path):
    text = "Paar;Teilnehmer;Datum;Nähe\n1;a;14.03.2021;3,05\n1;b;14.03.2021;2,05\n"
    with pytest.raises(rd.DataError, match=r"\(line 1\) is not UTF-8.*Set in the mapping encoding=\"cp1252\""):
        read(tmp_path, "generic", text, encoding="cp1252", dyads=None)
    frame, said = read(tmp_path, "generic", text, encoding="cp1252", dyads=None, mapping={"encoding": "cp1252"})
    assert (frame["Nähe"].tolist(), said) == ([3.05, 2.05], [])


def test_titles_above_the_names_are_skipped_by_a_key_of_the_mapping(tmp_path):
    text = "Tagebuch 2021;;\nPaar;Teilnehmer;mood\n1;a;4\n1;b;5\n"
    frame, _ = read(tmp_path, "generic", text, dyads=None, mapping={"skip": 1})
    assert frame["mood"].tolist() == [4, 5]


def test_marks_and_short_rows_are_read_and_counted(tmp_path):
    text = "\ufeff" + FORMR + "a,2024-05-01 20:00:00,,,,3\nb,2024-05-01 20:00:00\n"
    frame, said = read(tmp_path, "formr", text)
    assert (frame["person"].tolist(), frame["mood"].isna().tolist()) == (["a", "b"], [False, True])
    assert said == [
        "2 of 2 rows imported; 1 of 2 records have fewer fields than the header has (6); the fields at their ends are "
        "read as missing (line 3)."
    ]


def test_a_header_that_stands_twice_cannot_be_used(tmp_path):
    text = FORMR.replace("mood", "mood,mood") + "a,2024-05-01 20:00:00,,,,3,4\nb,2024-05-01 20:00:00,,,,3,4\n"
    frame, said = read(tmp_path, "formr", text)
    assert "the header 'mood' stands 2 times" in said[0]
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day")
    with pytest.raises(rd.DataError, match="mood"):
        panel.describe("mood")


def test_an_open_order_of_day_and_month_goes_by_the_zone_and_is_said(tmp_path):
    text = QUALTRICS + "3/4/2021 9:00,,IP Address,True,a,4\n3/4/2021 9:00,,IP Address,True,b,4\n"
    frame, said = read(tmp_path, "qualtrics", text)
    assert [str(day.date()) for day in frame["day"]] == ["2021-03-04"] * 2
    assert said == [
        "2 of 2 rows imported; dates are read with the month first, as the stamps are those of America/Denver and "
        "they leave it open; mapping={'dates': ...} says otherwise."
    ]
    frame, _ = read(tmp_path, "qualtrics", text, mapping={"dates": "%d/%m/%Y %H:%M"})
    assert [str(day.date()) for day in frame["day"]] == ["2021-04-03"] * 2


def test_an_open_order_of_day_and_month_goes_by_a_german_header_and_is_said(tmp_path):
    text = "Paar;Teilnehmer;Datum;mood\n1;a;03.04.2021;3\n1;b;03.04.2021;2\n"
    frame, said = read(tmp_path, "generic", text, dyads=None)
    assert [str(day.date()) for day in frame["day"]] == ["2021-04-03"] * 2
    assert "the day first, as the header is German" in said[0]
    with pytest.raises(rd.DataError, match="leaves the order of its dates open"):
        read(tmp_path, "generic", text.replace("Teilnehmer;Datum", "participant;date"), dyads=None)


def test_several_offsets_keep_the_clock_that_was_written(tmp_path):
    text = "session,created,mood\na,2024-05-01T23:30:00+02:00,4\nb,2024-05-01T20:00:00-06:00,3\n"
    frame, said = read(tmp_path, "formr", text)
    assert [str(day.date()) for day in frame["day"]] == ["2024-05-01"] * 2
    assert said == [
        "2 of 2 rows imported; created has several offsets from UTC; its times are those of the clock that was written."
    ]


def test_the_table_of_dyads_counts_before_columns_of_the_export(tmp_path):
    frame, said = read(tmp_path, "generic", "participant,role,dyad,mood\na,x,9,2\nb,y,9,3\n")
    assert (frame["dyad"].tolist(), frame["role"].tolist()) == ([1, 1], ["m", "f"])
    assert said == ["2 of 2 rows imported; left out, as the table of dyads says it: role, dyad."]


def test_an_id_of_a_question_is_found_by_the_table_of_dyads(tmp_path):
    text = Q_NAMES.replace("mood", "mood,Q9") + Q_TEXTS.replace("Mood?", "Mood?,Your code")
    text += "2021-03-14 09:00:00,,IP Address,True,,4,a\n2021-03-14 09:00:00,,IP Address,True,,5,b\n"
    frame, _ = read(tmp_path, "qualtrics", text)
    assert frame[["person", "mood"]].to_numpy().tolist() == [["a", 4], ["b", 5]]


def test_ids_that_differ_in_writing_only_are_said_to(tmp_path):
    text = FORMR + "001,2024-05-01 20:00:00,,,,3\n002,2024-05-01 20:00:00,,,,4\n"
    numbers = pd.DataFrame({"dyad": [1, 1], "person": [1, 2]})
    with pytest.raises(rd.DataError, match=r"not in dyads: 001, 002.*differ in leading zeros, blanks or capitals only"):
        read(tmp_path, "formr", text, dyads=numbers)


@pytest.mark.parametrize(("names", "roles"), [(["woman", "man"], ["woman", "man"]), (["person_1", "person_2"], None)])
def test_a_table_of_dyads_may_have_one_row_per_dyad(tmp_path, names, roles):
    text = FORMR + "a,2024-05-01 20:00:00,,,,3\nb,2024-05-01 20:00:00,,,,4\n"
    frame, said = read(tmp_path, "formr", text, dyads=pd.DataFrame([[7, "a", "b"]], columns=["couple", *names]))
    assert (frame["dyad"].tolist(), frame["person"].tolist(), said) == ([7, 7], ["a", "b"], [])
    assert (frame["role"].tolist() if "role" in frame else None) == roles


def test_what_was_asked_before_and_after_a_diary_leaves_its_days_alone(tmp_path):
    head = "record_id,redcap_event_name,sex,sat,mood\n"
    rows = [
        f"{person},before_arm_1,{sex},5,\n"
        + "".join(f"{person},day_{day}_arm_1,,,{day}\n" for day in range(1, 6))
        + f"{person},after_arm_1,,4,\n"
        for person, sex in (("a", "f"), ("b", "m"))
    ]
    frame, said = read(tmp_path, "redcap", head + "".join(rows))
    assert (frame["day"].tolist(), frame["mood"].tolist()) == ([1, 2, 3, 4, 5] * 2, [1, 2, 3, 4, 5] * 2)
    assert (frame["sex"].tolist(), frame["sat"].isna().all()) == (["f"] * 5 + ["m"] * 5, True)
    assert said == [
        "10 of 14 rows imported; rows dropped: 4 (row outside the repeats); asked once and taken to every row of the "
        "person: sex; asked several times in rows without a repeat and left missing: sat."
    ]


@pytest.mark.parametrize("preset", ["generic", "qualtrics"])
def test_a_rating_called_day_is_an_item_and_a_number_of_the_day_is_not(tmp_path, preset):
    stamps = [(p, d) for p in "ab" for d in range(1, 8)]
    head = Q_NAMES.replace("mood", "Day") if preset == "qualtrics" else "participant,EndDate,Day\n"
    for rating in (True, False):
        rows = []
        for person, day in stamps:
            at, value = f"2021-03-{day + 9} 20:00:00", day % 3 if rating else day
            rows.append(
                f"{at},{at},IP Address,True,{person},{value}\n" if preset == "qualtrics" else f"{person},{at},{value}\n"
            )
        text = head + (Q_TEXTS if preset == "qualtrics" else "") + "".join(rows)
        frame, _ = read(tmp_path, preset, text)
        assert ("Day" in frame) == rating
        assert frame["day"].tolist()[:3] == (list(pd.date_range("2021-03-10", periods=3)) if rating else [1, 2, 3])


def test_a_rating_called_time_is_no_occasion(tmp_path):
    text = "dyad,participant,tag,time\n" + "".join(f"1,{p},{d},{d % 3}\n" for p in "ab" for d in range(1, 6))
    frame, _ = read(tmp_path, "generic", text, dyads=None)
    assert list(frame.columns) == ["dyad", "person", "day", "time"]


def test_the_export_of_another_platform_is_refused(tmp_path):
    with pytest.raises(
        rd.DataError, match=r"none of the columns of qualtrics is in the file.*Columns: session, created"
    ):
        read(tmp_path, "qualtrics", FORMR + "a,2024-05-01 20:00:00,,,,3\nb,2024-05-01 20:00:00,,,,3\n")


def test_answers_after_midnight_belong_to_the_evening_before(tmp_path):
    rows = []
    for person in "ab":
        for day in range(1, 8):
            late = (person, day) == ("a", 3)
            at = f"2021-03-{day + late:02d} {'00:20' if late else '21:15'}:00"
            if (person, day) != ("a", 4):
                rows.append(f"{person},{at},,,,{day}\n")
    frame, _ = read(tmp_path, "formr", FORMR + "".join(rows))
    assert frame.attrs["import"]["panel"]["time"] == "sent"
    panel = rd.DyadPanel(frame, **frame.attrs["import"]["panel"])
    partners = panel.actor_partner(["mood"]).frame
    answered = partners["mood_partner"].notna()
    assert (partners["mood"] == partners["mood_partner"])[answered].all()
    assert answered.sum() == 12


def test_mornings_and_evenings_with_forms_of_their_own_are_both_kept(tmp_path):
    events = [f"day{day}_{part}" for day in range(1, 9) for part in ("am", "pm") if (day, part) != (8, "pm")]
    head = "record_id,redcap_event_name,sleep,stress\n"
    rows = [f"{p},{event},{'7,' if event.endswith('am') else ',3'}\n" for p in "ab" for event in events]
    frame, _ = read(tmp_path, "redcap", head + "".join(rows))
    assert frame["occasion"].tolist() == [*range(1, 16)] * 2
    assert (frame["sleep"].notna().sum(), frame["stress"].notna().sum()) == (16, 14)


DIARY = (
    "session,created,ended,expired,couple,day,mood\n"
    "a,2026-03-28T20:00:00+01:00,2026-03-28T20:05:00+01:00,,1,1,3\n"
    "b,2026-03-28T20:00:00+01:00,2026-03-28T20:05:00+01:00,,1,1,3\n"
    "a,2026-03-29T20:00:00+02:00,2026-03-29T20:05:00+02:00,,1,2,3\n"
    "b,2026-03-29T20:00:00+02:00,2026-03-29T20:05:00+02:00,,1,2,3\n"
)


def test_offsets_over_a_change_of_summer_time_are_read_with_numbers_of_days(tmp_path):
    frame, _ = read(tmp_path, "formr", DIARY, dyads=None)
    assert frame.attrs["import"]["panel"]["day"] == "day"
    assert frame["sent"].dt.hour.tolist() == [20] * 4


def test_several_offsets_become_the_clock_of_a_zone_that_is_given(tmp_path):
    frame, notes = read(tmp_path, "formr", DIARY, dyads=None, mapping={"timezone": "America/New_York"})
    assert frame["sent"].dt.strftime("%m-%d %H").tolist() == ["03-28 15"] * 2 + ["03-29 14"] * 2
    assert frame["expires"].isna().all()
    assert not any("offset" in note for note in notes)


def test_rows_that_stand_twice_leave_the_panel_its_occasions(tmp_path):
    rows = [f"1,{person},{day},{beep},3" for day in (1, 2) for person in (1, 2) for beep in (1, 2)]
    frame, _ = read(tmp_path, "generic", "\n".join(["couple,person,day,beep,mood", *rows, rows[-1]]) + "\n", dyads=None)
    assert frame.attrs["import"]["panel"] == {"dyad": "dyad", "person": "person", "day": "day", "beep": "beep"}


def test_long_ids_of_json_stay_exact_where_one_is_missing(tmp_path):
    ids = [12345678901234561, 12345678901234563, None]
    records = [{"couple": 1, "person": one, "day": 1, "mood": 2} for one in ids]
    (tmp_path / "i.json").write_text(json.dumps(records), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = rd.study.read_export(tmp_path / "i.json", preset="generic")
    assert frame["person"].astype(str).tolist() == ["12345678901234561", "12345678901234563"]


@pytest.mark.parametrize(
    ("form", "words"), [("%d.%m.%Y %H:%M %p", "nothing is read of %p"), ("%d.%m. %H:%M", "no year")]
)
def test_a_form_of_stamps_that_loses_something_is_refused(tmp_path, form, words):
    text = "session,created,mood\na,13.03.2026 09:00 PM,4\nb,14.03.2026 09:00 PM,3\n"
    with pytest.raises(rd.DesignError, match=words):
        read(tmp_path, "formr", text, mapping={"dates": form})
