"""Lines of a cross-recurrence plot, counted row by row without ever holding the plot.

Cell (i, j) recurs where x at occasion i and y at occasion j are the same, or nearer than a radius (Marwan et al., 2007;
Coco & Dale, 2014). A row belongs to an occasion of x, a column to one of y.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._types import Array, Flags, Ints

__all__ = ["Lines", "block_entropy", "count_lines", "determinism", "embedded", "measures", "near"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """How many lines of each length a plot has.

    Attributes
    ----------
    diagonal, row, column : int arrays
        At place k the number of lines of length k, along diagonals, within rows (one moment of x, successive moments
        of y) and within columns.
    n_recurrent, n_cells : int
        Recurrent cells, and cells in which both sides are observed.
    """

    diagonal: Ints
    row: Ints
    column: Ints
    n_recurrent: int
    n_cells: int


def embedded(series: Array, follows: Flags, delay: int, dimensions: int) -> Array:
    """Set beside each value those that come ``delay``, ``2 delay``, ... occasions later.

    Parameters
    ----------
    series : (..., T) array
    follows : (T,) bool array
        Whether an occasion directly follows the one before, on the same day.
    delay, dimensions : int

    Returns
    -------
    (..., T', dimensions) array
        ``T' = T - (dimensions - 1) delay``; NaN where a value is missing or lies beyond a night.

    Examples
    --------
    >>> embedded(np.array([1.0, 2.0, 3.0]), np.array([False, True, True]), 1, 2).tolist()
    [[1.0, 2.0], [2.0, 3.0]]
    """
    span = (dimensions - 1) * delay
    length = max(0, series.shape[-1] - span)
    stacked = np.stack([series[..., at : at + length] for at in range(0, span + 1, delay)], axis=-1)
    breaks = np.concatenate([[0], np.cumsum(~follows)])
    within = breaks[1 + span : 1 + span + length] == breaks[1 : 1 + length]
    return np.where((within & np.isfinite(stacked).all(axis=-1))[..., None], stacked, np.nan)


def near(point: Array, points: Array, radius: float) -> Flags:
    """Whether points lie within the radius (Euclidean) of one or of as many others; missing points never do.

    Parameters
    ----------
    point : (dimensions,) array, or one that broadcasts against ``points``
    points : (..., dimensions) array
    radius : float
        0 asks for equality.

    Returns
    -------
    bool array

    Examples
    --------
    >>> near(np.array([0.0]), np.array([[1.0], [np.nan], [2.5]]), 1.0).tolist()
    [True, False, False]
    """
    if points.shape[-1] == 1:
        return np.asarray(np.abs(points[..., 0] - point[..., 0]) <= radius)
    squares = (points[..., 0] - point[..., 0]) ** 2
    for axis in range(1, points.shape[-1]):
        squares += (points[..., axis] - point[..., axis]) ** 2
    return np.asarray(np.sqrt(squares) <= radius)


def count_lines(x: Array, y: Array, follows_x: Flags, follows_y: Flags, radius: float) -> Lines:
    """Count the lines of one plot; a line ends at a night and at a missing value.

    Parameters
    ----------
    x : (n, dimensions) array
    y : (m, dimensions) array
    follows_x, follows_y : (n,), (m,) bool arrays
        Whether an occasion directly follows the one before, on the same day.
    radius : float

    Returns
    -------
    Lines
        In O(m) of memory.

    Examples
    --------
    >>> one = np.array([[1.0], [2.0], [1.0]])
    >>> on = np.array([False, True, True])
    >>> lines = count_lines(one, one, on, on, 0.0)
    >>> lines.diagonal.tolist(), lines.n_recurrent
    ([0, 2, 0, 1], 5)
    """
    n, m = len(x), len(y)
    size = max(n, m) + 2
    diagonal, row, column = (np.zeros(size, dtype=np.int64) for _ in range(3))
    on_diagonal = np.zeros(m + 1, dtype=np.int64)
    on_column = np.zeros(m, dtype=np.int64)
    breaks = np.flatnonzero(~follows_y)
    columns = np.ascontiguousarray(y.T)
    n_recurrent = 0
    for i in range(n):
        recurs = _row(x[i], columns, radius)
        n_recurrent += int(np.count_nonzero(recurs))
        goes_on = recurs & follows_y if follows_x[i] else np.zeros(m, dtype=bool)
        # Place j + 1 of the array holds the line that ends in column j of the row before.
        _close(on_diagonal[:-1], goes_on, diagonal)
        diagonal += np.bincount(on_diagonal[-1:], minlength=size)
        on_diagonal[1:] = np.where(goes_on, on_diagonal[:-1] + 1, recurs)
        up = recurs if follows_x[i] else np.zeros(m, dtype=bool)
        _close(on_column, up, column)
        on_column = np.where(up, on_column + 1, recurs)
        _close_row(recurs, breaks, row)
    diagonal += np.bincount(on_diagonal[1:], minlength=size)
    column += np.bincount(on_column, minlength=size)
    for lengths in (diagonal, row, column):
        lengths[0] = 0
    longest = 1 + max(int(np.flatnonzero(lengths).max(initial=0)) for lengths in (diagonal, row, column))
    cells = int(np.isfinite(x).all(axis=1).sum()) * int(np.isfinite(y).all(axis=1).sum())
    return Lines(diagonal[:longest], row[:longest], column[:longest], n_recurrent, cells)


def _row(point: Array, columns: Array, radius: float) -> Flags:
    """`near` for one row, coordinates first so that each is contiguous."""
    if len(columns) == 1:
        return np.asarray(np.abs(columns[0] - point[0]) <= radius)
    squares = np.square(columns[0] - point[0])
    for axis in range(1, len(columns)):
        squares += np.square(columns[axis] - point[axis])
    return np.asarray(np.sqrt(squares) <= radius)


def _close(open_lines: Ints, goes_on: Flags, lengths: Ints) -> None:
    """Count the lines that do not go on."""
    ended = open_lines[~goes_on]
    lengths += np.bincount(ended, minlength=len(lengths))


def _close_row(recurs: Flags, breaks: Ints, lengths: Ints) -> None:
    """Count the runs within a row, cut at nights."""
    padded = np.zeros(len(recurs) + 1, dtype=bool)
    padded[:-1] = recurs
    starts = padded.copy()
    starts[1:] &= ~padded[:-1]
    ends = padded[:-1] & ~padded[1:]
    if len(breaks) > 1:
        starts[breaks] = recurs[breaks]
        before = breaks[breaks > 0] - 1
        ends[before] = recurs[before]
    lengths += np.bincount(np.flatnonzero(ends) - np.flatnonzero(starts[:-1]) + 1, minlength=len(lengths))


def determinism(x: Array, ys: Array, follows_x: Flags, follows_y: Flags, radius: float, min_line: int) -> Array:
    """Percentage of recurrent cells on diagonal lines, for many second series at once.

    Parameters
    ----------
    x : (n, dimensions) array
    ys : (k, m, dimensions) array
    follows_x, follows_y : (n,), (m,) bool arrays
    radius : float
    min_line : int

    Returns
    -------
    (k,) array
        NaN where nothing recurs.

    Examples
    --------
    >>> one = np.array([[1.0], [2.0], [1.0]])
    >>> on = np.array([False, True, True])
    >>> determinism(one, one[None], on, on, 0.0, 2).tolist()
    [60.0]
    """
    k, m = ys.shape[:2]
    open_lines = np.zeros((k, m + 1), dtype=np.int32)
    on_lines, recurrent = np.zeros(k), np.zeros(k)
    for i in range(len(x)):
        recurs = near(x[i], ys, radius)
        recurrent += recurs.sum(axis=1)
        goes_on = recurs & follows_y if follows_x[i] else np.zeros_like(recurs)
        ended = np.where(goes_on, 0, open_lines[:, :-1])
        on_lines += np.where(ended >= min_line, ended, 0).sum(axis=1)
        last = open_lines[:, -1]
        on_lines += np.where(last >= min_line, last, 0)
        open_lines[:, 1:] = np.where(goes_on, open_lines[:, :-1] + 1, recurs)
    left = open_lines[:, 1:]
    on_lines += np.where(left >= min_line, left, 0).sum(axis=1)
    return 100.0 * on_lines / np.where(recurrent > 0, recurrent, np.nan)


def measures(lines: Lines, min_line: int) -> dict[str, float]:
    """Turn counts of lines into the measures of the field.

    Parameters
    ----------
    lines : Lines
    min_line : int
        Shorter ones are no lines.

    Returns
    -------
    dict
        ``rr``, ``det``, ``lam_row``, ``lam_column`` in percent; ``n_lines``, ``max_line``, ``mean_line``, ``entropy``
        (nats) and ``relative_entropy`` of diagonal lines; ``tt_row``, ``tt_column``: mean lengths. NaN where
        there is no line to speak of.

    Examples
    --------
    >>> one = np.array([[1.0], [2.0], [1.0]])
    >>> on = np.array([False, True, True])
    >>> measures(count_lines(one, one, on, on, 0.0), 2)["det"]
    60.0
    """
    total = lines.n_recurrent
    diagonal = lines.diagonal.copy()
    diagonal[:min_line] = 0
    n_lines = int(diagonal.sum())
    share = diagonal[diagonal > 0] / max(n_lines, 1)
    entropy = float(-(share * np.log(share)).sum()) if n_lines else np.nan
    found: dict[str, float] = {
        "rr": 100 * total / lines.n_cells if lines.n_cells else np.nan,
        "det": _share(diagonal, total),
        "n_lines": n_lines,
        "max_line": int(np.flatnonzero(diagonal).max(initial=0)),
        "mean_line": _length(diagonal),
        "entropy": entropy,
        "relative_entropy": entropy / float(np.log(len(share))) if len(share) > 1 else np.nan,
    }
    for name, lengths in (("row", lines.row), ("column", lines.column)):
        kept = lengths.copy()
        kept[:min_line] = 0
        found[f"lam_{name}"] = _share(kept, total)
        found[f"tt_{name}"] = _length(kept)
    return found


def block_entropy(x: Array, y: Array, follows_x: Flags, follows_y: Flags) -> float:
    """Entropy (nats) of the areas of blocks of more than one cell, for categories (Leonardi, 2018).

    A block is where x stays in a category for some occasions and y, sooner or later, in the same one: a rectangle of
    the two lengths of stay, which touches no other. A night or a missing value ends a stay.

    Parameters
    ----------
    x : (n, dimensions) array
    y : (m, dimensions) array
    follows_x, follows_y : (n,), (m,) bool arrays

    Returns
    -------
    float
        NaN without such a block.

    Examples
    --------
    >>> x = np.array([[1.0], [1.0], [2.0], [2.0]])
    >>> y = np.array([[1.0], [2.0], [2.0], [2.0]])
    >>> on = np.array([False, True, True, True])
    >>> round(block_entropy(x, y, on, on), 3)  # areas 2 and 6
    0.693
    """
    both = np.concatenate([x, y])
    known = np.isfinite(both).all(axis=1)
    category = np.full(len(both), -1)
    if known.any():
        category[known] = np.unique(both[known], axis=0, return_inverse=True)[1].ravel()
    stays = [_stays(category[: len(x)], follows_x), _stays(category[len(x) :], follows_y)]
    areas: dict[int, int] = {}
    for one in stays[0].keys() & stays[1].keys():
        (long, n_long), (wide, n_wide) = (np.unique(side[one], return_counts=True) for side in stays)
        for area, count in zip(np.outer(long, wide).ravel(), np.outer(n_long, n_wide).ravel(), strict=True):
            areas[int(area)] = areas.get(int(area), 0) + int(count)
    blocks = np.array([count for area, count in areas.items() if area > 1], dtype=float)
    if not len(blocks):
        return np.nan
    share = blocks / blocks.sum()
    return float(-(share * np.log(share)).sum())


def _stays(category: Ints, follows: Flags) -> dict[int, Ints]:
    """Lengths of the stays in each category; -1 is none."""
    begins = np.ones(len(category), dtype=bool)
    begins[1:] = (category[1:] != category[:-1]) | ~follows[1:]
    start = np.flatnonzero(begins)
    length, kind = np.diff(start, append=len(category)), category[start]
    return {int(one): length[kind == one] for one in np.unique(kind) if one >= 0}


def _share(lengths: Ints, total: int) -> float:
    return 100 * float(lengths @ np.arange(len(lengths))) / total if total else np.nan


def _length(lengths: Ints) -> float:
    return float(lengths @ np.arange(len(lengths))) / float(lengths.sum()) if lengths.any() else np.nan
