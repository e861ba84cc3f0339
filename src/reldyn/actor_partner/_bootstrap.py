"""Samples from a fitted model, or of whole dyads, and what they give when the model is fitted again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner._design import DesignRows, problem_of, structure_of
from reldyn.actor_partner._simulate import simulate_outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.actor_partner._result import MixedResult
    from reldyn.mixed import Estimation

__all__ = ["bootstrap_statistics", "dyad_bootstrap", "known_seed"]


def known_seed(seed: Any) -> int:
    """A seed that can be stored: the integer given, or one drawn from what was given."""
    if isinstance(seed, (int, np.integer)):
        return int(seed)
    generator = np.random.default_rng(seed)
    return int(generator.integers(2**63))


def bootstrap_statistics(
    smaller: MixedResult, larger: MixedResult, estimation: Estimation
) -> tuple[NDArray[np.float64], int]:
    """Likelihood-ratio statistics of outcomes drawn from the smaller model; NaN where a fit failed."""
    # Copies without what verbs have cached: workers are sent no more than they need.
    smaller, larger = dataclasses.replace(smaller), dataclasses.replace(larger)

    def one(generator: np.random.Generator) -> float:
        y = simulate_outcome(smaller.design, smaller.estimates, generator)
        fits = [_refit(result, dataclasses.replace(result.design, y=y)) for result in (smaller, larger)]
        if any(fit is None or not fit.converged for fit in fits):
            return np.nan
        return float(max(0.0, 2.0 * (fits[1].log_likelihood - fits[0].log_likelihood)))

    seed = known_seed(estimation.seed)
    return np.array(_repeat(one, estimation.n_boot, seed, estimation.n_jobs)), seed


def dyad_bootstrap(result: MixedResult, estimation: Estimation) -> tuple[NDArray[np.float64], int]:
    """Fixed effects of samples of whole dyads drawn with replacement, (n_boot, p); NaN rows where a fit failed."""
    result = dataclasses.replace(result)
    design = result.design
    order = np.argsort(design.dyad, kind="stable")
    bounds = np.searchsorted(design.dyad[order], np.arange(design.n_dyads + 1))

    def one(generator: np.random.Generator) -> NDArray[np.float64]:
        fit = _refit(result, _resampled(design, order, bounds, generator))
        return np.full(len(design.fixed), np.nan) if fit is None or not fit.converged else fit.beta

    seed = known_seed(estimation.seed)
    return np.array(_repeat(one, estimation.n_boot, seed, estimation.n_jobs)), seed


def _resampled(
    design: DesignRows, order: NDArray[np.int64], bounds: NDArray[np.int64], generator: np.random.Generator
) -> DesignRows:
    """Whole dyads drawn with replacement within each composition, a dyad drawn twice entering as two."""
    drawn = np.concatenate(
        [
            generator.choice(np.flatnonzero(design.stratum == code), np.count_nonzero(design.stratum == code))
            for code in range(len(design.strata))
        ]
    )
    pieces = [order[bounds[dyad] : bounds[dyad + 1]] for dyad in drawn]
    rows = np.concatenate(pieces)
    return dataclasses.replace(
        design,
        y=design.y[rows],
        base=design.base[rows],
        rows=design.rows[rows],
        dyad=np.repeat(np.arange(len(drawn)), [len(piece) for piece in pieces]),
        member=design.member[rows],
        step=design.step[rows],
        stratum=design.stratum[drawn],
        dyad_labels=tuple(design.dyad_labels[dyad] for dyad in drawn),
    )


def _refit(result: MixedResult, design: DesignRows) -> Any:
    """The same model on other rows; None where they cannot carry it."""
    from reldyn.errors import DesignError
    from reldyn.mixed import fit_mixed

    setting = result.setting
    try:
        return fit_mixed(
            problem_of(design),
            structure_of(design, setting.random),
            setting.residual,
            result.estimates.method,  # type: ignore[arg-type]
            warn=False,
        )
    except DesignError:
        return None


def _repeat(function: Callable[[np.random.Generator], Any], count: int, seed: int, n_jobs: int) -> list[Any]:
    """Call with one generator per repetition: the same numbers whatever the number of workers."""
    from joblib import Parallel, delayed
    from tqdm import tqdm

    seeds = np.random.SeedSequence(seed).spawn(count)
    with tqdm(seeds, desc="bootstrap", unit="sample", delay=2, disable=None, leave=False) as shown:
        if n_jobs == 1:
            return [function(np.random.default_rng(one)) for one in shown]
        return list(Parallel(n_jobs=n_jobs)(delayed(function)(np.random.default_rng(one)) for one in shown))
