"""Stability and influence of a `var1` residual process: a table like that of the fixed effects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DesignError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._design import DesignRows
    from reldyn.actor_partner.model._estimates import Estimates
    from reldyn.actor_partner.model._terms import Stratum
    from reldyn.mixed import Residual

__all__ = ["tidy_residual"]

EFFECTS = ("stability", "influence")
NUMBERS = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")


@dataclass(frozen=True)
class _Row:
    """A sum of natural residual parameters, and what the table says of it."""

    term: str
    effect: str
    role: Any
    weights: NDArray[np.float64]


def tidy_residual(design: DesignRows, estimates: Estimates, residual: Residual) -> pd.DataFrame:
    """Stability and influence per role, and their differences between roles; the table of ``tidy("residual")``.

    Processes without a transition have the rows of `tidy_process`.

    Raises
    ------
    DesignError
        The fit has no information about it.
    """
    import pandas as pd

    from reldyn.actor_partner.model._components import tidy_process
    from reldyn.mixed import process_contrasts

    if residual.process != "var1":
        return tidy_process(design, estimates, residual)
    if not estimates.cov_parameters.size:
        raise DesignError(
            "standard errors of a residual process belong to one fit of complete rows: fit with missing='available'."
        )
    sizes = [len(part) for part in estimates.natural]
    begin = len(estimates.cov_parameters) - sum(sizes)
    parts = []
    for stratum, natural, size in zip(design.strata, estimates.natural, sizes, strict=True):
        here = slice(begin, begin + size)
        begin += size
        rows = list(_rows(stratum, residual, design.outcome))
        weights = np.array([row.weights for row in rows])
        found = process_contrasts(
            residual, stratum.exchangeable, natural, estimates.cov_parameters[here, here], weights
        )
        composition = stratum.label if len(design.strata) > 1 else ""
        frame = pd.DataFrame(
            {
                "term": [", ".join(part for part in (row.term, composition, str(row.role)) if part) for row in rows],
                "effect": [row.effect for row in rows],
                "variable": design.outcome,
                "level": "within",
                "role": pd.Series([row.role for row in rows], dtype=object),
            }
            | ({"composition": composition} if composition else {})
        )
        parts.append(frame.assign(**{name: getattr(found, name) for name in NUMBERS}, note=""))
    return pd.concat([*parts, tidy_process(design, estimates, residual)], ignore_index=True)


def _rows(stratum: Stratum, residual: Residual, outcome: str) -> Iterator[_Row]:
    """The rows of one composition: both effects of each role, then what differs between roles."""
    from reldyn.mixed import natural_names

    names = natural_names(residual, stratum.exchangeable)
    unit = dict(zip(names, np.eye(len(names)), strict=True))
    if "phi_actor" in unit:
        for effect, name in zip(EFFECTS, ("phi_actor", "phi_partner"), strict=True):
            yield _Row(f"{effect} of {outcome}", effect, "", unit[name])
        return
    pairs = {"stability": ("phi_00", "phi_11"), "influence": ("phi_01", "phi_10")}
    for effect, both in pairs.items():
        for role, name in zip(stratum.roles, both, strict=True):
            yield _Row(f"{effect} of {outcome}", effect, role, unit[name])
    first, second = stratum.roles
    for effect, (one, other) in pairs.items():
        yield _Row(f"{effect} of {outcome}, {first} - {second}", "contrast", "", unit[one] - unit[other])
