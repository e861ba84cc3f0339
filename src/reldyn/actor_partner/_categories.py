"""Columns of categories among covariates and moderators: their labels, the reference, and indicator values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DesignError, check_columns, describe_rows

if TYPE_CHECKING:
    from reldyn._types import Array
    from reldyn.mixed import Estimation
    from reldyn.panel import DyadPanel

__all__ = [
    "categories_of",
    "check_known",
    "indicators",
    "refuse_incomplete",
    "refuse_text_outcome",
    "values_of",
    "with_indicators",
]

Categories = Mapping[str, tuple[str, ...]]


def categories_of(
    panel: DyadPanel, outcome: str, names: Iterable[str], reference: Any = None, what: str = "covariate or moderator"
) -> dict[str, tuple[str, ...]]:
    """Labels of the categorical columns among these, the reference first; ``what`` they are in the model.

    Text and pandas categories are categorical, and so is every column that ``reference`` names. Categories without a
    row that has the outcome are left out.

    Raises
    ------
    DesignError
        ``reference`` names no such column, or a category that does not occur; a column has one category only.
    """
    names = list(dict.fromkeys(names))
    wanted = _references(reference, names, what)
    rows = np.isfinite(panel.values(outcome))
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        if name not in panel._frame.columns or not (name in wanted or _is_categorical(panel, name)):
            continue
        labels = _labels(panel, name, rows)
        if len(labels) < 2:
            told = f"only the category {labels[0]!r}" if labels else "no category"
            raise DesignError(f"{name!r} has {told} in rows with {outcome!r}: leave it out.")
        if name in wanted:
            first = _text(wanted[name])
            if first not in labels:
                raise DesignError(f"reference={{{name!r}: {wanted[name]!r}}}: {name!r} has {', '.join(labels)}.")
            labels = [first, *(label for label in labels if label != first)]
        found[name] = tuple(labels)
    return found


def refuse_text_outcome(panel: DyadPanel, outcome: str) -> None:
    """Refuse an outcome of categories written as text, which have no numbers yet.

    Raises
    ------
    DataError
    """
    if outcome not in panel._frame.columns:
        return
    try:
        panel.values(outcome)
    except DataError:
        if not _is_categorical(panel, outcome):
            raise
        labels = _labels(panel, outcome, panel._frame[outcome].notna().to_numpy())
        shown = ", ".join(map(repr, labels[:5])) + (", ..." if len(labels) > 5 else "")
        raise DataError(
            f"the outcome {outcome!r} holds text ({shown}): recode two categories to 0 and 1 (family='binomial'), "
            "ordered ones to 1, 2, 3, ... in their order (family='ordinal')."
        ) from None


def _references(reference: Any, names: list[str], what: str) -> Mapping[str, Any]:
    if reference is None:
        return {}
    if not isinstance(reference, Mapping):
        raise DesignError(f"reference={reference!r} is not a mapping from a categorical column to a category of it.")
    unknown = [name for name in reference if name not in names]
    if unknown:
        listed = ", ".join(names) or "none"
        raise DesignError(f"reference names {unknown[0]!r}, which is no {what}; there are: {listed}.")
    return reference


def _is_categorical(panel: DyadPanel, name: str) -> bool:
    import pandas as pd

    column = panel._frame[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        return True
    if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
        return False
    try:
        panel.values(name)
    except DataError:
        # Text that is no number; a doubled header is refused where the values are read.
        return bool(column.dropna().map(lambda value: isinstance(value, str)).all())
    return False


def _labels(panel: DyadPanel, name: str, rows: Any) -> list[str]:
    """Labels that occur, in the order of the categories, or sorted.

    Raises
    ------
    DataError
        A label is blank.
    """
    import pandas as pd

    column = panel._frame[name][rows].dropna()
    blank = np.flatnonzero([isinstance(value, str) and not value.strip() for value in column])
    if len(blank):
        places = np.flatnonzero(rows & panel._frame[name].notna().to_numpy())[blank]
        raise DataError(
            f"{name!r} is blank text in {describe_rows(places.tolist())}: write a missing value there, or a category."
        )
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [_text(label) for label in column.cat.remove_unused_categories().cat.categories]
    return [_text(value) for value in sorted(column.unique())]


def _text(value: Any) -> str:
    """A label as one writes it: 1 and 1.0 are one category, and yes or no is no number."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    return f"{value:g}" if isinstance(value, (int, float, np.integer, np.floating)) else str(value)


def refuse_incomplete(categories: Categories, estimation: Estimation) -> None:
    """Refuse categories where missing values are drawn or modelled as normal.

    Raises
    ------
    DesignError
    """
    if categories and estimation.missing != "available":
        raise DesignError(
            f"missing={estimation.missing!r} treats columns as normal, and {next(iter(categories))!r} is categorical: "
            "use missing='available', or enter indicator columns (pd.get_dummies) as numbers."
        )


def values_of(panel: DyadPanel, name: str, categories: Categories) -> Array:
    """A numeric column as it stands; of a categorical one the places of its labels, NaN where there is none."""
    if name not in categories:
        return panel.values(name)
    labels = categories[name]
    column = panel._frame[name]
    place = {label: float(code) for code, label in enumerate(labels)}
    filled = column.notna().to_numpy()
    codes = np.full(len(column), np.nan)
    codes[filled] = [place.get(_text(value), np.nan) for value in column[filled]]
    return codes


def check_known(panel: DyadPanel, categories: Categories) -> None:
    """Refuse rows to predict for whose category the fit does not know.

    Raises
    ------
    DataError
    """
    for name, labels in categories.items():
        check_columns([str(column) for column in panel._frame.columns], [name])
        strange = sorted({_text(value) for value in panel._frame[name].dropna()} - set(labels))
        if strange:
            known = ", ".join(labels)
            raise DataError(f"the fit knows no category {strange[0]!r} of {name!r}; it was made with {known}.")


def indicators(codes: Array, labels: tuple[str, ...]) -> list[tuple[str, Array]]:
    """Each category but the reference with its indicator: 1, 0, and NaN where the category is missing."""
    missing = ~np.isfinite(codes)
    return [(label, np.where(missing, np.nan, codes == place)) for place, label in enumerate(labels) if place]


def with_indicators(
    panel: DyadPanel, names: Iterable[str], categories: Categories
) -> tuple[DyadPanel, tuple[str, ...]]:
    """The panel with an indicator column for each category but the reference, and the names with these in place."""
    columns: dict[str, Array] = {}
    chosen: list[str] = []
    for name in names:
        if name not in categories:
            chosen.append(name)
            continue
        parts = {
            f"{name}: {label}": part for label, part in indicators(values_of(panel, name, categories), categories[name])
        }
        columns |= parts
        chosen += parts
    return (panel._with_columns(columns) if columns else panel), tuple(chosen)
