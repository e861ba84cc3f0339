"""Random numbers of a direction follow from its own answers; further surrogates go where decisions are open."""

import dataclasses
import warnings

import numpy as np
import pytest
from scipy.stats import norm

import reldyn as rd
from reldyn.cycles.ladder import _claim_tests as claim_tests
from reldyn.cycles.ladder._claim_tests import (
    Setting,
    both_claims,
    extend_claim_tests,
    for_two_ways,
    run_claim_tests,
    shares_of_level,
)
from reldyn.cycles.ladder._rounds import limits_of, needed_surrogates, open_decisions, rounds
from reldyn.cycles.ladder._verdict import adjust
from reldyn.cycles.series._directions import CycleColumns, build_series

pytestmark = pytest.mark.usefixtures("brief_fits")


@pytest.fixture(scope="module")
def frame():
    return rd.simulate.cycles("alternation", n_dyads=2, n_occasions=64, effect=2.0, seed=8).panel.frame


def panel_of(frame):
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")


def detect(frame, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rd.DataWarning)
        return rd.detect_cycles(
            panel_of(frame), warmth="warmth", phases=2, n_surrogates=19, seed=4, pooling="none", **options
        )


@pytest.fixture(scope="module")
def shipped(frame, brief_fits):
    return detect(frame)


def p_values(result, dyad):
    rows = result.tidy().query("dyad == @dyad and claim in ['regimes', 'periodic', 'irregular', 'intermittent']")
    return rows["p_value"].tolist()


def test_p_values_are_those_of_the_direction_whatever_its_label_place_unit_and_company(frame, shipped):
    second = frame[frame["dyad"] == 2]
    alone = detect(second.assign(warmth=10 * second["warmth"] + 3, dyad="anybody"))
    np.testing.assert_array_equal(p_values(shipped, 2), p_values(alone, "anybody"))
    first = detect(frame[frame["dyad"] == 1].assign(dyad=0).sort_values(["person", "beep"]))
    np.testing.assert_array_equal(p_values(shipped, 1), p_values(first, 0))


def test_the_claims_that_are_calibrated_are_those_that_are_shipped(frame, shipped):
    setting = Setting(phases=2, n_surrogates=19, alpha=0.05)
    for one in build_series(panel_of(frame), CycleColumns("warmth"))[:2]:
        regimes, irregular = both_claims(one.series, setting, 4)
        found = {test.claim: test for test in shipped.outcome(one.dyad, one.giver).tests}
        assert regimes.p_value == found["regimes"].p_value
        assert irregular is None or irregular.p_value == found["irregular"].p_value


def test_further_surrogates_go_on_where_the_first_ended(frame):
    series = build_series(panel_of(frame), CycleColumns("warmth"))[0].series
    few, more = (Setting(phases=2, n_surrogates=n, alpha=0.05) for n in (19, 29))
    first = run_claim_tests(series, few, 4).tests
    longer = {test.claim: test for test in extend_claim_tests(series, more, 4, None, first)}
    for test in first:
        if not test.drawn:
            assert longer[test.claim].p_value == test.p_value
            continue
        assert longer[test.claim].n_surrogates == 29
        for name, values in test.drawn.items():
            np.testing.assert_array_equal(longer[test.claim].drawn[name][:19], values)


def test_results_do_not_hold_what_was_drawn_to_go_on(shipped):
    assert all(test.drawn == {} for one in shipped.outcomes for test in one.tests)
    assert shipped.verdicts()["n_surrogates"].max() <= 19


def test_rounds_end_at_the_cap():
    assert rounds(99) == []
    assert rounds(150) == [150]
    assert rounds(999) == [199, 399, 799, 999]


def test_a_decision_is_open_where_p_values_inside_the_limits_disagree():
    rng = np.random.default_rng(5)
    for _ in range(200):
        low = rng.random(6) * 0.06
        limits = np.column_stack([low, low + rng.random(6) * 0.03])
        found = open_decisions(limits, 0.05)
        drawn = [adjust(rng.uniform(limits[:, 0], limits[:, 1])) <= 0.05 for _ in range(30)]
        undecided = np.any(drawn, axis=0) & ~np.all(drawn, axis=0)
        assert not (undecided & ~found).any()
    assert open_decisions([(np.nan, np.nan), (0.0, 0.01)], 0.05).tolist() == [False, False]


def test_limits_are_those_of_the_larger_p_value(make):
    test = make.claim("regimes", 0.01, n=99)
    drawn = dataclasses.replace(test, statistic=5.0, drawn={"one hump": np.zeros(99)})
    timing = dataclasses.replace(make.claim("irregular", 0.2), drawn={"bounded": np.tile([9.0, 0.0], (99, 1))})
    assert limits_of([drawn]) == (1.0, 1.0)
    assert limits_of([drawn, dataclasses.replace(timing, statistic=9.5)])[1] < 0.1
    assert limits_of([drawn, dataclasses.replace(timing, statistic=1.0)])[0] > 0.8
    assert limits_of([drawn, dataclasses.replace(timing, drawn={})]) == (0.2, 0.2)
    halted = dataclasses.replace(timing, statistic=9.5, detail={"stopped": True})
    assert limits_of([drawn, halted])[1] == 0.2


def test_as_many_surrogates_as_needed_would_settle_it():
    p_values = np.array([0.01, 0.01, *np.full(98, 0.5)])
    needed = needed_surrogates(p_values, 0, 0.05)
    smallest = np.where(p_values < 0.1, 1 / (needed + 1), p_values)
    assert adjust(smallest)[0] <= 0.05
    assert adjust(np.where(p_values < 0.1, 1 / needed, p_values))[0] > 0.05


def test_verdicts_with_and_without_covariates_stand_side_by_side(frame, shipped):
    one = frame[frame["dyad"] == 1]
    found = detect(
        one.assign(place=np.where(np.random.default_rng(2).random(len(one)) < 0.5, "home", "away")),
        covariates=["place"],
    )
    assert found.without.tidy()["p_value"].equals(shipped.tidy().query("dyad == 1")["p_value"])
    assert found.verdicts()["without_covariates"].tolist() == found.without.verdicts()["verdict"].tolist()
    assert "without_covariates" not in shipped.verdicts()
    again = rd.from_json(found.to_json())
    assert again.verdicts()["without_covariates"].tolist() == found.verdicts()["without_covariates"].tolist()


class Ways:
    """P-values of both claims by way of testing, in place of the tests themselves."""

    def __init__(self, make, shared, alone):
        self.make, self.known, self.asked = make, {True: shared, False: alone}, []

    def test(self, claim, at):
        def one(direction, setting, prior, previous=None, stop_after=10):
            self.asked.append((claim, prior is not None))
            p_value = self.known[prior is not None][at]
            detail = {"pooling": "shared"} if prior is not None else {}
            # A p-value of one without any surrogate: the series was not tested further.
            drawn = 0 if p_value == 1 else 99
            return dataclasses.replace(self.make.claim(claim, p_value, n=99), detail=detail, n_surrogates=drawn)

        return one


@pytest.mark.parametrize(
    ("shared", "alone", "wanted", "by_itself"),
    [
        # Nothing by itself could be clearer, did no surrogate reach it.
        ((0.01, 0.01), (0.01, 0.01), (0.0125, 0.0125), np.nan),
        ((0.04, 0.02), (0.01, 0.01), (0.05, 0.025), np.nan),
        ((0.06, 0.02), (0.5, 0.5), (0.075, None), 1.0),
        ((0.4, 0.5), (0.01, 0.01), (0.05, 0.05), 0.01),
        # By itself each claim shows at .05 and none at .01: no sign of it is lost in ``p_alone``.
        ((0.4, 0.5), (0.04, 0.03), (0.2, 0.15), 0.04),
        ((0.8, 0.5), (0.6, 0.5), (1.0, None), 1.0),
        ((1.0, 1.0), (0.01, 0.01), (0.05, 0.05), 0.01),
    ],
)
def test_of_two_ways_the_clearer_counts_by_its_share_of_the_level(make, monkeypatch, shared, alone, wanted, by_itself):
    ways = Ways(make, shared, alone)
    monkeypatch.setattr(claim_tests, "_regimes", ways.test("regimes", 0))
    monkeypatch.setattr(claim_tests, "_irregular", ways.test("irregular", 1))
    setting = Setting(phases=2, n_surrogates=99, alpha=0.05)
    tests, p_alone = claim_tests._either_way(None, setting, "learned phases")
    assert [test.p_value for test in tests] == [p for p in wanted if p is not None]
    assert all(test.n_ways == 2 for test in tests)
    np.testing.assert_equal(p_alone, by_itself)
    by_itself_only, nothing = claim_tests._either_way(None, setting, None)
    assert by_itself_only[0].p_value == alone[0]
    assert by_itself_only[0].n_ways == 1
    assert np.isnan(nothing)


def test_surrogates_that_were_drawn_are_kept(make, monkeypatch):
    asked = {}

    def again(claim):
        def one(direction, setting, prior, previous=None, stop_after=10):
            asked[claim] = setting.n_surrogates
            return make.claim(claim, 0.02, n=setting.n_surrogates)

        return one

    for claim in ("regimes", "irregular"):
        monkeypatch.setattr(claim_tests, f"_{claim}", again(claim))
    monkeypatch.setattr(claim_tests, "DirectionFits", lambda series, seed: None)
    monkeypatch.setattr(claim_tests, "direction_seed", lambda seed, series: None)
    tests = [
        dataclasses.replace(make.claim("regimes", 0.01, n=999), drawn={"one hump": np.zeros(999)}),
        dataclasses.replace(make.claim("irregular", 0.02, n=199), drawn={"bounded": np.zeros((199, 2))}),
    ]
    extend_claim_tests(None, Setting(phases=2, n_surrogates=399, alpha=0.05), 1, None, tuple(tests))
    assert asked == {"regimes": 999, "irregular": 399}


def test_the_way_that_may_become_clearer_goes_on(make, monkeypatch):
    # Three surrogates of 99 reached it with phases of others, none by itself: with more, the latter may end below.
    for n_surrogates, wanted in ((99, 0.8), (999, 0.2)):
        ways = Ways(make, (0.04, 0.01), (0.01, 0.01))
        monkeypatch.setattr(claim_tests, "_regimes", ways.test("regimes", 0))
        monkeypatch.setattr(claim_tests, "_irregular", ways.test("irregular", 1))
        setting = Setting(phases=2, n_surrogates=n_surrogates, alpha=0.05)
        tests, _ = claim_tests._either_way(None, setting, "learned phases")
        assert {test.weight for test in tests} == {wanted}


@pytest.mark.parametrize("n_surrogates", [39, 98, 99, 999])
def test_two_ways_keep_the_level(n_surrogates):
    rng = np.random.default_rng(3)
    # Uniform p-values, as alike as two tests of one series are.
    normal = rng.standard_normal((100_000, 1)) * np.sqrt(0.5) + rng.standard_normal((100_000, 2)) * np.sqrt(0.5)
    shares = np.array(shares_of_level(n_surrogates, 0.05))
    assert shares.sum() == 1
    # Either way can reach its share.
    assert (1 / (n_surrogates + 1) <= shares * 0.05 + 1e-12).all()
    weighted = np.minimum(1, (norm.sf(normal) / shares).min(axis=1))
    assert 0.035 < (weighted <= 0.05).mean() < 0.05


@pytest.mark.parametrize("alpha", [0.01, 0.03, 0.05, 0.1])
def test_either_way_can_reach_its_share_of_any_level(alpha):
    fewest = for_two_ways(alpha)
    for n_surrogates in (fewest, fewest + 1, 5 * fewest, round(5 / alpha) - 2, round(5 / alpha) - 1, 999):
        shares = shares_of_level(n_surrogates, alpha)
        smallest = [round(1 / (n_surrogates + 1) / share, 12) for share in shares]
        assert max(smallest) <= alpha
        assert sum(shares) == 1
    assert shares_of_level(round(5 / alpha) - 2, alpha) == (0.5, 0.5)


def test_limits_are_divided_as_the_p_values_and_by_the_statistic_of_each_null(make):
    drawn = {"one hump": np.tile([0.0, 4.0], 50), "own margin": np.zeros(100)}
    regimes = dataclasses.replace(make.claim("regimes", 0.02, n=99), statistic=3.0, drawn=drawn, n_ways=2, weight=0.5)
    timing = dataclasses.replace(make.claim("irregular", 0.02, n=99), n_ways=2, weight=0.5, drawn={})
    assert limits_of([regimes, timing]) == (pytest.approx(0.6, abs=0.3), 1.0)
    by_null = dataclasses.replace(regimes, detail={"statistic_by_null": {"one hump": 9.0, "own margin": 3.0}})
    assert limits_of([by_null, timing])[1] < 0.25
    assert limits_of([by_null, timing])[0] == 0.02
    # As saved before ways had shares of their own: p-values were doubled.
    earlier = [dataclasses.replace(test, weight=1.0) for test in (by_null, timing)]
    assert limits_of(earlier) == limits_of([by_null, timing])
    assert needed_surrogates(np.array([0.02] + [0.5] * 49), 0, 0.05, 0.5) == 1999
