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
    from reldyn.mixed import Contrasts, JointTest, Residual, Wald

__all__ = ["CarryOver", "carry_over", "tidy_residual"]

EFFECTS = ("stability", "influence")
NUMBERS = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")
_FIELDS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")


@dataclass(frozen=True)
class CarryOverTerm:
    """A row of ``tidy("residual")`` that contrasts may name."""

    name: str
    effect: str
    role: Any
    composition: str


@dataclass(frozen=True)
class _Row:
    """A sum of natural residual parameters, and what the table says of it."""

    term: str
    effect: str
    role: Any
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class CarryOver:
    """Stability and influence of all compositions, and normal inference about sums of them.

    Attributes
    ----------
    columns : tuple of CarryOverTerm
        What sums are made of, then what differs between roles; composition by composition.
    weights : (terms, parameters) array
        Of the natural parameters of all compositions in a row.
    natural : (parameters,) array
    covariance : (parameters, parameters) array
    blocks : tuple of (slice, bool)
        Parameters of each composition, and whether its members are exchangeable.
    residual : Residual
    """

    columns: tuple[CarryOverTerm, ...]
    weights: NDArray[np.float64]
    natural: NDArray[np.float64]
    covariance: NDArray[np.float64]
    blocks: tuple[tuple[slice, bool], ...]
    residual: Residual

    def contrasts(self, rows: NDArray[np.float64]) -> Contrasts:
        """Each row of weights of the terms; intervals keep a process stationary, but across compositions."""
        from reldyn.mixed import Contrasts, process_contrasts

        weights = np.asarray(rows) @ self.weights
        parts = []
        for row in weights:
            touched = [block for block in self.blocks if row[block[0]].any()]
            if len(touched) == 1:
                here, alike = touched[0]
                spread = self.covariance[here, here]
                parts.append(process_contrasts(self.residual, alike, self.natural[here], spread, [row[here]]))
            else:
                parts.append(self._wald().contrasts([row]))
        return Contrasts(*(np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS))

    def joint(self, rows: NDArray[np.float64]) -> JointTest:
        """Wald test that all rows are zero."""
        return self._wald().joint(np.asarray(rows) @ self.weights)

    def _wald(self) -> Wald:
        from reldyn.actor_partner.model._modelled import JointNormal

        return JointNormal(self.natural, self.covariance)


def carry_over(design: DesignRows, estimates: Estimates, residual: Residual) -> CarryOver:
    """Stability and influence of a `var1` residual process.

    Raises
    ------
    DesignError
        The fit has no information about it.
    """
    if not estimates.cov_parameters.size:
        raise DesignError(
            "standard errors of a residual process belong to one fit of complete rows: fit with missing='available'."
        )
    sizes = [len(part) for part in estimates.natural]
    begin = len(estimates.cov_parameters) - sum(sizes)
    columns, weights, blocks, place = [], [], [], 0
    for stratum, size in zip(design.strata, sizes, strict=True):
        here = slice(place, place + size)
        place += size
        blocks.append((here, stratum.exchangeable))
        composition = stratum.label if len(design.strata) > 1 else ""
        for row in _rows(stratum, residual, design.outcome):
            name = ", ".join(part for part in (row.term, composition, str(row.role)) if part)
            columns.append(CarryOverTerm(name, row.effect, row.role, composition))
            weights.append(np.zeros(sum(sizes)))
            weights[-1][here] = row.weights
    return CarryOver(
        columns=tuple(columns),
        weights=np.array(weights),
        natural=np.concatenate(estimates.natural),
        covariance=estimates.cov_parameters[begin:, begin:],
        blocks=tuple(blocks),
        residual=residual,
    )


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

    if residual.process != "var1":
        return tidy_process(design, estimates, residual)
    terms = carry_over(design, estimates, residual)
    found = terms.contrasts(np.eye(len(terms.columns)))
    frame = pd.DataFrame(
        {
            "term": [term.name for term in terms.columns],
            "effect": [term.effect for term in terms.columns],
            "variable": design.outcome,
            "level": "within",
            "role": pd.Series([term.role for term in terms.columns], dtype=object),
        }
    )
    if len(design.strata) > 1:
        frame["composition"] = [term.composition for term in terms.columns]
    frame = frame.assign(**{name: getattr(found, name) for name in NUMBERS}, note="")
    return pd.concat([frame, tidy_process(design, estimates, residual)], ignore_index=True)


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
