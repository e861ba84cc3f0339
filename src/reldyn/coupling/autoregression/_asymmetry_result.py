"""What `asymmetry` returns: who follows whom, and whether a noisier partner could look the same."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn.results import Result, format_p

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AsymmetryResult"]


@dataclasses.dataclass(frozen=True, eq=False)
class AsymmetryResult(Result):
    """The two cross effects of each dyad and their difference.

    Attributes
    ----------
    variable : str
    first, second : str
        The members whose difference it is: ``first`` leads where it is positive.
    time_of_day : bool
        Whether time of day and weekend were taken out.
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
    warnings : tuple of str
    """

    figure = "asymmetry"
    person_columns: ClassVar[tuple[str, ...]] = ("source", "target", "vanishes_if")
    id_fields: ClassVar[dict[str, str]] = {"first": "member", "second": "member"}

    variable: str
    first: str
    second: str
    time_of_day: bool
    estimates: pd.DataFrame
    checks: pd.DataFrame
    dyads: pd.DataFrame
    warnings: tuple[str, ...]

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

    def summary(self) -> str:
        """Text that reads like a methods section."""
        out = "time of day, weekend and a straight drift" if self.time_of_day else "a straight drift"
        n = int(self.glance()["n_dyads"].iloc[0])
        lines = [
            f"Asymmetry of {self.variable} in {n} {'dyad' if n == 1 else 'dyads'}: first-order vector autoregressions "
            f"by exact likelihood, {out} taken out of each member's level. Differences are {self.first} to "
            f"{self.second} minus {self.second} to {self.first}."
        ]
        rows = self.estimates[self.estimates["dyad"] == "sample"]
        if not len(rows):
            rows = self.estimates[~self.estimates["effect"].isin(["inertia", "influence"])].head(5)
        lines += [_in_words(row) for row in rows.to_dict("records") if math.isfinite(row["estimate"])]
        if len(self.checks):
            counts = self.checks["verdict"].value_counts()
            seen = int(counts.drop("", errors="ignore").sum())
            lines.append(
                f"Of {seen} differences with p < .05, {counts.get('holds', 0)} hold when each member may be measured "
                f"with error of unknown size, {counts.get('undecided', 0)} stay undecided, "
                f"{counts.get('vanishes', 0)} vanish."
            )
        lines.append("A difference says which series runs ahead of the other; it does not say why.")
        return "\n".join([*lines, *(f"Note: {note}" for note in self.warnings)])


def _in_words(row: Mapping[Any, Any]) -> str:
    p_value = float(row["p_value"])
    limits = f" [{row['conf_low']:.3f}, {row['conf_high']:.3f}]" if math.isfinite(row["conf_low"]) else ""
    text = f"{row['term']}: {row['estimate']:.3f}{limits}"
    if math.isnan(p_value):
        return text + "."
    shown = format_p(p_value)
    return f"{text}, p {shown if shown.startswith('<') else '= ' + shown}."
