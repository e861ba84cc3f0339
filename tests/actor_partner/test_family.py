"""The family beyond `apim`: every reference number through the public functions, and identities between the models."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn import actor_partner as ap
from reldyn.actor_partner.moments._mediation_bootstrap import bootstrap_paths
from reldyn.actor_partner.moments._mediation_structure import MediationVariables, mediation_structure, path_labels

REFERENCE = Path(__file__).parent / "reference"
ML = rd.Estimation(method="ml")


@pytest.fixture(scope="module")
def kkc():
    return json.loads((REFERENCE / "b_kkc.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def ten_dyads():
    """Kenny, Kashy and Cook (2006), Table 2.1."""
    pairs = [(8, 6), (5, 3), (7, 2), (8, 5), (8, 7), (5, 6), (3, 4), (8, 9), (6, 7), (2, 3)]
    rows = [(dyad, who, score) for dyad, pair in enumerate(pairs) for who, score in enumerate(pair)]
    return pd.DataFrame(rows, columns=["dyad", "person", "score"])


def printed(reference, name):
    return {(row["lhs"], row["op"], row["rhs"]): row for row in reference[name]["est"]}


def labelled(reference, name):
    return {row["label"]: row for row in reference[name]["est"] if row["label"]}


def assert_row(found, expected, abs_=1e-6):
    assert found["estimate"] == pytest.approx(expected["est"], abs=abs_)
    assert found["std_error"] == pytest.approx(expected["se"], abs=abs_)
    assert found["statistic"] == pytest.approx(expected["z"], rel=1e-5)
    assert found["p_value"] == pytest.approx(expected["pvalue"], abs=1e-6)


# --- non-independence -------------------------------------------------------------------------


def test_nonindependence_of_ten_dyads(kkc, ten_dyads):
    expected = kkc["kkc_table2_1"]
    with pytest.warns(rd.DataWarning, match="Only 10 dyads"):
        plain = ap.nonindependence(rd.DyadPanel(ten_dyads, dyad="dyad", person="person"), "score")
    row = plain.tidy().set_index("method")
    assert row.loc["pairwise", "estimate"] == pytest.approx(expected["pairwise"], abs=1e-12)
    assert row.loc["anova", "estimate"] == pytest.approx(expected["icc_anova"], abs=1e-12)
    assert row.loc["anova", "mean_square_between"] == pytest.approx(expected["MSB"], abs=1e-12)
    assert row.loc["anova", "mean_square_within"] == pytest.approx(expected["MSW"], abs=1e-12)
    assert row.loc["anova", "statistic"] == pytest.approx(expected["F"], abs=1e-12)
    # nlme stops 1e-6 from the closed form, and takes its curvature by finite differences.
    assert row.loc["reml", "estimate"] == pytest.approx(expected["icc_gls"], abs=2e-6)
    assert row.loc["reml", ["conf_low", "conf_high"]].tolist() == pytest.approx(expected["ci"], abs=5e-4)
    with pytest.warns(rd.DataWarning, match="Only 10 dyads"):
        roles = ap.nonindependence(rd.DyadPanel(ten_dyads, dyad="dyad", person="person", role="person"), "score")
    assert roles.tidy().set_index("method").loc["pearson", "estimate"] == pytest.approx(expected["pearson"], abs=1e-12)


def test_nonindependence_of_the_cross_section(cross_section, gls):
    found = ap.nonindependence(cross_section, ["xa", "y"]).tidy().set_index(["variable", "method"])
    assert found.loc[("xa", "pairwise"), "estimate"] == pytest.approx(gls["icc_pairwise"]["x"], abs=1e-12)
    assert found.loc[("y", "pairwise"), "estimate"] == pytest.approx(gls["icc_pairwise"]["y"], abs=1e-12)
    anova = found.loc[("y", "anova")]
    assert anova["estimate"] == pytest.approx(gls["icc_anova"]["icc"], abs=1e-12)
    assert anova["statistic"] == pytest.approx(gls["icc_anova"]["F"], abs=1e-12)
    assert anova["mean_square_between"] == pytest.approx(gls["icc_anova"]["msb"], abs=1e-12)
    assert anova["mean_square_within"] == pytest.approx(gls["icc_anova"]["msw"], abs=1e-12)


def test_anova_interval_covers_the_truth():
    """Exact by theory: 95 % of 2,000 samples, within three binomial standard errors."""
    from reldyn.actor_partner.moments._nonindependence import exact_limits

    generator = np.random.default_rng(4)
    hits = 0
    for _ in range(2000):
        pair = generator.normal(size=(15, 2)) + generator.normal(size=(15, 1))
        F = 2 * pair.mean(axis=1).var(ddof=1) / (np.diff(pair) ** 2).mean() * 2
        low, high = exact_limits(F, 15)
        hits += low <= 0.5 <= high
    assert abs(hits / 2000 - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 2000)


def test_members_that_never_differ_correlate_by_one():
    from reldyn.actor_partner.moments._nonindependence import anova_icc

    row = anova_icc(np.repeat(np.arange(8.0), 2).reshape(8, 2))
    assert (row["estimate"], row["statistic"], row["conf_low"], row["p_value"]) == (1.0, np.inf, 1.0, 0.0)


def test_negative_nonindependence_is_found():
    generator = np.random.default_rng(1)
    first = generator.normal(size=60)
    pair = np.column_stack([first, -first + 0.5 * generator.normal(size=60)])
    rows = pd.DataFrame({"dyad": np.repeat(range(60), 2), "who": [0, 1] * 60, "y": pair.ravel()})
    found = ap.nonindependence(rd.DyadPanel(rows, dyad="dyad", person="who"), "y").tidy().set_index("method")
    assert found.loc["anova", "estimate"] < -0.5
    assert found.loc["anova", "p_value"] < 1e-6


# --- distinguishability, I-SAT ----------------------------------------------------------------


def test_distinguishability_of_moments_has_six_degrees(cross_section, gls):
    found = ap.distinguishability_sem(cross_section, outcome="y", predictors="xa")
    assert found.statistic == pytest.approx(gls["sem_indist"]["fit"]["chisq"], abs=1e-8)
    assert (found.df, found.n_parameters) == (6, (8, 14))
    assert found.p_value == pytest.approx(gls["sem_indist"]["fit"]["pvalue"], rel=1e-8)
    assert found.log_likelihoods[1] == pytest.approx(gls["sem_dist"]["fit"]["logl"], abs=1e-8)
    assert found.log_likelihoods[0] == pytest.approx(gls["sem_indist"]["fit"]["logl"], abs=1e-8)


def test_free_means_leave_four_degrees_and_another_question(cross_section):
    found = ap.distinguishability_sem(cross_section, outcome="y", predictors="xa", means="free")
    assert (found.df, round(found.statistic, 3)) == (4, 28.118)


def test_distinguishability_does_not_see_who_comes_first(cross_section):
    frame = cross_section.frame
    turned = rd.DyadPanel(
        frame.assign(role=frame["role"].map({"A": "z", "B": "b"})), dyad="dyad", person="member", role="role"
    )
    both = [ap.distinguishability_sem(p, outcome="y", predictors="xa").statistic for p in (cross_section, turned)]
    assert both[0] == pytest.approx(both[1], abs=1e-9)


def test_isat_adjusts_a_model_without_partner_effect(cross_section, gls):
    model = ap.apim_sem(cross_section, outcome="y", predictors="xa", roles="exchangeable")
    without = model.pattern_tests(k=[0]).iloc[0]
    statistic = model.unadjusted["statistic"] + without["statistic"]
    adjusted = ap.isat(cross_section, ["xa", "y"]).adjust(statistic, int(model.unadjusted["df"] + without["df"]))
    expected = gls["isat_adjusted"]
    names = {"chisq": "statistic", "p": "p_value", "null_chisq": "null_statistic", "cfi": "cfi", "tli": "tli"}
    names |= {"rmsea": "rmsea_n_minus_1", "rmsea_N": "rmsea", "df": "df", "null_df": "null_df"}
    for theirs, ours in names.items():
        assert adjusted[ours] == pytest.approx(expected[theirs], abs=1e-8), theirs


def test_isat_adjusted_fit_of_the_textbook(kkc):
    expected = kkc["adjusted"]
    found = ap.adjusted_fit(
        statistic=kkc["model"]["chisq"],
        df=kkc["model"]["df"],
        isat=(kkc["isat"]["chisq"], kkc["isat"]["df"]),
        inull=(kkc["inull"]["chisq"], kkc["inull"]["df"]),
        n_dyads=137,
    )
    names = {"chisq": "statistic", "df": "df", "p": "p_value", "cfi": "cfi", "tli": "tli"}
    names |= {"rmsea_Nm1": "rmsea_n_minus_1", "null_chisq": "null_statistic", "null_df": "null_df"}
    for theirs, ours in names.items():
        assert found[ours] == pytest.approx(expected[theirs], abs=1e-10), theirs


@pytest.mark.parametrize("which", ["model", "isat", "inull"])
def test_unadjusted_indices_of_the_textbook(kkc, which):
    """CFI, TLI and RMSEA as printed rest on one independence model, with 28 degrees of freedom for 8 variables."""
    from reldyn.actor_partner.moments._sem import comparative_indices

    told = kkc[which]
    null = (kkc["model"]["chisq"] - 27) / (1 - kkc["model"]["cfi"]) + 28
    found = comparative_indices(told["chisq"], told["df"], null, 28, 137)
    for name in ("cfi", "tli", "rmsea"):
        assert found[name] == pytest.approx(told[name], abs=1e-6), name


def test_rmsea_is_zero_and_not_missing_where_the_fit_is_better_than_chance():
    found = ap.adjusted_fit(statistic=25.0, df=27, isat=(20.0, 20), inull=(300.0, 36), n_dyads=100)
    assert (found["rmsea"], found["cfi"]) == (0.0, 1.0)


def test_a_model_that_restricts_nothing_is_saturated():
    found = ap.adjusted_fit(statistic=20.0, df=20, isat=(20.0, 20), inull=(300.0, 36), n_dyads=100)
    assert (found["statistic"], found["df"]) == (0.0, 0)
    assert all(np.isnan(found[name]) for name in ("p_value", "cfi", "tli", "rmsea", "rmsea_n_minus_1"))


def test_a_model_with_fewer_restrictions_than_exchangeability_is_refused():
    with pytest.raises(rd.DesignError, match="I-SAT 20: a model of exchangeable members"):
        ap.adjusted_fit(statistic=15.0, df=19, isat=(20.0, 20), inull=(300.0, 36), n_dyads=100)


# --- k ----------------------------------------------------------------------------------------


def test_apim_of_moments_with_k(cross_section, gls):
    expected = labelled(gls, "sem_dist")
    found = ap.apim_sem(cross_section, outcome="y", predictors="xa").tidy().set_index(["effect", "role"])
    for key, label in ((("actor", "A"), "a1"), (("partner", "A"), "p12"), (("k", "A"), "k1")):
        assert_row(found.loc[key], expected[label])
    for key, label in ((("actor", "B"), "a2"), (("partner", "B"), "p21"), (("k", "B"), "k2")):
        assert_row(found.loc[key], expected[label])
    alike = ap.apim_sem(cross_section, outcome="y", predictors="xa", roles="exchangeable")
    expected = labelled(gls, "sem_indist")
    row = alike.tidy().set_index("effect")
    for effect, label in (("actor", "a"), ("partner", "p"), ("k", "k")):
        assert_row(row.loc[effect], expected[label])
    assert row.loc["k", "estimate"] == pytest.approx(gls["k_ci"]["k"], abs=1e-6)
    assert row.loc["k", "std_error"] == pytest.approx(gls["k_ci"]["delta_se"], abs=1e-6)
    theta, cov = alike.fitted.subset(["actor xa", "partner xa"])
    assert theta == pytest.approx([gls["k_ci"]["a"], gls["k_ci"]["p"]], abs=1e-6)
    assert cov == pytest.approx(np.array(gls["k_ci"]["V"]), abs=1e-7)
    # Between and within slopes are sum and difference.
    for label, weights in (("b_b", [1, 1]), ("b_w", [1, -1])):
        assert theta @ weights == pytest.approx(expected[label]["est"], abs=1e-6)
        assert np.sqrt(np.array(weights) @ cov @ weights) == pytest.approx(expected[label]["se"], abs=1e-6)


def test_fieller_equals_r_and_monte_carlo(cross_section, gls):
    from reldyn.actor_partner.followup._pattern import fieller

    alike = ap.apim_sem(cross_section, outcome="y", predictors="xa", roles="exchangeable")
    theta, cov = alike.fitted.subset(["actor xa", "partner xa"])
    found = fieller(theta[0], theta[1], cov, 1.959963984540054)
    assert found == pytest.approx(gls["k_ci"]["fieller95"], abs=1e-6)
    draws = np.random.default_rng(1).multivariate_normal(theta, cov, size=1_000_000)
    monte_carlo = np.quantile(draws[:, 1] / draws[:, 0], [0.025, 0.975])
    assert monte_carlo == pytest.approx(gls["k_ci"]["mc95"], abs=3e-3)
    assert found == pytest.approx(monte_carlo, abs=3e-3)


def test_patterns_of_k_lose_fit_as_in_lavaan(cross_section, gls):
    model = ap.apim_sem(cross_section, outcome="y", predictors="xa", roles="exchangeable")
    found = model.pattern_tests(k=[1, 0, -1, 0.5]).set_index("k")
    for value, name in ((1.0, "couple_k1"), (0.0, "actor_k0"), (-1.0, "contrast_km1"), (0.5, "half")):
        expected = gls["k_pattern_tests"][name]
        assert found.loc[value, "statistic"] == pytest.approx(expected["chisq"], abs=1e-8)
        assert found.loc[value, "df"] == expected["df"]


# --- closed form, effect sizes, reparameterisations --------------------------------------------


def test_pooled_regression_equals_r(cross_section, gls):
    result = ap.pooled_regression(cross_section, outcome="y", predictors="xa")
    row, expected = result.tidy().set_index("effect"), gls["pooled"]
    assert row.loc["between", "estimate"] == pytest.approx(expected["bb"], abs=1e-12)
    assert row.loc["within", "estimate"] == pytest.approx(expected["bw"], abs=1e-12)
    assert row.loc["between", "std_error"] == pytest.approx(expected["se_b"], abs=1e-12)
    assert row.loc["within", "std_error"] == pytest.approx(expected["se_w"], abs=1e-12)
    for effect in ("actor", "partner"):
        assert row.loc[effect, "estimate"] == pytest.approx(expected[effect], abs=1e-12)
        assert row.loc[effect, "std_error"] == pytest.approx(expected["se"], abs=1e-12)
        assert row.loc[effect, "df"] == pytest.approx(expected["satterthwaite_df"], abs=1e-9)
    reml = gls["gls_indist_REML"]
    assert row.loc["intercept", "estimate"] == pytest.approx(reml["coef"][0]["Value"], abs=1e-8)
    assert result.residual_correlation == pytest.approx(reml["rho"], abs=1e-6)
    assert result.residual_sd == pytest.approx(reml["sigma"], abs=1e-6)


def test_pooled_regression_is_the_exchangeable_fit(cross_section):
    both = ["xa", "ma"]
    closed = ap.pooled_regression(cross_section, outcome="y", predictors=both).tidy().set_index("term")
    fit = rd.apim(cross_section, outcome="y", predictors=both, roles="exchangeable", centering="none")
    for row in fit.tidy().itertuples():
        assert row.estimate == pytest.approx(closed.loc[row.term, "estimate"], abs=1e-7)
        assert row.std_error == pytest.approx(closed.loc[row.term, "std_error"], abs=1e-6)
        if row.effect != "intercept":
            assert row.df == pytest.approx(closed.loc[row.term, "df"], abs=1e-2)


def test_effect_sizes_equal_r(cross_section, gls):
    fit = rd.apim(cross_section, outcome="y", predictors=["xa"], roles="exchangeable")
    sizes = ap.effect_sizes(fit)
    row = sizes.tidy().set_index("effect")
    assert row.loc["actor", "partial_r"] == pytest.approx(gls["partial_r"]["r_actor"], abs=1e-5)
    assert row.loc["partner", "partial_r"] == pytest.approx(gls["partial_r"]["r_partner"], abs=1e-5)
    assert fit.tidy().set_index("effect").loc["actor", "statistic"] == pytest.approx(
        gls["partial_r"]["t_actor"], abs=1e-4
    )
    assert fit.tidy().set_index("effect").loc["partner", "statistic"] == pytest.approx(
        gls["partial_r"]["t_partner"], abs=1e-4
    )
    assert gls["partial_r"]["r_actor_n"] == gls["partial_r"]["r_actor"]
    assert row.loc["actor", "standardised"] == pytest.approx(gls["std_pooled"]["beta_actor"], abs=1e-7)
    assert row.loc["partner", "standardised"] == pytest.approx(gls["std_pooled"]["beta_partner"], abs=1e-7)
    assert row.loc["actor", "sd_predictor"] == pytest.approx(gls["std_pooled"]["sdx"], abs=1e-12)
    assert sizes.sd_outcome == pytest.approx(gls["std_pooled"]["sdy"], abs=1e-12)
    assert sizes.pseudo_r2[""] == pytest.approx(gls["crsp"], abs=1e-6)


def test_pseudo_r2_is_not_below_zero(make_diary, as_panel):
    fit = rd.apim(as_panel(make_diary()), outcome="y", predictors=["z"])
    assert min(ap.effect_sizes(fit).pseudo_r2.values()) >= 0.0


@pytest.mark.parametrize("method", ["reml", "ml"])
def test_dyadic_scores_are_the_distinguishable_model(cross_section, method):
    estimation = rd.Estimation(method=method)
    result = ap.dyadic_score(cross_section, outcome="y", predictors=["xa", "ma"], estimation=estimation)
    assert result.largest_difference < 1e-7
    assert len(result.equivalence) == 11
    # Least squares on the scores themselves: an independent way to the same numbers.
    w = cross_section.wide(["xa", "ma", "y"])
    level = {name: 0.5 * (w[f"{name}_A"] + w[f"{name}_B"]) for name in ("xa", "ma", "y")}
    gap = {name: w[f"{name}_A"] - w[f"{name}_B"] for name in ("xa", "ma", "y")}
    X = np.column_stack([np.ones(len(w)), level["xa"], gap["xa"], level["ma"], gap["ma"]])
    expected = np.linalg.lstsq(X, np.column_stack([level["y"], gap["y"]]), rcond=None)[0]
    found = result.tidy().set_index(["outcome_score", "variable", "predictor_score"])["estimate"]
    keys = [("", ""), ("xa", "level"), ("xa", "difference"), ("ma", "level"), ("ma", "difference")]
    for column, score in enumerate(("level", "difference")):
        assert [found[(score, *key)] for key in keys] == pytest.approx(expected[:, column], abs=1e-8)


@pytest.mark.parametrize("method", ["reml", "ml"])
def test_dyad_individual_is_the_exchangeable_model(cross_section, method):
    result = ap.dyad_individual(
        cross_section, outcome="y", predictors=["xa", "ma"], estimation=rd.Estimation(method=method)
    )
    assert result.largest_difference < 1e-6


def test_dyad_individual_slopes_are_the_pooled_ones(cross_section, gls):
    result = ap.dyad_individual(cross_section, outcome="y", predictors="xa")
    row = result.tidy().set_index("part")
    assert row.loc["dyad", "estimate"] == pytest.approx(gls["pooled"]["bb"], abs=1e-7)
    assert row.loc["individual", "estimate"] == pytest.approx(gls["pooled"]["bw"], abs=1e-7)
    assert row.loc["dyad", "std_error"] == pytest.approx(gls["pooled"]["se_b"], abs=1e-6)
    assert row.loc["individual", "std_error"] == pytest.approx(gls["pooled"]["se_w"], abs=1e-6)


def test_dyad_individual_of_a_diary(small):
    assert ap.dyad_individual(small, outcome="y", predictors="x").largest_difference < 1e-5


# --- mediation ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mediated(cross_section):
    return ap.mediation(cross_section, outcome="y", predictor="xa", mediator="ma", interval="delta")


EFFECTS = {
    "AA1": ("indirect", "actor-actor", "A"),
    "PP1": ("indirect", "partner-partner", "A"),
    "AP1": ("indirect", "partner-actor", "A"),
    "PA1": ("indirect", "actor-partner", "A"),
    "AA2": ("indirect", "actor-actor", "B"),
    "PP2": ("indirect", "partner-partner", "B"),
    "AP2": ("indirect", "partner-actor", "B"),
    "PA2": ("indirect", "actor-partner", "B"),
}
SUMS = {
    "AA1tot": ("total indirect", "A", "A"),
    "AA1c": ("total", "A", "A"),
    "P1tot": ("total indirect", "B", "A"),
    "P1c": ("total", "B", "A"),
    "A2tot": ("total indirect", "B", "B"),
    "P2tot": ("total indirect", "A", "B"),
}


def test_indirect_effects_equal_lavaan(mediated, gls):
    expected = labelled(gls, "apimem")
    tidy = mediated.tidy()
    simple = tidy.set_index(["effect", "kind", "role"])
    for label, key in EFFECTS.items():
        assert_row(simple.loc[key], expected[label])
    sums = tidy.set_index(["effect", "from", "role"])
    for label, key in SUMS.items():
        assert_row(sums.loc[key], expected[label])
    assert mediated.log_likelihood == pytest.approx(gls["apimem"]["fit"]["logl"], abs=1e-8)


def test_routes_say_whose_variables_they_use(mediated):
    row = mediated.tidy().set_index(["kind", "role"]).loc[("actor-partner", "A")]
    assert (row["from"], row["through"]) == ("B", "B")
    assert row["term"] == "indirect (B predictor, B mediator), A"


def resampled_once(values, generator, *, alike):
    variables = MediationVariables(("x",), ("m",), "y")
    structure = mediation_structure(variables, alike=alike)
    labels = path_labels(variables, alike=alike)
    groups = (["m.1", "m.2"], ["y.1", "y.2"])
    return bootstrap_paths(values, structure, groups, labels, 1, generator, alike=alike)[0]


def test_bootstrap_of_all_dyads_once_gives_the_estimates(cross_section, mediated):
    """The fast path from moments is least squares: each dyad drawn once gives the fit itself."""
    w = cross_section.wide(["xa", "ma", "y"])
    values = w[["xa_A", "xa_B", "ma_A", "ma_B", "y_A", "y_B"]].to_numpy()

    class EachOnce:
        def multinomial(self, n, share, size):
            return np.ones((size, n), dtype=int)

    found = resampled_once(values, EachOnce(), alike=False)
    assert found == pytest.approx(mediated.paths["estimate"].to_numpy(), abs=1e-9)
    alike = ap.mediation(
        cross_section, outcome="y", predictor="xa", mediator="ma", roles="exchangeable", interval="delta"
    )
    found = resampled_once(values, EachOnce(), alike=True)
    assert found == pytest.approx(alike.paths["estimate"].to_numpy(), abs=1e-8)


@pytest.mark.parametrize("interval", ["bootstrap", "monte-carlo"])
def test_intervals_are_near_each_other_and_the_same_again(cross_section, mediated, interval):
    once, again = (
        ap.mediation(cross_section, outcome="y", predictor="xa", mediator="ma", interval=interval, n_boot=2000, seed=7)
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(once.tidy(), again.tidy())
    tidy, delta = once.tidy(), mediated.tidy()
    width = tidy["conf_high"] - tidy["conf_low"]
    expected = delta["conf_high"] - delta["conf_low"]
    assert np.all(np.abs(width / expected - 1) < 0.3)
    assert np.all((tidy["conf_low"] < tidy["estimate"]) & (tidy["estimate"] < tidy["conf_high"]))


def test_exchangeable_mediation_does_not_see_who_is_member_one(cross_section):
    frame = cross_section.frame
    plain = frame.assign(who=np.where(frame["dyad"] % 3 == 0, 3 - frame["member"], frame["member"]))
    found = [
        ap.mediation(
            rd.DyadPanel(rows, dyad="dyad", person=person),
            outcome="y",
            predictor="xa",
            mediator="ma",
            interval="delta",
        ).tidy()
        for rows, person in ((frame, "member"), (plain, "who"))
    ]
    pd.testing.assert_frame_equal(*found, rtol=1e-6, atol=1e-8)


def test_mediation_in_other_units(cross_section, mediated):
    frame = cross_section.frame.assign(
        ma=lambda rows: 10 * rows["ma"] + 3, y=lambda rows: 2 * rows["y"], xa=lambda rows: rows["xa"] / 5
    )
    panel = rd.DyadPanel(frame, dyad="dyad", person="member", role="role")
    scaled = ap.mediation(panel, outcome="y", predictor="xa", mediator="ma", interval="delta").tidy()
    assert scaled["estimate"].to_numpy() == pytest.approx(10 * mediated.tidy()["estimate"].to_numpy(), abs=1e-7)
    assert scaled["statistic"].to_numpy() == pytest.approx(mediated.tidy()["statistic"].to_numpy(), rel=1e-6)


# --- common fate, mutual influence --------------------------------------------------------------


def test_common_fate_reports_its_heywood_case(cross_section, gls):
    with pytest.warns(rd.DataWarning, match="Heywood case: the dyad-level disturbance of y is estimated at -0.112"):
        result = ap.common_fate(cross_section, outcome="y", predictor="xa", least_icc=0.0)
    expected = printed(gls, "cfm")
    row = result.tidy().set_index("term")
    assert not result.admissible
    assert row.loc["slope", "estimate"] == pytest.approx(expected["Y", "~", "X"]["est"], abs=1e-5)
    assert row.loc["slope", "std_error"] == pytest.approx(expected["Y", "~", "X"]["se"], abs=1e-5)
    assert row.loc["disturbance of y", "estimate"] == pytest.approx(expected["Y", "~~", "Y"]["est"], abs=1e-5)
    assert row.loc["variance of xa", "estimate"] == pytest.approx(expected["X", "~~", "X"]["est"], abs=1e-6)
    glance = result.glance().iloc[0]
    assert glance["statistic"] == pytest.approx(gls["cfm"]["fit"]["chisq"], abs=1e-8)
    assert glance["df"] == 1
    assert "INADMISSIBLE" in " ".join(result.summary().split())


def test_common_fate_needs_something_in_common(cross_section):
    with pytest.raises(rd.DesignError) as caught:
        ap.common_fate(cross_section, outcome="y", predictor="xa")
    assert str(caught.value) == (
        "common_fate: the intraclass correlation of 'xa' is 0.15, below 0.2: partners share too little of it for a "
        "dyad-level variable behind both answers. Use rd.apim, which needs no agreement."
    )


def shared_fate(n=400, seed=2):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, 1))
    Y = 0.6 * X + 0.8 * generator.normal(size=(n, 1))
    ex, ey = generator.normal(size=(2, n, 2))
    x, y = X + 0.7 * ex, Y + 0.7 * (0.3 * ex + np.sqrt(1 - 0.09) * ey)
    rows = pd.DataFrame({"dyad": np.repeat(range(n), 2), "who": ["f", "m"] * n, "x": x.ravel(), "y": y.ravel()})
    return rd.DyadPanel(rows, dyad="dyad", person="who", role="who")


@pytest.mark.parametrize("roles", ["distinguishable", "exchangeable"])
def test_common_fate_finds_what_was_planted(roles):
    result = ap.common_fate(shared_fate(), outcome="y", predictor="x", roles=roles)
    row = result.tidy().set_index("term")
    assert result.admissible
    assert abs(row.loc["slope", "estimate"] - 0.6) < 3 * row.loc["slope", "std_error"]
    assert abs(row.loc["slope, standardised", "estimate"] - 0.6) < 3 * row.loc["slope, standardised", "std_error"]
    assert abs(row.loc["variance of x", "estimate"] - 1.0) < 3 * row.loc["variance of x", "std_error"]


def test_mutual_influence_equals_lavaan_through_the_front_door(cross_section, gls):
    result = ap.mutual_influence(cross_section, outcome="y", predictor="xa")
    expected = printed(gls, "mim")
    row = result.tidy().set_index(["effect", "role"])
    for role, member, other in (("A", "1", "2"), ("B", "2", "1")):
        assert_row(row.loc[("actor", role)], expected[f"y{member}", "~", f"x{member}"], 3e-6)
        assert_row(row.loc[("influence", role)], expected[f"y{member}", "~", f"y{other}"], 3e-6)
    b12, b21 = expected["y1", "~", "y2"]["est"], expected["y2", "~", "y1"]["est"]
    assert result.feedback == pytest.approx(b12 * b21, abs=1e-5)
    assert result.admissible
    assert result.glance().iloc[0]["statistic"] == pytest.approx(gls["mim"]["fit"]["chisq"], abs=1e-8)


def test_a_weak_instrument_is_named():
    panel = rd.simulate.apim(n_dyads=120, actor=0.02, partner=0.0, seed=5).panel
    with pytest.warns(rd.DataWarning, match="hardly moves the own outcome"):
        ap.mutual_influence(panel, outcome="y", predictor="x")


# --- response surface -----------------------------------------------------------------------------


def test_response_surface_equals_lavaan(cross_section, gls):
    surface = ap.response_surface(cross_section, outcome="y", predictor="xa", midpoint=0.0, estimation=ML)
    expected = labelled(gls, "drsa")
    row = surface.tidy().set_index(["parameter", "role"])
    for role, plain, read in (("A", "b", "a"), ("B", "d", "c")):
        for k in range(1, 6):
            assert_row(row.loc[(f"b{k}", role)], expected[f"{plain}{k}"])
            assert_row(row.loc[(f"a{k}", role)], expected[f"{read}{k}"])
    assert surface.fit.log_likelihood == pytest.approx(gls["drsa"]["fit"]["logl"], abs=1e-6)
    intercepts = surface.fit.tidy().query("term.str.startswith('intercept')").set_index("role")
    for role, name in (("A", "y1"), ("B", "y2")):
        assert_row(intercepts.loc[role], printed(gls, "drsa")[name, "~1", ""])
    residual = surface.fit.covariance("residual")
    for left, right, name in (
        ("A", "A", ("y1", "~~", "y1")),
        ("B", "B", ("y2", "~~", "y2")),
        ("A", "B", ("y1", "~~", "y2")),
    ):
        assert residual.loc[left, right] == pytest.approx(printed(gls, "drsa")[name]["est"], abs=1e-6)
    assert not surface.verdicts["congruence"].any()


def surface_panel(function, n=400, seed=3):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, 2))
    y = np.column_stack([function(x[:, 0], x[:, 1]), function(x[:, 1], x[:, 0])]) + 0.5 * generator.normal(size=(n, 2))
    rows = pd.DataFrame({"dyad": np.repeat(range(n), 2), "who": [1, 2] * n, "x": x.ravel(), "y": y.ravel()})
    return rd.DyadPanel(rows, dyad="dyad", person="who")


def test_congruence_is_found_where_it_was_planted_and_nowhere_else():
    found = ap.response_surface(
        surface_panel(lambda own, other: -0.4 * (own - other) ** 2), outcome="y", predictor="x", midpoint=0.0
    )
    assert found.verdicts["congruence"].tolist() == [True]
    slope = ap.response_surface(
        surface_panel(lambda own, other: -0.4 * (own - other) ** 2 + 0.5 * own), outcome="y", predictor="x"
    )
    assert slope.verdicts["reason"].tolist() == ["a3 differs from zero: it matters who of the two has more"]
    none = ap.response_surface(surface_panel(lambda own, other: 0.5 * own), outcome="y", predictor="x")
    assert none.verdicts["reason"].tolist() == ["a4 is not below zero: the outcome is no lower where partners differ"]


def test_principal_axis_of_a_known_ridge():
    from reldyn.actor_partner.followup._surface_tables import principal_axis

    # -(own - other)^2 + small curvature: the ridge is other = own through the origin.
    assert principal_axis(np.array([0.0, 0.0, -1.1, 2.0, -1.1])) == pytest.approx([0.0, 1.0])
    # Stationary point moved to (1, 2): the axis passes through it with the same slope.
    b = np.array([-1.1, 2.0, -1.1])
    linear = [-(2 * b[0] * 1 + b[1] * 2), -(2 * b[2] * 2 + b[1] * 1)]
    assert principal_axis(np.array([*linear, *b])) == pytest.approx([1.0, 1.0])


# --- invariance, over time --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scale():
    wide = pd.read_csv(REFERENCE / "cfa.csv")
    parts = [
        wide[[f"{letter}{k}" for k in (1, 2, 3)]]
        .set_axis(["i1", "i2", "i3"], axis=1)
        .assign(dyad=wide.index, who=letter)
        for letter in "ab"
    ]
    return rd.DyadPanel(pd.concat(parts, ignore_index=True), dyad="dyad", person="who", role="who")


def test_invariance_through_the_front_door(scale, gls):
    result = ap.measurement_invariance(scale, ["i1", "i2", "i3"])
    names = {"configural": "configural", "loadings": "loading", "intercepts": "intercept", "residuals": "residual"}
    for row in result.tidy().itertuples():
        fit = gls["cfa"][names[row.term]]["fit"]
        assert row.statistic == pytest.approx(fit["chisq"], abs=1e-8)
        assert row.df == fit["df"]
        assert row.p_value == pytest.approx(fit["pvalue"], rel=1e-6)
    assert result.tidy().set_index("term").loc["intercepts", "p_change"] < 1e-10


def test_two_wave_stability_and_influence_equal_lavaan(gls):
    waves = pd.read_csv(REFERENCE / "var_two_waves.csv")
    parts = [waves[["dyad", "t", f"y{k}"]].set_axis(["dyad", "t", "y"], axis=1).assign(who=k) for k in (1, 2)]
    panel = rd.DyadPanel(pd.concat(parts, ignore_index=True), dyad="dyad", person="who", role="who", time="t")
    result = ap.over_time(panel, outcome="y", centering="none", estimation=ML)
    expected = labelled(gls, "overtime_lav")
    row = result.tidy().set_index(["effect", "role"])
    for key, label in (
        (("stability", 1), "s1"),
        (("influence", 1), "i12"),
        (("stability", 2), "s2"),
        (("influence", 2), "i21"),
    ):
        assert_row(row.loc[key], expected[label])
    assert result.fit.log_likelihood == pytest.approx(gls["overtime_lav"]["fit"]["logl"], abs=1e-7)
    told = printed(gls, "overtime_lav")
    residual = result.fit.covariance("residual")
    assert residual.loc[1, 1] == pytest.approx(told["y1_2", "~~", "y1_2"]["est"], abs=1e-6)
    assert residual.loc[2, 2] == pytest.approx(told["y2_2", "~~", "y2_2"]["est"], abs=1e-6)
    assert residual.loc[1, 2] == pytest.approx(told["y1_2", "~~", "y2_2"]["est"], abs=1e-6)
    for member in (1, 2):
        assert_row(row.loc[("intercept", member)], told[f"y{member}_2", "~1", ""])


def test_many_waves_warn_of_the_bias_of_short_series():
    panel = rd.simulate.apim(n_dyads=80, n_occasions=7, actor=0.0, partner=0.0, phi=0.3, seed=2).panel
    with pytest.warns(rd.DataWarning, match="Nickell, 1981") as caught:
        result = ap.over_time(panel, outcome="y", centering="within-between")
    assert "residual='var1' without the lagged predictor" in str(caught[0].message)
    biased = result.tidy().query("effect == 'stability' and level == 'within'")["estimate"]
    assert biased.max() < 0.2
    remedy = rd.apim(panel, outcome="y", predictors=(), residual="var1", estimation=rd.Estimation(inference="z"))
    transition = np.diag(remedy.residual_process["transition"])
    assert np.abs(transition - 0.3).max() < np.abs(biased - 0.3).min()


# --- simple slopes ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moderated(cross_section):
    return rd.apim(
        cross_section,
        outcome="y",
        predictors=["xa"],
        moderators={"ma": ("actor", "partner")},
        roles="exchangeable",
        estimation=ML,
    )


def test_simple_slopes_are_sums_of_coefficients(moderated):
    found = ap.simple_slopes(moderated, trait_of="actor", at=[-1.5, 0.0, 2.0]).tidy()
    tidy = moderated.tidy().set_index("term")["estimate"]
    actor = found[found["effect"] == "actor"]
    expected = tidy["actor xa"] + np.array([-1.5, 0.0, 2.0]) * tidy["actor xa x actor ma"]
    assert actor["estimate"].to_numpy() == pytest.approx(expected, abs=1e-12)


def test_a_simple_slope_is_the_coefficient_where_the_moderator_is_centred_there(cross_section):
    # A moderator of the dyad has one value for both partners.
    frame = cross_section.frame
    frame["md"] = frame.groupby("dyad")["ma"].transform("mean")
    plain, moved = (
        rd.apim(
            rd.DyadPanel(frame.assign(md=frame["md"] - zero), dyad="dyad", person="member", role="role"),
            outcome="y",
            predictors=["xa"],
            moderators={"md": "dyad"},
            estimation=ML,
        )
        for zero in (0.0, 0.7)
    )
    slopes = ap.simple_slopes(plain, at=[0.7]).tidy().set_index("term")
    for row in moved.tidy().query("effect in ('actor', 'partner')").itertuples():
        found = slopes.loc[f"{row.term} at md = 0.7"]
        assert found["estimate"] == pytest.approx(row.estimate, abs=1e-8)
        assert found["std_error"] == pytest.approx(row.std_error, abs=1e-8)


def test_regions_end_where_the_quadratic_says(moderated):
    """Johnson and Neyman's closed form, which holds where the reference is the normal distribution."""
    result = ap.simple_slopes(moderated, trait_of="actor")
    labels = [column.name for column in moderated.design.fixed]
    for term, product in (("actor xa", "actor xa x actor ma"), ("partner xa", "partner xa x actor ma")):
        places = [labels.index(term), labels.index(product)]
        (b1, b3), V = moderated.estimates.beta[places], moderated.estimates.cov[np.ix_(places, places)]
        z2 = 1.959963984540054**2
        roots = np.roots([b3**2 - z2 * V[1, 1], 2 * (b1 * b3 - z2 * V[0, 1]), b1**2 - z2 * V[0, 0]])
        low, high = result.limits
        inside = sorted(float(root.real) for root in roots if abs(root.imag) < 1e-12 and low < root.real < high)
        rows = result.regions.query("effect_term == @term and significant")
        ends = sorted(end for end in [*rows["low"], *rows["high"]] if low < end < high)
        assert ends == pytest.approx(inside, abs=1e-7)


def test_a_product_interaction_is_probed_at_the_partners_values(cross_section):
    fit = rd.apim(
        cross_section, outcome="y", predictors=["xa"], interaction="product", roles="exchangeable", estimation=ML
    )
    found = ap.simple_slopes(fit, at=[1.0]).tidy().iloc[0]
    tidy = fit.tidy().set_index("effect")["estimate"]
    assert found["estimate"] == pytest.approx(tidy["actor"] + tidy["interaction"], abs=1e-12)


def test_two_values_of_a_moderator_are_its_points(cross_section):
    frame = cross_section.frame.assign(parent=lambda rows: (rows["dyad"] % 2).astype(float))
    panel = rd.DyadPanel(frame, dyad="dyad", person="member", role="role")
    fit = rd.apim(panel, outcome="y", predictors=["xa"], moderators={"parent": "dyad"})
    assert ap.simple_slopes(fit).tidy()["at"].unique().tolist() == [0.0, 1.0]
