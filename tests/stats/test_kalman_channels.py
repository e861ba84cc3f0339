"""The augmented filter with two channels and two kinds of gap against dense normal densities."""

import numpy as np
import pytest

from reldyn.stats import (
    IMPOSSIBLE,
    Observations,
    StateSpace,
    coefficients,
    deviances,
    smoothed,
    stationary_covariance,
)

PHI = np.array([[0.5, 0.2], [-0.1, 0.4]])
NOISE = np.array([[1.0, 0.3], [0.3, 0.8]])
ERROR = np.array([0.4, 0.2])
GAPS = [1, 2]


def moved(steps):
    matrix, added = np.eye(2), np.zeros((2, 2))
    for _ in range(steps):
        matrix, added = PHI @ matrix, PHI @ added @ PHI.T + NOISE
    return matrix, added


def space(first):
    both = [moved(k) for k in GAPS]
    transition, noise = (np.stack([one[k] for one in both])[None] for k in (0, 1))
    return StateSpace(transition, noise, np.tile(first, (1, 2, 1, 1)), ERROR[None], np.array([0, 1]))


@pytest.fixture
def series():
    rng = np.random.default_rng(1)
    n = 14
    data = np.zeros((n, 2, 4))
    data[:, :, 0] = rng.standard_normal((n, 2))
    data[:, 0, 1] = data[:, 1, 2] = 1.0
    data[:, 1, 3] = rng.standard_normal(n)
    seen = rng.random((n, 2)) > 0.25
    data[:, :, 0][~seen] = 0.0
    kind = np.array([0, 0, 1, 0, 0, 1, 0] * 2)
    return Observations(data, seen, kind, np.repeat([0, 1], 7))


def dense(series, first):
    """Covariance of all values and the response of each to a unit start of its own segment's state."""
    n = len(series.data)
    cover = np.zeros((n, 2, n, 2))
    response = np.zeros((n, 2, 2 * series.n_segments))
    for s in range(n):
        here = s == 0 or series.segment[s] != series.segment[s - 1]
        if here:
            state = first
            answer = np.eye(2)
        else:
            matrix, added = moved(GAPS[series.kind[s]])
            state = matrix @ state @ matrix.T + added
            answer = matrix @ answer
        cover[s, :, s, :] = state + np.diag(ERROR)
        response[s, :, 2 * series.segment[s] : 2 * series.segment[s] + 2] = answer
        ahead = np.eye(2)
        for t in range(s + 1, n):
            if series.segment[t] != series.segment[s]:
                break
            ahead = moved(GAPS[series.kind[t]])[0] @ ahead
            cover[t, :, s, :] = ahead @ state
            cover[s, :, t, :] = (ahead @ state).T
    return cover.reshape(2 * n, 2 * n), response.reshape(2 * n, -1)


def dense_deviance(y, x, cover, restricted):
    inverse = np.linalg.inv(cover)
    information = x.T @ inverse @ x
    beta = np.linalg.solve(information, x.T @ inverse @ y)
    rest = y - x @ beta
    value = np.linalg.slogdet(cover)[1] + rest @ inverse @ rest + len(y) * np.log(2 * np.pi)
    if restricted:
        value += np.linalg.slogdet(information)[1] - x.shape[1] * np.log(2 * np.pi)
    return value, beta, np.linalg.inv(information)


@pytest.mark.parametrize("restricted", [True, False])
def test_the_deviance_is_that_of_the_dense_normal(series, restricted):
    first = stationary_covariance(PHI, NOISE)
    cover, _ = dense(series, first)
    seen = series.observed.ravel()
    flat = series.data.reshape(-1, 4)[seen]
    truth, beta, spread = dense_deviance(flat[:, 0], flat[:, 1:], cover[np.ix_(seen, seen)], restricted)
    assert deviances(series, space(first), restricted=restricted)[0] == pytest.approx(truth, abs=1e-9)
    found = coefficients(series, space(first))
    assert found.beta == pytest.approx(beta, abs=1e-9)
    assert found.covariance == pytest.approx(spread, abs=1e-9)


def test_free_starts_are_coefficients_of_each_segment(series):
    free = Observations(series.data, series.observed, series.kind, series.segment, 2)
    cover, response = dense(series, np.zeros((2, 2)))
    seen = series.observed.ravel()
    flat = series.data.reshape(-1, 4)[seen]
    x = np.hstack([flat[:, 1:], response[seen]])
    # A free start and a level are two things, as long as the process moves.
    truth, beta, _ = dense_deviance(flat[:, 0], x, cover[np.ix_(seen, seen)], True)
    assert deviances(free, space(np.zeros((2, 2))))[0] == pytest.approx(truth, abs=1e-7)
    assert coefficients(free, space(np.zeros((2, 2)))).beta == pytest.approx(beta[:3], abs=1e-8)


@pytest.mark.parametrize("n_free", [0, 2])
def test_compiled_and_plain_kernels_agree(series, n_free, monkeypatch):
    pytest.importorskip("numba")
    given = Observations(series.data, series.observed, series.kind, series.segment, n_free)
    first = np.zeros((2, 2)) if n_free else stationary_covariance(PHI, NOISE)
    values = []
    for kernels in ("numpy", "numba"):
        monkeypatch.setenv("RELDYN_KERNELS", kernels)
        values.append(deviances(given, space(first))[0])
    assert values[0] == pytest.approx(values[1], rel=1e-12)


def test_the_smoothed_state_is_the_conditional_mean(series):
    first = stationary_covariance(PHI, NOISE)
    cover, _ = dense(series, first)
    signal = cover - np.diag(np.tile(ERROR, len(series.data)))
    seen = series.observed.ravel()
    beta = np.array([0.3, -0.2, 0.1])
    rest = (series.data[:, :, 0] - series.data[:, :, 1:] @ beta).ravel()[seen]
    gain = signal[:, seen] @ np.linalg.inv(cover[np.ix_(seen, seen)])
    states, spreads = smoothed(series, space(first), beta)
    assert states.ravel() == pytest.approx(gain @ rest, abs=1e-9)
    left = signal - gain @ signal[seen]
    assert spreads.ravel() == pytest.approx(np.sqrt(np.diag(left)), abs=1e-7)


def test_a_smoothed_free_start_is_its_estimate(series):
    cover, response = dense(series, np.zeros((2, 2)))
    one = slice(0, 7)
    free = Observations(series.data[one], series.observed[one], series.kind[one], series.segment[one], 2)
    seen = free.observed.ravel()
    x, inner = response[:14, :2][seen], cover[:14, :14]
    y = free.data[:, :, 0].ravel()[seen]
    inverse = np.linalg.inv(inner[np.ix_(seen, seen)])
    start = np.linalg.solve(x.T @ inverse @ x, x.T @ inverse @ y)
    states, _ = smoothed(free, space(np.zeros((2, 2))), np.zeros(3))
    assert states[0] == pytest.approx(start, abs=1e-8)


def test_a_covariance_that_is_none_has_an_impossible_deviance(series):
    assert deviances(series, space(-np.eye(2) * 5))[0] == IMPOSSIBLE
