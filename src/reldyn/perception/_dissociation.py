"""`dissociation`: do those who judge the partner's affect closely also catch it?

Cognitive empathy (tracking the partner's affect, assumed similarity held constant) beside affective empathy (own
affect following the partner's), both as partial correlations within a perceiver, so that they are on one scale.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Column, Ints
from reldyn.errors import DesignError, check_count, check_option
from reldyn.panel import analysis
from reldyn.perception._contagion import FEWEST_PAIRS, TIMINGS, Timing, contagion_slopes
from reldyn.perception._people import perceivers_of
from reldyn.perception._slopes_of_one import DyadSlope, fisher_z, slope_of, spread_of
from reldyn.results import InState, InTables, Result
from reldyn.stats import bootstrap_p, dyad_bootstrap, known_seed

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["DissociationResult", "dissociation"]

_FEWEST_DYADS = 5
_TERMS = ("accuracy", "contagion", "difference", "correlation", "correlation without error")
_WORDS = {"next": "at the occasion before", "same": "at the same occasion"}


class DissociationResult(Result):
    """Cognitive and affective empathy of the same perceivers.

    Attributes
    ----------
    table : pandas.DataFrame
        The estimates.
    people : pandas.DataFrame
        One row per perceiver.
    judgment, affect, timing : str
    n_boot : int
    seed : int
        What brings back the same intervals.
    notes : tuple of str
    """

    table = InTables()
    people = InTables()
    judgment = InState[str]()
    affect = InState[str]()
    timing = InState[str]()
    n_boot = InState[int]()
    seed = InState[int]()

    figure: ClassVar[str | None] = "dissociation"

    def tidy(self) -> pd.DataFrame:
        """One row per estimate.

        Returns
        -------
        pandas.DataFrame
            ``term``: ``accuracy`` and ``contagion`` (mean Fisher z of partial correlations), ``difference`` (accuracy
            minus contagion), ``correlation`` (over perceivers) and ``correlation without error`` (with the sampling
            variance of the z taken off). Then ``estimate``, ``std_error``, ``conf_low``, ``conf_high`` (whole-dyad
            bootstrap), ``p_value``, ``n_perceivers``, ``note``.
        """
        return self.table.copy()

    def perceivers(self) -> pd.DataFrame:
        """One row per perceiver.

        Returns
        -------
        pandas.DataFrame
            ``dyad``, ``person``, ``role``, ``accuracy``, ``contagion`` (Fisher z of partial correlations),
            ``difference``, ``n_judgments``, ``n_pairs``, ``note``.
        """
        return self.people.copy()

    def glance(self) -> pd.DataFrame:
        """One row: ``n_dyads``, ``n_perceivers``, ``n_obs`` (judgments), ``timing``, ``n_boot``, ``seed``."""
        import pandas as pd

        kept = self.people[self.people["difference"].notna()]
        row = {
            "n_dyads": kept["dyad"].nunique(),
            "n_perceivers": len(kept),
            "n_obs": int(kept["n_judgments"].sum()),
            "timing": self.timing,
            "n_boot": self.n_boot,
            "seed": self.seed,
        }
        return pd.DataFrame([row])

    def _headline(self) -> str:
        return f"Cognitive and affective empathy in {self.affect}"

    def _methods(self) -> str:
        about = self.glance().iloc[0]
        return (
            f"For each of {about['n_perceivers']} perceivers of {counted(about['n_dyads'], 'dyad')}, accuracy is the "
            f"partial correlation over time of {self.judgment} with the partner's {self.affect}, the own {self.affect} "
            f"held constant, and contagion that of the own {self.affect} with the partner's {_WORDS[self.timing]}, the "
            f"own previous {self.affect} held constant; both as Fisher's z. Intervals are percentiles of {self.n_boot} "
            "samples of whole dyads. Both are properties of series of answers: what two persons have in common can "
            "also come from what happened to both."
        )


@analysis
def dissociation(
    panel: DyadPanel,
    *,
    judgment: Column,
    affect: Column,
    timing: Timing = "next",
    n_boot: int = 999,
    seed: Any = None,
    n_jobs: int = 1,
) -> DissociationResult:
    """Compare cognitive empathy (accuracy) with affective empathy (contagion) over perceivers.

    Parameters
    ----------
    panel : DyadPanel
        Two or more occasions.
    judgment : str
        Column with the perceiver's judgment of the partner's affect.
    affect : str
        Column with each person's own affect; the partner's is taken from the partner's row.
    timing : {"next", "same"}, default "next"
        As in `contagion`.
    n_boot : int, default 999
        Samples of whole dyads.
    seed : int, SeedSequence or Generator, optional
        None draws one, which the result keeps.
    n_jobs : int, default 1
        Worker processes; the numbers do not depend on it.

    Returns
    -------
    DissociationResult
        The plain correlation over perceivers is too near zero, because each z is itself estimated from few
        occasions; the one without error takes the mean sampling variance, ``1 / (n - 4)``, off both variances. It is
        missing where nothing is left of one of them, and can lie beyond 1 in small samples.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        An option is not known, or fewer than five dyads {agreeing(len(members), 'has', 'have')} a perceiver with both.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=30, n_occasions=40, seed=1).panel
    >>> found = rd.perception.dissociation(panel, judgment="perceived", affect="mood", n_boot=99, seed=1)
    >>> bool(found.tidy().set_index("term").loc["difference", "conf_low"] > 0)
    True
    """
    check_option(timing, TIMINGS, "timing")
    check_count(n_boot, "n_boot", 1)
    people, dyad = _people(panel, judgment, affect, timing)
    numbers = people[["accuracy", "contagion", "n_judgments", "n_pairs"]].to_numpy(dtype=float)
    kept = np.isfinite(numbers[:, :2]).all(axis=1)
    members = [np.flatnonzero(kept & (dyad == code)) for code in np.unique(dyad[kept])]
    if len(members) < _FEWEST_DYADS:
        raise DesignError(
            f"{counted(len(members), 'dyad')} {agreeing(len(members), 'has', 'have')} a perceiver with both accuracy "
            f"and contagion, below {_FEWEST_DYADS}: see the notes of empathic_accuracy and contagion for what is "
            "missing."
        )
    known = known_seed(seed)

    def again(drawn: Ints) -> Array:
        return _numbers(numbers[np.concatenate([members[place] for place in drawn])])

    found = dyad_bootstrap(again, len(members), n_boot=int(n_boot), seed=known, n_jobs=n_jobs)
    table = _table(_numbers(numbers[kept]), found.values, int(kept.sum()))
    warnings = []
    if not kept.all():
        gone = int((~kept).sum())
        lack = agreeing(gone, "lacks one of the two and is", "lack one of the two and are")
        warnings.append(f"{gone} of {counted(len(kept), 'perceiver')} {lack} left out.")
    return DissociationResult.of(
        table=table,
        people=people,
        judgment=judgment,
        affect=affect,
        timing=timing,
        n_boot=int(n_boot),
        seed=known,
        notes=tuple(warnings),
    )


def _people(panel: DyadPanel, judgment: str, affect: str, timing: Timing) -> tuple[pd.DataFrame, Ints]:
    import pandas as pd

    people = perceivers_of(panel, affect)
    caught = contagion_slopes(panel, people, affect, timing)
    judged = panel.values(judgment)
    other = panel.actor_partner([affect]).values(f"{affect}_partner")
    rows = []
    for one, catching in zip(people, caught, strict=True):
        seeing = slope_of(judged[one.row], other[one.row], one.values, fewest=FEWEST_PAIRS)
        accuracy, first = _z(seeing)
        contagion, second = _z(catching)
        notes = [f"{name}: {note}" for name, note in (("accuracy", first), ("contagion", second)) if note]
        rows.append(
            one.identity
            | {
                "accuracy": accuracy,
                "contagion": contagion,
                "difference": accuracy - contagion,
                "n_judgments": seeing.n,
                "n_pairs": catching.n,
                "note": "; ".join(notes),
            }
        )
    return pd.DataFrame(rows), np.array([one.code for one in people])


def _z(slope: DyadSlope) -> tuple[float, str]:
    if not math.isfinite(slope.r):
        return math.nan, slope.note
    z, held = fisher_z(slope.r)
    return z, "held at a correlation of .9999" if held else ""


def _numbers(rows: Array) -> Array:
    """The five estimates from (n, 4) columns: accuracy, contagion, and the rows that each rests on."""
    seeing, catching = rows[:, 0], rows[:, 1]
    means = float(seeing.mean()), float(catching.mean())
    centred = rows[:, :2] - rows[:, :2].mean(axis=0)
    covariance = float((centred[:, 0] * centred[:, 1]).sum()) / max(len(rows) - 1, 1)
    spread = centred.var(axis=0, ddof=1) if len(rows) > 1 else np.zeros(2)
    plain = covariance / math.sqrt(spread[0] * spread[1]) if spread.min() > 0 else math.nan
    # One variable is held constant in either partial correlation.
    real = [spread_of(rows[:, k], 1 / (rows[:, 2 + k] - 4)) for k in (0, 1)]
    corrected = covariance / math.sqrt(real[0] * real[1]) if min(real) > 0 else math.nan
    return np.array([*means, means[0] - means[1], plain, corrected])


def _table(estimates: Array, drawn: Array, n: int) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for place, term in enumerate(_TERMS):
        values = drawn[:, place][np.isfinite(drawn[:, place])]
        estimate, share = float(estimates[place]), len(values) / len(drawn)
        cells = dict.fromkeys(("std_error", "conf_low", "conf_high", "p_value"), math.nan)
        note = ""
        if not math.isfinite(estimate):
            note = "no variance between perceivers is left once that of sampling is taken off"
        elif share < 0.9:
            note = f"only {share:.0%} of the samples of dyads give a number: no interval"
        else:
            low, high = np.quantile(values, [0.025, 0.975], method="weibull")
            cells = {
                "std_error": float(values.std(ddof=1)) if len(values) > 1 else math.nan,
                "conf_low": float(low),
                "conf_high": float(high),
                "p_value": float(bootstrap_p(drawn[:, place])[0]),
            }
        rows.append({"term": term, "estimate": estimate, **cells, "n_perceivers": n, "note": note})
    return pd.DataFrame(rows)
