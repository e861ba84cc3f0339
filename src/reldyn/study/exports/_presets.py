"""Where survey platforms put what a panel needs: one declarative mapping, and one preset per platform.

The layouts follow the platforms' documentation and public example exports. REDCap's follows its documentation only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from reldyn.errors import DesignError, check_option
from reldyn.study._config import Section
from reldyn.study._toml import StudyText, faults_of

__all__ = ["PRESETS", "ROLES", "TIMES", "DayMonth", "ExportMapping", "settle_mapping"]

DayMonth = Literal["dmy", "mdy"]

# What a column of the export can be, in the order of the columns of the result.
ROLES = (
    *("dyad", "partner", "person", "role", "day", "beep", "occasion"),
    *("scheduled", "sent", "started", "answered", "expires"),
)
TIMES = ("scheduled", "sent", "started", "answered", "expires")


class ExportMapping(Section):
    """Columns of an export by their role, and what to do with its rows.

    Every name is a column of the export, as its header has it.
    """

    person: str | None = None
    dyad: str | None = None
    partner: str | None = None
    role: str | None = None
    day: str | None = None
    beep: str | None = None
    occasion: str | None = None
    scheduled: str | None = None
    sent: str | None = None
    started: str | None = None
    answered: str | None = None
    expires: str | None = None
    clock: Literal["text", "epoch"] = "text"
    dates: str | None = None
    offset: str | None = None
    written_in: str | None = None
    timezone: str | None = None
    items: list[str] | dict[str, str] | None = None
    missing: list[str | int | float] = Field(default=["", " ", "NA", "."])
    only: dict[str, list[str | int]] = Field(default_factory=dict)
    drop: dict[str, list[str | int]] = Field(default_factory=dict)
    administrative: list[str] = Field(default_factory=list)
    identifying: list[str] = Field(default_factory=list)
    keep: list[str] = Field(default_factory=list)
    events: list[str] | None = None
    unpaired: Literal["refuse", "drop"] = "refuse"
    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    skip: int | None = None
    header: int | list[int] | None = None
    sheet: str | None = None

    @field_validator("timezone", "written_in")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        import zoneinfo

        try:
            if value is not None:
                zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is no time zone; give an IANA name such as 'Europe/Berlin'.") from None
        return value

    def columns(self) -> dict[str, str]:
        """The columns that have a role, by role."""
        return {role: name for role in ROLES if (name := getattr(self, role)) is not None}


PRESETS: dict[str, dict[str, Any]] = {
    "m-path": {
        "person": "connectionId",
        "scheduled": "timeStampScheduled",
        "sent": "timeStampSent",
        "started": "timeStampStart",
        "answered": "timeStampStop",
        "clock": "epoch",
        "drop": {"scheduledBeepId": [-1]},
        "delimiter": ";",
        "administrative": [
            *("scheduledBeepId", "sentBeepId", "reminderForOriginalSentBeepId", "questionListName"),
            *("questionListLabel", "fromProtocolName", "originalTimeStampSent", "timeZoneOffset", "deltaUTC"),
        ],
        "identifying": ["connectionId", "legacyCode", "code", "alias", "initials", "accountCode"],
    },
    "formr": {
        "person": "session",
        "sent": "created",
        "answered": "ended",
        "expires": "expired",
        "administrative": ["modified"],
    },
    "qualtrics": {
        "person": "ExternalReference",
        "started": "StartDate",
        "answered": "EndDate",
        "drop": {
            "Status": [
                *("Survey Preview", "Survey Test", "Spam", "Preview Spam", "Offline Survey Preview"),
                *("Umfragenvorschau", "Umfragevorschau", "Vorschau", "Umfragetest", "Spam in Vorschau"),
                *(1, 2, 8, 9, 17),
            ],
            "Finished": ["False", "Falsch", 0],
        },
        "administrative": [
            *("Status", "Progress", "Duration (in seconds)", "Finished", "RecordedDate", "ResponseId"),
            *("DistributionChannel", "UserLanguage"),
        ],
        "identifying": [
            *("IPAddress", "RecipientLastName", "RecipientFirstName", "RecipientEmail", "ExternalReference"),
            *("LocationLatitude", "LocationLongitude"),
        ],
    },
    "redcap": {
        "person": "record_id",
        "missing": ["", " ", "NA", ".", "[not completed]"],
        "administrative": ["redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"],
        "identifying": ["redcap_data_access_group", "redcap_survey_identifier"],
    },
    "generic": {},
}


def settle_mapping(
    preset: str, mapping: Mapping[str, Any] | str | Path | None
) -> tuple[ExportMapping, frozenset[str], str]:
    """Lay the user's mapping over the preset.

    Returns
    -------
    mapping : ExportMapping
    given : frozenset of str
        Keys that the user gave.
    source : str
        Where a fault of the mapping is to be looked for.

    Raises
    ------
    DesignError
        The preset is not known, the file is no TOML, or keys or values are of a wrong kind: all in one message.
    """
    check_option(preset, tuple(PRESETS), "preset")
    given: dict[str, Any] = {}
    where: StudyText | None = None
    if isinstance(mapping, Mapping):
        given = {str(key): list(value) if isinstance(value, tuple) else value for key, value in mapping.items()}
    elif isinstance(mapping, (str, Path)):
        where = StudyText.read(Path(mapping), "mapping")
        try:
            given = tomllib.loads(where.text)
        except tomllib.TOMLDecodeError as problem:
            raise DesignError(f"{where.path.name} is no valid TOML: {problem}.") from None
    elif mapping is not None:
        raise DesignError(f"mapping: give a dict or the path of a TOML file, not a {type(mapping).__name__}.")
    where = where or StudyText(Path("mapping"), "")
    try:
        # A zone that the user names stands in for the preset's column of offsets.
        base = PRESETS[preset] | ({"offset": None} if given.get("timezone") is not None else {})
        settled = ExportMapping.model_validate(base | given)
    except ValidationError as problem:
        raise where.error(faults_of(problem, given, where, ExportMapping)) from None
    return settled, frozenset(given), where.path.name
