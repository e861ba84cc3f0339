"""Covariates of a direction as columns: numbers in SD, categories as indicators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Array
from reldyn.cycles.series._screen import only_rounding

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["covariate_columns", "read_covariates"]


def read_covariates(panel: DyadPanel, names: Sequence[str]) -> tuple[dict[str, Array], frozenset[str]]:
    """Read covariates as numbers; labels of categories as codes.

    Parameters
    ----------
    panel : DyadPanel
    names : sequence of str

    Returns
    -------
    values : dict of str to (n_rows,) array
        NaN where missing; codes from 0 in alphabetical order where labels are no numbers.
    categorical : frozenset of str
        Names of those that are codes.

    Raises
    ------
    DataError
        A column does not exist or holds dates or complex numbers.
    """
    import pandas as pd

    values, categorical = {}, set()
    frame = panel.frame
    for name in names:
        column = frame.get(name)
        if column is not None and _is_categorical(column):
            codes = pd.factorize(column.astype(object), sort=False)[0].astype(float)
            labels = column[codes >= 0].astype(str)
            order = np.unique(labels, return_inverse=True)[1]
            codes[codes >= 0] = order
            values[name] = np.where(codes >= 0, codes, np.nan)
            categorical.add(name)
        else:
            values[name] = panel.values(name)
    return values, frozenset(categorical)


def _is_categorical(column: object) -> bool:
    """Whether a column holds labels: text or categories that are not all numbers."""
    import pandas as pd

    if not isinstance(column, pd.Series):
        return False
    labels = isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column)
    if not labels and not pd.api.types.is_object_dtype(column):
        return False
    known = column.dropna()
    if not known.map(lambda value: isinstance(value, str)).any():
        return False
    return bool(pd.to_numeric(known.astype(object), errors="coerce").isna().any())


def covariate_columns(values: Mapping[str, Array], categorical: frozenset[str], notes: list[str]) -> list[Array]:
    """Columns of one direction, each with mean 0 and SD 1 over the values that are there.

    Parameters
    ----------
    values : mapping of str to (n_occasions,) array
        NaN where missing.
    categorical : frozenset of str
        Names whose values are codes: one column per category of the direction but the most frequent.
    notes : list of str
        What was done is appended.

    Returns
    -------
    list of (n_occasions,) arrays
        A missing value takes the person's mean, of a category the person's share; a column that never varies is left
        out.
    """
    kept = []
    for name, column in values.items():
        answered = column[np.isfinite(column)]
        if not len(answered):
            notes.append(f"covariate {name!r} has no value in some directions and is left out there")
            continue
        if only_rounding(answered):
            notes.append(f"covariate {name!r} never varies in some directions and is left out there")
            continue
        if len(answered) < len(column):
            notes.append(f"missing values of covariate {name!r} take the person's mean")
        parts = [column]
        if name in categorical:
            codes, counts = np.unique(answered, return_counts=True)
            others = np.delete(codes, counts.argmax())
            parts = [np.where(np.isfinite(column), column == code, np.nan) for code in others]
        for part in parts:
            known = part[np.isfinite(part)]
            kept.append((np.where(np.isfinite(part), part, known.mean()) - known.mean()) / known.std())
    return kept
