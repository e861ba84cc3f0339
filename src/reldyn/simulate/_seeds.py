"""Seeds: one root, one child per dyad, so that dyad k is the same however many dyads are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from reldyn.errors import DesignError

Seed: TypeAlias = int | np.random.SeedSequence | np.random.Generator | None


def root_sequence(seed: Seed) -> np.random.SeedSequence:
    """Turn what a user may give as seed into a sequence that can be written down and used again.

    A Generator is advanced by one draw; None draws fresh entropy from the operating system.
    """
    if isinstance(seed, np.random.SeedSequence):
        return seed
    if isinstance(seed, np.random.Generator):
        return np.random.SeedSequence(int(seed.integers(2**63)))
    if seed is None:
        return np.random.SeedSequence()
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise DesignError(
            f"seed={seed!r} cannot seed a simulation: give a whole number from 0, a SeedSequence, a Generator or None."
        )
    return np.random.SeedSequence(int(seed))


def child_generator(root: np.random.SeedSequence, *key: int) -> np.random.Generator:
    """Give the generator at ``key`` below the root; equals spawning in order, but leaves the root unchanged."""
    child = np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, *key), pool_size=root.pool_size)
    return np.random.Generator(np.random.PCG64(child))


def written_seed(root: np.random.SeedSequence) -> int | tuple[int, ...] | np.random.SeedSequence:
    """Give the seed as truth stores it: what, passed as ``seed=``, brings back the same data."""
    entropy = root.entropy
    if root.spawn_key or entropy is None or isinstance(entropy, Sequence):
        return root
    return int(entropy)
