"""The statistic of phases where it is compared with a value: the same decision, whatever is left out."""

import numpy as np
import pytest

from reldyn.cycles.ladder import _fits, _shared_tests, _statistic
from reldyn.cycles.ladder._direction import DirectionFits, direction_seed, linear_parts
from reldyn.cycles.ladder._statistic import phase_gains
from reldyn.cycles.reference._reference import reference_fit
from reldyn.cycles.series._nuisance import base_design, prepare
from reldyn.cycles.series._series import DirectionSeries
from reldyn.simulate._series import SeriesDesign, simulate_series
from reldyn.surrogate import fit_linear, linear_models

T = 100


def batch_of(kind, n=12, **arguments):
    drawn = simulate_series(SeriesDesign(kind, T, **arguments), [np.random.default_rng([8, seed]) for seed in range(n)])
    grid = drawn.grid
    values = np.where(np.isfinite(drawn.values).all(axis=2).all(axis=0)[None, :, None], drawn.values, np.nan)
    series = DirectionSeries.from_arrays(values[0], day=grid.day, beep=grid.beep)
    return values, series


@pytest.fixture(scope="module")
def mixed():
    """Series with and without phases on one schedule."""
    with_phases, series = batch_of("cycle", 3, effect=2.0)
    without, _ = batch_of("linear", 3)
    return prepare(np.concatenate([with_phases, without]), series, base_design(series)).data


def with_low_stretches(rng, every, length, n=200):
    """Both items fall by two and a half for a while, again and again."""
    low = np.arange(n) % every < length
    return np.clip(np.rint(5 - 2.5 * low[:, None] + 0.6 * rng.standard_normal((n, 2))), 1, 7)


def test_rare_phases_do_not_count():
    rng = np.random.default_rng(4)
    values = np.stack([with_low_stretches(rng, 40, 4), with_low_stretches(rng, 25, 8)])
    series = DirectionSeries.from_arrays(values[0], day=np.arange(200) // 4, beep=np.arange(200) % 4)
    found = phase_gains(prepare(values, series, base_design(series)).data, (2, 3))
    assert found.rare["2"].tolist() == found.rare["variances"].tolist() == [True, False]
    assert (found.gains["2"] > 20).all()
    assert found.statistic[0] == max(gain[0] if not found.rare[name][0] else -1 for name, gain in found.gains.items())
    assert found.statistic[1] == max(gain[1] for gain in found.gains.values())


@pytest.mark.parametrize("humps", [True, False])
def test_a_bounded_statistic_exceeds_where_the_whole_one_does(mixed, humps):
    whole = phase_gains(mixed, (2, 3), humps=humps).statistic
    for reach in [*np.quantile(whole, [0.5, 0.9]).tolist(), whole.max() + 50]:
        bounded = phase_gains(mixed, (2, 3), humps=humps, reach=reach).statistic
        np.testing.assert_array_equal(bounded >= reach, whole >= reach)
        assert (bounded >= whole - 1e-9).all()
        np.testing.assert_allclose(bounded[whole >= reach], whole[whole >= reach], atol=1e-9)


def test_rivals_that_decide_nothing_are_not_sought(mixed, monkeypatch):
    sought = []
    own = reference_fit.__globals__["changing_variance_gain"]
    monkeypatch.setitem(
        reference_fit.__globals__, "changing_variance_gain", lambda *a, **k: sought.append(len(a[0])) or own(*a, **k)
    )
    phase_gains(mixed, (2, 3), reach=1e6)
    assert not sought
    phase_gains(mixed, (2, 3), reach=-1e6)
    assert sought == [6]


def test_enough_is_a_lower_bound_of_the_reference(mixed):
    whole = reference_fit(mixed)
    middle = np.median(whole.log_likelihood - whole.constant_variance) / 2
    enough = whole.constant_variance + middle
    found = reference_fit(mixed, enough=enough)
    assert (found.log_likelihood <= whole.log_likelihood + 1e-9).all()
    np.testing.assert_array_equal(found.log_likelihood > enough, whole.log_likelihood > enough)


def test_shared_phases_are_compared_with_the_rivals_that_decide():
    from reldyn.cycles.ladder._shared_tests import PhasePrior, level_data
    from reldyn.markov.regimes import SharedPhases

    values, series = batch_of("cycle", 4, effect=2.0)
    data, prepared = level_data(values, series, base_design(series))
    lags, noise = np.zeros((5, 2)), 0.4 * np.eye(2)
    moves = 1 - np.eye(2)
    shape = np.array([[-1.0, -0.5], [1.0, 0.5]])
    phases = SharedPhases(shape, np.full(2, 0.12), moves, lags, noise, shock=False)
    shocks = SharedPhases(shape, np.full(2, 0.5), moves, lags, noise, shock=True)
    prior = PhasePrior(phases, shocks, 16)
    whole = _shared_tests._ratio(data, prepared.data, prior)[0]
    for reach in [*np.quantile(whole, [0.5, 1.0]).tolist(), whole.max() + 50]:
        bounded = _shared_tests._ratio(data, prepared.data, prior, reach=reach)[0]
        np.testing.assert_array_equal(bounded >= reach, whole >= reach)
        assert (bounded >= whole - 1e-9).all()


def test_a_regular_law_pays_and_the_better_law_is_taken(mixed):
    regimes = _fits.fit_regimes(mixed, 2)
    fit, paid = _fits.fit_ends(mixed, regimes)
    loose = _fits.fit_loose(mixed, regimes.fit)
    gained = fit.log_likelihood - loose.log_likelihood
    regular = gained != 0
    np.testing.assert_allclose(paid, fit.log_likelihood - _fits._COST_OF_REGULAR * regular)
    assert (gained[regular] > _fits._COST_OF_REGULAR).all()
    rhythm, series = batch_of("rhythm", 4)
    fast = prepare(rhythm, series, base_design(series)).data
    regimes = _fits.fit_regimes(fast, 3)
    lead = _fits.fit_ends(fast, regimes)[1] - _fits.fit_loose(fast, regimes.fit).log_likelihood
    assert (lead > 3).all()


def test_a_third_phase_costs_what_is_said():
    assert _statistic.price(2, 2) == 8.0
    assert _statistic.price(3, 2) == 35.0
    assert _statistic.price(3, 1) == 31.0


def test_linear_models_are_those_of_the_null():
    values, series = batch_of("noisy_linear", 1)
    direction = DirectionFits(series, direction_seed(1, series))
    parts = linear_parts(series, direction.design, direction.standardised.breaks[0])
    models = linear_models(values[0], **parts, gaussian=True)
    seed = np.random.SeedSequence(3)
    alone = fit_linear(values[0], **parts, seed=seed, gaussian=True, kind="other")
    known = fit_linear(values[0], **parts, seed=seed, gaussian=True, kind="other", models=models)
    assert alone.order == known.order == direction.other_null.order
    assert alone.aic == models.aic == direction.null.aic
    np.testing.assert_array_equal(alone.residuals, known.residuals)
    assert (direction.null.order == 0) != (direction.other_null.order == 0)


def test_own_covariances_gain_what_one_step_of_em_does(mixed):
    from scipy.stats import multivariate_normal

    fit = _fits.fit_loose(mixed, _fits.fit_regimes(mixed, 2).fit)
    gain = _fits.own_covariances(mixed, fit)
    for s in range(2):
        lags = np.zeros((T, 4))
        for t in range(1, T):
            lags[t, 2 * int(mixed.night[t]) : 2 * int(mixed.night[t]) + 2] = fit.filled[s, t - 1]
        base = np.hstack([lags, mixed.x[s]]) @ fit.coefficients[s, 2:]
        error = [(mixed.y[s] - base - fit.coefficients[s, k])[mixed.observed] for k in range(2)]
        weight = fit.posterior[s, mixed.observed]
        own = [(error[k].T * weight[:, k]) @ error[k] / weight[:, k].sum() for k in range(2)]
        common = sum(own[k] * weight[:, k].sum() for k in range(2)) / len(weight)
        values = [
            sum(weight[:, k] @ multivariate_normal.logpdf(error[k], np.zeros(2), which[k]) for k in range(2))
            for which in (own, [common, common])
        ]
        assert gain[s] == pytest.approx(values[0] - values[1], abs=1e-8)


def test_phases_that_differ_in_variance_as_well_are_found_by_it():
    rng = np.random.default_rng(5)
    warm = np.cumsum(rng.random(T) < 0.12) % 2 == 1
    size = np.where(warm, 0.4, 1.6)[:, None]
    values = np.where(warm, 1.2, -1.2)[:, None] * np.array([1.0, 0.5]) + size * rng.standard_normal((T, 2))
    series = DirectionSeries.from_arrays(values, day=np.arange(T) // 4, beep=np.arange(T) % 4)
    found = phase_gains(prepare(values[None], series, base_design(series)).data, (2, 3))
    assert found.best == (_statistic.VARIANCES,)
    assert found.n_states.tolist() == [2]
    assert found.gains[_statistic.VARIANCES][0] > found.gains["2"][0] + 10
