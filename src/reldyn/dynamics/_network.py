"""`network_density`: how strongly several affects predict one another from one occasion to the next.

Bringmann et al. (2013, PLoS ONE 8, e60188; 2016, Assessment 23, 425-435) for the network; Pe et al. (2015, Clinical
Psychological Science 3, 292-300) for its density.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Columns, Ints
from reldyn.dynamics._pairs import Pairs, check_pairs, pair_rule, successive_values
from reldyn.dynamics._persons import listed, person_columns
from reldyn.errors import DesignError
from reldyn.panel import analysis
from reldyn.results import EstimateResult, InState, InTables

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel
from reldyn.stats import least_squares

__all__ = ["NetworkResult", "network_density"]

_DENSITIES = ("density", "density_cross", "density_auto", "noise")


class NetworkResult(EstimateResult):
    """Densities of lagged networks, of the sample and of each person.

    Attributes
    ----------
    variables : tuple of str
    pairs : str
    table : pandas.DataFrame
    edges : pandas.DataFrame
        One row per network and coefficient: ``level``, ``dyad``, ``person``, ``outcome``, ``predictor``, ``estimate``,
        ``std_error``.
    n_dyads, n_persons, n_obs : int
    notes : tuple of str
    """

    figure: ClassVar[str | None] = "network"

    variables = InState[tuple[str, ...]]()
    pairs = InState[str]()
    edges = InTables()
    n_dyads = InState[int]()
    n_persons = InState[int]()
    n_obs = InState[int]()

    def coefficients(self) -> pd.DataFrame:
        """Coefficients of the sample's network: rows are outcomes, columns what predicts them."""
        sample = self.edges[self.edges["level"] == "sample"]
        wide = sample.pivot_table(index="outcome", columns="predictor", values="estimate")
        return wide.reindex(index=list(self.variables), columns=list(self.variables))

    def _headline(self) -> str:
        return f"Density of the lagged network of {', '.join(self.variables)}"

    def _methods(self) -> str:
        return (
            f"Least-squares autoregressions of order 1 (pairs: {self.pairs}) of deviations from the person's means; "
            "density is the mean absolute coefficient over all, between different and within the same variables (Pe et "
            "al., 2015). noise: the density that coefficients of zero would show in a series of this length."
        )

    def _about(self) -> Mapping[str, Any]:
        return {name: getattr(self, name) for name in ("n_dyads", "n_persons", "n_obs", "pairs")}


@analysis
def network_density(panel: DyadPanel, variables: Columns, *, pairs: Pairs = "beep") -> NetworkResult:
    """Estimate the density of the network of lagged relations between several variables.

    Parameters
    ----------
    panel : DyadPanel
    variables : sequence of str
        Two or more numeric columns. A pair of occasions counts when all of them are there at both.
    pairs : {"beep", "day", "naive"}, default "beep"
        As in `reldyn.affect_dynamics`.

    Returns
    -------
    NetworkResult
        ``tidy()``: a row with ``level`` "sample" (all pairs pooled), then one per person: ``term``, ``dyad``,
        ``person``, ``role``, ``n_pairs``, ``density`` (mean absolute coefficient), ``density_cross``, ``density_auto``,
        ``noise``, ``note``. ``coefficients()``: the sample's matrix.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        Fewer than two variables, or no person with enough pairs.

    Notes
    -----
    Coefficients are in the units of the variables, so give variables of one scale. The absolute value turns sampling
    error into density: compare persons only if their numbers of pairs are alike, and look at ``noise``. Persons with
    a variable that never varies, or with no more pairs than coefficients of an equation, have no network and are not
    pooled.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=5, n_occasions=60, seed=2).panel
    >>> found = rd.dynamics.network_density(panel, ["warmth", "response"])
    >>> found.coefficients().shape, found.tidy()["level"].tolist()[:2]
    ((2, 2), ['sample', 'person'])
    """
    names = listed(variables)
    if len(names) < 2:
        raise DesignError("a network needs at least two variables; for one use reldyn.dynamics.inertia.")
    check_pairs(panel, pairs)
    before, after, owner = _complete_pairs(panel, names, pairs)
    fits, reasons = _person_fits(before, after, owner, panel.n_persons)
    used = np.array([fit is not None for fit in fits])
    if not used.any():
        raise DesignError(f"no person has enough pairs of {', '.join(names)} for a network: {reasons[0]}.")
    kept = used[owner]
    sample = _least_squares(before[kept], after[kept])
    n_pairs = np.bincount(owner, minlength=panel.n_persons)
    table = _density_table(panel, sample, int(kept.sum()), fits, n_pairs, reasons)
    edges = _edge_table(panel, names, sample, fits)
    left_out = int((~used).sum())
    notes = (
        (
            f"{left_out} of {counted(len(used), 'person')} "
            f"{agreeing(left_out, 'has no network; the row says', 'have no network; their rows say')} why.",
        )
        if left_out
        else ()
    )
    dyads = len(np.unique(panel.index.dyad[np.isin(panel.index.person, np.flatnonzero(used))]))
    return NetworkResult.of(
        variables=tuple(names),
        pairs=pairs,
        table=table,
        edges=edges,
        n_dyads=dyads,
        n_persons=int(used.sum()),
        n_obs=int(kept.sum()),
        notes=notes,
    )


def _complete_pairs(panel: DyadPanel, names: list[str], pairs: Pairs) -> tuple[Array, Array, Ints]:
    """Values before and after, as deviations from the person's means over all observed values."""
    centred = panel.within_between(names)
    persons = centred.series([f"{name}_within" for name in names]).by_person(by_code=True)
    values = persons.values
    complete = np.where(np.isfinite(values).all(axis=1), 0.0, np.nan)
    series = successive_values(persons, complete, pair_rule(persons, pairs))
    values, at = values[series.place], series.earlier
    return values[at], values[at + 1], series.owner


Coefficients = tuple[Array, Array]


def _least_squares(before: Array, after: Array) -> Coefficients:
    """Coefficients (outcome, predictor) with an intercept, and their standard errors."""
    fit = least_squares(np.column_stack([np.ones(len(before)), before]), after)
    return fit.beta[1:].T, fit.std_error[1:].T


def _of_one_size(before: Array) -> tuple[Array, Array]:
    """An intercept and the columns over their largest size, so that ranks do not depend on units."""
    size = np.abs(before).max(axis=0)
    size = np.where(size > 0, size, 1.0)
    return np.column_stack([np.ones(len(before)), before / size]), size


def _person_fits(
    before: Array, after: Array, owner: Ints, n_persons: int
) -> tuple[list[Coefficients | None], list[str]]:
    bounds = np.searchsorted(owner, np.arange(n_persons + 1))
    k = before.shape[1]
    fits: list[Coefficients | None] = []
    reasons = []
    for first, last in itertools.pairwise(bounds):
        part = before[first:last]
        reason = ""
        if last - first <= k + 1:
            reason = f"{counted(last - first, 'pair')}, at least {k + 2} needed"
        elif (np.ptp(part, axis=0) <= 1e-12 * np.abs(part).max(axis=0)).any():
            reason = "a variable never varies"
        elif np.linalg.matrix_rank(_of_one_size(part)[0]) <= k:
            reason = "the variables are linearly dependent"
        fits.append(None if reason else _least_squares(part, after[first:last]))
        reasons.append(reason)
    return fits, reasons


def _densities(fit: Coefficients | None) -> dict[str, float]:
    if fit is None:
        return dict.fromkeys(_DENSITIES, np.nan)
    size, error = np.abs(fit[0]), fit[1]
    same = np.eye(len(size), dtype=bool)
    # The mean absolute value of a normal variable is its deviation times the root of 2 / pi.
    noise = float(error.mean()) * float(np.sqrt(2 / np.pi))
    values = (float(size.mean()), float(size[~same].mean()), float(size[same].mean()), noise)
    return dict(zip(_DENSITIES, values, strict=True))


def _density_table(
    panel: DyadPanel,
    sample: Coefficients,
    n_sample: int,
    fits: list[Coefficients | None],
    n_pairs: Ints,
    reasons: list[str],
) -> pd.DataFrame:
    import pandas as pd

    who = pd.DataFrame(person_columns(panel)).astype(object)
    rows = pd.DataFrame(
        [{"level": "person", "n_pairs": n} | _densities(fit) for n, fit in zip(n_pairs, fits, strict=True)]
    )
    persons = pd.concat([who, rows.assign(note=reasons)], axis=1)
    first = {"dyad": "", "person": "", "role": "", "level": "sample", "n_pairs": n_sample, "note": ""}
    table = pd.concat([pd.DataFrame([first | _densities(sample)]).astype({"dyad": object}), persons], ignore_index=True)
    table["term"] = ["sample", *(f"{dyad} {person}" for dyad, person in zip(who["dyad"], who["person"], strict=True))]
    return table[["term", "level", "dyad", "person", "role", "n_pairs", *_DENSITIES, "note"]]


def _edge_table(
    panel: DyadPanel, names: list[str], sample: Coefficients, fits: list[Coefficients | None]
) -> pd.DataFrame:
    import pandas as pd

    who = person_columns(panel)
    networks: list[tuple[str, Any, Any, Coefficients]] = [("sample", "", "", sample)]
    networks += [
        ("person", dyad, person, fit)
        for dyad, person, fit in zip(who["dyad"], who["person"], fits, strict=True)
        if fit is not None
    ]
    rows = [
        {
            "level": level,
            "dyad": dyad,
            "person": person,
            "outcome": outcome,
            "predictor": predictor,
            "estimate": float(fit[0][i, j]),
            "std_error": float(fit[1][i, j]),
        }
        for level, dyad, person, fit in networks
        for i, outcome in enumerate(names)
        for j, predictor in enumerate(names)
    ]
    return pd.DataFrame(rows)
