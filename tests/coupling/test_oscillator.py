"""Coupled oscillators against stored coefficients and the planted frequencies of noiseless swings."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import reldyn as rd
from reldyn.coupling import coupled_oscillator
from reldyn.coupling.autoregression._oscillator import _with_period, glla_weights
from reldyn.coupling.autoregression._oscillator_fit import (
    OscillatorFit,
    _deviances,
    _information,
    _usable_stretches,
)

SWINGS = pd.read_csv(Path(__file__).parent / "reference" / "in" / "clo.csv")
NAMES = {
    "frequency": "eta",
    "damping": "zeta",
    "partner position": "p_eta",
    "partner speed": "p_zeta",
    "period": "period",
}


def pairs(n=None):
    return [(part["y0"].to_numpy(), part["y1"].to_numpy()) for _, part in SWINGS.groupby("dyad")][:n]


def test_weights_of_five_occasions(synchrony_reference):
    assert glla_weights(5) == pytest.approx(np.array(synchrony_reference["gllaW_5_1_1"]), abs=1e-12)


def test_local_linear_coefficients_of_every_dyad(session, synchrony_reference):
    found = coupled_oscillator(session(pairs()), "v", method="local-linear").set_index(["dyad", "outcome", "term"])
    for stored in synchrony_reference["clo"]:
        for member, outcome in enumerate("ab"):
            for term, name in NAMES.items():
                value = found.loc[(stored["dyad"], outcome, term), "estimate"]
                assert value == pytest.approx(stored[f"{name}{member}"], rel=1e-8)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_state_space_recovers_the_planted_frequencies(session, missing):
    x, y = (np.array(values) for values in pairs(1)[0])
    rng = np.random.default_rng(1)
    for values in (x, y):
        values[rng.random(len(values)) < missing] = np.nan
    found = coupled_oscillator(session([(x, y)]), "v")
    eta = found[found["term"] == "frequency"]
    assert eta["estimate"].to_numpy() == pytest.approx(SWINGS.loc[0, ["eta0", "eta1"]].to_numpy(float), rel=0.01)
    assert (found["note"] == "").all()
    assert (found["n_obs"] == np.isfinite([x, y]).sum()).all()
    row = eta.iloc[0]
    # Eight coefficients, two straight lines and one start of four numbers.
    assert row["df"] == row["n_obs"] - 16
    assert (row["conf_high"] - row["estimate"]) / row["std_error"] == pytest.approx(stats.t.ppf(0.975, row["df"]))


def drift(eta, zeta, partner_position, partner_speed):
    """d(x, x', y, y') = A (x, x', y, y') dt."""
    return np.array(
        [
            [0, 1, 0, 0],
            [eta[0], zeta[0], partner_position[0], partner_speed[0]],
            [0, 0, 0, 1],
            [partner_position[1], partner_speed[1], eta[1], zeta[1]],
        ]
    )


def by_small_steps(matrix, shocks, parts=400):
    """Transition and noise of one step from many Euler steps, free of matrix exponentials."""
    inner = np.eye(4) + matrix / parts + matrix @ matrix / (2 * parts**2)
    added = np.diag([0, shocks[0] ** 2, 0, shocks[1] ** 2]) / parts
    transition, noise = np.eye(4), np.zeros((4, 4))
    half = inner @ added @ inner.T
    for _ in range(parts):
        noise = inner @ noise @ inner.T + (added + half) / 2
        transition = inner @ transition
    return transition, noise


def swings(rng, n, matrix, shocks, error):
    """(n, 2) two oscillators seen through error of measurement."""
    transition, noise = by_small_steps(matrix, shocks)
    root = np.linalg.cholesky(noise)
    state = rng.standard_normal(4) * [1, 0.5, 1, 0.5]
    values = np.empty((n, 2))
    for t in range(n):
        values[t] = state[[0, 2]]
        state = transition @ state + root @ rng.standard_normal(4)
    return values + error * rng.standard_normal(values.shape)


ETA, ZETA = (-((2 * np.pi / 12) ** 2), -((2 * np.pi / 9) ** 2)), (-0.08, -0.05)
POSITION, SPEED = (0.05, -0.03), (0.05, 0.0)
PLANTED = {
    (outcome, term): values[member]
    for term, values in zip(list(NAMES)[:4], (ETA, ZETA, POSITION, SPEED), strict=True)
    for member, outcome in enumerate("ab")
}


def recovered(session, n_dyads, n, seed):
    """(n_dyads, 8) estimates minus truth, standard errors, and the panel."""
    rng = np.random.default_rng(seed)
    matrix = drift(ETA, ZETA, POSITION, SPEED)
    panel = session([swings(rng, n, matrix, (0.1, 0.1), 0.1).T for _ in range(n_dyads)])
    found = coupled_oscillator(panel, "v")
    assert (found["note"] == "").all()
    tables = [
        found.pivot_table(index="dyad", columns=["outcome", "term"], values=name)[list(PLANTED)].to_numpy()
        for name in ("estimate", "std_error")
    ]
    return tables[0] - np.array(list(PLANTED.values())), tables[1], panel


def test_exact_steps_are_those_of_many_small_ones():
    matrix = drift(ETA, ZETA, POSITION, SPEED)
    transition, noise = by_small_steps(matrix, (0.3, 0.2), 4000)
    theta = np.concatenate([matrix[1], matrix[3][[2, 3, 0, 1]], np.log([0.3, 0.2]), np.log([0.1, 0.2])])
    rng = np.random.default_rng(3)
    rest, step = rng.standard_normal((6, 2)), np.array([0.0, 1.0, 2.0, 4.0, 5.0, 6.0])
    rest[2, 0] = np.nan
    series, gaps, scale = _usable_stretches(rest, step)
    theta[8:] -= np.log(scale)
    # Dense: every value is normal, the free start a coefficient.
    steps = np.diff(step).astype(int)
    cover, answer = np.zeros((24, 24)), np.zeros((24, 4))
    state, reach = np.zeros((4, 4)), np.eye(4)
    ahead = []
    for at in range(6):
        if at:
            for _ in range(steps[at - 1]):
                state, reach = transition @ state @ transition.T + noise, transition @ reach
            moved = np.linalg.matrix_power(transition, steps[at - 1])
            ahead = [moved @ one for one in ahead]
        ahead.append(np.eye(4))
        now = slice(4 * at, 4 * at + 4)
        answer[now] = reach
        cover[now, now] = state
        for earlier in range(at):
            before = slice(4 * earlier, 4 * earlier + 4)
            cover[now, before] = ahead[earlier] @ cover[before, before]
            cover[before, now] = cover[now, before].T
    kept = np.array([4 * at + place for at in range(6) for place in (0, 2)])[np.isfinite(rest).ravel()]
    errors = np.tile([0.1, 0.2], 6)[np.isfinite(rest).ravel()] ** 2
    inverse = np.linalg.inv(cover[np.ix_(kept, kept)] + np.diag(errors))
    y, x = rest[np.isfinite(rest)], answer[kept]
    left = y - x @ np.linalg.solve(x.T @ inverse @ x, x.T @ inverse @ y)
    dense = left @ inverse @ left - np.linalg.slogdet(inverse)[1] + len(y) * np.log(2 * np.pi)
    ours = float(_deviances(theta[None], series, gaps)[0]) + 2 * len(y) * np.log(scale)
    assert ours == pytest.approx(dense, abs=1e-4)


def test_a_few_dyads_come_back_within_their_errors(session):
    away, error, _ = recovered(session, 3, 100, seed=11)
    assert float(np.abs(away / error).max()) < 3.9
    assert float(error[:, :2].max()) < 0.06


@pytest.mark.slow
def test_estimates_are_unbiased_and_intervals_hold_while_windows_smooth(session):
    away, error, panel = recovered(session, 30, 120, seed=12)
    spread = away.std(axis=0, ddof=1) / np.sqrt(len(away))
    # 8 means of 30: the normal 99.9 % band of each.
    assert float(np.abs(away.mean(axis=0) / spread).max()) < 3.7
    held = (np.abs(away) < stats.t.ppf(0.975, 240 - 16) * error).sum()
    # Binomial 99.9 % band of .95 with 240 intervals, wider below: those of one dyad hang together.
    assert 214 <= held <= 238
    local = coupled_oscillator(panel, "v", method="local-linear").query("term == 'frequency'")
    for (_, rows), eta in zip(local.groupby("outcome"), ETA, strict=True):
        # Without noise the window takes 9 and 15 %; noise takes more.
        assert rows["estimate"].mean() > 0.95 * eta


@pytest.mark.parametrize(("cycle", "lost"), [(12, 0.0919), (9, 0.1524), (24, 0.0247)])
def test_windows_smooth_a_pure_swing_away_by_a_known_share(session, cycle, lost):
    omega, place = 2 * np.pi / cycle, np.arange(-2, 3)
    weights = glla_weights(5)
    wave = np.cos(omega * place)
    share = 1 + (weights[:, 2] @ wave) / (weights[:, 0] @ wave) / omega**2
    assert share == pytest.approx(lost, abs=5e-5)
    # Whole cycles, so that a straight line takes nothing off either series but rounding.
    t = np.arange(40 * cycle)
    rng = np.random.default_rng(2)
    pair = [np.cos(omega * t), rng.standard_normal(len(t))]
    found = coupled_oscillator(session([pair]), "v", method="local-linear").set_index(["outcome", "term"])["estimate"]
    assert found["a", "frequency"] == pytest.approx(-(omega**2) * (1 - lost), rel=1e-3)


def test_white_noise_has_a_period_in_windows(session):
    noise = np.random.default_rng(4).standard_normal((2, 6000))
    found = coupled_oscillator(session([noise]), "v", method="local-linear").set_index(["outcome", "term"])["estimate"]
    weights = glla_weights(5)
    eta = (weights[:, 0] @ weights[:, 2]) / (weights[:, 0] @ weights[:, 0])
    assert 2 * np.pi / np.sqrt(-eta) == pytest.approx(8.19, abs=0.01)
    assert found[:, "frequency"].to_numpy() == pytest.approx(eta, abs=0.03)


@pytest.mark.parametrize("fault", ["maximum", "information"])
def test_a_likelihood_without_a_clear_maximum_gives_no_number(session, monkeypatch, fault):
    def fitted(*_):
        error = np.full((2, 4), 0.1)
        error[1, 2] = np.nan if fault == "information" else 0.1
        return OscillatorFit(np.full((2, 4), -0.2), error, 90, np.ones(2), np.ones(2), -10.0, fault == "information")

    monkeypatch.setattr("reldyn.coupling.autoregression._oscillator.fit_oscillators", fitted)
    found = coupled_oscillator(session(pairs(1)), "v")
    assert set(found["note"]) == {"no clear maximum of the likelihood: these series do not determine two oscillators"}
    assert found[["estimate", "std_error", "p_value", "conf_low", "conf_high"]].isna().all(axis=None)


@pytest.mark.parametrize("change", [lambda v: v, lambda v: 1e-6 * v, lambda v: 1e6 + v, lambda v: v[:, ::-1]])
def test_noise_has_no_clear_maximum_in_any_unit_or_order(session, change):
    # From two starts, rounding decided which of many maxima was found, and whether it looked like one.
    noise = np.random.default_rng(7).standard_normal((61, 2))[:60]
    found = coupled_oscillator(session([change(noise).T]), "v")
    assert set(found["note"]) == {"no clear maximum of the likelihood: these series do not determine two oscillators"}
    assert found[["estimate", "std_error"]].isna().all(axis=None)


def test_a_maximum_at_the_bounds_of_all_parameters_has_no_information():
    assert np.isnan(_information(lambda theta: np.zeros(len(theta)), np.zeros(12), np.zeros(12, dtype=bool))).all()


@pytest.mark.parametrize("method", ["state-space", "local-linear"])
def test_series_that_say_nothing_are_refused_with_the_reason(session, method):
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((4, 40))
    t = np.arange(40.0)
    pairs = [
        (noise[0], np.full(40, 3.0)),
        (2 - 0.3 * t, noise[1]),
        (noise[0][:6], noise[1][:6]),
        (noise[2], np.full(40, np.nan)),
        (np.full(40, np.nan),) * 2,
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = coupled_oscillator(session(pairs), "v", method=method)
    flat = "a member never varies around a straight line"
    short = {
        "state-space": [f"a member has {n} answers, below 20" for n in (6, 0, 0)],
        "local-linear": [f"{n} usable windows, below 7" for n in (2, 0, 0)],
    }
    assert found.groupby("dyad")["note"].unique().map(list).tolist() == [[one] for one in (flat, flat, *short[method])]
    assert found[["estimate", "std_error", "p_value", "conf_low", "conf_high"]].isna().all(axis=None)


def test_short_days_that_start_anew_are_refused_and_nights_of_unknown_length_count_three(session):
    rng = np.random.default_rng(6)
    panel = session([rng.standard_normal((2, 80))], beeps=2)
    restarts, declared = (
        rd.DyadPanel(panel.frame, **panel.columns, schedule=rd.Schedule(night_steps=night)) for night in (None, 3)
    )
    found = coupled_oscillator(restarts, "v")
    assert found["estimate"].isna().all()
    assert set(found["note"]) == {"days are too short to see a swing, and every day starts anew (night_steps=None)"}
    pd.testing.assert_frame_equal(coupled_oscillator(panel, "v").tidy(), coupled_oscillator(declared, "v").tidy())


def test_wrong_options_say_what_would_do(session):
    panel = session(pairs(1))
    with pytest.raises(
        rd.DesignError, match=r"^method='glla' is not known; allowed: 'state-space', 'local-linear'\.?$"
    ):
        coupled_oscillator(panel, "v", method="glla")
    with pytest.raises(rd.DesignError, match=r"^embedding=2: give a whole number of at least 3\.$"):
        coupled_oscillator(panel, "v", embedding=2)
    with pytest.raises(rd.DesignError, match=r"^spacing=0: give a whole number of at least 1\.$"):
        coupled_oscillator(panel, "v", spacing=0)


@pytest.mark.parametrize(
    ("eta", "zeta", "note"),
    [
        (0.1, 0.1, "eta is not below 0: no swing, so no period"),
        (-0.25, -1.0, "damped too strongly to swing, so no period"),
    ],
)
def test_what_does_not_swing_has_no_period(eta, zeta, note):
    numbers = dict.fromkeys(("std_error", "statistic", "p_value", "conf_low", "conf_high"), 0.1)
    rows = [{"term": term, "note": "", "estimate": value, **numbers} for term, value in (("f", eta), ("d", zeta))]
    period = _with_period(rows)[-1]
    assert np.isnan([period[name] for name in ("estimate", *numbers)]).all()
    assert period["note"] == note
    rows[0]["estimate"], rows[1]["estimate"] = -0.25, -0.999
    assert _with_period(rows)[-1]["estimate"] == pytest.approx(4 * np.pi)


def test_a_constant_that_rounding_moves_is_still_constant(session):
    rng = np.random.default_rng(1)
    found = coupled_oscillator(session([(np.full(40, 0.1), rng.standard_normal(40))]), "v")
    assert found[["estimate", "std_error", "p_value"]].isna().all(axis=None)
    assert set(found["note"]) == {"a member never varies around a straight line"}
