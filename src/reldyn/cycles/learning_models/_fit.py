"""The population of learning rates and drives: EM by exact quadrature over a grid of rates.

Given a rate, the response is linear in the drives, and drives with a Gaussian population integrate out in closed
form; the rate is summed over a grid of its logit (Bock and Aitkin 1981). The shared columns have a flat prior, the
same in every model, so that marginal likelihoods compare.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._types import Array, Ints
from reldyn.cycles.learning_models._models import COMMON_RATES, DRIVES, GRID, ModelEvidence, Sample, gather
from reldyn.results import register
from reldyn.stats import cluster_sums

__all__ = ["LearningFit", "fit_model"]

_STARTS = (-1.7, 0.0)
_SHORT, _LONG = 20, 500
_TOLERANCE = 1e-4
# Two directions' worth of prior keep a spread that the data say nothing about off zero and off infinity.
_PRIOR_WEIGHT, _PRIOR_RATE, _PRIOR_DRIVE = 2.0, 0.7, 0.1
_LEAST_SPREAD = 0.2
_TAIL = 0.025


@register
@dataclasses.dataclass(frozen=True, slots=True)
class LearningFit:
    """One model fitted to all directions.

    Attributes
    ----------
    model : str
    common : float
        How fast associability or volatility follow; 0 where the model has none.
    centre, spread : float
        Mean and SD of the logit learning rate in the population; NaN for "none".
    drive, drive_sd : (n_drives,) arrays
        Mean and SD of the drive coefficients in the population.
    covariance : (1 + n_drives, 1 + n_drives) array
        Sampling covariance of ``centre`` and ``drive``, robust to dependence within dyads; NaN where the
        likelihood has no curvature.
    log_marginal : (n_directions,) array
    rate, low, high : (n_directions,) arrays
        Posterior mean and 95 % interval of the learning rate, shrunken to the population.
    coefficient : (n_directions, n_drives) array
        Posterior means.
    variance : (n_directions,) array
        Of the residuals.
    n_parameters : int
        Of the population.
    converged : bool
    """

    model: str
    common: float
    centre: float
    spread: float
    drive: Array
    drive_sd: Array
    covariance: Array
    log_marginal: Array
    rate: Array
    low: Array
    high: Array
    coefficient: Array
    variance: Array
    n_parameters: int
    converged: bool

    @property
    def bic(self) -> float:
        """Twice the negative log marginal likelihood, with the population's parameters penalised over directions."""
        return float(-2 * self.log_marginal.sum() + self.n_parameters * np.log(len(self.log_marginal)))


@dataclasses.dataclass(frozen=True, slots=True)
class _State:
    centre: float
    spread: float
    drive: Array
    drive_variance: Array
    variance: Array


@dataclasses.dataclass(frozen=True, slots=True)
class _Posterior:
    """What the E-step gives: (n, n_rates) weights, drive means and covariances at every rate, log likelihoods."""

    weight: Array
    mean: Array
    covariance: Array
    log_marginal: Array


def fit_model(sample: Sample, model: str, *, errors: bool = True) -> LearningFit:
    """Fit one learning model to every direction of a sample at once.

    Parameters
    ----------
    sample : Sample
    model : str
    errors : bool, default True
        Whether the sampling covariance is wanted.

    Returns
    -------
    LearningFit
    """
    if model == "none":
        return _nothing_learned(gather(sample, model, 0.0))
    short = []
    for common in COMMON_RATES[model]:
        evidence = gather(sample, model, common)
        for start in _STARTS:
            state, reached, _ = _run_em(evidence, _start(evidence, start), _SHORT)
            short.append((reached, common, evidence, state))
    _, common, evidence, state = max(short, key=lambda one: one[0])
    state, _, converged = _run_em(evidence, state, _LONG)
    return _described(model, common, evidence, state, sample.dyad, converged=converged, errors=errors)


def _nothing_learned(evidence: ModelEvidence) -> LearningFit:
    n = len(evidence.squares)
    variance = evidence.squares / evidence.freedom
    nothing = np.full(n, np.nan)
    log_marginal = -0.5 * evidence.freedom * (np.log(2 * np.pi * variance) + 1)
    nan = float("nan")
    return LearningFit(
        model="none",
        common=0.0,
        centre=nan,
        spread=nan,
        drive=np.zeros(0),
        drive_sd=np.zeros(0),
        covariance=np.full((1, 1), np.nan),
        log_marginal=log_marginal,
        rate=nothing,
        low=nothing,
        high=nothing,
        coefficient=np.zeros((n, 0)),
        variance=variance,
        n_parameters=0,
        converged=True,
    )


def _start(evidence: ModelEvidence, centre: float) -> _State:
    k = evidence.cross.shape[2]
    return _State(centre, 1.0, np.zeros(k), np.full(k, 0.09), evidence.squares / evidence.freedom)


def _run_em(evidence: ModelEvidence, state: _State, n_steps: int) -> tuple[_State, float, bool]:
    """EM steps until the penalised log likelihood stands still."""
    before = -np.inf
    for _ in range(n_steps):
        posterior = _expect(evidence, state)
        reached = float(posterior.log_marginal.sum()) + _penalty(state)
        if abs(reached - before) < _TOLERANCE:
            return state, reached, True
        before = reached
        state = _maximise(evidence, posterior)
    return state, before, False


def _penalty(state: _State) -> float:
    variances = np.concatenate([[state.spread**2], state.drive_variance])
    prior = np.concatenate([[_PRIOR_RATE**2], np.full(len(state.drive), _PRIOR_DRIVE**2)])
    return float(-0.5 * _PRIOR_WEIGHT * (np.log(variances) + prior / variances).sum())


def _log_prior(state: _State) -> Array:
    density = -0.5 * ((GRID - state.centre) / state.spread) ** 2
    return np.asarray(density - np.log(np.exp(density - density.max()).sum()) - density.max())


def _expect(evidence: ModelEvidence, state: _State) -> _Posterior:
    noise = state.variance[:, None, None]
    k = len(state.drive)
    precision = evidence.gram / noise[..., None] + np.diag(1 / state.drive_variance)
    pull = evidence.cross / noise + state.drive / state.drive_variance
    covariance, determinant = _inverse(precision)
    mean = np.einsum("ngjk,ngk->ngj", covariance, pull)
    fixed = -0.5 * (evidence.freedom * np.log(2 * np.pi * state.variance) + evidence.squares / state.variance)
    fixed = fixed - 0.5 * (np.log(state.drive_variance) + state.drive**2 / state.drive_variance).sum()
    joint = fixed[:, None] - 0.5 * np.log(determinant) + 0.5 * (pull * mean).sum(axis=2) + _log_prior(state)
    top = joint.max(axis=1, keepdims=True)
    weight = np.exp(joint - top)
    total = weight.sum(axis=1, keepdims=True)
    return _Posterior(weight / total, mean, covariance.reshape(*mean.shape, k), (top + np.log(total))[:, 0])


def _inverse(matrices: Array) -> tuple[Array, Array]:
    """Inverse and determinant of many 1 x 1 or 2 x 2 matrices; the library's loop over them costs tenfold."""
    if matrices.shape[-1] == 1:
        return 1 / matrices, matrices[..., 0, 0]
    a, b, d = matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 1, 1]
    determinant = a * d - b * b
    inverse = np.stack([np.stack([d, -b], axis=-1), np.stack([-b, a], axis=-1)], axis=-2)
    return inverse / determinant[..., None, None], determinant


def _maximise(evidence: ModelEvidence, posterior: _Posterior) -> _State:
    weight, n = posterior.weight, len(posterior.weight)
    centre = float(np.clip((weight @ GRID).mean(), GRID[0] + 0.5, GRID[-1] - 0.5))
    around = float((weight @ (GRID - centre) ** 2).sum())
    spread = np.sqrt((around + _PRIOR_WEIGHT * _PRIOR_RATE**2) / (n + _PRIOR_WEIGHT))
    drive = np.einsum("ng,ngk->k", weight, posterior.mean) / n
    diagonal = np.einsum("ngkk->ngk", posterior.covariance) + (posterior.mean - drive) ** 2
    around_drive = np.einsum("ng,ngk->k", weight, diagonal)
    drive_variance = (around_drive + _PRIOR_WEIGHT * _PRIOR_DRIVE**2) / (n + _PRIOR_WEIGHT)
    second = posterior.covariance + posterior.mean[..., :, None] * posterior.mean[..., None, :]
    explained = 2 * (evidence.cross * posterior.mean).sum(axis=2) - (evidence.gram * second).sum(axis=(2, 3))
    left = evidence.squares - (weight * explained).sum(axis=1)
    variance = np.maximum(left, 1e-8 * evidence.squares) / evidence.freedom
    return _State(centre, max(float(spread), _LEAST_SPREAD), drive, drive_variance, variance)


def _described(
    model: str,
    common: float,
    evidence: ModelEvidence,
    state: _State,
    dyad: Ints,
    *,
    converged: bool,
    errors: bool,
) -> LearningFit:
    posterior = _expect(evidence, state)
    k = len(DRIVES[model])
    rates = 1 / (1 + np.exp(-GRID))
    return LearningFit(
        model=model,
        common=float(common),
        centre=state.centre,
        spread=state.spread,
        drive=state.drive,
        drive_sd=np.sqrt(state.drive_variance),
        covariance=_robust(evidence, state, dyad) if errors else np.full((1 + k, 1 + k), np.nan),
        log_marginal=posterior.log_marginal,
        rate=posterior.weight @ rates,
        low=_quantile(posterior.weight, _TAIL),
        high=_quantile(posterior.weight, 1 - _TAIL),
        coefficient=np.einsum("ng,ngk->nk", posterior.weight, posterior.mean),
        variance=state.variance,
        n_parameters=2 + 2 * k + (len(COMMON_RATES[model]) > 1),
        converged=converged,
    )


def _quantile(weight: Array, share: float) -> Array:
    """Of the learning rate, with each weight spread evenly over its cell of the grid."""
    edges = np.append(GRID, GRID[-1] + (GRID[1] - GRID[0])) - (GRID[1] - GRID[0]) / 2
    cumulative = np.column_stack([np.zeros(len(weight)), np.cumsum(weight, axis=1)])
    logit = np.array([np.interp(share, one, edges) for one in cumulative])
    return np.asarray(1 / (1 + np.exp(-logit)))


def _robust(evidence: ModelEvidence, state: _State, dyad: Ints) -> Array:
    """Sandwich covariance of centre and drives, with scores summed within dyads, by finite differences."""
    k = len(state.drive)
    at = np.concatenate([[state.centre], state.drive, [np.log(state.spread)], 0.5 * np.log(state.drive_variance)])
    width = 1e-3

    def marginal(values: Array) -> tuple[Array, float]:
        moved = _State(
            float(values[0]),
            float(np.exp(values[k + 1])),
            values[1 : k + 1],
            np.exp(2 * values[k + 2 :]),
            state.variance,
        )
        return _expect(evidence, moved).log_marginal, _penalty(moved)

    def gradient(values: Array) -> tuple[Array, Array]:
        steps = width * np.eye(len(values))
        ups, downs = [marginal(values + step) for step in steps], [marginal(values - step) for step in steps]
        scores = np.stack([(up[0] - down[0]) / (2 * width) for up, down in zip(ups, downs, strict=True)], axis=1)
        prior = np.array([(up[1] - down[1]) / (2 * width) for up, down in zip(ups, downs, strict=True)])
        return scores, scores.sum(axis=0) + prior

    scores = gradient(at)[0]
    shifts = width * np.eye(len(at))
    curvature = np.stack([(gradient(at + one)[1] - gradient(at - one)[1]) / (2 * width) for one in shifts])
    curvature = -(curvature + curvature.T) / 2
    if np.linalg.eigvalsh(curvature)[0] <= 0:
        return np.full((1 + k, 1 + k), np.nan)
    codes = np.unique(dyad, return_inverse=True)[1]
    summed = cluster_sums(scores, codes)
    summed = summed - summed.mean(axis=0)
    n = len(summed)
    inverse = np.linalg.inv(curvature)
    covariance = inverse @ (summed.T @ summed * n / max(n - 1, 1)) @ inverse
    return np.asarray(covariance[: 1 + k, : 1 + k])
