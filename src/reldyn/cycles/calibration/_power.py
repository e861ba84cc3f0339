"""How often a design of this kind finds cycles, or finds them in vain, looked up in stored calibrations.

The stored file lists simulated cells: kind of series, size of the cycles, occasions, missing share and item, with the
count of rejections. A design is covered only by cells that are at least as hard as itself, and a count stands for the
lower limit of its rate, so the figure handed out is a lower bound of the power.
"""

from __future__ import annotations

import functools
import json
import statistics
from importlib import resources
from typing import Any

from reldyn.cycles._sample_level import clopper_pearson

__all__ = ["DECLARED_EFFECT", "power_of", "stored_cells"]

# Abrupt cycles of two phases with geometric dwell times; the look-alikes are listed with them in the same file.
DECLARED_KIND = "cycle"
DECLARED_EFFECT = 1.5
# Seven points stand for six answers in use and more, five points for four: an end may stay unused.
_UNUSED_POINTS = 1
_LARGEST_FLOOR = 0.15
# A study with a missing share of .32 is no other design than one with .30.
_MISSING_SLACK = 0.02
_LEVEL = 0.90  # Two-sided: five per cent lie below.


@functools.cache
def stored_cells() -> tuple[dict[str, Any], ...]:
    """Every stored cell of the present procedure.

    Returns
    -------
    tuple of dict
        ``cell``, ``kind`` ("cycle", or the name of a look-alike), ``effect`` (None for look-alikes), ``n_occasions``,
        ``missing``, ``pattern``, ``channels``, ``points``, ``alpha``, ``n``, ``rejected``, ``n_surrogates``,
        ``procedure``, ``date``. Empty where nothing was run.
    """
    file = resources.files("reldyn.cycles").joinpath("calibration.json")
    if not file.is_file():
        return ()
    return tuple(json.loads(file.read_text(encoding="utf-8"))["cells"])


def power_of(
    *,
    n_occasions: int,
    missing_share: float,
    n_categories: int,
    floor_share: float,
    n_channels: int,
    alpha: float,
    n_surrogates: int,
    effect: float = DECLARED_EFFECT,
    cells: tuple[dict[str, Any], ...] | None = None,
) -> tuple[float, float] | None:
    """Power and false-positive rate of *intermittent* for abrupt two-phase cycles of an effect.

    Parameters
    ----------
    n_occasions : int
        Scheduled occasions.
    missing_share, floor_share : float
        Of the scheduled occasions; of the answers on the lowest category.
    n_categories : int
        Distinct answers.
    n_channels : int
        1 for warmth alone, 2 with a response.
    alpha : float
        Level of the test; stored cells of other levels do not count.
    n_surrogates : int
        Of the test; stored cells with more do not count, as more surrogates find more.
    effect : float, default 1.5
        Distance of the levels from their middle in SD of the noise; stored cells of larger effects do not count.
    cells : tuple of dict, optional
        Default: `stored_cells`.

    Returns
    -------
    (power, false_positives) : tuple of float, or None
        The largest lower 95 % limit (one-sided, Clopper and Pearson, 1934) of the power among stored cells that are at
        least as hard as the design, and the median false-positive rate of the stored look-alikes of the same length,
        missing share, channels and points (alpha where there is none); None where no stored cell covers the design.

    Examples
    --------
    >>> cell = dict(n_occasions=200, missing=0.17, pattern="random", channels=2, points=7, alpha=0.05, n=100)
    >>> cell["n_surrogates"] = 99
    >>> cells = (
    ...     cell | dict(kind="cycle", effect=1.5, rejected=90),
    ...     cell | dict(kind="linear", effect=None, rejected=2),
    ... )
    >>> design = dict(missing_share=0.1, n_categories=7, floor_share=0.02, n_channels=2, alpha=0.05, n_surrogates=99)
    >>> power, false_positives = power_of(n_occasions=224, cells=cells, **design)
    >>> round(power, 3), false_positives
    (0.836, 0.02)
    >>> power_of(n_occasions=150, cells=cells, **design) is None
    True
    """
    if floor_share > _LARGEST_FLOOR:
        return None
    covering = [
        cell
        for cell in (stored_cells() if cells is None else cells)
        if cell["n_occasions"] <= n_occasions
        and cell["missing"] + _MISSING_SLACK >= missing_share
        and cell["channels"] == n_channels
        and cell["points"] - _UNUSED_POINTS <= n_categories
        and cell["alpha"] == alpha
        and cell["n_surrogates"] <= n_surrogates
    ]
    planted = [cell for cell in covering if cell["kind"] == DECLARED_KIND and cell["effect"] <= effect]
    if not planted:
        return None
    best = max(planted, key=_lower_limit)
    same = ("n_occasions", "missing", "pattern", "channels", "points")
    alike = [
        cell["rejected"] / cell["n"]
        for cell in covering
        if cell["effect"] is None and all(cell[name] == best[name] for name in same)
    ]
    return _lower_limit(best), statistics.median(alike) if alike else alpha


def _lower_limit(cell: dict[str, Any]) -> float:
    """One-sided 95 % limit of the rate of rejections."""
    return clopper_pearson(cell["rejected"], cell["n"], _LEVEL)[0]
