import numpy as np
import pytest
from scipy.stats import johnsonsu, multivariate_normal, norm

from reldyn.cycles.reference._reference import reference_fit, reference_log_likelihood
from reldyn.cycles.reference._shapes import shape_gain
from reldyn.cycles.series._nuisance import prepare
from reldyn.cycles.series._series import DirectionSeries
from reldyn.markov.regimes._switching import SwitchingData, fit_switching


def data_of(y, observed=None, x=None):
    n, n_occasions, _ = y.shape
    observed = np.ones(n_occasions, dtype=bool) if observed is None else observed
    night = np.arange(n_occasions) % 4 == 0
    night[0] = False
    x = np.zeros((n, n_occasions, 0)) if x is None else x
    return SwitchingData(np.where(observed[None, :, None], y, 0.0), observed, night, x)


def autoregression(n_occasions, seed, coefficient=0.4, second=0.0, channels=2):
    rng = np.random.default_rng(seed)
    y = np.zeros((1, n_occasions, channels))
    for t in range(2, n_occasions):
        y[0, t] = coefficient * y[0, t - 1] + second * y[0, t - 2] + rng.standard_normal(channels)
    return y


def test_first_order_and_gaussian_is_the_switching_model_with_one_state():
    rng = np.random.default_rng(2)
    y = autoregression(25, 2)
    data = data_of(y, x=rng.standard_normal((1, 25, 1)))
    single = fit_switching(data, np.ones((1, 25, 1)), n_iterations=2, kernels="numpy")
    # So few occasions allow no higher order, and these shocks gain nothing by another shape.
    found = reference_log_likelihood(data, variances=False, humps=False)[0]
    assert found == pytest.approx(single.log_likelihood[0], abs=1e-3)


def test_longer_memory_is_described_at_its_price():
    y = autoregression(300, 3, 0.3, 0.4)
    data = data_of(y)
    single = fit_switching(data, np.ones((1, 300, 1)), n_iterations=2, kernels="numpy").log_likelihood[0]
    assert reference_log_likelihood(data)[0] > single + 20
    short = data_of(autoregression(300, 4))
    single = fit_switching(short, np.ones((1, 300, 1)), n_iterations=2, kernels="numpy").log_likelihood[0]
    assert single - 1e-3 <= reference_log_likelihood(short)[0] < single + 8


def test_missing_lags_take_their_prediction():
    y = autoregression(200, 5, 0.7)
    observed = np.random.default_rng(6).random(200) >= 0.3
    data = data_of(y, observed)
    single = fit_switching(data, np.ones((1, 200, 1)), n_iterations=8, kernels="numpy").log_likelihood[0]
    assert single - 0.2 <= reference_log_likelihood(data)[0] < single + 8


def test_the_gain_of_a_shape_is_the_difference_of_two_likelihoods():
    rng = np.random.default_rng(7)
    values = np.sinh(rng.standard_normal(400))[:, None]
    unit = (values[:, 0] - values.mean()) / values.std()
    gaussian = norm.logpdf(unit, unit.mean(), unit.std()).sum()
    grid = []
    for centre in (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5):
        for width in (0.3, 0.6, 1.0, 1.7, 3.0):
            bent = np.arcsinh((unit - centre) / width)
            law = johnsonsu(-bent.mean() / bent.std(), 1 / bent.std(), loc=centre, scale=width)
            grid.append(law.logpdf(unit).sum() - 2)
    assert max(grid) - gaussian > 20
    assert shape_gain(values[None])[0] == pytest.approx(max(grid) - gaussian, abs=0.05)


def test_correlated_gaussian_shocks_gain_nothing_and_correlated_skewed_ones_keep_their_tie():
    rng = np.random.default_rng(8)
    law = multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]])
    scores = law.rvs(size=500, random_state=rng)
    assert shape_gain(scores[None])[0] < 4
    skewed = np.exp(0.8 * scores)
    unit = skewed / skewed.std(axis=0)
    exact = (law.logpdf(scores) - np.log(0.8 * unit).sum(axis=1)).sum()
    gaussian = multivariate_normal(unit.mean(axis=0), np.cov(unit.T, bias=True)).logpdf(unit).sum()
    assert shape_gain(skewed[None])[0] == pytest.approx(exact - gaussian, rel=0.03)


@pytest.mark.parametrize("sd", [0.5, 0.6, 0.7])
def test_humps_gain_little_from_the_steps_of_a_coarse_item(sd):
    rng = np.random.default_rng(11)
    fine, coarse = rng.standard_normal((2, 12, 200))
    answers = np.stack([np.clip(np.rint(4 + 1.6 * fine), 1, 7), np.clip(np.rint(3.5 + sd * coarse), 1, 5)], axis=2)
    series = DirectionSeries.from_arrays(answers[0], day=np.arange(200) // 4, beep=np.arange(200) % 4)
    found = reference_fit(prepare(answers, series).data)
    others = np.maximum(found.constant_variance, found.changing_variance)
    # With one smallest variance for both items it was 60 to 130.
    assert (found.humps - others).max() < 15
