"""What was asked for: the choices that a result keeps, so that it can say them and fit itself again."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reldyn.errors import DesignError
from reldyn.mixed import Estimation, Random, Residual, check_estimation, shared
from reldyn.results import register

__all__ = ["ModelSetting", "as_random", "as_residual", "check_call", "with_default_inference"]

for _option in (Estimation, Random, Residual, type(shared("term"))):
    register(_option)


@register
@dataclass(frozen=True)
class ModelSetting:
    """The choices behind a fit.

    Attributes
    ----------
    kind : {"apim", "mixed_model"}
    roles : {"distinguishable", "exchangeable", "by-composition"}
    role_labels : tuple
        Roles in panel order.
    predictors, covariates : tuple of (str, bool)
        Names, and whether their coefficient is common to both roles.
    centering : mapping of str to str
    centres : mapping of str to float
        What was taken off each predictor.
    interaction : str or None
    moderators : mapping of str to str or tuple of str
    varying : tuple of str
        Moderators that change within persons.
    lags : tuple of str
        Terms that hold the outcome's past.
    unequal_metrics : tuple of str
        Variables that the two roles answered on scales of very different width.
    categories : mapping of str to tuple of str
        Labels of categorical columns, the reference first.
    offset, weights : str or None
        Columns of the offset and of prior weights.
    constraints : tuple of str
        Coefficients that are one.
    random : Random
    residual : Residual
    estimation : Estimation
        With the seed that was used.
    n_rows_panel : int
        Rows of the panel, used or not.
    default_random : bool
        Whether the random intercepts, and with them the inference, are the default.
    """

    kind: str
    roles: str
    role_labels: tuple[Hashable, ...]
    predictors: tuple[tuple[str, bool], ...]
    covariates: tuple[tuple[str, bool], ...]
    centering: Mapping[str, str]
    centres: Mapping[str, float]
    interaction: str | None
    moderators: Mapping[str, Any]
    random: Random
    residual: Residual
    estimation: Estimation
    n_rows_panel: int
    varying: tuple[str, ...] = ()
    lags: tuple[str, ...] = ()
    default_random: bool = False
    unequal_metrics: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    offset: str | None = None
    weights: str | None = None
    constraints: tuple[str, ...] = ()


def check_call(outcome: Any, estimation: Any) -> None:
    """Refuse arguments of another kind before they fail somewhere deep.

    Raises
    ------
    DesignError
    """
    if not isinstance(outcome, str):
        raise DesignError(f"outcome={outcome!r} is not the name of a column.")
    check_estimation(estimation)


def as_random(random: Any, repeated: bool) -> Random:
    """Read ``random``: None means an intercept where dyads have several occasions, else nothing.

    Examples
    --------
    >>> as_random(None, repeated=True).terms
    ('intercept',)
    """
    if isinstance(random, Random):
        return random
    if random is None:
        return Random(("intercept",) if repeated else ())
    if not isinstance(random, (str, Sequence, type(shared("term")))):
        raise DesignError(f"random={random!r} is neither terms such as ('intercept', 'actor') nor an rd.Random.")
    return Random(random)  # type: ignore[arg-type]


def with_default_inference(estimation: Estimation, default_random: bool) -> Estimation:
    """Under the default random structure, standard errors that hold where slopes vary between dyads.

    Random intercepts alone with model-based standard errors cover down to .82 (nominal .95) where slopes vary with an
    SD of .2; cluster-robust ones of the same fit cover .95 (``tools/calibration/random_structure.py``).

    Examples
    --------
    >>> with_default_inference(Estimation(), default_random=True).inference
    'cr2'
    >>> with_default_inference(Estimation(inference="z"), default_random=True).inference
    'z'
    """
    plain = estimation.inference is None and estimation.method == "reml" and estimation.missing == "available"
    return dataclasses.replace(estimation, inference="cr2") if default_random and plain else estimation


def as_residual(residual: Any) -> Residual:
    """Read ``residual``: the name of a process, or a `Residual`.

    Examples
    --------
    >>> as_residual("ar1").serial
    True
    """
    return residual if isinstance(residual, Residual) else Residual(residual)
