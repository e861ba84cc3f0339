"""Qualtrics: its two or three rows of names, and the names and values that it writes in German."""

from __future__ import annotations

import csv
import io
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldyn.errors import DataError, DataWarning
from reldyn.panel import read_table
from reldyn.study.exports._recognise import plain_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reldyn.study.exports._presets import DayMonth

__all__ = ["german_preset", "qualtrics_header", "usual_order"]

_IMPORT_ID = re.compile(r"""\s*\{\s*['"]ImportId['"]""")
_ZONE = re.compile(r"""['"]timeZone['"]\s*:\s*['"]([^'"]+)['"]""")
_DATED = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d{4,5}\.\d+")
_MOST_NAMES = 3
_LOOKED_AT = 12
_SEVERAL = 2

# As the German surface of Qualtrics calls its columns; where it has had two words over the years, both.
_GERMAN = {
    "StartDate": ("Startdatum",),
    "EndDate": ("Enddatum",),
    "Status": ("Antworttyp",),
    "IPAddress": ("IP-Adresse",),
    "Progress": ("Fortschritt",),
    "Duration (in seconds)": ("Dauer (in Sekunden)",),
    "Finished": ("Beendet", "Abgeschlossen"),
    "RecordedDate": ("Aufgezeichnetes Datum", "Aufzeichnungsdatum"),
    "ResponseId": ("Antwort-ID",),
    "RecipientLastName": ("Nachname des Empfängers", "Nachname"),
    "RecipientFirstName": ("Vorname des Empfängers", "Vorname"),
    "RecipientEmail": ("E-Mail des Empfängers", "E-Mail"),
    "ExternalReference": ("Externe Datenreferenz", "Externe Referenz", "Externe Daten-Referenz"),
    "LocationLatitude": ("Breitengrad des Standorts", "Breitengrad"),
    "LocationLongitude": ("Längengrad des Standorts", "Längengrad"),
    "DistributionChannel": ("Verteilungskanal",),
    "UserLanguage": ("Benutzersprache",),
}
_PLAIN = {plain_name(word): name for name, words in _GERMAN.items() for word in (name, *words)}
_MONTH_FIRST = re.compile(
    r"US/.+|America/(New_York|Detroit|Chicago|Denver|Boise|Phoenix|Los_Angeles|Anchorage|Juneau|Adak|"
    r"Indiana/.+|Kentucky/.+|North_Dakota/.+|Menominee)|Pacific/Honolulu"
)
_DAY_FIRST = re.compile(r"Europe/.+")


def qualtrics_header(path: Path) -> tuple[int, ...]:
    """The rows above the first answer: names, question texts, and in newer exports the line of ImportIds."""
    rows = _top(path)
    ids = [n for n, row in enumerate(rows[:_MOST_NAMES]) if any(_IMPORT_ID.match(cell) for cell in row)]
    if ids:
        return tuple(range(ids[-1] + 1))
    names = [plain_name(name) for name in rows[0]] if rows else []
    for stamp in ("startdate", "startdatum", "enddate", "enddatum", "recordeddate"):
        place = names.index(stamp) if stamp in names else None
        dated = [
            n for n, row in enumerate(rows) if n and place is not None and len(row) > place and _DATED.match(row[place])
        ]
        if dated:
            return tuple(range(min(dated[0], _MOST_NAMES)))
    return (0, 1) if len(rows) > 1 and not any(_number(cell) for cell in rows[1]) else (0,)


def _number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _top(path: Path) -> list[list[str]]:
    """The first records as text; of a workbook, those of its first sheet."""
    if not path.is_file():
        return []
    if path.suffix.lower() == ".xlsx":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            try:
                frame = read_table(path, header=0)
            except DataError:
                return []
        head = frame.head(_LOOKED_AT)
        cells = [["" if value != value else str(value) for value in row] for row in head.to_numpy(dtype=object)]
        return [[str(name) for name in frame.columns], *cells]
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return []
    data = path.read_bytes()[: 1 << 22]
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = data.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")
    first = text.partition("\n")[0]
    mark = max(",\t;", key=first.count)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    return [row for row, _ in zip(records, range(_LOOKED_AT), strict=False)]


def german_preset(columns: Sequence[str], preset: Mapping[str, Any]) -> dict[str, Any]:
    """The preset in the words of the header."""
    here: dict[str, str] = {}
    for column in columns:
        name = _PLAIN.get(plain_name(column))
        if name is not None and name not in columns:
            here.setdefault(name, column)

    def said(value: Any) -> Any:
        if isinstance(value, str):
            return here.get(value, value)
        if isinstance(value, list):
            return [said(one) for one in value]
        return {here.get(name, name): values for name, values in value.items()}

    keys = ("person", "started", "answered", "drop", "administrative", "identifying")
    return {**preset, **{key: said(preset[key]) for key in keys}}


def usual_order(path: Path, labels: Mapping[str, str], columns: Sequence[str]) -> tuple[DayMonth | None, str]:
    """The order of day and month where the export was made, and what says so; None where nothing does."""
    words = {plain_name(text) for text in [*labels.values(), *columns]}
    if len(words & {plain_name(word) for german in _GERMAN.values() for word in german}) >= _SEVERAL:
        return "dmy", "the header is German"
    zones = {zone for row in _top(path)[1:_MOST_NAMES] for cell in row for zone in _ZONE.findall(cell)}
    zone = zones.pop() if len(zones) == 1 else ""
    if _MONTH_FIRST.fullmatch(zone):
        return "mdy", f"the stamps are those of {zone}"
    if _DAY_FIRST.fullmatch(zone):
        return "dmy", f"the stamps are those of {zone}"
    return None, ""
