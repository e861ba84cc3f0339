"""Columns that a caller names in a table that is no panel yet: they exist once, and ids are complete."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from reldyn.errors import DataError, check_columns, describe_rows
from reldyn.panel._identity import Identity, identify
from reldyn.panel.checks._findings import duplicated_headers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_named", "identify_complete"]


def check_named(rows: pd.DataFrame, named: Mapping[str, str], added: Collection[str] = ()) -> None:
    """Refuse an empty table, and columns that are absent, stand twice, or have the name of one that is added.

    Parameters
    ----------
    rows : pandas.DataFrame
    named : mapping of str to str
        What each column holds, and its name.
    added : collection of str, default ()
        Names of columns that will be added.

    Raises
    ------
    DataError
    """
    check_columns(rows.columns.tolist(), list(named.values()), "the table")
    twice = duplicated_headers(rows)
    for what, name in named.items():
        if name in twice:
            raise DataError(f"the header {name!r} stands several times in the file ({', '.join(twice[name])}): rename.")
        if name in added:
            raise DataError(f"the column of {what} is called {name!r}, as is a column that is added: rename it first.")
    if not len(rows):
        raise DataError("the table has no rows: check the file and the filter that made it.")


def identify_complete(rows: pd.DataFrame, dyad: str, person: str) -> Identity:
    """Code dyads and persons, refusing rows without an id.

    Parameters
    ----------
    rows : pandas.DataFrame
    dyad, person : str

    Returns
    -------
    Identity

    Raises
    ------
    DataError
    """
    for what, name in (("dyad", dyad), ("person", person)):
        missing = np.flatnonzero(rows[name].isna())
        if len(missing):
            where = describe_rows(missing.tolist())
            raise DataError(f"no {what} in {name!r}: {where}. Fill in the id, or drop these rows.")
    return identify(rows[dyad], rows[person])
