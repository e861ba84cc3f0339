"""Two roles on two response scales: what their tests can say, and what compares units."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reldyn.errors import DesignError
from reldyn.stats import METRIC_FACTOR, different_metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._terms import Stratum
    from reldyn.panel import DyadPanel

__all__ = ["metric_note", "refuse_one_zero", "unequal_metrics", "withheld_for"]

# About how many rows are looked at first.
_PROBE = 1000


def unequal_metrics(panel: DyadPanel, names: Iterable[str], strata: Sequence[Stratum]) -> tuple[str, ...]:
    """Variables that the two roles of a composition answered on scales of very different width.

    A declared response scale holds for both roles, so a variable with one is never named.
    """
    index = panel.index
    code_of = {label: code for code, label in enumerate(index.roles)}
    declared = [stratum.roles for stratum in strata if stratum.roles]
    pairs: list[tuple[Hashable, ...]] = declared or ([tuple(index.roles)] if len(index.roles) == 2 else [])
    rows: dict[int, NDArray[np.int64]] = {}
    found = []
    for name in dict.fromkeys(names):
        if name in panel.scales or not _is_numeric(panel, name):
            continue
        values = panel.values(name)
        if not _may_differ(values, index.role, len(index.roles)):
            continue
        rows = rows or {code: np.flatnonzero(index.role == code) for code in range(len(index.roles))}
        if any(different_metrics(*(values[rows[code_of[role]]] for role in pair)) for pair in pairs):
            found.append(name)
    return tuple(found)


def _may_differ(values: NDArray[np.float64], role: NDArray[np.int64], n_roles: int) -> bool:
    """Whether ranges may differ as much as metrics do: not where some rows of each role span a good part of all."""
    # An odd step meets both roles where they alternate.
    step = len(values) // _PROBE | 1
    head, of_head = values[::step], role[::step]
    spans = [np.ptp(part) if (part := head[of_head == code]).size else 0.0 for code in range(n_roles)]
    whole = float(values.max(initial=-np.inf)) - float(values.min(initial=np.inf))
    # Not true either of what is missing or infinite.
    return not whole < METRIC_FACTOR * min(spans, default=0.0)


def _is_numeric(panel: DyadPanel, name: str) -> bool:
    from reldyn.errors import DataError

    try:
        panel.values(name)
    except DataError:
        return False
    return True


def metric_note(names: Sequence[str]) -> tuple[str, ...]:
    """What a careful reader must know about such variables; nothing where there are none."""
    if not names:
        return ()
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return (
        f"The roles' answers to {listed} differ by a factor of 4 or more in range and in standard deviation, as "
        "answers on two response scales do. Each coefficient is in its own units, and its t and p hold. Whatever "
        "compares or pools the roles compares units: k and its pattern, standardised effects, intraclass correlations, "
        "the common centre, the test of distinguishability, coefficients common to both roles. Bring both to one scale "
        "first (for example percent of the maximum possible), or declare DyadPanel(scales={...}) if both did answer "
        "on one.",
    )


def refuse_one_zero(interaction: str | None, centering: Mapping[str, str], unequal: Sequence[str]) -> None:
    """Refuse what needs one zero or one unit for both roles' answers, where they are on two response scales.

    Couple means, products of values around a common centre, and differences between partners; ``centering`` is that of
    the predictors.

    Raises
    ------
    DesignError
    """
    for name in (name for name in centering if name in unequal):
        if centering[name] == "three-level":
            what, why = "centering='three-level'", "a couple's mean of them is meaningless"
        elif interaction == "absolute-difference":
            what, why = f"interaction={interaction!r}", "differences between them are meaningless"
        elif interaction == "product" and centering[name] != "none":
            what, why = f"interaction={interaction!r}", "both are centred at one mean"
        else:
            continue
        raise DesignError(
            f"{what}: {withheld_for([name], unequal)}, and {why}. Bring both to one scale first, for example percent "
            "of the maximum possible, or declare DyadPanel(scales={...}) if both did answer on one."
        )


def withheld_for(names: Iterable[str], unequal: Sequence[str]) -> str:
    """Why a number about these variables is withheld; empty where it is not."""
    touched = [name for name in names if name in unequal]
    if not touched:
        return ""
    return f"the roles' answers to {' and '.join(touched)} are on different scales"
