"""Whether a vector autoregression returns to its level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["largest_root"]


def largest_root(transitions: NDArray[np.float64]) -> float:
    """Largest modulus of the eigenvalues of the companion matrix.

    Parameters
    ----------
    transitions : (p, k, k) array
        From column to row, lag 1 first.

    Returns
    -------
    float
        Below 1 where the process is stationary.
    """
    p, k, _ = transitions.shape
    companion = np.zeros((p * k, p * k))
    companion[:k] = np.concatenate(list(transitions), axis=1)
    companion[k:, :-k] = np.eye((p - 1) * k)
    return float(np.abs(np.linalg.eigvals(companion)).max())
