"""The schedule of warmth, described: intervals, their spread, and what they are contingent on.

Burstiness of a finite series after Kim and Jo (2016, Physical Review E 94, 032311), memory after
Goh and Barabasi (2008, EPL 81, 48002). Nothing here is a test: on short affect series these
figures hardly tell a cycle from a linear series with noise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from reldyn._types import Column
from reldyn.cycles.series._events import (
    Direction,
    Event,
    ReportedBy,
    beep_positions,
    directions,
    event_number,
    grid_positions,
    top_tercile,
    warm_threshold,
)
from reldyn.cycles.series._screen import check_names, only_rounding
from reldyn.errors import check_option
from reldyn.panel import analysis
from reldyn.results import TableResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = ["ScheduleResult", "burstiness", "contingency", "cv_interval", "memory", "schedule", "undecidable"]


class ScheduleResult(TableResult):
    """What `schedule` found."""

    figure: ClassVar[str | None] = "schedule"


MIN_OCCASIONS = 60
MIN_CYCLES = 4
# Mean length of a cycle, in beeps, that is looked for when nothing else is known.
TYPICAL_CYCLE = 16
MAX_CATEGORY_SHARE = 0.60
MIN_INTERVALS = 5


@analysis
def schedule(
    panel: DyadPanel,
    *,
    warmth: Column,
    approach: Column | None = None,
    event: Event = "threshold",
    reported_by: ReportedBy = "receiver",
) -> ScheduleResult:
    """Describe when warmth comes: the intervals between warm events, per dyad and giver.

    Descriptive only. None of these figures is a test of intermittent reinforcement, and a series
    that is called decidable is long and varied enough to be tested, no more.

    Parameters
    ----------
    panel : DyadPanel
        At least two occasions per person.
    warmth : str
        Column with the warmth received from (or given to) the partner.
    approach : str, optional
        Column with the receiver's own approach (reaching out, longing). A column of 0 and 1
        counts as it stands; else the top tercile of the person's own answers is approach.
    event : "threshold" or float, default "threshold"
        What a warm event is. ``"threshold"``: the top tercile of the reporter's own answers,
        because persons use a scale differently; with ties the observed value is taken whose share
        of answers at or above it is nearest to one third. A number: warm is at or above it.
    reported_by : {"receiver", "giver"}, default "receiver"
        Who rates the warmth: a row holds the warmth that its person received (so the giver is
        the partner), or the warmth that its person gave.

    Returns
    -------
    ScheduleResult
        A table that is used like a data frame.
        One row per dyad and giver:

        - ``dyad``, ``giver``: the giver by role where roles tell the two apart, else by person id.
        - ``n_events``: warm occasions. An interval is the number of scheduled beeps from one to
          the next. Beeps without an answer count as time; a night counts as long as the panel's
          schedule says, and as one beep where it says nothing.
        - ``cv``: SD (n - 1) divided by mean of the intervals; 0 is a strict rhythm.
        - ``conf_low``, ``conf_high``: 95 % interval of ``cv``.
        - ``cv_random``: the ``cv`` of warmth that comes at random at the same rate. Beeps are
          discrete, so this is the geometric law's sqrt(1 - 1 / mean interval), below 1.
        - ``burstiness``: from -1 (rhythm) over about 0 (random in continuous time) to 1 (bursts).
        - ``memory``: correlation of consecutive intervals.
        - ``contingency``: P(warm | approach one beep before, same day) - P(warm | no approach).
        - ``decidable``: whether a test could ever decide: at least 60 answered occasions, room
          for 4 cycles of 16 beeps, at most 60 % of answers on one category, a partner who
          answers too, and answers that vary.
        - ``note``: why a value is missing, or why the series is not decidable.

    Raises
    ------
    DataError
        There is no such column or it holds text.
    DesignError
        An option is not known, or nobody ever reaches the ``event`` number.

    Notes
    -----
    The interval of ``cv`` is the jackknife of log CV with bias correction and t quantiles, whose
    variance is not allowed below that of gamma intervals, (1 + CV^2) / 2n: the plain jackknife
    covers .88 to .90 on geometric intervals, with this floor .95 to .98 (14 to 140 intervals;
    geometric, gamma and negative-binomial laws; 3,000 series each). It takes intervals as
    independent. Burstiness uses the population SD, for which its limits are -1 and 1.

    References
    ----------
    Kim and Jo (2016), Physical Review E 94, 032311. Goh and Barabasi (2008), EPL 81, 48002.

    Examples
    --------
    >>> import pandas as pd, reldyn as rd
    >>> frame = pd.DataFrame({"dyad": 1, "who": ["a", "b"] * 90, "day": [t // 2 for t in range(180)]})
    >>> frame["warmth"] = [7 if day % 3 == 0 else 2 + day % 2 for day in frame["day"]]
    >>> panel = rd.DyadPanel(frame, dyad="dyad", person="who", role="who", time="day")
    >>> rd.cycles.schedule(panel, warmth="warmth")[["giver", "n_events", "cv", "decidable"]]
      giver  n_events   cv  decidable
    0     a        30  0.0       True
    1     b        30  0.0       True
    """
    import pandas as pd

    check_names(warmth=warmth, approach=approach)
    check_option(reported_by, ("receiver", "giver"), "reported_by")
    values = panel.values(warmth)
    approached = None if approach is None else panel.values(approach)
    number = event_number(event, values)
    position, beeps = beep_positions(panel), grid_positions(panel)
    both = directions(panel, reported_by)
    answering = {(way.dyad_code, way.receiver): bool(np.isfinite(values[way.rows]).any()) for way in both}
    rows = []
    for way in both:
        partner_answers = answering[way.dyad_code, 1 - way.receiver]
        row = _describe(panel, way, values, approached, number, position, beeps, partner_answers)
        rows.append({"dyad": way.dyad, "giver": way.giver, **row})
    return ScheduleResult.of(table=pd.DataFrame(rows))


def _describe(
    panel: DyadPanel,
    way: Direction,
    values: NDArray[np.float64],
    approached: NDArray[np.float64] | None,
    number: float | None,
    position: NDArray[np.int64],
    beeps: NDArray[np.int64],
    partner_answers: bool,
) -> dict[str, object]:
    rows = way.rows[np.isfinite(values[way.rows])]
    answers = values[rows]
    warm = answers >= warm_threshold(answers, number)
    intervals = np.diff(position[rows[warm]]).astype(float)
    enough = len(intervals) >= MIN_INTERVALS
    low, high = cv_interval(intervals) if enough else (math.nan, math.nan)
    after = math.nan
    reasons = undecidable(answers, beeps[rows], partner_answers)
    notes = list(reasons)
    if not panel.index.on_grid:
        notes.append("times fit no common grid, so an interval counts distinct times")
    if not enough:
        notes.append(f"{len(intervals)} intervals, below the {MIN_INTERVALS} that describe a spread")
    if approached is not None:
        after = _after_approach(panel, way, rows, warm, approached)
        if math.isnan(after):
            notes.append("approach never varies before an answer, so no contingency")
    return {
        "n_events": int(warm.sum()),
        "cv": _cv(intervals) if enough else math.nan,
        "conf_low": low,
        "conf_high": high,
        "cv_random": math.sqrt(1 - 1 / intervals.mean()) if enough and intervals.mean() >= 1 else math.nan,
        "burstiness": burstiness(intervals) if enough else math.nan,
        "memory": memory(intervals),
        "contingency": after,
        "decidable": not reasons,
        "note": "; ".join(notes),
    }


def undecidable(answers: NDArray[np.float64], beeps: NDArray[np.int64], partner_answers: bool) -> list[str]:
    """Every reason why no test could decide about these answers; empty if none."""
    if not len(answers):
        return ["no answers"]
    reasons = []
    if not partner_answers:
        reasons.append("the partner never answers")
    if len(answers) < MIN_OCCASIONS:
        reasons.append(f"{len(answers)} answered occasions, below {MIN_OCCASIONS}")
    cycles = (int(beeps.max()) - int(beeps.min()) + 1) / TYPICAL_CYCLE
    if cycles < MIN_CYCLES:
        reasons.append(f"room for {cycles:.1f} cycles of {TYPICAL_CYCLE} beeps, below {MIN_CYCLES}")
    levels, counts = np.unique(answers, return_counts=True)
    if only_rounding(answers):
        reasons.append("answers never vary")
    elif counts.max() / len(answers) > MAX_CATEGORY_SHARE:
        share = f"{counts.max() / len(answers):.0%} of answers are {levels[counts.argmax()]:g}"
        reasons.append(f"{share}, above {MAX_CATEGORY_SHARE:.0%}")
    return reasons


def _after_approach(
    panel: DyadPanel, way: Direction, rows: NDArray[np.int64], warm: NDArray[np.bool_], approached: NDArray[np.float64]
) -> float:
    """Contingency on the receiver's approach one beep earlier on the same day."""
    index = panel.index
    own = approached[way.receiver_rows]
    own = own[np.isfinite(own)]
    threshold = 1.0 if np.isin(own, (0.0, 1.0)).all() else top_tercile(own)
    earlier = panel.clock.earlier(1)[index.slot[rows]]
    inside = earlier >= 0
    before = index.find(
        np.full(len(rows), way.dyad_code),
        np.full(len(rows), way.receiver),
        panel.clock.occasion[np.where(inside, earlier, 0)],
    )
    known = inside & (before >= 0)
    reach = np.where(known, approached[before], np.nan)
    known &= np.isfinite(reach)
    return contingency(warm[known], reach[known] >= threshold)


def contingency(warm: NDArray[np.bool_], approached: NDArray[np.bool_]) -> float:
    """Delta P: share of warm occasions after approach minus the share after none; NaN if either is empty."""
    if not approached.any() or approached.all():
        return math.nan
    return float(warm[approached].mean() - warm[~approached].mean())


def _cv(intervals: NDArray[np.float64]) -> float:
    return float(intervals.std(ddof=1) / intervals.mean())


def cv_interval(intervals: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Interval of the coefficient of variation: the bias-corrected jackknife of its logarithm.

    Parameters
    ----------
    intervals : (n,) float array
        At least three positive numbers.
    level : float, default 0.95

    Returns
    -------
    (low, high) : tuple of float
        NaN where the intervals, or all but one of them, are equal.
    """
    from scipy import stats

    n = len(intervals)
    means = (intervals.sum() - intervals) / (n - 1)
    squares = ((intervals**2).sum() - intervals**2) / (n - 1)
    left_out = squares - means**2
    if np.ptp(intervals) == 0 or (left_out <= 1e-12 * squares).any():
        return math.nan, math.nan
    log_cv = math.log(intervals.std() / intervals.mean())
    parts = np.log(np.sqrt(left_out) / means)
    centre = n * log_cv - (n - 1) * parts.mean()
    variance = (n - 1) / n * ((parts - parts.mean()) ** 2).sum()
    gamma = (1 + math.exp(2 * centre)) / (2 * n)
    reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * math.sqrt(max(variance, gamma))
    return math.exp(centre - reach), math.exp(centre + reach)


def burstiness(intervals: NDArray[np.float64]) -> float:
    """Finite-size burstiness of n intervals (Kim and Jo 2016, with n intervals between n + 1 events)."""
    n = len(intervals)
    if n < 2:
        return math.nan
    ratio = float(intervals.std() / intervals.mean())
    more, less = math.sqrt(n + 1), math.sqrt(n - 1)
    return (more * ratio - less) / ((more - 2) * ratio + less)


def memory(intervals: NDArray[np.float64]) -> float:
    """Correlation of each interval with the next (Goh and Barabasi 2008); NaN below 4 or where they are equal."""
    earlier, later = intervals[:-1], intervals[1:]
    if len(earlier) < MIN_INTERVALS - 1 or np.ptp(earlier) == 0 or np.ptp(later) == 0:
        return math.nan
    return float(np.corrcoef(earlier, later)[0, 1])
