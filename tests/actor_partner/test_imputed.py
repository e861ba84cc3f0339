"""Multiple imputation of panels: what it uses, what it recovers, and how imputations are pooled."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.actor_partner.model._absent import with_absent_partners
from reldyn.actor_partner.model._imputed import PooledFits


def diary(seed, n_dyads=60, n_occasions=8):
    generator = np.random.default_rng(seed)
    level = generator.multivariate_normal([0, 0], [[0.5, 0.2], [0.2, 0.5]], n_dyads)
    x = level[:, None, :] + generator.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], (n_dyads, n_occasions))
    y = 1 + 0.4 * x + 0.2 * x[..., ::-1] + 0.6 * generator.normal(size=(n_dyads, 1, 2)) + generator.normal(size=x.shape)
    dyad, time, member = np.meshgrid(np.arange(n_dyads), np.arange(n_occasions), [0, 1], indexing="ij")
    frame = pd.DataFrame({"dyad": dyad.ravel(), "time": time.ravel(), "x": x.ravel(), "y": y.ravel()})
    frame["person"] = frame["dyad"] * 2 + member.ravel()
    frame["role"] = np.array(["f", "m"])[member.ravel()]
    return frame[generator.random(len(frame)) > 0.3]


def panel(frame):
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time")


MODEL = {"outcome": "y", "predictors": ["x"], "centering": "grand"}


def impute(rows, seed=1, **model):
    estimation = rd.Estimation(missing="impute", inference="z", seed=seed)
    return rd.apim(rows, **(MODEL | model), estimation=estimation)


@pytest.fixture(scope="module")
def rows():
    return panel(diary(1))


@pytest.fixture(scope="module")
def fit(rows):
    return impute(rows)


def test_every_row_with_an_outcome_is_used(fit, rows):
    paired = rd.apim(rows, **MODEL, estimation=rd.Estimation(inference="z"))
    assert fit.glance()["n_obs"].item() == len(rows)
    assert paired.glance()["n_obs"].item() < 0.8 * len(rows)
    # Rows whose partner is absent say nothing of the partner effect, but much of the actor effect.
    own = fit.tidy()["effect"] != "partner"
    assert (fit.tidy()["std_error"][own] < paired.tidy()["std_error"][own]).all()


def test_absent_partners_get_empty_rows(rows):
    whole = with_absent_partners(rows)
    assert (whole.index.partner_row >= 0).all()
    added = whole.frame.iloc[len(rows) :]
    assert added[["x", "y"]].isna().all().all()
    assert (added["person"] % 2 == (added["role"] == "m")).all()


def test_estimates_are_unbiased_over_replications():
    truth = {"actor x": 0.4, "partner x": 0.2}
    found = [impute(panel(diary(seed, n_dyads=25)), seed=seed, roles="exchangeable").tidy() for seed in range(10, 15)]
    table = pd.concat(found).query("term in @truth")
    for term, value in truth.items():
        own = table[table["term"] == term]
        assert abs(own["estimate"].mean() - value) < 3 * own["std_error"].mean() / np.sqrt(len(own))


def test_number_and_seed_are_reported(fit):
    assert fit.warnings[0].startswith("20 imputations (seed 1), pooled by Rubin's rules;")
    assert np.isnan(fit.log_likelihood)
    assert "by restricted maximum likelihood in each imputation (12 parameters)" in " ".join(fit.summary().split())


def test_without_missing_values_nothing_is_added(make_diary, as_panel):
    whole = as_panel(make_diary(missing=0.1))
    imputed = impute(whole)
    available = rd.apim(whole, **MODEL, estimation=rd.Estimation(inference="z"))
    columns = ["estimate", "std_error", "p_value"]
    assert imputed.tidy()[columns].to_numpy() == pytest.approx(available.tidy()[columns].to_numpy(), abs=1e-9)


def test_rubins_rules_on_three_imputations_by_hand():
    betas, covs = np.array([[1.0], [1.2], [1.4]]), np.full((3, 1, 1), 0.05)
    between = 0.04
    total = 0.05 + (4 / 3) * between
    pooled = PooledFits(np.array([1.2]), np.array([[total]]), "z", betas, covs, np.full((3, 1), np.inf))
    share = (4 / 3) * between / total
    assert pooled.degrees(np.array([1.0])) == pytest.approx(2 / share**2)
    small = PooledFits(np.array([1.2]), np.array([[total]]), "kenward-roger", betas, covs, np.full((3, 1), 30.0))
    observed = 31 / 33 * 30 * (1 - share)
    assert small.degrees(np.array([1.0])) == pytest.approx(1 / (share**2 / 2 + 1 / observed))
    joint = pooled.joint([[1.0]])
    inflation = (4 / 3) * between / 0.05
    assert joint.statistic == pytest.approx(1.2**2 / 0.05 / (1 + inflation))


def test_contrasts_are_pooled(fit):
    found = fit.contrast("role-differences")
    assert (found["df"] > 0).all()
    joint = fit.contrast("role-differences", joint=True)
    assert joint["df"].item() == 3
    assert 0 < joint["p_value"].item() < 1


def test_what_belongs_to_one_data_set_is_refused(fit):
    for verb in (fit.augment, fit.random_effects, fit.influence):
        with pytest.raises(rd.DesignError, match="pooled over imputations"):
            verb()
    with pytest.raises(rd.DesignError, match="no likelihood to compare"):
        rd.compare(fit, fit)


def test_imputed_fit_survives_json(fit):
    again = rd.from_json(fit.to_json())
    pd.testing.assert_frame_equal(again.tidy(), fit.tidy())
    pd.testing.assert_frame_equal(again.contrast("role-differences"), fit.contrast("role-differences"))
