import numpy as np
import pytest
from scipy.stats import beta, binomtest

from reldyn.cycles._sample_level import clopper_pearson, pool_directions, prevalence
from reldyn.cycles.calibration._power import power_of


def test_limits_of_a_probability_are_those_of_scipy():
    for hits, n in [(0, 10), (3, 10), (10, 10), (17, 80)]:
        exact = binomtest(hits, n).proportion_ci(0.95)
        assert clopper_pearson(hits, n) == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize("true", [0.0, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("power", [0.16, 0.65, 0.95])
def test_the_interval_covers_the_planted_prevalence(true, power):
    rng = np.random.default_rng(int(100 * true + 1000 * power))
    covered, n_studies, n = 0, 300, 100
    dyads = np.repeat(np.arange(n // 2), 2)
    for _ in range(n_studies):
        # Both directions of a dyad have cycles or none has: the hardest case for the interval.
        cyclic = np.repeat(rng.random(n // 2) < true, 2)
        found = rng.random(n) < np.where(cyclic, power, 0.04)
        result = prevalence(np.where(found, 0.02, 0.6), dyads, power=np.full(n, power), false_positives=0.02)
        covered += result.conf_low <= true <= result.conf_high
    assert covered / n_studies >= 0.93


def test_without_known_power_nothing_bounds_the_prevalence_from_above():
    found = prevalence([0.01, 0.5, 0.6, 0.7], [1, 1, 2, 2])
    assert (found.conf_high, found.n) == (1.0, 4)
    assert "nothing bounds the prevalence from above" in found.note
    nothing = prevalence([np.nan, np.nan], [1, 1])
    assert (nothing.conf_low, nothing.conf_high, nothing.n) == (0.0, 1.0, 0)


def test_directions_of_unknown_power_leave_a_limit_to_the_others():
    p, dyads = np.where(np.arange(100) < 30, 0.01, 0.5), np.repeat(np.arange(50), 2)
    power = np.where(np.arange(100) % 25 == 0, np.nan, 0.8)
    all_known = prevalence(p, dyads, power=np.full(100, 0.8))
    most_known = prevalence(p, dyads, power=power)
    assert most_known.conf_low == all_known.conf_low
    assert all_known.conf_high < most_known.conf_high < all_known.conf_high + 0.06
    assert "the power in 4 of these is not known" in most_known.note


@pytest.mark.parametrize("among_unknown", [0.0, 0.3, 1.0])
def test_the_interval_covers_whatever_the_prevalence_where_power_is_unknown(among_unknown):
    rng, covered, n = np.random.default_rng(7), 0, 100
    dyads, power = np.repeat(np.arange(n // 2), 2), np.where(np.arange(n) < 80, 0.65, np.nan)
    true = 0.8 * 0.3 + 0.2 * among_unknown
    for _ in range(300):
        cyclic = np.repeat(rng.random(n // 2) < np.where(np.arange(n // 2) < 40, 0.3, among_unknown), 2)
        found = rng.random(n) < np.where(cyclic, 0.65, 0.04)
        result = prevalence(np.where(found, 0.02, 0.6), dyads, power=power, false_positives=0.02)
        covered += result.conf_low <= true <= result.conf_high
        assert result.conf_low <= result.estimate <= result.conf_high
    assert covered / 300 >= 0.93


def test_directions_that_agree_within_dyads_widen_the_interval():
    p = np.repeat(np.where(np.arange(50) < 20, 0.01, 0.5), 2)
    power = np.full(100, 0.9)
    together = prevalence(p, np.repeat(np.arange(50), 2), power=power)
    apart = prevalence(p, np.arange(100), power=power)
    assert together.conf_low < apart.conf_low < apart.conf_high < together.conf_high


def test_the_pooled_coefficient_covers_and_equals_the_closed_form_without_spread():
    values, errors = np.array([0.1, 0.3, 0.2, 0.2]), np.full(4, 0.5)
    found = pool_directions(values, errors, list("abcd"))
    assert found.estimate == pytest.approx(0.2)
    assert found.std_error == pytest.approx(0.25, rel=1e-3)
    assert found.spread == 0.0
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(300):
        sd = rng.uniform(0.05, 0.2, size=30)
        drawn = rng.normal(0.15, np.sqrt(sd**2 + 0.1**2))
        result = pool_directions(drawn, sd, range(30))
        covered += result.conf_low <= 0.15 <= result.conf_high
    assert 0.92 <= covered / 300 <= 0.985


def test_the_two_directions_of_a_dyad_are_one_unit():
    found = pool_directions([0.1, 0.3, 0.2, 0.2, 0.5, np.nan], [0.1] * 5 + [np.nan], [1, 1, 2, 2, 3, 3])
    assert found.n == 3
    few = pool_directions([0.1, 0.3], [0.1, 0.1], [1, 2])
    assert (np.isnan(few.estimate), few.note) == (True, "2 dyads with a coefficient, below 3")


CELL = {"n_occasions": 200, "missing": 0.3, "pattern": "random", "channels": 2, "points": 7, "alpha": 0.05}
CELL |= {"n": 100, "n_surrogates": 99}
CELLS = (
    CELL | {"kind": "cycle", "effect": 1.5, "rejected": 60},
    CELL | {"kind": "cycle", "effect": 2.0, "rejected": 95},
    CELL | {"kind": "linear", "effect": None, "rejected": 2},
)
DESIGN = {
    "n_occasions": 224,
    "missing_share": 0.3,
    "n_categories": 7,
    "floor_share": 0.02,
    "n_channels": 2,
    "alpha": 0.05,
    "n_surrogates": 199,
}


def test_power_is_the_lower_limit_of_a_harder_stored_cell():
    power, false_positives = power_of(cells=CELLS, **DESIGN)
    assert (power, false_positives) == (pytest.approx(beta.ppf(0.05, 60, 41)), 0.02)
    assert 0.51 < power < 0.6
    assert power_of(cells=CELLS, effect=3.0, **DESIGN)[0] == pytest.approx(beta.ppf(0.05, 95, 6))
    assert power_of(cells=CELLS, effect=1.0, **DESIGN) is None
    assert power_of(cells=CELLS, **(DESIGN | {"n_categories": 6})) == (power, 0.02)


def test_the_best_of_several_harder_cells_counts():
    shorter = CELL | {"kind": "cycle", "effect": 1.5, "n_occasions": 100, "rejected": 99}
    assert power_of(cells=(*CELLS, shorter), **DESIGN)[0] == pytest.approx(beta.ppf(0.05, 99, 2))


@pytest.mark.parametrize(
    "change",
    [
        {"n_occasions": 199},
        {"missing_share": 0.4},
        {"n_categories": 3},
        {"floor_share": 0.4},
        {"n_channels": 1},
        {"alpha": 0.01},
        {"n_surrogates": 19},
    ],
)
def test_a_design_that_no_stored_cell_covers_has_no_known_power(change):
    assert power_of(cells=CELLS, **(DESIGN | change)) is None
