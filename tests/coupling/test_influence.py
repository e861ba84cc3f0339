"""Check influence functions against stored numbers, closed forms, brute force and planted influence."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.coupling.influence._fit import Equation, Shape, fit, fit_two_steps
from reldyn.coupling.influence._map import basins, fixed_points, iterate
from reldyn.coupling.influence._test import Turns, _statistics, influence_p, likelihood_ratio
from reldyn.errors import DataError, DesignError

REFERENCE = Path(__file__).parent / "reference"
STORED = json.loads((REFERENCE / "d_synchrony.json").read_text())["gottman"]
TABLE = pd.read_csv(REFERENCE / "in" / "gottman.csv")
WIFE, HUSBAND = TABLE["W"].to_numpy(), TABLE["H"].to_numpy()


def panel_of(wife, husband, **names):
    n = len(wife)
    frame = pd.DataFrame({"dyad": 1, "role": np.repeat(["wife", "husband"], n), "turn": np.tile(np.arange(n), 2)})
    frame["score"] = np.array([*wife, *husband], dtype=float)
    for name, values in names.items():
        frame[name] = np.tile(values, 2)
    return frame


def made(frame, **names):
    return rd.DyadPanel(frame, dyad="dyad", person="role", role="role", **({"time": "turn"} | names))


def drawn(rng, equations, n, sequential=True):
    """A series that follows two equations with unit errors."""
    values = np.zeros((n, 2))
    for t in range(1, n):
        error = rng.standard_normal(2)
        values[t, 0] = equations[0].after(values[t - 1, 0], values[t - 1, 1]) + error[0]
        other = values[t, 0] if sequential else values[t - 1, 0]
        values[t, 1] = equations[1].after(values[t - 1, 1], other) + error[1]
    return values


def turns_of(values, sequential=True):
    n = len(values)
    return Turns(values, np.arange(n - 1), np.arange(1, n), [slice(0, n)], sequential)


@pytest.fixture(scope="module")
def stored_fit():
    with pytest.warns(rd.DataWarning, match="fewer than 300 turns"):
        return rd.coupling.influence_functions(made(panel_of(WIFE, HUSBAND)), "score", first="wife", n_boot=199, seed=1)


def test_the_stored_estimates_are_reproduced(stored_fit):
    tidy = stored_fit.tidy()
    wife, husband = (tidy[tidy["receiver"] == who] for who in ("wife", "husband"))
    assert wife["parameter"].tolist() == ["constant", "inertia", "positive", "negative"]
    assert wife["estimate"].tolist() == pytest.approx(STORED["wife_bilinear"], abs=1e-10)
    assert wife["std_error"].tolist() == pytest.approx(STORED["wife_se"], abs=1e-10)
    assert husband["estimate"].tolist() == pytest.approx(STORED["husband_bilinear_Wt1"], abs=1e-10)
    point = stored_fit.fixed_points.iloc[0]
    assert len(stored_fit.fixed_points) == 1 and point["stable"] and point["basin"] == 1.0
    assert [point["first"], point["second"]] == pytest.approx(STORED["fixed_points"][0], abs=1e-8)
    level = stored_fit.tests.set_index("receiver")["uninfluenced"]
    assert level["wife"] == pytest.approx(STORED["uninfluenced_w"], abs=1e-10)
    assert level["husband"] == pytest.approx(STORED["uninfluenced_h"], abs=1e-10)
    rss = (1 - stored_fit.tests["r_squared"][0]) * ((WIFE[1:] - WIFE[1:].mean()) ** 2).sum()
    assert rss == pytest.approx(STORED["rss"], abs=1e-8)


def test_timing_decides_what_the_second_reacts_to():
    with pytest.warns(rd.DataWarning, match="fewer than 300 turns"):
        found = rd.coupling.influence_functions(
            made(panel_of(WIFE, HUSBAND)), "score", first="wife", timing="simultaneous", n_boot=0
        )
    husband = found.tidy().query("receiver == 'husband'")["estimate"].tolist()
    assert husband == pytest.approx(STORED["husband_bilinear_Wt"], abs=1e-10)


def test_uninfluenced_parameters_on_neutral_turns():
    fitted = fit_two_steps(WIFE[1:], WIFE[:-1], HUSBAND[:-1], Shape("bilinear"), 0.25)
    assert (np.abs(HUSBAND[:-1]) <= 0.25).sum() == STORED["n_nz"]
    found = [fitted.equation.constant, fitted.equation.inertia]
    assert found == pytest.approx(STORED["wife_uninfluenced_nz"], abs=1e-10)
    left = WIFE[1:] - found[0] - found[1] * WIFE[:-1]
    sides = np.column_stack([np.maximum(HUSBAND[:-1], 0), np.minimum(HUSBAND[:-1], 0)])
    slopes = np.linalg.lstsq(sides, left, rcond=None)[0]
    assert [fitted.equation.positive, fitted.equation.negative] == pytest.approx(slopes.tolist())


def test_thresholds_are_those_of_a_full_search():
    rng = np.random.default_rng(1)
    truth = Equation(0.1, 0.3, step_up=1.2, step_down=-1.0, up_at=0.6, down_at=-0.4)
    values = drawn(rng, (truth, Equation(0.0, 0.2)), 400)
    after, own, partner = turns_of(values).parts(0)
    found = fit(after, own, partner, Shape("ojive"))
    best = math.inf
    for up in np.linspace(0, 2, 41):
        for down in np.linspace(-2, 0, 41):
            X = np.column_stack([np.ones(len(own)), own, partner > up, partner < down]).astype(float)
            if X[:, 2].sum() >= 5 and X[:, 3].sum() >= 5:
                best = min(best, float(np.linalg.lstsq(X, after, rcond=None)[1][0]))
    assert found.rss <= best * 1.01
    assert found.equation.up_at == pytest.approx(0.6, abs=0.15)
    assert found.equation.down_at == pytest.approx(-0.4, abs=0.15)
    assert found.equation.step_up == pytest.approx(1.2, abs=0.4)


def test_repair_and_damping_are_recovered():
    rng = np.random.default_rng(2)
    truth = Equation(0.0, 0.4, 0.3, 0.5, repair=1.5, repair_at=-1.0, damping=1.2, damping_at=1.0)
    values = drawn(rng, (truth, Equation(0.0, 0.3, 0.2, 0.2)), 1500)
    found = fit(*turns_of(values).parts(0), Shape("bilinear", repair=True, damping=True)).equation
    assert found.repair == pytest.approx(1.5, abs=0.4) and found.damping == pytest.approx(1.2, abs=0.4)
    assert found.repair_at == pytest.approx(-1.0, abs=0.3) and found.damping_at == pytest.approx(1.0, abs=0.3)


def test_fixed_points_are_all_found_and_judged_rightly():
    one = Equation(0.0, 0.2, step_up=1.0, step_down=-1.0, up_at=0.3, down_at=-0.3)
    found = fixed_points(one, one, sequential=True)
    assert [(point.first, point.second) for point in found] == [
        (pytest.approx(value), pytest.approx(value)) for value in (-1.25, 0.0, 1.25)
    ]
    assert all(point.stable for point in found)
    steep = Equation(0.0, 0.5, 1.0, 1.0)
    saddle = fixed_points(steep, steep, sequential=False)
    assert len(saddle) == 1 and not saddle[0].stable
    assert sorted(saddle[0].eigenvalues.real.tolist()) == pytest.approx([-0.5, 1.5])


@pytest.mark.parametrize("sequential", [True, False])
def test_eigenvalues_are_those_of_the_numerical_jacobian(sequential):
    one, two = Equation(0.4, 0.3, 0.5, 0.8), Equation(-0.2, 0.4, -0.6, -0.2)
    (point,) = fixed_points(one, two, sequential=sequential)
    step, columns = 1e-6, []
    for move in ((step, 0.0), (0.0, step)):
        ahead = iterate(
            one, two, np.array([point.first + move[0]]), np.array([point.second + move[1]]), sequential=sequential
        )
        columns.append([(ahead[0][0] - point.first) / step, (ahead[1][0] - point.second) / step])
    expected = np.sort_complex(np.linalg.eigvals(np.array(columns).T).astype(complex))
    np.testing.assert_allclose(np.sort_complex(point.eigenvalues), expected, atol=1e-6)


def test_basins_agree_with_walking_there():
    one = Equation(0.0, 0.2, step_up=1.0, step_down=-1.0, up_at=0.3, down_at=-0.3)
    points = fixed_points(one, one, sequential=True)
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-2, 2, (2, 40))
    found = basins(one, one, points, x, y, sequential=True)
    for start in range(40):
        a, b = x[start], y[start]
        for _ in range(60):
            a = float(one.after(np.float64(a), np.float64(b)))
            b = float(one.after(np.float64(b), np.float64(a)))
        assert abs(points[found[start]].first - a) < 1e-6
    # Damping beyond a low threshold makes a path that never settles.
    restless = Equation(1.0, 0.5, damping=1.5, damping_at=0.5)
    assert fixed_points(restless, restless, sequential=True) == []
    assert basins(restless, restless, [], x, y, sequential=True).tolist() == [-1] * 40


def test_null_clines_stay_where_they_are():
    one = Equation(0.3, 0.4, 0.5, 0.9, repair=0.8, repair_at=-0.7)
    partner = np.linspace(-3, 3, 61)
    branches = one.null_cline(partner)
    assert len(branches) == 2 and all(np.isfinite(branch).any() for branch in branches)
    for branch in branches:
        there = np.isfinite(branch)
        np.testing.assert_allclose(one.after(branch[there], partner[there]), branch[there], atol=1e-12)


def test_many_worlds_at_once_give_the_likelihood_ratio_of_each():
    values = drawn(np.random.default_rng(4), (Equation(0.1, 0.3, 0.2, 0.1), Equation(0, 0.2)), 120)
    parts = turns_of(values).parts(0)
    one = likelihood_ratio(*parts, Shape("bilinear"))
    assert _statistics(*(part[None] for part in parts), Shape("bilinear"))[0] == pytest.approx(one, rel=1e-9)
    import statsmodels.api as sm

    X = np.column_stack([np.ones(119), parts[1], np.maximum(parts[2], 0), np.minimum(parts[2], 0)])
    ratio = 2 * (sm.OLS(parts[0], X).fit().llf - sm.OLS(parts[0], X[:, :2]).fit().llf)
    assert one == pytest.approx(ratio, rel=1e-9)


@pytest.mark.parametrize(
    ("form", "sequential", "receiver"), [("bilinear", True, 0), ("bilinear", False, 1), ("ojive", True, 1)]
)
def test_without_influence_few_tests_reject(form, sequential, receiver):
    rng = np.random.default_rng(5)
    influenced, alone = Equation(0.1, 0.3, 0.3, 0.5), Equation(0.2, 0.6)
    pair = (alone, influenced) if receiver == 0 else (influenced, alone)
    shape, rejected, n = Shape(form), 0, 120 if form == "bilinear" else 60
    for _ in range(n):
        turns = turns_of(drawn(rng, pair, 80, sequential), sequential)
        fits = (fit(*turns.parts(0), shape), fit(*turns.parts(1), shape))
        rejected += influence_p(turns, fits, receiver, shape, 59, rng)[1] <= 0.05
    assert rejected / n <= 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / n)


def test_planted_influence_is_found_in_its_direction():
    rng = np.random.default_rng(6)
    values = drawn(rng, (Equation(0.2, 0.3), Equation(0.1, 0.3, 0.5, 0.8)), 320)
    found = rd.coupling.influence_functions(
        made(panel_of(values[:, 0], values[:, 1])), "score", first="wife", n_boot=199, seed=1
    )
    p = found.tests.set_index("receiver")["p_value"]
    assert p["husband"] == pytest.approx(1 / 200) and p["wife"] > 0.05
    assert found.warnings == ()
    rows = found.influence[found.influence["receiver"] == "husband"]
    assert np.corrcoef(rows["residual"], rows["fitted"])[0, 1] > 0.95


def test_intervals_cover_in_long_series():
    rng = np.random.default_rng(7)
    truth = (Equation(0.2, 0.35, 0.25, 0.6), Equation(0.1, 0.3, 0.3, 0.5))
    inside = np.zeros(4)
    for _ in range(200):
        fitted = fit(*turns_of(drawn(rng, truth, 300)).parts(0), Shape("bilinear"))
        error = np.sqrt(np.diag(fitted.covariance))
        for place, name in enumerate(fitted.names):
            gap = abs(getattr(fitted.equation, name) - getattr(truth[0], name))
            inside[place] += gap <= 1.97 * error[place]
    assert (inside / 200 >= 0.90).all()


def test_units_change_no_slope_and_no_error_of_it():
    parts = turns_of(drawn(np.random.default_rng(17), (Equation(0.2, 0.3, 0.2, 0.6), Equation(0.1, 0.3)), 80)).parts(0)
    plain, large = fit(*parts, Shape("bilinear")), fit(*(1e9 * part for part in parts), Shape("bilinear"))
    assert large.names == plain.names
    errors = np.sqrt(np.diag(large.covariance)) / [1e9, 1, 1, 1]
    np.testing.assert_allclose(errors, np.sqrt(np.diag(plain.covariance)), rtol=1e-6)
    assert large.equation.negative == pytest.approx(plain.equation.negative, rel=1e-6)


def test_nights_and_gaps_leave_out_their_pairs():
    rng = np.random.default_rng(8)
    values = drawn(rng, (Equation(0.2, 0.3, 0.2, 0.2), Equation(0.1, 0.3)), 120)
    values[17, 0] = math.nan
    frame = panel_of(values[:, 0], values[:, 1], day=np.arange(120) // 6, beep=np.arange(120) % 6)
    panel = rd.DyadPanel(frame, dyad="dyad", person="role", role="role", day="day", beep="beep")
    with pytest.warns(rd.DataWarning, match="fewer than 300"):
        found = rd.coupling.influence_functions(panel, "score", n_boot=0, timing="simultaneous")
    # 20 days of five pairs, less the one pair that ends a day and holds the gap.
    assert found.tests["n_turns"].tolist() == [99, 99]
    assert found.turns["run"].nunique() == 20


def test_the_neutral_score_can_be_named():
    rng = np.random.default_rng(9)
    values = drawn(rng, (Equation(0.2, 0.3, 0.2, 0.6), Equation(0.1, 0.3, 0.3, 0.1)), 320)
    plain = rd.coupling.influence_functions(made(panel_of(*values.T)), "score", n_boot=0)
    moved = panel_of(*(values.T + 4))
    declared = made(moved, scales={"score": (-6, 14)})
    for given in (4.0, "midpoint"):
        found = rd.coupling.influence_functions(declared, "score", zero=given, n_boot=0)
        assert found.tidy()["estimate"].tolist() == pytest.approx(plain.tidy()["estimate"].tolist())
        assert found.fixed_points["first"][0] == pytest.approx(plain.fixed_points["first"][0] + 4)
        assert found.tests["uninfluenced"].tolist() == pytest.approx((plain.tests["uninfluenced"] + 4).tolist())
    with pytest.raises(DesignError) as error:
        rd.coupling.influence_functions(made(moved), "score", zero="midpoint")
    assert str(error.value) == "zero='midpoint': the panel declares no scale of 'score'; give its neutral score."


def test_one_sided_constant_and_short_series_get_a_note():
    rng = np.random.default_rng(10)
    series = rng.normal(5, 1, 60)
    with pytest.warns(rd.DataWarning):
        above = rd.coupling.influence_functions(made(panel_of(series, rng.normal(5, 1, 60))), "score", n_boot=19)
    assert above.tests["note"].tolist() == ["too few turns for negative"] * 2
    assert "negative" not in above.tidy()["parameter"].tolist()
    for other, note in (
        (np.ones(60), ["the partner's score never varies", "the score never varies"]),
        (np.full(60, math.nan), ["0 pairs of turns with both scores, below 20"] * 2),
    ):
        with pytest.warns(rd.DataWarning, match="1 dyad has no fit"):
            found = rd.coupling.influence_functions(made(panel_of(other, series)), "score", first="husband", n_boot=19)
        assert found.tests["note"].tolist() == note
        assert found.tests["p_value"].isna().all() and found.fixed_points.empty
        assert "1 dyad has no fit" in " ".join(found.summary().split())
        with pytest.raises(DesignError, match="no dyad has fitted influence functions"):
            found.plot()


def test_one_seed_gives_one_result_and_it_comes_back_from_json(stored_fit):
    with pytest.warns(rd.DataWarning):
        again = rd.coupling.influence_functions(
            made(panel_of(WIFE, HUSBAND)), "score", first="wife", n_boot=199, seed=1
        )
    pd.testing.assert_frame_equal(again.tests, stored_fit.tests)
    saved = rd.from_json(stored_fit.to_json())
    pd.testing.assert_frame_equal(saved.tidy(), stored_fit.tidy())
    assert saved.equations == stored_fit.equations
    assert "Influence functions of score: bilinear" in " ".join(saved.summary().split())


def test_the_figure_draws_null_clines_and_the_point(stored_fit):
    figure = stored_fit.plot()
    labels = figure.axes[2].get_legend().get_texts()
    assert [text.get_text() for text in labels] == ["wife stays", "husband stays", "stable point"]
    with pytest.raises(DataError, match="no dyad 7 in the fits of the result; there are 1: 1"):
        stored_fit.plot(dyad=7)


def test_wrong_options_are_refused_by_name():
    panel = made(panel_of(WIFE, HUSBAND))
    with pytest.raises(DesignError, match="form='bilinaer' is not known; allowed: 'bilinear', 'ojive'"):
        rd.coupling.influence_functions(panel, "score", form="bilinaer")
    with pytest.raises(DesignError, match="first='man' is not known; allowed: 'husband', 'wife'"):
        rd.coupling.influence_functions(panel, "score", first="man")
    with pytest.raises(DesignError, match="n_boot=-1 is negative"):
        rd.coupling.influence_functions(panel, "score", n_boot=-1)
    with pytest.raises(DesignError, match="band=-1: give a distance"):
        rd.coupling.influence_functions(panel, "score", band=-1)
    with pytest.raises(DataError, match="no column 'scores'"):
        rd.coupling.influence_functions(panel, "scores")


def averages_by_hand(tidy, receiver, parameter):
    rows = tidy[(tidy["parameter"] == parameter) & (tidy["receiver"] == receiver)] if receiver else tidy
    return rows["estimate"].to_numpy(float), rows["std_error"].to_numpy(float)


def several(n_dyads=6, n=60, seed=13):
    rng = np.random.default_rng(seed)
    parts = []
    for dyad in range(n_dyads):
        values = drawn(rng, (Equation(0.2, 0.3, 0.2, 0.6), Equation(0.1, 0.3, 0.3, 0.1)), n)
        parts.append(panel_of(*values.T).assign(dyad=dyad, person=lambda rows: rows["role"] + rows["dyad"].astype(str)))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
def test_averages_are_means_of_dyads_with_their_t_intervals():
    from scipy import stats

    frame = several()
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="turn")
    found = rd.coupling.influence_functions(panel, "score", n_boot=0)
    rows = found.averages.set_index(["receiver", "parameter"])
    assert list(rows.index) == [
        (who, name)
        for who in ("husband", "wife")
        for name in ("constant", "inertia", "positive", "negative")
    ]  # fmt: skip
    assert found.averages["sender"].tolist() == ["wife"] * 4 + ["husband"] * 4
    for (who, name), row in rows.iterrows():
        value, error = averages_by_hand(found.tidy(), who, name)
        wanted = stats.ttest_1samp(value, 0.0)
        interval = wanted.confidence_interval()
        assert row["estimate"] == pytest.approx(value.mean())
        assert (row["p_value"], row["conf_low"], row["conf_high"]) == pytest.approx(
            (wanted.pvalue, interval.low, interval.high)
        )
        assert row["between_sd"] == pytest.approx(math.sqrt(max(0.0, value.var(ddof=1) - (error**2).mean())))
        assert (row["n_dyads"], row["note"], row["df"]) == (6, "", 5)
    assert "Averages over dyads: the unweighted mean over dyads with a t test" in " ".join(found.summary().split())


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
def test_random_effects_weigh_by_the_restricted_likelihood():
    from scipy.optimize import minimize_scalar

    panel = rd.DyadPanel(several(), dyad="dyad", person="person", role="role", time="turn")
    found = rd.coupling.influence_functions(panel, "score", n_boot=0, average_by="random-effects")
    row = found.averages.set_index(["receiver", "parameter"]).loc[("wife", "negative")]
    value, error = averages_by_hand(found.tidy(), "wife", "negative")

    def parts(between):
        weight = 1 / (error**2 + between**2)
        centre = (weight * value).sum() / weight.sum()
        return weight, centre, (weight * (value - centre) ** 2).sum()

    def deviance(between):
        weight, _, squares = parts(between)
        return np.log(weight.sum()) - np.log(weight).sum() + squares

    between = minimize_scalar(deviance, bounds=(0, 5), method="bounded", options={"xatol": 1e-10}).x
    weight, centre, squares = parts(between)
    assert row["between_sd"] == pytest.approx(between, abs=1e-6)
    assert row["estimate"] == pytest.approx(centre)
    assert row["std_error"] == pytest.approx(math.sqrt(max(1.0, squares / (len(value) - 1)) / weight.sum()), rel=1e-5)
    back = rd.from_json(found.to_json())
    pd.testing.assert_frame_equal(back.averages, found.averages)
    assert back.average_by == "random-effects"


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
def test_partners_who_cannot_be_told_apart_are_averaged_within_their_dyad_first():
    frame = several(4).drop(columns="role")
    # A dyad with one series that never varies gives nothing.
    frame.loc[frame["person"] == "wife3", "score"] = 1.0
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", time="turn")
    found = rd.coupling.influence_functions(panel, "score", n_boot=0, timing="simultaneous")
    told = found.tidy().dropna(subset=["std_error"])
    assert found.averages["term"].tolist() == ["constant", "inertia", "positive", "negative"]
    for name, row in found.averages.set_index("parameter").iterrows():
        each = told[told["parameter"] == name].groupby("dyad")
        value = each["estimate"].mean()
        error = each["std_error"].agg(lambda part: math.sqrt((part**2).sum()) / 2)
        assert (row["estimate"], row["n_dyads"], row["receiver"]) == (pytest.approx(value.mean()), 3, "")
        assert row["between_sd"] == pytest.approx(math.sqrt(max(0.0, value.var(ddof=1) - (error**2).mean())))


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
def test_thresholds_are_not_averaged_and_a_single_dyad_has_no_spread():
    panel = made(panel_of(WIFE, HUSBAND))
    found = rd.coupling.influence_functions(panel, "score", form="ojive", n_boot=0)
    assert set(found.averages["parameter"]) == {"constant", "inertia", "step_up", "step_down"}
    assert set(found.averages["note"]) == {"a single dyad has an estimate: no standard error"}
    assert found.averages["p_value"].isna().all()
    value = found.tidy().query("parameter == 'step_up' and receiver == 'wife'")["estimate"].item()
    assert found.averages.set_index("term").loc["wife: step up", "estimate"] == value
    with pytest.raises(DesignError) as error:
        rd.coupling.influence_functions(panel, "score", average_by="median")
    assert str(error.value) == (
        "average_by='median' is not known; allowed: 'mean', 'random-effects'. Did you mean 'mean'?"
    )
