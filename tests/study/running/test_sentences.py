"""Check that every sentence says the numbers of its table."""

import math

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.study.running import _record
from reldyn.study.running._over_dyads import of_sample, person_columns, spreads
from reldyn.study.running._sentences import estimate_words, sentence_of


def said(verb, result, panel):
    table = result.tidy()
    spread = spreads(table, person_columns(type(result)), panel.roles) if "dyad" in table else []
    return sentence_of(verb, result, of_sample(table), spread)


def test_numbers_as_papers_print_them():
    row = {
        "estimate": 0.32134,
        "std_error": 0.0414,
        "conf_low": 0.228,
        "conf_high": 0.4131,
        "statistic": 7.77,
        "df": 9.746,
    }
    assert estimate_words({**row, "p_value": 1e-5}) == "b = 0.321, 95% CI [0.228, 0.413], t(9.7) = 7.77, p < .001"
    assert estimate_words(
        {"estimate": -1.0, "std_error": 0.25, "statistic": -4.0, "df": math.nan, "p_value": 0.031}
    ) == ("b = \N{MINUS SIGN}1.00, z = \N{MINUS SIGN}4.00, p = .031")
    assert estimate_words({"estimate": math.nan}) == "b = not estimated"


def test_apim():
    panel = rd.simulate.apim(n_dyads=40, n_occasions=6, actor=0.4, partner=0.2, seed=1).panel
    fit = rd.apim(panel, outcome="y", predictors=["x"], estimation=rd.Estimation(inference="z"))
    text = said("apim", fit, panel)
    assert text.startswith("Of x on y within persons: for ")
    table = fit.tidy()
    rows = table[(table["effect"].isin(["actor", "partner"])) & (table["level"] == "within")]
    assert len(rows) == 4
    for row in rows.to_dict("records"):
        assert f"{row['effect']} effect {estimate_words(row)}" in text


@pytest.mark.parametrize(
    ("found", "gone"), [({}, False), ({"surrogate_mean": math.nan}, True), ({"n_tested": 4}, True)]
)
def test_synchrony_stands_beside_chance(found, gone):
    class Synchrony:
        def glance(self):
            row = {"estimate": 0.394, "surrogate_mean": 0.406, "p_value": 0.55, "n_tested": 13}
            return pd.DataFrame([row | found])

    text = sentence_of("coupling.cross_correlation", Synchrony(), pd.DataFrame(), [])
    assert ("by chance" not in text) == gone
    if not gone:
        assert text == "Over 13 dyads, synchrony was M = 0.39, and by chance 0.41, p = .550."


def test_over_time():
    panel = rd.simulate.apim(n_dyads=60, n_occasions=6, actor=0.4, partner=0.2, seed=1).panel
    fit = rd.actor_partner.over_time(panel, outcome="y")
    text = said("actor_partner.over_time", fit, panel)
    assert text.startswith("From one occasion to the next, stability")
    for row in fit.tidy().to_dict("records"):
        assert estimate_words(row) in text


def test_affect_dynamics():
    panel = rd.simulate.cycles("linear", n_dyads=12, n_occasions=40, seed=2).panel
    found = rd.affect_dynamics(panel, ["warmth"])
    table = found.tidy()
    mine = table[table["role"] == panel.roles[0]]
    assert f"{panel.roles[0]}: M = {mine['mean'].mean():.2f}" in said("affect_dynamics", found, panel)


class Cycles:
    def __init__(self, share):
        self.share = share

    def verdicts(self):
        return pd.DataFrame({"dyad": [1, 1, 2, 2], "verdict": ["supported", "rhythm", "supported", "not decidable"]})

    def sample(self):
        ends = {"conf_low": 0.1, "conf_high": 0.9} if math.isfinite(self.share) else {}
        return pd.DataFrame([{"term": "prevalence", "estimate": self.share, **ends, "note": "nothing to test"}])


def test_cycles():
    start = "Of 4 directions of 2 dyads, 2 supported, 1 rhythm, 0 not supported, 1 not decidable; the prevalence "
    empty = pd.DataFrame()
    assert sentence_of("detect_cycles", Cycles(0.5), empty, []) == (
        f"{start}of intermittent warmth was share = 0.50, 95% CI [0.10, 0.90]."
    )
    assert sentence_of("detect_cycles", Cycles(math.nan), empty, []) == f"{start}was not estimated (nothing to test)."


class Asymmetry:
    variable = "mood"


def test_asymmetry():
    rows = pd.DataFrame(
        {
            "effect": ["influence", "influence", "difference"],
            "model": "observed",
            "source": ["a", "b", "a"],
            "target": ["b", "a", "b"],
            "estimate": [0.3, 0.1, 0.2],
            "std_error": 0.1,
            "df": 11.0,
            "statistic": [3.0, 1.0, 2.0],
            "p_value": [0.01, 0.3, 0.05],
        }
    )
    text = sentence_of("coupling.asymmetry", Asymmetry(), rows, [])
    assert text == (
        "Over dyads, influence from a to b was b = 0.30, t(11) = 3.00, p = .010, and from b to a was b = 0.10, "
        "t(11) = 1.00, p = .300; the difference in mood was b = 0.20, t(11) = 2.00, p = .050."
    )


def test_any_table_has_a_sentence():
    rows = pd.DataFrame({"term": ["x", "y"], "statistic": [3.2, 1.0], "df": [2.0, 1.0], "p_value": [0.2, 0.3]})
    assert sentence_of("mine", None, rows, []) == "x, statistic(2) = 3.20, p = .200; y, statistic(1) = 1.00, p = .300."
    many = pd.DataFrame({"term": list("abcdef"), "estimate": np.arange(6.0), "std_error": 1.0})
    assert sentence_of("mine", None, many, []).endswith("d, estimate = 3.00 (and 2 more in the table).")
    assert sentence_of("mine", None, None, []) == "There is no estimate to report."


def test_single_dyads_are_not_spoken_of():
    panel = rd.simulate.cycles("linear", n_dyads=4, n_occasions=40, seed=2).panel
    found = rd.coupling.inertia_coordination(panel, "warmth")
    assert said("coupling.inertia_coordination", found, panel) == (
        "Fewer than 5 dyads have an estimate, so that nothing is said of their mean."
    )


@pytest.mark.parametrize("value", [None, "x", True])
def test_what_is_no_number_is_not_printed(value):
    assert estimate_words({"estimate": value, "p_value": value}) == "b = not estimated"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Mean over dyads 0.533; surrogates 0.4.", True), ("dyad 7 is left out", False), ("90 of persons 12 %", True)],
)
def test_a_decimal_after_dyads_names_nobody(text, shown):
    panel = rd.simulate.cycles("linear", n_dyads=4, n_occasions=20, seed=2).panel
    assert _record._namer(panel, None)(text) == shown
