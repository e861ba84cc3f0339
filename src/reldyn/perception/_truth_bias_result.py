"""`TruthBiasResult`: directional bias, truth force and bias force, for the sample and per perceiver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from reldyn._format import counted
from reldyn.actor_partner import MixedResult
from reldyn.results import InState, InTables, Result, register

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.results import Section

__all__ = ["TruthBiasResult", "TruthBiasSetting"]

WIDTH = 100
# Smallest eigenvalue of the correlation matrix of the varying effects that counts as one.
_SINGULAR = 1e-7
# Column of the fit -> effect and whether it is a change over time.
_EFFECTS = {
    "": ("directional bias", False),
    "truth force": ("truth force", False),
    "bias force": ("bias force", False),
    "drift": ("directional bias", True),
    "truth force over time": ("truth force", True),
    "bias force over time": ("bias force", True),
}
_ZEROS = {
    "truth": "the mean of {truth} over all rows",
    "role_truth": "the mean of {truth} over the rows of the perceiver's role",
    "person_truth": "the mean of {truth} over the perceiver's own rows",
}


@register
@dataclass(frozen=True)
class TruthBiasSetting:
    """What was asked for; an empty text where nothing was named.

    Attributes
    ----------
    judgment, truth, bias, center, bias_center, over_time : str
    time_range : tuple of float
        Lowest, mean and highest value of ``over_time`` on the rows used; empty without one.
    """

    judgment: str
    truth: str
    bias: str
    center: str
    bias_center: str
    over_time: str
    time_range: tuple[float, ...] = ()


class TruthBiasResult(Result):
    """A fitted truth and bias model.

    Attributes
    ----------
    setting : TruthBiasSetting
        What was asked for.
    fit : MixedResult
        The model underneath, with its contrasts, predictions and covariance matrices.
    identifiers : pandas.DataFrame
        One row per perceiver: ``dyad``, ``person``, ``role``, ``member``, ``composition``, ``n_obs``.
    notes : tuple of str
        What a careful reader must know.
    """

    setting = InState[TruthBiasSetting]()
    fit = InState[MixedResult]()
    identifiers = InTables()

    figure: ClassVar[str | None] = "truth_and_bias"

    @classmethod
    def _from_fields(cls, fields: Mapping[str, Any]) -> Self:
        # Files of schemas 1 and 2 call the table by another name.
        return super()._from_fields({**fields, "identifiers": fields["who"]} if "who" in fields else fields)

    def tidy(self) -> pd.DataFrame:
        """One row per effect.

        Returns
        -------
        pandas.DataFrame
            ``term``, ``effect`` (``directional bias``, ``truth force``, ``bias force``), ``moderator`` (the column of
            time on rows that are a change per unit of it, else empty), ``role`` of the perceiver (empty when common),
            ``composition`` in mixed samples, ``estimate``, ``std_error``, ``statistic``, ``df``, ``p_value``,
            ``conf_low``, ``conf_high``.
        """
        table = self.fit.tidy()
        named = [_EFFECTS[str(variable)] for variable in table["variable"]]
        table["effect"] = [effect for effect, _ in named]
        table["moderator"] = [self.setting.over_time if changes else "" for _, changes in named]
        table["term"] = [_renamed(str(term), self.setting.over_time) for term in table["term"]]
        return table.drop(columns=["variable", "level"])

    def glance(self) -> pd.DataFrame:
        """One row: that of `MixedResult.glance` with ``n_perceivers``, ``center`` and ``bias_center``."""
        table = self.fit.glance()
        table.insert(2, "n_perceivers", len(self.identifiers))
        table["at_boundary"] = table["at_boundary"] | bool(singular_note(self.fit))
        return table.assign(center=self.setting.center, bias_center=self.setting.bias_center)

    def perceivers(self) -> pd.DataFrame:
        """Each perceiver's own directional bias and forces, drawn towards the mean as far as the data are few.

        Returns
        -------
        pandas.DataFrame
            ``dyad``, ``person``, ``role``, ``n_obs``, then ``directional_bias``, ``truth_force`` and, with a variable
            of bias, ``bias_force``: best linear unbiased predictions, the mean itself where nothing varies. They
            describe these rows; ranking persons by them is not what they can bear.
        """
        from reldyn.perception._perceivers import perceiver_table

        return perceiver_table(self)

    def course(self, n_points: int = 41) -> pd.DataFrame:
        """Directional bias and forces over the time they were let change with.

        Parameters
        ----------
        n_points : int, default 41
            Points from the first to the last time: enough for a smooth band.

        Returns
        -------
        pandas.DataFrame
            ``effect``, ``role``, the column of time, ``estimate``, ``std_error``, ``conf_low``, ``conf_high`` (95 % at
            each point).

        Raises
        ------
        DesignError
            The model has no ``over_time``.
        """
        from reldyn.perception._course import course_table

        return course_table(self, n_points)

    def _headline(self) -> str:
        return f"Truth and bias in {self.setting.judgment}"

    def _sections(self) -> Iterable[Section]:
        table = self.tidy()
        implied = [name for name in ("effect", "moderator", "role", "composition") if name in table]
        yield "Effects", table.drop(columns=implied)
        yield "How far effects differ (standard deviations)", _spread(self.fit)

    def _methods(self) -> str:
        asked, design = self.setting, self.fit.design
        zero = _ZEROS[asked.center].format(truth=asked.truth)
        sentences = [
            f"{counted(len(design.y), 'judgment')} by {counted(len(self.identifiers), 'perceiver')} of "
            f"{counted(design.n_dyads, 'dyad')} were "
            f"regressed on {asked.truth}" + (f" and {asked.bias}." if asked.bias else "."),
            f"The zero of judgment and truth is {zero}"
            + (
                "."
                if not asked.bias
                else (
                    f", and so is that of {asked.bias}."
                    if asked.bias_center == "truth"
                    else f", that of {asked.bias} its own mean."
                )
            ),
            "Directional bias is the mean over- (+) or underestimation (-), truth force the slope of the truth"
            + (f", bias force the slope of {asked.bias}." if asked.bias else "."),
        ]
        if asked.over_time:
            sentences.append(f"Each may change with {asked.over_time}, whose mean was taken off.")
        if not self.fit.converged:
            sentences.insert(0, "THE FIT DID NOT CONVERGE: the numbers below are not estimates to be reported.")
        sentences.append(
            f"Estimation: {self.fit.estimates.method.upper()}, {self.fit.estimates.inference} (West and Kenny, 2011)."
        )
        sentences.append(
            f"'Truth' is the model's name for {asked.truth}. Where two reports differ, the model says by how much, not "
            "which of them is right; a discrepancy is not a deception."
        )
        return " ".join(sentences)


def singular_note(fit: MixedResult) -> str:
    """Say that effects which were let vary do not, where the fit itself has not said so.

    Parameters
    ----------
    fit : MixedResult

    Returns
    -------
    str
        Empty where every direction varies.
    """
    matrix = np.nan_to_num(fit.covariance("random").to_numpy())
    if not len(matrix) or fit.estimates.at_boundary:
        return ""
    sd = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    scale = np.outer(sd, sd)
    correlation = np.divide(matrix, scale, out=np.zeros_like(matrix), where=scale > 0)
    if float(np.linalg.eigvalsh(correlation).min()) > _SINGULAR:
        return ""
    return (
        "The covariance matrix of the varying effects is singular: some effect, or the difference of the two members "
        "in it, has no variance of its own."
    )


def _renamed(term: str, over_time: str) -> str:
    term = term.replace("intercept", "directional bias", 1) if term.startswith("intercept") else term
    if term.startswith("drift"):
        return term.replace("drift", f"directional bias x {over_time}", 1)
    return term.replace(" over time", f" x {over_time}", 1)


def _spread(fit: MixedResult) -> pd.DataFrame:
    """Standard deviation of every effect that varies."""
    import pandas as pd

    matrix = fit.covariance("random")
    labels = [_renamed(str(label), "") for label in matrix.index]
    return pd.DataFrame({"term": labels, "sd": np.sqrt(np.maximum(np.diag(matrix.to_numpy()), 0.0))})
