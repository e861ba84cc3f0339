"""What every test of synchrony returns: a table of dyads, the test of the sample, and the null model behind both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn._format import counted
from reldyn.coupling.synchrony._surrogates import Surrogates
from reldyn.results import InState, InTables, Result, equals_p, register

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.coupling.synchrony._synchrony import Case, DyadSynchrony, Pooled
    from reldyn.results import Section

__all__ = ["SynchronyResult", "assemble"]

register(Surrogates)
LAG_CONVENTION = "lag k pairs x[t + k] with y[t]: a peak at a negative lag says that x moved first"


class SynchronyResult(Result):
    """Synchrony of every dyad and of the sample, against surrogates.

    Attributes
    ----------
    variable : str
    statistic : str
        What ``estimate`` is, in words.
    dyads : pandas.DataFrame
        What `tidy` returns.
    sample : pandas.DataFrame
        What `glance` returns.
    surrogates : Surrogates or None
    seed : int
    step_name : str
        What one step of a lag is called: ``day`` in a diary of one entry a day, else ``occasion``.
    notes : tuple of str
    """

    variable = InState[str]()
    statistic = InState[str]()
    dyads = InTables()
    sample = InTables()
    surrogates = InState[Surrogates | None]()
    seed = InState[int]()
    step_name = InState[str]("occasion")

    rows_shown: ClassVar[int | None] = 12
    person_columns: ClassVar[tuple[str, ...]] = ("x", "y", "leads")

    def tidy(self) -> pd.DataFrame:
        """One row per dyad: ``dyad``, ``x`` and ``y`` (first and second member), ``estimate``, the surrogates' mean
        and SD, ``z``, ``p_value`` (one-sided), and why a value is missing in ``note``.
        """
        return self.dyads.copy()

    def glance(self) -> pd.DataFrame:
        """One row: the mean over dyads against the same mean of surrogates, ``n_dyads``, ``n_tested``, the share of
        dyads with p below .05 (by chance .05, or less where few surrogates are possible).
        """
        return self.sample.copy()

    def _headline(self) -> str:
        return f"Synchrony of {self.variable}: {self.statistic}"

    def _methods(self) -> str:
        return f"{self._finding()} {LAG_CONVENTION[0].upper()}{LAG_CONVENTION[1:]}."

    def _finding(self) -> str:
        """What was found in the sample, in a sentence or two."""
        row = self.sample.iloc[0]
        if not np.isfinite(row["estimate"]):
            return f"No dyad of {row['n_dyads']} could be described."
        mean = f"{row['estimate']:.3f}"
        if self.surrogates is None:
            return f"Mean over dyads {mean}; not tested, so no sign of synchrony by itself."
        if not np.isfinite(row["p_value"]):
            return (
                f"Mean over dyads {mean}; no surrogate ({self.surrogates.kind}) could be drawn, so it is not tested "
                "and no sign of synchrony by itself."
            )
        z = f"z = {row['z']:.2f}, " if np.isfinite(row["z"]) else "all surrogates are alike, "
        return (
            f"Mean over {row['n_tested']} of {counted(row['n_dyads'], 'dyad')} {mean}; surrogates "
            f"({self.surrogates.kind}) {row['surrogate_mean']:.3f}; {z}one-sided p {equals_p(float(row['p_value']))}. "
            f"Share of dyads with p < .05: {row['share_below_05']:.2f} (.05 is expected by chance)."
        )

    def _sections(self) -> Iterable[Section]:
        yield "The numbers describe series, not persons, and name no cause. Single dyads are in tidy()."


def assemble(
    rows: Sequence[dict[str, Any]],
    cases: Sequence[Case],
    answers: Sequence[DyadSynchrony],
    pooled: Pooled,
    surrogates: Surrogates | None,
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """Make the tables of dyads and sample, and the warnings.

    Parameters
    ----------
    rows : sequence of dict
        One per dyad; ``note`` is moved to the end.
    cases, answers, pooled, surrogates
        Of the test.

    Returns
    -------
    dyads, sample : pandas.DataFrame
    warnings : tuple of str

    Examples
    --------
    >>> callable(assemble)
    True
    """
    import pandas as pd

    dyads = pd.DataFrame(list(rows))
    dyads = dyads[[name for name in dyads if name != "note"] + ["note"]]
    tested = np.array([answer.test.p_value for answer in answers if np.isfinite(answer.test.p_value)])
    sample = pd.DataFrame(
        [
            {
                "term": "synchrony of the sample",
                "estimate": pooled.test.estimate,
                "surrogate_mean": pooled.test.mean,
                "surrogate_sd": pooled.test.sd,
                "z": pooled.test.z,
                "p_value": pooled.test.p_value,
                "n_dyads": len(cases),
                "n_tested": pooled.n_tested,
                "n_obs": int(sum(case.pair.n_both for case in cases)),
                "share_below_05": float((tested < 0.05).mean()) if len(tested) else np.nan,
                "converged": True,
            }
        ]
    )
    return dyads, sample, _warnings(answers, surrogates)


def _warnings(answers: Sequence[DyadSynchrony], surrogates: Surrogates | None) -> tuple[str, ...]:
    found = []
    undescribed = sum(not np.isfinite(answer.test.estimate) for answer in answers)
    if undescribed:
        found.append(f"{undescribed} of {counted(len(answers), 'dyad')} could not be described: see note")
    if surrogates is None:
        found.append("not tested against surrogates: two unrelated series with carry-over look synchronous, too")
        return tuple(found)
    floors = [1 / (1 + answer.n_nulls) for answer in answers if answer.n_nulls]
    if floors and min(floors) > 0.05:
        found.append(
            f"no dyad can reach p < .05 by itself: there are at most {max(a.n_nulls for a in answers)} different "
            "surrogates; the sample can"
        )
    return tuple(found)
