"""A table with rows of single dyads or persons, as what the sample says: how its numbers are spread over dyads.

Means need five dyads and quartiles ten: a quartile of fewer is the value of one of them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._types import Array

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEWEST", "Spread", "has_ids", "of_sample", "person_columns", "spreads"]

# Numbers of fewer dyads may be recognised by those who know one of them.
FEWEST = 5
_FEWEST_FOR_QUARTILES = 10
_PERSONS = frozenset({"person", "perceiver", "giver", "receiver", "sender"})
_NOBODY = frozenset({"", "sample", "all"})
_WORDS = frozenset({"note", "reason", "question", "meaning"})
# Roles that were found, dyad by dyad: they tell no rows apart.
_FOUND = frozenset({"leads"})
# Numbers that are labels.
_NUMBERED = frozenset({"lag"})
# A label that so many dyads have is one of the analysis.
_SHARED = 0.7
# Numbers that place a row, tell how sure it is, or count what it was made of: their mean over dyads says nothing.
_NOT_SUMMED = frozenset(
    {
        "position",
        "lag",
        "lags",
        "smallest_p",
        "start",
        "end",
        "window",
        "df",
        "df_residual",
        "statistic",
        "p_value",
        "p_adjusted",
        "std_error",
    }
    | {"conf_low", "conf_high", "z", "n_surrogates", "surrogate_mean", "surrogate_sd", "first", "last"}
)


@dataclass(frozen=True)
class Spread:
    """How one number is spread over dyads.

    Attributes
    ----------
    of : str
        What it is: the group of rows.
    number : str
        The column.
    n : int
        Dyads with a value.
    mean, sd, low, middle, high : float
        Mean, standard deviation and quartiles; NaN where there are too few dyads.
    """

    of: str
    number: str
    n: int
    mean: float = math.nan
    sd: float = math.nan
    low: float = math.nan
    middle: float = math.nan
    high: float = math.nan

    @property
    def label(self) -> str:
        """The group and the number in words."""
        what = "" if self.number == "estimate" else self.number.replace("_", " ")
        return ", ".join(filter(None, [self.of, what])) or "estimate"


def person_columns(owner: type[Any]) -> frozenset[str]:
    """Columns of a result's tables that may name persons."""
    return _PERSONS | frozenset(getattr(owner, "person_columns", ()))


def has_ids(table: pd.DataFrame) -> bool:
    """Whether rows stand for single dyads or persons."""
    return any(name in table and bool((~_nobody(table[name])).any()) for name in ("dyad", "person"))


def of_sample(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that stand for the sample, without columns that say nothing in them."""
    if not has_ids(table):
        return table
    rows = table
    for name in ("dyad", "person"):
        if name in rows:
            rows = rows[_nobody(rows[name])]
    empty = [name for name in rows if (rows[name].isna() | (rows[name] == "")).all()] if len(rows) else []
    return rows.drop(columns=[*empty, *(name for name in ("dyad", "person") if name in rows and name not in empty)])


def spreads(table: pd.DataFrame, persons: Collection[str], roles: Collection[str]) -> list[Spread]:
    """The spread of every number over dyads, group by group; both partners of a dyad count once, by their mean.

    Parameters
    ----------
    table : pandas.DataFrame
        With rows of single dyads.
    persons : collection of str
        Columns that may name persons.
    roles : collection of str
        Labels of roles: they name nobody.
    """
    unit = "dyad" if "dyad" in table else "person"
    rows = table[~_nobody(table[unit])]
    keys = _keys(rows, unit, set(persons) | {"dyad", "person"}, set(map(str, roles)))
    numbers = _numbers(rows)
    found = []
    for label, part in _groups(rows, keys):
        for name in numbers:
            share = part[name].dtype.kind == "b"
            values = part[name].to_numpy(dtype=float, na_value=np.nan)
            finite = np.isfinite(values)
            if finite.any():
                units = part[unit][finite].astype(str)
                found.append(_spread(label, name, _means(values[finite], units.to_numpy()), share=share))
    return found


def _nobody(labels: pd.Series) -> pd.Series:
    return labels.isna() | labels.isin(_NOBODY)


def _keys(rows: pd.DataFrame, unit: str, ids: set[str], roles: set[str]) -> list[str]:
    """Columns whose labels tell kinds of rows apart: roles, lags, and what nearly every dyad has alike.

    A label that some dyads have and others have not is a finding about them.
    """
    n_units = rows[unit].nunique()
    keys: list[str] = []
    for name in rows:
        labels = rows[name]
        kinds = labels.nunique()
        is_text = labels.dtype.kind not in "biufcmM"
        if name == unit or name in _WORDS | _FOUND or kinds < 2 or not (is_text or name in _NUMBERED):
            continue
        are_roles = kinds <= len(roles) and set(labels.dropna().astype(str)) <= roles
        if name in ids and not are_roles:
            continue
        shared = rows.groupby(labels, observed=True)[unit].nunique().min() >= _SHARED * n_units
        if are_roles or shared:
            keys.append(str(name))
    return keys


def _numbers(rows: pd.DataFrame) -> list[str]:
    """The estimate, else every number that describes a dyad."""
    numeric = [
        str(name)
        for name in rows
        if rows[name].dtype.kind in "biuf"
        and name not in ("dyad", "person")
        and name not in _NOT_SUMMED
        and not str(name).startswith("n_")
        and not _is_limit(str(name), rows)
    ]
    return ["estimate"] if "estimate" in numeric else numeric


def _is_limit(name: str, rows: pd.DataFrame) -> bool:
    """Whether a column is a limit of the interval of another: their mean over dyads is the limit of nothing."""
    stem, _, end = name.rpartition("_")
    return end in ("low", "high") and {f"{stem}_low", f"{stem}_high"} <= set(rows)


def _groups(rows: pd.DataFrame, keys: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Rows by the labels of the keys, in the order in which they come."""
    if not keys:
        yield "", rows
        return
    codes = [_labels(rows[name], f"{name} " if name in _NUMBERED else "") for name in keys]
    labels = np.array(list(map("\0".join, zip(*codes, strict=True))), dtype=object)
    for label in dict.fromkeys(labels):
        yield ", ".join(part for part in str(label).split("\0") if part), rows[labels == label]


def _labels(column: pd.Series, before: str) -> list[str]:
    return [f"{before}{label}" if known else "" for label, known in zip(column, column.notna(), strict=True)]


def _means(values: Array, units: Any) -> Array:
    """One value per dyad."""
    _, place = np.unique(units, return_inverse=True)
    means: Array = np.bincount(place, weights=values) / np.bincount(place)
    return means


def _spread(label: str, name: str, values: Array, *, share: bool) -> Spread:
    """Mean, standard deviation and quartiles as far as there are dyads; of yes and no the share alone."""
    n = len(values)
    if n < FEWEST:
        return Spread(label, name, n)
    if share:
        return Spread(label, f"share {name}", n, float(values.mean()))
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    if n < _FEWEST_FOR_QUARTILES:
        return Spread(label, name, n, mean, sd)
    low, middle, high = map(float, np.percentile(values, [25, 50, 75]))
    return Spread(label, name, n, mean, sd, low, middle, high)
