"""Paths of a mediation model in samples of whole dyads.

Given complete dyads the model is two systems of regressions, of the mediators and of the outcome, whose residuals
correlate within a system. Maximum likelihood is generalised least squares with the residuals' covariance, in turn,
until both stay (Oberhofer and Kmenta, 1974); it needs the cross-products of a sample only, so that many samples are
estimated at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.actor_partner.moments._moments import MissingPattern, Moments
from reldyn.actor_partner.moments._sem import Structure, fisher_scoring

__all__ = ["bootstrap_paths", "incomplete_bootstrap_paths"]

CHUNK = 500
MOST_STEPS = 200
# Largest step of a standardised coefficient at which generalised least squares counts as reached.
STEP = 1e-11
LARGEST_CONDITION = 1e12


@dataclass(frozen=True)
class System:
    """Regressions with correlated residuals.

    Attributes
    ----------
    responses : (e,) int array
        Columns of the responses among the cross-products, whose column 0 is the constant.
    equation, regressor, parameter : (c,) int arrays
        One cell per term: its equation, the column of its regressor, and its parameter among ``labels``.
    labels : tuple of str
    swap : bool
        Whether the residuals' covariance is equal under a swap of adjacent responses.
    """

    responses: Ints
    equation: Ints
    regressor: Ints
    parameter: Ints
    labels: tuple[str, ...]
    swap: bool


def _systems(structure: Structure, groups: Sequence[Sequence[str]], alike: bool) -> list[System]:
    """The regressions of each group of responses."""
    column = {name: 1 + at for at, name in enumerate(structure.observed)}
    systems = []
    for responses in groups:
        entries = [e for e in structure.entries if e.to in responses and e.matrix in ("A", "m")]
        labels = tuple(dict.fromkeys(e.label for e in entries))
        systems.append(
            System(
                responses=np.array([column[name] for name in responses]),
                equation=np.array([list(responses).index(e.to) for e in entries]),
                regressor=np.array([column[e.source] if e.source else 0 for e in entries]),
                parameter=np.array([labels.index(e.label) for e in entries]),
                labels=labels,
                swap=alike,
            )
        )
    return systems


def _solve(system: System, products: Array) -> Array:
    """Parameters (b, k) from mean cross-products (b, q, q); NaN where they are undetermined."""
    size, k = len(products), len(system.labels)
    e, w = system.equation, system.regressor
    pick = np.zeros((len(e), k))
    pick[np.arange(len(e)), system.parameter] = 1.0
    crossed = products[:, system.responses]
    regressors = products[:, w[:, None], w]
    weights = np.zeros((size, len(system.responses), len(system.responses)))
    weights[:] = np.eye(len(system.responses))
    theta: Array = np.zeros((size, k))
    good = np.ones(size, dtype=bool)
    settled = np.zeros(size, dtype=bool)
    for step in range(MOST_STEPS):
        gram = pick.T @ (weights[:, e[:, None], e] * regressors) @ pick
        if step == 0:
            good = np.linalg.cond(gram) < LARGEST_CONDITION
        gram[~good] = np.eye(k)
        right = (weights @ crossed)[:, e, w] @ pick
        nearer = np.asarray(np.linalg.solve(gram, right[:, :, None])[:, :, 0], dtype=float)
        settled = good & (np.abs(nearer - theta).max(axis=1) < STEP)
        theta = nearer
        if settled[good].all():
            break
        weights, regular = _weights(system, products, theta, good)
        good &= regular
    theta[~settled] = np.nan
    return theta


def _weights(system: System, products: Array, theta: Array, good: Flags) -> tuple[Array, Flags]:
    """Inverse covariance of the residuals, and where there is one: few dyads leave samples that fit exactly."""
    slopes = np.zeros((len(theta), len(system.responses), products.shape[1]))
    slopes[:, system.equation, system.regressor] = theta[:, system.parameter]
    mixed = slopes @ products[:, :, system.responses]
    spread = products[:, system.responses[:, None], system.responses] - mixed - mixed.transpose(0, 2, 1)
    spread += slopes @ products @ slopes.transpose(0, 2, 1)
    if system.swap:
        other = np.arange(len(system.responses)).reshape(-1, 2)[:, ::-1].ravel()
        spread = 0.5 * (spread + spread[:, other[:, None], other])
    spread[~good] = np.eye(len(system.responses))
    regular = np.asarray(np.linalg.cond(spread) < LARGEST_CONDITION)
    spread[~regular] = np.eye(len(system.responses))
    return np.asarray(np.linalg.inv(spread)), regular


def bootstrap_paths(
    values: Array,
    structure: Structure,
    groups: Sequence[Sequence[str]],
    labels: Sequence[str],
    n_boot: int,
    generator: np.random.Generator,
    *,
    alike: bool,
    n_shared: int = 0,
) -> Array:
    """Paths of samples of whole dyads, (n_boot, labels); NaN rows where undetermined.

    Parameters
    ----------
    values : (n, p) array
        Complete dyads; columns in the order of the structure's variables.
    structure : Structure
    groups : sequence of sequences of str
        Responses of each system, members of a variable side by side.
    labels : sequence of str
        Which parameters.
    n_boot : int
    generator : Generator
    alike : bool
        Whether members share their parameters.
    n_shared : int
        How many of the last columns belong to the dyad.
    """
    n = len(values)
    centre, scale = _units(values, n_shared if alike else values.shape[1])
    whole = np.column_stack([np.ones(n), (values - centre) / scale])
    crossed = np.einsum("ni,nj->nij", whole, whole).reshape(n, -1)
    systems = _systems(structure, groups, alike)
    known = [label for system in systems for label in system.labels]
    where = [known.index(label) for label in labels]
    unit = _unit_of(structure, labels, scale)
    samples = np.full((n_boot, len(labels)), np.nan)
    for start in range(0, n_boot, CHUNK):
        size = min(CHUNK, n_boot - start)
        # How often each dyad was drawn is all that its cross-products need.
        counts = generator.multinomial(n, np.full(n, 1 / n), size=size)
        products = (counts @ crossed).reshape(size, whole.shape[1], whole.shape[1]) / n
        solved = np.hstack([_solve(system, products) for system in systems])
        samples[start : start + size] = solved[:, where] * unit
    return samples


def _units(values: Array, n_single: int) -> tuple[Array, Array]:
    """Centre and scale of each variable; both members have one, but for the last ``n_single`` columns."""
    centre, scale = values.mean(axis=0), values.std(axis=0)
    n_paired = values.shape[1] - n_single
    both = values[:, :n_paired].reshape(len(values), -1, 2)
    centre[:n_paired] = np.repeat(both.mean(axis=(0, 2)), 2)
    scale[:n_paired] = np.repeat(both.std(axis=(0, 2)), 2)
    return centre, scale


def _unit_of(structure: Structure, labels: Sequence[str], scale: Array) -> Array:
    """What a standardised path is multiplied with."""
    where = {name: at for at, name in enumerate(structure.observed)}
    ends = {e.label: (where[e.to], where[e.source]) for e in structure.entries if e.matrix == "A"}
    return np.array([scale[ends[label][0]] / scale[ends[label][1]] for label in labels])


def incomplete_bootstrap_paths(
    values: Array,
    structure: Structure,
    moments: Moments,
    theta: Array,
    labels: Sequence[str],
    n_boot: int,
    generator: np.random.Generator,
) -> Array:
    """The same for incomplete dyads: full-information maximum likelihood in each sample, from the estimates ``theta``.

    Parameters
    ----------
    values : (n, p) array
        NaN where missing.
    structure, moments
        What was fitted, and to what.
    theta : (k,) array
    labels, n_boot, generator
        As in `bootstrap_paths`.
    """
    n, where = len(values), [structure.labels.index(label) for label in labels]
    kinds, which = np.unique(np.isfinite(values), axis=0, return_inverse=True)
    samples = np.full((n_boot, len(labels)), np.nan)
    for at in range(n_boot):
        counts = generator.multinomial(n, np.full(n, 1 / n))
        parts = tuple(_weighted(values, kinds, which.ravel(), counts))
        solved = fisher_scoring(structure, theta, Moments(moments.mean, moments.cov, n, parts))
        samples[at] = solved[where]
    return samples


def _weighted(values: Array, kinds: Flags, which: Ints, counts: Ints) -> Iterator[MissingPattern]:
    for number, kind in enumerate(kinds):
        rows = np.flatnonzero((which == number) & (counts > 0))
        if not len(rows):
            continue
        index, share = np.flatnonzero(kind), counts[rows] / counts[rows].sum()
        own = values[np.ix_(rows, index)]
        mean = share @ own
        yield MissingPattern(index, mean, (own - mean).T @ ((own - mean) * share[:, None]), int(counts[rows].sum()))
