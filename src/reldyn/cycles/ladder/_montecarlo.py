"""The test of a claim against surrogates, for answers that have a statistic at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn.errors import DataError
from reldyn.stats import MonteCarlo, monte_carlo

__all__ = ["surrogate_test"]


def surrogate_test(observed: float, draw: Any, **options: Any) -> MonteCarlo:
    """Compare an observed statistic with those of surrogates; answers without a finite one are not tested.

    Parameters
    ----------
    observed : float
    draw, **options
        As in `reldyn.stats.monte_carlo`.

    Returns
    -------
    MonteCarlo

    Raises
    ------
    DataError
        ``observed`` is not a finite number: the claim then has a note in place of a p-value.

    Examples
    --------
    >>> def normal(generators):
    ...     return np.array([rng.standard_normal() for rng in generators])
    >>> surrogate_test(5.0, normal, n_surrogates=99, seed=np.random.SeedSequence(1)).p_value
    0.01
    """
    if not np.isfinite(observed):
        raise DataError("the statistic of these answers is no finite number, so it cannot be compared with surrogates.")
    return monte_carlo(observed, draw, **options)
