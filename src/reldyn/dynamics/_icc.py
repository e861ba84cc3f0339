"""`icc`: how much of a variable's variance lies between dyads, between persons, and within persons.

Persons answer unequally often, and `pingouin.intraclass_corr` drops everyone with a gap: the variances are estimated by
likelihood, which gives pingouin's ICC(1) where nobody misses anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Columns, Ints
from reldyn.dynamics._persons import listed
from reldyn.dynamics._units import Units, person_units
from reldyn.errors import DesignError, check_option
from reldyn.panel import analysis
from reldyn.results import EstimateResult, InState

if TYPE_CHECKING:
    from reldyn.mixed import Fit
    from reldyn.panel import DyadPanel

Levels = Literal["person", "dyad"]
Method = Literal["reml", "ml"]

__all__ = ["IccResult", "icc"]

_REACH = 1.959963984540054
# Share of the variance below which it counts as estimated at zero.
_NOTHING = 1e-7


class IccResult(EstimateResult):
    """Intraclass correlations and the variances behind them.

    Attributes
    ----------
    levels : str
    method : str
    table : pandas.DataFrame
    n_dyads, n_persons : int
        With an answer to any of the variables.
    converged : bool
    notes : tuple of str
    """

    levels = InState[str]()
    method = InState[str]()
    n_dyads = InState[int]()
    n_persons = InState[int]()
    converged = InState[bool]()

    def _headline(self) -> str:
        return f"Intraclass correlations of {', '.join(dict.fromkeys(self.table['variable']))}"

    def _methods(self) -> str:
        nested = "occasions in persons" if self.levels == "person" else "occasions in persons in dyads"
        return (
            f"Intercept-only models of {nested}, {self.method.upper()}; {counted(self.n_persons, 'person')} in "
            f"{counted(self.n_dyads, 'dyad')}. Each row: the correlation of two values that share the level, the "
            "variance there and its share. Intervals on Fisher's scale from the curvature of the likelihood."
        )

    def _about(self) -> Mapping[str, Any]:
        n_obs = int(self.table.groupby("variable")["n_obs"].first().sum())
        counts = {"n_dyads": self.n_dyads, "n_persons": self.n_persons, "n_obs": n_obs}
        return counts | {"converged": self.converged, "levels": self.levels, "method": self.method}


@analysis
def icc(panel: DyadPanel, variables: Columns, *, levels: Levels = "person", method: Method = "reml") -> IccResult:
    """Split the variance of each variable into its levels.

    Parameters
    ----------
    panel : DyadPanel
    variables : str or sequence of str
        Numeric columns; every observed value counts, persons may have any number of them.
    levels : {"person", "dyad"}, default "person"
        ``"person"``: occasions within persons, the ICC(1) that papers report. ``"dyad"``: occasions within persons
        within dyads. A negative dyad variance (partners more unlike than strangers) is reported as it is.
    method : {"reml", "ml"}, default "reml"
        ML makes the variance between few persons too small.

    Returns
    -------
    IccResult
        ``tidy()``: one row per variable and ``level`` (``dyad``, ``person``, ``residual``): ``estimate`` (correlation
        of two values that share the level; for ``person`` in three levels that includes the dyad), ``std_error`` (on
        Fisher's scale), ``conf_low``, ``conf_high`` (95 %), ``variance``, ``share``, ``intercept``, ``n_obs``,
        ``note``.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        An option is not known.

    References
    ----------
    Shrout and Fleiss (1979), Psychological Bulletin 86, 420-428; Snijders and Bosker (2012), Multilevel Analysis.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=20, n_occasions=30, seed=2).panel
    >>> rd.dynamics.icc(panel, "warmth").tidy()["level"].tolist()
    ['person', 'residual']
    """
    import pandas as pd

    names = listed(variables)
    check_option(levels, get_args(Levels), "levels")
    check_option(method, get_args(Method), "method")
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    converged = True
    answered = np.zeros(len(panel), dtype=bool)
    for name in names:
        answered |= np.isfinite(panel.values(name))
        found, fit, reason = _one(panel, name, levels, method)
        rows.extend(found)
        if fit is not None:
            converged &= fit.converged
            notes.extend(f"{name}: {note}" for note in fit.warnings)
            if float(fit.G[0, 0]) < _NOTHING * float(fit.G[0, 0] + fit.psi[0][0]):
                reason = "the variance between persons is estimated at zero"
        if reason:
            notes.append(f"{name}: {reason}.")
    return IccResult.of(
        levels=levels,
        method=method,
        table=pd.DataFrame(rows),
        n_dyads=len(np.unique(panel.index.dyad[answered])),
        n_persons=len(np.unique(panel.index.person[answered])),
        converged=converged,
        notes=tuple(notes),
    )


def _one(panel: DyadPanel, name: str, levels: Levels, method: Method) -> tuple[list[dict[str, Any]], Fit | None, str]:
    from reldyn.mixed import fit_mixed

    values = panel.values(name)
    row = np.flatnonzero(np.isfinite(values))
    y, person = values[row], panel.index.person[row]
    present = ("person", "residual") if levels == "person" else ("dyad", "person", "residual")
    reason = _hindrance(y, person, panel.index.dyad[row], levels)
    if reason:
        return [_row(name, level, len(y), note=reason) for level in present], None, reason
    # Around the grand mean, so that second differences of the likelihood keep their digits far from zero.
    centre, ones = float(y.mean()), np.ones((len(y), 1))
    y = y - centre
    if levels == "person":
        units = person_units(y, ones, ones, person, ("intercept",))
    else:
        units = _three_levels(panel, row, y, ones)
    try:
        fit = fit_mixed(units.problem, units.structure, units.residual, method)
    except DesignError as error:
        return [_row(name, level, len(y), note=str(error)) for level in present], None, str(error)
    return _rows(name, units, fit, present, centre), fit, ""


def _three_levels(panel: DyadPanel, row: Ints, y: Array, ones: Array) -> Units:
    from reldyn.mixed import Problem, Residual, random_structure

    index = panel.index
    codes, unit = np.unique(index.dyad[row], return_inverse=True)
    member = index.member[row]
    Z = np.column_stack([member == 0, member == 1]).astype(float)
    labels = ("person 1", "person 2")
    problem = Problem(
        y, ones, Z, unit, member, index.occasion[row], exchangeable=(True,), x_labels=("intercept",), z_labels=labels
    )
    return Units(problem, random_structure(labels, swap=(1, 0)), Residual("independent"), codes)


def _hindrance(y: Array, person: Ints, dyad: Ints, levels: Levels) -> str:
    """Say why the levels cannot be told apart; else empty."""
    if not len(y):
        return "no observed value"
    persons = len(np.unique(person))
    if persons < 3:
        return f"values of {counted(persons, 'person')}, below 3"
    if len(y) <= persons:
        return "one value per person, so nothing within persons"
    if np.ptp(y) == 0:
        return "the values never vary"
    if levels == "dyad" and len(np.unique(dyad)) < 3:
        return "fewer than 3 dyads"
    return ""


def _row(variable: str, level: str, n_obs: int, **told: Any) -> dict[str, Any]:
    numbers = ("estimate", "std_error", "conf_low", "conf_high", "variance", "share", "intercept")
    leading = {"term": f"{variable}, {level}", "variable": variable, "level": level}
    return leading | {name: told.get(name, np.nan) for name in numbers} | {"n_obs": n_obs, "note": told.get("note", "")}


def _rows(variable: str, units: Units, fit: Fit, present: tuple[str, ...], centre: float) -> list[dict[str, Any]]:
    residual = float(np.atleast_1d(fit.psi[0])[0])
    between = float(fit.G[0, 0])
    shared = float(fit.G[0, 1]) if "dyad" in present else 0.0
    variance = {"dyad": shared, "person": between - shared, "residual": residual}
    total = between + residual
    alike = {"dyad": shared / total, "person": between / total}
    errors = _standard_errors(units, fit, present)
    rows = []
    for level in present:
        told: dict[str, Any] = {"variance": variance[level], "share": variance[level] / total}
        told["intercept"] = centre + fit.beta[0]
        if level == "residual":
            told["note"] = "no two values share an occasion of one person"
        else:
            r, error = alike[level], errors.get(level, math.nan)
            z = math.atanh(min(r, 1 - 1e-12))
            told |= {"estimate": r, "std_error": error}
            told |= {"conf_low": math.tanh(z - _REACH * error), "conf_high": math.tanh(z + _REACH * error)}
            if math.isnan(error):
                told["note"] = "a variance lies at its boundary, so no interval"
        rows.append(_row(variable, level, len(fit.problem.y), **told))
    return rows


def _standard_errors(units: Units, fit: Fit, present: tuple[str, ...]) -> dict[str, float]:
    """Standard errors on Fisher's scale, by the delta method from the curvature of the log-likelihood."""
    from reldyn.mixed import log_likelihood

    three = "dyad" in present
    start = np.array([fit.G[0, 0], fit.G[0, 1], fit.psi[0][0]] if three else [fit.G[0, 0], fit.psi[0][0]])
    if fit.at_boundary or start[0] < _NOTHING * (start[0] + start[-1]):
        return {}

    def value(point: Array) -> float:
        G = np.array([[point[0], point[1]], [point[1], point[0]]]) if three else np.array([[point[0]]])
        return log_likelihood(units.problem, units.structure, units.residual, G, ([point[-1]],), fit.method)

    information = -_curvature(value, start, 1e-3 * max(1e-12, float(start[0] + start[-1])) * np.ones(len(start)))
    if not np.isfinite(information).all() or np.linalg.eigvalsh(information)[0] <= 0:
        return {}
    covariance = np.linalg.inv(information)
    total = float(start[0] + start[-1])
    errors = {}
    for level, place in (("person", 0), ("dyad", 1)):
        if level == "dyad" and not three:
            continue
        r = float(start[place]) / total
        slope = np.zeros(len(start))
        slope[place] += 1 / total
        slope[0] -= r / total
        slope[-1] -= r / total
        errors[level] = math.sqrt(float(slope @ covariance @ slope)) / (1 - r**2)
    return errors


def _curvature(value: Any, start: Array, step: Array) -> Array:
    """Second derivatives by central differences."""
    k = len(start)
    hessian = np.zeros((k, k))
    centre = value(start)
    for i in range(k):
        for j in range(i + 1):
            one, two = np.zeros(k), np.zeros(k)
            one[i], two[j] = step[i], step[j]
            if i == j:
                second = value(start + one) - 2 * centre + value(start - one)
                hessian[i, i] = second / step[i] ** 2
            else:
                corners = [value(start + a * one + b * two) * a * b for a in (1, -1) for b in (1, -1)]
                hessian[i, j] = hessian[j, i] = sum(corners) / (4 * step[i] * step[j])
    return hessian
