"""How often a design of this kind finds cycles, or finds them in vain, looked up in stored calibrations.

The stored file lists simulated cells: kind of series, occasions, missing share and item law, with the
count of rejections. A design is covered only by cells that are at least as hard as itself, so the
figure handed out is a lower bound of its power.
"""

from __future__ import annotations

import functools
import json
import statistics
from importlib import resources
from typing import Any

__all__ = ["power_of", "stored_cells"]

# A planted cycle of the declared size; the look-alikes are listed beside it in the same file.
DECLARED_KIND = "cycle"
DECLARED_EFFECT = 1.5
# Item laws that the stored cells stand for: seven categories, few answers at the floor.
_FEWEST_CATEGORIES = 5
_LARGEST_FLOOR = 0.15
# A study with a missing share of .31 is no other design than one with .30.
_MISSING_SLACK = 0.02


@functools.cache
def stored_cells() -> tuple[dict[str, Any], ...]:
    """Every stored cell: ``kind``, ``n_occasions``, ``missing``, ``n_channels``, ``effect``, ``alpha``, ``n``,
    ``rejected`` and how it was made. Empty where none was stored.
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
    effect: float = DECLARED_EFFECT,
    cells: tuple[dict[str, Any], ...] | None = None,
) -> tuple[float, float] | None:
    """Power and false-positive rate of *intermittent* for cycles of the declared effect.

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
    effect : float, default 1.5
        Size of the cycles.
    cells : tuple of dict, optional
        Default: `stored_cells`.

    Returns
    -------
    (power, false_positives) : tuple of float, or None
        Lower bound of the power and the median false-positive rate of the stored look-alikes of the
        same cell (alpha where there is none); None where no stored cell covers the design.

    Examples
    --------
    >>> cell = dict(n_occasions=200, missing=0.0, n_channels=2, effect=1.5, alpha=0.05, n=100)
    >>> cells = (cell | dict(kind="cycle", rejected=60), cell | dict(kind="linear", rejected=2))
    >>> design = dict(missing_share=0.0, n_categories=7, floor_share=0.02, n_channels=2, alpha=0.05)
    >>> power_of(n_occasions=224, cells=cells, **design)
    (0.6, 0.02)
    >>> power_of(n_occasions=150, cells=cells, **design) is None
    True
    """
    if n_categories < _FEWEST_CATEGORIES or floor_share > _LARGEST_FLOOR:
        return None
    covering = [
        cell
        for cell in (stored_cells() if cells is None else cells)
        if cell["n_occasions"] <= n_occasions
        and cell["missing"] + _MISSING_SLACK >= missing_share
        and cell["n_channels"] == n_channels
        and cell["alpha"] == alpha
    ]
    planted = [cell for cell in covering if cell["kind"] == DECLARED_KIND and cell["effect"] == effect]
    if not planted:
        return None
    best = max(planted, key=lambda cell: cell["rejected"] / cell["n"])
    alike = [
        cell["rejected"] / cell["n"]
        for cell in covering
        if not cell["kind"].startswith(("cycle", "alternation"))
        and cell["n_occasions"] == best["n_occasions"]
        and cell["missing"] == best["missing"]
    ]
    return best["rejected"] / best["n"], statistics.median(alike) if alike else alpha
