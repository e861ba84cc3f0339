"""What `asymmetry` returns: who follows whom, and whether a noisier partner could look the same."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from reldyn._format import agreeing, counted
from reldyn.results import InState, InTables, Result

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.results import Section

__all__ = ["AsymmetryResult"]


class AsymmetryResult(Result):
    """The two cross effects of each dyad and their difference.

    Attributes
    ----------
    variable : str
    first, second : str
        The members whose difference it is: ``first`` leads where it is positive.
    time_of_day : bool
        Whether time of day and weekend were taken out.
    step_name : str
        What one step of a lag is called: ``day`` in a diary of one entry a day, else ``occasion``.
    estimates : pandas.DataFrame
        As `tidy` gives it.
    checks : pandas.DataFrame
        One row per dyad, where the check was asked for: ``dyad``, ``observed`` and ``p_observed`` (the difference and
        its p-value without measurement error), ``latent``, ``latent_low``, ``latent_high`` (with
        it; 95 % limits from the standard error), ``p_latent`` (with it, by the likelihood ratio; where an estimated
        reliability is low the likelihood is lopsided, and the limits can include zero although ``p_latent`` is small),
        ``reliability_first``, ``reliability_second`` (estimated), ``error_gain`` (by which minus twice the
        log-likelihood falls when error is allowed), ``vanishes_at`` and ``vanishes_if`` (the highest reliability of
        that member, the other measured without error, at which the observed difference would be none; NaN: none down
        to .30), ``verdict`` (by ``p_latent``, where the observed difference is significant: ``holds``, ``undecided``,
        ``vanishes``).
    dyads : pandas.DataFrame
        One row per dyad: ``dyad``, ``n_obs``, ``log_likelihood``, ``converged``, ``note``.
    notes : tuple of str
    """

    figure = "asymmetry"
    person_columns: ClassVar[tuple[str, ...]] = ("source", "target", "vanishes_if")
    id_fields: ClassVar[dict[str, str]] = {"first": "member", "second": "member"}

    variable = InState[str]()
    first = InState[str]()
    second = InState[str]()
    time_of_day = InState[bool]()
    step_name = InState[str]("occasion")
    estimates = InTables()
    checks = InTables()
    dyads = InTables()

    def tidy(self) -> pd.DataFrame:
        """One row per dyad and effect, then the sample.

        Returns
        -------
        pandas.DataFrame
            ``term``, ``dyad``, ``effect`` (``inertia``, ``influence``, ``difference``, ``standardised difference``,
            ``dominance``, ``change``), ``model`` (``observed``, ``latent``, ``corrected``), ``source``, ``target``,
            ``estimate``, ``std_error``, ``statistic``, ``df``, ``p_value``, ``conf_low``, ``conf_high``, ``n_obs``,
            ``note``. In rows of the difference and what is made of it, ``source`` is the member who leads where it is
            positive.
        """
        return self.estimates.copy()

    def glance(self) -> pd.DataFrame:
        """One row: dyads with an estimate, values used, log-likelihood over dyads, convergence."""
        import pandas as pd

        used = self.dyads[np.isfinite(self.dyads["log_likelihood"].to_numpy(dtype=float))]
        return pd.DataFrame(
            {
                "n_dyads": [len(used)],
                "n_persons": [2 * len(used)],
                "n_obs": [int(used["n_obs"].sum())],
                "log_likelihood": [float(used["log_likelihood"].sum()) if len(used) else math.nan],
                "n_converged": [int(used["converged"].sum())],
                "converged": [bool(len(used)) and bool(used["converged"].all())],
            }
        )

    def _headline(self) -> str:
        n = int(self.glance()["n_dyads"].iloc[0])
        return f"Asymmetry of {self.variable} in {counted(n, 'dyad')}"

    def _methods(self) -> str:
        out = "time of day, weekend and a straight drift" if self.time_of_day else "a straight drift"
        return (
            f"First-order vector autoregressions by exact likelihood, {out} taken out of each member's level. "
            f"Differences are {self.first} to {self.second} minus {self.second} to {self.first}."
        )

    def _sections(self) -> Iterable[Section]:
        rows = self.estimates[self.estimates["dyad"] == "sample"]
        if not len(rows):
            rows = self.estimates[~self.estimates["effect"].isin(["inertia", "influence"])].head(5)
        names = ["term", "estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "n_obs"]
        yield rows.loc[np.isfinite(rows["estimate"].to_numpy(dtype=float)), names]
        if len(self.checks):
            counts = self.checks["verdict"].value_counts()
            holds, open_, gone = (int(counts.get(name, 0)) for name in ("holds", "undecided", "vanishes"))
            checked = int(counts.drop("", errors="ignore").sum())
            if checked:
                yield (
                    f"Of {counted(checked, 'difference')} with p < .05, {holds} {agreeing(holds, 'holds', 'hold')} "
                    f"when each member may be measured with error of unknown size, {open_} "
                    f"{agreeing(open_, 'stays', 'stay')} undecided, {gone} {agreeing(gone, 'vanishes', 'vanish')}."
                )
            else:
                yield "No difference has p < .05, so none was judged by what measurement error could make of it."
        yield "A difference says which series runs ahead of the other; it does not say why."
