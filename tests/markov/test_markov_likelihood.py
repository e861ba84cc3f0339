"""The likelihood at fixed parameters against the sum over every path, other programs and identities."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from reldyn.markov import hmm_log_likelihood

_spec = importlib.util.spec_from_file_location("enumeration", Path(__file__).with_name("enumeration.py"))
enumeration = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(enumeration)

NAN = np.nan
SERIES = [
    np.array([[0.3, 1.0], [NAN, 0.4], [2.1, NAN], [NAN, NAN], [1.9, -0.6], [0.2, 0.1]]),
    np.array([[NAN, NAN], [1.2, 0.0], [0.4, 0.7], [-0.5, 1.4]]),
]
INITIAL = np.array([0.6, 0.4])
TRANSITION = np.array([[0.8, 0.2], [0.35, 0.65]])
JUMP = np.array([[0.0, 1.0], [1.0, 0.0]])
MEANS = np.array([[0.0, 1.0], [2.0, -0.5]])
COVARIANCES = np.array([[[1.0, 0.3], [0.3, 0.8]], [[0.5, -0.1], [-0.1, 1.2]]])
STAY = {"duration_mean": np.array([2.5, 4.0]), "duration_size": np.array([3.0, 0.7])}
CATEGORIES = (np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0, 5.0]))
CUTS = (np.array([-0.6, 0.6]), np.array([-1.0, 0.1, 0.9]))
RATINGS = [np.array([[1.0, 4.0], [NAN, 2.0], [3.0, NAN], [NAN, NAN], [2.0, 1.0], [2.0, 5.0]])]


def densities_of(series, emission):
    """(occasions, states) densities by scipy.stats, and the named parameters."""
    if emission == "gaussian":
        laws = [{"covariance": covariance} for covariance in COVARIANCES]
        density, named, means = enumeration.gaussian, {"means": MEANS, "covariances": COVARIANCES}, MEANS
    elif emission == "ordered-probit":
        laws = [{"thresholds": CUTS, "categories": CATEGORIES}] * 2
        density, means = enumeration.probit, MEANS
        named = {"means": MEANS, "thresholds": CUTS, "categories": CATEGORIES}
    else:
        delta, df = np.array([[0.9, -0.4], [0.2, 0.5]]), 5.0
        from scipy.special import gamma

        offset = np.sqrt(df / np.pi) * gamma((df - 1) / 2) / gamma(df / 2)
        laws = [{"psi": psi, "delta": d, "df": df} for psi, d in zip(COVARIANCES, delta, strict=True)]
        means = MEANS - offset * delta
        total = [
            df / (df - 2) * (psi + np.outer(d, d)) - offset**2 * np.outer(d, d)
            for psi, d in zip(COVARIANCES, delta, strict=True)
        ]
        density, named = enumeration.skew_t, {"means": MEANS, "covariances": total, "skewness": delta, "df": df}
    table = [np.array([[density(y, means[k], laws[k]) for k in range(2)] for y in part]) for part in series]
    return table, named


@pytest.mark.parametrize("duration", ["geometric", "negative-binomial"])
@pytest.mark.parametrize("emission", ["gaussian", "skew-t", "ordered-probit"])
@pytest.mark.parametrize("kernels", ["numpy", "numba"])
def test_the_sum_over_all_paths(emission, duration, kernels, monkeypatch):
    if kernels == "numba":
        pytest.importorskip("numba")
    monkeypatch.setenv("RELDYN_KERNELS", kernels)
    series = RATINGS if emission == "ordered-probit" else SERIES
    table, named = densities_of(series, emission)
    named["initial"] = INITIAL
    if duration == "geometric":
        named["transition"] = TRANSITION
        expected = [np.log(enumeration.likelihood(part, INITIAL, TRANSITION)) for part in table]
    else:
        named.update(STAY, transition=JUMP)
        law = (INITIAL, JUMP, STAY["duration_mean"], STAY["duration_size"])
        expected = [np.log(enumeration.sojourn_likelihood(part, *law)) for part in table]
    found = hmm_log_likelihood(series, named, emission=emission, duration=duration)
    np.testing.assert_allclose(found, expected, rtol=1e-9 if emission == "skew-t" else 1e-12)


def lagged_by_hand(y, lag, centre, slopes, x):
    """Filter one series by the book: predictions stand in for missing lags, the first occasion is conditioned on."""
    filled, total, state = y.copy(), 0.0, INITIAL
    past = centre
    for t in range(len(y)):
        if t:
            state = state @ TRANSITION
        shift = lag[0 if t < 3 else 1] @ (past - centre) + slopes @ x[t]
        means = MEANS + shift
        if t:
            density = np.array([enumeration.gaussian(y[t], means[k], {"covariance": COVARIANCES[k]}) for k in range(2)])
            total += np.log(state @ density)
            state = state * density / (state @ density)
        lost = np.isnan(y[t])
        filled[t, lost] = (state @ means)[lost]
        past = filled[t]
    return total


def test_missing_lags_are_one_step_predictions():
    y = np.array([[0.4, NAN], [NAN, 0.9], [1.1, -0.2], [NAN, NAN], [2.0, 0.3], [0.1, 1.2], [1.4, NAN], [0.6, 0.2]])
    lag = np.array([[[0.4, 0.1], [-0.2, 0.3]], [[0.1, 0.0], [0.25, 0.15]]])
    centre, slopes = np.array([0.7, 0.4]), np.array([[0.5], [-0.3]])
    x = np.array([0.0, 1, 0, 0, 1, 1, 0, 1])[:, None]
    named = {
        "initial": INITIAL,
        "transition": TRANSITION,
        "means": MEANS,
        "covariances": COVARIANCES,
        "lag_coefficients": lag[:, None],
        "lag_centre": centre,
        "covariate_coefficients": slopes,
    }
    kinds = [np.array([0, 0, 0, 1, 1, 1, 1, 1])]
    found = hmm_log_likelihood([y], named, lags=1, covariates=[x], lag_kinds=kinds)
    np.testing.assert_allclose(found, [lagged_by_hand(y, lag, centre, slopes, x)], rtol=1e-12)


def test_size_one_is_the_geometric_chain():
    stay = np.array([0.8, 0.6])
    chain = {"means": MEANS, "covariances": COVARIANCES, "initial": INITIAL}
    mean = 1.0 / (1.0 - stay)
    semi = {**chain, "transition": JUMP, "duration_mean": mean, "duration_size": np.ones(2)}
    plain = {**chain, "transition": np.array([[0.8, 0.2], [0.4, 0.6]])}
    np.testing.assert_allclose(
        hmm_log_likelihood(SERIES, semi, duration="negative-binomial"), hmm_log_likelihood(SERIES, plain), rtol=1e-12
    )


def test_units_change_the_likelihood_by_their_jacobian():
    law = {"initial": INITIAL, "transition": TRANSITION, "means": MEANS, "covariances": COVARIANCES}
    wide = {**law, "means": 10.0 * MEANS + 3.0, "covariances": 100.0 * COVARIANCES}
    counts = np.array([(~np.isnan(part)).sum() for part in SERIES])
    moved = hmm_log_likelihood([10.0 * part + 3.0 for part in SERIES], wide)
    np.testing.assert_allclose(moved, hmm_log_likelihood(SERIES, law) - counts * np.log(10.0), rtol=1e-12)


def test_statsmodels_switching_regression_with_a_lag():
    """One channel, one lag: a Markov-switching regression on the past value, started from the stationary law."""
    regression = pytest.importorskip("statsmodels.tsa.regime_switching.markov_regression")
    rng = np.random.default_rng(6)
    y = np.repeat([0.0, 2.0, 0.0, 2.0], 12) + rng.normal(size=48)
    model = regression.MarkovRegression(y[1:], k_regimes=2, exog=y[:-1], switching_exog=False)
    # In the order of the program: two entries of the transition matrix, two intercepts, the slope, the variance.
    theirs = model.loglike(np.array([0.8, 0.35, 0.1, 1.3, 0.25, 0.9]))
    law = {
        "initial": np.array([0.35, 0.2]) / 0.55,
        "transition": TRANSITION,
        "means": np.array([[0.1], [1.3]]),
        "covariances": np.full((2, 1, 1), 0.9),
        "lag_coefficients": np.full((1, 1, 1, 1), 0.25),
        "lag_centre": np.zeros(1),
    }
    assert hmm_log_likelihood([y], law, lags=1)[0] == pytest.approx(theirs, rel=1e-10)
