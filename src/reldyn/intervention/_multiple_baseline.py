"""Multiple baselines: the same change in several dyads whose starts are staggered, as one mixed model.

A whole dyad is the case, because both partners begin on the same day. Shadish, Kyse and Rindskopf (2013, Psychological
Methods 18, 385-405) describe such models.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Column, Flags, Ints
from reldyn.errors import ConvergenceWarning, DataWarning, DesignError, warn_caller
from reldyn.intervention._phases import PhaseSeries, phase_series, time_unit
from reldyn.intervention._result import PhaseResult, series_frame
from reldyn.intervention._start_cases import without_partner
from reldyn.panel import analysis
from reldyn.results import MaybeInTables

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.mixed import Contrasts, Fit
    from reldyn.panel import DyadPanel


__all__ = ["MultipleBaseline", "StaggeredRows", "fit_staggered", "multiple_baseline"]

_EFFECTS = ("baseline level", "baseline slope", "level change", "slope change")
_FEWEST_CASES, _FEW_CASES = 3, 8
_FEWEST_ANSWERS = 3


class MultipleBaseline(PhaseResult):
    """The change that dyads with staggered starts have in common, per partner.

    Attributes
    ----------
    table, series, outcome, unit, settings, warnings, labels
        As in every result of this room.
    models : pandas.DataFrame
        One row per analysis: ``role``, ``n_dyads``, ``n_obs``, ``phi``, ``sigma``, ``sd_level`` and ``sd_change`` (how
        much baseline levels and changes differ between dyads), ``correlation``, ``log_likelihood``, ``converged``,
        ``note``.
    """

    models = MaybeInTables()

    def _headline(self) -> str:
        return f"Multiple baselines of {self.outcome}: {self.labels[0]} to {self.labels[1]}"

    def _methods(self) -> str:
        return (
            f"{self.outcome} was regressed on time, a change of level and of slope at each dyad's own start of "
            f"{self.labels[1]}, with levels and changes that differ between dyads and errors that are a first-order "
            "autoregression, by restricted maximum likelihood with the inference of Kenward and Roger (1997), for each "
            "partner, for the mean of both and for their difference. Staggered starts separate the change from what "
            "happened to all dyads on one day; they do not separate it from what brought each dyad to its start, "
            "unless that was drawn at random."
        )

    def _shown(self) -> pd.DataFrame:
        return self.table[self.table["effect"].str.endswith("change")].drop(columns="term")


@analysis
def multiple_baseline(
    panel: DyadPanel, *, outcome: Column, phase: Column, phases: Sequence[Hashable] | None = None
) -> MultipleBaseline:
    """Estimate the change of level and slope that several dyads with staggered starts have in common.

    Parameters
    ----------
    panel : DyadPanel
        At least three dyads; fewer than eight leave the variance between dyads, and so the intervals, uncertain.
    outcome, phase : str
        Columns: the answers, and the label of the phase.
    phases : pair, optional
        The two labels to compare, the earlier first. None: the two that there are.

    Returns
    -------
    MultipleBaseline
        ``tidy()``: one row per role and effect: ``term``, ``role`` (each role, ``both`` for the mean of the partners,
        ``difference`` for the first role minus the second; without roles only ``both``; where nobody has a partner the
        client's own series, by role or else with an empty one), ``effect``, ``estimate``,
        ``std_error``, ``statistic``, ``df``, ``p_value``, ``conf_low``, ``conf_high``, ``note``. ``effect`` is
        ``baseline level`` (on the first day of the study), ``baseline slope``, ``level change``, ``slope change``.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        The column has not two phases, or the partners of a dyad start at different times.

    Notes
    -----
    The mean and the difference use occasions that both partners answered. Dyads with fewer than three answers in a
    phase are left out, and ``models`` says so. For a test that rests on the order of starts alone use
    `randomization_test`.

    References
    ----------
    Shadish, Kyse and Rindskopf (2013), Psychological Methods 18, 385-405.

    Examples
    --------
    >>> import reldyn as rd
    >>> study = rd.simulate.intervention(n_dyads=8, n_before=range(14, 30, 2), level=1.5, spread=0.6, seed=1)
    >>> fit = rd.intervention.multiple_baseline(study.panel, outcome="closeness", phase="phase")
    >>> fit.tidy()["role"].unique().tolist()
    ['a', 'b', 'both', 'difference']
    """
    series, labels = phase_series(panel, outcome, phase, phases)
    _check_shared_starts(series)
    rows: list[dict[str, Any]] = []
    models: list[dict[str, Any]] = []
    said: dict[str, list[str]] = {}
    analyses, n_single = _analyses(series, panel.roles)
    for role, cases in analyses.items():
        usable = [case for case in cases if not case.lacking(_FEWEST_ANSWERS, _FEWEST_ANSWERS)]
        lacking = [without_partner(n_single)] if n_single and role in ("both", "difference") else []
        told, model, remarks = _analysed(role, usable, len(cases), lacking)
        rows.extend(told)
        models.append(model)
        for remark in remarks:
            said.setdefault(remark, []).append(str(role))
    # What holds of several series is said once.
    notes = [": ".join(filter(None, [", ".join(filter(None, roles)), remark])) for remark, roles in said.items()]
    for note in notes:
        if "do not differ" not in note:
            warn_caller(note, ConvergenceWarning if "converge" in note else DataWarning)
    import pandas as pd

    return MultipleBaseline.of(
        table=pd.DataFrame(rows),
        series=series_frame(series, [np.full(len(one.time), np.nan) for one in series]),
        outcome=outcome,
        unit=time_unit(panel),
        settings={"method": "reml", "inference": "kenward-roger"},
        notes=(*notes, *panel.clock.notes),
        labels=(str(labels[0]), str(labels[1])),
        models=pd.DataFrame(models),
    )


def _check_shared_starts(series: list[PhaseSeries]) -> None:
    starts: dict[int, set[float]] = {}
    for one in series:
        if one.after.any():
            starts.setdefault(one.code, set()).add(one.start)
    for one in series:
        if len(starts.get(one.code, ())) > 1:
            raise DesignError(
                f"dyad {one.dyad!r}: its partners start at different times "
                f"({', '.join(f'{at:g}' for at in sorted(starts[one.code]))}), but the dyad is the case and has "
                "one start. Correct the phase column."
            )


def _analyses(series: list[PhaseSeries], roles: tuple[Hashable, ...]) -> tuple[dict[str, list[PhaseSeries]], int]:
    """Series per role, and the mean and difference of the two partners of each dyad; how many dyads have one member.

    Where nobody has a partner the series are the clients' own, by role if there is one.
    """
    apart = len(roles) == 2
    found: dict[str, list[PhaseSeries]] = {str(role): [] for role in roles} if apart else {}
    both: dict[int, list[PhaseSeries]] = {}
    for one in series:
        both.setdefault(one.code, []).append(one)
        if apart and str(one.role) in found:
            found[str(one.role)].append(one)
    pairs = [pair for pair in both.values() if len(pair) == 2]
    n_single = len(both) - len(pairs)
    if not pairs:
        own = {str(role): [one for one in series if one.role == role] for role in roles or ("",)}
        return {role: cases for role, cases in own.items() if cases}, n_single
    found["both"] = [combined(pair, 0.5, 0.5) for pair in pairs]
    if apart:
        ordered = [
            sorted(pair, key=lambda one: roles.index(one.role)) for pair in pairs if pair[0].role != pair[1].role
        ]
        found["difference"] = [combined(pair, 1.0, -1.0) for pair in ordered]
    return found, n_single


def combined(pair: Sequence[PhaseSeries], first: float, second: float) -> PhaseSeries:
    """One series of a weighted sum of both partners' answers at occasions that both have."""
    one, other = pair
    _, mine, theirs = np.intersect1d(one.step, other.step, return_indices=True)
    shared = replace(one.take(mine), person="", role="", member=0, after=one.after[mine])
    return replace(shared, values=first * one.values[mine] + second * other.values[theirs])


@dataclass(frozen=True)
class StaggeredRows:
    """Answers of several cases; n rows.

    Attributes
    ----------
    value, time : (n,) arrays
    after : (n,) bool array
    case, step : (n,) int arrays
        Cases coded from 0.
    """

    value: Array
    time: Array
    after: Flags
    case: Ints
    step: Ints


def fit_staggered(rows: StaggeredRows) -> tuple[Fit, Contrasts]:
    """Fit the mixed model of staggered starts.

    Parameters
    ----------
    rows : StaggeredRows

    Returns
    -------
    fit : Fit
        Fixed effects: level at time 0, slope, change of level at the start, change of slope; random level and change.
    contrasts : Contrasts
        Kenward-Roger inference of the four.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> time, case = np.tile(np.arange(20.0), 4), np.repeat(np.arange(4), 20)
    >>> after = time >= 6 + 2 * case
    >>> rows = StaggeredRows(rng.standard_normal(80) + 3 * after, time, after, case, time.astype(int))
    >>> fit, told = fit_staggered(rows)
    >>> bool(told.p_value[2] < 0.05), fit.G.shape
    (True, (2, 2))
    """
    from reldyn.mixed import Problem, Residual, fit_mixed, infer, random_structure

    stepped = rows.after.astype(float)
    starts = np.array([rows.time[rows.after & (rows.case == code)].min() for code in range(rows.case.max() + 1)])
    since = rows.time - starts[rows.case]
    X = np.column_stack([np.ones(len(since)), rows.time, stepped, stepped * since])
    Z = X[:, [0, 2]]
    problem = Problem(
        rows.value, X, Z, rows.case, member=np.zeros(len(since), dtype=np.int64), step=rows.step, x_labels=_EFFECTS
    )
    fit = fit_mixed(problem, random_structure(("level", "change")), Residual("ar1"), warn=False)
    return fit, infer(fit, "kenward-roger").contrasts()


def _stacked(cases: list[PhaseSeries]) -> StaggeredRows:
    seen = [case.observed for case in cases]
    pairs = list(zip(cases, seen, strict=True))
    return StaggeredRows(
        value=np.concatenate([case.values[kept] for case, kept in pairs]),
        time=np.concatenate([case.time[kept] for case, kept in pairs]),
        after=np.concatenate([case.after[kept] for case, kept in pairs]),
        case=np.repeat(np.arange(len(cases)), [int(kept.sum()) for kept in seen]),
        step=np.concatenate([case.step[kept] for case, kept in pairs]),
    )


def _analysed(
    role: str, cases: list[PhaseSeries], n_all: int, remarks: Sequence[str]
) -> tuple[list[dict[str, Any]], dict[str, Any], list[str]]:
    notes = list(remarks)
    if len(cases) < n_all:
        gone = n_all - len(cases)
        lack, are = agreeing(gone, "lacks", "lack"), agreeing(gone, "is", "are")
        notes.append(f"{gone} of {counted(n_all, 'dyad')} {lack} answers in a phase and {are} left out")
    if len(cases) >= _FEWEST_CASES:
        if len({case.start for case in cases}) == 1:
            notes.append(
                "all dyads start at the same time, so the change cannot be separated from what happened that day"
            )
        if len(cases) < _FEW_CASES:
            notes.append(f"only {counted(len(cases), 'dyad')}, so how much they differ is uncertain")
        rows = _stacked(cases)
        try:
            if np.ptp(rows.value) == 0:
                raise DesignError("the outcome never varies")
            fit, told = fit_staggered(rows)
        except DesignError as error:
            notes.append(f"no model: {error}")
        else:
            if not fit.converged:
                notes.append("the model did not converge: its estimates are not to be used")
            if fit.boundary:
                notes.append(
                    "dyads do not differ in level, in change, or in a combination of both, as far as the data show"
                )
            return _rows(role, told, notes), _model(role, fit, len(cases), notes), notes
    else:
        notes.append(f"{counted(len(cases), 'dyad')} with answers in both phases, at least {_FEWEST_CASES} are needed")
    blank = dict.fromkeys(("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high"), math.nan)
    lines = [{"term": f"{role} {effect}".strip(), "role": role, "effect": effect, **blank} for effect in _EFFECTS]
    n_obs = sum(int(case.observed.sum()) for case in cases)
    model: dict[str, Any] = {"role": role, "n_dyads": len(cases), "n_obs": n_obs}
    names = ("phi", "sigma", "sd_level", "sd_change", "correlation", "log_likelihood")
    model |= dict.fromkeys(names, math.nan) | {"converged": False, "note": "; ".join(notes)}
    return [{**line, "note": model["note"]} for line in lines], model, notes


def _rows(role: str, contrasts: Contrasts, notes: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "term": f"{role} {effect}".strip(),
            "role": role,
            "effect": effect,
            **{name: float(values[place]) for name, values in _ordered(contrasts).items()},
            "note": "; ".join(notes),
        }
        for place, effect in enumerate(_EFFECTS)
    ]


def _ordered(contrasts: Contrasts) -> dict[str, Array]:
    names = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")
    return {name: getattr(contrasts, name) for name in names}


def _model(role: str, fit: Fit, n_cases: int, notes: list[str]) -> dict[str, Any]:
    sd = np.sqrt(np.maximum(np.diag(fit.G), 0.0))
    process = fit.residual_process()
    return {
        "role": role,
        "n_dyads": n_cases,
        "n_obs": fit.problem.n,
        "phi": float(process["phi"][0]),
        "sigma": float(process["sd"][0]),
        "sd_level": float(sd[0]),
        "sd_change": float(sd[1]),
        "correlation": float(fit.G[0, 1] / (sd[0] * sd[1])) if sd.min() > 0 else math.nan,
        "log_likelihood": fit.log_likelihood,
        "converged": fit.converged,
        "note": "; ".join(notes),
    }
