"""Columns of an export known by their names, English or German, where their values can be what the name says."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reldyn._types import Array
from reldyn.errors import DataError
from reldyn.panel.reading import holds_dates, holds_hours, lines_of, read_hours, read_stamps, stamp_moments
from reldyn.study.exports._export_log import texts_of
from reldyn.study.exports._presets import TIMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from reldyn.study.exports._export_log import ImportLog
    from reldyn.study.exports._presets import DayMonth, ExportMapping

__all__ = [
    "STAMPS_FIX",
    "german_order",
    "identifies",
    "person_column",
    "plain_name",
    "recognised",
    "renamed_dyads",
]

_MOST_ROLES = 12
_SEVERAL = 2
STAMPS_FIX = "correct it, or give the form with mapping={'dates': '%d.%m.%Y %H:%M'}."

# Names without case, accents, blanks and marks; an umlaut is its vowel with an e, or without.
_NAMES: dict[str, str] = {
    "person": (
        "person personid personcode participant participantid participantcode participantnumber subject subjectid "
        "subjid pid ppid respondent respondentid user userid who member memberid individual "
        "versuchsperson versuchspersonencode vp vpn vpnr vpcode vpid vpnnr teilnehmer teilnehmerid teilnehmercode "
        "teilnehmernummer teilnehmerin teilnehmende tn tnid tnnr tncode proband probandid probandin probandencode "
        "personencode personennummer personnr token accesscode zugangscode"
    ),
    "dyad": (
        "dyad dyadid dyadnumber dyadnr couple coupleid couplecode couplenumber couplenr pair pairid pairnumber "
        "paar paarid paarcode paarnummer paarnr dyade dyadenid dyadennummer dyadennr"
    ),
    "partner": "partnerid partnercode partnernumber spouseid idpartner partnernummer partnerkennung codepartner",
    "role": "role memberrole personrole dyadrole partnerrole rolle",
    "day": "day daynumber daynr studyday dayofstudy tag tagnummer tagnr studientag messtag tagebuchtag date datum",
    "beep": (
        "beep beepnumber beepnr prompt promptnumber signal signalnumber signalnr beepofday "
        "abfrage abfragenr abfragenummer signalnummer piepton"
    ),
    "occasion": "occasion occasionnumber wave measurement messzeitpunkt mzp welle erhebung zeitpunkt",
    "scheduled": "scheduled scheduledtime scheduledat timescheduled planned geplant geplantezeit geplantum geplantam",
    "sent": "sent senttime sentat timesent gesendet gesendetam gesendetum versendet versandzeit",
    "started": (
        "started startedat starttime startdate start datestarted "
        "begonnen begonnenam startdatum startzeit beginn datumgestartet"
    ),
    "answered": (
        "answered answeredat timeanswered submitted submittedat submitdate datesubmitted completed completedat ended "
        "enddate endtime end timestamp datetime lastdata enddatum endzeit ende beendet beendetam abgeschlossen "
        "abgeschlossenam abgeschickt abgeschicktam datumabgeschickt zeitstempel beantwortet beantwortetam "
        "ausgefuelltam ausgefulltam"
    ),
    "expires": "expires expired expiresat expiry ablauf abgelaufen gueltigbis laeuftabam",
    "clock": "time uhrzeit zeit timeofday tageszeit",
}
_ROLE_OF = {name: role for role, names in _NAMES.items() for name in names.split()}
_GERMAN = frozenset(
    name
    for name in _ROLE_OF
    if re.match(
        "vp|versuchs|teilnehm|tn|proband|paar|dyade|rolle|tag|studientag|messtag|datum|abfrage|piep|messzeit|mzp|"
        "welle|erhebung|zeit|geplant|gesendet|versand|versendet|begonnen|startdatum|startzeit|beginn|enddatum|"
        "endzeit|ende$|beendet|abgesch|beantwortet|ausgef|ablauf|abgelaufen|gueltig|laeuft|uhrzeit|personen|"
        "partnernummer|partnerkennung|signalnr",
        name,
    )
)
# Names of columns that say who somebody is, and forms of answers that do.
_PERSONAL_NAMES = (
    "firstname lastname surname fullname familyname givenname email emailaddress mailaddress phonenumber "
    "telephonenumber mobilenumber ipaddress streetaddress homeaddress vorname nachname familienname mailadresse "
    "emailadresse telefonnummer handynummer mobilnummer ipadresse anschrift wohnadresse"
)
_PERSONAL = frozenset(_PERSONAL_NAMES.split())
_PERSONAL_FORMS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+|\d{1,3}(\.\d{1,3}){3}")
# Beginnings of names that end in a date and in a time of day, as in ``Trigger_date`` and ``Form_finish_time``.
_PAIRED = {
    "scheduled": "scheduled",
    "trigger": "sent",
    "sent": "sent",
    "prompt": "sent",
    "formstart": "started",
    "start": "started",
    "formfinish": "answered",
    "finish": "answered",
    "end": "answered",
    "submit": "answered",
}
_DYADS = ("dyad", "person", "role")


def plain_name(name: Any) -> str:
    """A name without case, accents, blanks and marks.

    Examples
    --------
    >>> plain_name("Geschätzte Zeit (h)"), plain_name("Vp-Code"), plain_name("participant_ID")
    ('geschaetztezeith', 'vpcode', 'participantid')
    """
    text = str(name).casefold().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    text = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    return re.sub(r"[^0-9a-z]+", "", text)


def identifies(name: str, column: pd.Series[Any]) -> bool:
    """Whether a column says who somebody is: by its name, or because all it holds are e-mail or IP addresses.

    Examples
    --------
    >>> import pandas as pd
    >>> identifies("E-Mail", pd.Series(["-"])), identifies("contact", pd.Series(["a@b.org", None]))
    (True, True)
    >>> identifies("mood", pd.Series(["good", "a@b.org"]))
    False
    """
    if plain_name(name) in _PERSONAL:
        return True
    if column.dtype.kind in "biufcmM":
        return False
    known = column.dropna()
    return len(known) > 0 and all(_PERSONAL_FORMS.fullmatch(text.strip()) for text in texts_of(known))


def known_columns(frame: pd.DataFrame, wanted: Iterable[str], taken: Mapping[str, str], path: str) -> dict[str, str]:
    """The columns that can be taken for these roles, by role; ``"clock"`` is a column of times of day.

    Two columns for one role are open: neither is taken for the roles that tell when, and those that tell who are
    refused.
    """
    used, wanted = set(taken.values()), set(wanted)
    found: dict[str, list[str]] = {}
    for column in frame.columns:
        name = str(column)
        named = _ROLE_OF.get(plain_name(name))
        if named is None or name in used:
            continue
        role = _by_values(frame[name], named)
        if role in wanted and role not in taken:
            found.setdefault(role, []).append(name)
    columns = {}
    for role, names in found.items():
        exact = [name for name in names if plain_name(name) == role]
        if len(names) == 1 or len(exact) == 1:
            columns[role] = names[0] if len(names) == 1 else exact[0]
        elif role in ("person", "dyad"):
            raise DataError(
                f"{path}: {' and '.join(repr(name) for name in names)} can both be the {role}: say which with "
                f"mapping={{'{role}': '{names[0]}'}}."
            )
    return columns


def _by_values(column: pd.Series[Any], role: str) -> str | None:
    """The role that a column has by its name, as far as its values agree; None where they cannot be meant."""
    if role in ("person", "dyad", "partner"):
        return role if column.notna().any() else None
    if role == "role":
        return role if 2 <= column.nunique() <= _MOST_ROLES else None
    dates = holds_dates(column)
    if role == "clock":
        if not dates and any(":" in text for text in texts_of(column)):
            return role
        return "answered" if dates else "occasion" if dates is not None and _whole(column) else None
    if role in ("beep", "occasion"):
        return role if dates is not None and not dates and _whole(column) else None
    if role == "day":
        if dates and holds_hours(column):
            return "answered"
        return role if dates or (dates is not None and _whole(column)) else None
    # A blank column of stamps says that nothing happened.
    return role if dates is None or dates else None


def _whole(column: pd.Series[Any]) -> bool:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    return bool(numbers.notna().eq(column.notna()).all() and (numbers.dropna() % 1 == 0).all())


def person_column(frame: pd.DataFrame, mapping: ExportMapping, persons: frozenset[str] | None, path: str) -> str | None:
    """The column with the ids of persons: the preset's, one that is named so, or the one that holds those of `dyads`.

    Parameters
    ----------
    frame : pandas.DataFrame
    mapping : ExportMapping
    persons : frozenset of str, optional
        The ids of the table of dyads.
    path : str

    Raises
    ------
    DataError
        Two columns hold them.
    """
    names = [str(name) for name in frame.columns]

    def holds(name: str) -> bool:
        texts = set(texts_of(frame[name])) - {""}
        return bool(texts) and (persons is None or bool(texts & persons))

    if mapping.person in names and (holds(mapping.person) or persons is None or not frame[mapping.person].isna().all()):
        return mapping.person
    named = known_columns(frame, ["person"], {}, path)
    if named and holds(named["person"]):
        return named["person"]
    if persons is None:
        return None
    alike = [
        name
        for name in names
        if (texts := set(texts_of(frame[name])) - {""}) <= persons and 2 * len(texts) >= len(persons)
    ]
    if len(alike) > 1:
        raise DataError(
            f"{path}: {' and '.join(repr(name) for name in alike)} both hold the persons of dyads: say which with "
            f"mapping={{'person': '{alike[0]}'}}."
        )
    return alike[0] if alike else None


def renamed_dyads(table: pd.DataFrame) -> pd.DataFrame:
    """A table of dyads with its columns under the names dyad, person and role, where they have others known here.

    One row per dyad with the two persons in two columns becomes two rows; names such as woman and man are their roles.
    """
    names = [str(name) for name in table.columns]
    new = {}
    for kind in _DYADS:
        alike = [name for name in names if _ROLE_OF.get(plain_name(name)) == kind]
        if kind not in names and len(alike) == 1:
            new[alike[0]] = kind
    table = table.rename(columns=new)
    rest = [name for name in table.columns if name != "dyad"]
    if "dyad" not in table or len(rest) != 2 or {"person", "role"} & set(rest) or table["dyad"].duplicated().any():
        return table
    long = table.melt(id_vars="dyad", value_vars=rest, var_name="role", value_name="person")
    long = long.sort_values("dyad", kind="stable", ignore_index=True)
    numbered = all(re.search(r"(\d|[_ ][ab])$", str(name), re.IGNORECASE) for name in rest)
    return long.drop(columns="role") if numbered else long


def german_order(columns: list[str]) -> tuple[DayMonth | None, str]:
    """The day first, where at least two known columns have German names and none has an English one."""
    known = [plain_name(name) for name in columns if plain_name(name) in _ROLE_OF]
    german = [name for name in known if name in _GERMAN]
    if len(german) >= _SEVERAL and len(german) == len(known):
        return "dmy", "the header is German"
    return None, ""


def recognised(
    frame: pd.DataFrame,
    mapping: ExportMapping,
    given: frozenset[str],
    preset: str,
    linked: tuple[bool, bool],
    words: tuple[str, DayMonth | None],
    log: ImportLog,
) -> tuple[ExportMapping, pd.DataFrame]:
    """The mapping with the columns that are known by their names, beside those of the preset and of the user.

    `linked` says whether there is a table of dyads, and whether it has roles; `words` has the file and the order of
    day and month that is usual there.
    """
    path, usual = words
    listed = list(mapping.items.values() if isinstance(mapping.items, dict) else mapping.items or ())
    found = known_columns(frame, _wanted(mapping, given, preset, linked), mapping.columns(), path)
    found = {role: name for role, name in found.items() if name not in listed}
    if "dyad" in found:
        found.pop("partner", None)
    found = _that_count(frame, mapping, found, usual)
    clock = found.pop("clock", None)
    unwanted = list(mapping.administrative)
    if preset == "generic":
        frame, pairs, parts = _joined_pairs(frame, {*mapping.columns().values(), *found.values()}, words, log)
        found, unwanted = {**pairs, **found}, unwanted + parts
    if clock is not None and "day" in found and "answered" not in found:
        moments = joined_clock(frame, found["day"], clock, path, usual, log)
        if moments is not None:
            found["answered"] = f"{found['day']} {clock}"
            frame, unwanted = _with_column(frame, found["answered"], moments), [*unwanted, clock]
    spare = [str(name) for name in frame.columns if name in ("dyad", "role") and name not in found.values()]
    spare = [name for name in spare if name not in {*mapping.columns().values(), *mapping.keep, *listed}]
    if spare:
        log.notes.append(f"left out, as the table of dyads says it: {', '.join(spare)}")
    update: dict[str, Any] = {**found, "administrative": unwanted + spare}
    return mapping.model_copy(update=update), frame


def _that_count(
    frame: pd.DataFrame, mapping: ExportMapping, found: dict[str, str], order: DayMonth | None
) -> dict[str, str]:
    """Without numbers that do not count: an item called ``day`` or ``time`` may be a rating.

    Numbers of days, beeps and occasions tell the rows of a person apart; numbers of days may also rise with the stamps.
    """
    person = texts_of(frame[mapping.person]) if mapping.person is not None else np.array([""] * len(frame))
    named = mapping.columns() | found
    stamps = [name for role, name in named.items() if role in TIMES and frame[name].notna().all()]
    moments = stamp_moments(frame, stamps, order)
    kept = dict(found)
    for role in ("day", "beep", "occasion"):
        name = found.get(role)
        if name is None or holds_dates(frame[name]):
            continue
        others = [named[other] for other in ("day", "beep", "occasion", "clock") if other in named and other != role]
        given = frame[name].notna().to_numpy()
        rows, person_ids = frame[given], person[given]
        apart = [[name]] if role == "occasion" else [[name], *([name, other] for other in others)]
        unique = any(not rows[columns].assign(**{"": person_ids}).duplicated().any() for columns in apart)
        rises = role == "day" and any(_rises(rows[name], person_ids, moments[stamp][given]) for stamp in stamps)
        if not unique and not rises:
            del kept[role]
    return kept


def _rises(column: pd.Series[Any], person_ids: npt.NDArray[np.object_], moments: Array) -> bool:
    """Whether a number never falls from one stamp of a person to the next."""
    import pandas as pd

    order = np.lexsort((moments, person_ids))
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)[order]
    same = person_ids[order][1:] == person_ids[order][:-1]
    return bool((np.diff(numbers)[same] >= 0).all())


def _wanted(mapping: ExportMapping, given: frozenset[str], preset: str, linked: tuple[bool, bool]) -> set[str]:
    """Roles that columns may take: what neither the user nor the table of dyads has named."""
    dyads_given, roles_given = linked
    wanted = {"role", "day", "beep", "occasion"} - given
    if preset == "generic":
        wanted |= {*TIMES, "clock"}
    if not dyads_given and mapping.dyad is None and mapping.partner is None:
        wanted |= {"dyad", "partner"} - given
    return wanted - {"role"} if roles_given else wanted


def _with_column(frame: pd.DataFrame, name: str, values: pd.Series[Any]) -> pd.DataFrame:
    attrs = frame.attrs
    frame = frame.assign(**{name: values})
    frame.attrs = attrs
    return frame


def _joined_pairs(
    frame: pd.DataFrame, used: set[str], words: tuple[str, DayMonth | None], log: ImportLog
) -> tuple[pd.DataFrame, dict[str, str], list[str]]:
    """Dates and times of day in two columns of one name, ``Trigger_date`` and ``Trigger_time``, joined by role.

    Returns the frame with the moments, their columns by role, and the columns that were joined.
    """
    path, usual = words
    names = {plain_name(name): str(name) for name in frame.columns if name not in used}
    found: dict[str, str] = {}
    parts: list[str] = []
    for stem, role in _PAIRED.items():
        for day, clock in (("date", "time"), ("datum", "uhrzeit"), ("datum", "zeit")):
            if stem + day not in names or stem + clock not in names or role in found:
                continue
            both = [names[stem + day], names[stem + clock]]
            moments = joined_clock(frame, both[0], both[1], path, usual, log)
            if moments is not None:
                found[role] = " ".join(both)
                frame, parts = _with_column(frame, found[role], moments), parts + both
    return frame, found, parts


def joined_clock(
    frame: pd.DataFrame, day: str, clock: str, path: str, usual: Any, log: ImportLog
) -> pd.Series[Any] | None:
    """Moments of a column of dates and one of times of day; None where the dates have hours already."""
    if not holds_dates(frame[day]):
        return None
    dates = read_stamps(frame, [day], path, lines_of(frame), STAMPS_FIX, usual).columns[day]
    if holds_hours(frame[day]):
        return None
    log.notes.append(f"{day} and {clock} are read together as moments")
    return dates + read_hours(frame[clock], path, lines_of(frame))
