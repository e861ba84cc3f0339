"""Sizes of a change between two phases: standardised mean differences and log response ratios.

Pustejovsky (2018, Journal of School Psychology 68, 99-112) for the response ratio; Hedges (1981) for the correction of
the standardised difference.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from reldyn._types import Array, Column
from reldyn.errors import check_option
from reldyn.intervention._overlap import IMPROVEMENTS, Improvement, Index
from reldyn.intervention._phases import chosen_names, partners_together, phase_series
from reldyn.panel import analysis
from reldyn.results import TableResult

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

Size = Literal["smd", "smd_pooled", "lrr_increasing", "lrr_decreasing"]

__all__ = ["CaseEffectSizes", "SIZES", "effect_size", "size_of_change"]


class CaseEffectSizes(TableResult):
    """What `effect_size` found."""


SIZES: tuple[str, ...] = get_args(Size)
_Z = 1.959963984540054


@analysis
def effect_size(
    panel: DyadPanel,
    *,
    outcome: Column,
    phase: Column,
    phases: Sequence[Hashable] | None = None,
    improvement: Improvement = "increase",
    sizes: Sequence[Size] | None = None,
) -> CaseEffectSizes:
    """Describe by how much the later phase of each person's series differs from the earlier one.

    Parameters
    ----------
    panel : DyadPanel
    outcome, phase : str
        Columns: the answers, and the label of the phase.
    phases : pair, optional
        The two labels to compare, the earlier first. None: the two that there are.
    improvement : {"increase", "decrease"}, default "increase"
        Which direction gives a positive standardised difference. The two response ratios name their own direction.
    sizes : sequence of str, optional
        Which; None gives all: see Notes.

    Returns
    -------
    CaseEffectSizes
        A table that is used like a data frame.
        One row per person and size: ``dyad``, ``person``, ``role``, ``size``, ``estimate``, ``std_error``,
        ``conf_low``, ``conf_high`` (95 %, normal), ``baseline_sd``, ``n_before``, ``n_after``, ``note``.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        An option is not known, or the column has not two phases.

    Notes
    -----
    ``smd``: difference of means over the SD of the earlier phase, corrected for its few occasions; ``smd_pooled``: over
    the pooled SD. ``lrr_increasing``: log of the ratio of means, corrected for small samples, positive where answers
    rose; ``lrr_decreasing`` its negative. A ratio needs a scale whose zero means none: an item from 1 to 7 has none
    unless 1 is first made 0. All errors take occasions for independent: in autocorrelated series they are too small.

    References
    ----------
    Pustejovsky (2018), Journal of School Psychology 68, 99-112. Hedges (1981), Journal of Educational Statistics 6,
    107-128.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.intervention(n_dyads=1, level=2.0, seed=1).panel
    >>> found = rd.intervention.effect_size(panel, outcome="closeness", phase="phase", sizes=["smd"])
    >>> bool((found["estimate"] > 1).all())
    True
    """
    import pandas as pd

    check_option(improvement, IMPROVEMENTS, "improvement")
    wanted = chosen_names(sizes, SIZES, "sizes", "size")
    series, _ = phase_series(panel, outcome, phase, phases)
    rows = []
    for one in series:
        before, after = one.before_values, one.after_values
        for place, name in enumerate(wanted):
            reason = one.lacking(3 if name == "smd" else 2, 2) or _reason(name, before, after)
            found = Index(math.nan) if reason else size_of_change(name, before, after)
            if improvement == "decrease" and name.startswith("smd"):
                found = _turned(found)
            cells = {**one.identity, "size": name, **{key: v for key, v in vars(found).items() if key != "p_value"}}
            cells["baseline_sd"] = float(before.std(ddof=1)) if len(before) > 1 else math.nan
            cells |= {"n_before": len(before), "n_after": len(after)}
            still = "" if reason or found.std_error > 0 else "neither phase varies: no interval"
            cells["note"] = "; ".join(part for part in (*one.notes, reason, still) if part)
            rows.append((one, place, cells))
    return CaseEffectSizes.of(table=pd.DataFrame(partners_together(rows)))


def _reason(name: str, before: Array, after: Array) -> str:
    if name.startswith("lrr"):
        if min(before.mean(), after.mean()) <= 0 or min(before.min(), after.min()) < 0:
            return "a ratio of means needs answers that are not negative and means above 0"
        return ""
    if np.ptp(before) == 0 and (name == "smd" or np.ptp(after) == 0):
        return "the answers of the earlier phase never vary" if name == "smd" else "the outcome never varies"
    return ""


def size_of_change(name: str, before: Array, after: Array) -> Index:
    """Compute one effect size from the answers of the two phases.

    Parameters
    ----------
    name : {"smd", "smd_pooled", "lrr_increasing", "lrr_decreasing"}
    before, after : (m,) and (n,) arrays

    Returns
    -------
    Index

    Examples
    --------
    >>> round(size_of_change("lrr_increasing", np.array([2.0, 2.0]), np.array([4.0, 4.0])).estimate, 3)
    0.693
    """
    check_option(name, SIZES, "size")
    if name.startswith("lrr"):
        found = _response_ratio(before, after)
        return found if name == "lrr_increasing" else _turned(found)
    return _standardised(before, after, pooled=name == "smd_pooled")


def _standardised(before: Array, after: Array, *, pooled: bool) -> Index:
    m, n = len(before), len(after)
    variances = float(before.var(ddof=1)), float(after.var(ddof=1))
    df = m + n - 2 if pooled else m - 1
    squared = ((m - 1) * variances[0] + (n - 1) * variances[1]) / df if pooled else variances[0]
    correction = 1 - 3 / (4 * df - 1)
    value = correction * float(after.mean() - before.mean()) / math.sqrt(squared)
    means = 1 / m + 1 / n if pooled else 1 / m + variances[1] / (n * variances[0])
    return _normal(value, correction * math.sqrt(means + value**2 / (2 * df)))


def _response_ratio(before: Array, after: Array) -> Index:
    means = float(before.mean()), float(after.mean())
    parts = [
        float(values.var(ddof=1)) / (len(values) * mean**2) for values, mean in zip((before, after), means, strict=True)
    ]
    value = math.log(means[1] / means[0]) + (parts[1] - parts[0]) / 2
    return _normal(value, math.sqrt(sum(parts)))


def _normal(value: float, error: float) -> Index:
    if not error > 0:
        return Index(value, error)
    return Index(value, error, value - _Z * error, value + _Z * error)


def _turned(index: Index) -> Index:
    return Index(-index.estimate, index.std_error, -index.conf_high, -index.conf_low, index.p_value)
