"""Which natural parameters a residual process has, and how its matrices are built from them.

With theta the natural parameters (r of them), each matrix of a process is linear in theta, so that one set of basis
matrices per matrix says everything, ties between the roles included:

- S (2, 2): the covariance of an occasion (`independent`, `unstructured`), the innovation covariance per step (`ar1`,
  `var1`), or the innovation covariance rate per unit of time (`car1`);
- Phi (2, 2): the transition per step; element (j, k) is the carry-over from member k to member j. For `car1` the
  diagonal matrix of decay rates per unit of time;
- E (2, 2): the diagonal matrix of measurement-error variances.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from reldyn._types import Array
from reldyn.mixed.spec._options import Residual

_FIRST = np.array([[1.0, 0.0], [0.0, 0.0]])
_SECOND = np.array([[0.0, 0.0], [0.0, 1.0]])
_BOTH = np.eye(2)
_SWAP = np.array([[0.0, 1.0], [1.0, 0.0]])


@dataclass(frozen=True, slots=True)
class Structure:
    """The linear make-up of a residual process.

    Attributes
    ----------
    names : tuple of r strings
        Natural parameters: those of S, then of Phi, then of E.
    innovation, transition, error : arrays (r, 2, 2)
        Basis matrices of S, Phi and E.
    sizes : tuple of three ints
        How many parameters belong to S, Phi and E; they add up to r.
    tied_variances, tied_transition : bool
        Whether the two roles share their variances, and their transition up to role swap.
    """

    names: tuple[str, ...]
    innovation: Array
    transition: Array
    error: Array
    sizes: tuple[int, int, int]
    tied_variances: bool
    tied_transition: bool


@lru_cache(maxsize=64)
def structure(residual: Residual, exchangeable: bool) -> Structure:
    """Read the make-up of a process off its options."""
    tied_variances = exchangeable or residual.equal_variances
    tied_transition = exchangeable or residual.common
    groups = (
        _covariance_terms(residual, tied_variances),
        _transition_terms(residual, tied_transition),
        _variance_terms("error_variance", tied_variances) if residual.measurement_error else {},
    )
    names = tuple(name for group in groups for name in group)
    bases = np.zeros((3, len(names), 2, 2))
    row = 0
    for basis, group in zip(bases, groups, strict=True):
        for matrix in group.values():
            basis[row] = matrix
            row += 1
    bases.setflags(write=False)
    sizes = (len(groups[0]), len(groups[1]), len(groups[2]))
    return Structure(names, bases[0], bases[1], bases[2], sizes, tied_variances, tied_transition)


def _covariance_terms(residual: Residual, tied: bool) -> dict[str, Array]:
    prefix = "innovation_" if residual.serial else ""
    terms = _variance_terms(f"{prefix}variance", tied)
    return terms if residual.process == "independent" else terms | {f"{prefix}covariance": _SWAP}


def _variance_terms(name: str, tied: bool) -> dict[str, Array]:
    return {name: _BOTH} if tied else {f"{name}_0": _FIRST, f"{name}_1": _SECOND}


def _transition_terms(residual: Residual, tied: bool) -> dict[str, Array]:
    if not residual.serial:
        return {}
    if residual.process != "var1":
        return _variance_terms("decay" if residual.process == "car1" else "phi", tied)
    if tied:
        return {"phi_actor": _BOTH, "phi_partner": _SWAP}
    return {f"phi_{j}{k}": np.outer(_BOTH[j], _BOTH[k]) for j in (0, 1) for k in (0, 1)}
