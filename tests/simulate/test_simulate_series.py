"""Marginal facts of every kind of series, against what the kind promises."""

import numpy as np
import pytest
from scipy import stats

import reldyn as rd
from reldyn.errors import DesignError
from reldyn.simulate._grid import schedule_grid
from reldyn.simulate._items import answer_item
from reldyn.simulate._missing import missing_mask
from reldyn.simulate._noise import SKEWED_CORRELATION, draw_shocks
from reldyn.simulate._phases import draw_sojourns, phase_path, three_phases, wave_of_position
from reldyn.simulate._seeds import child_generator
from reldyn.simulate._series import KINDS, LINEAR_KINDS, SeriesDesign, simulate_series
from reldyn.stats import stationary_covariance


def batch_of(kind, n_series=60, n_occasions=400, seed=7, **options):
    root = np.random.SeedSequence(seed)
    design = SeriesDesign(kind, n_occasions, **options)
    return design, simulate_series(design, [child_generator(root, k) for k in range(n_series)])


def sojourns(path):
    """Lengths of complete sojourns and the phase of each (first and last are cut off)."""
    edges = np.flatnonzero(np.diff(path)) + 1
    return np.diff(edges), path[edges[:-1]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_shape_and_scale(kind):
    _, batch = batch_of(kind, n_series=6, n_occasions=57)
    assert batch.values.shape == (6, 57, 2)
    assert set(np.unique(batch.values)) <= set(range(1, 8))
    assert batch.phase.shape == (6, 57)
    assert (batch.phase == -1).all() == (kind in LINEAR_KINDS)
    assert (batch.shift >= 0).all() == (kind == "level_shift")


@pytest.mark.parametrize("kind", KINDS)
def test_a_series_does_not_depend_on_the_others(kind):
    many, few = batch_of(kind, n_series=5, n_occasions=60)[1], batch_of(kind, n_series=2, n_occasions=60)[1]
    np.testing.assert_array_equal(many.values[:2], few.values)
    np.testing.assert_array_equal(many.phase[:2], few.phase)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "floor"])
def test_no_kind_is_known_by_its_spread(kind):
    values = batch_of(kind, n_series=150)[1].values
    spread = values.std(axis=1).mean(axis=0)
    assert (np.abs(spread - 1.3) < 0.16).all()


def test_time_of_day_has_its_amplitude_and_the_weekend_its_lift():
    _, batch = batch_of("linear", n_series=400, n_occasions=280, categories=101)
    unit = 1.3 * 100 / 6
    by_beep = np.array([batch.values[:, batch.grid.beep == beep].mean(axis=(0, 1)) for beep in range(1, 5)]) / unit
    # The first harmonic of four equally spaced means has amplitude |sum m exp(i t)| / 2.
    harmonic = np.abs((by_beep * np.exp(1j * np.pi / 2 * np.arange(4))[:, None]).sum(axis=0)) / 2
    np.testing.assert_allclose(harmonic, 0.4, atol=0.03)
    weekend = (batch.grid.day - 1) % 7 >= 5
    lift = (batch.values[:, weekend].mean(axis=(0, 1)) - batch.values[:, ~weekend].mean(axis=(0, 1))) / unit
    np.testing.assert_allclose(lift, 0.2, atol=0.03)


def test_a_night_counts_three_steps():
    _, batch = batch_of("rhythm", n_series=300, effect=0.0, phi=0.8)
    now, before, night = batch.latent[:, 1:, 0], batch.latent[:, :-1, 0], batch.grid.elapsed[1:] == 3
    day_r = np.corrcoef(now[:, ~night].ravel(), before[:, ~night].ravel())[0, 1]
    night_r = np.corrcoef(now[:, night].ravel(), before[:, night].ravel())[0, 1]
    assert day_r == pytest.approx(0.8, abs=0.015)
    assert night_r == pytest.approx(0.8**3, abs=0.025)


def test_the_clock_of_the_panel_has_the_steps_of_the_simulation():
    simulated = rd.simulate.cycles("linear", n_dyads=2, n_occasions=32, seed=1)
    np.testing.assert_array_equal(np.diff(simulated.panel.clock.step), schedule_grid(32, 4).elapsed[1:])


@pytest.mark.parametrize("kind", ["linear", "oscillator", "noisy_linear", "skewed_shocks", "cycle"])
def test_noise_has_unit_variance_and_the_stated_coefficients(kind):
    _, batch = batch_of(kind, n_series=200, n_occasions=800, beeps_per_day=800, effect=0.0)
    np.testing.assert_allclose(batch.latent.var(axis=(0, 1)), 1, atol=0.06)
    now, before = batch.latent[:, 1:], batch.latent[:, :-1]
    estimates = np.stack([np.linalg.lstsq(b, n, rcond=None)[0].T for b, n in zip(before, now, strict=True)])
    np.testing.assert_allclose(estimates.mean(axis=0), batch.coefficients.mean(axis=0), atol=0.02)
    if kind == "oscillator":
        assert (batch.coefficients[:, 0, 1] * batch.coefficients[:, 1, 0] < 0).all()


def test_stationary_covariance_solves_its_equation():
    a, q = np.array([[[0.5, 0.2], [-0.1, 0.4]]]), np.array([[1.0, 0.2], [0.2, 1.0]])
    s = stationary_covariance(a, q[None])
    np.testing.assert_allclose(s[0], a[0] @ s[0] @ a[0].T + q, atol=1e-12)


def test_skewed_shocks_are_centred_exponentials():
    shocks = draw_shocks(np.random.default_rng(1), np.ones(200_000, dtype=int), skewed=True)
    np.testing.assert_allclose(shocks.mean(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(shocks.var(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(stats.skew(shocks), 2, atol=0.1)
    assert np.corrcoef(shocks.T)[0, 1] == pytest.approx(SKEWED_CORRELATION, abs=0.01)
    assert shocks.min() >= -1


def test_geometric_sojourns_have_the_spread_of_discrete_waiting():
    rng = np.random.default_rng(2)
    for mean in (7.0, 5.0, 4.0):
        lengths = draw_sojourns(np.full(60_000, mean), None, rng)
        assert lengths.mean() == pytest.approx(mean, rel=0.02)
        assert lengths.std() / lengths.mean() == pytest.approx(np.sqrt(1 - 1 / mean), abs=0.01)


@pytest.mark.parametrize("cv", [0.15, 0.25, 0.4, 0.9])
def test_gamma_sojourns_have_the_asked_dispersion(cv):
    rng = np.random.default_rng(3)
    for mean in (7.0, 5.0, 4.0):
        lengths = draw_sojourns(np.full(60_000, mean), cv, rng)
        assert lengths.min() >= 1
        assert lengths.mean() == pytest.approx(mean, rel=0.03)
        assert lengths.std() / lengths.mean() == pytest.approx(cv, abs=0.03)


def test_cycle_moves_backward_in_fifteen_of_a_hundred():
    _, batch = batch_of("cycle", n_series=200)
    moves, lengths = [], [[], [], []]
    for path in batch.phase:
        runs, phases = sojourns(path)
        moves.append(np.diff(phases) % 3)
        for phase in range(3):
            lengths[phase].extend(runs[phases == phase])
    assert (np.concatenate(moves) == 2).mean() == pytest.approx(0.15, abs=0.015)
    # Complete sojourns inside a window are a little shorter than all sojourns.
    np.testing.assert_allclose([np.mean(item) for item in lengths], [7, 5, 4], rtol=0.06)
    shares = [(batch.phase == phase).mean() for phase in range(3)]
    np.testing.assert_allclose(shares, np.array([7, 5, 4]) / 16, atol=0.02)


def test_first_occasion_is_drawn_from_the_long_run():
    law = three_phases(16, 0.15)
    first = [phase_path(law, 4, np.random.default_rng(k))[0] for k in range(3000)]
    np.testing.assert_allclose(np.bincount(first) / 3000, np.array([7, 5, 4]) / 16, atol=0.03)


def test_alternation_is_two_phases_of_half_a_period():
    design, batch = batch_of("alternation", n_series=200, period=12)
    lengths = np.concatenate([sojourns(path)[0] for path in batch.phase])
    assert set(np.unique(batch.phase)) == {0, 1}
    assert lengths.mean() == pytest.approx(6, rel=0.06)
    assert design.phase_model.sojourn_cv == pytest.approx(np.sqrt(1 - 1 / 6))


@pytest.mark.parametrize("period", [16, 28, 8])
def test_rhythm_repeats_exactly(period):
    _, batch = batch_of("rhythm", period=period)
    np.testing.assert_array_equal(batch.phase[:, period:], batch.phase[:, :-period])
    for path in batch.phase[:10]:
        lengths, phases = sojourns(path)
        assert all(np.ptp(lengths[phases == phase]) == 0 for phase in range(3))


def test_drifting_rhythm_misses_the_beeps():
    design, batch = batch_of("drifting_rhythm")
    assert design.period == 16.4
    assert SeriesDesign("drifting_rhythm", 100, period=28).period == 28
    starts = [np.flatnonzero((path[1:] == 0) & (path[:-1] == 2)) for path in batch.phase]
    gaps = np.concatenate([np.diff(item) for item in starts])
    assert set(gaps) == {16, 17}
    assert gaps.mean() == pytest.approx(16.4, abs=0.05)


def test_jittered_rhythm_keeps_its_order():
    design, batch = batch_of("jittered_rhythm", n_series=200)
    assert design.phase_model.sojourn_cv == 0.15
    pairs = [sojourns(path) for path in batch.phase]
    assert all((np.diff(phases) % 3 == 1).all() for _, phases in pairs)
    lengths, phases = np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])
    cvs = [lengths[phases == phase].std() / lengths[phases == phase].mean() for phase in range(3)]
    np.testing.assert_allclose(cvs, 0.15, atol=0.03)


def test_sine_has_the_variance_of_the_steps():
    law = three_phases(16, 0.0)
    wave = wave_of_position(law, np.linspace(0, 16, 1600, endpoint=False))
    np.testing.assert_allclose(wave.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(wave.var(axis=0), law.variances, rtol=1e-9)
    assert wave[:, 0].argmax() == 350
    assert wave[:, 1].argmax() == 1400


def test_phase_means_lie_where_the_law_says():
    design, batch = batch_of("cycle", n_series=200, effect=1.5)
    for phase, centre in enumerate(design.phase_model.centroids):
        np.testing.assert_allclose(batch.latent[batch.phase == phase].mean(axis=0), 1.5 * centre, atol=0.05)
    apart = [
        np.linalg.norm(design.phase_model.centroids[i] - design.phase_model.centroids[j])
        for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    assert min(apart) >= 1.2
    assert max(apart) <= 2.2


@pytest.mark.parametrize(
    ("kind", "options", "expected"), [("noisy_linear", {}, 0.5), ("cycle", {"reliability": 0.6}, 0.6)]
)
def test_reliability_is_the_share_of_true_variance(kind, options, expected):
    design, batch = batch_of(kind, n_series=300, **options)
    unit = np.sqrt(1 + design.error_variance)
    error = batch.state * np.sqrt(design.signal_variance + unit**2) - batch.latent - batch.grid.daily * unit
    true_variance = batch.latent.var(axis=(0, 1))
    np.testing.assert_allclose(true_variance / (true_variance + error.var(axis=(0, 1))), expected, atol=0.02)
    assert abs(np.corrcoef(error[:, :, 0].ravel(), batch.latent[:, :, 0].ravel())[0, 1]) < 0.01
    assert design.reliability == expected


def test_floor_items_have_a_mean_of_two_and_a_full_floor():
    _, batch = batch_of("floor", n_series=400)
    np.testing.assert_allclose(batch.values.mean(axis=(0, 1)), 2, atol=0.12)
    assert ((batch.values == 1).mean(axis=(0, 1)) > 0.3).all()
    assert (batch_of("linear")[1].values == 1).mean() < 0.05


def test_answers_are_scaled_to_the_number_of_categories():
    state = np.random.default_rng(4).standard_normal((200, 100, 2))
    for categories in (2, 5, 101):
        answers = answer_item(state, np.zeros((200, 2)), categories=categories)
        assert answers.min() >= 1
        assert answers.max() <= categories
        assert answers.mean() == pytest.approx((categories + 1) / 2, abs=0.03 * categories)


def test_level_shift_is_one_lasting_step_of_the_effect():
    _, batch = batch_of("level_shift", n_series=400, effect=1.5)
    assert batch.shift.min() >= 100
    assert batch.shift.max() <= 300
    after = np.arange(400)[None] >= batch.shift[:, None]
    rows = batch.latent[:, :, 0]
    change = np.array([row[late].mean() - row[~late].mean() for row, late in zip(rows, after, strict=True)])
    assert np.abs(change).mean() == pytest.approx(1.5, abs=0.05)
    assert 0.4 < (change > 0).mean() < 0.6


@pytest.mark.parametrize("pattern", ["random", "bursts", "affect"])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_each_pattern_has_its_share(pattern, share):
    rng = np.random.default_rng(5)
    mask = missing_mask(rng.standard_normal((200, 300)), rng.random((200, 300)), share, pattern)
    assert mask.mean() == pytest.approx(share, abs=0.02)


def test_patterns_differ_in_what_they_should():
    rng = np.random.default_rng(6)
    state, uniforms = rng.standard_normal((200, 300)), rng.random((200, 300))
    masks = {pattern: missing_mask(state, uniforms, 0.3, pattern) for pattern in ("random", "bursts", "affect")}
    serial = {name: np.corrcoef(mask[:, 1:].ravel(), mask[:, :-1].ravel())[0, 1] for name, mask in masks.items()}
    level = {name: state[mask].mean() for name, mask in masks.items()}
    assert abs(serial["random"]) < 0.02
    assert abs(serial["affect"]) < 0.02
    # Two-state chain: leaving a burst 1/6, starting one 1/14, so the correlation is 1 - 1/6 - 1/14.
    assert serial["bursts"] == pytest.approx(1 - 1 / 6 - 1 / 14, abs=0.02)
    assert level["affect"] < -0.5
    assert max(abs(level["random"]), abs(level["bursts"])) < 0.03
    assert not missing_mask(state, uniforms, 0.0, "random").any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "cycel"}, "kind='cycel' is not known"),
        ({"n_occasions": 3}, "n_occasions=3: give a whole number of at least 4."),
        ({"effect": -1}, "effect=-1 is no size: give a number from 0, in SD of the noise within a phase."),
        ({"effect": 1e300}, "effect=1e+300 is too large to simulate: give at most 1,000."),
        ({"period": 10**9}, "period=1000000000 is too large to simulate: give at most 10,000."),
        ({"phi": 1.0}, "phi=1.0 is not stationary here: give a number from -0.98 to 0.98."),
        ({"reliability": 0}, "reliability=0 is no share of variance: give a number above 0, at most 1."),
        ({"period": 5}, "period=5 leaves no phase of two beeps: give at least 6 beeps."),
        ({"sojourn_cv": 3}, "sojourn_cv=3 is no dispersion of dwell times: give 0 to 2."),
        ({"missing": 1.0}, "missing=1.0 is no share of missed beeps: give a number from 0 to 0.95."),
        ({"missing_pattern": "burst"}, "missing_pattern='burst' is not known"),
        (
            {"kind": "rhythm", "sojourn_cv": 0.2},
            "sojourn_cv does not apply to kind='rhythm': it belongs to 'jittered_rhythm', 'cycle', 'alternation'.",
        ),
        (
            {"shape": "sine"},
            "shape='sine' does not apply to kind='cycle': it belongs to 'rhythm' and 'drifting_rhythm'.",
        ),
        (
            {"kind": "oscillator", "phi": 0.95},
            "phi=0.95 with cross effects up to .4 does not settle: an oscillator takes -0.85 to 0.85.",
        ),
    ],
)
def test_what_cannot_be_simulated_is_refused(options, message):
    with pytest.raises(DesignError) as caught:
        SeriesDesign(**({"kind": "cycle", "n_occasions": 100} | options))
    assert str(caught.value).startswith(message)
