"""From the export of a survey platform to rows that make a panel.

`_presets` says where each platform puts things, `_export_layouts` what is particular to one, `_export_times` reads
the clocks, `_export_dyads` adds who belongs together. Reading the file itself is `reldyn.read_table`'s work.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DataWarning, check_columns
from reldyn.panel import read_table
from reldyn.study.exports._export_dyads import linked
from reldyn.study.exports._export_json import read_records
from reldyn.study.exports._export_layouts import fold_reminders, m_path_names, qualtrics_header, settle_redcap
from reldyn.study.exports._export_log import ImportLog, texts_of
from reldyn.study.exports._export_times import local_times
from reldyn.study.exports._presets import ROLES, TIMES, ExportMapping, settle_mapping

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_export"]


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
        nothing: `mapping` names the columns.
    mapping : mapping, str or Path, optional
        What differs from the preset, as a dict or a TOML file. Columns by role: ``person``, ``dyad``, ``partner``,
        ``role``, ``day``, ``beep``, ``occasion``, ``scheduled``, ``sent``, ``started``, ``answered``, ``expires``.
        Rows: ``only`` and ``drop`` (values by column), ``unpaired`` (``"refuse"`` or ``"drop"``). Values:
        ``items`` (a list, or new names by which the columns are to be known), ``missing``, ``keep`` (columns that a
        preset leaves out), ``events`` (REDCap's, in order). Clocks: ``clock`` (``"text"`` or ``"epoch"``),
        ``dates`` (a strptime format or ``"iso"``), ``offset`` (a column of seconds that are added), ``written_in``
        and ``timezone`` (IANA names: of the stamps, and of the participants). File: ``delimiter``, ``decimal``,
        ``encoding``.
    dyads : str, Path or DataFrame, optional
        Who belongs together, which no export says: one row per person with the columns ``dyad``, ``person`` and,
        unless partners are exchangeable, ``role``. Needed unless the mapping names a column of the export
        (``dyad``, or ``partner`` with the partner's id).

    Returns
    -------
    pandas.DataFrame
        One row per prompt, unanswered ones among them, in the order of the file, with the columns ``dyad``, ``person``
        and those of ``role``, ``day``, ``beep``, ``occasion`` and the five times that the export has, then the
        items. Times are datetimes on the participants' clocks; NaT: did not happen. ``day`` is the calendar day
        of the first of scheduled, sent, started and answered that is known. ``frame.attrs["import"]`` is a dict of
        counts and names of columns: ``rows_read``, ``rows``, ``persons_absent`` (of `dyads`), ``dropped``,
        ``recoded``, ``columns``, ``left_out``, ``notes``.
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
    ...     _ = path.write_text("who,when,mood\na,2024-05-01 20:00,4\nb,2024-05-01 20:00,6\n", encoding="utf-8")
    ...     frame = rd.study.read_export(
    ...         path, preset="generic", mapping={"person": "who", "answered": "when"}, dyads=pairs
    ...     )
    >>> frame[["dyad", "person", "role", "mood"]].values.tolist()
    [[1, 'a', 'patient', 4], [1, 'b', 'partner', 6]]
    >>> rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day").n_dyads
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
    settled = _present(settled, given, frame, str(path), source)
    if preset == "redcap":
        frame = settle_redcap(frame, settled, str(path), log)
        settled = _redcap_roles(settled, given, frame)
    frame = _selected(frame, settled, str(path), log)
    if preset == "m-path":
        frame = fold_reminders(frame, settled, log)
    times = local_times(frame, settled, str(path), log)
    rows, about = _assembled(frame, settled, times, preset)
    rows = linked(rows, settled, dyads, str(path), log)
    rows = _in_order(rows)
    rows.attrs = _attrs(frame, about)
    rows.attrs["import"] = _report(path, preset, rows, about, log)
    if (text := log.sentence(len(rows))) is not None:
        warnings.warn(f"{path}: {text}", DataWarning, stacklevel=2)
    return rows


def _read(path: Path, preset: str, mapping: ExportMapping, log: ImportLog) -> pd.DataFrame:
    """The rows as they stand in the file; what the reader remarks on is said later, in the one warning."""
    options: dict[str, Any] = {"missing": tuple(mapping.missing), "decimal": mapping.decimal}
    options["encoding"] = mapping.encoding
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        options["delimiter"] = mapping.delimiter
    if preset == "qualtrics" and path.suffix.lower() in (".csv", ".tsv", ".txt", ".xlsx"):
        options["header"] = qualtrics_header(path)
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always", DataWarning)
        json = path.suffix.lower() == ".json"
        frame = read_records(path, mapping.missing) if json else read_table(path, **options)
    for remark in remarks:
        text = str(remark.message).removeprefix(f"{path}: ").rstrip(".")
        text = text.replace("pass decimal=", "set in the mapping decimal=")
        log.notes.append(text)
    log.rows_read = len(frame)
    return frame


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


def _assembled(
    frame: pd.DataFrame, mapping: ExportMapping, times: dict[str, pd.Series[Any]], preset: str
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The columns of the result under their names, and which column of the file each was."""
    import pandas as pd

    roles = mapping.columns()
    items, left_out = _items(frame, mapping, preset)
    data: dict[str, Any] = {}
    for role, name in roles.items():
        data[role] = times[role] if role in times else frame[name]
    clash = [new for new in items if new in data or (new in ("dyad", "role") and new not in roles)]
    if clash:
        raise DataError(
            f"the item {clash[0]!r} would have the name of a column that the import makes: "
            f"rename it with mapping={{'items': {{NEW NAME: {items[clash[0]]!r}, ...}}}}."
        )
    moments = [times[role] for role in TIMES[:4] if role in times]
    if moments and "day" not in data and "day" not in items:
        first = moments[0]
        for later in moments[1:]:
            first = first.fillna(later)
        data["day"] = first.dt.normalize()
    data |= {new: frame[name] for new, name in items.items()}
    columns = {**roles, **items}
    return pd.DataFrame(data, index=frame.index), {"columns": columns, "left_out": left_out}


def _items(frame: pd.DataFrame, mapping: ExportMapping, preset: str) -> tuple[dict[str, str], list[str]]:
    """Columns of the file by their new names, and the columns that are left out."""
    names = [str(name) for name in frame.columns]
    used = set(mapping.columns().values())
    if isinstance(mapping.items, dict):
        items = dict(mapping.items)
    elif mapping.items is not None:
        items = {name: name for name in mapping.items}
    else:
        unwanted = {*used, *mapping.administrative, *mapping.identifying}
        free = [name for name in names if name not in unwanted]
        short, texts = m_path_names(free) if preset == "m-path" else ({}, [])
        items = {short.get(name, name): name for name in free if name not in texts}
    items |= {name: name for name in mapping.keep if name not in items.values()}
    kept = {*items.values(), *used}
    return items, [name for name in names if name not in kept]


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    leading = [role for role in ROLES if role in rows.columns]
    return rows[[*leading, *(name for name in rows.columns if name not in leading)]]


def _attrs(frame: pd.DataFrame, about: dict[str, Any]) -> dict[Any, Any]:
    """What the reader knew about lines and columns, under the new names."""
    kept: dict[Any, Any] = {key: value for key, value in frame.attrs.items() if key == "lines"}
    for key in ("column_labels", "value_labels"):
        labels = frame.attrs.get(key)
        if labels:
            kept[key] = {new: labels[old] for new, old in about["columns"].items() if old in labels}
    return kept


def _report(path: Path, preset: str, rows: pd.DataFrame, about: dict[str, Any], log: ImportLog) -> dict[str, Any]:
    return {
        "file": path.name,
        "preset": preset,
        "rows_read": log.rows_read,
        "rows": len(rows),
        "persons_absent": log.persons_absent,
        "dropped": dict(log.dropped),
        "recoded": dict(log.recoded),
        "columns": dict(about["columns"]),
        "left_out": list(about["left_out"]),
        "notes": list(log.notes),
    }
