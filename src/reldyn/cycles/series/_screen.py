"""What a direction must be before a test may look at it: numbers that vary, and that are not given by others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._types import Array
from reldyn.cycles.series._nuisance import FEWEST_OCCASIONS, base_design
from reldyn.cycles.series._series import DirectionSeries
from reldyn.errors import DesignError

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel


__all__ = ["check_names", "given_by_others", "hardly_varies", "only_rounding", "unfit_units"]

_LEAST_SPREAD = 0.01
# Differences of a millionfold of the last digit of a float are no answers.
_ROUNDING = 1e6 * float(np.finfo(float).eps)
_SMALLEST_SD, _LARGEST_SD = 1e-8, 1e12
# Answers that others give but for a ten-thousandth of their variance say nothing of their own.
_REMAINDER = 1e-4
_FEWEST_PER_COLUMN = 3
_OPTIONAL = ("response", "approach")


def check_names(**names: Any) -> None:
    """Refuse what is no name of a column; without a response or an approach there is None.

    Raises
    ------
    DesignError
    """
    for option, name in names.items():
        missing = name is None and option in _OPTIONAL
        if not missing and not isinstance(name, str):
            raise DesignError(f"{option}={name!r} is not the name of a column.")


def only_rounding(answers: Array) -> bool:
    """Whether answers differ by no more than the rounding of a computer.

    Examples
    --------
    >>> import numpy as np
    >>> only_rounding(np.array([0.3, 0.1 + 0.2])), only_rounding(np.array([1e8, 1e8 + 1]))
    (True, False)
    """
    if not len(answers):
        return True
    return bool(answers.max() - answers.min() <= _ROUNDING * float(np.abs(answers).max()))


def unfit_units(name: str, answers: Array) -> list[str]:
    """Whether the unit of a scale is so small or so large that computing with it loses digits."""
    if len(answers) < 2 or only_rounding(answers):
        return []
    # Before squaring: the spread of very large numbers overflows.
    largest = float(np.abs(answers).max())
    spread = largest * float((answers / largest).std())
    if _SMALLEST_SD <= spread <= _LARGEST_SD:
        return []
    return [f"{name} has an SD of {spread:.1g}: change its unit"]


def hardly_varies(panel: DyadPanel, name: str, answers: Array) -> list[str]:
    """Whether the SD stays below a hundredth of the declared range."""
    scale = panel.scales.get(name)
    if scale is None or len(answers) < 2 or only_rounding(answers):
        return []
    share = float(answers.std() / (scale[1] - scale[0]))
    return [f"{name} hardly varies: its SD is {share:.1%} of the scale"] if share < _LEAST_SPREAD else []


def given_by_others(series: DirectionSeries, names: Sequence[str]) -> list[str]:
    """Whether a channel is given by the time of day, the trend and the covariates, or by the other channel.

    Parameters
    ----------
    series : DirectionSeries
    names : sequence of str
        Of its channels.

    Returns
    -------
    list of str
        Reasons; empty where something is left to test.
    """
    if series.n_observed < FEWEST_OCCASIONS:
        return []
    answered = series.observed
    design = np.column_stack([np.ones(series.n_observed), base_design(series)[answered]])
    if series.n_observed < _FEWEST_PER_COLUMN * design.shape[1]:
        return [
            f"{design.shape[1]} columns of time and covariates beside {series.n_observed} occasions, fewer than "
            f"{_FEWEST_PER_COLUMN} for each: name fewer covariates"
        ]
    y = series.y[answered]
    beside = "time of day, trend and covariates" if series.covariates.shape[1] else "time of day and trend"
    reasons = [f"{name} is given by {beside}" for name, own in zip(names, y.T, strict=True) if _given(own, design)]
    if not reasons and y.shape[1] > 1 and _given(y[:, 1], np.column_stack([design, _unit(y[:, 0])])):
        reasons = [f"{names[1]} is given by {names[0]}"]
    return reasons


def _given(values: Array, design: Array) -> bool:
    own = _unit(values)
    left = own - design @ np.linalg.lstsq(design, own, rcond=None)[0]
    return bool(float(left @ left) < _REMAINDER * float(own @ own))


def _unit(values: Array) -> Array:
    centred = values - values.mean()
    return np.asarray(centred / max(float(np.abs(centred).max()), np.finfo(float).tiny))
