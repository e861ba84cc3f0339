"""Compositions of mixed samples: which roles meet in a dyad (female-male, female-female, ...)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reldyn.errors import DesignError

if TYPE_CHECKING:
    from reldyn.panel._index import PanelIndex

__all__ = ["composition_labels", "count_compositions", "pool_compositions"]

_WITHOUT_ROLES = "exchangeable"


def composition_labels(index: PanelIndex) -> tuple[str, ...]:
    """Composition of each dyad: its role labels in panel order, joined by a hyphen.

    A dyad of which one member never appears is given the composition of its only member's role
    with a partner unknown: the commonest composition that has this role, so that one silent
    partner does not found a group of its own.
    """
    if not index.roles:
        return (_WITHOUT_ROLES,) * index.n_dyads
    roles = np.full((index.n_dyads, 2), -1)
    roles[index.dyad, index.member] = index.role
    of_dyad = [(low, high) for low, high in np.sort(roles, axis=1).tolist()]
    pairs = Counter(of_dyad)
    known = {pair: count for pair, count in pairs.items() if pair[0] >= 0}
    label_of = {}
    for low, high in pairs:
        pair = (low, high)
        if low < 0:
            with_role = {both: count for both, count in known.items() if high in both}
            pair = max(with_role, key=lambda both: (with_role[both], both)) if with_role else (high, high)
        label_of[low, high] = "-".join(str(index.roles[code]) for code in pair if code >= 0) or _WITHOUT_ROLES
    return tuple(label_of[pair] for pair in of_dyad)


def count_compositions(labels: Sequence[str]) -> dict[str, int]:
    """Count dyads per composition, the commonest first."""
    return dict(sorted(Counter(labels).items(), key=lambda item: (-item[1], item[0])))


def pool_compositions(labels: Sequence[str], pool: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Give the compositions named in ``pool`` their new common label."""
    new: dict[str, str] = {}
    for label, members in pool.items():
        for member in [members] if isinstance(members, str) else members:
            if member not in labels:
                raise DesignError(
                    f"pool names {member!r}, which is no composition; there are: {', '.join(sorted(set(labels)))}."
                )
            if member in new:
                raise DesignError(f"pool puts {member!r} both into {new[member]!r} and into {label!r}: name it once.")
            new[member] = label
    return tuple(new.get(label, label) for label in labels)
