"""What a study's own design can and cannot find: false positives and power by simulation."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reldyn._types import Array, Column, Columns, Flags
from reldyn.cycles.calibration._calibrate_pooled import (
    BESIDE,
    MOST_TESTED,
    NULL_WORLDS,
    PooledTask,
    both_p,
    check_dyads,
    limits_over_samples,
    replicate_sample,
)
from reldyn.cycles.ladder._claim_tests import Pooling, Setting, check_pooling, seed_of
from reldyn.cycles.ladder._direction import linear_null
from reldyn.cycles.series._directions import CycleColumns, WarmthDirection, build_series
from reldyn.cycles.series._events import ReportedBy
from reldyn.cycles.series._nuisance import base_design, prepare
from reldyn.cycles.series._series import DirectionSeries
from reldyn.errors import DataError, DesignError, check_option
from reldyn.panel import analysis
from reldyn.results import InState, Result
from reldyn.stats import child_generator, child_seed, known_seed, map_seeded

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel
    from reldyn.results import Section


__all__ = ["CalibrationResult", "calibrate"]

WORLDS = (*NULL_WORLDS, "cycle")
_MEANING = {
    "linear": "linear dynamics fitted to the direction, Gaussian shocks",
    "skewed": "the same with the direction's own shocks, however skewed",
    "rhythm": "three phases in fixed order whose sojourns vary by a quarter of their mean",
    "cycle": "two abrupt phases with unpredictable dwell times",
    BESIDE: "the dyads without cycles in samples half of whose dyads have them",
}
_JITTER = 0.25
_LEVEL = 0.05


class CalibrationResult(Result):
    """How often the tests reject in worlds with and without cycles, for the design of one study.

    Attributes
    ----------
    columns : CycleColumns
    setting : mapping
        ``effect``, ``n_replications``, ``n_surrogates``, ``alpha``, ``seed``.
    worlds : tuple of str
    p_regimes, p_intermittent : (n_worlds, n_tests) arrays
        P-values of every test; that of *intermittent* is 1 where *regimes* was not rejected. A replication is one
        test, or with pooling a sample of which several directions in a row are tested.
    notes : tuple of str
    shared : (n_worlds, n_replications) bool array
        Whether phases were shared in a sample; no columns without pooling.
    """

    columns = InState[CycleColumns]()
    setting = InState[dict[str, Any]]()
    worlds = InState[tuple[str, ...]]()
    p_regimes = InState[Array]()
    p_intermittent = InState[Array]()
    shared = InState[Flags](np.zeros((len(WORLDS), 0), dtype=bool))

    figure: ClassVar[str | None] = "calibration"

    @property
    def power(self) -> float:
        """Share of replications of the planted cycle in which *intermittent* is found."""
        return float((self.p_intermittent[self.worlds.index("cycle")] <= self.setting["alpha"]).mean())

    @property
    def power_low(self) -> float:
        """Lower limit of the 95 % interval of ``power``."""
        found = self.tidy().query("claim == 'intermittent' and world == 'cycle'")
        return float(found["conf_low"].item())

    @property
    def false_positives(self) -> float:
        """The largest share in which *intermittent* is found in a world without cycles."""
        others = [place for place, world in enumerate(self.worlds) if world != "cycle"]
        return float((self.p_intermittent[others] <= self.setting["alpha"]).mean(axis=1).max())

    def tidy(self) -> pd.DataFrame:
        """One row per world and claim: the share of rejections with its exact 95 % interval.

        ``n_replications`` counts directions, or with pooling samples, ``n_tests`` the tests in them; intervals are
        over independent samples. ``kind`` is ``"power"`` where the claim is true, ``"false positives"`` where it is
        not, and ``"mixed"`` for *regimes* beside cycles, where a third of the dyads have a rhythm.
        """
        import pandas as pd

        rows = []
        for place, world in enumerate(self.worlds):
            for claim, p_values in (("regimes", self.p_regimes[place]), ("intermittent", self.p_intermittent[place])):
                hits = (p_values <= self.setting["alpha"]).reshape(self.setting["n_replications"], -1)
                low, high = limits_over_samples(hits)
                rows.append(
                    {
                        "term": f"{claim} in {world}",
                        "world": world,
                        "claim": claim,
                        "kind": "power" if world == "cycle" else "false positives",
                        "estimate": float(hits.mean()),
                        "conf_low": low,
                        "conf_high": high,
                        "n_replications": len(hits),
                        "n_tests": hits.size,
                    }
                )
        # Phases of a rhythm are real: to find them is no false positive.
        table = pd.DataFrame(rows)
        of_regimes = table["claim"] == "regimes"
        table.loc[(table["world"] == "rhythm") & of_regimes, "kind"] = "power"
        table.loc[(table["world"] == BESIDE) & of_regimes, "kind"] = "mixed"
        return table

    def glance(self) -> pd.DataFrame:
        """One row: power, the largest rate of false positives, and the setting."""
        import pandas as pd

        return pd.DataFrame([{"power": self.power, "false_positives": self.false_positives, **self.setting}])

    def _headline(self) -> str:
        share = f"{self.power:.2f} of planted cycles found, {self.false_positives:.2f} false positives at most"
        return f"Calibration of intermittent warmth at effect {self.setting['effect']:g}: {share}"

    def _methods(self) -> str:
        return f"{self._finding()} {self._method()}"

    def _sections(self) -> Iterable[Section]:
        yield self.tidy()[["world", "claim", "kind", "estimate", "conf_low", "conf_high"]]
        yield from (f"{world}: {_MEANING[world]}." for world in self.worlds)

    def _method(self) -> str:
        setting = self.setting
        level, most = f"level {setting['alpha']:g}", f"{setting['n_surrogates']} surrogates at most"
        if not self.shared.size:
            return (
                f"{setting['n_replications']} replications per world at {level}, each with the schedule, the missed "
                f"occasions and the answers of a direction of the panel drawn at random, and with {most}; seed "
                f"{setting['seed']}."
            )
        shares = ", ".join(
            f"{share:.2f} ({world})" for world, share in zip(self.worlds, self.shared.mean(axis=1), strict=True)
        )
        return (
            f"{setting['n_replications']} samples per world at {level}, each with all directions of the panel, their "
            f"schedules, missed occasions and answers; {MOST_TESTED} directions of each were tested, with {most}; "
            f"pooling {setting['pooling']!r}; share of samples in which phases were shared: {shares}; "
            f"seed {setting['seed']}."
        )

    def _finding(self) -> str:
        """Both rates with their intervals: few replications leave either almost open."""
        found = self.tidy().query("claim == 'intermittent'").set_index("world")
        worst = str(found.drop(index="cycle")["estimate"].idxmax())

        unit = "tests" if self.shared.size else "replications"

        def rate(world: str) -> str:
            share, low, high = found.loc[world, ["estimate", "conf_low", "conf_high"]]
            return f"{share:.2f} of the {unit} (95 % interval {low:.2f} to {high:.2f})"

        return (
            f"A planted cycle of effect {self.setting['effect']:g} was found to be intermittent in {rate('cycle')}. "
            f"Of the worlds without one, {worst!r} had the highest rate of false alarms: {rate(worst)}."
        )


@analysis
def calibrate(
    panel: DyadPanel,
    *,
    warmth: Column,
    response: Column | None = None,
    effect: float = 1.5,
    n_replications: int = 200,
    n_surrogates: int = 199,
    seed: Any = None,
    n_jobs: int = 1,
    pooling: Pooling = "none",
    covariates: Columns = (),
    phases: Literal["auto"] | int = "auto",
    reported_by: ReportedBy = "receiver",
) -> CalibrationResult:
    """Measure how often this study's design finds cycles that are planted, and finds them where there are none.

    Every replication takes a testable direction of the panel at random and replaces its answers: by a
    linear null model fitted to it, by the same with its own skewed shocks, by a jittered rhythm, and by a cycle of
    the declared effect. Schedule, missed occasions and the answers given (in another order) stay the
    direction's own.

    Parameters
    ----------
    panel : DyadPanel
    warmth, response : str
        As in `reldyn.detect_cycles`.
    effect : float, default 1.5
        Size of the planted cycles: two abrupt phases, warmth in each about so many SD of the noise from the middle.
        1.5 is a large effect, the one that the verdict *not supported* refers to by default.
    n_replications : int, default 200
        Per world: a power of .80 is then known to within .06.
    n_surrogates : int, default 199
        Per test, with sequential stopping; enough at the level of .05.
    seed : int, SeedSequence, Generator or None, default None
    n_jobs : int, default 1
        The result is the same, bit for bit, whatever the number.
    pooling : {"none", "auto", "shared"}, default "none"
        Calibrate the tests of `reldyn.detect_cycles` with this pooling. With ``"auto"`` or ``"shared"`` a replication
        is a whole sample, with all its dyads, learned from in folds: in three of four samples every dyad is of one
        null world, in the fourth half of the dyads have cycles, all of the same shape and size, and the others the
        null worlds in turn (``"beside cycles"``). Eight directions of each are tested. Real cycles that differ more
        between dyads, or are rarer, are found less often than that.
    covariates, phases, reported_by
        As in `reldyn.detect_cycles`: the power of the detection that was called with them. Covariates keep their values
        and enter every test, but planted cycles do not depend on them.

    Returns
    -------
    CalibrationResult
        Hand it to ``CycleResult.with_calibration`` to judge tests without result by the power of the design.

    Raises
    ------
    DataError
        No direction of the panel can carry a test, or with pooling fewer than 16 dyads can; or a column does not
        exist.
    DesignError
        An option is out of range.

    Notes
    -----
    Expect one to ten seconds per replication and world at 200 occasions. With pooling that is per test, and learning
    comes on top: about half a minute per sample of 20 dyads with 100 occasions, of which there are four per
    replication, with compiled kernels. 20 samples are a beginning, and ``n_jobs`` helps.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=1, n_occasions=64, seed=1).panel
    >>> found = rd.cycles.calibrate(panel, warmth="warmth", n_replications=2, n_surrogates=19, seed=1)
    >>> found.tidy()["world"].unique().tolist()
    ['linear', 'skewed', 'rhythm', 'cycle']
    """
    _check(effect, n_replications, n_surrogates)
    check_pooling(pooling, n_surrogates, _LEVEL)
    check_option(phases, ("auto", 2, 3), "phases")
    columns = CycleColumns(warmth, response, reported_by, tuple(covariates))
    usable = [
        one
        for one in build_series(panel, columns, leave_out_careless=True)
        if not one.reasons and one.series is not None
    ]
    if not usable:
        raise DataError(
            "no direction of the panel can carry a test, so there is no design to calibrate: "
            "rd.cycles.schedule says why for each direction."
        )
    known = known_seed(seed)
    setting = Setting(phases=phases, n_surrogates=int(n_surrogates), alpha=_LEVEL)
    root = np.random.SeedSequence(known)
    if pooling == "none":
        p_values = _single_tests(usable, float(effect), setting, root, n_replications, n_jobs)
        shared = np.zeros((len(WORLDS), 0), dtype=bool)
    else:
        p_values, shared = _samples(usable, float(effect), setting, root, n_replications, n_jobs, pooling)
    return CalibrationResult.of(
        columns=columns,
        setting={
            "effect": float(effect),
            "n_replications": int(n_replications),
            "n_surrogates": int(n_surrogates),
            "alpha": _LEVEL,
            "seed": known,
            "pooling": pooling,
            "phases": phases,
        },
        worlds=WORLDS if pooling == "none" else (*WORLDS, BESIDE),
        p_regimes=p_values[:, :, 0],
        p_intermittent=p_values[:, :, 1],
        notes=_notes(n_replications, p_values.shape[1]),
        shared=shared,
    )


def _notes(n_replications: int, n_tests: int) -> tuple[str, ...]:
    if n_tests >= 100:
        return ()
    what = "replication" if n_tests == n_replications else "sample"
    return (f"{n_replications} {what}{'s' if n_replications > 1 else ''} per world: rates are rough",)


def _single_tests(
    usable: Sequence[WarmthDirection],
    effect: float,
    setting: Setting,
    root: np.random.SeedSequence,
    n_replications: int,
    n_jobs: int,
) -> Array:
    """P-values of directions that are tested by themselves: (n_worlds, n_replications, 2)."""
    drawn = child_generator(root, 0).integers(len(usable), size=(len(WORLDS), n_replications))
    tasks = [
        (usable[int(drawn[place, replication])], world, effect, setting)
        for place, world in enumerate(WORLDS)
        for replication in range(n_replications)
    ]
    answers = map_seeded(_replicate, tasks, child_seed(root, 1), n_jobs, label="replications")
    return np.array(answers).reshape(len(WORLDS), n_replications, 2)


def _samples(
    usable: Sequence[WarmthDirection],
    effect: float,
    setting: Setting,
    root: np.random.SeedSequence,
    n_replications: int,
    n_jobs: int,
    pooling: Pooling,
) -> tuple[Array, Flags]:
    """P-values of whole samples, (n_worlds, n_tests, 2), and where phases were shared."""
    check_dyads(usable)
    tasks = [
        PooledTask(tuple(usable), world, effect, setting, pooling == "shared", _answers)
        for world in WORLDS
        for _ in range(n_replications)
    ]
    drawn = map_seeded(replicate_sample, tasks, child_seed(root, 1), n_jobs, label="samples")
    p_values, shared = [], []
    for world in (*WORLDS, BESIDE):
        of_world = [one for one in drawn if world in one.p_values]
        p_values.append(np.concatenate([one.p_values[world] for one in of_world]))
        shared.append([one.shared for one in of_world])
    return np.stack(p_values), np.array(shared)


def _check(effect: float, n_replications: int, n_surrogates: int) -> None:
    number = isinstance(effect, (int, float, np.integer, np.floating)) and not isinstance(effect, bool)
    if not number or not 0 < effect < 10:
        raise DesignError(f"effect={effect!r} is no size: give a number above 0, in units of the usual phases.")
    for name, value, least in (("n_replications", n_replications, 1), ("n_surrogates", n_surrogates, 19)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise DesignError(f"{name}={value!r}: give a whole number from {least}.")


def _replicate(
    task: tuple[WarmthDirection, str, float, Setting], generator: np.random.Generator
) -> tuple[float, float]:
    """P-values of regimes and of intermittent in one world."""
    direction, world, effect, setting = task
    if direction.series is None:
        raise DataError("a direction without answers cannot be replicated.")
    seed = seed_of(generator)
    series = dataclasses.replace(direction.series, y=_answers(direction.series, world, effect, seed))
    return both_p(series, setting, child_seed(seed, 2))


def _answers(series: DirectionSeries, world: str, effect: float, seed: np.random.SeedSequence) -> Array:
    """Answers of one world with the gaps of the direction."""
    from reldyn.surrogate import draw_linear, draw_resampled, match_ranks

    draws: Sequence[np.random.Generator] = [child_generator(seed, 0)]
    if world in ("linear", "skewed"):
        design = base_design(series)
        breaks = prepare(series.y[None], series, design).breaks[0]
        null = linear_null(series, design, breaks, child_seed(seed, 1), gaussian=world == "linear")
        drawn = draw_linear(null, draws) if world == "linear" else draw_resampled(null, draws, series.categories)
        return np.asarray(drawn[0])
    return np.asarray(match_ranks(_planted(series, world, effect, draws), _complete(series))[0])


def _complete(series: DirectionSeries) -> Array:
    """An occasion with one channel missing carries nothing: neither answer stays."""
    return np.where(series.observed[:, None], series.y, np.nan)


def _planted(series: DirectionSeries, world: str, effect: float, draws: Sequence[np.random.Generator]) -> Array:
    from reldyn.simulate import SeriesDesign, simulate_series

    n_occasions, n_channels = series.y.shape
    per_day = int(np.median(np.unique(series.day, return_counts=True)[1])) if series.day[-1] > series.day[0] else 1
    design = (
        SeriesDesign("jittered_rhythm", n_occasions, per_day, effect, sojourn_cv=_JITTER)
        if world == "rhythm"
        else SeriesDesign("alternation", n_occasions, per_day, effect)
    )
    return simulate_series(design, draws).state[:, :, :n_channels]
