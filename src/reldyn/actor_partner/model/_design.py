"""From a panel to the arrays of a mixed model: the base values, the columns, and the rows that are used."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from reldyn._records import brief
from reldyn.actor_partner.model._terms import DesignColumn, DesignTerm, Stratum, spread
from reldyn.errors import DesignError
from reldyn.results import register

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.mixed import Problem, Random, RoleColumns
    from reldyn.panel import DyadPanel

# Rows looked at first for a person whose values differ.
_PROBE = 1000

__all__ = ["Block", "DesignRows", "build_design", "identifiers", "places_of", "problem_of", "structure_of"]


@brief
@dataclass(frozen=True)
class Block:
    """The values of the terms before rows are chosen: ``terms[k]`` is column ``k`` of ``base``."""

    terms: tuple[DesignTerm, ...]
    base: NDArray[np.float64]
    random: tuple[tuple[DesignTerm, int], ...]
    centres: Mapping[str, float]
    offset: NDArray[np.float64] | None = None
    weights: NDArray[np.float64] | None = None


@register
@dataclass(frozen=True)
class DesignRows:
    """The rows a model was fitted to, stored once per term rather than once per coefficient.

    Attributes
    ----------
    outcome : str
    y : (n,) array
    base : (n, k) array
        Values of each term; a column of the design is a base column restricted to a composition and a role.
    rows : (n,) int array
        Positions of these rows in the panel.
    dyad : (n,) int array
        Dyad code, every code in use.
    member : (n,) int array
        0 or 1: the place of the role in its composition, or an arbitrary one where members are exchangeable.
    step : (n,) array
        Occasion on the scale of the serial process.
    stratum : (n_dyads,) int array
    strata : tuple of Stratum
    fixed, random : tuple of DesignColumn
    dyad_labels : tuple
    n_persons : int
    offset, weights : (n,) arrays, optional
        What is added to the linear predictor, and prior weights; None without.
    """

    outcome: str
    y: NDArray[np.float64]
    base: NDArray[np.float64]
    rows: NDArray[np.int64]
    dyad: NDArray[np.int64]
    member: NDArray[np.int64]
    step: NDArray[np.float64]
    stratum: NDArray[np.int64]
    strata: tuple[Stratum, ...]
    fixed: tuple[DesignColumn, ...]
    random: tuple[DesignColumn, ...]
    dyad_labels: tuple[Hashable, ...]
    n_persons: int
    offset: NDArray[np.float64] | None = None
    weights: NDArray[np.float64] | None = None

    row_fields: ClassVar[tuple[str, ...]] = (
        *("y", "base", "rows", "dyad", "member", "step", "stratum", "dyad_labels", "offset", "weights"),
    )

    @property
    def n_dyads(self) -> int:
        """Number of dyads with at least one row."""
        return len(self.stratum)

    @property
    def log_volume(self) -> float:
        """What prior weights add to a log-likelihood of rows scaled by their roots."""
        return 0.0 if self.weights is None else 0.5 * float(np.log(self.weights).sum())

    def rescaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values on the scale of the engine's rows as values of the outcome."""
        plain = values if self.weights is None else values / np.sqrt(self.weights)
        return plain if self.offset is None else plain + self.offset

    def matrix(self, columns: Sequence[DesignColumn], base: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Design matrix of these columns, (n, number of columns)."""
        source = self.base if base is None else base
        return fill(columns, source, self.stratum[self.dyad], self.member)


def fill(
    columns: Sequence[DesignColumn],
    base: NDArray[np.float64],
    stratum: NDArray[np.int64],
    member: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Restrict base columns to the composition and role of each design column.

    Parameters
    ----------
    columns : sequence of DesignColumn
    base : (n, k) array
    stratum, member : (n,) int arrays
    """
    several = bool(stratum.any())
    masks: dict[tuple[int, int], NDArray[np.float64]] = {}
    out = np.empty((len(base), len(columns)))
    for place, column in enumerate(columns):
        key = (column.stratum, column.slot)
        if key not in masks:
            inside = np.ones(len(base)) if not several and column.stratum == 0 else (stratum == column.stratum) * 1.0
            masks[key] = inside if column.slot < 0 else inside * (member == column.slot)
        np.multiply(base[:, column.base], masks[key], out=out[:, place])
    return out


def build_design(panel: DyadPanel, outcome: str, block: Block, strata: tuple[Stratum, ...], serial: str) -> DesignRows:
    """Choose the usable rows and lay out the columns.

    Parameters
    ----------
    panel : DyadPanel
    outcome : str
    block : Block
    strata : tuple of Stratum
    serial : str
        The residual process: ``car1`` runs on the clock, everything else on steps.

    Raises
    ------
    DesignError
        No row, one dyad only, or an outcome that does not vary: at all, in a role, within persons, between partners.
    """
    index = panel.index
    y = panel.values(outcome)
    _check_outcome(y, outcome)
    with np.errstate(invalid="ignore"):
        # Nothing times a number is nothing, times what is no number it is none: one product for all columns.
        usable = np.isfinite(y) & np.isfinite(block.base @ np.zeros(block.base.shape[1]))
    for extra in (block.offset, block.weights):
        if extra is not None:
            usable &= np.isfinite(extra)
    rows = np.flatnonzero(usable)
    if not len(rows):
        raise DesignError(_no_rows(y, outcome, block))
    # Where every row is usable there is nothing to pick.
    chosen: Any = slice(None) if len(rows) == len(usable) else rows
    # Counting is several times faster than sorting codes that are small whole numbers.
    used = np.bincount(index.dyad[chosen], minlength=index.n_dyads) > 0
    codes = np.flatnonzero(used)
    dyad = index.dyad[chosen] if len(codes) == index.n_dyads else (np.cumsum(used) - 1)[index.dyad[chosen]]
    if len(codes) < 2:
        raise DesignError(
            f"the model needs several dyads, and only one has rows with {outcome!r} and all predictors: "
            "what differs between dyads cannot be estimated from one."
        )
    stratum, kept = _strata_in_use(panel, codes, strata)
    of_row = stratum[dyad]
    member = places_of(panel, rows, of_row, kept)
    _check_variation(y[chosen], outcome, index.person[chosen], index.partner_row[chosen], y, of_row, member, kept)
    fixed = [column for k, term in enumerate(block.terms) for column in spread(term, k, kept, per_member=False)]
    random = [column for term, base in block.random for column in spread(term, base, kept, per_member=True)]
    return DesignRows(
        outcome=outcome,
        y=y[chosen],
        base=block.base[chosen],
        rows=rows,
        dyad=dyad.astype(np.int64),
        member=member,
        step=(index.clock if serial == "car1" else index.step)[chosen].astype(float),
        stratum=stratum,
        strata=kept,
        fixed=tuple(fixed),
        random=tuple(random),
        dyad_labels=tuple(index.dyad_labels) if len(codes) == index.n_dyads else _labels(index.dyad_labels, codes),
        n_persons=int(np.count_nonzero(np.bincount(index.person[chosen], minlength=index.n_persons))),
        offset=None if block.offset is None else block.offset[chosen],
        weights=None if block.weights is None else block.weights[chosen],
    )


def _labels(labels: Sequence[Hashable], codes: NDArray[np.int64]) -> tuple[Hashable, ...]:
    return tuple(labels[code] for code in codes)


def _check_outcome(y: NDArray[np.float64], outcome: str) -> None:
    seen = y[np.isfinite(y)]
    if not len(seen):
        raise DesignError(f"the outcome {outcome!r} has no value in any row, so there is nothing to explain.")
    if float(np.ptp(seen)) == 0.0:
        raise DesignError(
            f"the outcome {outcome!r} is {seen[0]:g} in every row: without variation nothing can be estimated."
        )


def _check_variation(
    y: NDArray[np.float64],
    outcome: str,
    person: NDArray[np.int64],
    partner_row: NDArray[np.int64],
    everywhere: NDArray[np.float64],
    stratum: NDArray[np.int64],
    member: NDArray[np.int64],
    strata: tuple[Stratum, ...],
) -> None:
    """Refuse an outcome whose residual variance is zero by the way it was asked: no optimum would exist."""
    nothing = 1e-12 * max(float(np.abs(y).max()), np.finfo(float).tiny)
    head = slice(0, _PROBE)
    for code, part in enumerate(strata):
        for slot, role in enumerate(() if part.exchangeable else part.roles):
            # Nearly always the first rows say that it varies.
            for rows in (head, slice(None)):
                mine = y[rows][(stratum[rows] == code) & (member[rows] == slot)]
                if len(mine) and float(np.ptp(mine)) > nothing:
                    break
            else:
                if not len(mine):
                    raise DesignError(
                        f"nobody who is {role} has a value of {outcome!r} with those of its predictors: a model of "
                        "both members needs both. Choose an outcome that both have, or model the other members by "
                        "themselves."
                    )
                raise DesignError(
                    f"the outcome {outcome!r} is {mine[0]:g} in every row of {role}: without variation nothing can "
                    "be estimated for that role."
                )
    for rows in (head, slice(None)):
        both = np.where(partner_row[rows] >= 0, everywhere[np.maximum(partner_row[rows], 0)], np.nan)
        paired = np.isfinite(both)
        if paired.any() and float(np.abs(y[rows] - both)[paired].max()) > nothing:
            break
    else:
        if paired.any():
            raise DesignError(
                f"both partners always have the same value of {outcome!r}: it belongs to the dyad, and a model of two "
                "persons cannot explain it. Choose an outcome that each person has."
            )
    first = np.empty(int(person.max()) + 1)
    first[person[head][::-1]] = y[head][::-1]
    if float(np.abs(y[head] - first[person[head]]).max()) > nothing:
        return
    top, bottom = np.full(int(person.max()) + 1, -np.inf), np.full(int(person.max()) + 1, np.inf)
    np.maximum.at(top, person, y)
    np.minimum.at(bottom, person, y)
    if len(y) > np.count_nonzero(np.isfinite(top)) and float(np.max(top - bottom)) <= nothing:
        raise DesignError(
            f"the outcome {outcome!r} never varies within a person: it is a trait, and repeated occasions say nothing "
            "more about it. Keep one row per person, for example the first."
        )


def _no_rows(y: NDArray[np.float64], outcome: str, block: Block) -> str:
    seen = np.isfinite(block.base[np.isfinite(y)]).mean(axis=0)
    worst = int(np.argmin(seen))
    return (
        f"no row has {outcome!r} together with all predictors. {block.terms[worst].name!r} is present in "
        f"{seen[worst]:.0%} of the rows with an outcome: check its missing values, or leave it out."
    )


def _strata_in_use(
    panel: DyadPanel, codes: NDArray[np.int64], strata: tuple[Stratum, ...]
) -> tuple[NDArray[np.int64], tuple[Stratum, ...]]:
    """Stratum of each dyad that has rows; compositions without any are left out."""
    if len(strata) == 1:
        return np.zeros(len(codes), dtype=np.int64), strata
    place = {stratum.label: code for code, stratum in enumerate(strata)}
    labels = panel.composition_of_dyad
    used, stratum = np.unique([place[labels[code]] for code in codes], return_inverse=True)
    return stratum.astype(np.int64), tuple(strata[code] for code in used)


def places_of(
    panel: DyadPanel, rows: NDArray[np.int64], stratum: NDArray[np.int64], strata: tuple[Stratum, ...]
) -> NDArray[np.int64]:
    """The place of each row's role in its composition; where members are exchangeable, the panel's own order."""
    index = panel.index
    member = index.member.copy() if len(rows) == len(index.member) else index.member[rows]
    code_of = {label: code for code, label in enumerate(index.roles)}
    for code, composition in enumerate(strata):
        if not composition.exchangeable:
            role = index.role if len(rows) == len(index.role) else index.role[rows]
            second = role == code_of[composition.roles[1]]
            member = second if len(strata) == 1 else np.where(stratum == code, second, member)
    return member.astype(np.int64)


def problem_of(design: DesignRows) -> Problem:
    """Hand the rows to the engine, which knows no names but for its messages."""
    from reldyn.mixed import Problem

    group = 2 * design.stratum[design.dyad] + design.member
    # The smallest type that holds the codes: there are few of them, and rows may be many.
    group = group.astype(np.min_scalar_type(2 * len(design.strata)))
    # A row of weight w counts like w rows: scaled by its root, it has the variance of a row of weight 1.
    y = design.y if design.offset is None else design.y - design.offset
    if design.weights is not None:
        root = np.sqrt(design.weights)
        y = y * root
        design = dataclasses.replace(design, base=design.base * root[:, None])
    return Problem(
        y=y,
        X=_role_columns(design, design.fixed, group),
        Z=_role_columns(design, design.random, group),
        dyad=design.dyad,
        member=design.member,
        step=design.step,
        stratum=design.stratum,
        exchangeable=tuple(stratum.exchangeable for stratum in design.strata),
        x_labels=tuple(column.name for column in design.fixed),
        z_labels=tuple(column.name for column in design.random),
        dyad_labels=tuple(map(str, design.dyad_labels)),
    )


def _role_columns(design: DesignRows, columns: Sequence[DesignColumn], group: NDArray[Any]) -> RoleColumns:
    """The design matrix of these columns without its zeros and repetitions."""
    from reldyn.mixed import RoleColumns

    groups = [(code, slot) for code in range(len(design.strata)) for slot in (0, 1)]
    used = [[column.stratum == code and column.slot in (-1, slot) for column in columns] for code, slot in groups]
    return RoleColumns(
        base=design.base,
        source=np.array([column.base for column in columns], dtype=np.int64),
        group=group,
        used=np.array(used, dtype=float).reshape(len(groups), len(columns)),
    )


def structure_of(design: DesignRows, random: Random) -> Any:
    """Covariance structure of the random effects: terms, compositions, and who may swap places with whom."""
    from reldyn.mixed import random_structure

    columns = design.random
    terms: dict[tuple[DesignTerm, int], int] = {}
    term = [terms.setdefault((column.term, column.stratum), len(terms)) for column in columns]
    partner = {(column.term, column.stratum, column.slot): place for place, column in enumerate(columns)}
    swap = [
        partner[column.term, column.stratum, 1 - column.slot]
        if column.slot >= 0 and design.strata[column.stratum].exchangeable
        else place
        for place, column in enumerate(columns)
    ]
    return random_structure(
        tuple(column.name for column in columns),
        random.covariance,
        terms=term,
        swap=swap,
        strata=[column.stratum for column in columns],
    )


def identifiers(frame: pd.DataFrame, panel: DyadPanel, design: DesignRows) -> pd.DataFrame:
    """Dyad, person, role and clock columns of the rows that were used."""
    named = [column for column in panel.columns.values() if column is not None]
    # By position: looking labels up in an index of text takes longer than all the rest.
    places = cast("list[int]", [frame.columns.get_loc(name) for name in dict.fromkeys(named)])
    kept = frame.iloc[:, places]
    if len(design.rows) != len(kept):
        kept = kept.iloc[design.rows]
    numbered = type(kept.index).__name__ == "RangeIndex" and kept.index[0] == 0 and kept.index[-1] == len(kept) - 1
    return kept if numbered else kept.reset_index(drop=True)
