"""Measures of a trajectory on a state space grid: arrays in, numbers out.

Lewis, Lamey and Douglas (1999) laid the behaviour of two persons out on a grid, one axis each; Hollenstein (2013) gives
the measures. An event is one coded stretch, a visit an unbroken stay in one cell, a run a stretch of events without
gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags, Ints

__all__ = ["MEASURES", "Visits", "dispersion", "entropy", "grid_measures", "return_times", "visits_of", "winnow"]

MEASURES = (
    "n_events",
    "n_visits",
    "n_cells",
    "n_transitions",
    "total_duration",
    "mean_event_duration",
    "mean_visit_duration",
    "mean_cell_duration",
    "dispersion",
    "visit_entropy",
    "duration_entropy",
    "transition_entropy_joint",
    "transition_entropy_conditional",
    "return_time",
)
# Lewis et al. (1999): cells are attractors once the heterogeneity has fallen below half of what all cells together had.
_FALL = 0.5


@dataclass(frozen=True, slots=True)
class Visits:
    """Unbroken stays in one cell, in order of time.

    Attributes
    ----------
    cell : (n,) int array
    duration : (n,) array
    run : (n,) int array
        Stretch without gap that the visit belongs to; neither a visit nor a transition reaches over a gap.
    n_events : (n,) int array
        Events that the visit is made of.
    """

    cell: Ints
    duration: Array
    run: Ints
    n_events: Ints


def visits_of(cell: Ints, duration: Array, run: Ints) -> Visits:
    """Join successive events in the same cell of the same run.

    Parameters
    ----------
    cell : (n,) int array
        Cell of each event, in order of time.
    duration : (n,) array
    run : (n,) int array

    Returns
    -------
    Visits
    """
    if not len(cell):
        nothing = np.zeros(0, dtype=np.int64)
        return Visits(nothing, np.zeros(0), nothing, nothing)
    begins = np.concatenate([[True], (np.diff(cell) != 0) | (np.diff(run) != 0)])
    number = np.cumsum(begins) - 1
    return Visits(cell[begins], np.bincount(number, weights=duration).astype(float), run[begins], np.bincount(number))


def entropy(count: Array) -> float:
    """Shannon entropy in nats of counts or durations; 0 log 0 is 0, NaN without any."""
    total = float(count.sum())
    if not total > 0:
        return float("nan")
    share = count[count > 0] / total
    return float(max(0.0, -(share * np.log(share)).sum()))


def dispersion(duration: Array, n_cells: int) -> float:
    """How evenly time is spread over all cells of the grid: 0 in one cell, 1 in every cell alike.

    Parameters
    ----------
    duration : array
        Time in each cell; cells never visited may be left out.
    n_cells : int
        All cells of the grid, visited or not.
    """
    total = float(duration.sum())
    if n_cells < 2 or not total > 0:
        return float("nan")
    squares = float(((duration / total) ** 2).sum())
    return 1.0 - (n_cells * squares - 1.0) / (n_cells - 1.0)


def return_times(visits: Visits, cell: int) -> Array:
    """Time from leaving a cell to coming back to it, within one run; a stay away that a gap ends does not count."""
    at = np.flatnonzero(visits.cell == cell)
    before = np.concatenate([[0.0], np.cumsum(visits.duration)])
    same = visits.run[at[1:]] == visits.run[at[:-1]]
    return np.asarray((before[at[1:]] - before[at[:-1] + 1])[same])


def winnow(duration: Array) -> tuple[Flags, Array]:
    """Find attractors by leaving out the least visited cells one by one.

    At each step the heterogeneity of the cells left is the mean over them of (observed - expected)^2 / expected, where
    all are expected to hold the same time. The first step at which it is below half of its first value leaves the
    attractors (Lewis et al., 1999).

    Parameters
    ----------
    duration : (n,) array
        Time in each visited cell, all above 0.

    Returns
    -------
    attractor : (n,) bool array
        All False with one cell, or where all hold the same time: nothing attracts more than the rest.
    heterogeneity : (n,) array
        Share of the first heterogeneity with n, n - 1, ..., 1 cells left; NaN without heterogeneity.
    """
    n = len(duration)
    order = np.argsort(duration, kind="stable")
    score = np.zeros(n)
    for gone in range(n):
        left = duration[order[gone:]]
        expected = left.mean()
        score[gone] = ((left - expected) ** 2).mean() / expected
    attractor = np.zeros(n, dtype=bool)
    if n < 2 or score[0] <= 1e-12 * float(duration.sum()):
        return attractor, np.full(n, np.nan)
    share = score / score[0]
    first = int(np.flatnonzero(share < _FALL)[0])
    attractor[order[first:]] = True
    # Cells of equal time stand or fall together.
    attractor |= duration >= duration[attractor].min()
    return attractor, share


def grid_measures(visits: Visits, n_cells: int) -> dict[str, float]:
    """All measures of one dyad; entropies in nats, times in the unit of the durations.

    The joint transition entropy is that of the pairs (from, to) of successive visits; the conditional one is what is
    left of it once the cell that is left is known. Return time is to the cell with the most time.

    Parameters
    ----------
    visits : Visits
    n_cells : int
        Cells of the whole grid.

    Returns
    -------
    dict
        Keys of ``MEASURES``; NaN where a measure is undefined.
    """
    n, total = len(visits.cell), float(visits.duration.sum())
    n_events = int(visits.n_events.sum())
    seen, place = np.unique(visits.cell, return_inverse=True)
    per_cell = np.bincount(place, weights=visits.duration, minlength=len(seen)).astype(float)
    joined = visits.run[1:] == visits.run[:-1]
    pairs = np.bincount((place[:-1] * len(seen) + place[1:])[joined], minlength=len(seen) ** 2).astype(float)
    origins = pairs.reshape(len(seen), len(seen)).sum(axis=1) if n else pairs
    joint = entropy(pairs)
    back = return_times(visits, int(seen[per_cell.argmax()])) if n else np.zeros(0)
    none = float("nan")
    values = (
        float(n_events),
        float(n),
        float(len(seen)),
        float(joined.sum()),
        total,
        total / n_events if n_events else none,
        total / n if n else none,
        total / len(seen) if n else none,
        dispersion(per_cell, n_cells),
        entropy(np.bincount(place).astype(float)) if n else none,
        entropy(per_cell),
        joint,
        joint - entropy(origins) if joint > 0 else joint,
        float(back.mean()) if len(back) else none,
    )
    return dict(zip(MEASURES, values, strict=True))
