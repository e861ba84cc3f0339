"""From the wall clock of a time zone to instants and back; which hours a change of the clock repeats or skips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags

__all__ = ["Instants", "instants_of", "wall_clock_of"]


@dataclass(frozen=True, eq=False)
class Instants:
    """Instants of a naive wall clock.

    Attributes
    ----------
    seconds : (n,) float array
        Since 1970-01-01 UTC. A time that the clock showed twice is the first of the two; one that the clock skipped
        is read as if it had not been put forward yet.
    second : (n,) float array
        The same, with the later of two possible instants.
    repeated, skipped : (n,) bool arrays
    """

    seconds: Array
    second: Array
    repeated: Flags
    skipped: Flags


def instants_of(local: Array, zone: str) -> Instants:
    """Instants of seconds on the wall clock of a zone; NaN stays missing.

    Examples
    --------
    >>> import numpy as np
    >>> noon = np.datetime64("2021-03-28T12:00:00").astype("datetime64[s]").astype(float)
    >>> (instants_of(np.array([noon]), "Europe/Berlin").seconds - noon).item() / 3600
    -2.0
    """
    import pandas as pd

    known = np.isfinite(local)
    naive = pd.DatetimeIndex(_stamps(local[known]))
    hour = pd.Timedelta(hours=1)
    both = [naive.tz_localize(zone, ambiguous=np.full(len(naive), first), nonexistent=hour) for first in (True, False)]
    first, last = (_seconds(stamps.tz_convert("UTC").tz_localize(None)) for stamps in both)
    shown = _seconds(both[0].tz_localize(None))
    out = [np.full(len(local), np.nan), np.full(len(local), np.nan)]
    out[0][known], out[1][known] = first, last
    repeated, skipped = np.zeros(len(local), dtype=bool), np.zeros(len(local), dtype=bool)
    repeated[known] = first != last
    skipped[known] = np.abs(shown - local[known]) > 1
    return Instants(out[0], out[1], repeated, skipped)


def wall_clock_of(instants: Array, zone: str) -> Array:
    """Seconds on the wall clock of a zone at these seconds since 1970-01-01 UTC; NaN stays missing."""
    import pandas as pd

    known = np.isfinite(instants)
    local = np.full(len(instants), np.nan)
    stamps = pd.DatetimeIndex(_stamps(instants[known])).tz_localize("UTC").tz_convert(zone)
    local[known] = _seconds(stamps.tz_localize(None))
    return local


def _stamps(seconds: Array) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return np.rint(seconds * 1e6).astype(np.int64).view("datetime64[us]")


def _seconds(stamps: object) -> Array:
    whole = np.asarray(stamps, dtype="datetime64[us]").astype(np.int64)
    return np.asarray(whole / 1e6)
