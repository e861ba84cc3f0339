"""`location_scale`: do persons with a higher level also vary more, once sampling error is taken out?

The two-step form of the mixed-effects location-scale model (Hedeker, Mermelstein and Demirtas, 2008, Biometrics 64,
627-634): a mean and a log variance per person, then their distribution over persons. The variance of estimates is the
variance of the truths plus sampling error; what is reported has the latter taken out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Column, Flags, Ints
from reldyn.dynamics._pairs import check_pairs, pair_rule, successive_values
from reldyn.dynamics._persons import first_rows, person_columns
from reldyn.errors import DesignError, check_option
from reldyn.panel import analysis
from reldyn.results import EstimateResult, InState, InTables

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel, PersonBatch

TakenOut = Literal["mean", "inertia", "influence"]

__all__ = ["LocationScaleResult", "location_scale", "true_moments"]

_FEWEST_DF = 4
_FEWEST_PERSONS = 5
# Square of the share of a mean below which deviations are rounding.
_NOTHING = 1e-24
_TERMS = ("location_mean", "location_sd", "scale_mean", "scale_sd", "correlation")


class LocationScaleResult(EstimateResult):
    """Distribution of person means and log variances over persons.

    Attributes
    ----------
    variable : str
    residual : str
    autocorrelation : float
        Of neighbouring values within persons, pooled; widens the sampling error of means.
    table : pandas.DataFrame
    person_table : pandas.DataFrame
    n_persons, n_dyads : int
    notes : tuple of str
    """

    figure: ClassVar[str | None] = "location_scale"

    variable = InState[str]()
    residual = InState[str]()
    autocorrelation = InState[float]()
    person_table = InTables()
    n_persons = InState[int]()
    n_dyads = InState[int]()

    def persons(self) -> pd.DataFrame:
        """Each person's mean and log variance, as estimated and drawn towards the role's mean, with a note."""
        return self.person_table.copy()

    def _headline(self) -> str:
        return f"Location and scale of {self.variable}"

    def _methods(self) -> str:
        out = {"mean": "person mean", "inertia": "own previous value", "influence": "own and partner's previous value"}
        return (
            f"Two steps: mean and log residual variance of each of {counted(self.n_persons, 'person')} (taken out: "
            f"{out[self.residual]}), then their distribution over persons with sampling error subtracted; intervals by "
            "leaving out one dyad at a time (Hedeker, Mermelstein and Demirtas, 2008, for the model)."
        )

    def _about(self) -> Mapping[str, Any]:
        names = ("n_dyads", "n_persons", "residual", "autocorrelation")
        return {name: getattr(self, name) for name in names}


@analysis
def location_scale(panel: DyadPanel, variable: Column, *, residual: TakenOut = "mean") -> LocationScaleResult:
    """Estimate how persons differ in level and in within-person variance, and how the two go together.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
        Numeric column.
    residual : {"mean", "inertia", "influence"}, default "mean"
        What is taken out before the variance: the person's mean (total variance within the person); also the own value
        one scheduled beep before; also the partner's. The last two give the variance of innovations.

    Returns
    -------
    LocationScaleResult
        ``tidy()``: per ``role`` (one group where members are exchangeable) each ``quantity``: ``location_mean``,
        ``location_sd``, ``scale_mean``, ``scale_sd`` (of log variances), ``correlation`` of location and scale:
        ``estimate``, ``std_error``, ``df``, ``conf_low``, ``conf_high`` (95 %), ``uncorrected`` (sampling error
        left in),
        ``n_persons``, ``note``. ``persons()``: ``n_obs``, ``df``, ``mean``, ``variance``, ``log_variance``,
        ``mean_error``, ``log_variance_error`` (sampling SDs), ``mean_shrunken``, ``log_variance_shrunken``, ``note``.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        An option is not known, or the panel has one occasion only.

    Notes
    -----
    Estimated means and log variances carry sampling error: regressed on or correlated as they stand they give
    relations that are too weak, and their SD is too large. Here the mean sampling variance is subtracted: trigamma(df /
    2) for a log variance, whose bias digamma(df / 2) - log(df / 2) is removed too; the variance over the number of
    values for a mean, widened for autocorrelation, as df is narrowed. Normal residuals are assumed, which bounded items
    violate: near a floor mean and variance are tied by the scale itself, so a correlation there says no more.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=20, n_occasions=60, seed=2).panel
    >>> rd.dynamics.location_scale(panel, "warmth").tidy()["quantity"].tolist()[:3]
    ['location_mean', 'location_sd', 'scale_mean']
    """
    check_option(residual, get_args(TakenOut), "residual")
    check_pairs(panel, "beep")
    series = panel.series(variable).by_person(by_code=True)
    phi = _pooled_autocorrelation(series)
    persons = _first_step(panel, series, panel.values(variable), residual, phi)
    groups = _groups(panel)
    rows = [row for role, members in groups for row in _second_step(role, members, panel, persons)]
    table, notes = _assembled(rows)
    kept = (persons["note"] == "").to_numpy()
    for _, members in groups:
        _shrink(persons, members & kept)
    dyads = len(np.unique(panel.index.dyad[first_rows(panel)][kept]))
    if not kept.all():
        gone = int((~kept).sum())
        left = agreeing(gone, "is left out; the row says", "are left out; their rows say")
        notes = (f"{gone} of {counted(len(kept), 'person')} {left} why.", *notes)
    return LocationScaleResult.of(
        variable=str(variable),
        residual=residual,
        autocorrelation=phi,
        table=table,
        person_table=persons,
        n_persons=int(kept.sum()),
        n_dyads=dyads,
        notes=notes,
    )


def _pooled_autocorrelation(persons: PersonBatch) -> float:
    """Correlation of neighbours around their persons' means, pooled over persons; 0 where there is none."""
    series = successive_values(persons, persons.values, pair_rule(persons, "beep"))
    n, person = series.n_persons, series.person
    count = np.bincount(person, minlength=n)
    mean = np.bincount(person, weights=series.value, minlength=n) / np.maximum(count, 1)
    deviation = series.value - mean[person]
    before, after = deviation[series.earlier], deviation[series.earlier + 1]
    size = float(before @ before + after @ after)
    return float(np.clip(2 * float(before @ after) / size, -0.9, 0.9)) if size > 0 else 0.0


def _first_step(panel: DyadPanel, series: PersonBatch, values: Array, residual: TakenOut, phi: float) -> pd.DataFrame:
    """Mean and log variance of each person with their sampling errors."""
    import pandas as pd
    from scipy.special import digamma, polygamma

    n_obs, mean, total = _totals(panel, values)
    squares, divisor = _residual_squares(panel, series, values, residual)
    # Autocorrelated deviations tell less about their variance; residuals after a lag are taken as independent.
    df = divisor * (1 - phi**2) / (1 + phi**2) if residual == "mean" else divisor
    rounding = _NOTHING * np.nan_to_num(mean) ** 2
    left = squares > rounding * divisor
    usable = (df >= _FEWEST_DF) & left
    safe = np.where(usable, df, _FEWEST_DF)
    variance = np.where(usable, squares / np.maximum(divisor, 1), np.nan)
    log_variance = np.log(np.where(usable, variance, 1.0)) - (digamma(safe / 2) - np.log(safe / 2))
    notes = np.where(n_obs == 0, "no observed value", np.where(total <= rounding, "the values never vary", ""))
    notes = np.where(n_obs == 1, "one observed value", notes)
    notes = np.where((notes == "") & (df < _FEWEST_DF), "too few values for a variance", notes)
    notes = np.where((notes == "") & ~left, "the past determines the values without error", notes)
    spread = np.sqrt(total / np.maximum(n_obs, 1) * (1 + phi) / (1 - phi))
    columns = {
        "n_obs": n_obs,
        "df": np.where(usable, df, np.nan),
        "mean": mean,
        "variance": variance,
        "log_variance": np.where(usable, log_variance, np.nan),
        "mean_error": np.where(usable, spread, np.nan),
        "log_variance_error": np.where(usable, np.sqrt(polygamma(1, safe / 2)), np.nan),
    }
    return pd.DataFrame({**person_columns(panel), **columns, "note": notes})


def _totals(panel: DyadPanel, values: Array) -> tuple[Ints, Array, Array]:
    """Count, mean and total variance of each person."""
    seen = np.isfinite(values)
    person, n = panel.index.person[seen], panel.n_persons
    count = np.bincount(person, minlength=n)
    mean = np.where(count > 0, np.bincount(person, weights=values[seen], minlength=n) / np.maximum(count, 1), np.nan)
    squares = np.bincount(person, weights=(values[seen] - mean[person]) ** 2, minlength=n)
    return count, mean, np.where(count > 1, squares / np.maximum(count - 1, 1), np.nan)


def _residual_squares(panel: DyadPanel, series: PersonBatch, values: Array, residual: TakenOut) -> tuple[Array, Array]:
    """Sum of squared residuals of each person, and its degrees of freedom."""
    n, index = panel.n_persons, panel.index
    columns = [np.ones(len(values))]
    if residual != "mean":
        before = index.earlier_row(1)
        lagged = np.where(before >= 0, values[before], np.nan)
        columns.append(lagged)
        if residual == "influence":
            partner = np.where(before >= 0, index.partner_row[before], -1)
            columns.append(np.where(partner >= 0, values[partner], np.nan))
    X = np.column_stack(columns)
    complete = (np.isfinite(values) & np.isfinite(X).all(axis=1))[series.row]
    whole = series.row[complete]
    bounds = np.searchsorted(series.person[complete], np.arange(n + 1))
    squares, df = np.zeros(n), np.zeros(n)
    for code in range(n):
        rows = whole[bounds[code] : bounds[code + 1]]
        if not len(rows):
            continue
        centre = values[rows].mean()
        design = X[rows] - np.concatenate([[0.0], X[rows, 1:].mean(axis=0)])
        solution, _, rank, _ = np.linalg.lstsq(design, values[rows] - centre, rcond=None)
        left = values[rows] - centre - design @ solution
        squares[code], df[code] = float(left @ left), max(len(rows) - int(rank), 0)
    return squares, df


def _groups(panel: DyadPanel) -> list[tuple[Any, Flags]]:
    role = panel.index.role[first_rows(panel)]
    if not panel.roles:
        return [("", np.ones(len(role), dtype=bool))]
    return [(label, role == code) for code, label in enumerate(panel.roles)]


def true_moments(points: Array, errors: Array) -> Array:
    """SeriesMoments of two quantities over persons with sampling variance taken out.

    Parameters
    ----------
    points : (n, 2) array
        Estimates of location and scale.
    errors : (n, 2) array
        Their sampling standard deviations; the two are taken as independent, as mean and variance of normal values are.

    Returns
    -------
    (5,) array
        Mean of the first, its variance, mean of the second, its variance, covariance.
    """
    mean = points.mean(axis=0)
    covariance = np.cov(points.T)
    sampling = (errors**2).mean(axis=0)
    return np.array(
        [mean[0], covariance[0, 0] - sampling[0], mean[1], covariance[1, 1] - sampling[1], covariance[0, 1]]
    )


def _terms(moments: Array) -> Array:
    """The five reported terms; NaN where a variance is not above zero."""
    first, second = (float(np.sqrt(one)) if one > 0 else np.nan for one in moments[[1, 3]])
    return np.array([moments[0], first, moments[2], second, moments[4] / (first * second)])


def _second_step(role: Any, members: Flags, panel: DyadPanel, persons: pd.DataFrame) -> list[dict[str, Any]]:
    from scipy.stats import t as student

    kept = members & (persons["note"] == "").to_numpy()
    points = persons.loc[kept, ["mean", "log_variance"]].to_numpy(dtype=float)
    errors = persons.loc[kept, ["mean_error", "log_variance_error"]].to_numpy(dtype=float)
    dyad = np.unique(panel.index.dyad[first_rows(panel)][kept], return_inverse=True)[1]
    n_dyads = int(dyad.max()) + 1 if len(dyad) else 0
    if n_dyads < _FEWEST_PERSONS:
        note = f"persons of {counted(n_dyads, 'dyad')}, below {_FEWEST_PERSONS}"
        return [_row(role, term, len(points), note=note) for term in _TERMS]
    estimate = _terms(true_moments(points, errors))
    left_out = np.array([_terms(true_moments(points[dyad != k], errors[dyad != k])) for k in range(n_dyads)])
    scatter = ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0)
    spread = np.sqrt((n_dyads - 1) / n_dyads * scatter)
    reach = float(student.ppf(0.975, n_dyads - 1)) * spread
    plain = _terms(true_moments(points, np.zeros_like(errors)))
    rows = []
    for j, term in enumerate(_TERMS):
        note = ""
        if np.isnan(estimate[j]):
            note = "sampling error accounts for all differences between persons"
        elif np.isnan(spread[j]):
            note = "without one of the dyads no variance is left, so no interval"
        elif term == "correlation" and abs(estimate[j]) > 1:
            note = "beyond 1 once sampling error is taken out: too few or too short series"
        told = {"estimate": estimate[j], "std_error": spread[j], "df": n_dyads - 1, "uncorrected": plain[j]}
        told |= {"conf_low": estimate[j] - reach[j], "conf_high": estimate[j] + reach[j]}
        rows.append(_row(role, term, len(points), note=note, **told))
    return rows


def _row(role: Any, term: str, n_persons: int, *, note: str, **told: Any) -> dict[str, Any]:
    numbers = ("estimate", "std_error", "df", "conf_low", "conf_high", "uncorrected")
    return (
        {"term": term if role == "" else f"{term}, {role}", "quantity": term, "role": role}
        | {name: float(told.get(name, np.nan)) for name in numbers}
        | {"n_persons": n_persons, "note": note}
    )


def _assembled(rows: list[dict[str, Any]]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    import pandas as pd

    table = pd.DataFrame(rows)
    if not len(table):
        raise DesignError("the panel has no persons to describe.")
    return table, tuple(f"{row['term']}: {row['note']}." for row in rows if row["note"])


def _shrink(persons: pd.DataFrame, members: Flags) -> None:
    """Draw estimates towards the group's mean by what sampling error takes of their variance; adds two columns."""
    for name in ("mean", "log_variance"):
        column = f"{name}_shrunken"
        if column not in persons:
            persons.insert(len(persons.columns) - 1, column, np.nan)
        if members.sum() < _FEWEST_PERSONS:
            continue
        values = persons.loc[members, name].to_numpy(dtype=float)
        sampling = persons.loc[members, f"{name}_error"].to_numpy(dtype=float) ** 2
        true = max(float(values.var(ddof=1) - sampling.mean()), 0.0)
        persons.loc[members, column] = values.mean() + true / (true + sampling) * (values - values.mean())
