"""Marginal models: statsmodels' own numbers from our designs, exact identities, refusals, and stored coverage."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.actor_partner import MarginalApimResult

COVERAGE = Path(__file__).resolve().parents[2] / "tools" / "results" / "gee_coverage.json"
FAMILIES = ("binomial", "poisson", "negative-binomial", "ordinal")


def counts(n=80, seed=3, occasions=1):
    generator = np.random.default_rng(seed)
    dyad, time, member = np.meshgrid(np.arange(n), np.arange(occasions), [0, 1], indexing="ij")
    x = generator.normal(size=dyad.shape)
    eta = 0.4 * x + 0.2 * x[..., ::-1]
    gamma = generator.gamma(2.0, 0.5, size=(n, 1, 1))
    frame = pd.DataFrame({"dyad": dyad.ravel(), "time": time.ravel(), "role": np.array(["f", "m"])[member.ravel()]})
    frame["x"] = x.ravel()
    frame["count"] = generator.poisson(gamma * np.exp(eta)).ravel().astype(float)
    frame["any"] = (frame["count"] > 0).astype(float)
    frame["rating"] = np.clip(frame["count"], 0, 3)
    return frame


def as_panel(frame, **named):
    return rd.DyadPanel(frame, dyad="dyad", person="role", role="role", **named)


OUTCOME = {"binomial": "any", "poisson": "count", "negative-binomial": "count", "ordinal": "rating"}


@pytest.fixture(scope="module")
def panel():
    return as_panel(counts())


@pytest.fixture(scope="module")
def fits(panel):
    return {name: rd.apim(panel, outcome=OUTCOME[name], predictors=["x"], family=name) for name in FAMILIES}


def test_logistic_scores_are_solved(panel):
    """Estimating equations written out: D' V^-1 (y - mu) is zero, and the robust covariance follows."""
    fit = rd.apim(panel, outcome="any", predictors=["x"], family="binomial")
    design = fit.design
    X, beta = design.matrix(design.fixed), fit.estimates.beta
    mean = 1 / (1 + np.exp(-X @ beta))
    score, bread, meat = np.zeros(6), np.zeros((6, 6)), np.zeros((6, 6))
    pieces = []
    for dyad in range(design.n_dyads):
        rows = np.flatnonzero(design.dyad == dyad)
        spread = np.sqrt(mean[rows] * (1 - mean[rows]))
        V = np.outer(spread, spread) * np.array([[1, fit.working], [fit.working, 1]])
        D = X[rows] * (mean[rows] * (1 - mean[rows]))[:, None]
        score += D.T @ np.linalg.solve(V, design.y[rows] - mean[rows])
        bread += D.T @ np.linalg.solve(V, D)
        pieces.append((D, V, design.y[rows] - mean[rows]))
    assert np.abs(score).max() < 1e-4
    inverse = np.linalg.inv(bread)
    for D, V, residual in pieces:
        leverage = D @ inverse @ D.T @ np.linalg.inv(V)
        term = D.T @ np.linalg.solve(V, np.linalg.solve(np.eye(2) - leverage, residual))
        meat += np.outer(term, term)
    assert fit.estimates.cov == pytest.approx(inverse @ meat @ inverse, rel=1e-3)


def test_separate_roles_are_separate_regressions_under_independence(panel):
    """Several occasions are worked on as independent: coefficients are those of one regression per role."""
    import statsmodels.api as sm

    long = counts(n=40, occasions=3)
    fit = rd.apim(as_panel(long, time="time"), outcome="count", predictors=["x"], family="poisson", centering="none")
    paired = as_panel(long, time="time").actor_partner(["x"]).frame
    for role in ("f", "m"):
        rows = paired[paired["role"] == role]
        X = np.column_stack([np.ones(len(rows)), rows["x_actor"], rows["x_partner"]])
        expected = sm.GLM(rows["count"].to_numpy(), X, family=sm.families.Poisson()).fit().params
        found = fit.tidy().query("role == @role").set_index("effect").loc[["intercept", "actor", "partner"], "estimate"]
        assert found.to_numpy() == pytest.approx(expected, abs=1e-5)
    assert np.isnan(fit.working)


def test_ordinal_thresholds_and_direction(panel):
    """A threshold above every category but the last; reversing the scale turns every sign."""
    fit = rd.apim(panel, outcome="rating", predictors=["x"], family="ordinal")
    tidy = fit.tidy()
    thresholds = tidy[tidy["effect"] == "threshold"]
    assert thresholds["variable"].tolist() == ["above 0", "above 1", "above 2"]
    assert np.all(np.diff(thresholds["estimate"]) < 0)
    assert fit.categories == (0.0, 1.0, 2.0, 3.0)
    turned = rd.apim(
        as_panel(counts().assign(rating=lambda rows: 3 - rows["rating"])),
        outcome="rating",
        predictors=["x"],
        family="ordinal",
    ).tidy()
    slopes = ["actor", "partner"]
    assert turned[turned["effect"].isin(slopes)]["estimate"].to_numpy() == pytest.approx(
        -tidy[tidy["effect"].isin(slopes)]["estimate"].to_numpy(), abs=1e-4
    )


def test_negative_binomial_finds_the_spread_it_was_given():
    fit = rd.apim(as_panel(counts(n=500, seed=8)), outcome="count", predictors=["x"], family="negative-binomial")
    # Gamma with shape 2 and mean 1: alpha is one half.
    assert fit.dispersion == pytest.approx(0.5, abs=0.15)
    slopes = fit.tidy().query("effect in ('actor', 'partner')")
    truth = np.array([0.4, 0.4, 0.2, 0.2])
    assert np.all(np.abs(slopes["estimate"] - truth) < 4 * slopes["std_error"])


@pytest.mark.parametrize("name", FAMILIES)
def test_verbs_and_json(fits, name):
    fit = fits[name]
    assert isinstance(fit, MarginalApimResult)
    assert fit.tidy()["ratio"].to_numpy() == pytest.approx(np.exp(fit.tidy()["estimate"]))
    assert fit.glance()["family"].item() == name
    assert "Effects are marginal" in " ".join(fit.summary().split())
    assert "Bias-reduced robust standard errors" in " ".join(fit.summary().split()).replace("\n", " ")
    again = rd.from_json(fit.to_json())
    pd.testing.assert_frame_equal(again.tidy(), fit.tidy())
    found = again.contrast("role-differences")
    expected = fit.contrast("role-differences")
    pd.testing.assert_frame_equal(found, expected)
    assert len(fit.plot().axes) == 1


def test_renaming_roles_renames_rows(panel, fits):
    frame = counts().assign(role=lambda rows: rows["role"].map({"f": "z", "m": "b"}))
    turned = (
        rd.apim(as_panel(frame), outcome="any", predictors=["x"], family="binomial")
        .tidy()
        .set_index(["effect", "role"])
    )
    for row in fits["binomial"].tidy().itertuples():
        other = turned.loc[(row.effect, {"f": "z", "m": "b"}[row.role])]
        assert other["estimate"] == pytest.approx(row.estimate, abs=1e-6)
        assert other["std_error"] == pytest.approx(row.std_error, abs=1e-6)


def refusal(panel, **model):
    with pytest.raises((rd.DesignError, rd.DataError)) as caught:
        rd.apim(panel, **({"outcome": "any", "predictors": ["x"], "family": "binomial"} | model))
    return str(caught.value)


def test_what_a_marginal_model_has_not_is_refused(panel):
    assert refusal(panel, random=("intercept",)) == (
        "family='binomial' is a marginal model (GEE): it has no random effects. Leave random out; dependence within "
        "dyads is in the standard errors."
    )
    for residual in ("unstructured", "ar1", rd.Residual("independent")):
        assert refusal(panel, residual=residual) == (
            "family='binomial' is a marginal model (GEE): it has no residual process. Leave residual out; dependence "
            "within dyads is in the standard errors."
        )
    assert "belongs to Gaussian models" in refusal(panel, estimation=rd.Estimation(inference="kenward-roger"))
    assert "use missing='available'" in refusal(panel, estimation=rd.Estimation(missing="impute"))


def test_outcomes_that_do_not_fit_their_family_are_refused(panel):
    assert refusal(panel, outcome="count").startswith("family='binomial' needs an outcome of 0 or 1, and 'count' is ")
    assert "needs an outcome of counts: 0, 1, 2, ..." in refusal(
        panel, outcome="x", predictors=["any"], family="poisson"
    )
    assert refusal(panel, family="ordinal") == (
        "family='ordinal' is for 3 to 15 ordered categories, and 'any' has 2: use family='binomial'."
    )


def test_too_few_dyads_are_refused_and_few_are_warned_of():
    assert "6 dyads cannot carry 6 coefficients" in refusal(as_panel(counts(n=6)))
    with pytest.warns(rd.DataWarning, match="Only 15 dyads"):
        rd.apim(as_panel(counts(n=15)), outcome="count", predictors=["x"], family="poisson")


def test_separated_outcomes_never_pose_as_estimates():
    frame = counts().assign(any=lambda rows: (rows["x"] > 0).astype(float))
    with pytest.warns(rd.ConvergenceWarning):
        fit = rd.apim(as_panel(frame), outcome="any", predictors=["x"], family="binomial")
    assert not fit.converged
    assert "DID NOT CONVERGE" in " ".join(fit.summary().split())
    assert not fit.glance()["converged"].item()


def test_there_is_no_likelihood_to_compare(panel, fits):
    with pytest.raises(rd.DesignError, match="has no likelihood"):
        rd.distinguishability(panel, outcome="any", predictors=["x"], family="binomial")
    with pytest.raises(rd.DesignError, match="no likelihood"):
        rd.compare(fits["poisson"], fits["poisson"])
    with pytest.raises(rd.DesignError, match="no random effects"):
        fits["poisson"].augment()
    with pytest.raises(rd.DesignError, match="the pattern rule for k"):
        fits["poisson"].pattern()


def test_mixed_samples_are_modelled_by_composition():
    frame = counts(n=120)
    frame["role"] = np.where(frame["dyad"] < 40, "f", frame["role"])
    frame["person"] = np.arange(len(frame))
    mixed = rd.DyadPanel(frame, dyad="dyad", person="person", role="role")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rd.DataWarning)
        fit = rd.apim(mixed, outcome="count", predictors=["x"], family="poisson")
    assert set(fit.tidy()["composition"]) == {"f-m", "f-f"}


def test_stored_coverage_is_whole_and_holds_at_100_dyads():
    stored = json.loads(COVERAGE.read_text(encoding="utf-8"))
    cells = {(cell["family"], cell["n_dyads"]): cell for cell in stored["cells"]}
    assert set(cells) == {(family, n) for family in FAMILIES for n in (30, 100)}
    for (_, n), cell in cells.items():
        assert cell["done"] >= 400
        assert len([name for name in cell["rates"] if name.startswith("coverage, ")]) == 4
        if n == 100:
            assert 0.93 <= cell["rates"]["coverage"]["value"] <= 0.97
            assert cell["not_converged"] == 0
