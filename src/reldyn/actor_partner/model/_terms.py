"""What a model is made of, before any number: its terms, and the columns they become per role and composition.

A *term* is what a reader would write ("the actor effect of conflict, within persons"). A *column* is one coefficient
or random effect: a term for one role of one composition, or for all members alike. `tidy` is built from columns.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reldyn.errors import DesignError, check_option
from reldyn.mixed import shared
from reldyn.results import register

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["DesignColumn", "DesignTerm", "Stratum", "check_two_roles", "named_terms", "spread", "strata_of"]

Shared = type(shared("term"))
ROLES = ("distinguishable", "exchangeable", "by-composition")


@register
@dataclass(frozen=True, slots=True)
class DesignTerm:
    """One term of the model, the same for every role.

    Attributes
    ----------
    effect : str
        ``intercept``, ``actor``, ``partner``, ``interaction``, ``covariate``, ``moderation`` or ``fixed``.
    variable : str
        The column it is about; empty for an intercept.
    level : str
        ``within``, ``between`` or empty.
    moderator : str
        The trait that moderates it; empty otherwise.
    moderated, trait_of : str
        For a moderation: which effect is moderated, and whose trait it is.
    common : bool
        One coefficient (one random effect) for both roles.
    category : str
        The category that is set against the reference; empty for numbers.
    """

    effect: str
    variable: str = ""
    level: str = ""
    moderator: str = ""
    moderated: str = ""
    trait_of: str = ""
    common: bool = False
    category: str = ""

    @property
    def name(self) -> str:
        """Readable name, unique among the terms of a model."""
        return f"{self.stem}: {self.category}" if self.category else self.stem

    @property
    def stem(self) -> str:
        """The name without the category: what all categories of one variable share."""
        level = f" ({self.level})" if self.level else ""
        if self.effect == "intercept":
            return "intercept"
        if self.effect == "moderation":
            return f"{self.moderated} {self.variable}{level} x {self.trait_of} {self.moderator}"
        if self.effect in ("covariate", "fixed"):
            return self.variable
        return f"{self.effect} {self.variable}{level}"


@register
@dataclass(frozen=True, slots=True)
class Stratum:
    """One composition of dyads: its label, and its two roles unless its members are exchangeable."""

    label: str
    roles: tuple[Hashable, ...] = ()

    @property
    def exchangeable(self) -> bool:
        """Whether nothing tells the two members apart."""
        return not self.roles


@register
@dataclass(frozen=True, slots=True)
class DesignColumn:
    """One coefficient or random effect: a term, for one role of one composition or for all its members.

    Attributes
    ----------
    term : DesignTerm
    base : int
        Column of the base matrix that holds the term's values.
    stratum : int
        The composition it belongs to.
    slot : int
        0 or 1: only rows of this member; -1: rows of both.
    role : hashable
        Label of the role; empty when the column is common to both.
    composition : str
        Label of the composition; empty when there is one only.
    """

    term: DesignTerm
    base: int
    stratum: int
    slot: int
    role: Hashable = ""
    composition: str = ""

    @property
    def name(self) -> str:
        """Readable name, unique among the columns of a model."""
        parts = (self.term.name, self.composition, str(self.role))
        return ", ".join(part for part in parts if part)


def named_terms(names: Any, what: str) -> tuple[tuple[str, bool], ...]:
    """Read what a user wrote for ``what``: names, or ``shared(name)``, or one of them alone.

    Returns
    -------
    tuple of (name, whether common to both roles)

    Raises
    ------
    DesignError
        An entry is not a name, or a name stands there twice.
    """
    if names is not None and not isinstance(names, (str, Shared, Iterable)):
        raise DesignError(f"{what} takes column names or rd.shared(name), not {names!r}.")
    alone = isinstance(names, (str, Shared))
    entries: tuple[Any, ...] = (names,) if alone else tuple(names or ())  # type: ignore[arg-type]
    found: list[tuple[str, bool]] = []
    for entry in entries:
        if not isinstance(entry, (str, Shared)):
            raise DesignError(f"{what} takes column names or rd.shared(name), not {entry!r}.")
        found.append((entry, False) if isinstance(entry, str) else (entry.name, True))
    names_only = [name for name, _ in found]
    twice = sorted({name for name in names_only if names_only.count(name) > 1})
    if twice:
        raise DesignError(f"{what} names {twice[0]!r} twice: name each term once.")
    return tuple(found)


def strata_of(panel: DyadPanel, roles: str | None) -> tuple[str, tuple[Stratum, ...]]:
    """Decide how members are told apart, and list the compositions that are modelled separately.

    Returns
    -------
    roles : str
        ``distinguishable``, ``exchangeable`` or ``by-composition``.
    strata : tuple of Stratum
        One, or one per composition.

    Raises
    ------
    DesignError
        Members are to be told apart by roles that do not do so.
    """
    if roles is not None:
        check_option(roles, ROLES, "roles")
    compositions = tuple(panel.compositions)
    alike = panel.exchangeable_compositions
    if roles is None:
        if len(compositions) > 1:
            roles = "by-composition"
        else:
            roles = "distinguishable" if not alike and len(panel.roles) == 2 else "exchangeable"
    if roles == "exchangeable":
        return roles, (Stratum("", ()),)
    if not panel.roles:
        raise DesignError(
            f"roles={roles!r} needs roles, and the panel has none: name the role column when making the DyadPanel, "
            "or use roles='exchangeable'."
        )
    if roles == "distinguishable":
        _refuse_alike(compositions, alike)
        return roles, (Stratum("", _roles_of(panel, compositions[0])),)
    return roles, tuple(Stratum(label, () if label in alike else _roles_of(panel, label)) for label in compositions)


def check_two_roles(panel: DyadPanel, analysis: str) -> None:
    """Refuse a panel without two roles where the analysis is a question about them.

    Raises
    ------
    DesignError
    """
    several = len(panel.compositions) > 1
    if len(panel.roles) == 2 and not several and not panel.exchangeable_compositions:
        return
    why = (
        "this panel has no roles"
        if not panel.roles
        else f"this panel mixes {', '.join(panel.compositions)}"
        if several
        else f"in {next(iter(panel.compositions))!r} dyads both members have the same role, which tells nobody apart"
    )
    fix = (
        "keep one composition with panel.select(compositions=...)"
        if several
        else "name a column that tells the two members apart as role when making the DyadPanel"
    )
    raise DesignError(f"{analysis} is a question about two roles, and {why}: {fix}.")


def _refuse_alike(compositions: Sequence[str], alike: frozenset[str]) -> None:
    same = [label for label in compositions if label in alike]
    if same:
        raise DesignError(
            f"roles='distinguishable', but in {same[0]!r} dyads both members have the same role, which tells nobody "
            "apart: use roles='by-composition' or 'exchangeable', or keep other dyads with "
            "panel.select(compositions=...)."
        )
    if len(compositions) > 1:
        raise DesignError(
            f"roles='distinguishable', but the panel has {len(compositions)} compositions ({', '.join(compositions)}): "
            "use roles='by-composition', or keep one with panel.select(compositions=...)."
        )


def _roles_of(panel: DyadPanel, composition: str) -> tuple[Hashable, ...]:
    """The two roles of a composition, in panel order."""
    import numpy as np

    index = panel.index
    member_of = np.array([label == composition for label in panel.composition_of_dyad])
    role = index.role_of_member[member_of]
    codes = np.flatnonzero(np.bincount(role[role >= 0], minlength=len(index.roles)))
    labels = tuple(index.roles[code] for code in codes)
    if len(labels) != 2:
        raise DesignError(
            f"composition {composition!r} has {len(labels)} roles ({', '.join(map(str, labels))}), so its members "
            "cannot be told apart by two: name it in panel.with_compositions(exchangeable=...), or leave it out."
        )
    return labels


def spread(term: DesignTerm, base: int, strata: Sequence[Stratum], *, per_member: bool) -> list[DesignColumn]:
    """Columns of one term over the compositions and their roles.

    Parameters
    ----------
    term : DesignTerm
    base : int
        Where its values stand.
    strata : sequence of Stratum
    per_member : bool
        Random effects: exchangeable members have one column each (tied by exchangeability); fixed effects have one.
    """
    several = len(strata) > 1
    columns = []
    for code, stratum in enumerate(strata):
        composition = stratum.label if several else ""
        if term.common or (stratum.exchangeable and not per_member):
            columns.append(DesignColumn(term, base, code, -1, "", composition))
            continue
        labels = stratum.roles or ("member 1", "member 2")
        columns += [DesignColumn(term, base, code, slot, label, composition) for slot, label in enumerate(labels)]
    return columns
