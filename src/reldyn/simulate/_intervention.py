"""Couples who try something from a day on: daily series with known changes of level and slope, and check-ins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from reldyn._types import Array, Flags, Ints
from reldyn.errors import DesignError, check_count
from reldyn.panel import DyadPanel
from reldyn.simulate._checks import lies_within, one_per_role
from reldyn.simulate._missing import check_missing
from reldyn.simulate._seeds import Seed, child_generator, root_sequence, written_seed
from reldyn.simulate._simulated import Simulated, Truth

_MEAN, _SD, _BETWEEN = 4.0, 1.0, 0.5
# What the two partners' days have in common.
_SHARED = 0.3
_WINDOW = (-2, -1, 0, 1, 2)


def intervention(
    *,
    n_dyads: int,
    n_before: int | Sequence[int] = 28,
    n_days: int = 56,
    level: float | tuple[float, float] = 0.0,
    slope: float | tuple[float, float] = 0.0,
    spread: float = 0.0,
    phi: float = 0.4,
    check_ins: Sequence[int] = (2, 5),
    response: Sequence[float] = (0.0, 0.0, 0.0, 0.0, 0.0),
    missing: float = 0.0,
    categories: int | None = None,
    seed: Seed = None,
) -> Simulated:
    """Simulate couples who answer once a day and begin regular check-ins on a known day.

    Parameters
    ----------
    n_dyads : int
    n_before : int or sequence of int, default 28
        Days before the start: four weeks, or one number per dyad for staggered starts (a multiple baseline).
    n_days : int, default 56
        Length of the study.
    level, slope : float or pair, default 0.0
        Change at the start, in SD of a person's days and in SD per week; a pair holds one number per role.
    spread : float, default 0.0
        SD, between dyads, of the change of level; both partners of a dyad share it.
    phi : float, default 0.4
        Autocorrelation from one day to the next.
    check_ins : sequence of int, default (2, 5)
        Days of the week (0 to 6) with a check-in, from the start on: twice a week by default.
    response : sequence of five floats, default all 0
        By how many SD closeness lies off on the days -2, -1, 0, 1, 2 around each check-in.
    missing : float, default 0.0
        Share of answers missing at random; their rows stay.
    categories : int, optional
        Round answers to a scale from 1 to this. None leaves them continuous, around 4 with an SD of 1.
    seed : int, SeedSequence, Generator or None, default None
        Dyad k is the same whatever ``n_dyads``. None draws one and stores it in the truth.

    Returns
    -------
    Simulated
        ``panel`` with columns ``dyad``, ``person``, ``role``, ``day`` (from 1), ``phase`` (``"baseline"``,
        ``"check-ins"``), ``check_in`` (0, 1), ``closeness``; ``truth`` with every argument, the seed and the frame
        ``starts`` (``dyad``, ``start``: the first day of the second phase).

    Raises
    ------
    DesignError
        An argument is out of range.

    Notes
    -----
    The two partners' days correlate by .3, and persons differ in their mean by half an SD of their days.

    Examples
    --------
    >>> import reldyn as rd
    >>> simulated = rd.simulate.intervention(n_dyads=3, n_before=[14, 21, 28], level=1.0, seed=1)
    >>> simulated.truth.starts["start"].tolist()
    [15, 22, 29]
    """
    check_count(n_dyads, "n_dyads", 1)
    check_count(n_days, "n_days", 4)
    check_missing(missing, "random")
    before = _baselines(n_before, n_dyads, n_days)
    if not lies_within(phi, -1, 1) or abs(phi) == 1:
        raise DesignError(f"phi={phi!r} is no autocorrelation: give a number between -1 and 1.")
    if not lies_within(spread, 0, np.inf):
        raise DesignError(f"spread={spread!r} is no standard deviation: give a number from 0.")
    weekdays = np.asarray(check_ins)
    if weekdays.ndim != 1 or not np.isin(weekdays, range(7)).all():
        raise DesignError(f"check_ins={check_ins!r}: give a list of days of the week, from 0 to 6.")
    if categories is not None:
        check_count(categories, "categories", 2)
    try:
        shape = np.asarray(response, dtype=float)
    except (TypeError, ValueError):
        shape = np.zeros(0)
    if shape.shape != (len(_WINDOW),) or not np.isfinite(shape).all():
        raise DesignError(f"response={response!r}: give five numbers, for the days -2, -1, 0, 1 and 2.")
    levels = np.array(one_per_role(level, "level", exchangeable=False))
    slopes = np.array(one_per_role(slope, "slope", exchangeable=False))
    root = root_sequence(seed)
    day = np.arange(n_days)
    frames = []
    for dyad in range(n_dyads):
        generator = child_generator(root, dyad)
        after = day >= before[dyad]
        event = after & np.isin(day % 7, list(check_ins))
        since = np.where(after, (day - before[dyad]) / 7, 0.0)
        days, mean = _days(generator, n_days, phi), _BETWEEN * generator.standard_normal(2)
        change = levels + spread * generator.standard_normal()
        course = after[:, None] * change + since[:, None] * slopes + _responses(event, shape)[:, None]
        values = _MEAN + _SD * (mean + days + course)
        values[generator.random((n_days, 2)) < missing] = np.nan
        frames.append(_rows(dyad, values, after, event, categories))
    panel = DyadPanel(pd.concat(frames, ignore_index=True), dyad="dyad", person="person", role="role", time="day")
    truth = Truth(
        n_dyads=n_dyads,
        n_days=n_days,
        level=level,
        slope=slope,
        spread=spread,
        phi=phi,
        check_ins=tuple(check_ins),
        response=tuple(response),
        missing=missing,
        categories=categories,
        sd=_SD,
        seed=written_seed(root),
        starts=pd.DataFrame({"dyad": np.arange(1, n_dyads + 1), "start": before + 1}),
    )
    return Simulated(panel, truth)


def _baselines(n_before: int | Sequence[int], n_dyads: int, n_days: int) -> Ints:
    before = np.asarray(n_before)
    if before.ndim > 1 or (before.ndim == 1 and len(before) != n_dyads):
        raise DesignError(f"n_before={n_before!r}: give one whole number, or one per dyad ({n_dyads}).")
    whole = np.broadcast_to(before, n_dyads)
    if whole.dtype.kind not in "iu" or (whole < 1).any() or (whole >= n_days).any():
        raise DesignError(f"n_before={n_before!r}: give whole numbers of days from 1 to {n_days - 1}.")
    return np.asarray(whole, dtype=np.int64)


def _days(generator: np.random.Generator, n_days: int, phi: float) -> Array:
    """Two correlated autoregressions of variance 1, (n_days, 2)."""
    shocks = generator.standard_normal((n_days, 2))
    shocks[:, 1] = _SHARED * shocks[:, 0] + np.sqrt(1 - _SHARED**2) * shocks[:, 1]
    values = shocks.copy()
    for day in range(1, n_days):
        values[day] = phi * values[day - 1] + np.sqrt(1 - phi**2) * shocks[day]
    return values


def _responses(event: Flags, shape: Array) -> Array:
    """Sum of the responses to all check-ins on each day."""
    total = np.zeros(len(event))
    for lag, size in zip(_WINDOW, shape, strict=True):
        days = np.flatnonzero(event) + lag
        np.add.at(total, days[(days >= 0) & (days < len(event))], size)
    return total


def _rows(dyad: int, values: Array, after: Flags, event: Flags, categories: int | None) -> pd.DataFrame:
    n_days = len(values)
    answers = values if categories is None else np.clip(np.rint(values), 1, categories)
    return pd.DataFrame(
        {
            "dyad": dyad + 1,
            "person": np.repeat([2 * dyad + 1, 2 * dyad + 2], n_days),
            "role": np.repeat(["a", "b"], n_days),
            "day": np.tile(np.arange(1, n_days + 1), 2),
            "phase": np.tile(np.where(after, "check-ins", "baseline"), 2),
            "check_in": np.tile(event.astype(int), 2),
            "closeness": answers.T.ravel(),
        }
    )
