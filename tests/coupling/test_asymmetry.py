"""The difference of cross effects: identities, planted worlds, and what must not fake it."""

import math

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.coupling import asymmetry, var
from reldyn.coupling.autoregression._asymmetry_fit import Settings, fit_pair, vanishing_reliability
from reldyn.coupling.autoregression._confounds import confounds
from reldyn.coupling.autoregression._process import Process, fit_process, process_series, with_reliability
from reldyn.errors import DataError, DesignError

BEEPS = 4
SLOW = {"trend": False, "check": False}


def drawn(rng, n, *, cross=(0.0, 0.0), lag=None, missing=0.0, reliability=(1.0, 1.0), growth=0.0):
    """Answers of two members, four beeps a day, nights of three steps."""
    values, state = np.empty((n, 2)), np.zeros(2)
    for t in range(-30, n):
        matrix = np.array([[0.3, cross[1]], [cross[0] + growth * max(t, 0) / n, 0.3]])
        for _ in range(3 if t % BEEPS == 0 else 1):
            state = matrix @ state + rng.standard_normal(2)
        if t >= 0:
            values[t] = state
    share = np.array(reliability)
    values = values + rng.standard_normal((n, 2)) * values.std(axis=0) * np.sqrt((1 - share) / share)
    if lag is not None:
        values += 0.6 * np.cos(2 * np.pi * (np.arange(n)[:, None] - np.array([0, lag])) / BEEPS)
    values[rng.random((n, 2)) < missing] = np.nan
    return values


def panel_of(series, first="a", second="b", **options):
    """A panel of several couples."""
    frames = []
    for dyad, values in enumerate(series):
        place = np.arange(len(values))
        for member, role in enumerate((first, second)):
            cells = {"dyad": dyad, "person": f"{dyad}{role}", "role": role, "y": values[:, member]}
            frames.append(pd.DataFrame({"day": place // BEEPS, "beep": place % BEEPS, **cells}))
    rows = pd.concat(frames, ignore_index=True)
    return rd.DyadPanel(rows, dyad="dyad", person="person", role="role", day="day", beep="beep", **options)


def effect(found, name, model="observed", dyad=0):
    rows = found.tidy()
    return rows[(rows["effect"] == name) & (rows["model"] == model) & (rows["dyad"] == dyad)].iloc[0]


def test_on_complete_series_the_effects_are_near_those_of_least_squares():
    values = drawn(np.random.default_rng(1), 400, cross=(0.25, 0.0))
    panel = panel_of([values])
    found = asymmetry(panel, "y", time_of_day=False, **SLOW).tidy()
    squares = var(panel, "y").tidy().query("effect == 'influence'").set_index("predictor")["estimate"]
    cross = found[found["effect"] == "influence"].set_index("source")["estimate"]
    # The likelihood also uses the level at which each day begins.
    assert cross["a"] == pytest.approx(squares["a"], abs=0.04)
    assert cross["b"] == pytest.approx(squares["b"], abs=0.04)
    apart = found[found["effect"] == "difference"]["estimate"].iloc[0]
    assert apart == pytest.approx(cross["a"] - cross["b"], abs=1e-12)


def test_a_swap_of_roles_turns_the_sign_and_nothing_else():
    values = drawn(np.random.default_rng(2), 200, cross=(0.3, 0.0), missing=0.2)
    one = effect(asymmetry(panel_of([values]), "y", **SLOW), "difference")
    other = effect(asymmetry(panel_of([values[:, ::-1]]), "y", **SLOW), "difference")
    assert other["estimate"] == pytest.approx(-one["estimate"], abs=1e-4)
    assert other["p_value"] == pytest.approx(one["p_value"], rel=1e-2)
    assert (one["source"], one["target"]) == ("a", "b")


def test_other_units_leave_the_effects_and_one_members_units_the_standardised_ones():
    values = drawn(np.random.default_rng(3), 200, cross=(0.3, 0.0))
    one = asymmetry(panel_of([values]), "y", **SLOW)
    shifted = asymmetry(panel_of([5 + 10 * values]), "y", **SLOW)
    assert effect(shifted, "difference")["estimate"] == pytest.approx(effect(one, "difference")["estimate"], abs=1e-6)
    stretched = asymmetry(panel_of([values * [1.0, 3.0]]), "y", **SLOW)
    name = "standardised difference"
    assert effect(stretched, name)["estimate"] == pytest.approx(effect(one, name)["estimate"], abs=1e-3)
    raw = effect(one, "influence")["estimate"]
    assert effect(stretched, "influence")["estimate"] == pytest.approx(3 * raw, rel=1e-2)


def test_a_rhythm_that_one_lives_later_is_taken_out_by_default():
    rng = np.random.default_rng(4)
    panel = panel_of([drawn(rng, 400, lag=1) for _ in range(12)])
    kept = asymmetry(panel, "y", time_of_day=False, **SLOW).tidy()
    out = asymmetry(panel, "y", **SLOW).tidy()
    share = [
        float((rows[(rows["effect"] == "difference") & (rows["dyad"] != "sample")]["p_value"] < 0.05).mean())
        for rows in (kept, out)
    ]
    assert share[0] >= 0.9
    assert share[1] <= 0.17


def test_missing_answers_cost_less_than_their_rows():
    rng = np.random.default_rng(5)
    panel = panel_of([drawn(rng, 400, cross=(0.25, 0.0), missing=0.3) for _ in range(6)])
    found = asymmetry(panel, "y", **SLOW).tidy()
    ours = found[(found["effect"] == "difference") & (found["dyad"] != "sample")]
    rows = var(panel, "y").tidy().query("effect == 'influence'")
    listwise = np.sqrt((rows.groupby("dyad")["std_error"].apply(lambda one: (one**2).sum())).to_numpy())
    assert (ours["std_error"].to_numpy() < 0.9 * listwise).all()
    assert ours["estimate"].mean() == pytest.approx(0.25, abs=0.12)
    pooled = found[(found["effect"] == "difference") & (found["dyad"] == "sample")].iloc[0]
    assert pooled["conf_low"] < 0.25 < pooled["conf_high"]
    assert pooled["note"].startswith("random effects over 6 dyads")


def test_an_asymmetry_that_grows_is_seen_to_grow():
    values = drawn(np.random.default_rng(6), 800, growth=0.6)
    cells = effect(asymmetry(panel_of([values]), "y", check=False), "change")
    assert cells["conf_low"] < 0.6 < cells["conf_high"]
    assert cells["p_value"] < 0.01


def test_known_reliability_undoes_what_error_did():
    rng = np.random.default_rng(7)
    panel = panel_of([drawn(rng, 400, cross=(0.3, 0.3), reliability=(1.0, 0.5)) for _ in range(5)])
    naive = asymmetry(panel, "y", **SLOW).tidy()
    known = asymmetry(panel, "y", trend=False, reliability={"a": 1.0, "b": 0.5})
    before = naive[(naive["effect"] == "difference") & (naive["dyad"] != "sample")]["estimate"].mean()
    rows = known.tidy()
    after = rows[(rows["effect"] == "difference") & (rows["dyad"] != "sample")]["estimate"].mean()
    assert before > 0.12
    assert abs(after) < 0.1
    assert set(rows["model"]) == {"corrected"}
    assert len(known.checks) == 0


def test_the_check_does_not_let_a_noisier_partner_pass():
    values = drawn(np.random.default_rng(30), 400, cross=(0.3, 0.3), reliability=(1.0, 0.4))
    found = asymmetry(panel_of([values]), "y", trend=False)
    check = found.checks.iloc[0]
    assert check["p_observed"] < 0.05
    assert check["verdict"] == "vanishes"
    assert check["vanishes_if"] == "b"
    assert 0.3 < check["vanishes_at"] < 1
    assert "vanish" in " ".join(found.summary().split())
    latent = effect(found, "difference", "latent")
    assert check["latent"] == latent["estimate"]


def test_the_vanishing_reliability_is_where_the_effects_meet():
    values = drawn(np.random.default_rng(3), 400, cross=(0.3, 0.3), reliability=(1.0, 0.4))
    given = process_series(values, np.arange(400.0), np.ones((400, 1)))
    fit = fit_process(given, Process())
    at, member = vanishing_reliability(fit)
    phi = with_reliability(fit, (at, 1.0) if member == 0 else (1.0, at))
    assert phi[1, 0] == pytest.approx(phi[0, 1], abs=1e-3)
    assert with_reliability(fit, (1.0, 1.0)) == pytest.approx(fit.phi, abs=1e-10)


def test_moments_and_likelihood_agree_on_a_known_reliability():
    values = drawn(np.random.default_rng(8), 1000, cross=(0.3, 0.1), reliability=(0.8, 0.8))
    given = process_series(values, np.arange(1000.0), np.ones((1000, 1)))
    by_moments = with_reliability(fit_process(given, Process()), (0.8, 0.8))
    by_likelihood = fit_process(given, Process(reliability=(0.8, 0.8)))
    assert by_likelihood.phi == pytest.approx(by_moments, abs=0.06)
    assert by_likelihood.reliability == pytest.approx([0.8, 0.8])


def test_a_night_of_known_length_is_part_of_the_process():
    values = drawn(np.random.default_rng(9), 200, cross=(0.3, 0.0))
    restarts, declared = (panel_of([values], schedule=rd.Schedule(night_steps=night)) for night in (None, 3))
    found = asymmetry(declared, "y", **SLOW)
    along, anew = effect(found, "inertia"), effect(asymmetry(restarts, "y", **SLOW), "inertia")
    assert along["std_error"] < anew["std_error"]
    # A night of unknown length counts three steps, and the result says so.
    unknown = asymmetry(panel_of([values]), "y", **SLOW)
    pd.testing.assert_frame_equal(unknown.tidy(), found.tidy())
    assert any("the length of the night is unknown and counts 3" in text for text in unknown.warnings)
    assert not any("night" in text for text in found.warnings)
    assert along["estimate"] != anew["estimate"]


def test_a_night_of_unknown_length_is_two_occasions_that_nobody_answers():
    values = drawn(np.random.default_rng(10), 120, cross=(0.3, 0.0))
    (pair,) = panel_of([values]).series("y")
    nights = fit_process(process_series(pair.values, pair.step, np.ones((120, 1))), Process())
    # The same answers on a clock without nights, on which each morning comes after two empty steps.
    filled = np.full((30, BEEPS + 2, 2), np.nan)
    filled[:, :BEEPS] = values.reshape(30, BEEPS, 2)
    plain = fit_process(process_series(filled.reshape(-1, 2), np.arange(180.0), np.ones((180, 1))), Process())
    assert nights.phi == pytest.approx(plain.phi, abs=1e-5)
    assert nights.deviance == pytest.approx(plain.deviance, abs=1e-6)


def test_dominance_lies_between_minus_one_and_one_with_its_limits():
    found = asymmetry(panel_of([drawn(np.random.default_rng(10), 400, cross=(0.5, 0.0))]), "y", **SLOW)
    cells = effect(found, "dominance")
    assert -1 <= cells["conf_low"] < cells["estimate"] <= cells["conf_high"] <= 1
    assert cells["conf_low"] > 0
    assert math.isnan(cells["p_value"])


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda v: v[:15], "a member has 15 answers, below 20"),
        (lambda v: np.column_stack([v[:, 0], np.full(len(v), 3.0)]), "a member never varies beyond the time of day"),
        (lambda v: np.column_stack([v[:, 0], np.full(len(v), np.nan)]), "a member has 0 answers, below 20"),
        (lambda v: np.where(np.arange(len(v))[:, None] % 2 == 0, v, np.nan), "0 pairs of neighbouring occasions"),
    ],
    ids=["short", "constant", "one-sided", "every-other"],
)
def test_series_that_cannot_tell_give_the_reason(change, note):
    values = change(drawn(np.random.default_rng(11), 80))
    found = asymmetry(panel_of([values]), "y")
    assert found.tidy()["note"].str.startswith(note).all()
    assert found.tidy()["estimate"].isna().all()
    assert found.warnings[0] == "1 of 1 dyad has no estimate; `dyads` says why."
    assert found.checks["verdict"].tolist() == [""]
    assert not found.glance()["converged"].iloc[0]


def test_the_result_comes_back_from_a_file_and_tells_what_it_did():
    found = asymmetry(panel_of([drawn(np.random.default_rng(12), 120)]), "y")
    again = rd.from_json(found.to_json(rows=True))
    pd.testing.assert_frame_equal(again.tidy(), found.tidy(), check_dtype=False)
    assert again.summary() == found.summary()
    assert "does not say why" in " ".join(found.summary().split())
    assert found.tidy()["term"].is_unique


def test_workers_change_nothing():
    panel = panel_of([drawn(np.random.default_rng(k), 80) for k in range(2)])
    one, two = (asymmetry(panel, "y", n_jobs=n, **SLOW).tidy() for n in (1, 2))
    pd.testing.assert_frame_equal(one, two)


def test_weekends_are_taken_out_where_days_are_dates():
    values = drawn(np.random.default_rng(13), 80)
    frame = panel_of([values]).frame
    frame["day"] = pd.Timestamp("2026-01-05") + pd.to_timedelta(frame["day"], unit="D")
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")
    (pair,) = panel.series("y")
    assert np.unique(pair.day[pair.weekend]).tolist() == [5, 6, 12, 13, 19]
    regressors, notes = confounds(pair, time_of_day=True)
    # Constant, drift, three times of day beside the first, weekend.
    assert regressors.shape == (80, 6)
    assert notes == ()


def test_a_time_of_day_that_one_member_never_answers_is_no_regressor():
    values = drawn(np.random.default_rng(14), 80)
    values[3::BEEPS, 0] = np.nan
    (pair,) = panel_of([values]).series("y")
    assert confounds(pair, time_of_day=True)[0].shape == (80, 4)
    assert confounds(pair, time_of_day=False)[0].shape == (80, 2)


def test_without_days_the_result_says_what_it_could_not_take_out():
    frame = panel_of([drawn(np.random.default_rng(15), 60)]).frame
    frame["t"] = frame["day"] * BEEPS + frame["beep"]
    panel = rd.DyadPanel(
        frame[["dyad", "person", "role", "t", "y"]], dyad="dyad", person="person", role="role", time="t"
    )
    told = "no time of day is known, so a shared daily rhythm is not taken out (1 of 1 dyad)."
    assert asymmetry(panel, "y", **SLOW).warnings == (told,)


def test_exchangeable_members_are_not_pooled():
    panel = panel_of([drawn(np.random.default_rng(k), 60) for k in range(3)])
    frame = panel.frame.drop(columns="role")
    alike = rd.DyadPanel(frame, dyad="dyad", person="person", day="day", beep="beep")
    found = asymmetry(alike, "y", **SLOW)
    assert "sample" not in set(found.tidy()["dyad"])
    assert found.warnings[-1].startswith("No two roles tell all members apart")


def test_wrong_calls_say_what_would_mend_them():
    panel = panel_of([drawn(np.random.default_rng(16), 60)])
    with pytest.raises(DesignError) as caught:
        asymmetry(panel, "y", reliability={"a": 0.8})
    assert str(caught.value) == "reliability names 'a', but not 'b'; roles of the panel: 'a', 'b'."
    with pytest.raises(DesignError, match=r"reliability=1.2: a share of variance, above 0 and at most 1\."):
        asymmetry(panel, "y", reliability=1.2)
    with pytest.raises(DataError, match="'warmth'"):
        asymmetry(panel, "warmth")


def test_plain_kernels_give_the_same_estimate(monkeypatch):
    values = drawn(np.random.default_rng(17), 60)
    settings = Settings(trend=False, check=False, reliability=None)
    found = []
    for kernels in ("numba", "numpy"):
        monkeypatch.setenv("RELDYN_KERNELS", kernels)
        if kernels == "numba":
            pytest.importorskip("numba")
        found.append(fit_pair(values, np.arange(60.0), np.ones((60, 1)), settings))
    assert found[0].rows[4]["estimate"] == pytest.approx(found[1].rows[4]["estimate"], abs=1e-6)


@pytest.mark.parametrize("name", ["trend", "time_of_day", "check"])
def test_a_switch_is_true_or_false(name):
    panel = rd.simulate.apim(n_dyads=1, n_occasions=20, actor=0.3, partner=0.2, seed=1).panel
    with pytest.raises(rd.DesignError, match=rf"^{name}='yes' is not known; allowed: True, False\.$"):
        rd.coupling.asymmetry(panel, "y", **{name: "yes"})
