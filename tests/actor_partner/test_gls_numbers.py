"""Every number of the gls and lme fits in b_apim.json (R 4.2.2, nlme 3.1-162; script ref_b.R), p-values included."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import reldyn as rd

ROLEWISE = [f"{effect}, {role}" for effect in ("intercept", "actor xa", "partner xa") for role in ("A", "B")]
COMMON = ["intercept", "actor xa", "partner xa"]
# Mean of both roles, and first minus second: what +-1/2 coding of the role estimates.
CODED = {
    **{term: {f"{term}, A": 0.5, f"{term}, B": 0.5} for term in COMMON},
    **{f"{term} x role": {f"{term}, A": 1.0, f"{term}, B": -1.0} for term in COMMON},
}
MODELS = {
    "gls_indist": ({"roles": "exchangeable"}, COMMON),
    "gls_dist_twointercept": ({}, ROLEWISE),
    "gls_dist_homog": ({"residual": rd.Residual(equal_variances=True)}, ROLEWISE),
    "gls_dist_interaction": (
        {},
        ["intercept", "actor xa", "intercept x role", "partner xa", "actor xa x role", "partner xa x role"],
    ),
}
ML_ONLY = {
    "apint_product": ({"roles": "exchangeable", "interaction": "product"}, [*COMMON, "interaction xa"]),
    "apint_absdiff": ({"roles": "exchangeable", "interaction": "absolute-difference"}, [*COMMON, "interaction xa"]),
    "moderation_trait": (
        {"roles": "exchangeable", "moderators": {"ma": ("actor", "partner")}},
        [
            *COMMON,
            "actor ma",
            "partner ma",
            "actor xa x actor ma",
            "actor xa x partner ma",
            "partner xa x actor ma",
            "partner xa x partner ma",
        ],
    ),
}
CASES = [(f"{name}_{method}", *told, method) for name, told in MODELS.items() for method in ("REML", "ML")]
CASES += [(name, *told, "ML") for name, told in ML_ONLY.items()]


def assert_same_as_gls(fit, reference, terms, first_role=None):
    """Coefficients with standard errors, t and p; log-likelihood, criteria, and the residual parameters."""
    n, p = len(fit.design.y), len(fit.design.fixed)
    found = fit.contrast({term: CODED.get(term, {}) if _coded(fit, term) else {term: 1.0} for term in terms})
    # nlme prints maximum-likelihood standard errors as if by least squares, and t with n - p degrees of freedom.
    inflate = np.sqrt(n / (n - p)) if fit.estimates.method == "ml" else 1.0
    for row, line in zip(found.itertuples(), reference["coef"], strict=True):
        assert row.estimate == pytest.approx(line["Value"], abs=2e-6), line["_row"]
        std_error = row.std_error * inflate
        assert std_error == pytest.approx(line["Std.Error"], abs=2e-6), line["_row"]
        assert row.estimate / std_error == pytest.approx(line["t-value"], rel=1e-5, abs=2e-5)
        assert 2 * stats.t.sf(abs(row.estimate / std_error), n - p) == pytest.approx(
            line["p-value"], rel=1e-3, abs=1e-12
        )
    assert fit.log_likelihood == pytest.approx(reference["logLik"], abs=1e-6)
    glance = fit.glance().iloc[0]
    assert glance["n_parameters"] == reference["df"]
    assert glance["aic"] == pytest.approx(reference["AIC"], abs=2e-6)
    assert glance["bic"] == pytest.approx(reference["BIC"], abs=2e-6)
    residual = fit.covariance("residual").to_numpy()
    if first_role is not None and fit.covariance("residual").index[0] != first_role:
        residual = residual[::-1, ::-1]
    sd = np.sqrt(np.diag(residual))
    assert residual[0, 1] / sd.prod() == pytest.approx(reference["rho"], abs=2e-6)
    # The scale of an ML fit in nlme is the ML one too.
    assert sd[0] == pytest.approx(reference["sigma"], abs=2e-6)
    if reference["var_ratio"]:
        assert sd[1] / sd[0] == pytest.approx(reference["var_ratio"][1], abs=2e-6)


def _coded(fit, term):
    """Whether a term stands for a combination of the role-wise coefficients."""
    return term in CODED and term not in [column.name for column in fit.design.fixed]


@pytest.mark.parametrize(("name", "model", "terms", "method"), CASES, ids=[case[0] for case in CASES])
def test_every_number_of_gls(cross_section, gls, name, model, terms, method):
    estimation = rd.Estimation(method=method.lower(), inference="z")
    fit = rd.apim(cross_section, outcome="y", predictors=["xa"], centering="none", estimation=estimation, **model)
    assert_same_as_gls(fit, gls[name], terms)


def test_distinguishability_equals_the_difference_of_gls_fits(cross_section, gls):
    found = rd.distinguishability(cross_section, outcome="y", predictors=["xa"])
    expected = gls["distinguish_mlm"]
    assert found.statistic == pytest.approx(expected["chi2"], abs=1e-6)
    assert (found.df, found.p_value) == (expected["df"], pytest.approx(expected["p"], rel=1e-6))


SELF = ["intercept", "actor SelfPos_A", "partner SelfPos_A"]


@pytest.mark.shared_data
def test_acitelli_self_positivity_equals_gls(acitelli, gls):
    model = {"outcome": "Satisfaction_A", "predictors": ["SelfPos_A"], "centering": "none"}
    alike = rd.apim(acitelli, roles="exchangeable", estimation=rd.Estimation(inference="z"), **model)
    assert_same_as_gls(alike, gls["acipair_indist"], SELF)
    apart = rd.apim(acitelli, estimation=rd.Estimation(method="ml"), **model)
    # gls codes the wife first: her coefficients, then the husband's minus hers.
    found = apart.contrast(
        {
            **{term: {f"{term}, Wife": 1.0} for term in SELF},
            **{f"{term} x g": {f"{term}, Husband": 1.0, f"{term}, Wife": -1.0} for term in SELF},
        }
    ).set_index("term")
    order = ["intercept", "intercept x g", SELF[1], SELF[2], f"{SELF[1]} x g", f"{SELF[2]} x g"]
    inflate = np.sqrt(296 / 290)
    for term, line in zip(order, gls["acipair_dist"]["coef"], strict=True):
        assert found.loc[term, "estimate"] == pytest.approx(line["Value"], abs=1e-5), line["_row"]
        assert found.loc[term, "std_error"] * inflate == pytest.approx(line["Std.Error"], abs=1e-5), line["_row"]
    reference = gls["acipair_dist"]
    assert apart.log_likelihood == pytest.approx(reference["logLik"], abs=1e-6)
    residual = apart.covariance("residual")
    wife, husband = np.sqrt(residual.loc["Wife", "Wife"]), np.sqrt(residual.loc["Husband", "Husband"])
    assert wife == pytest.approx(reference["sigma"], abs=1e-5)
    assert husband / wife == pytest.approx(reference["var_ratio"][1], abs=1e-5)
    assert residual.loc["Wife", "Husband"] / (wife * husband) == pytest.approx(reference["rho"], abs=1e-5)
    found = rd.distinguishability(acitelli, **{key: model[key] for key in ("outcome", "predictors")})
    assert found.statistic == pytest.approx(gls["acipair_distinguish"]["chi2"], abs=1e-6)
    assert found.df == gls["acipair_distinguish"]["df"]
    assert {"Satisfaction_A", "SelfPos_A", "CoupleID"} <= set(gls["acipair_names"])


def test_growth_of_both_partners_equals_lme(gls):
    frame = pd.read_csv(Path(__file__).parent / "reference" / "growth.csv")
    panel = rd.DyadPanel(frame, dyad="dyad", person="member", role="member", time="time")
    ml = rd.Estimation(method="ml")
    fit = rd.apim(panel, outcome="y", predictors=(), covariates=("time",), random=("intercept", "time"), estimation=ml)
    reference, tidy = gls["growth"], fit.tidy().set_index("term")
    labels = {"m1": "intercept, 1", "m2": "intercept, 2", "m1:time": "time, 1", "m2:time": "time, 2"}
    for theirs, ours in labels.items():
        assert tidy.loc[ours, "estimate"] == pytest.approx(reference["fixef"][theirs], abs=1e-6)
        assert tidy.loc[ours, "std_error"] == pytest.approx(reference["se"][theirs], rel=1e-4)
    # lme stops short of the optimum along flat directions of these.
    order = list(labels.values())
    assert fit.covariance("random").loc[order, order].to_numpy() == pytest.approx(np.array(reference["G"]), abs=3e-3)
    residual = fit.covariance("residual").to_numpy()
    sd = np.sqrt(np.diag(residual))
    assert sd[0] == pytest.approx(reference["sigma"], abs=1e-3)
    assert sd[1] / sd[0] == pytest.approx(reference["var_ratio"][1], abs=1e-3)
    assert residual[0, 1] / sd.prod() == pytest.approx(reference["resid_rho"], abs=1e-3)
    assert fit.glance()["n_parameters"].item() == reference["npar"]
    assert reference["logLik"] - 1e-6 <= fit.log_likelihood <= reference["logLik"] + 1e-3


def test_every_entry_of_the_reference_has_a_test(gls):
    """Names of the entries, and the files whose tests read them."""
    read = {
        "test_gls_numbers": {case[0] for case in CASES}
        | {"growth", "distinguish_mlm", "acipair_names", "acipair_indist", "acipair_dist", "acipair_distinguish"},
        "test_family": {"pooled", "partial_r", "std_pooled", "icc_pairwise", "icc_anova", "crsp"}
        | {"k_pattern_tests", "k_ci", "isat_adjusted", "drsa", "overtime_lav"},
        "test_moment_models": {"sem_dist", "sem_indist", "isat", "inull", "apimem", "cfm", "mim", "cfa"},
    }
    assert set().union(*read.values()) == set(gls)
