import numpy as np
import pytest
from scipy import stats

import reldyn as rd
from reldyn.intervention._overlap import OVERLAPS, kendall_b, nap, nonoverlap

# The reference solves for its limits to 1e-4 of an iteration (uniroot's default tolerance), ours to 1e-12.
LIMITS = 3e-5


@pytest.mark.parametrize(
    ("name", "entry", "kind"),
    [
        ("nap", "calc_NAP", "unbiased"),
        ("nap", "NAP_hanley", "hanley"),
        ("nap", "NAP_null", "null"),
        ("tau", "calc_Tau", "unbiased"),
        ("tau_bc", "calc_Tau_BC", "unbiased"),
    ],
)
def test_indices_of_pairs_agree_with_the_reference(reference, phases, name, entry, kind):
    (wanted,) = reference[entry]
    found = nonoverlap(name, *phases, std_error=kind)
    assert found.estimate == pytest.approx(wanted["Est"], abs=1e-12)
    assert found.std_error == pytest.approx(wanted["SE"], abs=1e-12)
    assert (found.conf_low, found.conf_high) == pytest.approx((wanted["CI_lower"], wanted["CI_upper"]), abs=LIMITS)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("tau_u_parker", "calc_Tau_U"),
        ("pnd", "calc_PND"),
        ("pem", "calc_PEM"),
        ("pand", "calc_PAND"),
        ("ird", "calc_IRD"),
    ],
)
def test_indices_without_an_error_agree_with_the_reference(reference, phases, name, entry):
    assert nonoverlap(name, *phases).estimate == pytest.approx(reference[entry][0]["Est"], abs=1e-12)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("taub_a_vs_b", "AvB"),
        ("taub_a_vs_b_minus_trend_a", "AvB_A"),
        ("taub_a_vs_b_plus_trend_b_minus_trend_a", "AvB_B_A"),
    ],
)
def test_variants_of_tau_b_agree_with_the_reference(reference, phases, name, entry):
    wanted = reference["scan_kendall"][entry]
    found = nonoverlap(name, *phases)
    assert (found.estimate, found.std_error) == pytest.approx((wanted["tau"], wanted["se"]), abs=1e-12)
    # Three digits and more are lost in the tail: the p-value is compared relatively.
    assert found.p_value == pytest.approx(wanted["p"], rel=1e-9)


def test_the_variant_with_the_trend_of_the_second_phase_counts_its_pairs(phases):
    before, after = phases
    m, n = len(before), len(after)
    pairs = [(i, j) for i in range(m + n) for j in range(i + 1, m + n) if j >= m]
    x = np.concatenate(phases)
    score = sum(np.sign(x[j] - x[i]) for i, j in pairs)
    ties = sum(x[i] == x[j] for i in range(m + n) for j in range(i))
    total = (m + n) * (m + n - 1) / 2
    wanted = score / np.sqrt((total - ties) * len(pairs))
    assert nonoverlap("taub_a_vs_b_plus_trend_b", *phases).estimate == pytest.approx(wanted, abs=1e-12)


def test_nap_is_the_mann_whitney_statistic_over_the_number_of_pairs(reference, phases):
    before, after = phases
    statistic = stats.mannwhitneyu(after, before).statistic
    assert statistic == reference["mannwhitney"]["W"]
    assert nap(before, after).estimate == statistic / (len(before) * len(after))


def test_kendall_b_agrees_with_scipy():
    generator = np.random.default_rng(4)
    x, y = generator.integers(0, 5, 30).astype(float), generator.integers(0, 4, 30).astype(float)
    other = stats.kendalltau(x, y, method="asymptotic")
    found = kendall_b(x, y)
    assert (found.estimate, found.p_value) == pytest.approx((other.statistic, other.pvalue), abs=1e-12)


def test_the_trend_that_tau_bc_removes_is_the_median_slope_of_all_pairs(phases):
    before, after = phases
    m = len(before)
    time = np.cumsum(np.arange(1.0, m + len(after) + 1) % 3)  # unequal steps, and pairs at one time
    slopes = [
        (before[j] - before[i]) / (time[j] - time[i]) for i in range(m) for j in range(i + 1, m) if time[j] != time[i]
    ]
    flat = np.concatenate([before, after]) - np.median(slopes) * time
    wanted = np.sign(flat[m:, None] - flat[None, :m]).mean()
    assert nonoverlap("tau_bc", before, after, time=time).estimate == pytest.approx(wanted, abs=1e-12)


def _squared_error(before, after):
    error = nap(before, after).std_error
    return 0.0 if np.isnan(error) else error**2


def test_the_unbiased_variance_is_unbiased_without_ties():
    draws = np.random.default_rng(2).standard_normal((6000, 9)) + (np.arange(9) >= 4)
    values = np.array([nap(row[:4], row[4:]).estimate for row in draws])
    squares = np.array([_squared_error(row[:4], row[4:]) for row in draws])
    assert squares.mean() == pytest.approx(values.var(), rel=0.06)


def test_ties_enlarge_the_unbiased_variance_as_in_the_reference(phases):
    """The product of two different pairs estimates the square without bias; the reference adds a fourth of the ties."""
    before, after = phases
    m, n = len(before), len(after)
    pairs = (after > before[:, None]) + 0.5 * (after == before[:, None])
    apart = [
        pairs[i, j] * pairs[k, h]
        for i in range(m)
        for k in range(m)
        if k != i
        for j in range(n)
        for h in range(n)
        if h != j
    ]
    unbiased = pairs.mean() ** 2 - np.mean(apart)
    ties = (pairs == 0.5).mean() / 4 / ((m - 1) * (n - 1))
    assert nap(before, after).std_error ** 2 == pytest.approx(unbiased + ties, abs=1e-12)
    assert ties > 0


def test_a_perfect_separation_has_an_interval_and_no_standard_error():
    found = nap(np.array([1.0, 2.0]), np.array([5.0, 6.0]))
    assert (found.estimate, found.conf_high) == (1.0, 1.0)
    assert np.isnan(found.std_error)
    assert 0.3 < found.conf_low < 0.5


@pytest.mark.parametrize("name", OVERLAPS)
def test_the_direction_turns_every_index(couple, name):
    up = rd.intervention.overlap(couple, outcome="y", phase="phase", indices=[name])
    down_frame = couple.frame.assign(y=-couple.frame["y"])
    down = rd.DyadPanel(down_frame, dyad="dyad", person="role", role="role", time="t")
    turned = rd.intervention.overlap(down, outcome="y", phase="phase", indices=[name], improvement="decrease")
    np.testing.assert_allclose(up["estimate"], turned["estimate"], atol=1e-12)


def test_partners_stand_side_by_side_and_missing_answers_are_left_out(couple):
    found = rd.intervention.overlap(couple, outcome="y", phase="phase", indices=["nap", "pnd"])
    assert found[["index", "role"]].to_numpy().tolist() == [["nap", "a"], ["nap", "b"], ["pnd", "a"], ["pnd", "b"]]
    assert found["n_before"].tolist() == [8, 7, 8, 7]


def test_what_cannot_be_said_is_missing_with_a_reason(couple):
    frame = couple.frame
    frame.loc[(frame["role"] == "b") & (frame["phase"] == "B"), "y"] = np.nan
    frame.loc[frame["role"] == "a", "y"] = 3.0
    panel = rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="t")
    found = rd.intervention.overlap(panel, outcome="y", phase="phase").set_index(["role", "index"])
    assert found.loc["b", "estimate"].isna().all()
    assert set(found.loc["b", "note"]) == {"7 answers before and 0 after the start, at least 1 and 1 are needed"}
    assert found.loc[("a", "nap"), "estimate"] == 0.5
    assert found.loc[("a", "taub_a_vs_b"), "note"] == "the outcome never varies"


def test_unknown_options_are_refused(couple):
    with pytest.raises(rd.DesignError, match="index='tau_u' is not known; allowed: 'nap'"):
        rd.intervention.overlap(couple, outcome="y", phase="phase", indices=["tau_u"])
    with pytest.raises(rd.DesignError, match="improvement='up' is not known"):
        rd.intervention.overlap(couple, outcome="y", phase="phase", improvement="up")
    with pytest.raises(rd.DesignError, match="give a list of names"):
        rd.intervention.overlap(couple, outcome="y", phase="phase", indices="nap")
    with pytest.raises(rd.DataError, match="no column 'z'"):
        rd.intervention.overlap(couple, outcome="z", phase="phase")


STARTS = {"koehler-levin": [[14, 15, 16], [21, 22, 23], [28, 29, 30]]}


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
def test_answers_that_never_vary_have_no_test():
    frame = rd.simulate.intervention(n_dyads=3, n_before=[14, 21, 28], seed=1).panel.frame.assign(closeness=4.0)
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day")
    table = rd.intervention.overlap(panel, outcome="closeness", phase="phase").tidy()
    tested = table[table["index"].isin(["nap", "tau", "tau_bc"])]
    assert tested["estimate"].isin([0.5, 0.0]).all()
    assert (
        tested[["std_error", "conf_low", "p_value"]].isna().all(axis=None)
        and tested["note"].eq("the outcome never varies").all()
    )
    for design in ("start-point", "wampold-worsham", "koehler-levin", "revusky"):
        found = rd.intervention.randomization_test(
            panel, outcome="closeness", phase="phase", n_draws=19, seed=1, design=design, starts=STARTS.get(design)
        ).tidy()
        assert found["p_value"].isna().all() and found["note"].str.contains("never varies").all()


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
@pytest.mark.parametrize("design", ["start-point", "wampold-worsham", "koehler-levin", "revusky"])
def test_a_member_who_never_answers_has_a_reason(design):
    frame = rd.simulate.intervention(n_dyads=3, n_before=[14, 21, 28], seed=1).panel.frame
    frame.loc[(frame["dyad"] == 1) & (frame["role"] == "a"), "closeness"] = np.nan
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day")
    found = rd.intervention.randomization_test(
        panel, outcome="closeness", phase="phase", n_draws=19, seed=1, design=design, starts=STARTS.get(design)
    ).tidy()
    alone = found[found["role"] == "a"].iloc[0]
    assert np.isnan(alone["p_value"]) and "answers" in alone["note"]
