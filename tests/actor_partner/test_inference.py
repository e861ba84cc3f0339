"""Every kind of inference reaches the table, and contrasts use the same."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

KINDS = ("kenward-roger", "z", "cr2", "profile", "parametric-bootstrap", "dyad-bootstrap")


@pytest.fixture(scope="module")
def panel(make_diary, as_panel):
    return as_panel(make_diary(seed=12, n_dyads=30, n_occasions=5))


@pytest.fixture(scope="module")
def fits(panel):
    return {
        kind: rd.apim(
            panel,
            outcome="y",
            predictors=["x"],
            centering="grand",
            estimation=rd.Estimation(inference=kind, n_boot=25, seed=2),
        )
        for kind in KINDS
    }


@pytest.mark.parametrize("kind", KINDS)
def test_kind_is_named_and_its_numbers_are_near_the_others(fits, kind):
    fit, model = fits[kind], fits["z"]
    assert fit.glance()["inference"].item() == kind
    tidy, plain = fit.tidy(), model.tidy()
    assert tidy["estimate"].to_numpy() == pytest.approx(plain["estimate"].to_numpy(), abs=0.02)
    assert np.all(np.abs(np.log(tidy["std_error"] / plain["std_error"])) < 0.6)
    assert ((tidy["conf_low"] < tidy["estimate"]) & (tidy["estimate"] < tidy["conf_high"])).all()
    assert tidy["p_value"].between(0, 1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_contrast_of_one_term_is_its_row(fits, kind):
    columns = ["estimate", "std_error", "p_value", "conf_low", "conf_high"]
    row = fits[kind].tidy().set_index("term").loc["actor x, f", columns]
    found = fits[kind].contrast({"actor x, f": 1}).iloc[0][columns]
    assert found.to_numpy(dtype=float) == pytest.approx(row.to_numpy(dtype=float), rel=1e-6)


def test_only_kinds_with_degrees_of_freedom_have_them(fits):
    for kind in KINDS:
        finite = np.isfinite(fits[kind].tidy()["df"]).all()
        assert finite == (kind in ("kenward-roger", "cr2"))


def test_bootstrap_is_the_same_after_a_round_trip(fits):
    again = rd.from_json(fits["dyad-bootstrap"].to_json(rows=True))
    weights = {"actor x, f": 1, "actor x, m": -1}
    pd.testing.assert_frame_equal(again.contrast(weights), fits["dyad-bootstrap"].contrast(weights))


def test_drawn_seed_is_kept(panel):
    fit = rd.apim(
        panel,
        outcome="y",
        predictors=["x"],
        estimation=rd.Estimation(inference="parametric-bootstrap", n_boot=5, seed=np.random.default_rng(1)),
    )
    assert isinstance(fit.setting.estimation.seed, int)


def test_default_under_ml_is_z(panel):
    fit = rd.apim(panel, outcome="y", predictors=["x"], estimation=rd.Estimation(method="ml"))
    assert fit.glance()["inference"].item() == "z"


def test_the_default_random_structure_is_named_and_robust(small):
    same = {"outcome": "y", "predictors": ["x"]}
    default, asked = rd.apim(small, **same), rd.apim(small, **same, random="intercept")
    robust = rd.apim(small, **same, random="intercept", estimation=rd.Estimation(inference="cr2"))
    assert default.estimates.inference == "cr2"
    assert asked.estimates.inference == "kenward-roger"
    pd.testing.assert_frame_equal(default.tidy(), robust.tidy())
    assert default.log_likelihood == asked.log_likelihood
    text = " ".join(default.summary().split())
    assert "by default, no slopes; standard errors allow for slopes that vary and are not modelled" in text
    assert "by default" not in " ".join(asked.summary().split())
    assert rd.apim(small, **same, estimation=rd.Estimation(method="ml")).estimates.inference == "z"
    assert rd.mixed_model(small, outcome="y", fixed=["x"]).estimates.inference == "cr2"


def test_a_fit_that_needs_too_much_memory_is_refused_before_the_work(small):
    asked = rd.Estimation(max_memory=1e-5)
    residual = rd.Residual("ar1", measurement_error=True)
    with pytest.raises(rd.DesignError, match="rows of a dyad are one block, whose square is kept"):
        rd.apim(small, outcome="y", predictors=["x"], residual=residual, estimation=asked)
