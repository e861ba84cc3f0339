"""Numbers of fewer than five dyads, taken out of what the report shows of an analysis."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reldyn.study.running._over_dyads import FEWEST, Spread

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEW", "all_few", "are_few", "glance_without_means", "rows_without_means", "sentences_without_means"]

FEW = f"fewer than {FEWEST} dyads"
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_DECIMALS = re.compile(r"\d?\.\d{2,}")


def are_few(spread: Sequence[Spread]) -> bool:
    """Whether no number of a result has a value in five dyads.

    Examples
    --------
    >>> are_few([Spread("", "estimate", 3)]), are_few([Spread("", "estimate", 5, 0.2)]), are_few([])
    (True, False, False)
    """
    return bool(spread) and max(one.n for one in spread) < FEWEST


def rows_without_means(rows: pd.DataFrame, *, few: bool) -> pd.DataFrame:
    """Rows of the sample; those of fewer than five dyads keep their labels and counts, and say why.

    Parameters
    ----------
    rows : pandas.DataFrame
    few : bool
        Whether all rows are means over fewer dyads; else those are whose ``n_dyads`` says so.
    """
    where = np.full(len(rows), few)
    if "n_dyads" in rows:
        where |= rows["n_dyads"].to_numpy(dtype=float, na_value=np.nan) < FEWEST
    numbers = [name for name in rows if rows[name].dtype.kind == "f" and not str(name).startswith("n_")]
    where &= rows[numbers].notna().any(axis=1).to_numpy() if numbers else False
    if not where.any():
        return rows
    shown = rows.copy()
    shown.loc[where, numbers] = np.nan
    note = shown["note"].astype(object) if "note" in shown else np.full(len(shown), "", dtype=object)
    shown["note"] = np.where(where, FEW, note)
    return shown


def all_few(rows: pd.DataFrame | None, spread: Sequence[Spread]) -> bool:
    """Whether nothing but numbers of few dyads was found, given the rows of `rows_without_means`."""
    hidden = rows is not None and len(rows) > 0 and "note" in rows and bool((rows["note"] == FEW).all())
    return hidden or are_few(spread)


def glance_without_means(glance: pd.DataFrame, options: Collection[str], *, few: bool) -> pd.DataFrame:
    """The row about a whole result, without numbers of few dyads; counts and options stay."""
    if not few:
        return glance
    means = [name for name in glance if glance[name].dtype.kind == "f" and name not in options]
    kept = glance.astype(dict.fromkeys(means, object))
    for name in means:
        kept.loc[glance[name].notna(), name] = FEW
    return kept


def sentences_without_means(text: str, *, few: bool) -> str:
    """Sentences of a result about itself, without those that tell numbers of few dyads.

    Examples
    --------
    >>> sentences_without_means("Mean over 3 dyads 0.525; p = .100. Lag k pairs x[t + k] with y[t].", few=True)
    'Lag k pairs x[t + k] with y[t].'
    """
    return " ".join(one for one in _SENTENCE.split(text) if not (few and _DECIMALS.search(one)))
