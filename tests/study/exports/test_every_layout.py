"""Take the export of every platform, in each of its layouts, to a panel in one call and without a mapping.

Header lines are those of the platforms' documentation and public examples; answers are made up, so that the mood of
person p on day d is known.
"""

import datetime
import json
import warnings

import numpy as np
import pytest

import reldyn as rd
from reldyn.study.cli import main

N_DAYS = 15
PERSONS = ["a1", "a2", "b1", "b2"]
DYADS = "dyad,person,role\n1,a1,woman\n1,a2,man\n2,b1,woman\n2,b2,man\n"
GERMAN_DYADS = "Paar;Teilnehmer;Rolle\n1;a1;Frau\n1;a2;Mann\n2;b1;Frau\n2;b2;Mann\n"
FIRST = datetime.datetime(2024, 3, 1, 20)


def mood(person, day):
    return (3 * PERSONS.index(person) + day) % 7 + 1


def moment(person, day, form, minutes=0):
    at = FIRST + datetime.timedelta(days=day, minutes=minutes + PERSONS.index(person))
    text = at.strftime(form)
    return text.replace("/0", "/").removeprefix("0") if "%p" in form or "/%Y" in form else text


def quoted(cells, mark):
    wrap = [
        f'"{str(cell).replace(chr(34), chr(34) * 2)}"' if mark in str(cell) or '"' in str(cell) else str(cell)
        for cell in cells
    ]
    return mark.join(wrap)


def rows_of(make):
    return [make(person, day) for day in range(N_DAYS) for person in PERSONS]


# m-Path ------------------------------------------------------------------------------------------------------------

M_PATH = (
    "connectionId;legacyCode;code;alias;initials;accountCode;scheduledBeepId;sentBeepId;"
    "reminderForOriginalSentBeepId;questionListName;questionListLabel;fromProtocolName;timeStampScheduled;"
    "timeStampSent;timeStampStart;timeStampStop;originalTimeStampSent;timeZoneOffset;deltaUTC;"
    "mood_slider_likert;intro_basic"
)


def m_path(mark=";", bom=True):
    def row(person, day):
        due = int(FIRST.replace(tzinfo=datetime.UTC).timestamp()) + 86_400 * day
        done = due + 60 + PERSONS.index(person)
        lead = [person, "", "!x@y", "Kim", "K", "y", 70 + day, 4 * day + PERSONS.index(person), -1]
        times = [due, due, due + 5, done, due, 7200, 2]
        return mark.join(map(str, [*lead, "diary", "", "p", *times, mood(person, day), 1]))

    text = "\r\n".join([M_PATH.replace(";", mark), *rows_of(row), ""])
    return text, "utf-8-sig" if bom else "utf-8", ".csv"


# formr ---------------------------------------------------------------------------------------------------------------

FORMR = "session,created,modified,ended,expired,mood,trust_2R"


def formr():
    def row(person, day):
        at, end = moment(person, day, "%Y-%m-%d %H:%M:%S"), moment(person, day, "%Y-%m-%d %H:%M:%S", 5)
        return f"{person},{at},{end},{end},,{mood(person, day)},2"

    return "\n".join([FORMR, *rows_of(row), ""]), "utf-8", ".csv"


def formr_json():
    def row(person, day):
        at, end = moment(person, day, "%Y-%m-%d %H:%M:%S"), moment(person, day, "%Y-%m-%d %H:%M:%S", 5)
        return {
            "session": person, "created": at, "modified": end, "ended": end, "expired": None,
            "mood": str(mood(person, day)),
        }  # fmt: skip

    return json.dumps(rows_of(row)), "utf-8", ".json"


def formr_items():
    head = (
        "session,unit_session_id,item_id,item_name,answer,created,saved,shown,shown_relative,answered,"
        "answered_relative,displaycount,display_order,hidden"
    )

    def rows(person, day):
        at, end = moment(person, day, "%Y-%m-%d %H:%M:%S"), moment(person, day, "%Y-%m-%d %H:%M:%S", 5)
        run = 100 * day + PERSONS.index(person)
        lead = [(7, "mood", mood(person, day)), (8, "note", "ok")]
        return [f"{person},{run},{n},{name},{value},{at},{end},{at},1,{end},2,1,1,0" for n, name, value in lead]

    return "\n".join([head, *(line for lines in rows_of(rows) for line in lines), ""]), "utf-8", ".csv"


# Qualtrics -----------------------------------------------------------------------------------------------------------

Q_NAMES = [
    *("StartDate", "EndDate", "Status", "IPAddress", "Progress", "Duration (in seconds)", "Finished", "RecordedDate"),
    *("ResponseId", "RecipientLastName", "RecipientFirstName", "RecipientEmail", "ExternalReference"),
    *("LocationLatitude", "LocationLongitude", "DistributionChannel", "UserLanguage", "mood", "close"),
]
Q_TEXTS = [
    *("Start Date", "End Date", "Response Type", "IP Address", "Progress", "Duration (in seconds)", "Finished"),
    *("Recorded Date", "Response ID", "Recipient Last Name", "Recipient First Name", "Recipient Email"),
    *("External Data Reference", "Location Latitude", "Location Longitude", "Distribution Channel", "User Language"),
    *("How do you feel, right now?", "I felt close."),
]
Q_GERMAN = [
    *("Startdatum", "Enddatum", "Antworttyp", "IP-Adresse", "Fortschritt", "Dauer (in Sekunden)", "Beendet"),
    *("Aufgezeichnetes Datum", "Antwort-ID", "Nachname des Empfängers", "Vorname des Empfängers"),
    *("E-Mail des Empfängers", "Externe Datenreferenz", "Breitengrad des Standorts", "Längengrad des Standorts"),
    *("Verteilungskanal", "Benutzersprache"),
]

Q_GERMAN_TEXTS = [*Q_GERMAN, "Wie geht es Ihnen, jetzt?", "nah"]


def q_ids(zone):
    names = ["startDate", "endDate", "status", "ipAddress", "progress", "duration", "finished", "recordedDate"]
    names += ["_recordId", "lastName", "firstName", "email", "externalDataReference", "lat", "lng", "channel", "lang"]
    zoned = ("startDate", "endDate", "recordedDate")
    marks = [{"ImportId": name} | ({"timeZone": zone} if name in zoned else {}) for name in names]
    return [json.dumps(mark, separators=(",", ":")) for mark in [*marks, {"ImportId": "QID1"}, {"ImportId": "QID2"}]]


def qualtrics(names, texts, form, *, ids=None, mark=",", person=12, german=False, days=None, encoding="utf-8"):
    yes, normal, preview = (
        ("Wahr", "IP-Adresse", "Umfragenvorschau") if german else ("True", "IP Address", "Survey Preview")
    )

    def row(person_id, day, status=normal, finished=yes):
        at, end = moment(person_id, day, form), moment(person_id, day, form, 4)
        lead = [at, end, status, "1.2.3.4", 100, 240, finished, end, f"R_{person_id}{day}", "", "", "x@y.org", ""]
        rest = ["52,5", "13,4"] if german else ["52.5", "13.4"]
        close = "Wahr" if german else "True"
        close = close if mood(person_id, day) > 3 else {"Wahr": "Falsch", "True": "False"}[close]
        value = f"{mood(person_id, day)},05" if german else f"{mood(person_id, day)}.05"
        cells = [*lead, *rest, "anonymous", "DE", value, close]
        if person == 12:
            cells[12] = person_id
        else:
            cells.append(person_id)
        return cells

    extra = [] if person == 12 else ["code"]
    head = [names + extra] + ([texts + extra] if texts else []) + ([ids + ids[-1:] * len(extra)] if ids else [])
    body = [row(p, d) for d in (days or range(N_DAYS)) for p in PERSONS]
    body.append(row("a1", (days or [0])[0], status=preview))
    body.append(row("a2", (days or [1])[0], finished="Falsch" if german else "False"))
    return (
        "\n".join([*(quoted(cells, mark) for cells in [*head, *body]), ""]),
        encoding,
        ".tsv" if mark == "\t" else ".csv",
    )


ISO = "%Y-%m-%d %H:%M:%S"
QUALTRICS = {
    "qualtrics three rows": qualtrics(Q_NAMES, Q_TEXTS, ISO, ids=q_ids("America/Denver")),
    "qualtrics two rows": qualtrics(Q_NAMES, Q_TEXTS, ISO),
    "qualtrics one row": qualtrics(Q_NAMES, None, ISO),
    "qualtrics tabs": qualtrics(Q_NAMES, Q_TEXTS, ISO, ids=q_ids("America/Denver"), mark="\t", encoding="utf-16"),
    "qualtrics us": qualtrics(Q_NAMES, Q_TEXTS, "%m/%d/%Y %H:%M", ids=q_ids("America/Denver")),
    "qualtrics us two rows": qualtrics(Q_NAMES, Q_TEXTS, "%m/%d/%Y %I:%M %p"),
    "qualtrics german texts": qualtrics(Q_NAMES, Q_GERMAN_TEXTS, ISO, ids=q_ids("Europe/Berlin"), german=True),
    "qualtrics german": qualtrics(
        [*Q_GERMAN, "mood", "close"], Q_GERMAN_TEXTS, "%d.%m.%Y %H:%M",
        ids=q_ids("Europe/Berlin"), german=True, mark=";",
    ),
    "qualtrics german two rows": qualtrics(
        [*Q_GERMAN, "mood", "close"], Q_GERMAN_TEXTS, "%d.%m.%Y %H:%M", german=True, encoding="utf-8-sig"
    ),
    "qualtrics code in a question": qualtrics(Q_NAMES, Q_TEXTS, ISO, person=-1),
}  # fmt: skip

# REDCap --------------------------------------------------------------------------------------------------------------


def redcap_repeats(*, stamps=True):
    head = (
        "record_id,redcap_repeat_instrument,redcap_repeat_instance,sex,base_complete,diary_timestamp,mood,did___1,"
        "did___2,diary_complete"
    )
    lines = [f"{person},,,{sex},2,,,,," for person, sex in zip(PERSONS, "fmfm", strict=True)]

    def row(person, day):
        if day == 4:
            return f"{person},diary,{day + 1},,,[not completed],,0,0,0"
        at = moment(person, day, "%Y-%m-%d %H:%M:%S") if stamps else ""
        return f"{person},diary,{day + 1},,,{at},{mood(person, day)},1,0,2"

    return "\n".join([head, *lines, *rows_of(row), ""]), "utf-8", ".csv"


def redcap_events():
    head = (
        "record_id,redcap_event_name,redcap_data_access_group,redcap_survey_identifier,sex,base_complete,mood,"
        "diary_complete"
    )
    arm = {person: 1 + PERSONS.index(person) % 2 for person in PERSONS}
    lines = [f"{person},baseline_arm_{arm[person]},,,{'fm'[arm[person] - 1]},2,," for person in PERSONS]
    lines += rows_of(lambda p, d: f"{p},day_{d + 1}_arm_{arm[p]},,,,,{mood(p, d)},2")
    return "\n".join([head, *lines, ""]), "utf-8", ".csv"


def redcap_events_and_repeats():
    head = "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,mood,diary_complete"
    lines = [f"{p},day_{d // 3 + 1}_arm_1,diary,{d % 3 + 1},{mood(p, d)},2" for p in PERSONS for d in range(N_DAYS)]
    return "\n".join([head, *lines, ""]), "utf-8", ".csv"


def redcap_repeating_events():
    head = "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,mood,diary_complete"
    lines = [f"{p},diary_arm_1,,{d + 1},{mood(p, d)},2" for p in PERSONS for d in range(N_DAYS)]
    return "\n".join([head, *lines, ""]), "utf-8", ".csv"


def redcap_labels():
    head = (
        "Record ID,Event Name,Repeat Instrument,Repeat Instance,Sex,Complete?,Survey Timestamp,mood,"
        "What did you do? (choice=Talk),What did you do? (choice=Walk),Complete?"
    )
    lines = [f"{p},Diary (Arm 1: All),,,{'female' if p[1] == '1' else 'male'},Complete,,,,," for p in PERSONS]
    lines += rows_of(lambda p, d: f"{p},Diary (Arm 1: All),Diary,{d + 1},,,,{mood(p, d)},Checked,Unchecked,Complete")
    return "\n".join([head, *lines, ""]), "utf-8", ".csv"


def redcap_field_day():
    head = "record_id,redcap_repeat_instrument,redcap_repeat_instance,day,mood,diary_complete"
    lines = [
        f"{p},diary,{d + 1},{'' if d == 4 else d + 1},{'' if d == 4 else mood(p, d)},2"
        for p in PERSONS
        for d in range(N_DAYS)
    ]
    return "\n".join([head, *lines, ""]), "utf-8", ".csv"


# A file of one's own -------------------------------------------------------------------------------------------------


def generic(head, form, mark, decimal=".", encoding="utf-8"):
    def row(person, day):
        dyad, role = ("1", "2")["ab".index(person[0])], {"1": "woman", "2": "man"}[person[1]]
        return mark.join([dyad, person, role, moment(person, day, form), f"{mood(person, day)}{decimal}05"])

    return "\n".join([head, *rows_of(row), ""]), encoding, ".csv"


def generic_german_clock():
    lines = rows_of(
        lambda p, d: (
            f"{'ab'.index(p[0]) + 1};{p};{moment(p, d, '%d.%m.%Y')};{moment(p, d, '%H:%M')};{mood(p, d)},05;Wahr"
        )
    )
    return "\n".join(["Paar-Nr;Vp-Code;Datum;Uhrzeit;mood;nah", *lines, ""]), "utf-8-sig", ".csv"


def redcap_several_a_day():
    head = "record_id,redcap_repeat_instrument,redcap_repeat_instance,diary_timestamp,mood,diary_complete"

    def row(person, prompt):
        at = FIRST + datetime.timedelta(days=prompt // 3, hours=4 * (prompt % 3) - 11, minutes=PERSONS.index(person))
        return f"{person},diary,{prompt + 1},{at},{mood(person, prompt)},2"

    return "\n".join([head, *rows_of(row), ""]), "utf-8", ".csv"


def redcap_baseline_and_followup():
    head = "couple_member,redcap_event_name,sex,satisfaction,mood,diary_complete"
    lines = []
    for person in PERSONS:
        lines.append(f"{person},before_arm_1,f,5,,")
        lines += [f"{person},day_{day + 1}_arm_1,,,{mood(person, day)},2" for day in range(N_DAYS)]
        lines.append(f"{person},after_arm_1,,4,,")
    return "\n".join([head, *lines, ""]), "utf-8", ".csv"


def generic_two_columns():
    head = "Participant;Trigger_date;Trigger_time;Form_finish_date;Form_finish_time;mood"

    def row(person, day):
        at, end = (moment(person, day, "%Y-%m-%d;%H:%M:%S", minutes) for minutes in (0, 3))
        return f"{person};{at};{end};{mood(person, day)},05"

    return "\n".join([head, *rows_of(row), ""]), "utf-8", ".csv"


def generic_survey(head):
    def row(person, day):
        end, start = (moment(person, day, "%Y-%m-%d %H:%M:%S", minutes) for minutes in (4, 0))
        return f"{day},{end},{person},{start},{mood(person, day)}.05"

    return "\n".join([head, *rows_of(row), ""]), "utf-8", ".csv"


LAYOUTS = {
    "m-path": m_path(),
    "m-path commas": m_path(",", bom=False),
    "formr": formr(),
    "formr json": formr_json(),
    "formr items": formr_items(),
    **QUALTRICS,
    "redcap repeats": redcap_repeats(),
    "redcap repeats without stamps": redcap_repeats(stamps=False),
    "redcap events": redcap_events(),
    "redcap events and repeats": redcap_events_and_repeats(),
    "redcap repeating events": redcap_repeating_events(),
    "redcap labels": redcap_labels(),
    "redcap field day": redcap_field_day(),
    "redcap several a day": redcap_several_a_day(),
    "redcap baseline and follow-up": redcap_baseline_and_followup(),
    "generic": generic("couple_id,participant,role,date,mood", "%Y-%m-%d", ","),
    "generic stamps": generic("dyad,person,role,timestamp,mood", "%m/%d/%Y %I:%M %p", ","),
    "generic german": generic("Paar;Teilnehmer;Rolle;Datum;mood", "%d.%m.%Y", ";", decimal=","),
    "generic german stamps": generic("Paar;VP;Rolle;Zeitstempel;mood", "%d.%m.%y %H:%M", ";", decimal=","),
    "generic german clock": generic_german_clock(),
    "generic with dyads, two columns": generic_two_columns(),
    "generic with dyads, survey": generic_survey("Response ID,Date submitted,Access code,Date started,mood"),
    "generic with dyads, german survey": generic_survey(
        "Antwort ID,Datum Abgeschickt,Zugangscode,Datum gestartet,mood"
    ),
}


THREE_A_DAY = ("redcap events and repeats", "redcap several a day")


def read(name, tmp_path, **options):
    text, encoding, suffix = LAYOUTS[name]
    path = tmp_path / f"export{suffix}"
    path.write_bytes(text.encode(encoding))
    preset = name.split()[0]
    if preset != "generic" or "with dyads" in name:
        dyads = tmp_path / "dyads.csv"
        dyads.write_text(GERMAN_DYADS if "german" in name else DYADS, encoding="utf-8")
        options = {"dyads": dyads} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rd.DataWarning)
        return rd.study.read_export(path, preset=preset, **options)


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_every_layout_becomes_a_panel_in_one_call(name, tmp_path):
    frame = read(name, tmp_path)
    panel = rd.DyadPanel(frame, **frame.attrs["import"]["panel"])
    assert (panel.n_dyads, panel.n_persons, len(frame)) == (2, 4, 4 * N_DAYS)
    assert set(frame["person"]) == set(PERSONS)
    assert ("role" in frame) == (name not in ("generic german clock",))
    blank = [4] if name in ("redcap repeats", "redcap repeats without stamps", "redcap field day") else []
    plus = 0.05 if name.startswith(("generic", "qualtrics")) else 0.0
    expected = [np.nan if d in blank else mood(p, d) + plus for p in PERSONS for d in range(N_DAYS)]
    order = panel.index.person * 1000 + panel.index.occasion
    np.testing.assert_allclose(panel.values("mood")[np.argsort(order)], expected)
    n_days = 5 if name in THREE_A_DAY else N_DAYS
    # Within three prompts a day two have a lag; from day to day all but the first.
    lags = panel.lag(["mood"]).frame["mood_lag1"]
    assert int(lags.notna().sum()) == 4 * (5 * 2 if n_days == 5 else N_DAYS - 1 - len(blank))
    partners = panel.actor_partner(["mood"]).frame["mood_partner"]
    assert int(partners.notna().sum()) == 4 * (N_DAYS - len(blank))


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name not in THREE_A_DAY])
def test_every_layout_with_one_row_a_day_has_days(name, tmp_path):
    frame = read(name, tmp_path)
    named = {kind: kind for kind in ("dyad", "person", "role") if kind in frame}
    assert rd.DyadPanel(frame, **named, day="day").n_occasions == N_DAYS


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_the_command_writes_rows_of_the_same_panel_and_prints_the_call(name, tmp_path, capsys):
    frame = read(name, tmp_path)
    export = next(tmp_path.glob("export.*"))
    arguments = ["import", name.split()[0], str(export), "--output", str(tmp_path / "rows.csv")]
    if (tmp_path / "dyads.csv").exists():
        arguments += ["--dyads", str(tmp_path / "dyads.csv")]
    assert main(arguments) == 0
    named = frame.attrs["import"]["panel"]
    printed = capsys.readouterr().out.splitlines()
    shown = ", ".join(f'{kind}="{column}"' for kind, column in named.items())
    assert printed[-2] == f"Panel: rd.DyadPanel(frame, {shown})"
    written, read_back = rd.DyadPanel(frame, **named), rd.DyadPanel(rd.read_table(tmp_path / "rows.csv"), **named)
    for verb in ("lag", "actor_partner"):
        first, second = (getattr(panel, verb)(["mood"]).frame for panel in (written, read_back))
        new = [column for column in first.columns if column not in frame.columns]
        np.testing.assert_array_equal(first[new].to_numpy(dtype=float), second[new].to_numpy(dtype=float))
