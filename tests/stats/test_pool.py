"""Pooling against brute force, published values, closed forms and identities."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from reldyn.errors import DataError, DesignError
from reldyn.stats import pool, pooling_text, reml_variance

# Thirteen trials of the BCG vaccine (Colditz and others, 1994), as analysed by Viechtbauer (2010, Journal of
# Statistical Software 36, 3): cases and others, vaccinated and not.
BCG = np.array(
    [
        [4, 119, 11, 128],
        [6, 300, 29, 274],
        [3, 228, 11, 209],
        [62, 13536, 248, 12619],
        [33, 5036, 47, 5761],
        [180, 1361, 372, 1079],
        [8, 2537, 10, 619],
        [505, 87886, 499, 87892],
        [29, 7470, 45, 7232],
        [17, 1699, 65, 1600],
        [186, 50448, 141, 27197],
        [5, 2493, 3, 2338],
        [27, 16886, 29, 17825],
    ],
    dtype=float,
)


def log_risk_ratios():
    a, b, c, d = BCG.T
    return np.log(a / (a + b)) - np.log(c / (c + d)), np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))


def deviance(values, variances, between):
    """Minus twice the restricted log-likelihood, from the dense normal density of contrasts with the first."""
    contrast = np.column_stack([-np.ones(len(values) - 1), np.eye(len(values) - 1)])
    cover = contrast @ np.diag(variances + between) @ contrast.T
    rest = contrast @ values
    return np.linalg.slogdet(cover)[1] + rest @ np.linalg.solve(cover, rest)


def sample(seed, n, spread=0.5):
    rng = np.random.default_rng(seed)
    errors = rng.uniform(0.2, 1.5, n)
    return 0.3 + spread * rng.standard_normal(n) + errors * rng.standard_normal(n), errors


def test_published_meta_analysis_is_reproduced():
    values, errors = log_risk_ratios()
    row = pool(values, errors, by="reml").row()
    assert row["between_sd"] ** 2 == pytest.approx(0.3132, abs=5e-5)
    assert row["estimate"] == pytest.approx(-0.7145, abs=5e-5)
    assert np.sqrt(1 / (1 / (errors**2 + row["between_sd"] ** 2)).sum()) == pytest.approx(0.1798, abs=5e-5)
    # With the adjustment of Knapp and Hartung.
    assert row["std_error"] == pytest.approx(0.1808, abs=5e-5)
    assert (row["conf_low"], row["conf_high"]) == (pytest.approx(-1.1084, abs=5e-5), pytest.approx(-0.3206, abs=5e-5))
    assert (row["df"], row["n"], row["note"]) == (12.0, 13.0, "")


@pytest.mark.parametrize("seed", range(12))
def test_the_variance_is_where_the_likelihood_is_largest_on_a_fine_grid(seed):
    values, errors = sample(seed, [3, 4, 6, 20][seed % 4], spread=[0.0, 0.5, 3.0][seed % 3])
    found = float(reml_variance(values[:, None], errors[:, None] ** 2)[0])
    grid = np.concatenate([[0.0], np.geomspace(1e-5, 100, 4000)])
    at = np.array([deviance(values, errors**2, point) for point in grid])
    assert deviance(values, errors**2, found) <= at.min() + 1e-9
    best = int(at.argmin())
    assert grid[max(best - 1, 0)] <= found <= grid[min(best + 1, 4000)]


def test_the_higher_of_two_maxima_is_found():
    # Two groups of very different precision: one maximum at a small variance, another at a large one.
    found = []
    for gap in (2.0, 2.6, 3.5, 5.0):
        values = np.array([0.0, 0.001, -0.001, 0.0005, gap, -gap, gap])
        variances = np.array([1e-8, 1e-8, 1e-8, 1e-8, 1.0, 1.0, 1.0])
        grid = np.concatenate([[0.0], np.geomspace(1e-12, 100, 20000)])
        at = np.array([deviance(values, variances, point) for point in grid])
        found.append(float(reml_variance(values[:, None], variances[:, None])[0]))
        assert deviance(values, variances, found[-1]) <= at.min() + 1e-9
    assert found[0] < 1e-5


def test_equal_standard_errors_give_the_closed_form():
    values, _ = sample(3, 9)
    between = max(0.0, values.var(ddof=1) - 0.04)
    row = pool(values, np.full(9, 0.2), by="reml").row()
    assert row["between_sd"] ** 2 == pytest.approx(between, abs=1e-12)
    plain = stats.ttest_1samp(values, 0)
    assert row["p_value"] == pytest.approx(plain.pvalue, abs=1e-10)


def test_the_standard_error_is_hartung_and_knapps_and_never_below_the_models():
    values, errors = sample(5, 12, spread=1.0)
    between = pool(values, errors, by="reml").row()["between_sd"] ** 2
    # The other implementation has no restricted likelihood, but the same standard error at given variances.
    fixed = combine_effects(values, errors**2 + between, method_re="chi2", use_t=True)
    expected = max(fixed.sd_eff_w_fe_hksj, fixed.sd_eff_w_fe)
    assert pool(values, errors, by="reml").row()["std_error"] == pytest.approx(float(expected), rel=1e-10)
    alike = pool(0.3 + 1e-4 * np.arange(6), np.full(6, 0.1), by="reml").row()
    assert alike["std_error"] == pytest.approx(0.1 / np.sqrt(6), rel=1e-10)
    assert alike["between_sd"] == 0.0


def test_the_plain_mean_is_the_t_test_whatever_the_standard_errors():
    values, errors = sample(7, 11)
    row = pool(values, errors).row()
    other = stats.ttest_1samp(values, 0)
    low, high = other.confidence_interval()
    assert row["p_value"] == pytest.approx(other.pvalue, rel=1e-12)
    assert (row["conf_low"], row["conf_high"]) == (pytest.approx(low), pytest.approx(high))
    assert row["between_sd"] == pytest.approx(np.sqrt(max(0, values.var(ddof=1) - (errors**2).mean())))
    bare = pool(values).row()
    assert np.isnan(bare["between_sd"])
    assert bare["std_error"] == row["std_error"]


@pytest.mark.parametrize("by", ["mean", "reml"])
def test_two_directions_of_a_dyad_are_one_unit(by):
    rng = np.random.default_rng(2)
    values, errors = rng.standard_normal((2, 8)), rng.uniform(0.5, 1.0, (2, 8))
    dyad = np.tile([f"dyad {k}" for k in range(8)], 2)
    found = pool(values.ravel(), errors.ravel(), dyad, by)
    units = pool(values.mean(axis=0), np.sqrt((errors**2).sum(axis=0)) / 2, by=by)
    one, other = found.row(), units.row()
    assert one.pop("note") == other.pop("note") == ""
    assert one == pytest.approx(other, rel=1e-12)
    assert one["n"] == 8
    # Counting every direction as a unit would claim twice as many.
    assert pool(values.ravel(), errors.ravel(), by=by).row()["n"] == 16


def test_a_dyad_with_one_direction_counts_as_much_as_a_dyad_with_two():
    found = pool([1.0, 3.0, 10.0, np.nan], cluster=["a", "a", "b", "b"])
    assert found.row()["estimate"] == 6.0
    assert found.row()["n"] == 2


@pytest.mark.parametrize("by", ["mean", "reml"])
def test_units_and_order_change_nothing_but_the_scale(by):
    values, errors = sample(11, 10)
    dyad = np.repeat(np.arange(5), 2)
    first = pool(values, errors, dyad, by).row()
    order = np.random.default_rng(1).permutation(10)
    second = pool(1000 * values[order], 1000 * errors[order], [f"{k:03d}" for k in 90 - dyad[order]], by).row()
    for name in ("estimate", "std_error", "conf_low", "conf_high", "between_sd"):
        assert second[name] == pytest.approx(1000 * first[name], rel=1e-9)
    for name in ("statistic", "df", "p_value", "n"):
        assert second[name] == pytest.approx(first[name], rel=1e-9)


def test_columns_are_pooled_as_if_each_were_alone():
    columns = [sample(seed, 9) for seed in range(4)]
    values, errors = (np.column_stack([pair[k] for pair in columns]) for k in (0, 1))
    values[2, 1] = errors[4, 2] = np.nan
    together = pool(values, errors, by="reml")
    for index in range(4):
        alone = pool(values[:, index], errors[:, index], by="reml").row()
        row = together.row(index)
        assert row["note"] == alone["note"]
        assert [row[name] for name in row if name != "note"] == pytest.approx(
            [alone[name] for name in alone if name != "note"], rel=1e-12
        )
    assert together.n.tolist() == [9, 8, 8, 9]
    assert together.note[2] == "1 estimate without a positive standard error is left out"


@pytest.mark.parametrize("by", ["mean", "reml"])
def test_few_units_say_so(by):
    empty = pool([np.nan, np.nan], [1.0, 1.0], by=by).row()
    assert empty["note"] == "no dyad has an estimate"
    assert np.isnan([empty[name] for name in ("estimate", "std_error", "df", "p_value", "conf_low")]).all()
    assert pool([], [], by=by).row()["n"] == 0
    single = pool([0.4, np.nan], [0.1, 1.0], by=by).row()
    assert single["note"] == "a single dyad has an estimate: no standard error"
    assert single["estimate"] == pytest.approx(0.4, rel=1e-15)
    assert np.isnan([single[name] for name in ("std_error", "df", "p_value", "conf_high", "between_sd")]).all()
    two = pool([1.0, 2.0], [0.1, 0.1], by=by, unit="couple").row()
    assert two["note"] == "two couples: the interval rests on one degree of freedom"
    assert two["p_value"] == pytest.approx(stats.ttest_1samp([1.0, 2.0], 0).pvalue)


def test_units_without_spread_have_no_standard_error_of_the_mean_but_that_of_the_model():
    values, errors = np.full(5, 0.1 + 0.2), np.full(5, 0.5)
    values[2] = 0.3
    mean = pool(values, errors).row()
    assert mean["std_error"] == 0
    assert np.isnan([mean["p_value"], mean["conf_low"], mean["statistic"]]).all()
    assert mean["note"] == "all dyads have the same value: no standard error"
    reml = pool(values, errors, by="reml").row()
    assert reml["std_error"] == pytest.approx(0.5 / np.sqrt(5))
    assert reml["note"] == ""


@pytest.mark.parametrize("by", ["mean", "reml"])
def test_estimates_without_a_positive_standard_error_are_left_out_and_counted(by):
    values = np.array([0.1, 0.5, 0.2, 9.0, 9.0, 9.0, 9.0, np.nan])
    errors = np.array([0.1, 0.2, 0.3, 0.0, np.nan, np.inf, 1e-200, 0.1])
    found, clean = pool(values, errors, by=by).row(), pool(values[:3], errors[:3], by=by).row()
    assert found["note"] == "4 estimates without a positive standard error are left out"
    assert [found[name] for name in found if name != "note"] == pytest.approx(
        [clean[name] for name in clean if name != "note"]
    )


def test_precisions_of_very_different_size_are_held():
    values, errors = np.array([1.0, 1.1, 0.9, 1.0]), np.array([1e-6, 1e3, 1e-1, 1.0])
    row = pool(values, errors, by="reml").row()
    assert row["estimate"] == pytest.approx(1.0, abs=1e-6)
    assert 0 < row["std_error"] < 1


def test_what_cannot_be_pooled_is_refused():
    with pytest.raises(DesignError, match="by='reml' weighs by precision: give std_errors, or use by='mean'"):
        pool([1.0, 2.0], by="reml")
    with pytest.raises(DesignError, match=r"estimates have the shape \(2,\), std_errors \(3,\): give one for each"):
        pool([1.0, 2.0], [1.0, 1.0, 1.0])
    with pytest.raises(DesignError, match="2 rows of estimates and 3 cluster labels: give one label per row"):
        pool([1.0, 2.0], cluster=["a", "b", "c"])
    with pytest.raises(DesignError, match="by='median' is not known; allowed: 'mean', 'reml'"):
        pool([1.0, 2.0], by="median")
    with pytest.raises(DesignError, match="3 dimensions"):
        pool(np.zeros((2, 2, 2)))
    with pytest.raises(DataError, match=r"1 of 2 cluster labels are missing \(row 1\)"):
        pool([1.0, 2.0], cluster=["a", None])


def test_the_text_names_the_estimator_and_the_unit():
    assert "restricted maximum likelihood" in pooling_text("reml")
    assert pooling_text("mean", "person").startswith("the unweighted mean over persons")


def test_a_negative_standard_error_is_none():
    found = pool([1.0, 2.0, 4.0], [-0.1, 0.1, 0.1])
    assert found.estimate.item() == pytest.approx(3.0)
    assert found.row()["note"].endswith("1 estimate without a positive standard error is left out")
