"""Variances and correlations of random effects and residuals, with intervals that stay in their range.

Standard errors are those of the information about the covariance parameters, by the delta method. A variance has its
interval on the scale of the logarithm, a correlation or an autoregression on that of Fisher's z, a rate of decay on
that of the logarithm (Pinheiro and Bates, 2000, section 2.4). A variance has no test: zero is the edge of its range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner.model._design import structure_of
from reldyn.errors import DesignError

if TYPE_CHECKING:
    import pandas as pd

    from reldyn._types import Array
    from reldyn.actor_partner.model._design import DesignRows
    from reldyn.actor_partner.model._estimates import Estimates
    from reldyn.actor_partner.model._setting import ModelSetting
    from reldyn.actor_partner.model._terms import Stratum
    from reldyn.mixed import Residual

__all__ = ["CovarianceComponent", "component_table", "tidy_process", "tidy_random"]

QUANTILE = 1.959963984540054
NUMBERS = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")
# Step of numerical derivatives, in units of the parameter.
STEP = 1e-5
# A variance below this share of the largest, or of its standard error, has run to zero.
NOTHING = 1e-9
FAINT = 1e-4
# An interval on the scale of the logarithm whose standard error is larger than this spans every size.
LARGE = 5.0


@dataclass(frozen=True)
class CovarianceComponent:
    """One row: what it is, and its value from the covariance parameters."""

    term: str
    effect: str
    value: Callable[[Array], float]
    variable: str = ""
    level: str = ""
    role: Any = ""
    composition: str = ""


def tidy_random(design: DesignRows, estimates: Estimates, setting: ModelSetting) -> pd.DataFrame:
    """Variances and correlations of the random effects; the table of ``tidy("random")``.

    Raises
    ------
    DesignError
        Nothing varies between dyads, or the fit has no information about it.
    """
    if not design.random:
        raise DesignError("the model has no random effects: there is no variance between dyads to tidy.")
    _refuse_without_information(estimates)
    structure = structure_of(design, setting.random)
    theta = structure.parameters(structure.to_internal(estimates.random))
    cov = estimates.cov_parameters[: len(theta), : len(theta)]

    def matrix(point: Array) -> Array:
        return np.asarray(structure.to_reported(structure.matrix(point)))

    components = list(_random_components(design, matrix, free=setting.random.covariance))
    largest = float(np.diag(estimates.random).max())
    return component_table(components, theta, cov, largest, estimates.at_boundary)


def _random_components(
    design: DesignRows, matrix: Callable[[Array], Array], free: str
) -> Iterator[CovarianceComponent]:
    columns = design.random
    for k, column in enumerate(columns):
        term = column.term
        yield CovarianceComponent(
            f"variance of {column.name}",
            "variance",
            partial(_variance, matrix, k),
            term.variable,
            term.level,
            column.role,
            column.composition,
        )
    for k, first in enumerate(columns):
        for j in range(k):
            second = columns[j]
            if first.stratum != second.stratum or free == "diagonal":
                continue
            if free == "block" and first.term != second.term:
                continue
            yield CovarianceComponent(
                f"correlation of {second.name} with {first.name}",
                "correlation",
                partial(_correlation, matrix, k, j),
                composition=first.composition,
            )


def _variance(matrix: Callable[[Array], Array], place: int, point: Array) -> float:
    return float(matrix(point)[place, place])


def _correlation(matrix: Callable[[Array], Array], first: int, second: int, point: Array) -> float:
    G = matrix(point)
    scale = G[first, first] * G[second, second]
    return float(G[first, second] / np.sqrt(scale)) if scale > 0 else float("nan")


def tidy_process(design: DesignRows, estimates: Estimates, residual: Residual) -> pd.DataFrame:
    """Variances, correlation and process parameters of the residuals; the table of ``tidy("residual")``.

    Raises
    ------
    DesignError
        The fit has no information about them.
    """
    import pandas as pd

    _refuse_without_information(estimates)
    sizes = [len(part) for part in estimates.natural]
    begin = len(estimates.cov_parameters) - sum(sizes)
    tables = []
    for stratum, natural, size in zip(design.strata, estimates.natural, sizes, strict=True):
        here = slice(begin, begin + size)
        begin += size
        composition = stratum.label if len(design.strata) > 1 else ""
        components = list(_residual_components(stratum, residual, design.outcome, composition))
        largest = float(np.max(components[0].value(natural)))
        tables.append(component_table(components, natural, estimates.cov_parameters[here, here], largest, False))
    return pd.concat(tables, ignore_index=True)


def _residual_components(
    stratum: Stratum, residual: Residual, outcome: str, composition: str
) -> Iterator[CovarianceComponent]:
    from reldyn.mixed import describe_process

    alike = stratum.exchangeable

    def parameter(name: str, *place: int) -> Callable[[Array], float]:
        return lambda point: float(np.asarray(describe_process(residual, alike, point)[name]).item(*place))

    def rows(effect: str, name: str, label: str, tied: bool, twice: bool) -> Iterator[CovarianceComponent]:
        roles = [""] if tied else list(stratum.roles)
        for place, role in enumerate(roles):
            term = ", ".join(part for part in (label, composition, str(role)) if part)
            value = parameter(name, place, place) if twice else parameter(name, place)
            yield CovarianceComponent(term, effect, value, outcome, "", role, composition)

    one = alike or residual.equal_variances
    # With role-specific carry-over equal innovations make unequal variances.
    tied = alike or (residual.equal_variances and (not residual.serial or residual.common))
    yield from rows("variance", "covariance", f"residual variance of {outcome}", tied, True)
    if residual.process != "independent":
        term = ", ".join(part for part in (f"residual correlation of partners' {outcome}", composition) if part)
        yield CovarianceComponent(term, "correlation", parameter("correlation"), outcome, "", "", composition)
    if residual.process == "ar1":
        yield from rows("autoregression", "phi", f"autoregression of {outcome}", alike or residual.common, False)
    if residual.process == "car1":
        yield from rows("decay", "decay", f"decay of {outcome} per unit of time", alike or residual.common, False)
    if residual.measurement_error:
        yield from rows("error variance", "error_variance", f"measurement error variance of {outcome}", one, False)


def _refuse_without_information(estimates: Estimates) -> None:
    if not estimates.cov_parameters.size:
        raise DesignError(
            "standard errors of variances belong to one fit of complete rows: fit with missing='available', or read "
            "fit.covariance('random') and fit.residual_process."
        )


def component_table(
    components: list[CovarianceComponent], theta: Array, cov: Array, largest: float, singular: bool
) -> pd.DataFrame:
    """Estimates, standard errors by the delta method, and intervals on a scale of their own."""
    import pandas as pd

    frame = pd.DataFrame(
        {
            "term": [part.term for part in components],
            "effect": [part.effect for part in components],
            "variable": [part.variable for part in components],
            "level": [part.level for part in components],
            "role": pd.Series([part.role for part in components], dtype=object),
        }
    )
    if any(part.composition for part in components):
        frame["composition"] = [part.composition for part in components]
    numbers, notes = [], []
    for part in components:
        estimate = part.value(theta)
        slope = _slope(part.value, theta)
        std_error = float(np.sqrt(max(float(slope @ cov @ slope), 0.0))) if np.isfinite(slope).all() else float("nan")
        found, note = _row(part.effect, estimate, std_error, largest)
        numbers.append(found)
        notes.append(note or (SINGULAR if singular and part.effect == "correlation" else ""))
    frame = frame.assign(**{name: np.array([row[name] for row in numbers]) for name in NUMBERS})
    return frame.assign(note=notes)


SINGULAR = "the covariance matrix is singular: intervals take its shut directions as known"


def _slope(value: Callable[[Array], float], theta: Array) -> Array:
    """Central differences; every function here is smooth and of order one in units of its parameters."""
    slope = np.empty(len(theta))
    for place in range(len(theta)):
        step = STEP * max(abs(theta[place]), STEP)
        ends = []
        for sign in (1.0, -1.0):
            moved = theta.copy()
            moved[place] += sign * step
            with np.errstate(all="ignore"):
                ends.append(value(moved))
        slope[place] = (ends[0] - ends[1]) / (2.0 * step)
    return slope


def _row(effect: str, estimate: float, std_error: float, largest: float) -> tuple[dict[str, float], str]:
    from scipy.stats import norm

    row = dict.fromkeys(NUMBERS, float("nan")) | {"estimate": estimate, "df": float("inf")}
    if not np.isfinite(estimate):
        return row, "undefined: a variance is zero"
    if effect in ("variance", "error variance") and estimate <= max(NOTHING * largest, FAINT * std_error):
        return row, "at its boundary, zero: no interval"
    if effect not in ("correlation", "autoregression") and not std_error <= LARGE * estimate:
        return row, "the rows say next to nothing about its size: no interval"
    if not std_error > 0 or (effect in ("correlation", "autoregression") and abs(estimate) >= 1.0 - 1e-6):
        return row, "at its boundary: no interval"
    row["std_error"] = std_error
    if effect in ("correlation", "autoregression"):
        centre, half = np.arctanh(estimate), QUANTILE * std_error / (1.0 - estimate**2)
        row["conf_low"], row["conf_high"] = float(np.tanh(centre - half)), float(np.tanh(centre + half))
        row["statistic"] = float(centre / (half / QUANTILE))
        row["p_value"] = float(2.0 * norm.sf(abs(row["statistic"])))
    else:
        factor = float(np.exp(QUANTILE * std_error / estimate))
        row["conf_low"], row["conf_high"] = estimate / factor, estimate * factor
    return row, ""
