"""Read exports of survey platforms, each to a panel in two calls, with the rows that were written into them."""

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.study.cli import main

M_PATH = (
    "connectionId;legacyCode;code;alias;initials;accountCode;scheduledBeepId;sentBeepId;"
    "reminderForOriginalSentBeepId;questionListName;questionListLabel;fromProtocolName;timeStampScheduled;"
    "timeStampSent;timeStampStart;timeStampStop;originalTimeStampSent;timeZoneOffset;deltaUTC"
)
DYADS = "dyad,person,role\n1,{0},woman\n1,{1},man\n"
T0 = 1714554000  # 2024-05-01 09:00:00, the clock of the participants
PAIR = pd.DataFrame({"dyad": ["c1", "c1"], "person": ["a", "b"], "role": ["patient", "partner"]})


def stamps(column):
    return [None if pd.isna(value) else str(value) for value in column]


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def m_path_row(person, scheduled_id, sent_id, scheduled, stop, items, original=-1, start=0, offset=7200):
    lead = [person, "", "!x@y", "Kim", "K", "y", scheduled_id, sent_id, original, "diary", "", "p"]
    return ";".join(map(str, [*lead, scheduled, scheduled, start, stop, scheduled, offset, 2])) + items


@pytest.fixture
def m_path(tmp_path):
    items = ";consent_yesno_yesno;mood_slider_likert;sex_multipleChoice_index;sex_multipleChoice_string;intro_basic"
    rows = [
        m_path_row(11, -1, 1, 0, T0 - 60, ';1;;2;"[""f""]";1'),
        m_path_row(11, 70, 2, T0, T0 + 90, ";;55;;;", start=T0 + 30),
        m_path_row(11, 71, 3, T0 + 14400, 0, ""),
        m_path_row(12, 70, 4, T0, 0, ""),
        m_path_row(12, 70, 5, T0 + 600, T0 + 700, ";;20;;;", original=4, start=T0 + 640),
        m_path_row(12, 71, 6, T0 + 14400, T0 + 14500, ";;30;;;", start=T0 + 14410),
    ]
    return write(tmp_path / "basic.csv", "\r\n".join([M_PATH + items, *rows, ""]), "utf-8-sig")


def test_m_path_to_a_panel(m_path, tmp_path):
    dyads = write(tmp_path / "dyads.csv", DYADS.format(11, 12))
    with pytest.warns(rd.DataWarning) as said:
        frame = rd.study.read_export(m_path, preset="m-path", dyads=dyads)
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="scheduled")
    assert (panel.n_dyads, panel.n_persons, panel.n_occasions) == (1, 2, 2)
    assert list(frame.columns) == [
        *("dyad", "person", "role", "day", "scheduled", "sent", "started", "answered"),
        *("consent", "mood", "sex_index", "sex_string"),
    ]
    assert frame["person"].tolist() == [11, 11, 12, 12]
    assert frame["role"].tolist() == ["woman", "woman", "man", "man"]
    assert stamps(frame["scheduled"]) == ["2024-05-01 09:00:00", "2024-05-01 13:00:00"] * 2
    assert stamps(frame["answered"]) == ["2024-05-01 09:01:30", None, "2024-05-01 09:11:40", "2024-05-01 13:01:40"]
    np.testing.assert_equal(frame["mood"].to_numpy(), [55, np.nan, 20, 30])
    report = frame.attrs["import"]
    assert report["dropped"] == {"scheduledBeepId: -1": 1, "reminder and prompt made one row": 1}
    assert report["recoded"] == {"timeStampStart 0: did not happen": 1, "timeStampStop 0: did not happen": 1}
    assert report["columns"]["mood"] == "mood_slider_likert"
    assert "alias" in report["left_out"]
    assert json.loads(json.dumps(report)) == report
    assert [str(one.message) for one in said] == [
        f"{m_path}: 4 of 6 rows imported; rows dropped: 1 (scheduledBeepId: -1), 1 (reminder and prompt made one row); "
        "cells recoded: 1 (timeStampStart 0: did not happen), 1 (timeStampStop 0: did not happen); "
        "2 of 6 records have fewer fields than the header has (24); the fields at their ends are read as missing "
        "(lines 4, 5); epoch times are shown as written, without a time zone."
    ]


def test_m_path_stamps_can_be_shifted_by_a_column_or_a_zone(m_path, tmp_path):
    dyads = write(tmp_path / "dyads.csv", DYADS.format(11, 12))
    with pytest.warns(rd.DataWarning):
        frame = rd.study.read_export(m_path, preset="m-path", dyads=dyads, mapping={"offset": "timeZoneOffset"})
    assert stamps(frame["scheduled"])[0] == "2024-05-01 11:00:00"
    with pytest.warns(rd.DataWarning):
        zoned = {"timezone": "America/New_York"}
        frame = rd.study.read_export(m_path, preset="m-path", dyads=dyads, mapping=zoned)
    assert stamps(frame["scheduled"])[0] == "2024-05-01 05:00:00"


def test_formr_to_a_panel(tmp_path):
    path = write(
        tmp_path / "diary.csv",
        "session,created,modified,ended,expired,mood,trust_2R\n"
        "a,2024-05-01 20:00:00,2024-05-01 20:05:00,2024-05-01 20:05:00,,4,2\n"
        "a,2024-05-02 20:00:00,,,2024-05-02 23:00:00,,\n"
        "b,2024-05-01 20:10:00,2024-05-01 20:15:00,2024-05-01 20:15:00,,5,1\n"
        "b,2024-05-02 20:10:00,2024-05-02 20:15:00,,2024-05-02 23:00:00,3,\n",
    )
    frame = rd.study.read_export(path, preset="formr", dyads=PAIR)
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day")
    assert (panel.n_dyads, panel.n_occasions) == (1, 2)
    assert stamps(frame["answered"]) == ["2024-05-01 20:05:00", None, "2024-05-01 20:15:00", None]
    assert stamps(frame["expires"]) == [None, "2024-05-02 23:00:00"] * 2
    assert stamps(frame["day"].dt.date) == ["2024-05-01", "2024-05-02"] * 2
    np.testing.assert_equal(frame["mood"].to_numpy(), [4, np.nan, 5, 3])
    assert frame.attrs["import"]["left_out"] == ["modified"]
    server = {"written_in": "Europe/Berlin", "timezone": "Europe/London"}
    frame = rd.study.read_export(path, preset="formr", dyads=PAIR, mapping=server)
    assert stamps(frame["sent"])[0] == "2024-05-01 19:00:00"


def test_formr_json_is_read_like_its_csv(tmp_path):
    common = {"created": "2024-05-01 20:00:00", "modified": None, "expired": None}
    records = [
        {"session": "a", **common, "ended": "2024-05-01 20:05:00", "mood": "4", "code": "007", "n": 1},
        {"session": "b", **common, "ended": None, "mood": "", "code": None, "n": 2.5},
    ]
    path = write(tmp_path / "diary.json", json.dumps(records))
    frame = rd.study.read_export(path, preset="formr", dyads=PAIR)
    assert stamps(frame["answered"]) == ["2024-05-01 20:05:00", None]
    np.testing.assert_equal(frame["mood"].to_numpy(), [4, np.nan])
    assert frame["code"].iloc[0] == "007"
    assert frame["n"].tolist() == [1, 2.5]
    assert rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day").n_occasions == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[{",
            "the file is no valid JSON (Expecting property name enclosed in double quotes: line 1 column 3 (char 2)).",
        ),
        ('{"a": 1}', "wanted is a list of records, one per row: [{...}, {...}]."),
        ('[{"a": 1}, {"a": [1]}]', "record 1 holds a list or a record as 'a'; wanted are single values."),
    ],
)
def test_json_that_is_no_table_is_refused(tmp_path, text, message):
    path = write(tmp_path / "diary.json", text)
    with pytest.raises(rd.DataError) as fault:
        rd.study.read_export(path, preset="formr", dyads=PAIR)
    assert str(fault.value) == f"{path}: {message}"


QUALTRICS = (
    "StartDate,EndDate,Status,IPAddress,Progress,Duration (in seconds),Finished,RecordedDate,ResponseId,"
    "RecipientEmail,ExternalReference,Q1\n"
)
TEXTS = "Start Date,End Date,Response Type,IP Address,Progress,Duration,Finished,Recorded,Id,Email,Ref,Mood?\n"
IDS = ",".join(['"{""ImportId"":""x"",""timeZone"":""America/Denver""}"'] * 12) + "\n"


def answer(person, status, finished, mood, day="01"):
    at = f"2024-05-{day} 20:00:00"
    return f"{at},{at[:-5]}04:00,{status},1.2.3.4,100,240,{finished},{at},R_{person},{person}@x.org,{person},{mood}\n"


@pytest.mark.parametrize(("ids", "status", "preview"), [(IDS, "IP Address", "Survey Preview"), ("", "0", "1")])
def test_qualtrics_to_a_panel(tmp_path, ids, status, preview):
    rows = [
        answer("a", status, "True", 4),
        answer("b", status, "True", 6),
        answer("a", preview, "True", 1),
        answer("b", status, "False", 2, day="02"),
        answer("", status, "True", 7),
    ]
    path = write(tmp_path / "survey.csv", QUALTRICS + TEXTS + ids + "".join(rows))
    with pytest.warns(rd.DataWarning) as said:
        frame = rd.study.read_export(path, preset="qualtrics", dyads=PAIR)
    assert rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day").n_occasions == 1
    assert frame["Q1"].tolist() == [4, 6]
    assert stamps(frame["answered"]) == ["2024-05-01 20:04:00"] * 2
    assert frame.attrs["column_labels"]["Q1"] == "Mood?"
    assert "IPAddress" not in frame
    assert [str(one.message) for one in said] == [
        f"{path}: 2 of 5 rows imported; rows dropped: 1 (Status: {preview}), 1 (Finished: False), "
        "1 (no ExternalReference)."
    ]
    with pytest.warns(rd.DataWarning):
        frame = rd.study.read_export(path, preset="qualtrics", dyads=PAIR, mapping={"keep": ["IPAddress"]})
    assert frame["IPAddress"].tolist() == ["1.2.3.4"] * 2


REDCAP = (
    "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,sex,base_complete,"
    "diary_timestamp,mood,did___1,did___2,diary_complete\n"
)


def test_redcap_to_a_panel(tmp_path):
    path = write(
        tmp_path / "redcap.csv",
        REDCAP
        + "1,w_arm_1,,,female,2,,,,,\n"
        + "1,w_arm_1,diary,1,,,2024-05-01 20:00:00,4,1,0,2\n"
        + "1,w_arm_1,diary,2,,,[not completed],,0,0,0\n"
        + "2,w_arm_1,,,male,2,,,,,\n"
        + "2,w_arm_1,diary,1,,,2024-05-01 21:00:00,5,0,0,2\n"
        + "2,w_arm_1,diary,2,,,2024-05-02 21:00:00,6,0,1,2\n",
    )
    dyads = pd.DataFrame({"dyad": [7, 7], "person": ["1", "2"]})
    with pytest.warns(rd.DataWarning) as said:
        frame = rd.study.read_export(path, preset="redcap", dyads=dyads, mapping={"role": "sex"})
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="occasion")
    assert (panel.n_dyads, panel.n_occasions) == (1, 2)
    assert frame["role"].tolist() == ["female", "female", "male", "male"]
    assert frame["occasion"].tolist() == [1, 2, 1, 2]
    np.testing.assert_equal(frame["mood"].to_numpy(), [4, np.nan, 5, 6])
    np.testing.assert_equal(frame["did___1"].to_numpy(), [1, np.nan, 0, 0])
    assert stamps(frame["answered"]) == ["2024-05-01 20:00:00", None, "2024-05-01 21:00:00", "2024-05-02 21:00:00"]
    assert [str(one.message) for one in said] == [
        f"{path}: 4 of 6 rows imported; rows dropped: 2 (row outside the repeats); cells recoded: "
        "2 (check boxes of forms not filled in), 1 (no stamp: day by the number of the occasion); "
        "asked once and taken to every row of the person: sex."
    ]


def test_redcap_events_and_repeats_become_days_and_prompts(tmp_path):
    rows = [f"{p},{e},diary,{i},,,,{n},,,2" for p in "ab" for e in ("noon", "late") for i, n in ((1, 3), (2, 5))]
    del rows[0:2]
    path = write(tmp_path / "redcap.csv", REDCAP + "\n".join(rows) + "\n")
    frame = rd.study.read_export(path, preset="redcap", dyads=PAIR)
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")
    assert panel.n_occasions == 4
    assert frame["day"].tolist() == [2, 2, 1, 1, 2, 2]
    assert frame["beep"].tolist() == [1, 2, 1, 2, 1, 2]
    other = [row.replace("noon", "eve") for row in rows[:2]] + [row for row in rows if row.startswith("b,noon")]
    path = write(tmp_path / "other.csv", REDCAP + "\n".join(other) + "\n")
    with pytest.raises(rd.DataError) as fault:
        rd.study.read_export(path, preset="redcap", dyads=PAIR)
    assert str(fault.value) == (
        f"{path}: the order of the events late, noon does not follow from the file: give all of them in order with "
        "mapping={'events': [...]}."
    )
    frame = rd.study.read_export(path, preset="redcap", dyads=PAIR, mapping={"events": ["noon", "late"]})
    assert frame["day"].tolist() == [2, 2, 1, 1]


def test_redcap_wants_one_instrument(tmp_path):
    rows = [f"{p},e,{form},1,,,,{n},,,2\n" for p in "ab" for form, n in (("diary", 3), ("night", 9))]
    path = write(tmp_path / "redcap.csv", REDCAP + "".join(rows))
    with pytest.raises(rd.DataError) as fault:
        rd.study.read_export(path, preset="redcap", dyads=PAIR)
    assert str(fault.value) == (
        f"{path}: 2 instruments repeat (diary, night), and a panel has rows of one: choose it with "
        "mapping={'only': {'redcap_repeat_instrument': ['diary']}}."
    )
    with pytest.warns(rd.DataWarning):
        chosen = {"only": {"redcap_repeat_instrument": ["diary"]}}
        frame = rd.study.read_export(path, preset="redcap", dyads=PAIR, mapping=chosen)
    assert frame["mood"].tolist() == [3, 3]
    assert frame.attrs["import"]["dropped"] == {"other instrument": 2}


@pytest.fixture
def generic(tmp_path):
    return write(tmp_path / "g.csv", "who;spouse;n;mood\na;b;1;4,05\nb;a;1;-9\na;b;2;3,5\nb;a;2;1,5\n")


def test_generic_by_a_mapping_file(generic, tmp_path):
    text = 'person = "who"\npartner = "spouse"\noccasion = "n"\nmissing = [-9]\n[items]\njoy = "mood"\n'
    frame = rd.study.read_export(generic, preset="generic", mapping=write(tmp_path / "m.toml", text))
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", time="occasion")
    assert (panel.n_dyads, panel.n_occasions) == (1, 2)
    np.testing.assert_equal(frame["joy"].to_numpy(), [4.05, np.nan, 3.5, 1.5])
    assert list(frame.columns) == ["dyad", "partner", "person", "occasion", "joy"]


def test_the_mapping_of_the_documentation_is_valid(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "tutorials" / "from-a-platform.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    path = write(
        tmp_path / "g.csv",
        "participant,planned,submitted,questionnaire,Q3_1,Q7\n"
        "a,01.05.2024 20:00,01.05.2024 20:03,evening,-99,2\n"
        "b,01.05.2024 20:00,,evening,4,\n"
        "b,01.05.2024 08:00,,morning,1,1\n",
    )
    mapping = write(tmp_path / "m.toml", text)
    with pytest.warns(rd.DataWarning, match=r"2 of 3 rows imported; rows dropped: 1 \(questionnaire: another\)\.$"):
        frame = rd.study.read_export(path, preset="generic", mapping=mapping, dyads=PAIR)
    assert stamps(frame["answered"]) == ["2024-05-01 20:03:00", None]
    np.testing.assert_equal(frame["warmth"].to_numpy(), [np.nan, 4])
    assert rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="scheduled").n_occasions == 1


def test_one_message_names_all_persons_without_a_match(generic):
    dyads = pd.DataFrame({"dyad": [1, 1, 2, 2], "person": ["a", "z", "y", "x"]})
    mapping = {"person": "who", "occasion": "n"}
    with pytest.raises(rd.DataError) as fault:
        rd.study.read_export(generic, preset="generic", dyads=dyads, mapping=mapping)
    assert str(fault.value) == (
        f"persons in {generic} and not in dyads: b; in dyads and not in {generic}: z, y, x. Complete the table of "
        "dyads, or leave out the rows of persons who are not in it with mapping={'unpaired': 'drop'}."
    )
    with pytest.warns(rd.DataWarning) as said:
        frame = rd.study.read_export(generic, preset="generic", dyads=dyads, mapping=mapping | {"unpaired": "drop"})
    assert frame["person"].tolist() == ["a", "a"]
    assert [str(one.message) for one in said] == [
        f"{generic}: 2 of 4 rows imported; rows dropped: 2 (person not in dyads); persons in {generic} and not in "
        f"dyads: b; in dyads and not in {generic}: z, y, x."
    ]
    report = frame.attrs["import"]
    assert (report["persons_absent"], report["notes"]) == (3, [])


REFUSED = [
    (
        {"preset": "mpath"},
        "preset='mpath' is not known; allowed: 'm-path', 'formr', 'qualtrics', 'redcap', 'generic'. "
        "Did you mean 'm-path'?",
    ),
    (
        {"preset": "qualtrics", "dyads": pd.DataFrame({"dyad": [1, 1], "person": ["x", "y"]})},
        "{path}: none of the columns of qualtrics is in the file, so it is hardly one of its exports: name the preset "
        "of the platform, or preset='generic'. Columns: who, spouse, n, mood.",
    ),
    ({"mapping": {"person": "who", "persno": "x"}}, "mapping: persno: unknown key. Did you mean 'person'?"),
    (
        {"mapping": {"person": "wo"}},
        "no column 'wo' in {path} (nearest: 'who'). Columns: who, spouse, n, mood. "
        "Columns of an export are named in the mapping.",
    ),
    (
        {"mapping": {"person": "who", "timezone": "Berlin"}},
        "mapping: timezone: 'Berlin' is no time zone; give an IANA name such as 'Europe/Berlin'.",
    ),
    (
        {"mapping": {"person": "who"}},
        "an export does not say who belongs together: give dyads= (a table with the columns dyad, person and role), "
        "or name the column with mapping={{'dyad': ...}} or mapping={{'partner': ...}}.",
    ),
    (
        {"mapping": {"person": "who", "partner": "spouse"}, "dyads": PAIR},
        "dyads= and mapping['partner'] both say who belongs together: give one of them.",
    ),
    (
        {"mapping": {"person": "who"}, "dyads": pd.DataFrame({"dyad": [1, 1, 1], "person": ["a", "b", "b"]})},
        "dyads: persons stand more than once: b. Give one row per person and two persons per dyad.",
    ),
    (
        {"mapping": {"person": "who"}, "dyads": pd.DataFrame({"dyad": [1, 2], "person": ["a", "b"]})},
        "dyads: dyads do not have two members: 1, 2. Give one row per person and two persons per dyad.",
    ),
    (
        {"mapping": {"person": "who", "only": {"n": [9]}}, "dyads": PAIR},
        "{path}: no row is left; rows dropped: 4 (n: another). What to drop is set by the mapping.",
    ),
    (
        {"mapping": {"person": "who", "items": {"role": "mood"}}, "dyads": PAIR},
        "the item 'role' would have the name of a column that the import makes: rename it with "
        "mapping={{'items': {{NEW NAME: 'mood', ...}}}}.",
    ),
    (
        {"mapping": {"person": "who", "clock": "epoch", "answered": "spouse"}, "dyads": PAIR},
        "{path}: column 'spouse' has 4 values that are no seconds since 1970, such as 'b' (lines 2, 3, 4, 5). "
        "Text stamps need mapping={{'clock': 'text'}}.",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_refusals(generic, arguments, message):
    expected = message.format(path=generic) if "{path}" in message or "{{" in message else message
    with pytest.raises((rd.DataError, rd.DesignError)) as fault:
        rd.study.read_export(generic, **{"preset": "generic"} | arguments)
    assert str(fault.value) == expected


def test_stamps_in_the_hour_of_a_clock_change_are_counted(tmp_path):
    path = write(tmp_path / "d.csv", "session,created\na,2024-10-27 02:30:00\nb,2024-10-27 12:00:00\n")
    zones = {"written_in": "Europe/Berlin", "timezone": "UTC"}
    with pytest.warns(rd.DataWarning, match=r"1 \(created in the hour of a clock change\)\.$"):
        frame = rd.study.read_export(path, preset="formr", dyads=PAIR, mapping=zones)
    assert stamps(frame["sent"]) == ["2024-10-27 00:30:00", "2024-10-27 11:00:00"]


def test_stamps_with_offsets_need_only_the_zone_of_the_participants(tmp_path):
    path = write(tmp_path / "d.csv", "session,created\na,2024-05-01T20:00:00Z\nb,2024-05-01T22:30:00Z\n")
    frame = rd.study.read_export(path, preset="formr", dyads=PAIR, mapping={"timezone": "Europe/Berlin"})
    assert stamps(frame["sent"]) == ["2024-05-01 22:00:00", "2024-05-02 00:30:00"]
    assert stamps(frame["day"].dt.date) == ["2024-05-01", "2024-05-02"]
    with pytest.warns(rd.DataWarning, match=r"created carries offsets from UTC and is left as it is"):
        rd.study.read_export(path, preset="formr", dyads=PAIR)


def test_stamps_without_offsets_need_both_zones(tmp_path):
    path = write(tmp_path / "d.csv", "session,created\na,2024-05-01 20:00:00\nb,2024-05-01 22:30:00\n")
    with pytest.raises(rd.DesignError) as fault:
        rd.study.read_export(path, preset="formr", dyads=PAIR, mapping={"timezone": "Europe/Berlin"})
    assert str(fault.value) == (
        "mapping: text stamps without an offset are converted from the zone 'written_in' to the zone 'timezone': "
        "give both, or neither where they show the participants' clock."
    )


def test_m_path_saved_anew_with_commas(tmp_path):
    head = "connectionId,timeStampScheduled,timeStampStop,mood_slider_likert\n"
    path = write(tmp_path / "basic.csv", head + f"a,{T0},{T0 + 9},4\nb,{T0},{T0 + 5},6\n")
    with pytest.warns(rd.DataWarning, match="epoch times are shown as written, without a time zone"):
        frame = rd.study.read_export(path, preset="m-path", dyads=PAIR)
    assert frame["mood"].tolist() == [4, 6]


def test_redcap_events_without_repeats_take_a_baseline_along(tmp_path):
    text = "record_id,redcap_event_name,sex,mood\na,base,f,\na,d1,,1\na,d2,,2\nb,base,m,\nb,d1,,1\nb,d2,,5\n"
    path = write(tmp_path / "redcap.csv", text)
    mapping = {"role": "sex", "drop": {"redcap_event_name": ["base"]}}
    with pytest.warns(rd.DataWarning, match="asked once and taken to every row of the person: sex"):
        frame = rd.study.read_export(path, preset="redcap", dyads=PAIR[["dyad", "person"]], mapping=mapping)
    assert frame[["person", "role", "occasion", "mood"]].to_numpy().tolist() == [
        *(["a", "f", 1, 1], ["a", "f", 2, 2], ["b", "m", 1, 1], ["b", "m", 2, 5]),
    ]


def test_the_command_writes_once(m_path, tmp_path, capsys):
    dyads = write(tmp_path / "dyads.csv", DYADS.format(11, 12))
    arguments = ["import", "m-path", str(m_path), "--dyads", str(dyads)]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    target = tmp_path / "basic-panel.csv"
    assert printed.out.splitlines()[0] == f"{m_path}: 4 of 6 rows, 2 persons, 1 dyad"
    assert printed.out.splitlines()[-1] == f"Rows: {target}"
    before = target.read_bytes()
    frame = rd.read_table(target, dates="iso")
    assert rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="scheduled").n_occasions == 2
    assert main(arguments) == 1
    assert capsys.readouterr().err == (
        f"reldyn: {target}: there is such a file already; name another with --output, or move it away.\n"
    )
    assert target.read_bytes() == before
    assert main(["import", "mpath", str(m_path)]) == 1
    assert main([*arguments, "--output", str(tmp_path / "other.csv")]) == 0


def test_a_clean_export_is_read_without_a_word(generic):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rd.study.read_export(generic, preset="generic", mapping={"person": "who", "partner": "spouse"})


def test_columns_that_say_who_somebody_is_are_left_out_of_every_export(tmp_path):
    text = "session,created,ended,E-Mail,kontakt,host,mood,phone\n"
    for person in "ab":
        for day in (1, 2):
            stamp = f"2024-05-0{day} 20:00:00"
            text += f"{person},{stamp},{stamp},-,{person}@uni.example,10.0.0.{day},{day},{day}\n"
    path = write(tmp_path / "diary.csv", text)
    for preset, mapping in (("formr", {}), ("generic", {"person": "session", "answered": "ended"})):
        with pytest.warns(rd.errors.DataWarning, match="left out, as they say who somebody is: E-Mail, kontakt, host;"):
            frame = rd.study.read_export(path, preset=preset, mapping=mapping, dyads=PAIR)
        assert not {"E-Mail", "kontakt", "host"} & set(frame.columns)
        assert {"E-Mail", "kontakt", "host"} <= set(frame.attrs["import"]["left_out"])
        assert frame[["mood", "phone"]].to_numpy().tolist() == [[1, 1], [2, 2], [1, 1], [2, 2]]
        with pytest.warns(rd.errors.DataWarning, match="say who somebody is: E-Mail, host;"):
            kept = rd.study.read_export(path, preset=preset, mapping={**mapping, "keep": ["kontakt"]}, dyads=PAIR)
        assert kept["kontakt"].tolist() == ["a@uni.example"] * 2 + ["b@uni.example"] * 2
