"""Trends of contacts: planted trends, size under autocorrelation, exposure, diversity, bad input."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import reldyn as rd
from reldyn.dynamics._diversity import effective_number
from reldyn.dynamics._trend import _RHO, _profile, trend


def study(rng, *, weekly=0.8, n_dyads=6, days=42, categories=1):
    dyad, who, day = (part.ravel() for part in np.indices((n_dyads, 2, days)))
    frame = pd.DataFrame({"dyad": dyad, "person": dyad * 2 + who, "day": day})
    for k in range(categories):
        frame[f"c{k}"] = rng.poisson(5 * weekly ** (day / 7)).astype(float)
    return frame


def make(frame):
    return rd.DyadPanel(frame, dyad="dyad", person="person", day="day")


def test_a_planted_fall_is_found():
    table = rd.dynamics.shrinkage(make(study(np.random.default_rng(1))), "c0")
    last = table.iloc[-1]
    assert (last["dyad"], last["unit"]) == ("sample", "week")
    assert last["ratio_low"] < 0.8 < last["ratio_high"] < 1
    assert (table["tau"].iloc[:-1] < 0).all()
    assert (table["note"] == "").all()


def test_the_estimate_is_that_of_a_poisson_regression_and_missing_reports_are_no_missing_contacts():
    rng = np.random.default_rng(2)
    y, n_obs = rng.poisson(4, 30).astype(float), rng.integers(1, 5, 30).astype(float)
    X = np.column_stack([np.ones(30), np.arange(30) / 7])
    found = trend(y, X, np.arange(30.0), offset=np.log(n_obs))
    residual = y - np.exp(X @ _root(y, X, n_obs)) * n_obs
    np.testing.assert_allclose(X.T @ residual, 0, atol=1e-6)
    assert found.estimate == pytest.approx(_root(y, X, n_obs)[1], rel=1e-6)


def _root(y, X, n_obs):
    beta = np.zeros(2)
    beta[0] = np.log(y.sum() / n_obs.sum())
    for _ in range(50):
        mu = np.exp(X @ beta) * n_obs
        beta = beta + np.linalg.solve(X.T @ (X * mu[:, None]), X.T @ (y - mu))
    return beta


@pytest.mark.parametrize(("rho", "most"), [(0.0, 0.085), (0.3, 0.085), (0.6, 0.085)])
def test_a_flat_series_seldom_has_a_trend(rho, most):
    rng = np.random.default_rng(4)
    hits, n = 0, 28
    X = np.column_stack([np.ones(n), np.arange(n) - (n - 1) / 2])
    for _ in range(300):
        z = rng.normal(size=n)
        for t in range(1, n):
            z[t] = rho * z[t - 1] + np.sqrt(1 - rho**2) * z[t]
        hits += trend(z, X, np.arange(float(n))).p_value < 0.05
    assert hits / 300 < most


def test_at_one_autocorrelation_the_test_is_that_of_known_errors(monkeypatch):
    """With a single autocorrelation on the grid: the least-squares slope, its exact variance, an exact t-test."""
    rng, rho, n = np.random.default_rng(9), 0.5, 20
    monkeypatch.setattr("reldyn.dynamics._trend._RHO", np.array([rho]))
    step = np.sort(rng.choice(30, n, replace=False)).astype(float)
    X, y = np.column_stack([np.ones(n), step - step.mean()]), rng.normal(size=n).cumsum()
    R = rho ** np.abs(step[:, None] - step[None, :])
    bread, inverse = np.linalg.inv(X.T @ X), np.linalg.inv(R)
    beta = bread @ X.T @ y
    gls = np.linalg.solve(X.T @ inverse @ X, X.T @ inverse @ y)
    variance = (y - X @ gls) @ inverse @ (y - X @ gls) / (n - 2)
    error = np.sqrt(variance * (bread @ X.T @ R @ X @ bread)[1, 1])
    found = trend(y, X, step)
    assert (found.estimate, found.std_error) == pytest.approx((beta[1], error), rel=1e-9)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(beta[1]) / error, n - 2), rel=1e-9)
    assert found.conf_high - found.estimate == pytest.approx(stats.t.ppf(0.975, n - 2) * error, rel=1e-6)
    assert (found.first, found.last) == pytest.approx((beta[0] + beta[1] * X[0, 1], beta[0] + beta[1] * X[-1, 1]))


def test_the_interval_ends_where_the_test_begins_to_reject():
    y = np.random.default_rng(3).normal(size=30).cumsum()
    X = np.column_stack([np.ones(30), np.arange(30) - 14.5])
    found = trend(y, X, np.arange(30.0))
    shifted = trend(y - found.conf_low * X[:, 1], X, np.arange(30.0))
    assert shifted.p_value == pytest.approx(0.05, abs=1e-6)
    assert 0 < found.autocorrelation < 1


def test_effective_numbers():
    found = effective_number(np.array([[4000.0, 4000, 4000, 0], [9, 0, 0, 0], [0, 0, 0, 0]]))
    assert found[0] == pytest.approx(3, abs=1e-3)
    assert found[1] == 1
    assert np.isnan(found[2])


def test_several_categories_have_diversity():
    panel = make(study(np.random.default_rng(3), categories=3))
    table = rd.dynamics.shrinkage(panel, ["c0", "c1", "c2"], window=7)
    assert set(table["note"].iloc[:36]) == {"6 windows, below 8"}
    table = rd.dynamics.shrinkage(panel, ["c0", "c1", "c2"])
    assert table["measure"].tolist()[-3:] == ["count", "richness", "diversity"]
    windows = rd.dynamics.contact_windows(panel, ["c0", "c1", "c2"], window=7)
    assert len(windows) == 12 * 6
    assert windows["count"].sum() == panel.frame[["c0", "c1", "c2"]].sum().sum()
    assert windows["diversity"].between(1, 3).all()


def test_order_of_rows_does_not_matter():
    frame = study(np.random.default_rng(5))
    mixed = frame.sample(frac=1, random_state=1)
    one, two = rd.dynamics.shrinkage(make(frame), "c0"), rd.dynamics.shrinkage(make(mixed), "c0")
    pd.testing.assert_frame_equal(one.tidy(), two.tidy())


def test_missing_constant_and_empty_series_say_why():
    frame = study(np.random.default_rng(6))
    frame.loc[frame["person"] == 0, "c0"] = np.nan
    frame.loc[frame["person"] == 1, "c0"] = 0
    table = rd.dynamics.shrinkage(make(frame), "c0").set_index("person")
    assert table.loc[0, "note"] == "0 windows, below 8"
    assert table.loc[1, "note"] == "0 windows with a contact, below 4"
    assert table["note"].iloc[-1] == "2 of 12 persons have no estimate"
    empty = rd.dynamics.shrinkage(make(frame.assign(c0=np.nan)), "c0")
    assert empty["estimate"].isna().all()
    assert empty["note"].iloc[-1] == "estimates of 0 dyads, below 3"


def test_refusals():
    frame = study(np.random.default_rng(7))
    with pytest.raises(rd.DesignError, match="window=0: give a whole number"):
        rd.dynamics.shrinkage(make(frame), "c0", window=0)
    with pytest.raises(rd.DataError, match="column 'c0' holds negative numbers"):
        rd.dynamics.shrinkage(make(frame.assign(c0=-1.0)), "c0")
    with pytest.raises(rd.DataError, match="no column 'c9'"):
        rd.dynamics.shrinkage(make(frame), "c9")


def test_a_line_without_error_has_no_interval():
    frame = study(np.random.default_rng(1))
    frame["c0"] = 3.0
    found = rd.dynamics.shrinkage(make(frame), "c0")
    persons, sample = found.iloc[:-1], found.iloc[-1]
    np.testing.assert_allclose(persons["ratio"], 1)
    assert persons[["std_error", "p_value", "conf_low", "ratio_low"]].isna().all(axis=None)
    assert set(persons["note"]) == {"the line fits without error, so no interval"}
    assert sample[["p_value", "conf_low", "ratio_high"]].isna().all()
    assert sample["note"] == "all dyads have the same estimate, so no interval"


def test_parts_of_a_contact_are_no_more_than_the_categories():
    np.testing.assert_array_equal(effective_number(np.array([[1e-9, 1e-9], [1e-9, 0.0]])), [2, 1])


def test_errors_seen_with_noise_have_the_likelihood_and_the_error_of_their_dense_covariance():
    rng, n = np.random.default_rng(11), 16
    step = np.sort(rng.choice(25, n, replace=False))
    X, residual = np.column_stack([np.ones(n), step - step.mean()]), rng.normal(size=n).cumsum()
    ratio = np.linspace(0.2, 2.0, len(_RHO))
    value, variance = _profile(residual, X, np.diff(step), ratio)
    for place in (0, 20, 60):
        V = _RHO[place] ** np.abs(step[:, None] - step[None, :]) + ratio[place] * np.eye(n)
        inverse = np.linalg.inv(V)
        information = X.T @ inverse @ X
        left = residual - X @ np.linalg.solve(information, X.T @ inverse @ residual)
        rss = left @ inverse @ left
        logs = np.linalg.slogdet(V)[1] + np.linalg.slogdet(information)[1]
        assert value[place] == pytest.approx(-0.5 * ((n - 2) * np.log(rss) + logs), rel=1e-9)
        assert variance[place] == pytest.approx(rss / (n - 2), rel=1e-9)


def test_poisson_counts_have_the_error_of_a_poisson_regression():
    """Nothing carries over and nothing varies beyond Poisson: the error is hardly larger than the textbook's."""
    rng, n = np.random.default_rng(12), 60
    X = np.column_stack([np.ones(n), np.arange(n) - (n - 1) / 2])
    found = [trend(rng.poisson(6.0, n).astype(float), X, np.arange(float(n)), offset=np.zeros(n)) for _ in range(60)]
    textbook = np.sqrt(1 / (6.0 * (X[:, 1] ** 2).sum()))
    # What the series cannot rule out makes it somewhat larger, never smaller.
    assert 0.98 < np.mean([one.std_error for one in found]) / textbook < 1.4
    assert np.mean([one.conf_low <= 0 <= one.conf_high for one in found]) >= 0.88
