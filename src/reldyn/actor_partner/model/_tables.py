"""Tidy tables and labelled covariance frames of a fitted model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import check_option

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.actor_partner.model._design import DesignRows
    from reldyn.actor_partner.model._estimates import Estimates
    from reldyn.actor_partner.model._terms import DesignColumn, Stratum

__all__ = ["covariance_frame", "identify", "residual_process", "tidy_fixed"]


def identify(columns: Sequence[DesignColumn]) -> pd.DataFrame:
    """The columns of `tidy` that say which coefficient a row is."""
    import pandas as pd

    several = any(column.composition for column in columns)
    moderated = any(column.term.moderator for column in columns)
    table: dict[str, list[Any]] = {
        "term": [column.name for column in columns],
        "effect": [column.term.effect for column in columns],
        "variable": [column.term.variable for column in columns],
        "level": [column.term.level for column in columns],
        "role": [column.role for column in columns],
        "moderator": [column.term.moderator for column in columns],
    }
    if moderated:
        table["moderated"] = [column.term.moderated for column in columns]
        table["trait_of"] = [column.term.trait_of for column in columns]
    if any(column.term.category for column in columns):
        table["category"] = [column.term.category for column in columns]
    if several:
        table["composition"] = [column.composition for column in columns]
    frame = pd.DataFrame(table)
    frame["role"] = pd.Series(table["role"], dtype=object)
    return frame


def tidy_fixed(design: DesignRows, estimates: Estimates) -> pd.DataFrame:
    """One row per fixed effect."""
    frame = identify(design.fixed)
    std_error = estimates.std_error
    frame["estimate"] = estimates.beta
    frame["std_error"] = std_error
    # A withheld p-value takes its statistic along.
    tested = (std_error > 0) & ~np.isnan(estimates.p_value)
    frame["statistic"] = np.divide(estimates.beta, std_error, out=np.full(len(std_error), np.nan), where=tested)
    frame["df"] = estimates.df
    frame["p_value"] = estimates.p_value
    frame["conf_low"] = estimates.conf_low
    frame["conf_high"] = estimates.conf_high
    return frame


def covariance_frame(design: DesignRows, estimates: Estimates, what: str) -> pd.DataFrame:
    """Labelled covariance of the random effects or of the residuals at one occasion."""
    import pandas as pd

    check_option(what, ("random", "residual"), "covariance of")
    if what == "random":
        labels = [column.name for column in design.random]
        stratum = np.array([column.stratum for column in design.random], dtype=np.int64)
        matrix = estimates.random.copy()
    else:
        labels = [label for place in range(len(design.strata)) for label in _member_labels(design.strata, place)]
        stratum = np.repeat(np.arange(len(design.strata)), 2)
        matrix = np.zeros((len(labels), len(labels)))
        for place, told in enumerate(estimates.residual):
            matrix[2 * place : 2 * place + 2, 2 * place : 2 * place + 2] = told["covariance"]
    # Effects of different compositions never meet in one dyad: their covariance is not zero, it does not exist.
    matrix[stratum[:, None] != stratum[None, :]] = np.nan
    return pd.DataFrame(matrix, index=pd.Index(labels, dtype=object), columns=pd.Index(labels, dtype=object))


def _member_labels(strata: Sequence[Stratum], place: int) -> list[Any]:
    stratum = strata[place]
    labels = list(stratum.roles) or ["member 1", "member 2"]
    return labels if len(strata) == 1 else [f"{stratum.label}, {label}" for label in labels]


def residual_process(design: DesignRows, estimates: Estimates) -> Mapping[str, Any]:
    """Parameters of the residual process, by composition where there are several."""
    told = [
        _describe(estimates.residual[place], stratum, _roles(stratum)) for place, stratum in enumerate(design.strata)
    ]
    if len(told) == 1:
        return told[0]
    return {stratum.label: mapping for stratum, mapping in zip(design.strata, told, strict=True)}


def _roles(stratum: Stratum) -> list[Any]:
    return list(stratum.roles) or ["member 1", "member 2"]


def _describe(info: Mapping[str, Any], stratum: Stratum, labels: list[Any]) -> dict[str, Any]:
    import pandas as pd

    described: dict[str, Any] = {}
    for name, value in info.items():
        array = np.asarray(value, dtype=float)
        if array.ndim == 0:
            described[name] = float(array)
        elif array.ndim == 1:
            equal = stratum.exchangeable or bool(np.all(array == array[0]))
            described[name] = float(array[0]) if equal else dict(zip(labels, array.tolist(), strict=True))
        else:
            described[name] = pd.DataFrame(array, index=labels, columns=labels)
    return described
