"""One direction of warmth with what several tests need of it, each computed once: designs, nulls, margins and fits."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np

from reldyn._types import Array, Ints
from reldyn.cycles.ladder._fits import Regimes, fit_dispersions, fit_regimes
from reldyn.cycles.series._nuisance import Prepared, base_design, prepare
from reldyn.cycles.series._series import DirectionSeries
from reldyn.markov.regimes import SojournFit
from reldyn.stats import child_seed, data_key, seed_sequence
from reldyn.surrogate import (
    LinearModels,
    LinearNull,
    Margin,
    cut_answers,
    fit_linear,
    fit_margin,
    latent_linear,
    limit_memory,
    linear_models,
)

__all__ = ["DirectionFits", "direction_seed", "linear_null", "linear_parts"]

# Daytime root of the null that keeps the item's own margin.
SHORT_MEMORY = 0.6


def direction_seed(seed: int | np.random.SeedSequence, series: DirectionSeries) -> np.random.SeedSequence:
    """The seed of a direction's surrogates: keyed by its own ranked answers and gaps, and by nothing else.

    Parameters
    ----------
    seed : int or SeedSequence
    series : DirectionSeries

    Returns
    -------
    SeedSequence
    """
    return child_seed(seed_sequence(seed), *data_key(series.y, series.observed))


@dataclasses.dataclass(frozen=True, eq=False)
class DirectionFits:
    """A series, the seed of its surrogates, and the fits of the observed series that tests share.

    Attributes
    ----------
    series : DirectionSeries
    seed : SeedSequence
        Of this direction alone; every test keys its own generators below it.
    """

    series: DirectionSeries
    seed: np.random.SeedSequence

    @cached_property
    def design(self) -> Array:
        """(n_occasions, n_columns) array of `base_design`."""
        return base_design(self.series)

    @cached_property
    def standardised(self) -> Prepared:
        """The observed series, standardised, with its design."""
        return prepare(self.series.y[None], self.series, self.design)

    @cached_property
    def _models(self) -> LinearModels:
        return linear_models(
            self.series.y, **linear_parts(self.series, self.design, self.standardised.breaks[0]), gaussian=True
        )

    @cached_property
    def null(self) -> LinearNull:
        """The linear null of the normal scores."""
        return self._null("better")

    @cached_property
    def other_null(self) -> LinearNull:
        """The other way of being slow: measurement error in place of an autoregression, or the reverse."""
        return self._null("other")

    @property
    def other_behind(self) -> float:
        """By how much the AIC of the other way of being slow is larger."""
        return self._models.behind

    def _null(self, kind: Literal["better", "other"]) -> LinearNull:
        return fit_linear(
            self.series.y,
            **linear_parts(self.series, self.design, self.standardised.breaks[0]),
            seed=child_seed(self.seed, 0),
            gaussian=True,
            kind=kind,
            models=self._models,
        )

    @cached_property
    def short_null(self) -> LinearNull:
        """The linear null with a daytime memory of at most .60."""
        return limit_memory(self.null, SHORT_MEMORY)

    def behind_items(self, generators: Sequence[np.random.Generator], null: LinearNull | None = None) -> Array:
        """(n, n_occasions, n_channels) answers of a linear null, by default `null`, seen through `margins`."""
        latent = latent_linear(self.null if null is None else null, generators, resample=False)
        return cut_answers(latent, self.margins, self.series.y)

    @cached_property
    def margins(self) -> tuple[Margin, ...]:
        """The closest one-humped margin of every channel."""
        answered = np.where(self.series.observed[:, None], self.series.y, np.nan)
        allowed = self.series.categories or (None,) * answered.shape[1]
        return tuple(fit_margin(own, known) for own, known in zip(answered.T, allowed, strict=True))

    @cached_property
    def departure(self) -> float:
        """By how much the margin of a channel departs from one hump: twice its log-likelihood, of the clearest one."""
        return max(margin.departure for margin in self.margins)

    @cached_property
    def _regimes(self) -> dict[int, Regimes]:
        return {}

    def regimes(self, n_states: int) -> Regimes:
        """Switching fits of the observed series with so many phases."""
        if n_states not in self._regimes:
            self._regimes[n_states] = fit_regimes(self.standardised.data, n_states)
        return self._regimes[n_states]

    @cached_property
    def _dispersions(self) -> dict[int, list[SojournFit]]:
        return {}

    def dispersions(self, n_states: int) -> list[SojournFit]:
        """Fits of the observed series with gamma dwell times at every tabulated dispersion."""
        if n_states not in self._dispersions:
            self._dispersions[n_states] = fit_dispersions(self.standardised.data, self.regimes(n_states))
        return self._dispersions[n_states]


def linear_parts(series: DirectionSeries, design: Array, breaks: Ints) -> dict[str, Any]:
    """Give what a linear model of a direction is fitted with: nights, steps, design and the changes of level found.

    Parameters
    ----------
    series : DirectionSeries
    design : (n_occasions, n_columns) array
    breaks : (2,) int array
        First occasion of each new level; negative where there is none.

    Returns
    -------
    dict of str to array
        ``night``, ``elapsed`` and ``design`` of `reldyn.surrogate.fit_linear`.
    """
    occasion = np.arange(len(series.y))
    steps = [occasion >= first for first in breaks if first >= 0]
    table = np.column_stack([design, *steps]).astype(float)
    return {"night": series.night, "elapsed": series.elapsed, "design": table}


def linear_null(
    series: DirectionSeries, design: Array, breaks: Ints, seed: np.random.SeedSequence, *, gaussian: bool
) -> LinearNull:
    """Fit the linear null of a direction, with the changes of level found in it.

    Parameters
    ----------
    series, design, breaks
        As in `linear_parts`.
    seed : SeedSequence
    gaussian : bool
        Fit the normal scores of the answers; False: the answers.

    Returns
    -------
    LinearNull
    """
    return fit_linear(series.y, **linear_parts(series, design, breaks), seed=seed, gaussian=gaussian)
