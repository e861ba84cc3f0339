"""Tables of what follows what: expected counts, residuals, odds ratios and their permutation tests.

Arrays in, numbers out. Bakeman and Gottman (1997); Bakeman and Quera (2011) for codes that cannot repeat; Haberman
(1973) for adjusted residuals of incomplete tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.stats import monte_carlo_p

__all__ = [
    "SequenceTable",
    "circular_shifts",
    "count_pairs",
    "expected_counts",
    "permutation_p",
    "sequence_table",
    "shuffles",
    "shuffles_without_repeats",
]

_ROUNDS = 500
_TOLERANCE = 1e-10
# Attempted swaps per element, after which a sequence has forgotten its order.
_SWAPS = 20


@dataclass(frozen=True, slots=True)
class SequenceTable:
    """One table of transitions between k codes.

    Attributes
    ----------
    count, expected, probability, adjusted_residual, yules_q, log_odds, std_error : (k, k) arrays
        Rows are what was given, columns what followed. NaN where a cell cannot occur, or its row or column is empty.
        ``probability`` is of the column given the row; ``std_error`` is of ``log_odds``.
    g2, x2 : float
        Likelihood-ratio and Pearson statistics of independence.
    df : int
        Their degrees of freedom; 0 where nothing can be tested.
    """

    count: Array
    expected: Array
    probability: Array
    adjusted_residual: Array
    yules_q: Array
    log_odds: Array
    std_error: Array
    g2: float
    x2: float
    df: int


def count_pairs(given: Array, target: Array, k: int) -> Array:
    """Count pairs of codes, with any number of leading axes; pairs with a NaN are left out.

    Parameters
    ----------
    given, target : (..., n) arrays
        Ints from 0 to k - 1.
    k : int

    Returns
    -------
    (..., k, k) array
    """
    joint = np.where(np.isfinite(given) & np.isfinite(target), given * k + target, k * k).astype(np.int64)
    lead = joint.shape[:-1]
    flat = joint.reshape(int(np.prod(lead)), joint.shape[-1])
    offset = np.arange(len(flat))[:, None] * (k * k + 1)
    counted = np.bincount((flat + offset).ravel(), minlength=len(flat) * (k * k + 1))
    return counted.reshape(len(flat), k * k + 1)[:, :-1].astype(float).reshape(*lead, k, k)


def expected_counts(count: Array, possible: Flags) -> Array:
    """Expected counts under independence of rows and columns among the cells that can occur.

    Iterative proportional fitting where some cannot; exact in one step where all can.

    Parameters
    ----------
    count : (..., k, k) array
    possible : (k, k) bool array
    """
    rows, columns = count.sum(axis=-1, keepdims=True), count.sum(axis=-2, keepdims=True)
    fitted = np.broadcast_to(possible, count.shape).astype(float)
    for _ in range(_ROUNDS):
        fitted = fitted * _ratio(rows, fitted.sum(axis=-1, keepdims=True))
        fitted = fitted * _ratio(columns, fitted.sum(axis=-2, keepdims=True))
        if np.abs(fitted.sum(axis=-1, keepdims=True) - rows).max(initial=0.0) < _TOLERANCE * max(1.0, rows.max()):
            break
    return fitted


def _ratio(over: Array, under: Array) -> Array:
    return np.divide(over, under, out=np.zeros_like(under), where=under > 0)


def sequence_table(count: Array, possible: Flags | None = None) -> SequenceTable:
    """Everything a table of transitions says.

    Parameters
    ----------
    count : (k, k) array
    possible : (k, k) bool array, optional
        False for structural zeros; None: every cell can occur.

    Returns
    -------
    SequenceTable
        With structural zeros the odds ratio of a cell is divided by the one that the expected counts have, which is 1
        where every cell can occur; 0 on the log scale thus always stands for independence.
    """
    k = len(count)
    can = np.ones((k, k), dtype=bool) if possible is None else possible
    expected = expected_counts(count, can)
    rows, columns = count.sum(axis=1), count.sum(axis=0)
    used = can & (rows[:, None] > 0) & (columns[None, :] > 0)
    odds, error = _log_odds(count, correct=True)
    with np.errstate(invalid="ignore"):
        odds = odds - _log_odds(expected, correct=False)[0]
    odds, error = np.where(used, odds, np.nan), np.where(used, error, np.nan)
    # Two infinite values arise only outside the cells in use.
    with np.errstate(invalid="ignore"):
        raw = _log_odds(count, correct=False)[0] - _log_odds(expected, correct=False)[0]
    return SequenceTable(
        count=count,
        expected=np.where(can, expected, np.nan),
        probability=np.where(can & (rows[:, None] > 0), count / np.maximum(rows[:, None], 1), np.nan),
        adjusted_residual=_adjusted_residuals(count, expected, used),
        yules_q=np.where(used, np.tanh(raw / 2), np.nan),
        log_odds=odds,
        std_error=error,
        g2=2 * float(np.sum(count[used] * np.log(np.where(count[used] > 0, count[used] / expected[used], 1.0)))),
        x2=float(np.sum((count[used] - expected[used]) ** 2 / expected[used])),
        df=int(used.sum() - _margins(used, k).shape[1]),
    )


def _log_odds(count: Array, *, correct: bool) -> tuple[Array, Array]:
    """Log odds ratio of each cell against the rest of its row and column, with its standard error.

    A zero among the four counts adds .5 to each where ``correct``, else leads to an infinite value.
    """
    row, column = count.sum(axis=1, keepdims=True), count.sum(axis=0, keepdims=True)
    four = np.stack([count, row - count, column - count, count.sum() - row - column + count])
    # Differences of expected counts may miss zero by rounding.
    four = np.where(four < 1e-9 * max(1.0, float(count.sum())), 0.0, four)
    if correct:
        four = four + 0.5 * (four == 0).any(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(four)
        odds = (log[0] + log[3]) - (log[1] + log[2])
        return odds, np.sqrt((1 / four).sum(axis=0))


def _margins(used: Flags, k: int) -> Array:
    """Full-rank columns of the rows and columns of the table, at the cells in use."""
    row, column = np.nonzero(used)
    design = np.hstack([np.eye(k)[row], np.eye(k)[column]])
    if not len(design):
        return np.zeros((0, 0))
    basis, singular, _ = np.linalg.svd(design, full_matrices=False)
    return np.asarray(basis[:, singular > 1e-9 * singular[0]])


def _adjusted_residuals(count: Array, expected: Array, used: Flags) -> Array:
    """Residuals divided by their standard errors: (f - e) / sqrt(e (1 - leverage)).

    Without structural zeros 1 - leverage is (1 - row share)(1 - column share).
    """
    found = np.full(count.shape, np.nan)
    if not used.any():
        return found
    weight = np.sqrt(expected[used])
    basis, _ = np.linalg.qr(weight[:, None] * _margins(used, len(count)))
    free = 1.0 - (basis**2).sum(axis=1)
    # A saturated cell is reproduced exactly and has no residual.
    open_cells = free > 1e-8
    scale = weight * np.sqrt(np.where(open_cells, free, 1.0))
    found[used] = np.where(open_cells, (count[used] - expected[used]) / scale, np.nan)
    return found


def permutation_p(observed: Array, permuted: Array, possible: Flags) -> tuple[Array, float]:
    """Share of permuted tables that depart from independence as far as the observed one: (1 + #) / (B + 1).

    Parameters
    ----------
    observed : (k, k) array
        Counts.
    permuted : (B, k, k) array
        Counts of the permuted sequences.
    possible : (k, k) bool array

    Returns
    -------
    cells : (k, k) array
        Two-sided, by the Pearson residual of the cell.
    table : float
        By the sum of their squares. NaN, as the cells are, without permutations.
    """
    if not len(permuted):
        return np.full(observed.shape, np.nan), float("nan")
    own, others = (_pearson(counts, possible) for counts in (observed, permuted))
    cells = monte_carlo_p(np.abs(own).ravel(), np.abs(others).reshape(len(others), -1)).p_value.reshape(own.shape)
    table = monte_carlo_p(float((own**2).sum()), (others**2).sum(axis=(1, 2)))
    used = possible & (observed.sum(axis=1)[:, None] > 0) & (observed.sum(axis=0)[None, :] > 0)
    return np.where(used, cells, np.nan), float(table)


def _pearson(count: Array, possible: Flags) -> Array:
    expected = expected_counts(count, possible)
    return np.divide(count - expected, np.sqrt(expected), out=np.zeros_like(expected), where=expected > 0)


def shuffles(codes: Array, n: int, rng: np.random.Generator) -> Array:
    """Draw n orders of the observed codes; what is missing stays where it is. Returns (n, T)."""
    seen = np.flatnonzero(np.isfinite(codes))
    drawn = np.tile(codes, (n, 1))
    drawn[:, seen] = rng.permuted(drawn[:, seen], axis=1)
    return drawn


def shuffles_without_repeats(codes: Array, follows: Ints, n: int, rng: np.random.Generator) -> Array:
    """Draw n orders of the observed codes in which no code follows itself.

    By random swaps that keep the rule, from the observed order: every order so reachable is equally likely.

    Parameters
    ----------
    codes : (T,) array
    follows : (m, 2) int array
        Pairs of places, earlier and later, between which a code may not repeat.
    n : int
    rng : Generator

    Returns
    -------
    (n, T) array
    """
    seen = np.flatnonzero(np.isfinite(codes))
    before, after = np.full(len(codes), -1), np.full(len(codes), -1)
    after[follows[:, 0]], before[follows[:, 1]] = follows[:, 1], follows[:, 0]
    drawn, at = np.tile(codes, (n, 1)), np.arange(n)
    for _ in range(_SWAPS * len(seen)):
        one, two = seen[rng.integers(0, len(seen), (2, n))]
        held = drawn[at, one].copy()
        drawn[at, one], drawn[at, two] = drawn[at, two], held
        broken = _repeats(drawn, at, one, before, after) | _repeats(drawn, at, two, before, after)
        back = at[broken]
        held = drawn[back, one[broken]].copy()
        drawn[back, one[broken]], drawn[back, two[broken]] = drawn[back, two[broken]], held
    return drawn


def _repeats(drawn: Array, at: Ints, place: Ints, before: Ints, after: Ints) -> Flags:
    here = drawn[at, place]
    left, right = before[place], after[place]
    return np.asarray(((left >= 0) & (drawn[at, left] == here)) | ((right >= 0) & (drawn[at, right] == here)))


def circular_shifts(codes: Array, step: int, n: int, rng: np.random.Generator) -> Array:
    """Rotate a series by every multiple of ``step`` but none, or by n of them drawn without replacement.

    Rotation keeps the order within the series, and breaks only its tie to the other one. Returns (m, T), m <= n.
    """
    offsets = np.arange(step, len(codes), step)
    if len(offsets) > n:
        offsets = np.sort(rng.choice(offsets, n, replace=False))
    place = (np.arange(len(codes))[None, :] - offsets[:, None]) % max(len(codes), 1)
    return np.asarray(codes[place])
