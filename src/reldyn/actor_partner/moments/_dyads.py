"""One row per dyad: the two members' values of a cross-section, for the models whose unit is the dyad.

Also what the results of these models have in common: estimates as a table, a methods paragraph, notes.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._records import brief
from reldyn.actor_partner._causes import two_valued_note
from reldyn.actor_partner._metrics import metric_note, unequal_metrics, withheld_for
from reldyn.actor_partner.model._terms import check_two_roles, strata_of
from reldyn.actor_partner.moments._incomplete import incomplete_moments
from reldyn.actor_partner.moments._moments import refuse_singular
from reldyn.errors import DataWarning, DesignError, check_option, warn_caller
from reldyn.results import EstimateResult, InState

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.actor_partner.moments._moments import Moments
    from reldyn.panel import DyadPanel

__all__ = ["DyadTable", "FamilyResult", "dyad_table", "estimate_rows", "refuse_unequal", "warn_all"]

FEW_DYADS = 20
MISSING = ("available", "model")
IDENTIFYING = (
    *("effect", "kind", "from", "through", "role", "variable", "level", "moderator", "at", "parameter", "method"),
    *("outcome_score", "predictor_score", "part", "composition", "moderated", "trait_of", "category"),
    *("predictor", "mediator"),
)


@brief
@dataclass(frozen=True)
class DyadTable:
    """Dyads of a cross-section: complete ones, or all (NaN where a value is missing).

    Attributes
    ----------
    values : mapping of str to (n, 2) arrays
        One column per member, roles in panel order.
    roles : tuple
        The two roles; empty where members are exchangeable.
    notes : tuple of str
        Dyads left out or incomplete, and samples too small to lean on.
    shared : mapping of str to (n,) arrays
        Covariates on which partners never differ.
    unequal : tuple of str
        Variables that the two roles answered on scales of very different width.
    """

    values: Mapping[str, NDArray[np.float64]]
    roles: tuple[Hashable, ...]
    notes: tuple[str, ...]
    shared: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    unequal: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of dyads."""
        return len(next(iter(self.values.values())))

    @property
    def distinguishable(self) -> bool:
        """Whether a role tells the members apart."""
        return bool(self.roles)

    @property
    def members(self) -> tuple[str, str]:
        """What to call the two members."""
        return (str(self.roles[0]), str(self.roles[1])) if self.roles else ("member 1", "member 2")

    def stacked(self, variables: Sequence[str]) -> NDArray[np.float64]:
        """(n, 2 v + s): both members of the first variable, then of the next; variables of the dyad last."""
        pairs = [self.values[name] for name in variables if name not in self.shared]
        return np.hstack([*pairs, *(self.shared[name][:, None] for name in variables if name in self.shared)])

    def moments(self, variables: Sequence[str]) -> Moments:
        """Moments of `stacked`, by full information where values are missing."""
        personal = [name for name in variables if name not in self.shared]
        names = [f"{name} ({member})" for name in personal for member in self.members]
        names += [name for name in variables if name in self.shared]
        found = incomplete_moments(self.stacked(variables), names)
        refuse_singular(found, names)
        return found


def dyad_table(
    panel: DyadPanel,
    variables: Sequence[str],
    *,
    analysis: str,
    roles: str | None = None,
    two_roles: bool = False,
    missing: str = "available",
    covariates: Sequence[str] = (),
    outcomes: Sequence[str] = (),
) -> DyadTable:
    """Lay out the members of each dyad side by side.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad.
    variables : sequence of str
    analysis : str
        What the messages call the analysis.
    roles : {"distinguishable", "exchangeable"}, optional
        None: as the panel has them.
    two_roles : bool, default False
        Whether the analysis is a question about two roles, whatever the caller said.
    missing : {"available", "model"}, default "available"
        Dyads that lack a value are left out, or stay in with what they have.
    covariates : sequence of str
        Further variables; one on which partners never differ belongs to the dyad.
    outcomes : sequence of str
        Those of the variables that a normal model explains.

    Raises
    ------
    DesignError
        Several occasions, several compositions, a variable that does not vary, or too few dyads.
    """
    check_option(missing, MISSING, "missing")
    variables = [*variables, *covariates]
    for name in variables:
        if not isinstance(name, str):
            raise DesignError(f"{analysis}: {name!r} is not the name of a column.")
    names = list(dict.fromkeys(variables))
    if len(names) < len(list(variables)):
        twice = next(name for name in names if list(variables).count(name) > 1)
        raise DesignError(f"{analysis}: {twice!r} is named twice. Each variable has one place in the model.")
    if panel.n_occasions > 1:
        raise DesignError(
            f"{analysis} is a model of one occasion per dyad, and this panel has up to {panel.n_occasions}: keep one "
            "with panel.select(where=...), or use rd.apim, which models all of them."
        )
    if two_roles:
        check_two_roles(panel, analysis)
    chosen, strata = strata_of(panel, "distinguishable" if two_roles else roles)
    if chosen == "by-composition":
        raise DesignError(
            f"{analysis} models one kind of dyad, and this panel mixes {', '.join(panel.compositions)}: keep one with "
            "panel.select(compositions=...), or use roles='exchangeable'."
        )
    values = {name: _by_member(panel, name, strata[0].roles) for name in names}
    shared = {name: values.pop(name) for name in covariates if _of_dyad(values[name])}
    shared = {name: _value_of_dyad(pair) for name, pair in shared.items()}
    observed = np.column_stack([np.isfinite(column) for column in (*values.values(), *shared.values())])
    whole = np.asarray(observed.all(axis=1))
    keep = whole if missing == "available" else np.asarray(observed.any(axis=1))
    values = {name: pair[keep] for name, pair in values.items()}
    shared = {name: column[keep] for name, column in shared.items()}
    _refuse_unusable(values, int(keep.sum()), analysis, alike=not strata[0].roles)
    _refuse_constant(shared, analysis)
    unequal = unequal_metrics(panel, names, strata)
    two_valued = [note for name in outcomes for note in two_valued_note(panel, name, elsewhere=True)]
    notes = (*_notes(keep, whole, names), *metric_note(unequal), *two_valued)
    return DyadTable(values, strata[0].roles, notes, shared, unequal)


def _of_dyad(pair: NDArray[np.float64]) -> bool:
    """Whether partners never differ in a variable."""
    both = np.isfinite(pair).all(axis=1)
    return bool(both.any()) and bool((pair[both, 0] == pair[both, 1]).all())


def _value_of_dyad(pair: NDArray[np.float64]) -> NDArray[np.float64]:
    """The value either partner has."""
    return np.where(np.isfinite(pair[:, 0]), pair[:, 0], pair[:, 1])


def refuse_unequal(table: DyadTable, analysis: str, why: str) -> None:
    """Refuse variables of two response scales where the analysis takes one for granted.

    Raises
    ------
    DesignError
    """
    if table.unequal:
        raise DesignError(
            f"{analysis}: {withheld_for(table.unequal, table.unequal)}, and {why}. Bring both to one scale first, for "
            "example percent of the maximum possible, or declare DyadPanel(scales={...}) if both did answer on one."
        )


def _by_member(panel: DyadPanel, name: str, roles: tuple[Hashable, ...]) -> NDArray[np.float64]:
    index = panel.index
    member = index.member
    if roles:
        member = (index.role == index.roles.index(roles[1])).astype(np.int64)
    pair = np.full((index.n_dyads, 2), np.nan)
    pair[index.dyad, member] = panel.values(name)
    return pair


def _refuse_unusable(values: Mapping[str, NDArray[np.float64]], n: int, analysis: str, *, alike: bool) -> None:
    needed = 2 * len(values) + 2
    if n < needed:
        raise DesignError(
            f"{analysis}: {counted(n, 'dyad')} have both members' values of {', '.join(values)}, and {needed} are the "
            "least with which anything can be estimated."
        )
    whose = "" if alike else " of one role"
    for name, pair in values.items():
        if np.isnan(pair).all(axis=0).any():
            raise DesignError(f"{analysis}: no member{whose} has a value of {name!r}.")
        spread = np.nanmax(pair, axis=0) - np.nanmin(pair, axis=0)
        if (np.nanmax(pair) - np.nanmin(pair) if alike else spread.min()) == 0:
            raise DesignError(f"{analysis}: {name!r} is the same for every member{whose}, so it explains nothing.")
        if _of_dyad(pair):
            raise DesignError(
                f"{analysis}: both partners always have the same {name!r}. It belongs to the dyad, not to its members."
            )


def _refuse_constant(shared: Mapping[str, NDArray[np.float64]], analysis: str) -> None:
    for name, column in shared.items():
        if np.nanmax(column) == np.nanmin(column):
            raise DesignError(f"{analysis}: {name!r} is the same for every dyad, so it explains nothing.")


def _notes(keep: NDArray[np.bool_], whole: NDArray[np.bool_], names: Sequence[str]) -> tuple[str, ...]:
    notes = []
    n_all, n, listed = len(keep), int(keep.sum()), ", ".join(names)
    part, gone = int((keep & ~whole).sum()), n_all - n
    left = f"{agreeing(gone, 'is', 'are')} left out"
    if (keep & ~whole).any():
        notes.append(
            f"{part} of {counted(n_all, 'dyad')} {agreeing(part, 'lacks', 'lack')} a value of {listed} for a member; "
            "their other values enter by full-information maximum likelihood. It assumes that whether a value is "
            "missing depends on observed values only, and that all variables are jointly normal."
        )
        if n < n_all:
            notes.append(
                f"{gone} of {counted(n_all, 'dyad')} {agreeing(gone, 'has', 'have')} no value of {listed} and {left}."
            )
    elif n < n_all:
        notes.append(
            f"{gone} of {counted(n_all, 'dyad')} {agreeing(gone, 'lacks', 'lack')} a value of {listed} for a member "
            f"and {left}."
        )
    if n < FEW_DYADS:
        notes.append(
            f"Only {counted(n, 'dyad')}: below {FEW_DYADS}, standard errors and p-values of this model are too "
            "optimistic."
        )
    return tuple(notes)


def warn_all(notes: Sequence[str]) -> None:
    """Warn of each note, at the line that called the public function."""
    for note in notes:
        warn_caller(note, DataWarning)


def estimate_rows(
    estimate: NDArray[np.float64], std_error: NDArray[np.float64], df: Any = np.inf, level: float = 0.95
) -> dict[str, NDArray[np.float64]]:
    """Columns of a tidy table from estimates and standard errors: t (z where ``df`` is infinite), p, interval."""
    from scipy import stats

    df = np.broadcast_to(np.asarray(df, dtype=float), estimate.shape)
    statistic = np.divide(estimate, std_error, out=np.full(estimate.shape, np.nan), where=std_error > 0)
    reach = stats.t.ppf(0.5 + 0.5 * level, df) * std_error
    return {
        "estimate": estimate,
        "std_error": std_error,
        "statistic": statistic,
        "df": df.copy(),
        "p_value": np.asarray(2.0 * stats.t.sf(np.abs(statistic), df)),
        "conf_low": estimate - reach,
        "conf_high": estimate + reach,
    }


class FamilyResult(EstimateResult):
    """Verbs of a result about dyads; subclasses add ``_headline`` and ``_methods``."""

    n_dyads = InState[int]()

    def _about(self) -> Mapping[str, Any]:
        """What `glance` says beyond counts."""
        return {}

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit: ``n_dyads``, ``n_persons``, ``n_obs`` and what the model adds."""
        import pandas as pd

        counts = {"n_dyads": self.n_dyads, "n_persons": 2 * self.n_dyads, "n_obs": 2 * self.n_dyads}
        return pd.DataFrame([counts | dict(self._about())])

    def _shown(self) -> pd.DataFrame:
        tidy = self.tidy()
        # What the readable term already says, and columns that say nothing.
        hidden = [name for name in tidy if name in IDENTIFYING]
        if "df" in tidy and np.isinf(tidy["df"].to_numpy(dtype=float)).all():
            hidden.append("df")
        return tidy.drop(columns=hidden)
