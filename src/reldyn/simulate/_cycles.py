"""Panels of warmth and response: intermittent cycles, their rhythmic and linear look-alikes, and the truth."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from reldyn.errors import check_count
from reldyn.panel import DyadPanel, Schedule
from reldyn.simulate._grid import NIGHT_STEPS
from reldyn.simulate._missing import MissingPattern
from reldyn.simulate._seeds import Seed, child_generator, root_sequence, written_seed
from reldyn.simulate._series import CycleKind, SeriesDesign, Shape, SimulatedSeries, simulate_series
from reldyn.simulate._simulated import Simulated, Truth


def cycles(
    kind: CycleKind,
    *,
    n_dyads: int,
    n_occasions: int,
    beeps_per_day: int = 4,
    effect: float = 1.5,
    phi: float | None = None,
    reliability: float | None = None,
    sojourn_cv: float | None = None,
    period: float = 16,
    shape: Shape = "steps",
    missing: float = 0.0,
    missing_pattern: MissingPattern = "random",
    categories: int = 7,
    seed: Seed = None,
) -> Simulated:
    """Simulate warmth received and the receiver's response, with or without cycles in it.

    Every person rates the warmth received from the partner (``warmth``) and the own response to
    it, longing or approach (``response``). The two directions of a dyad are independent series.
    All kinds share the schedule (a night counts three steps; day 1 is a Monday), a time of day of
    amplitude .4 SD, a weekend lift of .2 SD, an item scaled to an SD of 1.3 of seven categories,
    and persons who differ in their mean by .3 SD, so that no kind is known by its margins.

    Parameters
    ----------
    kind : str
        Without phases:

        - ``"linear"``: a first-order vector autoregression, own effects U(.2, .6), cross effects U(-.12, .2);
        - ``"floor"``: the same, with a mean answer of a sixth of the scale (2 of 1-7);
        - ``"skewed_shocks"``: the same with centred exponential shocks (skewness 2);
        - ``"noisy_linear"``: the same with own effects of .9 and reliability .5;
        - ``"level_shift"``: the same with one lasting change of level of ``effect`` SD, up or down per
          channel, somewhere in the middle half of the study;
        - ``"oscillator"``: antisymmetric cross effects U(.25, .4).

        With phases (fusion, rupture, pursuit: 7, 5 and 4 parts of the period; noise with phi .3):

        - ``"rhythm"``: strict clock of exactly ``period`` beeps;
        - ``"drifting_rhythm"``: strict clock whose period does not fit the beeps: 16.4 where ``period`` is left at
          16, any other value as it stands;
        - ``"jittered_rhythm"``: fixed order, dwell times vary by ``sojourn_cv`` (default .15);
        - ``"cycle"``: geometric dwell times, 15 % of moves against the order;
        - ``"alternation"``: two phases (warm, withdrawn), geometric dwell times of half a period each.
    n_dyads : int
        Dyads with two members each.
    n_occasions : int
        Scheduled beeps per person, at least 4; the last day may be incomplete.
    beeps_per_day : int, default 4
        A common load of experience sampling.
    effect : float, default 1.5
        Factor on the phase means: at 1 phases lie 1.4 to 2.2 SD of the noise apart; 1.5 is a large effect.
        For ``"level_shift"`` the size of the shift in SD. Without meaning for the other linear kinds.
    phi : float, optional
        Own effect of the noise from one beep to the next, instead of the kind's.
    reliability : float, optional
        Share of the variance that is not measurement error, before rounding; default 1 (.5 for ``"noisy_linear"``).
    sojourn_cv : float, optional
        Coefficient of variation of dwell times in beeps for ``"jittered_rhythm"``, ``"cycle"`` and ``"alternation"``;
        gamma dwell times rounded up to whole beeps then replace geometric ones.
    period : float, default 16
        Mean length of one cycle in beeps, at least 6. At four beeps a day 28 is a weekly rhythm.
    shape : {"steps", "sine"}, default "steps"
        ``"sine"`` smooths ``"rhythm"`` and ``"drifting_rhythm"`` to a sine of the same variance.
    missing : float, default 0.0
        Expected share of missed beeps. Missed beeps keep their row; both answers are missing.
    missing_pattern : {"random", "bursts", "affect"}, default "random"
        Independent; in runs of six beeps on average; or likelier when the person receives little warmth
        (log odds 1.2 per SD).
    categories : int, default 7
        Answers run from 1 to this.
    seed : int, SeedSequence, Generator or None, default None
        Dyad k is the same whatever ``n_dyads``. None draws a seed and stores it in the truth.

    Returns
    -------
    Simulated
        ``panel`` with columns ``dyad``, ``person``, ``role``, ``day``, ``beep``, ``warmth``, ``response``; ``truth``
        with every argument, the seed, and two frames: ``couples`` (one row per dyad and giver: ``receiver``,
        ``kind``, ``period``, ``sojourn_cv``, ``effect``, ``reliability``, the four coefficients of the noise in units
        of its SD, and day and beep of a level shift) and ``phases`` (``dyad``, ``giver``, ``day``, ``beep``, ``phase``;
        empty for kinds without phases). The giver is the person whose warmth it is: the partner of the rater.

    Raises
    ------
    DesignError
        An argument is out of range, or does not apply to the kind.

    Notes
    -----
    The dwell time CV of geometric phases is sqrt(1 - p) for a leaving probability p, not 1: beeps are discrete.

    Examples
    --------
    >>> import reldyn as rd
    >>> simulated = rd.simulate.cycles("cycle", n_dyads=2, n_occasions=100, seed=1)
    >>> simulated.panel.n_dyads, simulated.panel.n_occasions
    (2, 100)
    >>> simulated.truth.phases["phase"].unique().tolist()
    ['fusion', 'rupture', 'pursuit']
    """
    check_count(n_dyads, "n_dyads", 1)
    design = SeriesDesign(
        kind,
        n_occasions,
        beeps_per_day,
        effect,
        phi,
        reliability,
        sojourn_cv,
        period,
        shape,
        missing,
        missing_pattern,
        categories,
    )
    root = root_sequence(seed)
    batch = simulate_series(
        design, [child_generator(root, dyad, member) for dyad in range(n_dyads) for member in (0, 1)]
    )
    scale = (1.0, float(categories))
    panel = DyadPanel(
        _panel_frame(batch),
        dyad="dyad",
        person="person",
        role="role",
        day="day",
        beep="beep",
        schedule=Schedule(night_steps=NIGHT_STEPS),
        scales={"warmth": scale, "response": scale},
    )
    return Simulated(panel, _truth(design, batch, n_dyads, root))


def _panel_frame(batch: SimulatedSeries) -> pd.DataFrame:
    """Lay the series out as rows; series 2k and 2k + 1 are the two receivers of dyad k."""
    n_series, n_occasions = batch.phase.shape
    person = np.arange(1, n_series + 1)
    return pd.DataFrame(
        {
            "dyad": np.repeat((person + 1) // 2, n_occasions),
            "person": np.repeat(person, n_occasions),
            "role": np.tile(np.repeat(["a", "b"], n_occasions), n_series // 2),
            "day": np.tile(batch.grid.day, n_series),
            "beep": np.tile(batch.grid.beep, n_series),
            "warmth": batch.values[:, :, 0].ravel(),
            "response": batch.values[:, :, 1].ravel(),
        }
    )


def _truth(design: SeriesDesign, batch: SimulatedSeries, n_dyads: int, root: np.random.SeedSequence) -> Truth:
    settings: dict[str, Any] = {field.name: getattr(design, field.name) for field in dataclasses.fields(design)}
    couples, phases = series_truth(design, batch)
    return Truth(
        **settings, n_dyads=n_dyads, night_steps=NIGHT_STEPS, seed=written_seed(root), couples=couples, phases=phases
    )


def series_truth(design: SeriesDesign, batch: SimulatedSeries) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tabulate what is behind a batch of directions, two per dyad: their models, and the phase at every occasion."""
    receiver = np.arange(1, len(batch.phase) + 1)
    giver = receiver + np.where(receiver % 2 == 1, 1, -1)
    model, grid, shifted = design.phase_model, batch.grid, batch.shift >= 0
    couples = pd.DataFrame(
        {
            "dyad": (receiver + 1) // 2,
            "giver": giver,
            "receiver": receiver,
            "kind": design.kind,
            "period": np.nan if model is None else model.period,
            "sojourn_cv": np.nan if model is None else model.sojourn_cv,
            "effect": design.effect if model is not None or design.kind == "level_shift" else 0.0,
            "reliability": 1.0 if design.reliability is None else design.reliability,
            "phi_warmth": batch.coefficients[:, 0, 0],
            "phi_response": batch.coefficients[:, 1, 1],
            "response_to_warmth": batch.coefficients[:, 0, 1],
            "warmth_to_response": batch.coefficients[:, 1, 0],
            "shift_day": np.where(shifted, grid.day[batch.shift], np.nan),
            "shift_beep": np.where(shifted, grid.beep[batch.shift], np.nan),
        }
    )
    names = np.array(() if model is None else model.names, dtype=object)
    repeated = receiver if model is not None else receiver[:0]
    n_occasions = len(grid.day)
    phases = pd.DataFrame(
        {
            "dyad": np.repeat((repeated + 1) // 2, n_occasions),
            "giver": np.repeat(giver[: len(repeated)], n_occasions),
            "day": np.tile(grid.day, len(repeated)),
            "beep": np.tile(grid.beep, len(repeated)),
            "phase": names[batch.phase.ravel()] if model is not None else names,
        }
    )
    return couples, phases
