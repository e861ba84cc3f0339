"""The dynamic panel model: against lavaan, a written-out normal density, and its own two forms."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from reldyn.errors import DataError, DesignError
from reldyn.mixed import fit_dynamic_panel
from reldyn.mixed.dynamic._complete import complete_waves
from reldyn.mixed.dynamic._incomplete import incomplete_waves

REFERENCE = Path(__file__).parent / "reference"
PHI = np.array([[0.4, 0.2], [0.1, 0.3]])


@pytest.fixture(scope="module")
def rows():
    return pd.read_csv(REFERENCE / "dynamic_panel.csv")


@pytest.fixture(scope="module")
def lavaan():
    return json.loads((REFERENCE / "dynamic_panel.json").read_text(encoding="utf-8"))


def waves_of(rows, gaps):
    values = rows["y"].mask(rows["gap"] == 1) if gaps else rows["y"]
    return values.to_numpy().reshape(-1, 4, 2)


def simulated(n=60, waves=5, seed=1):
    generator = np.random.default_rng(seed)
    y = np.zeros((n, waves + 20, 2))
    for t in range(1, waves + 20):
        y[:, t] = y[:, t - 1] @ PHI.T + generator.normal(size=(n, 2))
    return y[:, 20:] + generator.normal(size=(n, 1, 2))


@pytest.mark.parametrize("gaps", ["complete", "gaps"])
@pytest.mark.parametrize("members", ["distinguishable", "exchangeable"])
def test_lavaan_fits_the_same(rows, lavaan, members, gaps):
    expected = lavaan[f"{members}_{gaps}"]
    fit = fit_dynamic_panel(waves_of(rows, gaps == "gaps"), exchangeable=members == "exchangeable", intervals="normal")
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(expected["logl"], abs=1e-6)
    assert fit.n_parameters == expected["npar"]
    place = {"s1": 0, "i1": 1, "i2": 2, "s2": 3}
    for row in expected["effects"]:
        assert fit.effects.estimate[place[row["label"]]] == pytest.approx(row["est"], abs=1e-4)
        assert fit.effects.std_error[place[row["label"]]] == pytest.approx(row["se"], rel=1e-3)


@pytest.mark.parametrize("exchangeable", [False, True])
def test_the_density_is_that_of_the_written_out_normal(exchangeable):
    y = simulated(n=8, waves=4)
    y[0, 1, 0] = y[3, 3] = y[5, 0, 1] = np.nan
    turn = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2.0) if exchangeable else np.eye(2)
    basis = np.array([np.eye(2), np.diag([1.0, -1.0])]) if exchangeable else np.eye(4).reshape(4, 2, 2)
    objective = incomplete_waves(y, basis, exchangeable, turn)
    generator = np.random.default_rng(2)
    free = 0.3 * generator.normal(size=objective.embed.shape[1])
    theta = objective.embed @ free
    phi, beta = theta[:4].reshape(2, 2), theta[4:8].reshape(2, 2)
    roots = [np.array([[np.exp(a), 0.0], [b, np.exp(c)]]) for a, b, c in theta[8:].reshape(3, 3)]
    omega, sigma, lam = (root @ root.T for root in roots)
    psi = (lam - sigma) / 3
    # The moments of y wave by wave, by the recursion of the model.
    covariance = {(0, 0): omega}
    level = [beta @ omega]  # Cov(b y_1 + a, y_t)
    for t in range(1, 4):
        level.append(level[t - 1] @ phi.T + beta @ omega @ beta.T + psi)
        for s in range(t):
            covariance[t, s] = phi @ covariance[t - 1, s] + level[s] if (t - 1, s) in covariance else None
            covariance[s, t] = covariance[t, s].T
        step = phi @ covariance[t - 1, t - 1] @ phi.T + sigma + beta @ omega @ beta.T + psi
        covariance[t, t] = step + phi @ level[t - 1].T + level[t - 1] @ phi.T
    whole = np.block([[covariance[t, s] for s in range(4)] for t in range(4)])
    around = np.kron(np.eye(4), turn)
    whole = around @ whole @ around.T

    def deviance(mu):
        total = 0.0
        for values in y.reshape(8, -1):
            here = np.isfinite(values)
            total -= multivariate_normal.logpdf(values[here], (objective.means @ mu)[here], whole[np.ix_(here, here)])
        return total

    from scipy.optimize import minimize

    best = minimize(deviance, np.zeros(objective.means.shape[1]), method="BFGS", options={"gtol": 1e-8}).fun
    assert objective(free)[0] == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("exchangeable", [False, True])
def test_gradients_are_those_of_differences(exchangeable):
    y = simulated(n=20, waves=4)
    y[0, 1, 0] = y[3, 3, 0] = np.nan
    turn = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2.0) if exchangeable else np.eye(2)
    basis = np.array([np.eye(2), np.diag([1.0, -1.0])]) if exchangeable else np.eye(4).reshape(4, 2, 2)
    objective = incomplete_waves(y, basis, exchangeable, turn)
    free = objective.start(y @ turn, 0.2) + 0.05
    steps = 1e-6 * np.eye(len(free))
    expected = [(objective(free + step)[0] - objective(free - step)[0]) / 2e-6 for step in steps]
    np.testing.assert_allclose(objective(free)[1], expected, atol=2e-5)


def test_one_missing_value_changes_little_and_both_forms_agree():
    y = simulated(n=150)
    whole = fit_dynamic_panel(y, intervals="normal")
    more = np.concatenate([y, np.full((1, 5, 2), np.nan)])
    more[-1, 0] = y[0, 0]
    part = fit_dynamic_panel(more, intervals="normal")
    assert whole.complete and not part.complete
    np.testing.assert_allclose(part.transition, whole.transition, atol=0.02)


def test_swapping_exchangeable_members_changes_nothing():
    y = simulated()
    turned = y.copy()
    turned[::2] = turned[::2, :, ::-1]
    one, other = fit_dynamic_panel(y, exchangeable=True), fit_dynamic_panel(turned, exchangeable=True)
    np.testing.assert_allclose(one.effects.conf_low, other.effects.conf_low, atol=1e-6)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-8)


def test_units_change_the_likelihood_only():
    y = simulated()
    one, other = fit_dynamic_panel(y), fit_dynamic_panel(5.0 + 100.0 * y)
    np.testing.assert_allclose(one.effects.estimate, other.effects.estimate, atol=1e-6)
    assert other.log_likelihood == pytest.approx(one.log_likelihood - y.size * np.log(100.0), abs=1e-6)
    np.testing.assert_allclose(other.stable, 1e4 * one.stable, rtol=1e-4)


def test_the_profile_bound_is_where_the_likelihood_has_fallen():

    y = simulated(n=100, waves=3, seed=4)
    fit = fit_dynamic_panel(y)
    objective = complete_waves(y, np.eye(4).reshape(4, 2, 2), False)
    from scipy.optimize import minimize

    def profile(value):
        return minimize(lambda rest: objective(np.r_[value, rest])[0], fit.effects.estimate[1:], method="BFGS").fun

    fall = 2.0 * (profile(fit.effects.conf_high[0]) - objective(fit.effects.estimate)[0])
    assert fall == pytest.approx(1.959964**2, abs=0.02)


def test_two_waves_and_few_dyads_are_refused():
    with pytest.raises(DesignError, match="2 waves cannot separate stable levels from stability"):
        fit_dynamic_panel(simulated(waves=2))
    with pytest.raises(DesignError, match="5 dyads have the first wave"):
        fit_dynamic_panel(simulated(n=5))


@pytest.mark.parametrize("exchangeable", [False, True])
@pytest.mark.parametrize("missing", [False, True])
def test_answers_without_variation_of_their_own_are_refused(exchangeable, missing):
    y, wave = simulated(), np.arange(simulated().shape[1])[None, :, None]
    same = r"the two members' answers are the same up to their means and units"
    cases = {
        "the members' answers do not vary between dyads: ": [3.3 + 1e-15 * y, wave + 0.0 * y],
        "the second member's answers do not vary between dyads: ": [np.where([False, True], 1.0, y)],
        "the members' answers do not vary between dyads in the first wave: ": [np.where(wave == 0, 1.0, y)],
        same: [y[..., [0, 0]], np.stack([y[..., 0], 3.0 - 2.0 * y[..., 0]], axis=-1)],
    }
    for message, answers in cases.items():
        for given in answers:
            if missing:
                given[:10, -1] = np.nan
            with pytest.raises(DesignError, match=f"^{message}"):
                fit_dynamic_panel(given, exchangeable=exchangeable)


def test_answers_of_another_kind_or_shape_are_refused():
    for given, message in (
        (simulated()[..., 0], r"the answers have the shape \(\d+, \d+\): give \(dyads, waves, 2\)"),
        (np.full((9, 4, 2), "a"), "the answers do not hold numbers"),
        (np.full((9, 4, 2), np.inf), "the answers hold infinite values"),
    ):
        with pytest.raises(DataError, match=message):
            fit_dynamic_panel(given)


@pytest.mark.parametrize("exchangeable", [False, True])
def test_second_derivatives_are_those_of_differences(exchangeable):
    y = simulated(n=40, waves=3)
    turn = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2.0) if exchangeable else np.eye(2)
    basis = np.array([np.eye(2), np.diag([1.0, -1.0])]) if exchangeable else np.eye(4).reshape(4, 2, 2)
    objective = complete_waves(y @ turn, basis, exchangeable)
    free = np.linspace(0.1, 0.3, len(basis))
    steps = 1e-5 * np.eye(len(free))
    expected = [(objective(free + step)[1] - objective(free - step)[1]) / 2e-5 for step in steps]
    np.testing.assert_allclose(objective.second_order(free)[2], expected, rtol=1e-6, atol=1e-6)
