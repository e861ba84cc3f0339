"""`inertia`: how much of an affect carries over from one occasion to the next, over all persons at once.

Suls, Green and Hillis (1998); Kuppens, Allen and Sheeber (2010); as a multilevel model Jongerling, Laurenceau and
Hamaker (2015) and Hamaker and Grasman (2015).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Column, Flags, Ints
from reldyn.dynamics._indices import FEWEST_PAIRS, moments
from reldyn.dynamics._pairs import Pairs, SuccessiveValues, check_pairs, pair_rule, successive_values
from reldyn.dynamics._persons import left_out_notes, person_columns
from reldyn.dynamics._units import Units, dyad_units, person_units
from reldyn.errors import DesignError, check_option
from reldyn.panel import analysis
from reldyn.results import EstimateResult, InState, InTables

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.mixed import Estimation, Fit
    from reldyn.panel import DyadPanel

Unit = Literal["person", "dyad"]
_NAMES = ("intercept", "inertia")

__all__ = ["InertiaResult", "inertia"]


class InertiaResult(EstimateResult):
    """A multilevel autoregression.

    Attributes
    ----------
    variable : str
    unit : str
    pairs : str
    method : str
    table : pandas.DataFrame
    random : pandas.DataFrame
        Covariance of the deviations of level and inertia, labelled on both sides.
    residual : pandas.DataFrame
        Residual covariance within an occasion, labelled on both sides.
    person_table : pandas.DataFrame
    log_likelihood : float
    n_obs, n_persons, n_dyads : int
    converged : bool
    notes : tuple of str
    """

    figure: ClassVar[str | None] = "inertia"

    variable = InState[str]()
    unit = InState[str]()
    pairs = InState[str]()
    method = InState[str]()
    random = InTables()
    residual = InTables()
    person_table = InTables()
    log_likelihood = InState[float]()
    n_obs = InState[int]()
    n_persons = InState[int]()
    n_dyads = InState[int]()
    converged = InState[bool]()

    def persons(self) -> pd.DataFrame:
        """Predicted level and inertia of each person, with 95 % prediction intervals and a note."""
        return self.person_table.copy()

    def _headline(self) -> str:
        state = "" if self.converged else " (NOT CONVERGED)"
        return f"Multilevel inertia of {self.variable}{state}"

    def _methods(self) -> str:
        units = "persons" if self.unit == "person" else "dyads, with partners' effects and residuals correlated,"
        return (
            f"Each value regressed on the one before (pairs: {self.pairs}), the latter as a deviation from the "
            f"person's mean; level and inertia vary over {units} and covary; {self.method.upper()}; "
            f"{counted(self.n_obs, 'pair')} of {counted(self.n_persons, 'person')} (Jongerling, Laurenceau and "
            "Hamaker, 2015)."
        )

    def _about(self) -> Mapping[str, Any]:
        names = ("n_dyads", "n_persons", "n_obs", "log_likelihood", "converged", "unit", "pairs", "method")
        return {name: getattr(self, name) for name in names}


@analysis
def inertia(
    panel: DyadPanel,
    variable: Column,
    *,
    pairs: Pairs = "beep",
    unit: Unit = "person",
    estimation: Estimation | None = None,
) -> InertiaResult:
    """Estimate the average inertia of a variable and how much persons differ in it.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
        Numeric column.
    pairs : {"beep", "day", "naive"}, default "beep"
        As in `reldyn.affect_dynamics`.
    unit : {"person", "dyad"}, default "person"
        ``"person"`` is the published model and takes persons as independent. ``"dyad"`` gives each role its own level
        and inertia (one for both where members are exchangeable) and lets the partners' levels, inertias and residuals
        correlate; its standard errors are the ones to report for couples.
    estimation : Estimation, optional
        None: REML with Kenward-Roger intervals.

    Returns
    -------
    InertiaResult
        ``tidy()``: ``term``, ``effect`` (``intercept``, ``inertia``), ``role``, ``estimate``, ``std_error``,
        ``statistic``, ``df``, ``p_value``, ``conf_low``, ``conf_high`` (95 %), ``sd`` (of the deviations between
        units). ``persons()``: each person's predicted ``level`` and ``inertia`` with 95 % limits, and why one is
        missing.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        An option is not known, or fewer than three persons have three pairs of a series that varies.

    Notes
    -----
    The deviation is from the person's mean over all observed values, which is itself estimated: inertia is then too
    small by about (1 + inertia) / (T - 1) for T observations (Nickell, 1981), as the result says with its own T.
    Persons whose series never varies or who have fewer than three pairs are left out, and listed in ``persons()``.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=20, n_occasions=60, phi=0.4, seed=2).panel
    >>> fit = rd.dynamics.inertia(panel, "warmth", estimation=rd.Estimation(inference="z"))
    >>> fit.tidy()["effect"].tolist(), bool(0.1 < fit.tidy()["estimate"][1] < 0.5)
    (['intercept', 'inertia'], True)
    """
    from reldyn.mixed import Estimation, check_estimation, fit_mixed

    check_pairs(panel, pairs)
    check_option(unit, get_args(Unit), "unit")
    chosen = Estimation() if estimation is None else estimation
    check_estimation(chosen)
    persons = panel.series(variable).by_person(by_code=True)
    series = successive_values(persons, persons.values, pair_rule(persons, pairs))
    spread = moments(series)
    at, owner = series.earlier, series.owner
    reasons = _reasons(spread.n, spread.low == spread.high, series.n_pairs)
    used = np.array([not reason for reason in reasons])
    if used.sum() < 3:
        raise DesignError(
            f"{variable!r}: {counted(int(used.sum()), 'person')} have {FEWEST_PAIRS} pairs of a series that varies; a "
            "multilevel inertia needs at least three."
        )
    at = at[used[owner]]
    person = series.person[at]
    lagged = np.column_stack([np.ones(len(at)), series.value[at] - spread.mean[person]])
    row, y = persons.row[series.place[at + 1]], series.value[at + 1]
    if unit == "person":
        units = person_units(y, lagged, lagged, person, _NAMES)
    else:
        units = dyad_units(panel, row, y, lagged, _NAMES, residual="unstructured")
    fit = fit_mixed(units.problem, units.structure, units.residual, chosen.method)
    notes = (*left_out_notes(int(used.sum()), len(used)), *fit.warnings, _nickell_note(fit, spread.n[used]))
    return InertiaResult.of(
        variable=str(variable),
        unit=unit,
        pairs=pairs,
        method=chosen.method,
        table=_fixed_table(fit, chosen, panel, units),
        random=_labelled(fit.G, units.structure.labels),
        residual=_residual_table(fit, panel, unit),
        person_table=_person_table(panel, fit, units, unit, series, reasons),
        log_likelihood=fit.log_likelihood,
        n_obs=len(y),
        n_persons=int(used.sum()),
        n_dyads=len(np.unique(panel.index.dyad[row])),
        converged=fit.converged,
        notes=notes,
    )


def _reasons(n: Ints, constant: Flags, n_pairs: Ints) -> list[str]:
    reasons = []
    for count, never, pairs in zip(n, constant, n_pairs, strict=True):
        if count == 0:
            reasons.append("no observed value")
        elif pairs < FEWEST_PAIRS:
            reasons.append(f"{counted(pairs, 'pair')}, below {FEWEST_PAIRS}")
        else:
            reasons.append("the values never vary" if never else "")
    return reasons


def _nickell_note(fit: Fit, n: Ints) -> str:
    typical = len(n) / float(np.sum(1.0 / n))
    phi = float(np.mean(fit.beta[len(fit.beta) // 2 :]))
    return (
        f"Person means are estimated from about {typical:.0f} values each, so inertia is too small by about "
        f"{(1 + phi) / (typical - 1):.3f} (Nickell, 1981); no correction is made."
    )


def _labelled(matrix: Array, labels: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(matrix, index=list(labels), columns=list(labels))


def _residual_table(fit: Fit, panel: DyadPanel, unit: Unit) -> pd.DataFrame:
    covariance = np.atleast_2d(fit.residual_process()["covariance"])
    if unit == "person":
        return _labelled(covariance[:1, :1], ("residual",))
    roles = panel.roles
    return _labelled(covariance, tuple(str(role) for role in roles) if len(roles) == 2 else ("1", "2"))


def _fixed_table(fit: Fit, estimation: Estimation, panel: DyadPanel, units: Units) -> pd.DataFrame:
    import pandas as pd

    from reldyn.mixed import infer

    wald = infer(
        fit, estimation.resolved_inference, n_boot=estimation.n_boot, seed=estimation.seed, n_jobs=estimation.n_jobs
    )
    rows = wald.contrasts()
    per_role = len(fit.beta) == 2 * len(_NAMES)
    effect = np.repeat(_NAMES, 2 if per_role else 1)
    role = list(panel.roles) * len(_NAMES) if per_role else [""] * len(_NAMES)
    # One deviation per effect, or one per effect and member; exchangeable members share theirs.
    step = len(units.structure.labels) // len(fit.beta)
    sd = np.sqrt(np.maximum(np.diag(fit.G)[::step], 0.0))
    return pd.DataFrame(
        {
            "term": [f"{name}, {who}" if who != "" else str(name) for name, who in zip(effect, role, strict=True)],
            "effect": effect,
            "role": role,
            "estimate": rows.estimate,
            "std_error": rows.std_error,
            "statistic": rows.statistic,
            "df": rows.df,
            "p_value": rows.p_value,
            "conf_low": rows.conf_low,
            "conf_high": rows.conf_high,
            "sd": sd,
        }
    )


def _person_table(
    panel: DyadPanel, fit: Fit, units: Units, unit: Unit, series: SuccessiveValues, reasons: list[str]
) -> pd.DataFrame:
    """Fixed effect plus predicted deviation of each person; NaN for those left out."""
    import pandas as pd

    from reldyn.mixed import random_effects

    effects = random_effects(fit)
    spread = np.sqrt(np.maximum(np.diagonal(effects.covariance, axis1=1, axis2=2), 0.0))
    n = series.n_persons
    value, error = np.full((n, 2), np.nan), np.full((n, 2), np.nan)
    if unit == "person":
        value[units.codes] = fit.beta + effects.value
        error[units.codes] = spread
    else:
        index = panel.index
        place = np.full(index.n_dyads, -1)
        place[units.codes] = np.arange(len(units.codes))
        first = np.unique(index.person, return_index=True)[1]
        at, member = place[index.dyad[first]], index.member[first]
        beta = fit.beta if len(fit.beta) == 4 else np.repeat(fit.beta, 2)
        for j in range(2):
            column = 2 * j + member
            value[:, j] = np.where(at >= 0, beta[column] + effects.value[at, column], np.nan)
            error[:, j] = np.where(at >= 0, spread[at, column], np.nan)
    left_out = np.array([bool(reason) for reason in reasons])
    value[left_out], error[left_out] = np.nan, np.nan
    reach = 1.959963984540054 * error
    return pd.DataFrame(
        {
            **person_columns(panel),
            "n_pairs": series.n_pairs,
            "level": value[:, 0],
            "inertia": value[:, 1],
            "conf_low": value[:, 1] - reach[:, 1],
            "conf_high": value[:, 1] + reach[:, 1],
            "note": reasons,
        }
    )
