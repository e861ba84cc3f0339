"""What the random numbers of a dyad hang on: its own answers, not its label or its place in the panel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reldyn.panel import DyadSeries
from reldyn.stats import data_key

__all__ = ["keys_of"]


def keys_of(pairs: Iterable[DyadSeries]) -> list[tuple[int, ...]]:
    """Give each dyad a key of its answers for `reldyn.resample.map_seeded`; dyads that answered alike are counted.

    Examples
    --------
    >>> import reldyn as rd
    >>> keys = keys_of(rd.load_sample().series("longing"))
    >>> len(keys), len(set(keys)), {len(key) for key in keys}
    (140, 140, {5})
    """
    met: Counter[tuple[int, ...]] = Counter()
    keys = []
    for pair in pairs:
        key = data_key(pair.values.reshape(len(pair.values), -1), exchangeable=pair.roles[0] == pair.roles[1])
        keys.append((*key, met[key]))
        met[key] += 1
    return keys
