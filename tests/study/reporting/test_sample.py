"""Check descriptives against pandas and statsmodels, and which counts are called small."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.study.reporting._sample import FEWEST, correlations, descriptives, findings, icc1, small_cells
from reldyn.study.reporting._standards import cremas, jars


@pytest.fixture(scope="module")
def panel():
    made = rd.simulate.cycles("linear", n_dyads=10, n_occasions=40, missing=0.2, seed=4).panel.frame
    return rd.DyadPanel(
        made, dyad="dyad", person="person", role="role", day="day", beep="beep", scales={"warmth": (1, 7)}
    )


def test_icc_is_that_of_the_analysis_of_variance(panel):
    import statsmodels.formula.api as smf
    from statsmodels.stats.anova import anova_lm

    frame = panel.frame.dropna(subset=["warmth"])
    n = frame.groupby("person").size().to_numpy()
    between, within = anova_lm(smf.ols("warmth ~ C(person)", frame).fit())["mean_sq"]
    k = (n.sum() - (n**2).sum() / n.sum()) / (len(n) - 1)
    wanted = (between - within) / (between + (k - 1) * within)
    assert len(set(n)) > 1
    assert icc1(panel.values("warmth"), panel.index.person) == pytest.approx(wanted, rel=1e-10)


def test_icc_of_equal_numbers_is_that_of_pingouin():
    import pingouin

    draws = np.random.default_rng(3)
    person = np.repeat(np.arange(12), 5)
    values = draws.normal(size=12)[person] + draws.normal(size=60)
    frame = pd.DataFrame({"person": person, "beep": np.tile(np.arange(5), 12), "x": values})
    table = pingouin.intraclass_corr(frame, targets="person", raters="beep", ratings="x")
    single = table.iloc[0]
    assert icc1(values, person) == pytest.approx(float(single["ICC"]), abs=1e-3)


def test_icc_of_few_persons_or_constants_is_none():
    assert np.isnan(icc1(np.arange(8.0), np.repeat(np.arange(4), 2)))
    assert np.isnan(icc1(np.ones(20), np.repeat(np.arange(10), 2)))


def test_correlations_within_and_between(panel):
    frame = panel.frame
    found = correlations(panel, ["warmth", "response"])
    means = frame.groupby("person")[["warmth", "response"]].mean()
    within = frame[["warmth", "response"]] - frame.groupby("person")[["warmth", "response"]].transform("mean")
    assert found["rows"][0][1] == pytest.approx(means.corr().iloc[0, 1], rel=1e-10)
    assert found["rows"][1][0] == pytest.approx(within.corr().iloc[0, 1], rel=1e-10)
    assert found["rows"][0][0] is None
    assert correlations(panel, ["warmth"]) is None


def test_a_constant_has_no_correlation():
    made = rd.simulate.cycles("linear", n_dyads=6, n_occasions=20, seed=4).panel.frame.assign(same=0.1)
    panel = rd.DyadPanel(made, dyad="dyad", person="person", role="role", day="day", beep="beep")
    assert correlations(panel, ["warmth", "same"])["rows"] == [[None, None], [None, None]]


def test_descriptives(panel):
    rows = descriptives(panel, ["warmth", "role"])
    frame = panel.frame
    assert [row["variable"] for row in rows] == ["warmth", "warmth"]
    for row in rows:
        own = frame[frame["role"].astype(str) == row["role"]]["warmth"]
        assert row["mean"] == pytest.approx(own.mean(), rel=1e-12)
        assert row["floor_share"] == pytest.approx((own.dropna() == 1).mean(), rel=1e-12)
    assert [np.isfinite(row["icc"]) for row in rows] == [True, False]


def test_numbers_of_few_persons_are_left_out():
    panel = rd.simulate.cycles("linear", n_dyads=FEWEST - 1, n_occasions=20, seed=4).panel
    for row in descriptives(panel, ["warmth"]):
        assert row["few"]
        assert np.isnan([row["mean"], row["sd"], row["floor_share"], row["icc"]]).all()


def test_small_cells_are_found(panel):
    few = rd.simulate.cycles("linear", n_dyads=3, n_occasions=20, seed=4).panel
    counts = [{"title": "t", "heads": ["what", "n"], "rows": [["supported", 2], ["none", 0], ["many", 9]]}]
    record = {
        "counts": counts,
        "spread": {"rows": [["a", "estimate", 4, None], ["b", "estimate", 8, 0.1], ["c", "share x", 12, 1 / 12]]},
    }
    flow = [{"what": "filter", "dyads_dropped": 1}, {"what": "answers", "dyads_dropped": 7}]
    found = small_cells(panel, panel.compliance(), {"x": record}, flow)
    assert found == [
        ("Flow of the sample", "dyads dropped: filter", 1),
        ("Analysis x", "supported, n", 2),
        ("Analysis x", "groups of dyads whose numbers are left out", 1),
        ("Analysis x", "shares that stand for one to four dyads", 1),
    ]
    assert ("Sample", "dyads", 3) in small_cells(few, few.compliance(), {}, [])


def test_findings_name_nobody_unless_asked(panel):
    for row in findings(panel, single=False):
        assert "dyad 1" not in row["message"]
        assert row["message"]
    whole = panel.findings
    for row in findings(panel, single=True):
        mine = whole[(whole["code"] == row["code"]) & (whole["column"] == row["column"])]
        assert row["message"] in set(mine["message"])
        assert row["n"] == mine["n"].sum()


def record(converged, table, glance=(("a",), ((1,),))):
    columns, rows = glance
    return {
        "converged": converged,
        "table": table,
        "glance": {"columns": list(columns), "rows": [list(row) for row in rows]},
    }


def test_items_of_standards(panel):
    with_interval = {"columns": ["estimate", "conf_low"], "rows": [[1.0, 0.5]]}
    fit = (("cfi", "rmsea"), ((0.95, 0.04),))
    records = {"one": record(True, with_interval), "two": record(False, None), "sem": record(None, with_interval, fit)}
    items = {item.number: item for item in jars(panel, panel.compliance(), records, [], {"reldyn": "1", "python": "3"})}
    assert items["effect sizes"].known == "With intervals: one, sem."
    assert items["effect sizes"].state == "in part"
    assert items["convergence"].known == "Not all of it converged: two; their notes say what did not."
    assert items["model fit"].known == "sem: RMSEA 0.040, CFI 0.950"
    assert items["analyses"].state == "not filled"
    assert items["missing data"].known.startswith(f"{1 - panel.compliance()['share'].iloc[0]:.1%} of ")
    listed = cremas(panel, panel.compliance(), "A diary study of warmth")
    assert [item.number for item in listed] == [str(number) for number in range(1, 17)]
    assert listed[0].state == "filled"
    assert listed[5].known.startswith(f"{panel.index.n_days} days")
    assert [item.state for item in listed[11:]] == ["not filled"] * 5
    assert cremas(panel, panel.compliance(), "Warmth")[0].state == "not filled"


def test_a_study_of_one_occasion_has_no_prompts():
    panel = rd.simulate.apim(n_dyads=10, actor=0.3, partner=0.2, seed=1).panel
    assert cremas(panel, panel.compliance(), None) == []
