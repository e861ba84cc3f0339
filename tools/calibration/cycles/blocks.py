"""Parts that simulated diaries are made of: schedule, noise, levels that switch, items and missed prompts.

The law on which power is measured: noise is a first-order vector autoregression with phi .3 and unit variance, a night
counts three steps; levels lie at plus and minus ``effect`` in warmth and .45 times that in the response; the time of
day moves both by .175 SD; the sum times .75 is z; an answer is round(m + 1.2 z) on 1 to 7, m uniform on 3.2 to 4.8.
"""

import dataclasses

import numpy as np

BEEPS, NIGHT = 4, 3
PHI, CORRELATION = 0.3, 0.2
DAILY, GAIN, SLOPE, RESPONSE = 0.175, 0.75, 1.2, 0.45
MIDDLE = (3.2, 4.8)
DWELL = 8.0
# A prompt is missed in runs of six on average where it is missed in bursts.
BURST = 6.0


@dataclasses.dataclass(frozen=True)
class Design:
    """How a series is sampled.

    Attributes
    ----------
    n_occasions : int
        Scheduled prompts, four a day.
    missing : float
        Share of prompts without answers.
    pattern : {"random", "bursts"}
    points : int
        Answers run from 1 to this.
    middle : float or None
        Where both items of every person lie on a scale of seven; None: drawn for each.
    """

    n_occasions: int = 200
    missing: float = 0.17
    pattern: str = "random"
    points: int = 7
    middle: float | None = None

    @property
    def elapsed(self):
        """Steps since the prompt before: one by day, three over night."""
        return np.where(np.arange(self.n_occasions) % BEEPS == 0, NIGHT, 1)

    @property
    def day(self):
        """Number of the day from 0; day 0 is a Monday."""
        return np.arange(self.n_occasions) // BEEPS


@dataclasses.dataclass(frozen=True)
class Series:
    """One simulated direction: what the receiver answered.

    Attributes
    ----------
    values : (n_occasions, 2) array
        Warmth and response; NaN where nothing was answered.
    phase : (n_occasions,) int array
        0 is the coldest; -1 throughout where there are no phases.
    extra : dict of str to (n_occasions,) array
        Further columns of the receiver.
    """

    values: np.ndarray
    phase: np.ndarray
    extra: dict = dataclasses.field(default_factory=dict)


def noise(rng, design, *, phi=PHI, correlation=CORRELATION, scale=1.0, shocks=None):
    """First-order autoregressions of unit variance, (n_occasions, 2); ``scale`` multiplies the shocks."""
    n, elapsed = design.n_occasions, design.elapsed
    if shocks is None:
        shocks = rng.standard_normal((n, 2))
    shocks = np.column_stack([shocks[:, 0], correlation * shocks[:, 0] + np.sqrt(1 - correlation**2) * shocks[:, 1]])
    shocks = shocks * np.broadcast_to(np.reshape(scale, (-1, 1)) if np.ndim(scale) == 1 else scale, (n, 2))
    state, out = shocks[0], np.zeros((n, 2))
    for at in range(n):
        carried = phi ** elapsed[at]
        state = carried * state + np.sqrt(1 - carried**2) * shocks[at]
        out[at] = state
    return out


def daily(rng, design, size=DAILY):
    """Time of day of this SD, peaking at a random hour of the person."""
    hour = np.arange(design.n_occasions) % BEEPS
    return (size * np.sqrt(2) * np.cos(2 * np.pi * (hour / BEEPS + rng.random())))[:, None]


def geometric(mean):
    """Dwell times without memory."""
    return lambda rng, _: int(rng.geometric(1 / mean))


def lognormal(mean, cv):
    """Dwell times of a log-normal law, rounded up."""
    variance = np.log1p(cv**2)
    return lambda rng, _: whole((mean - 0.5) * np.exp(np.sqrt(variance) * rng.standard_normal() - variance / 2))


def gamma(mean, cv):
    """Dwell times of a gamma law, rounded up."""
    return lambda rng, _: whole(rng.gamma(1 / cv**2, (mean - 0.5) * cv**2))


def weibull(mean, shape):
    """Dwell times of a Weibull law, rounded up; shape 1.72 has a CV of .6."""
    from math import gamma as gamma_function

    return lambda rng, _: whole((mean - 0.5) * rng.weibull(shape) / gamma_function(1 + 1 / shape))


def unequal(*means):
    """Geometric dwell times with a mean of its own in each phase."""
    return lambda rng, phase: int(rng.geometric(1 / means[phase]))


def whole(length):
    """A dwell time in prompts: rounded up, at least one."""
    return max(int(np.ceil(length)), 1)


def phase_path(rng, design, dwell, n_phases=2):
    """Index of the phase at each prompt; with three phases either other one follows with equal chance."""
    warm_up = 60
    path, phase = [], int(rng.integers(n_phases))
    while len(path) < design.n_occasions + warm_up:
        path += [phase] * dwell(rng, phase)
        phase = (phase + int(rng.integers(1, n_phases))) % n_phases
    return np.array(path[warm_up : warm_up + design.n_occasions])


def levels(phase, effect, n_phases=2, channels=(1.0, RESPONSE)):
    """Levels of both channels, (n_occasions, 2): equally spaced from minus to plus ``effect`` in warmth."""
    return np.linspace(-effect, effect, n_phases)[phase][:, None] * np.array(channels)


def running_mean(signal, width):
    """Mean of the last ``width`` rows; of fewer at the beginning."""
    total = np.cumsum(np.concatenate([np.zeros((1, signal.shape[1])), signal]), axis=0)
    at = np.arange(1, len(signal) + 1)
    first = np.maximum(at - width, 0)
    return (total[at] - total[first]) / (at - first)[:, None]


def middle(rng):
    """Where the two items of a person lie on a scale of seven."""
    return rng.uniform(*MIDDLE, size=2)


def answers(rng, design, z, *, at=None, slope=SLOPE):
    """Rounded answers on the scale of the design; ``at`` is where zero lies on a scale of seven."""
    if at is None:
        at = middle(rng) if design.middle is None else design.middle
    raw = at + slope * z
    if design.points != 7:
        raw = 1 + (raw - 1) * (design.points - 1) / 6
    return np.clip(np.rint(raw), 1, design.points)


def missed(rng, design, warmth=None):
    """Prompts without answers; with ``warmth`` likelier where it is low, log odds 1.2 per SD."""
    n, share = design.n_occasions, design.missing
    if warmth is not None:
        unit = (warmth - warmth.mean()) / max(warmth.std(), 1e-9)
        odds = np.exp(-1.2 * unit)
        grid = np.linspace(-8, 4, 241)
        means = (odds[:, None] * np.exp(grid) / (1 + odds[:, None] * np.exp(grid))).mean(axis=0)
        chance = odds * np.exp(grid[np.abs(means - share).argmin()])
        return rng.random(n) < chance / (1 + chance)
    if design.pattern == "random" or share == 0:
        return rng.random(n) < share
    leave = 1 / BURST
    enter = leave * share / (1 - share)
    away, out = rng.random() < share, np.zeros(n, dtype=bool)
    for at in range(n):
        out[at] = away
        away = rng.random() >= leave if away else rng.random() < enter
    return out


def rated(rng, design, z, *, phase=None, at=None, slope=SLOPE, by_warmth=False, extra=None):
    """A series: answers to z, prompts missed."""
    table = answers(rng, design, z, at=at, slope=slope)
    return masked(rng, design, table, phase=phase, warmth=z[:, 0] if by_warmth else None, extra=extra)


def masked(rng, design, table, *, phase=None, warmth=None, extra=None):
    """A series from answers: prompts missed."""
    table = np.where(missed(rng, design, warmth)[:, None], np.nan, table)
    path = np.full(design.n_occasions, -1) if phase is None else phase
    return Series(table, path, extra or {})
