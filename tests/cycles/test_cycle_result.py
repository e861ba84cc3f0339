"""What a result says, made by hand so that every number is known."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.cycles._text import _clipped
from reldyn.cycles.calibration._calibrate import CalibrationResult
from reldyn.cycles.ladder._claims import ClaimTest
from reldyn.cycles.ladder._verdict import adjust
from reldyn.cycles.reports._reports import ReportComparison

FORBIDDEN = re.compile(r"narciss|abuse|victim|diagnos|patholog|disorder", re.IGNORECASE)


def test_every_direction_has_its_verdict(made):
    found = made.verdicts()
    assert found["verdict"].tolist() == ["supported", "rhythm", "not supported", *["not decidable"] * 3]
    assert found["reason"].tolist()[4:] == ["30 answered occasions, below 60", "the partner never answers"]


def test_p_values_are_adjusted_over_the_decidable_directions(made):
    rows = made.tidy()
    rows = rows[rows["claim"] == "intermittent"]
    assert rows["p_value"].tolist()[:4] == [0.002, 0.7, 0.4, 0.4]
    assert np.isnan(rows["p_value"].to_numpy()[4:]).all()
    assert rows["p_adjusted"].tolist()[:4] == adjust([0.002, 0.7, 0.4, 0.4]).tolist()


def test_raw_and_adjusted_verdicts_differ_where_the_adjustment_bites(make):
    many = [
        make.outcome(d, g, (0.02, 0.5, 0.03, 0.5) if d == 1 else (0.6, 0.5, 0.5, 0.5))
        for d in range(1, 6)
        for g in "ab"
    ]
    found = make.result(many)
    assert found.verdicts(adjusted=False)["verdict"].tolist()[:2] == ["supported", "supported"]
    assert found.verdicts()["verdict"].tolist()[:2] == ["not decidable", "not decidable"]
    assert "after adjustment for the number of directions" in found.verdicts()["reason"][0]


def test_a_single_dyad_is_judged_by_raw_p_values(make):
    pair = make.result([make.outcome(1, "a", (0.03, 0.5, 0.04, 0.5)), make.outcome(1, "b", (0.6, 0.5, 0.5, 0.5))])
    assert pair.tidy().query("claim == 'intermittent'")["p_adjusted"].tolist() == [0.08, 0.5 * 1.2]
    assert pair.verdicts()["verdict"].tolist() == ["supported", "not decidable"]


def test_phases_that_were_shown_but_returned_too_rarely_decide_nothing(make):
    own = make.outcome(1, "a", (0.001, 0.5, 0.001, 0.5), fit=make.phases(n_cycles=2.4))
    regimes = dataclasses.replace(own.tests[0], detail={**own.tests[0].detail, "pooling": "shared", "n_cycles": 6.0})
    shown = make.result([dataclasses.replace(own, tests=(regimes, *own.tests[1:]))]).verdicts()
    assert shown["n_cycles"].tolist() == [6.0]
    assert "cycles of them" not in shown["reason"][0]
    few = make.result([make.outcome(1, "a", (0.001, 0.5, 0.001, 0.5), fit=make.phases(n_cycles=2.4))])
    assert few.verdicts().loc[0, ["verdict", "reason"]].tolist() == [
        "not decidable",
        "phases, but 2.4 expected cycles of them, below 4",
    ]
    assert np.isnan(few.tidy().query("claim == 'intermittent'")["p_adjusted"].item())


def two_ways(make, n, weight, *, pooling="shared"):
    """A sample of 16 directions, of which one is as clear as it can be in one of two ways."""
    smallest = round(1 / (n + 1) / (weight if weight < 1 else 0.5), 12)
    one = make.outcome(1, "a", (smallest, 0.5, smallest, 0.5))
    detail = {"pooling": pooling} if pooling else {}
    tests = [
        dataclasses.replace(test, n_surrogates=n, n_ways=2, weight=weight, detail=detail)
        if test.claim in ("regimes", "irregular")
        else test
        for test in one.tests
    ]
    others = [make.outcome(dyad, "a", (0.6, 0.5, 0.5, 0.5)) for dyad in range(2, 17)]
    found = make.result([dataclasses.replace(one, tests=tuple(tests)), *others])
    return found.with_parts(setting={**found.setting, "n_surrogates": n, "phases_from": "other dyads"})


@pytest.mark.parametrize(
    ("n", "weight", "pooling", "needed"),
    [
        (39, 0.5, "shared", 639),
        # From 99 surrogates on a direction by itself has a fifth of the level, and takes more of them.
        (39, 0.5, "", 1599),
        (99, 0.8, "shared", 399),
        (99, 0.2, "", 1599),
        # Saved before the two ways had shares of their own.
        (39, 1.0, "", 1599),
    ],
)
def test_surrogates_that_would_settle_it_are_counted_by_the_share_they_will_have(make, n, weight, pooling, needed):
    reason = two_ways(make, n, weight, pooling=pooling).verdicts()["reason"][0]
    assert reason.endswith(f"no surrogate exceeded the series: n_surrogates={needed} or more would settle it")


def test_rounded_p_values_are_still_the_smallest_that_many_surrogates_can_give(make):
    assert two_ways(make, 2_528, 0.8)._needed(0, adjusted=True) is not None


def test_the_summary_names_the_shares_of_the_level_that_were_used(make):
    for n, weight, said in ((39, 0.5, "0.5 with"), (99, 0.8, "0.8 with"), (99, 1.0, "0.5 with")):
        text = " ".join(two_ways(make, n, weight).summary().split())
        assert f"p-values are divided by {said} phases of others" in text


def test_a_claim_names_the_way_it_was_tested_and_its_share_of_the_level(make):
    for weight, pooling, said in ((0.8, "shared", "with phases of other dyads"), (0.2, "", "by itself")):
        rows = two_ways(make, 99, weight, pooling=pooling).tidy().query("dyad == 1").set_index("claim")["note"]
        for claim in ("regimes", "irregular", "intermittent"):
            assert rows[claim].endswith(f"; tested {said}, p divided by {weight:g}")
        assert "divided" not in rows["periodic"]


def test_a_screened_claim_says_what_explained_too_little(make):
    one = make.outcome(1, "a", (1.0, 0.5, 0.5, 0.5))
    volatility = dataclasses.replace(make.claim("volatility", 1.0, n=0), detail={"screened": True})
    tests = (dataclasses.replace(one.tests[0], detail={"screened": True}), *one.tests[1:], volatility)
    rows = make.result([dataclasses.replace(one, tests=tests)]).tidy().set_index("claim")["note"]
    assert rows["regimes"].startswith("levels that last explain no more")
    assert rows["volatility"].startswith("sizes of swings that last explain no more")


def test_untested_claims_say_so(make):
    plain = make.outcome(1, "a", (0.4, 0.5, 0.3, 0.6))
    first_two = type(plain)(**{**{f: getattr(plain, f) for f in plain.__slots__}, "tests": plain.tests[:2]})
    rows = make.result([first_two]).tidy().set_index("claim")
    assert rows.loc["intermittent", "p_value"] == 1.0
    assert rows.loc["intermittent", "note"] == "no regimes: not tested further"
    assert rows.loc[["irregular", "directed"], "note"].tolist() == ["no regimes: not tested"] * 2
    assert rows.loc["reinforcement", "note"] == "no response was named"
    assert rows.loc["splitting", "note"] == "no regimes: no levels to lie between"


def test_volatility_and_splitting_are_told_apart_from_the_verdict(make):
    plain = make.outcome(1, "a", (0.001, 0.5, 0.001, 0.5))
    nan = float("nan")
    more = [
        ClaimTest("volatility", 8.0, 0.01, 99, 2.5, 2.0, 3.1, "shocks of one size", {}, np.zeros(3)),
        ClaimTest("splitting", nan, nan, 0, 0.12, 0.05, 0.3, "no test", {}, np.zeros(0)),
    ]
    both = dataclasses.replace(plain, tests=(*plain.tests, *more))
    result, without = make.result([both]), make.result([plain])
    rows = result.tidy().set_index("claim")
    assert rows.loc["volatility", ["estimate", "p_value"]].tolist() == [2.5, 0.01]
    assert rows.loc["splitting", ["estimate", "conf_low", "conf_high"]].tolist() == [0.12, 0.05, 0.3]
    assert result.verdicts().equals(without.verdicts())
    text = " ".join(result.summary().split())
    assert "the size of swings changes in episodes in 1 of 1 tested direction (raw p at most 0.05)" in text
    assert "in the middle half between their levels is 0.12" in text
    again = rd.from_json(result.to_json()).tidy().set_index("claim")
    assert again.loc["volatility", "p_value"] == 0.01


def test_phases_have_one_row_per_direction_and_occasion(made):
    found = made.phases()
    assert len(found) == 4 * 120
    assert found.columns.tolist() == ["dyad", "giver", "day", "beep", "cold", "middle", "warm", "phase"]
    assert np.allclose(found[["cold", "middle", "warm"]].sum(axis=1), 1)
    two = found[(found["dyad"] == 2) & (found["giver"] == "b")]
    assert two["middle"].isna().all()
    assert set(two["phase"]) == {"cold", "warm"}
    assert found.loc[5, ["day", "beep"]].tolist() == [2, 2]


def test_the_sample_has_a_prevalence_and_a_coefficient_with_intervals(make):
    outcomes = [
        make.outcome(
            d,
            g,
            (0.001, 0.5, 0.001, 0.5) if d < 4 else (0.6, 0.5, 0.5, 0.5),
            power=0.9,
            reinforcement=make.reinforcement(0.1 + 0.01 * d),
        )
        for d in range(1, 11)
        for g in "ab"
    ]
    found = make.result(outcomes).sample().set_index("term")
    assert found.loc["prevalence", "conf_low"] < 0.3 < found.loc["prevalence", "conf_high"]
    assert found.loc["reinforcement", "estimate"] == pytest.approx(0.155)
    assert found.loc["reinforcement", "n"] == 10
    alone = make.result(outcomes, response=None).sample()
    assert alone["term"].tolist() == ["prevalence"]


def test_without_rows_estimates_stay_and_phases_say_so(make, made):
    outcomes = [
        dataclasses.replace(one, dyad=f"Zq7-fam.{one.dyad}", giver=f"Zq7 Ann {one.dyad}{one.giver}")
        for one in made.outcomes
    ]
    named = make.result(outcomes)
    text = named.to_json()
    assert "Zq7" not in text
    again = rd.from_json(text)
    assert again.to_json() == text
    assert again.tidy()["dyad"].tolist() == made.tidy()["dyad"].tolist()
    assert again.tidy()["giver"].tolist()[::8] == [1, 2, 3, 4, 5, 6]
    numbers = again.tidy().columns.drop(["term", "dyad", "giver"])
    pd.testing.assert_frame_equal(again.tidy()[numbers], named.tidy()[numbers])
    pd.testing.assert_frame_equal(again.sample(), named.sample())
    pd.testing.assert_frame_equal(again.glance(), named.glance())
    assert again.verdicts()["verdict"].tolist() == named.verdicts()["verdict"].tolist()
    with pytest.raises(
        rd.DataError, match=r"saved without rows, and this needs them: save it with to_json\(path, rows=True\)"
    ):
        again.phases()


def test_roles_that_are_known_stay_also_in_a_single_dyad(make, made):
    alone = make.result(made.outcomes[:2])
    told = alone.with_parts(setting={**alone.setting, "roles": ("a", "b")})
    assert rd.from_json(told.to_json()).verdicts()["giver"].tolist() == ["a", "b"]
    assert rd.from_json(alone.to_json()).verdicts()["giver"].tolist() == [1, 2]


def test_reports_laid_side_by_side_hold_neither_rows_nor_ids(make, made):
    outcomes = [dataclasses.replace(one, dyad=f"Zq7-fam.{one.dyad}") for one in made.outcomes]
    side = make.result(outcomes)
    keys = {"dyad": [one.dyad for one in outcomes], "giver": [one.giver for one in outcomes]}
    table = pd.DataFrame({"term": [f"{one.giver} in {one.dyad}" for one in outcomes], **keys})
    table = table.assign(same_verdict=True, verdict_received="rhythm", verdict_given="rhythm")
    both = ReportComparison.of(received=side, given=side, table=table)
    again = rd.from_json(both.to_json())
    assert "Zq7" not in both.to_json()
    assert again.tidy()["term"].tolist() == ["a in 1", "b in 1", "a in 2", "b in 2", "a in 3", "b in 3"]
    assert again.given.tidy()["dyad"].tolist() == made.tidy()["dyad"].tolist()
    assert again.to_json() == both.to_json()


def test_a_result_survives_json(made):
    again = rd.from_json(made.to_json(rows=True))
    pd.testing.assert_frame_equal(again.tidy(), made.tidy())
    pd.testing.assert_frame_equal(again.phases(), made.phases())
    pd.testing.assert_frame_equal(again.sample(), made.sample())
    assert again.summary() == made.summary()
    assert again.outcome(1, "a").fit.optima.tolist() == [-400.0, -402.0, -410.0]


GOLDEN = """\
Intermittent warmth in 6 directions of 3 dyads: 1 supported, 1 rhythm, 1 not supported, 3 not decidable

Warmth is 'warmth', reported by the one who received it; the response is 'longing' of the one who
received it. Every claim is tested against a null of its own with at most 199 surrogates per
direction (two and three phases, the larger statistic; directed cycles always three), more of them
where a decision is open; seed 1. Regimes: levels that last, abrupt or gradual, against linear
dynamics of any memory behind an item with one hump, and of short memory behind the item as it is;
measurement error, skewed shocks and a variance that changes are no regimes. Irregular timing:
against dwell times that vary by at most 40 % of their mean. Intermittent: both rejected, by the
larger p-value, adjusted over directions (Benjamini and Hochberg).

Share of directions with intermittent warmth (from raw p-values and the power of the tests; no count
of verdicts): 0.22, 95 % interval 0.00 to 1.00, from 4 directions; if cycles have at least the
declared effect, found with probability 0.95; the power in 3 of these is not known, and the upper
limit counts them all.

Response after unpredictable warmth (SD per SD): no estimate (2 dyads with a coefficient, below 3).

Verdicts at level 0.05 (whole reasons: verdicts())
"""


def test_the_summary_reads_as_it_should(made):
    text = made.summary()
    assert text.startswith(GOLDEN)
    assert re.search(r"^ +3 +b +not decidable +0 +0\.05 +the partner never answers$", text, re.MULTILINE)
    assert text.endswith("Notes\n- a note for the careful reader")


def test_no_output_is_about_what_a_person_is(made):
    texts = [made.summary(), made._repr_html_(), made.to_json(), made.tidy().to_string(), made.verdicts().to_string()]
    assert [FORBIDDEN.findall(text) for text in texts] == [[]] * len(texts)


def test_glance_counts_verdicts(made):
    row = made.glance().iloc[0]
    assert (row["n_dyads"], row["n_directions"], row["n_tested"], row["n_obs"]) == (3, 6, 4, 424)
    assert (row["n_supported"], row["n_rhythm"], row["n_not_supported"], row["n_not_decidable"]) == (1, 1, 1, 3)


def test_an_unknown_direction_is_one_sentence(made):
    with pytest.raises(rd.DataError) as no_dyad:
        made.outcome(9, "a")
    assert str(no_dyad.value) == "no dyad 9 in the result; there are 3: 1, 2, 3."
    with pytest.raises(rd.DataError) as no_giver:
        made.outcome(1, "c")
    assert str(no_giver.value) == "no giver 'c' in dyad 1; its givers: 'a', 'b'."


def calibration(made, *, rejected, warmth="warmth"):
    worlds = ("linear", "skewed", "rhythm", "cycle")
    p_values = np.full((4, 20), 0.5)
    p_values[3, :rejected] = 0.01
    setting = {"effect": 1.5, "n_replications": 20, "n_surrogates": 199, "alpha": 0.05, "seed": 1}
    columns = type(made.columns)(warmth, "longing")
    return CalibrationResult.of(
        columns=columns, setting=setting, worlds=worlds, p_regimes=p_values, p_intermittent=p_values
    )


def test_a_calibration_decides_tests_without_result(made):
    strong, weak = (made.with_calibration(calibration(made, rejected=n)) for n in (20, 5))
    assert strong.verdicts()["verdict"].tolist()[3] == "not supported"
    assert weak.verdicts()["reason"][3].endswith("the power for abrupt cycles of 1.5 SD may be as low as 0.09")
    assert strong.verdicts()["verdict"].tolist()[4:] == ["not decidable"] * 2
    assert strong.sample().set_index("term").loc["prevalence", "conf_high"] < 1
    with pytest.raises(rd.DesignError) as other:
        made.with_calibration(calibration(made, rejected=18, warmth="closeness"))
    assert str(other.value) == "the calibration is of other columns or of another level than this detection."


def test_a_calibration_reports_rates_with_exact_intervals(made):
    found = calibration(made, rejected=15)
    assert (found.power, found.false_positives) == (0.75, 0.0)
    row = found.tidy().set_index("term").loc["intermittent in cycle"]
    assert row[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx([0.75, 0.509, 0.913], abs=1e-3)
    assert rd.from_json(found.to_json()).tidy().equals(found.tidy())
    assert not FORBIDDEN.findall(found.summary())


def test_reasons_are_cut_between_clauses_or_words():
    told = "phases not shown (p = 1.000); the power for abrupt cycles of this size is .41, below .80"
    assert _clipped(told) == "phases not shown (p = 1.000); ..."
    reason = "phases and irregular timing, but p = .060 after adjustment over directions"
    assert _clipped(reason) == "phases and irregular timing, but p = .060 after ..."
    assert _clipped(reason[:60]) == reason[:60]
