"""Ratings of persons on items, one row each: from a panel with items as columns, or from a long table.

Also the norm: what the average target says of each item.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Ints
from reldyn.errors import DataError, DesignError, check_columns, check_option

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

COLUMNS = ("perceiver", "item", "impression", "target", "norm", "target_person", "dyad")
_NEEDED = ("perceiver", "item", "impression", "target")

__all__ = ["Ratings", "check_items", "from_panel", "from_table"]


@dataclass(frozen=True)
class Ratings:
    """Complete ratings; n rows.

    Attributes
    ----------
    impression, target, norm : (n,) arrays
        The perceiver's rating of the target, the target's own answer, and the norm of the item.
    item_norm : float
        Mean of the norm over items.
    perceiver, item : (n,) int arrays
        Codes from 0.
    target_person, dyad : (n,) int array or None
    labels : tuple
        Of the perceivers.
    n_dropped : int
        Rows that lack a value.
    """

    impression: Array
    target: Array
    norm: Array
    item_norm: float
    perceiver: Ints
    item: Ints
    target_person: Ints | None
    dyad: Ints | None
    labels: tuple[Any, ...]
    n_dropped: int


def check_items(
    items: Sequence[str] | None, judgments: Sequence[str] | None, fewest: int
) -> tuple[list[str], list[str]]:
    """Names of the items and of the judgments of them, as lists of equal length.

    Parameters
    ----------
    items, judgments : sequence of str or None
    fewest : int
        Items that an analysis needs.

    Returns
    -------
    items, judgments : list of str
        ``judgments`` is empty where None was given.

    Raises
    ------
    DesignError
        Too few items, one named twice, or lists that do not match.
    """
    listed = all(isinstance(names, Iterable) and not isinstance(names, str) for names in (items, judgments or ()))
    if items is None or not listed:
        raise DesignError("items= and judged= take lists of columns, in the same order.")
    own, seen = [str(name) for name in items], [str(name) for name in judgments or ()]
    if len(own) < fewest:
        raise DesignError(f"{counted(len(own), 'item')}, below {fewest}: a profile needs more.")
    for names in (own, seen):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DesignError(f"named twice: {', '.join(twice)}. Name each column once.")
    if judgments is not None and len(own) != len(seen):
        raise DesignError(
            f"{counted(len(own), 'item')}, but {counted(len(seen), 'judgment')}: name one judgment per item, in the "
            "same order."
        )
    return own, seen


def from_panel(panel: DyadPanel, items: list[str], judgments: list[str]) -> Ratings:
    """Every person's judgments of the partner beside the partner's own answers at the same occasion.

    Parameters
    ----------
    panel : DyadPanel
    items, judgments : list of str
        Own answers, and judgments of the partner on the same items.

    Returns
    -------
    Ratings
    """
    index = panel.index
    own = np.column_stack([panel.values(name) for name in items])
    impression = np.column_stack([panel.values(name) for name in judgments])
    partner = index.partner_row
    target = np.where(partner[:, None] >= 0, own[np.maximum(partner, 0)], np.nan)
    n, k = own.shape
    item = np.tile(np.arange(k), n)
    # Each person's mean first: who answered more often is not more of a norm.
    person_means = np.array([_group_mean(own[:, j], index.person, index.n_persons) for j in range(k)])
    seen = np.isfinite(person_means)
    norms = np.where(seen, person_means, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return _complete(
        impression=impression.ravel(),
        target=target.ravel(),
        norm=norms[item],
        perceiver=np.repeat(index.person, k),
        item=item,
        target_person=None,
        dyad=np.repeat(index.dyad, k),
        labels=index.person_labels,
    )


def from_table(frame: pd.DataFrame, columns: Mapping[str, str] | None) -> Ratings:
    """Ratings from a table with one row per perceiver, target and item.

    Parameters
    ----------
    frame : pandas.DataFrame
    columns : mapping of str to str, optional
        What the columns are called, where not by their usual names.

    Returns
    -------
    Ratings
    """
    import pandas as pd

    for name in columns or {}:
        check_option(name, COLUMNS, "columns")
    called = {name: (columns or {}).get(name, name) for name in COLUMNS}
    present = [name for name in COLUMNS if called[name] in frame.columns]
    check_columns([str(one) for one in frame.columns], [called[name] for name in _NEEDED], "the table")
    check_columns([str(one) for one in frame.columns], [str(one) for one in (columns or {}).values()], "the table")
    for name in ("impression", "target", "norm"):
        if name in present and not pd.api.types.is_numeric_dtype(frame[called[name]]):
            raise DataError(f"column {called[name]!r} of the table holds text, not numbers: convert it first.")
    codes, labels = {}, {}
    for name in ("perceiver", "item", "target_person", "dyad"):
        if name in present:
            if frame[called[name]].isna().any():
                raise DataError(f"column {called[name]!r} of the table has rows without a name: fill or drop them.")
            codes[name], labels[name] = pd.factorize(frame[called[name]], sort=True)
    target = frame[called["target"]].to_numpy(dtype=float, na_value=np.nan)
    item = codes["item"]
    if "norm" in present:
        norm = frame[called["norm"]].to_numpy(dtype=float, na_value=np.nan)
    else:
        # A target that several perceivers rated is one target.
        whose = codes.get("target_person", codes["perceiver"])
        once = pd.DataFrame({"item": item, "whose": whose, "target": target}).groupby(["item", "whose"])["target"]
        norm = once.mean().groupby("item").mean().to_numpy()[item]
    dyad = codes.get("dyad")
    if dyad is None and "target_person" in codes:
        pair = np.sort(
            np.column_stack([frame[called["perceiver"]].astype(str), frame[called["target_person"]].astype(str)]),
            axis=1,
        )
        dyad = pd.factorize(pd.Series(["\x1f".join(one) for one in pair]), sort=True)[0]
    return _complete(
        impression=frame[called["impression"]].to_numpy(dtype=float, na_value=np.nan),
        target=target,
        norm=norm,
        perceiver=codes["perceiver"],
        item=item,
        target_person=codes.get("target_person"),
        dyad=dyad,
        labels=tuple(labels["perceiver"].tolist()),
    )


def _group_mean(values: Array, group: Ints, n: int) -> Array:
    seen = np.isfinite(values)
    count = np.bincount(group[seen], minlength=n)
    total = np.bincount(group[seen], weights=values[seen], minlength=n)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _complete(
    *,
    impression: Array,
    target: Array,
    norm: Array,
    perceiver: Ints,
    item: Ints,
    target_person: Ints | None,
    dyad: Ints | None,
    labels: tuple[Any, ...],
) -> Ratings:
    """Rows with all three numbers, codes counted anew."""
    kept = np.isfinite(impression) & np.isfinite(target) & np.isfinite(norm)
    if not kept.any():
        raise DesignError("no row has an impression, the target's own answer and a norm: nothing can be compared.")

    def again(codes: Ints | None) -> Ints | None:
        return None if codes is None else np.unique(codes[kept], return_inverse=True)[1]

    who, place = np.unique(perceiver[kept], return_inverse=True)
    items, item_place = np.unique(item[kept], return_inverse=True)
    by_item = np.bincount(item_place, weights=norm[kept]) / np.bincount(item_place)
    del items
    return Ratings(
        impression=impression[kept],
        target=target[kept],
        norm=norm[kept],
        item_norm=float(by_item.mean()),
        perceiver=place,
        item=item_place,
        target_person=again(target_person),
        dyad=again(dyad),
        labels=tuple(labels[code] for code in who),
        n_dropped=int((~kept).sum()),
    )
