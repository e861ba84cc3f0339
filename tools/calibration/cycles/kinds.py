"""Every kind of simulated series by name: what it is in a line, and a function of a generator and a design.

``NULLS`` have no cycles of warmth, ``CYCLES`` have them. `draw_series` gives arrays, `draw_panel` a panel.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from tools.calibration.cycles import blocks as law
from tools.calibration.cycles.blocks import GAIN, Design, Series

__all__ = ["CYCLES", "KINDS", "NULLS", "Kind", "draw_panel", "draw_series"]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of series.

    Attributes
    ----------
    name, text : str
        The name in cells, and what it is in words.
    draw : callable
        (generator, design) to `Series`.
    channels : int
        1 where a detection is given warmth alone.
    covariates : tuple of str
        Columns that a detection is given.
    """

    name: str
    text: str
    draw: Callable
    channels: int = 2
    covariates: tuple = ()


NULLS: dict = {}
CYCLES: dict = {}


def null(name, text, **options):
    """Register a function as a kind without cycles."""
    return lambda draw: NULLS.setdefault(name, Kind(name, text, draw, **options)).draw


def cycle(name, text, draw, **options):
    """Register a kind with cycles."""
    CYCLES[name] = Kind(name, text, draw, **options)


def of_simulator(name, text, **arguments):
    """Register a kind of `reldyn.simulate.cycles`, which has weekends of its own."""

    def draw(rng, design):
        from reldyn.simulate import SeriesDesign, simulate_series

        options = {"missing": design.missing, "missing_pattern": design.pattern, "categories": design.points}
        batch = simulate_series(SeriesDesign(n_occasions=design.n_occasions, **arguments, **options), [rng])
        return Series(batch.values[0], batch.phase[0])

    NULLS[name] = Kind(name, text, draw)


of_simulator("linear", "autoregressions that influence each other", kind="linear")
of_simulator("floor", "the same on a scale whose lowest answers are the usual ones", kind="floor")
of_simulator("oscillator", "two channels that swing jointly, without phases", kind="oscillator")
of_simulator(
    "noisy_linear_8_6",
    "slow feelings (.8 from prompt to prompt), measured with reliability .6",
    **{"kind": "noisy_linear", "phi": 0.8, "reliability": 0.6},
)
of_simulator(
    "noisy_linear_9_5",
    "slow feelings (.9 from prompt to prompt), measured with reliability .5",
    **{"kind": "noisy_linear", "phi": 0.9, "reliability": 0.5},
)
of_simulator("level_shift", "one lasting change of level", kind="level_shift")
of_simulator("rhythm", "a strict alternation of sixteen prompts", kind="rhythm")
of_simulator(
    "jittered_15", "a rhythm whose phases vary by 15 % of their length", kind="jittered_rhythm", sojourn_cv=0.15
)
of_simulator(
    "jittered_25", "a rhythm whose phases vary by 25 % of their length", kind="jittered_rhythm", sojourn_cv=0.25
)
of_simulator("drifting_16_4", "a strict period of 16.4 prompts", kind="drifting_rhythm")
of_simulator("drifting_weekly", "a strict period of a week", kind="drifting_rhythm", period=28.0)
of_simulator("drifting_sine", "a smooth wave of 16.4 prompts", kind="drifting_rhythm", shape="sine")
of_simulator("skewed_shocks", "autoregressions with rare strong shocks", kind="skewed_shocks")


def plain(rng, design, **options):
    """z without phases: noise and time of day."""
    return GAIN * (law.noise(rng, design, **options) + law.daily(rng, design))


@null("plain", "the noise of the law on which power is measured, without phases")
def draw_plain(rng, design):
    return law.rated(rng, design, plain(rng, design))


def log_volatility(rng, design, sd, n, memory=0.95):
    """Log of the size of swings: slow autoregressions of this SD, (n_occasions, n)."""
    state, out = rng.standard_normal(n), np.zeros((design.n_occasions, n))
    for at, steps in enumerate(design.elapsed):
        carried = memory**steps
        state = carried * state + np.sqrt(1 - carried**2) * rng.standard_normal(n)
        out[at] = state
    return np.exp(sd * out - sd**2)


def volatile(sd, n):
    return lambda rng, design: law.rated(rng, design, plain(rng, design, scale=log_volatility(rng, design, sd, n)))


null("volatility_5", "swings whose size drifts slowly, alike in both channels (SD of its log .5)")(volatile(0.5, 1))
null("volatility_9", "swings whose size drifts slowly, alike in both channels (SD of its log .9)")(volatile(0.9, 1))
null("volatility_own_5", "swings whose size drifts slowly, each channel by itself (SD .5)")(volatile(0.5, 2))
null("volatility_own_9", "swings whose size drifts slowly, each channel by itself (SD .9)")(volatile(0.9, 2))


@null("garch", "large swings follow large swings: GARCH(.30, .65)")
def draw_garch(rng, design):
    shocks, variance = rng.standard_normal((design.n_occasions, 2)), np.ones(2)
    for at in range(design.n_occasions):
        shocks[at] *= np.sqrt(variance)
        variance = 0.05 + 0.30 * shocks[at] ** 2 + 0.65 * variance
    return law.rated(rng, design, plain(rng, design, shocks=shocks))


def variance_regimes(sds, *means):
    """Calm and turbulent episodes around one level; ``sds`` of the shocks, calm first."""

    def draw(rng, design):
        episode = law.phase_path(rng, design, law.unequal(*means))
        return law.rated(rng, design, plain(rng, design, scale=np.array(sds)[episode]))

    return draw


null("variance_regimes", "calm and turbulent episodes of twelve prompts (SD .5 and 1.6) around one level")(
    variance_regimes((0.5, 1.6), 12.0, 12.0)
)
null("variance_regimes_8", "calm and turbulent episodes of eight prompts (SD .5 and 1.6) around one level")(
    variance_regimes((0.5, 1.6), 8.0, 8.0)
)
null("variance_mild", "calm and turbulent episodes of twelve prompts (variances .5 and 1.6) around one level")(
    variance_regimes((0.5**0.5, 1.6**0.5), 12.0, 12.0)
)
null("variance_mild_8", "calm and turbulent episodes of eight prompts (variances .5 and 1.6) around one level")(
    variance_regimes((0.5**0.5, 1.6**0.5), 8.0, 8.0)
)


@null("daytime_variance", "swings that are always larger in the evening (SD .6 to 1.5) than in the morning")
def draw_daytime_variance(rng, design):
    scale = np.array([0.6, 0.8, 1.1, 1.5])[np.arange(design.n_occasions) % law.BEEPS]
    return law.rated(rng, design, plain(rng, design, scale=scale))


@null("scale_use", "the use of the scale narrows to two fifths half way through")
def draw_scale_use(rng, design):
    z = plain(rng, design)
    z[design.n_occasions // 2 :] *= 0.4
    return law.rated(rng, design, z)


def burst_table(rng, design, table, channels):
    """Three to five bursts of 8 to 16 prompts with the same answers, at odd points of the scale."""
    for _ in range(int(rng.integers(3, 6))):
        length = int(rng.integers(8, 17))
        start = int(rng.integers(0, max(design.n_occasions - length, 1)))
        table[start : start + length, channels] = rng.integers(1, design.points + 1, size=len(channels))
    return law.masked(rng, design, table)


@null("straight_lining", "three to five bursts of 8 to 16 prompts with the same answers to all items")
def draw_straight_lining(rng, design):
    return burst_table(rng, design, law.answers(rng, design, plain(rng, design)), [0, 1])


@null("straight_lining_top", "such bursts always at the top of both items")
def draw_straight_lining_top(rng, design):
    table = law.answers(rng, design, plain(rng, design))
    for _ in range(int(rng.integers(3, 6))):
        start, length = int(rng.integers(0, design.n_occasions - 16)), int(rng.integers(8, 17))
        table[start : start + length] = design.points
    return law.masked(rng, design, table)


@null("straight_lining_warmth", "such bursts in warmth alone")
def draw_straight_lining_warmth(rng, design):
    return burst_table(rng, design, law.answers(rng, design, plain(rng, design)), [0])


@null("extreme", "a person who mostly uses the ends of the scale")
def draw_extreme(rng, design):
    return law.rated(rng, design, plain(rng, design), slope=6.0, at=rng.uniform(3.7, 4.3, size=2))


@null("heaping", "a quarter of the answers is put on the midpoint")
def draw_heaping(rng, design):
    table = law.answers(rng, design, plain(rng, design))
    table[rng.random(table.shape) < 1 / 4] = (1 + design.points) // 2
    return law.masked(rng, design, table)


def day_effects(step):
    """Levels of whole days added to the noise: ``step`` gives them from a generator and the number of days."""

    def draw(rng, design):
        of_day = step(rng, int(design.day[-1]) + 1)[design.day]
        return law.rated(rng, design, plain(rng, design) + GAIN * of_day[:, None] * np.array([1.0, law.RESPONSE]))

    return draw


def slow_days(rng, n, phi=0.6):
    out, state = np.zeros(n), rng.standard_normal()
    for at in range(n):
        state = phi * state + np.sqrt(1 - phi**2) * rng.standard_normal()
        out[at] = state
    return 0.8 * out


null("day_effects", "good and bad days (SD .8), independent")(day_effects(lambda rng, n: 0.8 * rng.standard_normal(n)))
null("day_autoregressive", "good and bad days (SD .8) that carry over (.6)")(day_effects(slow_days))
null("day_skewed", "rare bad days: exponential day effects (SD .8)")(
    day_effects(lambda rng, n: 0.8 * (1 - rng.exponential(size=n)))
)
null("bad_days", "a sixth of the days is bad as a whole (2 SD), independent of one another")(
    day_effects(lambda rng, n: -2.0 * (rng.random(n) < 1 / 6))
)
null("weekends", "weekends that are warmer by 1.2 SD")(day_effects(lambda _, n: 1.2 * (np.arange(n) % 7 >= 5)))


@null("random_walk", "a level that wanders without end (.15 SD a step)")
def draw_random_walk(rng, design):
    step = rng.standard_normal((design.n_occasions, 2)) * np.sqrt(design.elapsed)[:, None]
    wander = np.cumsum(0.15 * step, axis=0)
    return law.rated(rng, design, plain(rng, design) + GAIN * (wander - wander.mean(axis=0)))


@null("long_memory", "long memory: fractionally integrated noise (d = .35)")
def draw_long_memory(rng, design):
    n, reach = design.n_occasions, 600
    weights = np.cumprod(np.concatenate([[1.0], (np.arange(1, reach) - 1 + 0.35) / np.arange(1, reach)]))
    shocks = rng.standard_normal((n + reach, 2))
    out = np.column_stack([np.convolve(shocks[:, at], weights)[reach : reach + n] for at in range(2)])
    return law.rated(rng, design, GAIN * (out / np.sqrt((weights**2).sum()) + law.daily(rng, design)))


@null("missing_affect", "prompts are missed when warmth is low (log odds 1.2 per SD)")
def draw_missing_affect(rng, design):
    return law.rated(rng, design, plain(rng, design), by_warmth=True)


def events(recovery):
    """Negative events, one in 25 prompts, that wear off by this e-folding time."""

    def draw(rng, design):
        drop, state = np.zeros(design.n_occasions), 0.0
        for at, steps in enumerate(design.elapsed):
            state = state * np.exp(-steps / recovery) + (rng.random() < 0.04) * rng.exponential(2.5)
            drop[at] = state
        signal = -(drop - drop.mean())[:, None] * np.array([1.0, law.RESPONSE])
        return law.rated(rng, design, plain(rng, design) + GAIN * signal)

    return draw


null("events_5", "rare negative events that wear off within five prompts")(events(5.0))
null("events_10", "rare negative events that wear off within ten prompts")(events(10.0))


def outside_schedule(rng, design):
    """Warmth follows an irregular schedule from outside, such as travel."""
    away = law.phase_path(rng, design, law.geometric(law.DWELL))
    z = plain(rng, design) + GAIN * law.levels(away, 1.2)
    return law.rated(rng, design, z, extra={"away": away.astype(float)})


null("schedule_unentered", "an irregular schedule from outside (1.2 SD) that nobody entered")(outside_schedule)
null("schedule_entered", "the same schedule, entered as a covariate", covariates=("away",))(outside_schedule)


@null("slow_two_humps", "a slow process (.85) on an item whose answers have two humps")
def draw_slow_two_humps(rng, design):
    z = law.noise(rng, design, phi=0.85)
    return law.rated(rng, design, np.tanh(2.5 * z), slope=2.2, at=rng.uniform(3.7, 4.3, size=2))


def switching(effect, dwell=None, **options):
    """A direction that switches between levels; options of `z_of_levels`."""

    def draw(rng, design):
        phase = law.phase_path(rng, design, law.geometric(law.DWELL) if dwell is None else dwell, options.get("n", 2))
        z = z_of_levels(rng, design, phase, effect, **options)
        return law.rated(rng, design, z, phase=phase)

    return draw


def z_of_levels(rng, design, phase, effect, *, n=2, width=1, sds=None):
    """Levels, noise and time of day: ``width`` prompts of transition, ``sds`` of the noise per phase."""
    signal = law.running_mean(law.levels(phase, effect, n), width)
    scale = 1.0 if sds is None else np.array(sds)[phase]
    return GAIN * (signal + law.noise(rng, design, scale=scale) + law.daily(rng, design))


def clinical(rng, design):
    """Prompts at 6 and 7, then prompts at 1 and 2."""
    phase = law.phase_path(rng, design, law.geometric(12.0))
    ends = np.where(phase == 1, 6.6, 1.4)[:, None] + 0.6 * rng.standard_normal((design.n_occasions, 2))
    return law.masked(rng, design, np.clip(np.rint(ends), 1, 7), phase=phase)


# Regular phases of eight prompts: cycles, but in a rhythm, so that *irregular* is false.
for _cv, _dwell, _words in (
    ("15", law.gamma(law.DWELL, 0.15), "vary by 15 % of their mean (gamma)"),
    ("25", law.gamma(law.DWELL, 0.25), "vary by 25 % of their mean (gamma)"),
    ("40", law.gamma(law.DWELL, 0.40), "vary by 40 % of their mean (gamma)"),
    ("40_lognormal", law.lognormal(law.DWELL, 0.40), "vary by 40 % of their mean (log-normal)"),
):
    null(f"regular_{_cv}", f"two phases whose dwell times {_words}")(switching(1.5, _dwell))

for _effect in (1.0, 1.5, 2.0, 3.0):
    _name = f"{round(10 * _effect)}"
    cycle(f"cycle_{_name}", f"two phases, effect {_effect:g}, dwell times geometric with mean 8", switching(_effect))
    cycle(f"gradual_3_{_name}", f"two phases, effect {_effect:g}, gradual over 3 prompts", switching(_effect, width=3))
    cycle(f"gradual_5_{_name}", f"two phases, effect {_effect:g}, gradual over 5 prompts", switching(_effect, width=5))
    cycle(f"warmth_{_name}", f"two phases, effect {_effect:g}, warmth alone rated", switching(_effect), channels=1)
cycle("clinical", "the clinical picture: prompts at 6 and 7, then at 1 and 2, mean 12 prompts", clinical)
cycle("clinical_warmth", "the clinical picture, warmth alone rated", clinical, channels=1)
cycle("two_sds", "two phases, effect 1.5, noise twice as large in the cold one", switching(1.5, sds=(4 / 3, 2 / 3)))
cycle("lognormal_8", "two phases, effect 1.5, log-normal dwell times, CV .8", switching(1.5, law.lognormal(8.0, 0.8)))
cycle("weibull_6", "two phases, effect 1.5, Weibull dwell times, CV .6", switching(1.5, law.weibull(8.0, 1.72)))
cycle("unequal", "two phases, effect 1.5, the warm one three times as short", switching(1.5, law.unequal(12.0, 4.0)))
cycle("three", "three phases, effect 1.5, geometric dwell times", switching(1.5, n=3))
cycle("middle_20", "three phases, effect 2, geometric dwell times", switching(2.0, n=3))
cycle("middle_30", "three phases, effect 3, geometric dwell times", switching(3.0, n=3))
cycle("short", "two phases, effect 1.5, mean dwell 4", switching(1.5, law.geometric(4.0)))
cycle("long", "two phases, effect 1.5, mean dwell 14", switching(1.5, law.geometric(14.0)))

KINDS = NULLS | CYCLES


def draw_series(name, design=None, *, seed):
    """Arrays of one simulated direction.

    Parameters
    ----------
    name : str
        Of `KINDS`.
    design : Design, optional
        200 prompts, 17 % missed, 7 points by default.
    seed : SeedSequence or list of int

    Returns
    -------
    Series
    """
    return KINDS[name].draw(np.random.default_rng(seed), design or Design())


def draw_panel(drawn, *, points=7):
    """A panel of dyads from simulated directions, two for each dyad.

    Parameters
    ----------
    drawn : sequence of Series
        Of one length; those of receiver and giver of each dyad next to each other.
    points : int, default 7

    Returns
    -------
    reldyn.DyadPanel
        ``dyad``, ``person``, ``role`` (a, b), ``day`` (dates from a Monday on), ``beep``, ``warmth``, ``response`` and
        further columns. The receiver of direction k is member k % 2 of dyad k // 2.
    """
    import pandas as pd

    import reldyn as rd

    n, length = len(drawn), len(drawn[0].values)
    member = np.repeat(np.arange(n), length)
    at = np.tile(np.arange(length), n)
    values = np.concatenate([one.values for one in drawn])
    frame = pd.DataFrame({"dyad": member // 2, "person": member, "role": np.array(["a", "b"])[member % 2]})
    frame["day"] = pd.Timestamp("2026-01-05") + pd.to_timedelta(at // law.BEEPS, unit="D")
    frame["beep"], frame["warmth"], frame["response"] = at % law.BEEPS + 1, values[:, 0], values[:, 1]
    for name in drawn[0].extra:
        frame[name] = np.concatenate([one.extra[name] for one in drawn])
    columns = {name: name for name in ("dyad", "person", "role", "day", "beep")}
    return rd.DyadPanel(frame, **columns, scales={"warmth": (1, points), "response": (1, points)})
