"""Samples from a fitted model, or of whole dyads, and what they give when the model is fitted again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner.model._design import DesignRows, problem_of, structure_of
from reldyn.errors import DesignError
from reldyn.stats import Resamples, dyad_bootstrap, parametric_bootstrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._result import MixedResult
    from reldyn.mixed import Estimation

__all__ = ["bootstrap_effects", "bootstrap_statistics"]


def bootstrap_statistics(smaller: MixedResult, larger: MixedResult, estimation: Estimation) -> Resamples:
    """Likelihood-ratio statistics of outcomes drawn from the smaller model; NaN where a fit failed."""
    from reldyn.mixed import simulator

    draw = simulator(smaller._engine)
    # Copies without what verbs have cached: workers are sent no more than they need.
    smaller, larger = dataclasses.replace(smaller), dataclasses.replace(larger)

    def statistic(y: NDArray[np.float64]) -> float:
        drawn = smaller.design.rescaled(y)
        fits = [_refit(result, dataclasses.replace(result.design, y=drawn)) for result in (smaller, larger)]
        if any(fit is None or not fit.converged for fit in fits):
            return np.nan
        return float(max(0.0, 2.0 * (fits[1].log_likelihood - fits[0].log_likelihood)))

    return parametric_bootstrap(
        draw,
        statistic,
        n_boot=estimation.n_boot,
        seed=estimation.seed,
        n_jobs=estimation.n_jobs,
    )


def bootstrap_effects(result: MixedResult, estimation: Estimation) -> Resamples:
    """Fixed effects of samples of whole dyads; NaN rows where a fit failed."""
    result = dataclasses.replace(result)
    design = result.design
    order = np.argsort(design.dyad, kind="stable")
    bounds = np.searchsorted(design.dyad[order], np.arange(design.n_dyads + 1))

    def effects(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        fit = _refit(result, _drawn_again(design, order, bounds, drawn))
        return np.full(len(design.fixed), np.nan) if fit is None or not fit.converged else np.asarray(fit.beta)

    return dyad_bootstrap(
        effects,
        design.n_dyads,
        strata=design.stratum,
        n_boot=estimation.n_boot,
        seed=estimation.seed,
        n_jobs=estimation.n_jobs,
    )


def _drawn_again(
    design: DesignRows, order: NDArray[np.int64], bounds: NDArray[np.int64], drawn: NDArray[np.int64]
) -> DesignRows:
    """The rows of these dyads, a dyad drawn twice entering as two."""
    pieces = [order[bounds[dyad] : bounds[dyad + 1]] for dyad in drawn]
    rows = np.concatenate(pieces)
    return dataclasses.replace(
        design,
        y=design.y[rows],
        base=design.base[rows],
        offset=None if design.offset is None else design.offset[rows],
        weights=None if design.weights is None else design.weights[rows],
        rows=design.rows[rows],
        dyad=np.repeat(np.arange(len(drawn)), [len(piece) for piece in pieces]),
        member=design.member[rows],
        step=design.step[rows],
        stratum=design.stratum[drawn],
        dyad_labels=tuple(design.dyad_labels[dyad] for dyad in drawn),
    )


def _refit(result: MixedResult, design: DesignRows) -> Any:
    """The same model on other rows; None where they cannot carry it."""
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
