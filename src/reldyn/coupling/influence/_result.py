"""What fitted influence functions hand back."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, ClassVar

from reldyn._format import counted
from reldyn.coupling._checks import averaging_text
from reldyn.coupling.influence._fit import Equation
from reldyn.results import InState, InTables, Result

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.results import Section

__all__ = ["InfluenceResult"]


class InfluenceResult(Result):
    """Influence functions of all dyads.

    Attributes
    ----------
    estimates : pandas.DataFrame
        What `tidy` returns.
    averages : pandas.DataFrame
        One row per receiver (empty where roles do not tell partners apart) and parameter but thresholds, over dyads:
        ``term``, ``receiver``, ``sender``, ``parameter``, ``estimate``, ``std_error``, ``statistic``, ``df``,
        ``p_value``, ``conf_low``, ``conf_high``, ``between_sd`` (of the dyads' true values), ``n_dyads``, ``note``.
    tests : pandas.DataFrame
        One row per dyad and receiver: ``dyad``, ``receiver``, ``sender``, ``n_turns``, ``r_squared``, ``uninfluenced``
        (the level the receiver has without the partner, on the scale of the scores), ``statistic`` (likelihood ratio
        against no influence), ``p_value`` (bootstrap), ``p_adjusted`` (Benjamini-Hochberg over all rows), ``note``.
    fixed_points : pandas.DataFrame
        One row per dyad and fixed point: ``dyad``, ``first``, ``second`` (scores), ``eigenvalue_1``, ``eigenvalue_2``
        (moduli), ``rotates`` (complex eigenvalues), ``stable``, ``basin`` (share of starts within the observed range
        that end there).
    influence : pandas.DataFrame
        One row per dyad, receiver and score of the partner: ``partner_score`` (mean of its bin), ``residual`` (mean of
        what the receiver's own course leaves), ``std_error``, ``n_turns``, ``fitted``.
    turns : pandas.DataFrame
        One row per dyad and turn with both scores: ``dyad``, ``run``, ``first``, ``second``.
    equations : mapping
        ``(first, second)`` of `Equation` by dyad, neutral at 0; dyads without a fit are absent.
    zeros : mapping
        The neutral scores of first and second by dyad.
    variable : str
    members : mapping
        Names of the first and the second speaker by dyad.
    form, timing, estimation, average_by : str
    repair, damping : bool
    n_boot, seed : int
    notes : tuple of str
    """

    estimates = InTables()
    averages = InTables()
    tests = InTables()
    fixed_points = InTables()
    influence = InTables()
    turns = InTables()
    equations = InState[dict[Hashable, tuple[Equation, Equation]]]()
    zeros = InState[dict[Hashable, tuple[float, float]]]()
    variable = InState[str]()
    members = InState[dict[Hashable, tuple[Hashable, Hashable]]]()
    form = InState[str]()
    timing = InState[str]()
    estimation = InState[str]()
    average_by = InState[str]()
    repair = InState[bool]()
    damping = InState[bool]()
    n_boot = InState[int]()
    seed = InState[int]()
    figure: ClassVar[str | None] = "influence_functions"
    rows_shown: ClassVar[int | None] = 20
    # A bin of the partner's scores may hold a single turn.
    row_fields: ClassVar[tuple[str, ...]] = ("turns", "influence")
    id_fields: ClassVar[dict[str, str]] = {"equations": "by dyad", "zeros": "by dyad", "members": "members by dyad"}

    def tidy(self) -> pd.DataFrame:
        """One row per dyad, receiver and parameter.

        ``term``, ``dyad``, ``receiver``, ``sender``, ``parameter``, ``estimate``, ``std_error``, ``statistic``, ``df``,
        ``p_value``, ``conf_low``, ``conf_high``, ``note``. Thresholds have no standard error; those of the other
        parameters take them as known.
        """
        return self.estimates.copy()

    def glance(self) -> pd.DataFrame:
        """One row: dyads, dyads with a fit, turns, and directions with influence at p_adjusted <= .05."""
        import pandas as pd

        row = {
            "n_dyads": len(self.members),
            "n_dyads_used": len(self.equations),
            "n_obs": int(self.tests["n_turns"].sum()) // 2,
            "n_influences": int((self.tests["p_adjusted"] <= 0.05).sum()),
            "n_tests": int(self.tests["p_value"].notna().sum()),
            "form": self.form,
            "timing": self.timing,
            "n_boot": self.n_boot,
        }
        return pd.DataFrame([row])

    def _headline(self) -> str:
        counts = self.glance().iloc[0]
        dyads = f"{counts['n_dyads_used']} of {counted(counts['n_dyads'], 'dyad')}"
        return f"Influence functions of {self.variable}: {self.form}, {dyads}"

    def _methods(self) -> str:
        counts = self.glance().iloc[0]
        when = (
            "the second partner reacts to the first one's new score"
            if self.timing == "sequential"
            else "both react to the other's last score"
        )
        steps = (
            "all parameters at once by least squares"
            if self.estimation == "joint"
            else "uninfluenced parameters on turns with a neutral partner, then the influence on what they leave"
        )
        extra = [word for word, used in (("repair", self.repair), ("damping", self.damping)) if used]
        tests = (
            f"Likelihood-ratio tests against no influence with {self.n_boot} bootstrap samples without it: "
            f"{counts['n_influences']} of {counts['n_tests']} tested directions show influence at an adjusted p of .05."
            if counts["n_tests"]
            else "Influence was not tested: n_boot=0."
            if not self.n_boot
            else "No direction could be tested against no influence."
        )
        return (
            f"Next score on the own last score and a function of the partner's; {when} (Gottman, Murray, Swanson, "
            f"Tyson and Swanson, 2002){' with ' + ' and '.join(extra) if extra else ''}; {steps}. {tests}"
        )

    def _sections(self) -> Iterable[Section]:
        shown = self.averages.dropna(subset=["p_value"])
        if len(shown):
            names = ["term", "estimate", "std_error", "p_value", "conf_low", "conf_high", "between_sd", "n_dyads"]
            yield f"Averages over dyads: {averaging_text(self.average_by)}", shown[names]  # type: ignore[arg-type]
        names = ["dyad", "receiver", "n_turns", "uninfluenced", "r_squared", "statistic", "p_value", "p_adjusted"]
        yield "Tests of each dyad and receiver (all of them: tests)", self.tests[names]
