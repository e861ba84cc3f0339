"""Between effects of latent means: recovered where observed means are biased, by the amount theory gives."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

ACTOR_WITHIN, PARTNER_WITHIN, ACTOR_BETWEEN, PARTNER_BETWEEN = 0.2, 0.1, 0.8, 0.4


@pytest.fixture(scope="module")
def panel():
    generator = np.random.default_rng(3)
    n_dyads, n_occasions = 1500, 5
    level = generator.multivariate_normal([0, 0], [[0.5, 0.2], [0.2, 0.4]], n_dyads)
    within = generator.multivariate_normal([0, 0], [[1, 0.3], [0.3, 1.2]], (n_dyads, n_occasions))
    y = ACTOR_WITHIN * within + PARTNER_WITHIN * within[..., ::-1]
    y = y + (ACTOR_BETWEEN * level + PARTNER_BETWEEN * level[:, ::-1])[:, None, :]
    y = y + 0.7 * generator.normal(size=(n_dyads, 1, 2)) + generator.normal(size=within.shape)
    dyad, time, member = np.meshgrid(np.arange(n_dyads), np.arange(n_occasions), [0, 1], indexing="ij")
    frame = pd.DataFrame({"dyad": dyad.ravel(), "time": time.ravel(), "person": member.ravel()})
    frame["role"] = np.array(["f", "m"])[member.ravel()]
    frame["x"], frame["y"] = (level[:, None, :] + within).ravel(), y.ravel()
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time")


Z = rd.Estimation(inference="z")


@pytest.mark.parametrize("roles", ["distinguishable", "exchangeable"])
def test_planted_latent_effects_are_recovered(panel, roles):
    table = rd.apim(panel, outcome="y", predictors=["x"], roles=roles, estimation=Z).latent_between()
    truth = table["effect"].map({"actor": ACTOR_BETWEEN, "partner": PARTNER_BETWEEN})
    assert ((table["estimate"] - truth).abs() < 3 * table["std_error"]).all()
    # Observed means are off by more than ten standard errors of the actor effect.
    actor = table["effect"] == "actor"
    assert ((table["observed"] - truth)[actor] < -3 * table["std_error"][actor]).all()
    assert table["observed"].to_numpy() - table["bias"].to_numpy() == pytest.approx(table["estimate"].to_numpy())


def test_reliabilities_are_those_of_means_of_five(panel):
    table = rd.apim(panel, outcome="y", predictors=["x"], estimation=Z).latent_between()
    reliability = table[table["effect"] == "actor"].set_index("role")["reliability"]
    assert reliability["f"] == pytest.approx(0.5 / (0.5 + 1 / 5), abs=0.03)
    assert reliability["m"] == pytest.approx(0.4 / (0.4 + 1.2 / 5), abs=0.03)


def test_one_person_formula_where_partners_are_unrelated():
    """With no relation between partners the matrix is diagonal: the bias is (within - between)(1 - reliability)."""
    from reldyn.actor_partner.followup._latent import reliability

    between, error = np.diag([0.7, 0.64]), np.diag([0.2, 0.24])
    shrink = reliability(between, error, ["x"])
    icc, n = 0.5 / 1.5, 5
    assert 1 - shrink[0, 0] == pytest.approx(((1 - icc) / n) / (icc + (1 - icc) / n), abs=1e-12)


def test_means_without_latent_variation_are_refused():
    from reldyn.actor_partner.followup._latent import reliability

    with pytest.raises(rd.DesignError) as caught:
        reliability(np.diag([0.2, 0.5]), np.diag([0.2, 0.1]), ["x"])
    assert str(caught.value) == (
        "person means of x differ no more than their sampling error lets them: there is no latent between-person "
        "variation to correct the effects for."
    )


def test_it_needs_both_levels(small):
    fit = rd.apim(small, outcome="y", predictors=["x"], centering="grand", estimation=Z)
    with pytest.raises(rd.DesignError, match="centering='within-between'"):
        fit.latent_between()
