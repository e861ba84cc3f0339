"""Sorting layouts into batches, with all bookkeeping done that does not depend on the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reldyn._records import brief
from reldyn._types import Ints
from reldyn.mixed.processes._segments import Layout


@brief
@dataclass(frozen=True, slots=True)
class Batch:
    """Layouts with equally many rows, m, of which c are conditioning (c is 0 or 2).

    Attributes
    ----------
    positions : int array (L,)
        Where these layouts stand in the list they came from.
    n_conditioning : int
    elements : int array (L, m - c, m - c)
        For each pair of new rows, its element in the flattened stack of covariance matrices.
    carry : int array (L, m - c, c)
        For each new and conditioning row, its element in the flattened stack of powers.
    members : int array (L, m)
    """

    positions: Ints
    n_conditioning: int
    elements: Ints
    carry: Ints
    members: Ints


@brief
@dataclass(frozen=True, slots=True)
class Arrangement:
    """Many layouts, with everything worked out that does not depend on the parameters.

    All layouts draw on two small stacks of 2 x 2 matrices: the powers Phi^d for every span d, and the covariances
    between two steps, first those given a complete occasion, Phi^lag V_base, then the stationary ones, Phi^lag Gamma.

    Attributes
    ----------
    n_layouts : int
    spans : array (U,)
        Every number of steps that is needed.
    lag, base : int arrays (P,)
        Positions in `spans`: steps between two rows, and from the conditioning occasion to the earlier of them.
    stationary : int array (P0,)
        Positions in `spans` of the lags needed without conditioning.
    batches : tuple of Batch
    """

    n_layouts: int
    spans: NDArray[Any]
    lag: Ints
    base: Ints
    stationary: Ints
    batches: tuple[Batch, ...]


@dataclass(frozen=True, slots=True)
class LayoutRows:
    """Members and steps (L, m) of the layouts of one batch."""

    positions: Ints
    members: Ints
    steps: NDArray[Any]
    n_conditioning: int


def batch_layouts(layouts: Sequence[Layout]) -> Arrangement:
    """Sort layouts into batches of equal size, ready for any number of evaluations."""
    sizes: dict[tuple[int, int], list[int]] = {}
    for position, layout in enumerate(layouts):
        sizes.setdefault((len(layout.members), layout.n_conditioning), []).append(position)
    return batch_rows(
        [
            LayoutRows(
                np.array(positions, dtype=np.intp),
                np.array([layouts[position].members for position in positions], dtype=np.intp),
                np.array([layouts[position].steps for position in positions]),
                n_conditioning,
            )
            for (_, n_conditioning), positions in sizes.items()
        ]
    )


def batch_rows(sizes: list[LayoutRows]) -> Arrangement:
    """Number the spans, and the pairs of lag and start, that all layouts use, so that each is computed once."""
    fresh = [rows.steps[:, rows.n_conditioning :] for rows in sizes]
    gaps = [np.abs(steps[:, :, None] - steps[:, None, :]) for steps in fresh]
    spans = _distinct([*gaps, *fresh])
    lags = [np.searchsorted(spans, gap) for gap in gaps]
    since = [np.searchsorted(spans, steps) for steps in fresh]
    # Pairs (lag, base) as one integer each; lags of stationary covariances follow behind all pairs.
    behind = len(spans) ** 2
    codes = [
        lag * len(spans) + np.minimum(start[:, :, None], start[:, None, :]) if rows.n_conditioning else behind + lag
        for rows, lag, start in zip(sizes, lags, since, strict=True)
    ]
    table = _distinct(codes).astype(np.intp)
    pairs = table[table < behind]
    batches = tuple(
        _batch(rows, np.searchsorted(table, code), start) for rows, code, start in zip(sizes, codes, since, strict=True)
    )
    n_layouts = sum(len(rows.positions) for rows in sizes)
    width = max(len(spans), 1)
    return Arrangement(n_layouts, spans, pairs // width, pairs % width, table[len(pairs) :] - behind, batches)


def _batch(rows: LayoutRows, matrix: Ints, since: Ints) -> Batch:
    c = rows.n_conditioning
    members, steps = rows.members[:, c:], rows.steps[:, c:]
    later = steps[:, :, None] >= steps[:, None, :]
    row = np.where(later, members[:, :, None], members[:, None, :])
    column = np.where(later, members[:, None, :], members[:, :, None])
    carry = 4 * since[:, :, None] + 2 * members[:, :, None] + rows.members[:, None, :c]
    return Batch(rows.positions, c, 4 * matrix + 2 * row + column, carry, rows.members)


def _distinct(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *[np.unique(array) for array in arrays]]))
