"""The state space against dense normal densities, with one to three channels, gaps, segments and free starts."""

import numpy as np
import pytest
from scipy import stats

from reldyn.errors import DesignError
from reldyn.stats import IMPOSSIBLE, Observations, StateSpace, coefficients, deviances, over_steps, smoothed
from reldyn.stats import stationary_covariance as stationary

PHI = np.array([[0.5, 0.2, 0.0], [-0.1, 0.4, 0.3], [0.2, 0.0, 0.6]])
ROOT = np.array([[1.0, 0.0, 0.0], [0.3, 0.8, 0.0], [-0.2, 0.1, 0.9]])
ERROR = np.array([0.4, 0.2, 0.0])
MATRICES, ADDED = over_steps(PHI, ROOT @ ROOT.T, 2)
LEVEL = stationary(PHI, ROOT @ ROOT.T)
T = 12


def space(n_channels, channel=None, scale=1.0):
    return StateSpace(
        MATRICES[None],
        scale * ADDED[None],
        scale * np.tile(LEVEL, (1, 2, 1, 1)),
        scale * ERROR[None, :n_channels],
        np.arange(n_channels) if channel is None else np.asarray(channel),
    )


def series(n_channels, n_free=0, missing=0.3):
    rng = np.random.default_rng(n_channels)
    data = np.zeros((T, n_channels, 3))
    data[:, :, 0] = rng.standard_normal((T, n_channels))
    data[:, :, 1] = 1.0
    data[:, :, 2] = rng.standard_normal((T, n_channels))
    known = rng.random((T, n_channels)) >= missing
    known[4] = False
    data[:, :, 0][~known] = 0.0
    return Observations(data, known, np.array([0, 0, 1, 0, 1, 0] * 2), np.repeat([0, 1], 6), n_free)


def dense(found, channel, first=LEVEL):
    """Mean response to unit starts and covariance of all values, and covariances of values with states."""
    states, response = np.zeros((T, 3, T, 3)), np.zeros((T, 3, 3 * found.n_segments))
    answer = np.eye(3)
    for s in range(T):
        begins = s == 0 or found.segment[s] != found.segment[s - 1]
        matrix, added = MATRICES[found.kind[s]], ADDED[found.kind[s]]
        cover = first if begins else matrix @ states[s - 1, :, s - 1, :] @ matrix.T + added
        answer = np.eye(3) if begins else matrix @ answer
        states[s, :, s, :] = cover
        response[s, :, 3 * found.segment[s] : 3 * found.segment[s] + 3] = answer
        for t in range(s + 1, T):
            if found.segment[t] == found.segment[s]:
                states[t, :, s, :] = MATRICES[found.kind[t]] @ states[t - 1, :, s, :]
                states[s, :, t, :] = states[t, :, s, :].T
    pick = np.eye(3)[channel]
    values = np.einsum("ci,sitj,dj->sctd", pick, states, pick)
    values = values.reshape(T * len(channel), -1) + np.diag(np.tile(ERROR[: len(channel)], T))
    cross = np.einsum("sitj,dj->sitd", states, pick).reshape(T, 3, -1)
    rows = found.observed.ravel()
    return (
        values[np.ix_(rows, rows)],
        np.einsum("ci,sik->sck", pick, response).reshape(len(rows), -1)[rows],
        cross,
        states,
    )


def gls(y, x, cover, restricted, n_counted=None):
    inverse = np.linalg.inv(cover)
    information = x.T @ inverse @ x
    beta = np.linalg.solve(information, x.T @ inverse @ y)
    rest = y - x @ beta
    value = np.linalg.slogdet(cover)[1] + rest @ inverse @ rest + len(y) * np.log(2 * np.pi)
    if restricted:
        value += np.linalg.slogdet(information)[1] - x.shape[1] * np.log(2 * np.pi)
    return value, beta, np.linalg.inv(information)


@pytest.mark.parametrize("channel", [[0], [2], [0, 1], [1, 1], [0, 1, 2], [2, 0, 2]])
@pytest.mark.parametrize("restricted", [True, False])
def test_the_deviance_is_that_of_the_dense_normal(channel, restricted):
    found = series(len(channel))
    cover, _, _, _ = dense(found, channel)
    rows = found.observed.ravel()
    flat = found.data.reshape(-1, 3)[rows]
    expected, beta, covariance = gls(flat[:, 0], flat[:, 1:], cover, restricted)
    given = space(len(channel), channel)
    assert deviances(found, given, restricted=restricted)[0] == pytest.approx(expected, abs=1e-9)
    profile = coefficients(found, given)
    np.testing.assert_allclose(profile.beta, beta, atol=1e-10)
    np.testing.assert_allclose(profile.covariance, covariance, atol=1e-10)


def test_without_regressors_it_is_the_normal_density():
    found = series(2)
    found = Observations(found.data[:, :, :1], found.observed, found.kind, found.segment)
    cover = dense(found, [0, 1])[0]
    y = found.data[:, :, 0].ravel()[found.observed.ravel()]
    expected = -2 * stats.multivariate_normal.logpdf(y, np.zeros(len(y)), cover)
    for restricted in (True, False):
        assert deviances(found, space(2), restricted=restricted)[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("restricted", [True, False])
def test_free_starts_are_coefficients_of_unit_starts(restricted):
    found = series(3, n_free=3, missing=0.1)
    cover, response, _, _ = dense(found, [0, 1, 2], first=np.zeros((3, 3)))
    flat = found.data.reshape(-1, 3)[found.observed.ravel()]
    given = space(3)
    given = StateSpace(given.transition, given.noise, 0 * given.first, given.error + 0.1, given.channel)
    cover = cover + 0.1 * np.eye(len(cover))
    expected, beta, _ = gls(flat[:, 0], np.column_stack([flat[:, 1:], response]), cover, restricted)
    assert deviances(found, given, restricted=restricted)[0] == pytest.approx(expected, abs=1e-8)
    np.testing.assert_allclose(coefficients(found, given).beta, beta[:2], atol=1e-9)


def test_smoothed_states_are_conditional_normal_means():
    found, beta = series(2), np.array([0.3, -0.2])
    cover, _, cross, states = dense(found, [0, 1])
    rows = found.observed.ravel()
    flat = found.data.reshape(-1, 3)[rows]
    weight = cross[:, :, rows] @ np.linalg.inv(cover)
    state, spread = smoothed(found, space(2), beta)
    np.testing.assert_allclose(state, weight @ (flat[:, 0] - flat[:, 1:] @ beta), atol=1e-9)
    for t in range(T):
        left = states[t, :, t, :] - weight[t] @ cross[t][:, rows].T
        np.testing.assert_allclose(spread[t], np.sqrt(np.diag(left)), atol=1e-8)


def test_many_parameter_values_are_each_alone():
    found = series(2)
    scales = np.array([0.5, 1.0, 3.0])
    parts = [space(2, scale=scale) for scale in scales]
    together = StateSpace(
        *(np.concatenate([getattr(one, name) for one in parts]) for name in ("transition", "noise", "first", "error")),
        parts[0].channel,
    )
    np.testing.assert_allclose(deviances(found, together), [deviances(found, one)[0] for one in parts], rtol=1e-12)


def test_compiled_kernels_agree(monkeypatch):
    pytest.importorskip("numba")
    found = [(series(3), space(3)), (series(2, n_free=3), space(2))]
    values = {}
    for kernels in ("numpy", "numba"):
        monkeypatch.setenv("RELDYN_KERNELS", kernels)
        values[kernels] = np.concatenate([deviances(*pair) for pair in found])
    np.testing.assert_allclose(values["numba"], values["numpy"], rtol=1e-11)


def test_parameters_without_a_likelihood_are_marked():
    found, given = series(2), space(2)
    broken = StateSpace(given.transition, given.noise, given.first, given.error - 50, given.channel)
    assert deviances(found, broken).tolist() == [IMPOSSIBLE]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": np.full(T, 2)}, "kind has values from 2 to 2: use 0 to 1"),
        ({"segment": np.repeat([0, 2], 6)}, "segment must begin at 0 and ascend by 0 or 1"),
        ({"n_free": 2}, "n_free=2: either no or all 3 states begin freely"),
        ({"observed": np.ones((T, 3), dtype=bool)}, "do not fit a state space of 3 states"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change, message):
    import dataclasses

    with pytest.raises(DesignError, match=message):
        deviances(dataclasses.replace(series(2), **change), space(2))
