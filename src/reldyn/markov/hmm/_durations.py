"""Negative-binomial sojourns as an age-expanded chain: hazards, stationary ages and their M-step.

A visit lasts D occasions, D - 1 negative binomial with mean ``mean - 1`` and the given size: size 1 is the
geometric sojourn of an ordinary chain, larger sizes are more regular (Guedon 2003; Bulla and Bulla 2006). The
hazard is exact up to the oldest age and constant after it, which is also how the hazard of this law behaves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reldyn._types import Array
from reldyn.markov.hmm._parameters import Parameters
from reldyn.markov.hmm._recursions import Expected

OLDEST = 48
MEAN_RANGE = (1.02, 400.0)
SIZE_RANGE = (0.05, 100.0)
CLIP = 1e-10


def hazards(mean: Array, size: Array, ages: int) -> tuple[Array, Array]:
    """Return the hazard and the stationary distribution of the age, both (..., ages).

    Parameters
    ----------
    mean, size : (...)
        Mean sojourn in occasions (above 1) and size of the negative binomial.
    """
    from scipy.special import betainc, gammaln

    m, r = mean[..., None] - 1.0, size[..., None]
    leave = r / (r + m)
    count = np.arange(ages, dtype=float)
    log_mass = gammaln(count + r) - gammaln(r) - gammaln(count + 1.0) + r * np.log(leave) + count * np.log1p(-leave)
    survival = np.ones(np.broadcast_shapes(log_mass.shape))
    survival[..., 1:] = betainc(count[1:], r, 1.0 - leave)
    survival = np.maximum(survival, 1e-290)
    hazard = np.clip(np.exp(log_mass) / survival, CLIP, 1.0 - CLIP)
    weight = np.empty_like(survival)
    weight[..., 0] = 1.0
    weight[..., 1:] = np.cumprod(1.0 - hazard[..., :-1], axis=-1)
    weight[..., -1] /= hazard[..., -1]
    return hazard, weight / weight.sum(-1, keepdims=True)


def duration_step(p: Parameters, expected: Expected, limit: float) -> Parameters:
    """Newton steps on log mean and log size, halved until the expected log likelihood does not fall."""
    here = np.stack([np.log(p.mean_stay), np.log(p.size_stay)], axis=-1)
    low = np.log([MEAN_RANGE[0], SIZE_RANGE[0]])
    high = np.log([min(MEAN_RANGE[1], max(limit, 2.0)), SIZE_RANGE[1]])
    for _ in range(2):
        here = _newton(here, expected, low, high)
    return replace(p, mean_stay=np.exp(here[..., 0]), size_stay=np.exp(here[..., 1]))


def _newton(here: Array, expected: Expected, low: Array, high: Array) -> Array:
    width = 1e-3
    offsets = width * np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)], dtype=float)
    value = _objective(here[:, :, None] + offsets, expected)
    base = value[..., 4]
    gradient = np.stack([value[..., 7] - value[..., 1], value[..., 5] - value[..., 3]], axis=-1) / (2 * width)
    own = np.stack([value[..., 7] + value[..., 1], value[..., 5] + value[..., 3]], axis=-1) - 2 * base[..., None]
    cross = (value[..., 8] - value[..., 6] - value[..., 2] + value[..., 0]) / (4 * width**2)
    bend = -own / width**2
    # A direction that is not concave is climbed by a step of fixed size.
    bend = np.where(bend > 1e-3, bend, np.maximum(np.abs(gradient), 1e-3))
    det = bend[..., 0] * bend[..., 1] - cross**2
    cross = np.where(det > 0.1 * bend[..., 0] * bend[..., 1], cross, 0.0)
    det = bend[..., 0] * bend[..., 1] - cross**2
    step = np.stack(
        [
            bend[..., 1] * gradient[..., 0] + cross * gradient[..., 1],
            bend[..., 0] * gradient[..., 1] + cross * gradient[..., 0],
        ],
        axis=-1,
    )
    step = np.clip(step / det[..., None], -1.0, 1.0)
    sizes = np.array([1.0, 0.5, 0.2, 0.05, 0.01, 0.0])
    trial = np.clip(here[:, :, None] + sizes[:, None] * step[:, :, None], low, high)
    trial[:, :, -1] = here
    best = _objective(trial, expected).argmax(-1)
    return np.take_along_axis(trial, best[..., None, None], axis=2)[:, :, 0]


def _objective(points: Array, expected: Expected) -> Array:
    """Expected log likelihood of sojourns and first ages at (starts, states, points, 2)."""
    if expected.exits is None or expected.stays is None or expected.first is None:
        raise TypeError("explicit sojourns need the counts of `sojourn_forward_backward`")
    mean = np.maximum(np.exp(points[..., 0]), 1.0 + 1e-6)
    hazard, first = hazards(mean, np.exp(points[..., 1]), expected.exits.shape[2])
    return np.asarray(
        (
            expected.exits[:, :, None] * np.log(hazard)
            + expected.stays[:, :, None] * np.log1p(-hazard)
            + expected.first[:, :, None] * np.log(np.maximum(first, 1e-290))
        ).sum(-1)
    )
