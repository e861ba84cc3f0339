"""Does the response follow what could be learned about warmth: its surprises, and how uncertain it has become?

Learning rates of single series cannot be told from chance at the lengths of diary studies, so that all directions
are fitted as one population, and every fit is drawn from and fitted again before it is reported.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Column, Flags
from reldyn.cycles.learning_models._fit import LearningFit, fit_model
from reldyn.cycles.learning_models._models import MODELS, Model, Sample, respond
from reldyn.cycles.learning_models._result import POOR_RECOVERY, LearningResult, Recovered
from reldyn.cycles.series._directions import CycleColumns, WarmthDirection, build_series
from reldyn.cycles.series._events import ReportedBy
from reldyn.cycles.series._series import DirectionSeries
from reldyn.errors import ConvergenceWarning, DataError, DesignError, check_option, warn_caller
from reldyn.panel import analysis
from reldyn.stats import child_seed, known_seed, map_seeded, one_thread

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel


__all__ = ["learning", "sample_of"]

# Pairs of occasions per shared column: below, the shared columns leave nothing to learn from.
_PAIRS_PER_COLUMN = 4
_FEWEST_DIRECTIONS, _FEW_DYADS = 4, 20
_GOOD_CHOICE = 0.8


@analysis
def learning(
    panel: DyadPanel,
    *,
    warmth: Column,
    response: Column,
    models: Sequence[Model] = MODELS,
    reported_by: ReportedBy = "receiver",
    n_recovery: int = 20,
    seed: Any = None,
    n_jobs: int = 1,
) -> LearningResult:
    """Fit models of learning about warmth to all dyads as one population, and report what can be recovered.

    The response at the next beep of the day is regressed on the prediction error of warmth and, where the model
    has one, on the uncertainty of the expectation. The response before, current warmth and the time of day stand
    beside them in every model, the one without learning included; as current warmth is expectation plus error,
    the error's coefficient is also that of the expectation with its sign changed.

    Parameters
    ----------
    panel : DyadPanel
        At least two beeps a day. Where warmth is missing, and over night, the expectation is carried forward; a
        pair of beeps counts where both responses and the warmth before were answered.
    warmth, response : str
        Columns as in `reldyn.detect_cycles`; each series is put in units of its own SD.
    models : sequence of {"none", "rescorla-wagner", "pearce-hall", "volatile-kalman"}, default all four
        The model without learning is the one the others must beat.
    reported_by : {"receiver", "giver"}, default "receiver"
        Who rates the warmth.
    n_recovery : int, default 20
        Samples drawn per model for the recovery report; it cannot be left out, since without it no rate means
        anything. 20 tell a correlation of .3 from one of .7; take 100 for a paper.
    seed : int, SeedSequence, Generator or None, default None
    n_jobs : int, default 1
        The result is the same whatever the number.

    Returns
    -------
    LearningResult
        ``tidy()`` the population, ``comparison()`` the models, ``rates()`` the shrunken rates of directions,
        ``parameter_recovery()`` and ``model_recovery()`` the report.

    Raises
    ------
    DataError
        A column does not exist or holds text, or fewer than four directions can be used.
    DesignError
        An option is not known or out of range.

    Notes
    -----
    Directions are the units; standard errors of the population allow for dependence within dyads. Intervals of
    single rates take the population as known; the report's coverage says what that costs. How fast associability
    and volatility follow is one value for the sample, chosen from three. BIC counts directions. In simulated samples
    of 30 dyads true and recovered rates correlate about .8 at best (200 beeps, drives as large as the noise), and .1
    to .3 where drives are a quarter of that (100 to 200 beeps), though BIC still finds most models:
    ``tools/results/learning`` and the page on limitations have the figures. Expect one to two
    seconds per drawn sample of 60 directions of 300 beeps with all four models. Responses drawn for the report
    are continuous and without bounds.

    References
    ----------
    Rescorla and Wagner (1972), in Classical Conditioning II. Pearce and Hall (1980), Psychological Review 87.
    Behrens, Woolrich, Walton and Rushworth (2007), Nature Neuroscience 10. Piray and Daw (2020), PLoS
    Computational Biology 16.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=3, n_occasions=120, seed=1).panel
    >>> fit = rd.cycles.learning(
    ...     panel, warmth="warmth", response="response", models=("none", "rescorla-wagner"), n_recovery=1, seed=1
    ... )
    >>> fit.best.model, len(fit.rates())
    ('none', 6)
    """
    chosen = _checked(models, n_recovery)
    prepared = build_series(panel, CycleColumns(warmth, response, reported_by))
    sample, directions = sample_of(prepared)
    used = [one for one in directions if not one[3]]
    if sample is None:
        why = next((note for *_, note in directions if note), "")
        raise DataError(
            f"{len(used)} directions of {warmth!r} and {response!r} can be used, fewer than {_FEWEST_DIRECTIONS}: "
            f"a population needs more ({why or 'too few dyads'}). rd.cycles.vigilance works on single directions."
        )
    known = known_seed(seed)
    with one_thread():
        fits = tuple(fit_model(sample, model) for model in chosen)
    tasks = [(sample, fits, place) for place in range(len(fits)) for _ in range(n_recovery)]
    root = np.random.SeedSequence(known)
    recovery = tuple(map_seeded(_recover, tasks, child_seed(root, 0), n_jobs, label="recovery"))
    setting = {"reported_by": reported_by, "n_recovery": int(n_recovery), "seed": known}
    bare = LearningResult.of(
        warmth=warmth, response=response, setting=setting, fits=fits, directions=directions, recovery=recovery
    )
    result = bare.with_parts(notes=_cautions(bare))
    late = [fit.model for fit in fits if not fit.converged]
    if late:
        warn_caller(f"EM has not converged for {', '.join(late)}", ConvergenceWarning)
    return result


def _checked(models: Sequence[Model], n_recovery: int) -> tuple[Model, ...]:
    asked: tuple[Any, ...] = (models,) if isinstance(models, str) else tuple(models)
    for model in asked:
        check_option(model, MODELS, "models")
    if not asked or len(set(asked)) < len(asked):
        raise DesignError(f"models={asked!r}: name each of {', '.join(MODELS)} at most once, and at least one.")
    if isinstance(n_recovery, bool) or not isinstance(n_recovery, (int, np.integer)) or n_recovery < 1:
        raise DesignError(f"n_recovery={n_recovery!r}: give a whole number from 1; no rate is reported without.")
    return asked


def sample_of(prepared: Sequence[WarmthDirection]) -> tuple[Sample | None, tuple[tuple[Any, Any, int, str], ...]]:
    """Directions side by side as arrays, and why others were left out.

    Parameters
    ----------
    prepared : sequence of Arranged

    Returns
    -------
    sample : Sample or None
        None where fewer than four directions can be used.
    directions : tuple of (dyad, giver, n_pairs, note)
        All, in order; the note says why a direction is not in the sample.
    """
    rows, kept = [], []
    for one in prepared:
        n_pairs, note = _usable(one.series)
        rows.append((one.dyad, one.giver, n_pairs, note))
        if not note and one.series is not None:
            kept.append((one.series, one.key[0]))
    if len(kept) < _FEWEST_DIRECTIONS:
        return None, tuple(rows)
    length = max(len(series.y) for series, _ in kept)
    beeps = np.unique(np.concatenate([series.beep for series, _ in kept]))
    n = len(kept)
    warmth, response = np.full((n, length), np.nan), np.full((n, length), np.nan)
    fixed, pair = np.zeros((n, length - 1, len(beeps) + 1)), np.zeros((n, length - 1), dtype=bool)
    for place, (series, _) in enumerate(kept):
        size = len(series.y)
        warmth[place, :size], response[place, :size] = _standard(series.y[:, 0]), _standard(series.y[:, 1])
        pair[place, : size - 1] = _pairs(series)
        fixed[place, : size - 1, :-1] = series.beep[1:, None] == beeps
        fixed[place, : size - 1, -1] = np.nan_to_num(warmth[place, : size - 1])
        fixed[place, ~pair[place]] = 0.0
    return Sample(warmth, response, fixed, pair, np.array([dyad for _, dyad in kept], dtype=np.int64)), tuple(rows)


def _pairs(series: DirectionSeries) -> Flags:
    answered = np.isfinite(series.y)
    return np.asarray(answered[:-1].all(axis=1) & answered[1:, 1] & ~series.night[1:])


def _usable(series: DirectionSeries | None) -> tuple[int, str]:
    """Pairs of a direction, and why they cannot be used; empty if they can."""
    if series is None:
        return 0, "no answers"
    pair = _pairs(series)
    n_pairs = int(pair.sum())
    needed = _PAIRS_PER_COLUMN * (len(np.unique(series.beep[1:][pair])) + 4)
    if n_pairs < needed:
        return n_pairs, f"{counted(n_pairs, 'pair')} of beeps within days, below {needed}"
    before, after = series.y[:-1][pair], series.y[1:, 1][pair]
    if min(np.ptp(before[:, 0]), np.ptp(before[:, 1]), np.ptp(after)) == 0:
        return n_pairs, "warmth or response never varies"
    columns = np.column_stack([before, series.beep[1:, None][pair] == np.unique(series.beep)])
    left = after - columns @ np.linalg.lstsq(columns, after, rcond=None)[0]
    # A response that the shared columns give without remainder leaves nothing to explain.
    exact = float(left @ left) < 1e-10 * float(((after - after.mean()) ** 2).sum())
    return n_pairs, "the response follows the shared terms without remainder" if exact else ""


def _standard(values: Array) -> Array:
    return np.asarray((values - np.nanmean(values)) / np.nanstd(values))


def _recover(task: tuple[Sample, tuple[LearningFit, ...], int], rng: np.random.Generator) -> Recovered:
    """Draw one sample from a fitted model and fit every model to it."""
    sample, fits, place = task
    truth = fits[place]
    n = len(truth.variance)
    logit = truth.centre + truth.spread * rng.standard_normal(n)
    rate = np.clip(1 / (1 + np.exp(-logit)), 0.01, 0.99)
    coefficient = truth.drive + truth.drive_sd * rng.standard_normal((n, len(truth.drive)))
    fitted = (truth.rate, truth.coefficient, truth.variance)
    drawn = respond(sample, truth.model, truth.common, fitted, (rate, coefficient), rng)
    again = [fit_model(drawn, fit.model, errors=False) for fit in fits]
    chosen = min(again, key=lambda fit: fit.bic).model
    own = again[place]
    if truth.model == "none":
        return Recovered("none", chosen, math.nan, math.nan, math.nan, math.nan, np.zeros(0))
    constant = np.ptp(own.rate) < 1e-9
    return Recovered(
        truth=truth.model,
        chosen=chosen,
        correlation=0.0 if constant else float(np.corrcoef(rate, own.rate)[0, 1]),
        bias=float((own.rate - rate).mean()),
        coverage=float(((own.low <= rate) & (rate <= own.high)).mean()),
        centre=float(1 / (1 + np.exp(-own.centre))),
        drive=own.drive,
    )


def _cautions(result: LearningResult) -> list[str]:
    """What a careful reader must know."""
    notes = []
    for model in (fit.model for fit in result.fits if fit.model != "none"):
        correlation = result.rate_recovery(model)
        if not correlation >= POOR_RECOVERY:
            notes.append(
                f"{model}: true and recovered learning rates correlate {correlation:.2f} in this "
                f"design, below {POOR_RECOVERY:g}: the learning rate of a direction must not be interpreted"
            )
    best = result.best.model
    if best == "none" and len(result.fits) > 1:
        notes.append(
            "the model without learning has the lowest BIC: rates, drives and intervals of the others belong to "
            "models that these answers do not ask for"
        )
    back = result.recognised(best)
    if back < _GOOD_CHOICE:
        notes.append(f"samples drawn from {best} are recognised as such in {back:.0%}: the choice of model is unsure")
    if result.setting["n_recovery"] < 10:
        notes.append(f"{result.setting['n_recovery']} samples per model: the recovery report is rough")
    used = {one[0] for one in result.directions if not one[3]}
    if len(used) < _FEW_DYADS:
        notes.append(f"{len(used)} dyads are few for a population, below {_FEW_DYADS}")
    left_out = sum(bool(one[3]) for one in result.directions)
    if left_out:
        notes.append(f"{left_out} of {len(result.directions)} directions could not be used: see the notes of rates()")
    for fit in result.fits:
        if not fit.converged:
            notes.append(f"{fit.model}: EM has not converged")
        if fit.model != "none" and not np.isfinite(fit.covariance).all():
            notes.append(f"{fit.model}: the likelihood is flat somewhere, so that the population has no intervals")
    if "none" not in {fit.model for fit in result.fits}:
        notes.append("the model without learning was not fitted: nothing says that there is learning at all")
    return notes
