"""Values of moderators: the own, the partner's or the dyad's, as a trait or occasion by occasion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import agreeing, counted
from reldyn.actor_partner._categories import values_of
from reldyn.actor_partner._causes import one_sided_notes
from reldyn.actor_partner.model._values import CONSTANT, partner_trait, partner_values
from reldyn.errors import DataError, check_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = [
    "absence_notes",
    "moderator_values",
    "one_sided_moderators",
    "outside_notes",
    "owners_of",
    "varying_moderators",
]

WHOSE = ("actor", "partner", "dyad")
SHOWN = 5
NONE: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def owners_of(name: str, whose: Any) -> tuple[str, ...]:
    """Whose values of a moderator enter.

    Raises
    ------
    DesignError
        An owner is neither ``"actor"``, ``"partner"`` nor ``"dyad"``, or there is none.
    """
    owners = tuple(whose) if isinstance(whose, Iterable) and not isinstance(whose, str) else (whose,)
    for owner in owners or (None,):
        check_option(owner, WHOSE, f"owner of moderator {name!r}")
    return owners


def varying_moderators(
    panel: DyadPanel, moderators: Mapping[str, Any] | None, categories: Mapping[str, tuple[str, ...]] = NONE
) -> tuple[str, ...]:
    """Moderators whose values change from occasion to occasion within a person."""
    return tuple(name for name in moderators or {} if _varies(values_of(panel, name, categories), panel.index.person))


def _varies(values: NDArray[np.float64], person: NDArray[np.int64]) -> bool:
    seen = np.isfinite(values)
    if not seen.any():
        return False
    top, bottom = np.full(int(person.max()) + 1, -np.inf), np.full(int(person.max()) + 1, np.inf)
    np.maximum.at(top, person[seen], values[seen])
    np.minimum.at(bottom, person[seen], values[seen])
    held = np.isfinite(top)
    return float(np.max(top[held] - bottom[held])) > _nothing(values[seen])


def _nothing(observed: NDArray[np.float64]) -> float:
    """Differences up to this size are rounding."""
    return CONSTANT * max(float(np.abs(observed).max()), np.finfo(float).tiny)


def moderator_values(
    panel: DyadPanel,
    name: str,
    owner: str,
    *,
    varying: bool,
    categories: Mapping[str, tuple[str, ...]] = NONE,
) -> NDArray[np.float64]:
    """A moderator as it belongs to each row.

    Parameters
    ----------
    panel : DyadPanel
    name : str
    owner : {"actor", "partner", "dyad"}
    varying : bool
        Whether it changes within persons. If so each row takes the value of its own occasion; else the person's one
        value holds on every row, asked there or not.
    categories : mapping of str to tuple of str
        Labels of categorical columns.

    Returns
    -------
    (n,) array
        NaN where there is no such value; the place of the label for categories.

    Raises
    ------
    DataError
        A moderator of the dyad differs between partners.
    """
    values = values_of(panel, name, categories)
    if owner == "partner":
        return partner_values(panel, values) if varying else partner_trait(panel, values)
    own = values if varying else partner_trait(panel, values, other=False)
    if owner == "actor":
        return own
    other = partner_values(panel, values) if varying else partner_trait(panel, values)
    _refuse_disagreement(panel, name, own, other, varying)
    return np.where(np.isfinite(own), own, other)


def _refuse_disagreement(
    panel: DyadPanel, name: str, own: NDArray[np.float64], other: NDArray[np.float64], varying: bool
) -> None:
    both = np.isfinite(own) & np.isfinite(other)
    if not both.any():
        return
    apart = both.copy()
    apart[both] = np.abs(own[both] - other[both]) > _nothing(own[both])
    codes = np.unique(panel.index.dyad[apart])
    if not len(codes):
        return
    labels = [str(panel.index.dyad_labels[code]) for code in codes[:SHOWN]]
    more = f" and {len(codes) - SHOWN:,} more" if len(codes) > SHOWN else ""
    where = " at the same occasion" if varying else ""
    raise DataError(
        f"moderators={{{name!r}: 'dyad'}} says that {name!r} belongs to the dyad, but partners have different values "
        f"of it{where} in {counted(len(codes), 'dyad')} ({', '.join(labels)}{more}). Use "
        f"'actor' or 'partner', or make one value per dyad first, for example the mean of both."
    )


def outside_notes(
    panel: DyadPanel, moderators: Mapping[str, Any] | None, categories: Mapping[str, tuple[str, ...]] = NONE
) -> tuple[str, ...]:
    """Moderators none of whose values is near 0, where the effects that they moderate are stated."""
    notes = []
    for name in moderators or {}:
        seen = () if name in categories else values_of(panel, name, categories)
        seen = np.asarray(seen)[np.isfinite(seen)]
        if len(seen) and (seen.min() > 0 or seen.max() < 0):
            notes.append(
                f"{name} lies between {seen.min():.4g} and {seen.max():.4g}: the effects that it moderates, and their "
                f"tests, are stated where {name} is 0, outside of these values. Enter it less a value of interest (its "
                f"mean is {seen.mean():.4g}), or take simple slopes at values that occur."
            )
    return tuple(notes)


def one_sided_moderators(
    panel: DyadPanel,
    outcome: str,
    moderators: Mapping[str, Any] | None,
    varying: tuple[str, ...],
    categories: Mapping[str, tuple[str, ...]] = NONE,
) -> tuple[str, ...]:
    """Moderators of a person that only one partner of a dyad has, as `one_sided_notes` says it of covariates.

    Raises
    ------
    DesignError
        In no dyad do both partners have a value.
    """
    personal = [name for name, whose in (moderators or {}).items() if owners_of(name, whose) != ("dyad",)]
    own = {
        name: np.isfinite(moderator_values(panel, name, "actor", varying=name in varying, categories=categories))
        for name in personal
    }
    return one_sided_notes(panel, outcome, personal, "moderators", own)


def absence_notes(
    panel: DyadPanel,
    outcome: str,
    moderators: Mapping[str, Any] | None,
    varying: tuple[str, ...],
    categories: Mapping[str, tuple[str, ...]] = NONE,
) -> tuple[str, ...]:
    """Count the rows that are left out because a moderator has no value there."""
    answered = np.isfinite(panel.values(outcome))
    notes = []
    for name, whose in (moderators or {}).items():
        for owner in owners_of(name, whose):
            values = moderator_values(panel, name, owner, varying=name in varying, categories=categories)
            gone = int(np.count_nonzero(answered & ~np.isfinite(values)))
            if not gone:
                continue
            belongs = {"actor": "own", "partner": "partner's", "dyad": "dyad's"}[owner]
            when = " of that occasion" if name in varying else ""
            notes.append(
                f"{gone:,} of {counted(int(answered.sum()), 'row')} with an outcome {agreeing(gone, 'is', 'are')} left "
                f"out because the {belongs} {name}{when} is missing."
            )
    return tuple(notes)
