"""From the export of a survey platform to rows that make a panel.

`_presets` says where each platform puts things, `_export_layouts`, `_qualtrics` and `_redcap` what is particular to
one, `_recognise` knows columns by their names, `_export_times` reads the clocks, `_export_dyads` adds who belongs
together. Reading the file itself is `reldyn.read_table`'s work.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DataWarning, check_columns, warn_caller
from reldyn.panel import read_table
from reldyn.study.exports._export_dyads import DyadLinks, linked, read_dyads
from reldyn.study.exports._export_json import read_records
from reldyn.study.exports._export_layouts import fold_reminders, formr_rows
from reldyn.study.exports._export_log import ImportLog, texts_of
from reldyn.study.exports._export_times import local_times
from reldyn.study.exports._presets import PRESETS, DayMonth, ExportMapping, settle_mapping
from reldyn.study.exports._qualtrics import german_preset, qualtrics_header, usual_order
from reldyn.study.exports._recognise import german_order, person_column, recognised
from reldyn.study.exports._redcap import complete_days, raw_names, settle_redcap
from reldyn.study.exports._rows import about_columns, assembled, in_order, report_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_export"]

_SHOWN = 20


def read_export(
    path: str | Path,
    *,
    preset: str,
    mapping: Mapping[str, Any] | str | Path | None = None,
    dyads: str | Path | pd.DataFrame | None = None,
) -> pd.DataFrame:
    r"""Read the export of a survey platform as a frame that `reldyn.DyadPanel` takes.

    Parameters
    ----------
    path : str or Path
        The export, in any format that `reldyn.read_table` reads, or a JSON list of records.
    preset : {"m-path", "formr", "qualtrics", "redcap", "generic"}
        The platform, which settles the names of its columns, its missing codes and its clock. ``"generic"`` knows
        columns by their names, English or German (``couple``, ``Teilnehmer``, ``Datum``); where `mapping` names the
        person, only what `mapping` says counts.
    mapping : mapping, str or Path, optional
        What differs from the preset, as a dict or a TOML file. Columns by role: ``person``, ``dyad``, ``partner``,
        ``role``, ``day``, ``beep``, ``occasion``, ``scheduled``, ``sent``, ``started``, ``answered``, ``expires``.
        Rows: ``only`` and ``drop`` (values by column), ``unpaired`` (``"refuse"`` or ``"drop"``). Values:
        ``items`` (a list, or new names by which the columns are to be known), ``missing``, ``keep`` (columns that a
        preset leaves out), ``events`` (REDCap's, in order). Clocks: ``clock`` (``"text"`` or ``"epoch"``),
        ``dates`` (a strptime format or ``"iso"``; None takes the one form that all stamps have), ``offset`` (a column
        of seconds that are added), ``written_in`` and ``timezone`` (IANA names: of the stamps, and of the
        participants). File: ``delimiter``, ``decimal``, ``encoding``, ``skip``, ``header``, ``sheet``.
    dyads : str, Path or DataFrame, optional
        Who belongs together, which no export says: one row per person with the columns ``dyad``, ``person`` and,
        unless partners are exchangeable, ``role``. Needed unless the export has a column that says it (``dyad``,
        ``couple_id``, ``Paar``, ``partner_id`` and the like), or the mapping names one (``dyad``, or ``partner`` with
        the partner's id).

    Returns
    -------
    pandas.DataFrame
        One row per prompt, unanswered ones among them, in the order of the file, with the columns ``dyad``, ``person``
        and those of ``role``, ``day``, ``beep``, ``occasion`` and the five times that the export has, then the
        items. Times are datetimes on the participants' clocks; NaT: did not happen. ``day`` is the calendar day
        of the first of scheduled, sent, started and answered that is known. ``frame.attrs["import"]`` is a dict of
        counts and names of columns: ``rows_read``, ``rows``, ``persons_absent`` (of `dyads`), ``dropped``,
        ``recoded``, ``panel`` (the arguments of `DyadPanel` for these rows), ``columns``, ``left_out``, ``notes``.
        Columns that identify persons, such as names and addresses, are left out unless ``keep`` lists them.

    Raises
    ------
    DataError
        The file cannot be read or lacks a column; a stamp is no time; persons of the export are not in `dyads`.
    DesignError
        The preset or a key of the mapping is not known, or nothing says who belongs together.

    Warns
    -----
    DataWarning
        One, with counts, if rows were dropped, cells recoded, or anything else needs a look.

    Examples
    --------
    >>> import pathlib, tempfile, pandas as pd, reldyn as rd
    >>> pairs = pd.DataFrame({"dyad": [1, 1], "person": ["a", "b"], "role": ["patient", "partner"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "diary.csv"
    ...     text = "Teilnehmer;Zeitstempel;mood\na;13.05.2024 20:00;4\nb;13.05.2024 20:00;6\n"
    ...     _ = path.write_text(text, encoding="utf-8")
    ...     frame = rd.study.read_export(path, preset="generic", dyads=pairs)
    >>> frame[["dyad", "person", "role", "mood"]].values.tolist()
    [[1, 'a', 'patient', 4], [1, 'b', 'partner', 6]]
    >>> frame.attrs["import"]["panel"]
    {'dyad': 'dyad', 'person': 'person', 'role': 'role', 'day': 'day'}
    >>> rd.DyadPanel(frame, **frame.attrs["import"]["panel"]).n_dyads
    1
    """
    settled, given, source = settle_mapping(preset, mapping)
    if not isinstance(path, (str, PathLike)):
        raise DataError(f"read_export takes the path of a file, not a {type(path).__name__}.")
    path = Path(path)
    log = ImportLog()
    if "delimiter" not in given and _not_in_header(path, settled.delimiter):
        settled = settled.model_copy(update={"delimiter": None})
    frame = _read(path, preset, settled, log)
    table = read_dyads(dyads)
    settled, frame = _in_words_of_file(settled, given, frame, preset, log)
    _check_platform(settled, given, frame, (preset, str(path)))
    settled = _with_person(settled, given, frame, (preset, str(path)), table)
    settled = _present(settled, given, frame, str(path), source)
    if preset == "redcap":
        frame = settle_redcap(frame, settled, str(path), log)
        settled = _redcap_roles(settled, given, frame)
    frame = _selected(frame, settled, str(path), log)
    if preset == "m-path":
        frame = fold_reminders(frame, settled, log)
    usual, why = _usual(path, frame, preset)
    linked_by = (table is not None, table is not None and table.has_roles)
    if preset != "m-path" and (preset != "generic" or "person" not in given):
        settled, frame = recognised(frame, settled, given, preset, linked_by, (str(path), usual), log)
    times = local_times(frame, settled, str(path), log, (usual, why))
    rows, about = assembled(frame, settled, times, preset, log)
    rows = linked(rows, settled, table, str(path), log)
    if preset == "redcap":
        rows = complete_days(rows, log)
    rows = in_order(rows)
    rows.attrs = about_columns(frame, about)
    rows.attrs["import"] = report_of(path, preset, rows, about, log)
    if (text := log.sentence(len(rows))) is not None:
        warn_caller(f"{path}: {text}", DataWarning)
    return rows


def _in_words_of_file(
    mapping: ExportMapping, given: frozenset[str], frame: pd.DataFrame, preset: str, log: ImportLog
) -> tuple[ExportMapping, pd.DataFrame]:
    """The preset in the language of the header; rows of one layout where a platform has several."""
    if preset == "qualtrics":
        said = german_preset([str(name) for name in frame.columns], PRESETS[preset])
        return mapping.model_copy(update={key: value for key, value in said.items() if key not in given}), frame
    if preset == "formr":
        return mapping, formr_rows(frame, log)
    return mapping, raw_names(frame, log) if preset == "redcap" else frame


def _check_platform(mapping: ExportMapping, given: frozenset[str], frame: pd.DataFrame, words: tuple[str, str]) -> None:
    """Refuse a file that has no column of its platform, unless the user says which columns it has."""
    preset, path = words
    known = {*mapping.columns().values(), *mapping.administrative, *mapping.identifying}
    columns = [str(name) for name in frame.columns]
    whole = preset == "redcap" and any(name.endswith("_complete") or "___" in name for name in columns)
    if preset == "generic" or given or whole or known & set(columns):
        return
    raise DataError(
        f"{path}: none of the columns of {preset} is in the file, so it is hardly one of its exports: name the preset "
        f"of the platform, or preset='generic'. Columns: {', '.join(columns[:_SHOWN])}."
    )


def _with_person(
    mapping: ExportMapping,
    given: frozenset[str],
    frame: pd.DataFrame,
    words: tuple[str, str],
    table: DyadLinks | None,
) -> ExportMapping:
    """The mapping with the column that holds the ids of persons."""
    if "person" in given:
        return mapping
    preset, path = words
    found = person_column(frame, mapping, None if table is None else table.persons, path)
    if found is not None:
        return mapping.model_copy(update={"person": found})
    columns = [str(name) for name in frame.columns]
    if mapping.person is not None and mapping.person not in columns:
        # A project may call its record id otherwise; it is always the first column.
        first = columns[0] if preset == "redcap" and set(columns) & set(mapping.administrative) else mapping.person
        return mapping.model_copy(update={"person": first})
    blank = "no" if mapping.person is None else f"column {mapping.person!r} is empty and no other"
    raise DataError(
        f"{path}: {blank} column is known to hold the ids of persons: name it with "
        f"mapping={{'person': ...}}. Columns: {', '.join(columns[:_SHOWN])}{', ...' if len(columns) > _SHOWN else ''}."
    )


def _usual(path: Path, frame: pd.DataFrame, preset: str) -> tuple[DayMonth | None, str]:
    """The order of day and month that is usual where the file comes from, and what says so."""
    if preset == "qualtrics":
        return usual_order(path, frame.attrs.get("column_labels", {}), [str(name) for name in frame.columns])
    return german_order([str(name) for name in frame.columns]) if preset == "generic" else (None, "")


def _read(path: Path, preset: str, mapping: ExportMapping, log: ImportLog) -> pd.DataFrame:
    """The rows as they stand in the file; what the reader remarks on is said later, in the one warning."""
    options: dict[str, Any] = {"missing": tuple(mapping.missing), "decimal": mapping.decimal}
    options["encoding"] = mapping.encoding
    options |= {key: value for key in ("skip", "header", "sheet") if (value := getattr(mapping, key)) is not None}
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        options["delimiter"] = mapping.delimiter
    if preset == "qualtrics" and mapping.header is None and path.suffix.lower() in (".csv", ".tsv", ".txt", ".xlsx"):
        options["header"] = qualtrics_header(path)
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always", DataWarning)
        json = path.suffix.lower() == ".json"
        try:
            frame = read_records(path, mapping.missing) if json else read_table(path, **options)
        except DataError as problem:
            raise DataError(_by_mapping(str(problem))) from None
    for remark in remarks:
        log.notes.append(_by_mapping(str(remark.message).removeprefix(f"{path}: ").rstrip(".")))
    log.rows_read = len(frame)
    return frame


def _by_mapping(text: str) -> str:
    """Words of `read_table`, where its arguments are keys of the mapping."""
    return re.sub(r"\b([Pp])ass (?=(?:decimal|encoding|skip|header|sheet|delimiter)=)", _set_in_mapping, text)


def _set_in_mapping(found: re.Match[str]) -> str:
    return f"{'S' if found[1] == 'P' else 's'}et in the mapping "


def _not_in_header(path: Path, delimiter: str | None) -> bool:
    """Whether a file was saved with another delimiter than its platform writes."""
    if delimiter is None or not path.is_file():
        return False
    with path.open("rb") as stream:
        header = stream.readline()
    return delimiter.encode() not in header


def _present(
    mapping: ExportMapping, given: frozenset[str], frame: pd.DataFrame, path: str, source: str
) -> ExportMapping:
    """The mapping without the preset's columns that this file does not have; those of the user must be there."""
    columns = [str(name) for name in frame.columns]
    named = {role: name for role, name in mapping.columns().items() if role in given or role == "person"}
    wanted = list(named.values())
    if "items" in given and mapping.items is not None:
        wanted += list(mapping.items.values() if isinstance(mapping.items, dict) else mapping.items)
    for key in ("only", "drop", "keep"):
        wanted += list(getattr(mapping, key)) if key in given else []
    if "offset" in given and mapping.offset is not None:
        wanted.append(mapping.offset)
    try:
        check_columns(columns, wanted, path)
    except DataError as problem:
        raise DataError(f"{problem} Columns of an export are named in the {source}.") from None
    absent = {role: None for role, name in mapping.columns().items() if name not in columns}
    if mapping.offset is not None and mapping.offset not in columns:
        absent["offset"] = None
    drop = {name: values for name, values in mapping.drop.items() if name in columns}
    return mapping.model_copy(update={**absent, "drop": drop})


def _redcap_roles(mapping: ExportMapping, given: frozenset[str], frame: pd.DataFrame) -> ExportMapping:
    """The numbers of events and repeats, and the time stamp of the one form that has any."""
    update = {role: role for role in ("day", "beep", "occasion") if role in frame.columns and role not in given}
    stamps = [
        str(name)
        for name in frame.columns
        if str(name).endswith("_timestamp") and f"{str(name).removesuffix('_timestamp')}_complete" in frame.columns
    ]
    filled = [name for name in stamps if frame[name].notna().any()]
    if "answered" not in given and len(filled) == 1:
        update["answered"] = filled[0]
    return mapping.model_copy(update=update)


def _selected(frame: pd.DataFrame, mapping: ExportMapping, path: str, log: ImportLog) -> pd.DataFrame:
    """The rows that the mapping wants, of persons with an id."""
    for key in ("only", "drop"):
        for name, values in getattr(mapping, key).items():
            cells = [text.casefold() for text in texts_of(frame[name])]
            wanted = {str(value).casefold() for value in values}
            flags = np.array([(cell in wanted) == (key == "drop") for cell in cells], dtype=bool)
            shown = ", ".join(dict.fromkeys(texts_of(frame[name][flags]))) if key == "drop" else "another"
            frame = log.drop(frame, flags, f"{name}: {shown}")
    frame = log.drop(frame, texts_of(frame[mapping.person]) == "", f"no {mapping.person}")
    if not len(frame):
        reasons = ", ".join(f"{n:,} ({reason})" for reason, n in log.dropped.items())
        raise DataError(f"{path}: no row is left; rows dropped: {reasons}. What to drop is set by the mapping.")
    return frame
