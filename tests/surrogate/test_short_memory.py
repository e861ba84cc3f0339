import numpy as np
import pytest

from reldyn.stats import largest_root
from reldyn.surrogate import LinearNull, latent_linear, limit_memory

LAGS = np.array([[[0.5, 0.1], [0.0, 0.6]], [[0.3, 0.0], [0.1, 0.2]], [[0.3, 0.0], [0.05, 0.2]]])


def null(lags, n=400):
    covariance = np.array([[1.0, 0.3], [0.3, 0.5]])
    zero = np.zeros((n, 2))
    night = np.zeros(n, dtype=bool)
    return LinearNull(zero, zero, night, np.ones(n), len(lags) - 1, lags, covariance, zero, None, {})


def root(one):
    turned = one.lags.transpose(0, 2, 1)
    return largest_root([turned[0], *turned[2:]])


def test_the_root_is_bounded_and_the_spread_stays():
    long = null(LAGS)
    short = limit_memory(long, 0.6)
    assert root(long) > 0.8
    assert root(short) == pytest.approx(0.6)
    drawn = [
        latent_linear(one, [np.random.default_rng(k) for k in range(60)], resample=False)[:, 50:].std(axis=(0, 1))
        for one in (long, short)
    ]
    np.testing.assert_allclose(drawn[1], drawn[0], rtol=0.06)


def test_short_memory_stays_as_it_is():
    one = null(LAGS[:2] * 0.5)
    assert limit_memory(one, 0.6) is one
