"""Rows of persons or dyads brought into the form of the mixed-model engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._types import Array, Ints
from reldyn.errors import DesignError

if TYPE_CHECKING:
    from reldyn.mixed import Problem, RandomStructure, Residual
    from reldyn.panel import DyadPanel


__all__ = ["Units", "dyad_units", "per_member", "person_units"]


@dataclass(frozen=True)
class Units:
    """A problem for the engine and what its parts mean.

    Attributes
    ----------
    problem : Problem
    structure : RandomStructure
    residual : Residual
    codes : (units,) int array
        Person or dyad code of each unit of the problem.
    """

    problem: Problem
    structure: RandomStructure
    residual: Residual
    codes: Ints


def person_units(y: Array, X: Array, Z: Array, person: Ints, names: tuple[str, ...]) -> Units:
    """Each person is a unit of its own: random effects of Z, independent residuals of one variance."""
    from reldyn.mixed import Problem, Residual, random_structure

    codes, unit = np.unique(person, return_inverse=True)
    member = np.zeros(len(y), dtype=np.int64)
    # A single member per unit: the running number keeps any two rows apart.
    problem = Problem(y, X, Z, unit, member, np.arange(len(y)), exchangeable=(True,), x_labels=names, z_labels=names)
    return Units(problem, random_structure(names), Residual("independent"), codes)


def per_member(columns: Array, member: Ints) -> Array:
    """Each column twice: its values at member 0, then at member 1."""
    return np.column_stack([columns[:, j] * (member == code) for j in range(columns.shape[1]) for code in (0, 1)])


def dyad_units(
    panel: DyadPanel, row: Ints, y: Array, columns: Array, names: tuple[str, ...], *, residual: str
) -> Units:
    """Each dyad is a unit: effects per role (one for both where members are exchangeable), partners correlated.

    Parameters
    ----------
    panel : DyadPanel
    row : (n,) int array
        Row of the panel of each value.
    y : (n,) array
    columns : (n, k) array
        Of the fixed and the random part alike.
    names : tuple of str
        Of the k columns.
    residual : str
        Residual process within an occasion.
    """
    from reldyn.mixed import Problem, Residual, random_structure

    index = panel.index
    member = index.member[row]
    codes, unit = np.unique(index.dyad[row], return_inverse=True)
    distinguishable = len(index.roles) == 2 and not panel.exchangeable_compositions
    if len(index.roles) > 2 or (len(panel.compositions) > 1):
        raise DesignError(
            "partners as one unit needs one kind of dyad, this panel has "
            f"{', '.join(panel.compositions)}: select one with panel.select(compositions=...), or use persons as units."
        )
    Z = per_member(columns, member)
    labels = tuple(f"{name}, {who}" for name in names for who in _members(panel, distinguishable))
    k = len(names)
    swap = None if distinguishable else [j + 1 - 2 * (j % 2) for j in range(2 * k)]
    options: dict[str, Any] = {
        "exchangeable": (not distinguishable,),
        "x_labels": labels if distinguishable else names,
        "z_labels": labels,
    }
    X = Z if distinguishable else columns
    problem = Problem(y, X, Z, unit, member, index.occasion[row], **options)
    return Units(problem, random_structure(labels, swap=swap), Residual(residual), codes)  # type: ignore[arg-type]


def _members(panel: DyadPanel, distinguishable: bool) -> tuple[str, str]:
    if not distinguishable:
        return "1", "2"
    first, second = panel.index.roles
    return str(first), str(second)
