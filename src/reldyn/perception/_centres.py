"""The rows of a truth and bias model, and the three places where its zero can stand.

West and Kenny (2011): the same mean of the truth is taken off the judgment, the truth and the variable of bias, so
that the intercept is the mean directional bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.errors import DesignError

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

Centre = Literal["truth", "role_truth", "person_truth"]
BiasCentre = Literal["truth", "own"]
CENTRES = ("truth", "role_truth", "person_truth")
BIAS_CENTRES = ("truth", "own")
# Spread below this share of the largest absolute value is rounding, not variation.
_CONSTANT = 1e-10

__all__ = ["BIAS_CENTRES", "CENTRES", "BiasCentre", "Centre", "Centred", "centred_rows", "group_means"]


@dataclass(frozen=True)
class Centred:
    """Judgment, truth and bias with their zero at the mean of the truth; NaN on rows that are not used.

    Attributes
    ----------
    judgment, truth : (n,) arrays
    bias : (n,) array or None
    used : (n,) bool array
        Rows on which every variable of the model has a value.
    """

    judgment: Array
    truth: Array
    bias: Array | None
    used: Flags


def group_means(values: Array, group: Ints, used: Flags) -> Array:
    """Mean over the used rows of each row's group.

    Parameters
    ----------
    values : (n,) array
    group : (n,) int array
        Codes from 0.
    used : (n,) bool array

    Returns
    -------
    (n,) array
        NaN for a group without a used row.
    """
    size = int(group.max(initial=0)) + 1
    total = np.bincount(group[used], weights=values[used], minlength=size)
    count = np.bincount(group[used], minlength=size)
    mean = np.full(size, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean[group]


def centred_rows(
    panel: DyadPanel,
    *,
    judgment: str,
    truth: str,
    bias: str | None,
    over_time: str | None,
    center: Centre,
    bias_center: BiasCentre,
) -> Centred:
    """Put the zero where it was asked for.

    Parameters
    ----------
    panel : DyadPanel
    judgment, truth : str
    bias, over_time : str or None
        ``over_time`` only decides which rows are used.
    center : {"truth", "role_truth", "person_truth"}
    bias_center : {"truth", "own"}

    Returns
    -------
    Centred

    Raises
    ------
    DesignError
        No row has every value, or a variable does not vary at the level that is left after centring.
    """
    judged, true = panel.values(judgment), panel.values(truth)
    leaning = None if bias is None else panel.values(bias)
    used = np.isfinite(judged) & np.isfinite(true)
    for more in (leaning, None if over_time is None else panel.values(over_time)):
        used &= True if more is None else np.isfinite(more)
    if not used.any():
        named = ", ".join(repr(name) for name in (judgment, truth, bias, over_time) if name)
        raise DesignError(
            f"no row has a value in every one of {named}: look whether the truth stands on the perceiver's own row "
            "(panel.actor_partner makes such columns)."
        )
    group = _groups(panel, center)
    zero = group_means(true, group, used)
    _refuse_flat(true - group_means(true, group, used) if center == "person_truth" else true, used, truth, center)
    if leaning is not None and bias is not None:
        own = group_means(leaning, group, used)
        _refuse_flat(leaning - own if center == "person_truth" else leaning, used, bias, center)
        leaning = np.where(used, leaning - (own if bias_center == "own" else zero), np.nan)
    return Centred(
        judgment=np.where(used, judged - zero, np.nan),
        truth=np.where(used, true - zero, np.nan),
        bias=leaning,
        used=used,
    )


def _groups(panel: DyadPanel, center: Centre) -> Ints:
    """Code of the rows that share a zero."""
    index = panel.index
    if center == "person_truth":
        return index.person
    if center == "role_truth":
        if len(index.roles) < 2:
            raise DesignError("center='role_truth' needs two roles: name role when making the panel, or use 'truth'.")
        return np.asarray(index.role - index.role.min())
    return np.zeros_like(index.person)


def _refuse_flat(values: Array, used: Flags, name: str, center: Centre) -> None:
    seen = values[used]
    if float(np.ptp(seen)) <= _CONSTANT * max(float(np.abs(seen).max()), 1.0):
        where = " within any person" if center == "person_truth" else ""
        fix = " Use center='truth'." if center == "person_truth" else " Leave it out."
        raise DesignError(f"{name!r} does not vary{where}, so no force of it can be estimated.{fix}")
