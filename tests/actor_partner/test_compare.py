"""Likelihood-ratio tests: reference values, guards, boundaries, and the bootstrap's determinism."""

import pytest
from scipy.stats import chi2

import reldyn as rd

ML = rd.Estimation(method="ml")
Z = rd.Estimation(inference="z")


def refusal(smaller, larger):
    with pytest.raises(rd.DesignError) as caught:
        rd.compare(smaller, larger)
    return str(caught.value)


@pytest.fixture(scope="module")
def diary(make_diary, as_panel):
    return as_panel(make_diary(seed=4, n_dyads=30, n_occasions=6))


def test_distinguishability_equals_gls(cross_section, gls):
    test = rd.distinguishability(cross_section, outcome="y", predictors=["xa"], centering="none")
    assert test.statistic == pytest.approx(gls["distinguish_mlm"]["chi2"], abs=1e-5)
    assert (test.df, test.reference) == (4, "chi-squared")
    assert test.p_value == pytest.approx(gls["distinguish_mlm"]["p"], rel=1e-4)


@pytest.mark.shared_data
def test_distinguishability_of_acitelli_couples(acitelli, published):
    printed = published["acitelli_distinguishability_ML"]
    test = rd.distinguishability(acitelli, outcome="Satisfaction_A", predictors=["OtherPos_A"], centering="none")
    assert test.statistic == pytest.approx(printed["LR"], abs=1e-4)
    assert test.p_value == pytest.approx(printed["p"], abs=5e-4)
    assert test.log_likelihoods == pytest.approx((printed["logLik_indist"], printed["logLik_dist"]), abs=1e-3)


def test_distinguishability_counts_what_may_differ(diary):
    """Per predictor and level actor and partner, intercept, q squared for q random effects, residual variance."""
    same = {"outcome": "y", "predictors": ["x"], "estimation": rd.Estimation(n_boot=3, seed=1)}
    assert rd.distinguishability(diary, random=("intercept",), **same).df == 5 + 1 + 1
    assert rd.distinguishability(diary, random=("intercept", "actor", "partner"), **same).df == 5 + 9 + 1
    assert rd.distinguishability(diary, random=("intercept",), residual="ar1", **same).df == 5 + 1 + 1 + 1
    assert rd.distinguishability(diary, random=("intercept",), residual="var1", **same).df == 5 + 1 + 1 + 2


def test_one_added_random_effect_has_a_mixture(diary):
    same = {"outcome": "y", "predictors": ["x"], "roles": "exchangeable", "estimation": Z}
    smaller = rd.apim(diary, random=(rd.shared("intercept"),), **same)
    larger = rd.apim(diary, random=(rd.shared("intercept"), rd.shared("actor")), **same)
    test = rd.compare(smaller, larger)
    assert (test.reference, test.df) == ("mixture", 2)
    expected = 0.5 * (chi2.sf(test.statistic, 1) + chi2.sf(test.statistic, 2))
    assert test.p_value == pytest.approx(expected, rel=1e-12)
    assert "the 50:50 mixture of chi-squared with 1 and 2 degrees of freedom" in " ".join(test.summary().split())


def test_first_random_effect_has_a_mixture_with_the_point_zero(diary):
    same = {"outcome": "y", "predictors": ["x"], "estimation": Z}
    test = rd.compare(rd.apim(diary, random=(), **same), rd.apim(diary, random=(rd.shared("intercept"),), **same))
    assert (test.reference, test.df) == ("mixture", 1)
    assert test.p_value == pytest.approx(0.5 * chi2.sf(test.statistic, 1), rel=1e-12)


def test_several_added_random_effects_are_bootstrapped_alike_on_any_number_of_workers(diary):
    def test(n_jobs):
        same = {
            "outcome": "y",
            "predictors": ["x"],
            "estimation": rd.Estimation(inference="z", n_boot=5, seed=5, n_jobs=n_jobs),
        }
        smaller = rd.apim(diary, random=("intercept",), **same)
        return rd.compare(smaller, rd.apim(diary, random=("intercept", "actor"), **same))

    one, two = test(1), test(2)
    assert one.reference == "parametric-bootstrap"
    assert one.n_boot + one.n_failed == 5
    assert one.parts() == two.parts()
    assert one.p_value * (one.n_boot + 1) == pytest.approx(round(one.p_value * (one.n_boot + 1)))


def test_residual_process_against_none(diary):
    same = {"outcome": "y", "predictors": ["x"], "estimation": Z}
    test = rd.compare(rd.apim(diary, **same), rd.apim(diary, residual="var1", **same))
    assert (test.reference, test.df) == ("chi-squared", 4)


def test_other_rows_are_refused(diary):
    fewer = diary.select(where=lambda rows: rows["time"] < 5)
    assert refusal(
        rd.apim(fewer, outcome="y", predictors=["x"], estimation=ML),
        rd.apim(diary, outcome="y", predictors=["x"], estimation=ML),
    ).startswith("the models were fitted to different rows")


def test_other_fixed_effects_are_refused_under_reml(diary):
    assert refusal(
        rd.apim(diary, outcome="y", predictors=[rd.shared("x")], estimation=Z),
        rd.apim(diary, outcome="y", predictors=["x"], estimation=Z),
    ) == (
        "the models differ in their fixed effects, and restricted likelihoods of different fixed effects cannot be "
        "compared: fit both with estimation=rd.Estimation(method='ml')."
    )


def test_other_methods_and_outcomes_are_refused(diary):
    one = rd.apim(diary, outcome="y", predictors=["x"], estimation=Z)
    assert refusal(one, rd.apim(diary, outcome="y", predictors=["x"], estimation=ML)) == (
        "the smaller model was fitted by REML, the larger by ML: fit both by the same method."
    )
    assert refusal(one, rd.apim(diary, outcome="z", predictors=["x"], estimation=Z)).startswith(
        "the models explain different outcomes ('y' and 'z')"
    )


def test_models_that_are_not_nested_are_refused(diary):
    one = rd.mixed_model(diary, outcome="y", fixed=["x"], estimation=ML)
    two = rd.mixed_model(diary, outcome="y", fixed=["z"], residual="var1", estimation=ML)
    assert refusal(one, two) == (
        "the models are not nested: the larger one does not contain all fixed effects of the smaller one."
    )
    larger = rd.mixed_model(diary, outcome="y", fixed=["x", "z"], estimation=ML)
    assert refusal(larger, one).startswith("the models are not nested")


def test_comparison_survives_json(diary):
    same = {"outcome": "y", "predictors": ["x"], "estimation": Z}
    test = rd.compare(rd.apim(diary, **same), rd.apim(diary, residual="ar1", **same))
    assert rd.from_json(test.to_json()).parts() == test.parts()
    assert test.tidy()[["df", "reference"]].values.tolist() == [[2, "chi-squared"]]
