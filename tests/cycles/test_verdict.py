import itertools
import math

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from reldyn.cycles.ladder._verdict import Evidence, adjust, decide

LOW, HIGH, NAN = 0.01, 0.5, math.nan


def expected(regimes, periodic, irregular, adjusted, cv_high, power):
    """The rule, spelled out a second time as a table of first matches."""
    both = regimes == LOW and irregular == LOW
    if adjusted == LOW:
        return "supported"
    if both:
        return "not decidable"
    if (regimes == LOW or periodic == LOW) and irregular != LOW and cv_high < 0.40:
        return "rhythm"
    if power is not None and power >= 0.80:
        return "not supported"
    return "not decidable"


@pytest.mark.parametrize("power", [None, 0.79, 0.80, 0.95])
@pytest.mark.parametrize("cv_high", [0.2, 0.4, 1.2, NAN])
def test_every_combination_gives_the_verdict_of_the_rule(power, cv_high):
    for regimes, periodic, irregular in itertools.product([LOW, HIGH], [LOW, HIGH], [LOW, HIGH, NAN]):
        both = regimes == LOW and irregular == LOW
        for adjusted in (LOW, HIGH) if both else (HIGH,):
            found = decide(Evidence((), regimes, periodic, irregular, adjusted, cv_high, power))
            assert found[0] == expected(regimes, periodic, irregular, adjusted, cv_high, power)
            assert found[1]


def test_reasons_come_before_everything_else():
    found = decide(Evidence(("answers never vary", "no answers"), LOW, LOW, LOW, LOW, 0.1, 0.99))
    assert found == ("not decidable", "answers never vary; no answers")


def test_without_a_p_value_there_is_no_verdict():
    found = decide(Evidence((), NAN, NAN, NAN, NAN, NAN, 0.99))
    assert found == ("not decidable", "the tests of phases and of irregular timing gave no answer")


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (
            Evidence((), 0.533, 0.5, NAN, 1.0, 0.9, None),
            "phases not shown (p = .533); power unknown, no stored calibration covers this design: "
            "run rd.cycles.calibrate",
        ),
        (
            Evidence((), 0.01, 0.5, 0.2, 0.2, 0.9, 0.5),
            "phases, but irregular timing not shown (p = .200); the power for abrupt cycles of 1.5 SD may be as low as "
            "0.50",
        ),
        (
            Evidence((), 0.01, 0.5, 0.02, 0.09, 0.9, 0.9),
            "phases and irregular timing, but p = .090 after adjustment for the number of directions",
        ),
        (
            Evidence((), 0.01, 0.5, 0.01, 0.09, 0.9, None, needed=499),
            "phases and irregular timing, but p = .090 after adjustment for the number of directions; no surrogate "
            "exceeded the series: n_surrogates=499 or more would settle it",
        ),
        (
            Evidence((), 0.4, 0.5, NAN, 1.0, NAN, 0.85, effect=2.0),
            "phases not shown (p = .400); no sign of abrupt cycles of 2 SD or more (power 0.85 or above); "
            "gradual or weaker ones are not excluded",
        ),
        (
            Evidence((), 0.01, 0.5, 0.7, 0.7, 0.31, None),
            "sojourns vary by less than 0.40 of their mean (up to 0.31)",
        ),
    ],
)
def test_the_reason_says_what_is_lacking(evidence, reason):
    assert decide(evidence)[1] == reason


def test_the_level_is_that_of_the_call():
    evidence = Evidence((), 0.04, 0.5, 0.04, 0.04, 0.9, None)
    assert decide(evidence)[0] == "supported"
    stricter = Evidence((), 0.04, 0.5, 0.04, 0.04, 0.9, None, alpha=0.01)
    assert decide(stricter)[0] == "not decidable"


def test_adjustment_is_that_of_scipy_and_ignores_what_was_not_tested():
    raw = np.random.default_rng(1).uniform(size=30) ** 2
    assert np.allclose(adjust(raw), false_discovery_control(raw))
    with_gaps = np.insert(raw, [3, 10], np.nan)
    assert np.allclose(adjust(with_gaps)[np.isfinite(with_gaps)], adjust(raw))
    assert np.isnan(adjust([NAN, NAN])).all()
