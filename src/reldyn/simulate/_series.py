"""Warmth received and the receiver's response: many series of one design, side by side.

Each series is one direction of a dyad. It adds up from phases or a level (what the kind is about),
linear noise of unit variance that runs on through the night, time of day and weekend, and measurement
error; the sum is scaled to the item and rounded. Every series has its own generator, so a
series does not depend on how many others are drawn with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reldyn.errors import DesignError, check_count, check_option
from reldyn.simulate._checks import lies_within
from reldyn.simulate._grid import Grid, schedule_grid
from reldyn.simulate._items import answer_item
from reldyn.simulate._missing import MissingPattern, check_missing, missing_mask
from reldyn.simulate._noise import (
    SHOCK_CORRELATION,
    SKEWED_CORRELATION,
    draw_coefficients,
    draw_rotation,
    draw_shocks,
    run_var,
    standardised,
)
from reldyn.simulate._phases import (
    WRONG_DIRECTION,
    PhaseModel,
    clock_positions,
    phase_of_position,
    phase_path,
    three_phases,
    two_phases,
    wave_of_position,
)

CycleKind: TypeAlias = Literal[
    "linear",
    "floor",
    "skewed_shocks",
    "noisy_linear",
    "level_shift",
    "oscillator",
    "rhythm",
    "jittered_rhythm",
    "drifting_rhythm",
    "cycle",
    "alternation",
]
Shape: TypeAlias = Literal["steps", "sine"]
LINEAR_KINDS = ("linear", "floor", "skewed_shocks", "noisy_linear", "level_shift", "oscillator")
CLOCK_KINDS = ("rhythm", "drifting_rhythm")
SOJOURN_KINDS = ("jittered_rhythm", "cycle", "alternation")
KINDS = (*LINEAR_KINDS, "rhythm", "jittered_rhythm", "drifting_rhythm", "cycle", "alternation")
PHASE_NOISE = 0.3
# Far beyond what is of use, and where numbers or memory still hold.
LARGEST_EFFECT, LONGEST_PERIOD = 1_000, 10_000
_DEFAULT_PERIOD = 16.0
_DRIFTING_PERIOD = 16.4


@dataclasses.dataclass(frozen=True, slots=True)
class SeriesDesign:
    """One kind of series and its parameters: the arguments of `reldyn.simulate.cycles`, checked and completed.

    Parameters
    ----------
    kind : str
        As in `reldyn.simulate.cycles`.
    n_occasions, beeps_per_day : int
    effect : float, default 1.5
        Size of phases or of a change of level, in SD of the noise.
    phi, reliability, sojourn_cv : float or None
        None: the default of the kind.
    period : float, default 16
        Mean length of a cycle, in beeps.
    shape : {"steps", "sine"}, default "steps"
    missing : float, default 0
        Share of missed beeps.
    missing_pattern : {"random", "bursts", "affect"}, default "random"
    categories : int, default 7

    Raises
    ------
    DesignError
        An unknown option, or a number outside its range.
    """

    kind: CycleKind
    n_occasions: int
    beeps_per_day: int = 4
    effect: float = 1.5
    phi: float | None = None
    reliability: float | None = None
    sojourn_cv: float | None = None
    period: float = _DEFAULT_PERIOD
    shape: Shape = "steps"
    missing: float = 0.0
    missing_pattern: MissingPattern = "random"
    categories: int = 7

    def __post_init__(self) -> None:
        check_option(self.kind, KINDS, "kind")
        check_option(self.shape, ("steps", "sine"), "shape")
        check_missing(self.missing, self.missing_pattern)
        _check_numbers(self)
        _check_kind(self)
        for name, value in _completed(self).items():
            object.__setattr__(self, name, value)

    @property
    def phase_model(self) -> PhaseModel | None:
        """How phases follow each other; None for kinds that have none."""
        if self.kind in LINEAR_KINDS:
            return None
        if self.kind == "alternation":
            return two_phases(self.period, self.sojourn_cv)
        return three_phases(self.period, self.sojourn_cv, backward=WRONG_DIRECTION if self.kind == "cycle" else 0.0)

    @property
    def error_variance(self) -> NDArray[np.float64]:
        """Variance of the measurement error per channel, the noise having variance 1."""
        reliability = 1.0 if self.reliability is None else self.reliability
        return (1 + self.signal_variance) * (1 - reliability) / reliability

    @property
    def signal_variance(self) -> NDArray[np.float64]:
        """Long-run variance per channel of phases or levels."""
        phase_model = self.phase_model
        if phase_model is not None:
            return self.effect**2 * phase_model.variances
        # A shift in the middle of the study is expected: both halves lie half an effect from the mean.
        return np.full(2, self.effect**2 / 4 if self.kind == "level_shift" else 0.0)


@dataclasses.dataclass(frozen=True, slots=True)
class SimulatedSeries:
    """Simulated series of one design.

    Attributes
    ----------
    values : (n_series, n_occasions, 2) array
        Answers to the two items (warmth received, response); NaN where the beep was missed.
    latent : (n_series, n_occasions, 2) array
        Phases or levels plus noise, before time of day, error and rounding.
    state : (n_series, n_occasions, 2) array
        What is rounded: ``latent`` with time of day and measurement error, in units of its long-run SD.
    phase : (n_series, n_occasions) int array
        Index into ``phase_model.names``; -1 for kinds without phases.
    coefficients : (n_series, 2, 2) array
        Of the noise, per step, in units of its SD.
    shift : (n_series,) int array
        First occasion after a lasting change of level; -1 where there is none.
    grid : Grid
        The schedule common to all.
    """

    values: NDArray[np.float64]
    latent: NDArray[np.float64]
    state: NDArray[np.float64]
    phase: NDArray[np.int64]
    coefficients: NDArray[np.float64]
    shift: NDArray[np.int64]
    grid: Grid


def simulate_series(design: SeriesDesign, generators: Sequence[np.random.Generator]) -> SimulatedSeries:
    """Simulate one series per generator.

    Parameters
    ----------
    design : SeriesDesign
        Kind and parameters, the same for all.
    generators : sequence of numpy Generators
        One per series.

    Returns
    -------
    SimulatedSeries

    Examples
    --------
    >>> design = SeriesDesign("linear", n_occasions=40)
    >>> simulate_series(design, [np.random.default_rng(seed) for seed in range(3)]).values.shape
    (3, 40, 2)
    """
    grid = schedule_grid(design.n_occasions, design.beeps_per_day)
    skewed = design.kind == "skewed_shocks"
    drawn = [_draw(design, grid, rng, skewed=skewed) for rng in generators]
    coefficients = np.stack([item.coefficients for item in drawn])
    correlation = SKEWED_CORRELATION if skewed else SHOCK_CORRELATION
    noise = run_var(coefficients, np.stack([item.shocks for item in drawn]), grid.elapsed, correlation)
    latent = noise + np.stack([item.signal for item in drawn])
    error = np.stack([item.error for item in drawn]) * np.sqrt(design.error_variance)
    unit = np.sqrt(1 + design.error_variance)
    state = (latent + error + grid.daily * unit) / np.sqrt(design.signal_variance + unit**2)
    offset = np.stack([item.offset for item in drawn])
    answers = answer_item(
        state,
        offset,
        categories=design.categories,
        floor=design.kind == "floor",
    )
    uniforms = np.stack([item.uniforms for item in drawn])
    missed = missing_mask(latent[:, :, 0], uniforms, design.missing, design.missing_pattern)
    return SimulatedSeries(
        values=np.where(missed[:, :, None], np.nan, answers),
        latent=latent,
        state=state,
        phase=np.stack([item.phase for item in drawn]),
        coefficients=standardised(coefficients, correlation),
        shift=np.array([item.shift for item in drawn]),
        grid=grid,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Draw:
    """Everything random about one series."""

    coefficients: NDArray[np.float64]
    shocks: NDArray[np.float64]
    error: NDArray[np.float64]
    offset: NDArray[np.float64]
    uniforms: NDArray[np.float64]
    signal: NDArray[np.float64]
    phase: NDArray[np.int64]
    shift: int


def _draw(design: SeriesDesign, grid: Grid, rng: np.random.Generator, *, skewed: bool) -> _Draw:
    # The phases come last: how many draws they take depends on chance.
    coefficients = _noise_coefficients(design, rng)
    shocks = draw_shocks(rng, grid.elapsed, skewed=skewed)
    error = rng.standard_normal((design.n_occasions, 2))
    offset = rng.standard_normal(2)
    uniforms = rng.random(design.n_occasions)
    signal, phase, shift = _draw_signal(design, rng)
    return _Draw(coefficients, shocks, error, offset, uniforms, signal, phase, shift)


def _noise_coefficients(design: SeriesDesign, rng: np.random.Generator) -> NDArray[np.float64]:
    if design.phase_model is not None:
        return np.eye(2) * (PHASE_NOISE if design.phi is None else design.phi)
    if design.kind == "oscillator":
        return draw_rotation(rng, design.phi)
    return draw_coefficients(rng, design.phi)


def _draw_signal(design: SeriesDesign, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """Draw what the kind is about: (n_occasions, 2) means, phase indices and the occasion of a shift."""
    phase_model, n = design.phase_model, design.n_occasions
    if phase_model is not None and design.kind in CLOCK_KINDS:
        position = clock_positions(phase_model, n, rng)
        phase = phase_of_position(phase_model, position)
        means = wave_of_position(phase_model, position) if design.shape == "sine" else phase_model.centroids[phase]
        return design.effect * means, phase, -1
    if phase_model is not None:
        phase = phase_path(phase_model, n, rng)
        return design.effect * phase_model.centroids[phase], phase, -1
    signal, no_phase = np.zeros((n, 2)), np.full(n, -1)
    if design.kind != "level_shift":
        return signal, no_phase, -1
    shift = int(rng.integers(int(np.ceil(n / 4)), int(np.floor(3 * n / 4)) + 1))
    signs = rng.choice([-1.0, 1.0], size=2)
    signal[:shift], signal[shift:] = -signs * design.effect / 2, signs * design.effect / 2
    return signal, no_phase, shift


def _completed(design: SeriesDesign) -> dict[str, float | None]:
    """Fill in what the kind decides when the caller does not."""
    filled: dict[str, float | None] = {"period": float(design.period)}
    if design.kind == "noisy_linear":
        filled["phi"] = 0.9 if design.phi is None else design.phi
        filled["reliability"] = 0.5 if design.reliability is None else design.reliability
    if design.kind == "drifting_rhythm" and design.period == _DEFAULT_PERIOD:
        filled["period"] = _DRIFTING_PERIOD
    if design.kind in CLOCK_KINDS:
        filled["sojourn_cv"] = 0.0
    if design.kind == "jittered_rhythm" and design.sojourn_cv is None:
        filled["sojourn_cv"] = 0.15
    return filled


def _check_numbers(design: SeriesDesign) -> None:
    for name, least in (("n_occasions", 4), ("beeps_per_day", 1), ("categories", 2)):
        check_count(getattr(design, name), name, least)
    for name, most in (("effect", LARGEST_EFFECT), ("period", LONGEST_PERIOD)):
        if lies_within(getattr(design, name), most, np.inf, open_below=True):
            raise DesignError(f"{name}={getattr(design, name)!r} is too large to simulate: give at most {most:,}.")
    if not lies_within(design.effect, 0, LARGEST_EFFECT):
        raise DesignError(
            f"effect={design.effect!r} is no size: give a number from 0, in SD of the noise within a phase."
        )
    if design.phi is not None and not lies_within(design.phi, -0.98, 0.98):
        raise DesignError(f"phi={design.phi!r} is not stationary here: give a number from -0.98 to 0.98.")
    if design.reliability is not None and not lies_within(design.reliability, 0, 1, open_below=True):
        raise DesignError(
            f"reliability={design.reliability!r} is no share of variance: give a number above 0, at most 1."
        )
    if not lies_within(design.period, 6, LONGEST_PERIOD):
        raise DesignError(f"period={design.period!r} leaves no phase of two beeps: give at least 6 beeps.")
    if design.sojourn_cv is not None and not lies_within(design.sojourn_cv, 0, 2):
        raise DesignError(f"sojourn_cv={design.sojourn_cv!r} is no dispersion of dwell times: give 0 to 2.")


def _check_kind(design: SeriesDesign) -> None:
    """Refuse an option that the kind would silently ignore."""
    if design.sojourn_cv is not None and design.kind not in SOJOURN_KINDS:
        raise DesignError(
            f"sojourn_cv does not apply to kind={design.kind!r}: it belongs to {', '.join(map(repr, SOJOURN_KINDS))}."
        )
    if design.shape == "sine" and design.kind not in CLOCK_KINDS:
        raise DesignError(
            f"shape='sine' does not apply to kind={design.kind!r}: it belongs to 'rhythm' and 'drifting_rhythm'."
        )
    if design.kind == "oscillator" and design.phi is not None and abs(design.phi) > 0.85:
        raise DesignError(
            f"phi={design.phi!r} with cross effects up to .4 does not settle: an oscillator takes -0.85 to 0.85."
        )
