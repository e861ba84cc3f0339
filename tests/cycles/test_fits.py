"""Fits behind the claims: what is not a number loses, and gradual phases are the best of their starts and steps."""

import dataclasses

import numpy as np
import pytest

from reldyn.cycles.ladder._fits import MEMORY, _larger, best_of, fit_gradual, fit_regimes, gradual_price
from reldyn.cycles.ladder._starts import finite
from reldyn.markov.regimes import RAMP_STEPS, SwitchingData, fit_ramps, fit_sojourns, sojourn_start


def phases(n=3, n_occasions=120, *, width=1, seed=1):
    """Two phases that last about ten occasions, smoothed over ``width``."""
    rng = np.random.default_rng(seed)
    level = np.where(np.cumsum(rng.random((n, n_occasions)) < 0.1, axis=1) % 2, 1.5, -1.5)
    level = np.stack([np.convolve(row, np.ones(width) / width)[:n_occasions] for row in level])
    y = np.stack([level, 0.5 * level], axis=2) + 0.6 * rng.standard_normal((n, n_occasions, 2))
    observed = rng.random(n_occasions) >= 0.1
    y = np.where(observed[None, :, None], y, 0.0)
    return SwitchingData(y, observed, np.zeros(n_occasions, dtype=bool), np.zeros((n, n_occasions, 0)), 0.01)


def test_gradual_phases_are_the_best_of_all_steps_and_beat_abrupt_ones_where_they_are():
    data = phases(width=4)
    regimes = fit_regimes(data, 2)
    gradual = fit_gradual(data, regimes)
    whole = {
        steps: fit_ramps(data, regimes.fit.posterior, steps, n_iterations=60, memory=MEMORY).log_likelihood
        for steps in RAMP_STEPS
    }
    values = np.stack([*whole.values()])
    np.testing.assert_allclose(gradual.log_likelihood, values.max(axis=0), atol=0.1)
    np.testing.assert_array_equal(gradual.steps, np.array(RAMP_STEPS)[values.argmax(axis=0)])
    assert ((gradual.position >= 0) & (gradual.position <= 1)).all()
    assert (gradual.log_likelihood > regimes.fit.log_likelihood).all()
    assert gradual_price(2) == 10.0


def test_what_is_no_number_loses():
    np.testing.assert_array_equal(finite(np.array([np.nan, np.inf, -np.inf, 2.0])), [-np.inf, -np.inf, -np.inf, 2.0])
    data = phases()
    start = sojourn_start(data, fit_regimes(data, 2).fit.posterior, np.full((3, 2), 8.0), np.ones((3, 2, 2)))
    fit = fit_sojourns(data, start, 2, n_iterations=2)
    broken = dataclasses.replace(fit, log_likelihood=np.full(3, np.nan))
    for pair in ((fit, broken), (broken, fit)):
        np.testing.assert_array_equal(_larger(*pair).log_likelihood, fit.log_likelihood)


def test_a_start_without_numbers_is_not_gone_on_from():
    data = phases(n=2)
    good = fit_regimes(data, 2).fit.posterior
    starts = np.stack([np.full_like(good, np.nan), good])
    wanted = best_of(data, np.stack([good, good])).log_likelihood
    try:
        found = best_of(data, starts).log_likelihood
    except np.linalg.LinAlgError:
        pytest.skip("these kernels raise where the compiled ones go on")
    np.testing.assert_allclose(found, wanted)


@pytest.mark.parametrize("dispersion", [0, 4])
def test_constant_phases_far_apart_leave_numbers(dispersion):
    y = np.where(np.arange(120) % 24 < 12, 1.0, -1.0)[None, :, None] * np.ones((1, 1, 2))
    seen = np.ones(120, dtype=bool)
    seen[5::9] = False
    y = np.where(seen[None, :, None], y, 0.0)
    data = SwitchingData(y, seen, np.zeros(120, dtype=bool), np.zeros((1, 120, 0)), 1e-9)
    regimes = fit_regimes(data, 2)
    start = sojourn_start(data, regimes.fit.posterior, np.full((1, 2), 30.0), np.ones((1, 2, 2)))
    fit = fit_sojourns(data, start, dispersion, n_iterations=5)
    for part in (regimes.fit.log_likelihood, fit.log_likelihood, fit.posterior, fit.moves):
        assert np.isfinite(part).all()
