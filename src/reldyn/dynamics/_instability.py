"""`instability`: successive differences as a multilevel model of their logarithm (Jahng, Wood and Trull, 2008)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from reldyn._format import counted
from reldyn._types import Column
from reldyn.dynamics._pairs import Pairs, check_pairs, pair_rule, successive_values
from reldyn.dynamics._persons import left_out_notes, person_columns
from reldyn.dynamics._units import person_units
from reldyn.errors import DesignError, check_option
from reldyn.panel import analysis
from reldyn.results import EstimateResult, InState, InTables

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.mixed import Fit
    from reldyn.panel import DyadPanel

Method = Literal["reml", "ml"]

__all__ = ["InstabilityResult", "instability"]


class InstabilityResult(EstimateResult):
    """A multilevel model of log squared successive differences.

    Attributes
    ----------
    variable, pairs, method : str
    table : pandas.DataFrame
    person_table : pandas.DataFrame
    log_likelihood : float
    n_obs, n_persons, n_dyads : int
    converged : bool
    notes : tuple of str
    """

    variable = InState[str]()
    pairs = InState[str]()
    method = InState[str]()
    person_table = InTables()
    log_likelihood = InState[float]()
    n_obs = InState[int]()
    n_persons = InState[int]()
    n_dyads = InState[int]()
    converged = InState[bool]()

    def persons(self) -> pd.DataFrame:
        """Predicted mean log squared difference of each person, with 95 % prediction intervals and a note."""
        return self.person_table.copy()

    def _headline(self) -> str:
        return f"Multilevel instability of {self.variable}" + ("" if self.converged else " (NOT CONVERGED)")

    def _methods(self) -> str:
        return (
            f"log(squared successive difference + 1), pairs: {self.pairs}, with a random intercept per person; "
            f"{self.method.upper()}; {counted(self.n_obs, 'pair')} of {counted(self.n_persons, 'person')} (Jahng, Wood "
            "and Trull, 2008). The 1 keeps equal neighbours in, so the unit of the variable matters."
        )

    def _about(self) -> Mapping[str, Any]:
        names = ("n_dyads", "n_persons", "n_obs", "log_likelihood", "converged", "pairs", "method")
        return {name: getattr(self, name) for name in names}


@analysis
def instability(
    panel: DyadPanel, variable: Column, *, pairs: Pairs = "beep", method: Method = "reml"
) -> InstabilityResult:
    """Estimate how unstable a variable is on average, and how much persons differ in that.

    The logarithm makes squared differences nearly normal, and the model weighs persons by their numbers of pairs.
    What is modelled is ``log(d ** 2 + 1)``: the 1 keeps equal neighbours in, and makes every number depend on the unit
    of the variable. Dividing a 0 to 100 slider by 100 moves not only the intercept but the spread between persons, so
    compare instability between variables and studies only where their units are the same, and name the unit.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
        Numeric column.
    pairs : {"beep", "day", "naive"}, default "beep"
        As in `reldyn.affect_dynamics`.
    method : {"reml", "ml"}, default "reml"

    Returns
    -------
    InstabilityResult
        ``tidy()``: rows ``intercept`` (with ``std_error``, ``conf_low``, ``conf_high``), ``sd_person`` and
        ``sd_residual``. ``persons()``: each person's predicted value.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        An option is not known, or there are fewer than three persons with pairs.

    References
    ----------
    Jahng, Wood and Trull (2008), Psychological Methods 13, 354-375.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=10, n_occasions=40, seed=2).panel
    >>> rd.dynamics.instability(panel, "warmth").tidy()["term"].tolist()
    ['intercept', 'sd_person', 'sd_residual']
    """
    from reldyn.mixed import fit_mixed

    check_pairs(panel, pairs)
    check_option(method, get_args(Method), "method")
    persons = panel.series(variable).by_person(by_code=True)
    series = successive_values(persons, persons.values, pair_rule(persons, pairs))
    person = series.owner
    n_units = len(np.unique(person))
    if n_units < 3 or len(person) <= n_units:
        raise DesignError(
            f"{variable!r}: {counted(len(person), 'pair')} of {n_units} persons; at least three need two pairs or more."
        )
    y = np.log1p((series.after - series.before) ** 2)
    if np.ptp(y) == 0:
        raise DesignError(f"{variable!r} changes by the same amount at every pair: there is nothing to model.")
    ones = np.ones((len(y), 1))
    units = person_units(y, ones, ones, person, ("intercept",))
    fit = fit_mixed(units.problem, units.structure, units.residual, method)
    return InstabilityResult.of(
        variable=str(variable),
        pairs=pairs,
        method=method,
        table=_table(fit, method),
        person_table=_persons(panel, fit, units.codes),
        log_likelihood=fit.log_likelihood,
        n_obs=len(y),
        n_persons=n_units,
        n_dyads=len(np.unique(panel.index.dyad[persons.row[series.place[series.earlier]]])),
        converged=fit.converged,
        notes=(*left_out_notes(n_units, panel.n_persons), *fit.warnings),
    )


def _table(fit: Fit, method: Method) -> pd.DataFrame:
    import pandas as pd

    from reldyn.mixed import infer

    fixed = infer(fit, "kenward-roger" if method == "reml" else "z").contrasts()
    first: dict[str, Any] = {"term": "intercept", "estimate": fixed.estimate[0], "std_error": fixed.std_error[0]}
    first |= {"df": fixed.df[0], "conf_low": fixed.conf_low[0], "conf_high": fixed.conf_high[0]}
    spreads = {"sd_person": float(np.sqrt(fit.G[0, 0])), "sd_residual": float(np.sqrt(fit.psi[0][0]))}
    return pd.DataFrame([first, *({"term": name, "estimate": value} for name, value in spreads.items())])


def _persons(panel: DyadPanel, fit: Fit, codes: np.typing.NDArray[np.int64]) -> pd.DataFrame:
    import pandas as pd

    from reldyn.mixed import random_effects

    effects = random_effects(fit)
    low, high = effects.interval()
    table = pd.DataFrame(person_columns(panel))
    parts = {"estimate": effects.value, "conf_low": low, "conf_high": high}
    for name, part in parts.items():
        column = np.full(len(table), np.nan)
        column[codes] = fit.beta[0] + part[:, 0]
        table[name] = column
    table["note"] = np.where(table["estimate"].isna(), "no pair of neighbouring observations", "")
    return table
