"""Many short series as padded arrays: outcomes, what was observed, regressors, patterns of missing channels.

Arrays put the series last, ``(channels, occasions, series)``, so that every step in time is one operation on
all series. Shorter series are padded at the end with occasions at which nothing was observed. Outcomes are
standardised by channel and covariates by column; `Scale` holds the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reldyn._records import brief
from reldyn._types import Array, Flags, Ints
from reldyn.errors import DesignError

# Channels with at most this many different values are read as a rating scale with a step.
MAX_CATEGORIES = 25
# A channel that varies by less than this share of its size varies by rounding only.
ALIKE = 1e-12
# Smallest standard deviation of a state, in units of the channel's own: what guards a continuous channel.
SMALLEST_SD = 1e-3


@brief
@dataclass(frozen=True, slots=True)
class Scale:
    """Centre and spread that were taken out of outcomes, lagged values and covariates.

    Attributes
    ----------
    centre, spread : (channels,)
        Of the lagged values; of the outcomes too, unless those are categories (then 0 and 1).
    out_centre, out_spread : (channels,)
        Of the outcomes.
    x_centre, x_spread : (covariates,)
    """

    centre: Array
    spread: Array
    out_centre: Array
    out_spread: Array
    x_centre: Array
    x_spread: Array


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier fit fixed about new data: where lagged values are measured from, and the categories."""

    lag_centre: Array | None = None
    categories: tuple[Array, ...] | None = None
    n_kinds: int = 1


@brief
@dataclass(frozen=True, slots=True)
class Problem:
    """The data of a fit.

    Attributes
    ----------
    y : (channels, occasions, series)
        Standardised outcomes, 0 where missing; category positions 0, 1, ... for ordered outcomes.
    lagged : (channels, occasions, series)
        The standardised values that enter as lags, 0 where missing.
    observed : (channels, occasions, series)
    inside : (occasions, series)
        Occasions that belong to the series.
    used : (occasions, series)
        Occasions whose emission counts: inside, something observed, and not among the first ``n_lags``.
    lengths : (series,)
    x : (covariates, occasions, series)
        Standardised; 0, their mean, where missing.
    kinds : (occasions, series)
        Which set of lag coefficients applies.
    patterns : tuple of (channels, rows)
        Each distinct set of observed channels and the flat positions (occasion-major) of its used rows.
    floor : (channels,)
        Smallest variance within a state, standardised.
    categories : tuple of arrays
        The sorted values of each channel; empty unless the outcomes are ordered categories.
    """

    y: Array
    lagged: Array
    observed: Flags
    inside: Flags
    used: Flags
    lengths: Ints
    x: Array
    kinds: Ints
    n_lags: int
    n_kinds: int
    patterns: tuple[tuple[tuple[int, ...], Ints], ...]
    scale: Scale
    floor: Array
    stepped: tuple[bool, ...]
    categories: tuple[Array, ...]

    @property
    def n_channels(self) -> int:
        return int(self.y.shape[0])

    @property
    def n_occasions(self) -> int:
        return int(self.y.shape[1])

    @property
    def n_series(self) -> int:
        return int(self.y.shape[2])

    @property
    def n_regressors(self) -> int:
        return self.n_channels * self.n_lags * self.n_kinds + int(self.x.shape[0])

    @property
    def complete(self) -> bool:
        """Whether every used occasion has all its channels."""
        return all(len(channels) == self.n_channels for channels, _ in self.patterns)

    @property
    def lags_missing(self) -> bool:
        """Whether some used occasion has a lagged value that was not observed."""
        return any(bool((self.used[lag:] & ~self.observed[:, :-lag].all(0)).any()) for lag in range(1, self.n_lags + 1))

    @property
    def log_jacobian(self) -> float:
        """What standardising the outcomes added to the log density."""
        counts = (self.observed & self.used).sum((1, 2))
        return float(-(counts * np.log(self.scale.out_spread)).sum())


def build_problem(
    series: Sequence[Array],
    *,
    lags: int,
    covariates: Sequence[Array] | None,
    lag_kinds: Sequence[Ints] | None,
    ordered: bool,
    known: Known | None = None,
) -> Problem:
    """Check and pad the series; every fault of the data is raised here.

    With ``known`` nothing is to be estimated, so that little variation is no fault.
    """
    values = _as_matrices(series, "series")
    n_channels = values[0].shape[1]
    _check_values(values, n_channels)
    lengths = np.array([len(part) for part in values], dtype=np.int64)
    raw = _pad(values, lengths, np.nan)
    observed = ~np.isnan(raw)
    answered: Flags = np.asarray(observed.any(axis=0))
    found = tuple(np.unique(channel[answered]) for channel, answered in zip(raw, observed, strict=True))
    if known is None:
        _check_channels(found, observed, ordered)
    categories = found if known is None or known.categories is None else known.categories
    _check_categories(found, categories, ordered)
    x = _padded_covariates(covariates, lengths, answered)
    kinds = _padded_kinds(lag_kinds, lengths)
    scale = _scale(raw, x, answered, ordered, known)
    inside = np.arange(lengths.max())[:, None] < lengths[None, :]
    used = inside & answered
    used[:lags] = False
    if not used.any():
        raise DesignError(f"no occasion has an answer after the first {lags} of its series: use fewer lags.")
    lagged = np.where(observed, (raw - scale.centre[:, None, None]) / scale.spread[:, None, None], 0.0)
    if ordered:
        y = np.stack(
            [
                np.where(answered, np.searchsorted(values, np.where(answered, channel, values[0])), 0).astype(float)
                for values, channel, answered in zip(categories, raw, observed, strict=True)
            ]
        )
    else:
        y = np.where(observed, (raw - scale.out_centre[:, None, None]) / scale.out_spread[:, None, None], 0.0)
    stepped = tuple(len(values) <= MAX_CATEGORIES for values in categories)
    return Problem(
        y=y,
        lagged=lagged,
        observed=observed,
        inside=inside,
        used=used,
        lengths=lengths,
        x=np.nan_to_num((x - scale.x_centre[:, None, None]) / scale.x_spread[:, None, None], posinf=0.0, neginf=0.0),
        kinds=kinds,
        n_lags=lags,
        n_kinds=max(int(kinds.max()) + 1, 1 if known is None else known.n_kinds),
        patterns=patterns_of(observed, used),
        scale=scale,
        floor=_floor(categories, stepped, scale),
        stepped=stepped,
        categories=categories if ordered else (),
    )


def _as_matrices(series: Sequence[Array], name: str) -> list[Array]:
    if getattr(series, "ndim", 3) < 3:
        raise DesignError(f"{name} must be a list of arrays (occasions, channels): put one array into a list.")
    values: list[Array] = []
    for position, part in enumerate(_listed(series, name, "arrays (occasions, channels)")):
        try:
            if np.asarray(part).dtype.kind in "cmM":
                raise TypeError
            matrix = np.asarray(part, dtype=float)
        except (TypeError, ValueError):
            raise DesignError(f"{name}[{position}] does not hold numbers: give arrays of floats.") from None
        if matrix.ndim == 1:
            matrix = matrix[:, None]
        if matrix.ndim != 2 or matrix.shape[1] == 0 or matrix.shape[1] != (values or [matrix])[0].shape[1]:
            raise DesignError(
                f"{name}[{position}] has shape {matrix.shape}: give (occasions, channels), as many channels in each."
            )
        values.append(matrix)
    if not values:
        raise DesignError(f"{name} is empty: give at least one array (occasions, channels).")
    return values


def _listed(given: Any, name: str, what: str) -> list[Any]:
    try:
        return list(given)
    except TypeError:
        raise DesignError(f"{name}={given!r} must be a list of {what}, one for each series.") from None


def _check_values(values: list[Array], n_channels: int) -> None:
    for position, part in enumerate(values):
        if len(part) < 2:
            raise DesignError(f"series[{position}] has {len(part)} occasion(s): transitions need at least 2.")
        if np.isinf(part).any():
            raise DesignError(f"series[{position}] holds infinite values: mark what is missing by NaN.")
        if np.isnan(part).all():
            raise DesignError(f"series[{position}] holds no answer at all: leave it out.")
    for channel in range(n_channels):
        if all(np.isnan(part[:, channel]).all() for part in values):
            raise DesignError(f"channel {channel} is missing in every series: leave it out.")


def _check_channels(categories: tuple[Array, ...], observed: Flags, ordered: bool) -> None:
    for channel, values in enumerate(categories):
        if np.ptp(values) <= ALIKE * np.abs(values).max():
            raise DesignError(f"channel {channel} is constant at {values[0]:g}: it carries no states, leave it out.")
        if ordered and len(values) > MAX_CATEGORIES:
            raise DesignError(
                f"channel {channel} has {len(values)} different values: ordered-probit takes at most "
                f"{MAX_CATEGORIES} categories; use emission='gaussian'."
            )
        if int(observed[channel].sum()) < 4:
            raise DesignError(f"channel {channel} has fewer than 4 answers in all: nothing can be estimated.")


def _check_categories(found: tuple[Array, ...], categories: tuple[Array, ...], ordered: bool) -> None:
    for channel, (here, there) in enumerate(zip(found, categories, strict=True)):
        strange = np.setdiff1d(here, there)
        if ordered and len(strange):
            raise DesignError(f"channel {channel} holds {strange[0]:g}, which is none of the categories of the fit.")


def _pad(parts: Sequence[NDArray[np.generic]], lengths: Ints, fill: float) -> Array:
    """Stack (occasions, columns) arrays into (columns, occasions, series)."""
    padded = np.full((parts[0].shape[1], int(lengths.max()), len(parts)), fill)
    for position, part in enumerate(parts):
        padded[:, : lengths[position], position] = part.T
    return padded


def _padded_covariates(covariates: Sequence[Array] | None, lengths: Ints, answered: Flags) -> Array:
    if covariates is None:
        return np.zeros((0, int(lengths.max()), len(lengths)))
    values = _as_matrices(covariates, "covariates")
    found = [len(part) for part in values]
    if found != lengths.tolist():
        raise DesignError("covariates must have the occasions of series: one array (occasions, covariates) for each.")
    padded = _pad(values, lengths, np.nan)
    if not np.isfinite(padded[:, answered]).all():
        raise DesignError("covariates are missing at occasions with an answer: fill them or mark the answer missing.")
    return padded


def _padded_kinds(kinds: Sequence[Ints] | None, lengths: Ints) -> Ints:
    if kinds is None:
        return np.zeros((int(lengths.max()), len(lengths)), dtype=np.int64)
    parts = [np.asarray(part) for part in _listed(kinds, "lag_kinds", "arrays (occasions,)")]
    if [part.shape for part in parts] != [(int(length),) for length in lengths]:
        raise DesignError("lag_kinds must hold one integer per occasion of each series.")
    if any(not np.issubdtype(part.dtype, np.integer) or (part < 0).any() for part in parts):
        raise DesignError("lag_kinds must be the integers 0, 1, ...")
    return np.asarray(_pad([part[:, None] for part in parts], lengths, 0.0)[0], dtype=np.int64)


def _scale(raw: Array, x: Array, answered: Flags, ordered: bool, known: Known | None) -> Scale:
    centre = np.nanmean(raw, axis=(1, 2))
    spread = np.nanstd(raw, axis=(1, 2))
    spread[spread == 0.0] = 1.0
    x_used = x[:, answered]
    x_spread = x_used.std(axis=1)
    flat = x_spread <= 1e-12 * np.maximum(1.0, np.abs(x_used).max(axis=1, initial=0.0))
    if known is None and flat.any():
        raise DesignError("a covariate is constant over all answered occasions: the state means already hold it.")
    x_spread[flat] = 1.0
    return Scale(
        centre=centre if known is None or known.lag_centre is None else known.lag_centre,
        spread=spread,
        out_centre=np.zeros_like(centre) if ordered else centre,
        out_spread=np.ones_like(spread) if ordered else spread,
        x_centre=x_used.mean(axis=1),
        x_spread=x_spread,
    )


def patterns_of(observed: Flags, used: Flags) -> tuple[tuple[tuple[int, ...], Ints], ...]:
    """Return each distinct set of observed channels with the flat positions of its used rows."""
    flat = observed.reshape(len(observed), -1)
    rows = np.flatnonzero(used.ravel())
    codes = (flat[:, rows] * (1 << np.arange(len(flat), dtype=np.int64))[:, None]).sum(0)
    return tuple(
        (tuple(c for c in range(len(flat)) if code >> c & 1), rows[codes == code])
        for code in sorted(np.unique(codes).tolist(), reverse=True)
    )


def _floor(categories: tuple[Array, ...], stepped: tuple[bool, ...], scale: Scale) -> Array:
    """Variance of an answer rounded to a step (step^2 / 12) for rating scales, else a sliver of the channel's own."""
    floors = np.full(len(categories), SMALLEST_SD**2)
    for channel, values in enumerate(categories):
        if stepped[channel]:
            step = float(np.diff(values).min()) / scale.spread[channel]
            floors[channel] = max(floors[channel], step**2 / 12.0)
    return floors
