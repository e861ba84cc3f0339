"""Calibration of tests with shared phases: what a sample holds, what is tested, whose power is taken."""

import dataclasses

import matplotlib as mpl
import numpy as np
import pytest
from scipy.stats import binomtest

import reldyn as rd
from reldyn.cycles.calibration import _calibrate
from reldyn.cycles.calibration import _calibrate_pooled as pooled
from reldyn.cycles.calibration._calibrate import CalibrationResult
from reldyn.cycles.ladder._claim_tests import Setting
from reldyn.cycles.ladder._shared import Shared
from reldyn.cycles.series._directions import CycleColumns, build_series
from reldyn.errors import DataError, DesignError

mpl.use("Agg")
N_DYADS = 17
WORLDS = ("linear", "skewed", "rhythm", "cycle", "beside cycles")


@pytest.fixture(scope="module")
def panel():
    return rd.simulate.cycles("linear", n_dyads=N_DYADS, n_occasions=64, seed=3).panel


@pytest.fixture
def plain(monkeypatch):
    """Learning and testing replaced by stand-ins: a p-value says which series was tested."""
    seen = []

    def learn(series, dyads, *, n_states, seed, required):
        seen.append((list(series), list(dyads), n_states, required))
        return Shared((None,) * len(series), used=required, reason="")

    def both_claims(series, setting, seed, prior):
        place = next(place for place, one in enumerate(seen[-1][0]) if one is series)
        return dataclasses.make_dataclass("Test", ["p_value"])((place + 1) / 1000), None

    monkeypatch.setattr(pooled, "learn", learn)
    monkeypatch.setattr(pooled, "both_claims", both_claims)
    return seen


def task(panel, world, answers, required=False):
    directions = tuple(build_series(panel, CycleColumns("warmth", "response")))
    return pooled.PooledTask(directions, world, 1.5, Setting("auto", 19, 0.05), required, answers)


def told(series, world, effect, seed):
    """Answers that carry the name of their world."""
    return np.full_like(series.y, WORLDS.index(world))


@pytest.mark.parametrize("world", ["linear", "skewed", "rhythm"])
def test_a_null_sample_is_of_one_world(panel, plain, world):
    found = pooled.replicate_sample(task(panel, world, told), np.random.default_rng(1))
    (series, dyads, n_states, required) = plain[0]
    assert {float(one.y[0, 0]) for one in series} == {float(WORLDS.index(world))}
    assert len(dyads) == 2 * N_DYADS and n_states == (2, 3) and not required
    assert list(found.p_values) == [world]
    assert found.p_values[world].shape == (8, 2)
    # No direction is tested twice, and irregular timing that was not tested is no finding.
    assert len(np.unique(found.p_values[world][:, 0])) == 8
    assert (found.p_values[world][:, 1] == 1).all()


def test_half_of_the_dyads_of_the_fourth_sample_have_cycles_and_each_is_told_as_what_it_is(panel, plain):
    found = pooled.replicate_sample(task(panel, "cycle", told, required=True), np.random.default_rng(2))
    series, dyads, _, required = plain[0]
    assert required and found.shared
    world_of = {dyad: int(one.y[0, 0]) for dyad, one in zip(dyads, series, strict=True)}
    assert sorted(world_of.values()) == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 8
    for dyad, one in zip(dyads, series, strict=True):
        assert int(one.y[0, 0]) == world_of[dyad], "both directions of a dyad are of one world"
    for name, p_values in found.p_values.items():
        tested = np.rint(1000 * p_values[:, 0]).astype(int) - 1
        worlds = {int(series[place].y[0, 0]) for place in tested}
        assert worlds <= ({3} if name == "cycle" else {0, 1, 2})


def test_which_dyads_have_cycles_changes_from_sample_to_sample(panel, plain):
    for seed in (1, 1, 2):
        pooled.replicate_sample(task(panel, "cycle", told), np.random.default_rng(seed))
    first, again, other = ([int(one.y[0, 0]) for one in series] for series, *_ in plain)
    assert first == again
    assert first != other


def test_a_calibration_with_pooling_has_five_worlds_and_counts_samples(panel, plain, monkeypatch):
    monkeypatch.setattr(_calibrate, "_answers", told)
    found = rd.cycles.calibrate(
        panel, warmth="warmth", response="response", n_replications=3, n_surrogates=39, seed=1, pooling="shared"
    )
    assert found.worlds == WORLDS
    assert found.p_regimes.shape == (5, 24)
    assert found.shared.shape == (5, 3) and found.shared.all()
    assert len(plain) == 12
    table = found.tidy()
    assert set(table["n_replications"]) == {3} and set(table["n_tests"]) == {24}
    kinds = table.set_index("term")["kind"]
    assert kinds["regimes in beside cycles"] == "mixed"
    assert kinds["intermittent in beside cycles"] == kinds["regimes in linear"] == "false positives"
    assert kinds["regimes in rhythm"] == kinds["intermittent in cycle"] == "power"
    assert found.plot().get_xlabel() == "share of tests"
    assert found.setting["pooling"] == "shared"
    assert "3 samples per world" in " ".join(found.summary().split())
    assert "8 directions of each were tested" in " ".join(found.summary().split())
    assert found.warnings == ("3 samples per world: rates are rough",)
    assert rd.from_json(found.to_json()).tidy().equals(table)


def test_answers_of_every_kind_are_answers_of_the_item(panel):
    series = build_series(panel, CycleColumns("warmth", "response"))[0].series
    for world in WORLDS[:4]:
        answers = _calibrate._answers(series, world, 1.5, np.random.SeedSequence(1))
        assert set(np.unique(answers[np.isfinite(answers)])) <= set(range(1, 8))
        np.testing.assert_array_equal(np.isnan(answers), np.isnan(series.y))


def test_too_few_dyads_share_nothing_and_there_is_nothing_to_calibrate():
    few = rd.simulate.cycles("linear", n_dyads=4, n_occasions=64, seed=3).panel
    with pytest.raises(DataError) as refused:
        rd.cycles.calibrate(few, warmth="warmth", n_replications=1, n_surrogates=19, pooling="auto")
    assert str(refused.value) == (
        "4 dyads can be tested, and phases are shared between 16 or more: calibrate with pooling='none', which is "
        "how these dyads are tested."
    )
    with pytest.raises(DesignError) as unknown:
        rd.cycles.calibrate(few, warmth="warmth", pooling="all")
    assert str(unknown.value).startswith("pooling='all' is not known; allowed: 'auto', 'none', 'shared'")


def test_limits_over_samples_widen_with_agreement_and_are_exact_without():
    rng = np.random.default_rng(1)
    alone = rng.random((40, 1)) < 0.3
    exact = binomtest(int(alone.sum()), 40).proportion_ci(method="exact")
    assert pooled.limits_over_samples(alone) == pytest.approx((exact.low, exact.high))
    alike = np.repeat(alone, 8, axis=1)
    low, high = pooled.limits_over_samples(alike)
    # Eight tests that always agree say as much as one.
    assert (low, high) == pytest.approx((exact.low, exact.high), abs=0.01)
    free = rng.random((40, 8)) < 0.3
    narrow = pooled.limits_over_samples(free)
    assert narrow[1] - narrow[0] < 0.6 * (high - low)
    none = binomtest(0, 20).proportion_ci(method="exact")
    assert pooled.limits_over_samples(np.zeros((20, 8), dtype=bool)) == pytest.approx((none.low, none.high))


def test_limits_over_samples_hold_the_rate_when_samples_differ():
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(400):
        rates = rng.beta(2, 2, size=25)
        low, high = pooled.limits_over_samples(rng.random((25, 8)) < rates[:, None])
        inside += low <= 0.5 <= high
    assert inside >= 370, "coverage below .925 of 400 (an exact .95 falls there once in 80 runs)"


def calibration(pooling, n=20):
    p_values = np.full((4 if pooling == "none" else 5, n), 0.5)
    p_values[3] = 0.01
    setting = {"effect": 1.5, "n_replications": n, "n_surrogates": 199, "alpha": 0.05, "seed": 1, "pooling": pooling}
    shared = np.ones((5, 0 if pooling == "none" else n), dtype=bool)
    return CalibrationResult.of(
        columns=CycleColumns("warmth", "longing"),
        setting=setting,
        worlds=WORLDS[: len(p_values)],
        p_regimes=p_values,
        p_intermittent=p_values,
        shared=shared,
    )


def detection(make, pooling, phases_from, p_alone=np.nan, **setting):
    outcomes = [dataclasses.replace(make.outcome(d, "a", (0.4, 0.5, 0.3, 0.6)), p_alone=p_alone) for d in (1, 2)]
    bare = make.result(outcomes)
    return bare.with_parts(
        setting={**bare.setting, "pooling": pooling, "phases_from": phases_from, **setting},
        notes=("no stored calibration covers this design, and so on", "another note"),
    )


def test_stored_power_counts_where_the_direction_by_itself_shows_nothing_either(make):
    bare = detection(make, "auto", "other dyads", p_alone=0.4)
    unknown = bare.verdicts()
    assert set(unknown["verdict"]) == {"not decidable"}
    assert unknown["reason"][0] == (
        "phases not shown (p = .400); power unknown, no stored calibration covers this design: run rd.cycles.calibrate"
    )
    known = bare.with_parts(outcomes=tuple(dataclasses.replace(one, power=0.9) for one in bare.outcomes))
    assert known.verdicts()[["verdict", "reason"]].iloc[0].tolist() == [
        "not supported",
        "phases not shown (p = .400), nor where the direction is tested by itself; no sign of abrupt cycles of 1.5 SD "
        "or more (power 0.90 or above); gradual or weaker ones are not excluded",
    ]


def test_two_ways_of_testing_that_disagree_decide_nothing(make):
    found = detection(make, "auto", "other dyads", p_alone=0.02).with_calibration(calibration("none")).verdicts()
    assert found[["verdict", "reason"]].iloc[0].tolist() == [
        "not decidable",
        "phases not shown (p = .400); tested by itself the direction shows both (p = .020), but not at the share of "
        "the level that this test has beside that with phases of other dyads",
    ]


def test_a_calibration_of_the_same_pooling_decides(make):
    alone = ("auto", "other dyads", "none", 0.4)
    others = [("auto", "other dyads", "auto", 0.01), ("shared", "other dyads", "shared", 0.4), ("none", "own", "none")]
    for pooling, source, wanted, *p_alone in (alone, *others, ("auto", "own", "none")):
        judged = detection(make, pooling, source, *p_alone).with_calibration(calibration(wanted))
        assert set(judged.verdicts()["verdict"]) == {"not supported"}
        assert judged.warnings == (
            "another note",
            "power is that of a calibration with planted cycles of effect 1.5, 20 replications per world",
        )


@pytest.mark.parametrize(
    ("detected", "calibrated", "message"),
    [
        (
            ("shared", "other dyads"),
            "auto",
            "this detection learned its phases from other dyads (pooling='shared'), the calibration has "
            "pooling='auto': run rd.cycles.calibrate with pooling='shared', or 'none'.",
        ),
        (
            ("auto", "own"),
            "auto",
            "this detection tested every dyad by itself, the calibration has pooling='auto': run "
            "rd.cycles.calibrate with pooling='none'.",
        ),
    ],
)
def test_the_power_of_other_tests_is_refused(make, detected, calibrated, message):
    with pytest.raises(DesignError) as refused:
        detection(make, *detected).with_calibration(calibration(calibrated))
    assert str(refused.value) == message


def test_tests_of_two_phases_or_with_covariates_have_no_calibration(make):
    three = detection(make, "none", "own", phases=3)
    assert three.verdicts()["reason"][0].endswith(
        "power unknown, stored calibrations are of phases='auto', not of 3 phases"
    )
    covariates = CycleColumns("warmth", "longing", covariates=("stress",))
    beside = detection(make, "none", "own").with_parts(columns=covariates)
    assert beside.verdicts()["reason"][0].endswith("power unknown, stored calibrations are of tests without covariates")
    with pytest.raises(DesignError) as refused:
        three.with_calibration(calibration("none"))
    assert str(refused.value) == (
        "the calibration has phases='auto', this detection phases=3: it does not give the power of this detection."
    )
    with pytest.raises(DesignError, match="of other columns"):
        beside.with_calibration(calibration("none"))
    own = calibration("none").with_parts(
        columns=beside.columns,
        setting={**calibration("none").setting, "phases": 3},
    )
    judged = beside.with_parts(setting={**beside.setting, "phases": 3}).with_calibration(own)
    assert set(judged.verdicts()["verdict"]) == {"not supported"}
    giver = detection(make, "none", "own").with_parts(columns=CycleColumns("warmth", "longing", "giver"))
    with pytest.raises(DesignError) as other:
        giver.with_calibration(calibration("none"))
    assert str(other.value) == "the calibration is of other columns or of another level than this detection."


def test_stored_power_is_for_tests_as_they_were_calibrated(monkeypatch, brief_fits):
    from reldyn.cycles import _detect

    monkeypatch.setattr(_detect, "power_of", lambda **design: (0.9, 0.02))
    panel = rd.simulate.cycles("linear", n_dyads=1, n_occasions=64, seed=3).panel
    one = build_series(panel, CycleColumns("warmth", "response"))[0]
    outcome = _detect._outcome(_detect._Task(one, Setting("auto", 19, 0.05), None, 1, 1.5), np.random.default_rng(1))
    assert (outcome.power, outcome.false_positives) == (0.9, 0.02)
    with_covariate = dataclasses.replace(one.series, covariates=np.arange(len(one.series.y), dtype=float)[:, None])
    for series, setting in (
        (one.series, Setting(3, 19, 0.05)),
        (with_covariate, Setting("auto", 19, 0.05)),
    ):
        assert _detect._stored_power(outcome, series, setting, 1.5) == (None, None)


def test_prevalence_of_shared_phases_is_bounded_by_what_either_test_shows(make):
    shown = [dataclasses.replace(make.outcome(d, "a", (0.01, 0.5, 0.01, 0.6)), power=0.8) for d in range(12)]
    either = [
        dataclasses.replace(make.outcome(d, "a", (0.4, 0.5, 0.3, 0.6)), power=0.8, p_alone=0.01) for d in range(12, 18)
    ]
    neither = [
        dataclasses.replace(make.outcome(d, "a", (0.4, 0.5, 0.3, 0.6)), power=0.8, p_alone=0.7) for d in range(18, 60)
    ]
    found = make.result([*shown, *either, *neither]).sample().set_index("term").loc["prevalence"]
    below = binomtest(12, 60).proportion_ci(method="exact").low
    above = binomtest(18, 60).proportion_ci(method="exact").high
    assert found["conf_low"] == pytest.approx((below - 0.05) / 0.95)
    assert found["conf_high"] == pytest.approx(above / 0.8)
    assert found["estimate"] == pytest.approx((12 / 60 - 0.05) / 0.95)
    assert found["note"] == (
        "the estimate is a lower one; upper limit: if cycles have at least the declared effect, found with "
        "probability 0.80"
    )
