"""Who belongs together: an export never says so; a table of dyads, or a column, does."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DesignError, check_columns
from reldyn.panel import pair_ids, read_table
from reldyn.panel.reading import as_pandas
from reldyn.study.exports._export_log import texts_of
from reldyn.study.exports._recognise import renamed_dyads

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from reldyn.study.exports._export_log import ImportLog
    from reldyn.study.exports._presets import ExportMapping

__all__ = ["DyadLinks", "linked", "read_dyads"]

_SHOWN = 10
_ALIKE = "The ids differ in leading zeros, blanks or capitals only: write them alike. "


@dataclass(frozen=True, eq=False)
class DyadLinks:
    """A table of dyads, checked: one row per person, two persons per dyad."""

    table: pd.DataFrame
    where: str

    @property
    def persons(self) -> frozenset[str]:
        """The ids of all persons, as text."""
        return frozenset(self.table["key"])

    @property
    def has_roles(self) -> bool:
        """Whether the table says who has which role."""
        return "role" in self.table


def read_dyads(dyads: Any) -> DyadLinks | None:
    """Read and check a table of dyads, from a file or a frame.

    Raises
    ------
    DataError
        The table is faulty.
    """
    if dyads is None:
        return None
    where = "dyads"
    if isinstance(dyads, (str, Path)):
        where = str(dyads)
        dyads = read_table(dyads)
    return DyadLinks(_checked(renamed_dyads(as_pandas(dyads)), where), where)


def linked(
    frame: pd.DataFrame, mapping: ExportMapping, table: DyadLinks | None, path: str, log: ImportLog
) -> pd.DataFrame:
    """Add the columns ``dyad`` and, where it is known, ``role`` to rows that have a column ``person``.

    Raises
    ------
    DesignError
        Nothing, or more than one thing, says who belongs together.
    DataError
        The table of dyads does not have the same persons as the export.
    """
    named = {"dyads=": table, "mapping['dyad']": mapping.dyad, "mapping['partner']": mapping.partner}
    given = [name for name, value in named.items() if value is not None]
    if not given:
        raise DesignError(
            "an export does not say who belongs together: give dyads= (a table with the columns dyad, person and "
            "role), or name the column with mapping={'dyad': ...} or mapping={'partner': ...}."
        )
    if len(given) > 1:
        raise DesignError(f"{' and '.join(given)} both say who belongs together: give one of them.")
    if mapping.partner is not None:
        return pair_ids(frame, person="person", partner="partner")
    if table is None:
        return log.drop(frame, frame["dyad"].isna().to_numpy(), "no dyad id")
    if mapping.role is not None and table.has_roles:
        raise DesignError("mapping['role'] and the column 'role' of dyads both give roles: leave out one of them.")
    return _joined(frame, table.table, mapping, (path, table.where), log)


def _checked(table: pd.DataFrame, where: str) -> pd.DataFrame:
    check_columns([str(name) for name in table.columns], ["dyad", "person"], where)
    table = table[[name for name in ("dyad", "person", "role") if name in table.columns]].copy()
    table["key"], table["couple"] = _keys_of(table["person"]), _keys_of(table["dyad"])
    faults = []
    if blank := int(((table["key"] == "") | (table["couple"] == "")).sum()):
        faults.append(f"{blank} rows lack a dyad or a person")
    filled = table[(table["key"] != "") & (table["couple"] != "")]
    if "role" in table and (no_role := int(filled["role"].isna().sum())):
        faults.append(f"{no_role} persons have no role")
    if len(twice := list(dict.fromkeys(filled["key"][filled["key"].duplicated()]))):
        faults.append(f"persons stand more than once: {_some(twice)}")
    sizes = filled.groupby("couple", sort=False)["key"].nunique()
    if len(odd := list(sizes.index[sizes != 2])):
        faults.append(f"dyads do not have two members: {_some(odd)}")
    if faults:
        raise DataError(f"{where}: {'; '.join(faults)}. Give one row per person and two persons per dyad.")
    return table


def _joined(
    frame: pd.DataFrame, table: pd.DataFrame, mapping: ExportMapping, places: tuple[str, str], log: ImportLog
) -> pd.DataFrame:
    path, where = places
    keys = _keys_of(frame["person"])
    row_of = {key: row for row, key in enumerate(table["key"])}
    strangers = list(dict.fromkeys(key for key in keys if key not in row_of))
    here = set(keys)
    absent = [key for key in table["key"] if key not in here]
    parts = []
    if strangers:
        parts.append(f"in {path} and not in {where}: {_some(strangers)}")
    if absent:
        parts.append(f"in {where} and not in {path}: {_some(absent)}")
    if strangers and mapping.unpaired == "refuse":
        alike = {_bare(key) for key in strangers} <= {_bare(key) for key in table["key"]}
        raise DataError(
            f"persons {'; '.join(parts)}. {_ALIKE if alike else ''}Complete the table of dyads, or leave out the rows "
            "of persons who are not in it with mapping={'unpaired': 'drop'}."
        )
    if len(strangers) == len(here):
        raise DataError(f"no person of {path} is in {where}: {'; '.join(parts)}. Are these the same ids?")
    if parts:
        log.personal.append(f"persons {'; '.join(parts)}")
    log.persons_absent = len(absent)
    known = np.array([key in row_of for key in keys], dtype=bool)
    frame = log.drop(frame, ~known, f"person not in {where}")
    rows = [row_of[key] for key in keys[known]]
    attrs = frame.attrs
    found = {name: table[name].to_numpy()[rows] for name in ("dyad", "role") if name in table}
    frame = frame.assign(**found)
    frame.attrs = attrs
    return frame


def _keys_of(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Ids as texts with composed letters: one name stored in two ways of Unicode is one id."""
    return np.array([unicodedata.normalize("NFC", text) for text in texts_of(column)], dtype=object)


def _bare(key: str) -> str:
    return key.strip().casefold().lstrip("0")


def _some(names: list[Any]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(str(name) for name in names[:_SHOWN]) + more
