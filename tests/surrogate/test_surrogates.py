import numpy as np
import pytest

from reldyn.errors import DataError
from reldyn.simulate._series import SeriesDesign, simulate_series
from reldyn.surrogate import (
    PhaseNull,
    draw_linear,
    draw_renewal,
    draw_resampled,
    draw_reversible,
    fit_linear,
    iaaft,
    match_ranks,
    normal_scores,
    reversibilise,
    round_to_categories,
    shift_days,
)


def direction(kind, n_occasions, seed=0, **arguments):
    batch = simulate_series(SeriesDesign(kind, n_occasions, **arguments), [np.random.default_rng(seed)])
    grid = batch.grid
    night = (grid.beep == 1) & (grid.day > 1)
    design = np.column_stack([grid.beep == beep for beep in (2, 3, 4)]).astype(float)
    return batch.values[0], {"night": night, "elapsed": grid.elapsed.astype(float), "design": design}, grid


def generators(n):
    return [np.random.default_rng([5, k]) for k in range(n)]


def null(kind, n_occasions, gaussian=True, seed=0, **arguments):
    y, clock, grid = direction(kind, n_occasions, seed, **arguments)
    return fit_linear(y, seed=np.random.SeedSequence(1), gaussian=gaussian, **clock), y, grid


def autocorrelation(values, lag):
    centred = values - np.nanmean(values, axis=-1, keepdims=True)
    return np.nanmean(centred[..., lag:] * centred[..., :-lag], axis=-1) / np.nanvar(values, axis=-1)


@pytest.mark.parametrize("kind", ["linear", "floor", "noisy_linear"])
def test_gaussian_surrogates_keep_margins_gaps_time_of_day_and_lags(kind):
    fitted, y, grid = null(kind, 400, missing=0.2)
    drawn = draw_linear(fitted, generators(150))
    for k in (0, 149):
        np.testing.assert_array_equal(np.isnan(drawn[k]), np.isnan(y))
        for channel in (0, 1):
            np.testing.assert_array_equal(np.sort(drawn[k, :, channel]), np.sort(y[:, channel]))
    spread = np.nanstd(y, axis=0)
    for beep in (1, 2, 3, 4):
        here = grid.beep == beep
        np.testing.assert_allclose(
            np.nanmean(drawn[:, here], axis=(0, 1)), np.nanmean(y[here], axis=0), atol=0.12 * spread.max()
        )
    for lag in (1, 2, 4):
        found = autocorrelation(drawn[:, :, 0], lag).mean()
        # The model smooths the data's own autocorrelation, whose sampling error is about .05.
        assert found == pytest.approx(autocorrelation(y[:, 0], lag), abs=0.13)
    cross = np.nanmean([np.corrcoef(draw[np.isfinite(draw[:, 0])].T)[0, 1] for draw in drawn])
    assert cross == pytest.approx(np.corrcoef(y[np.isfinite(y[:, 0])].T)[0, 1], abs=0.08)


def test_lags_are_right_on_average_over_dyads():
    gaps = []
    for seed in range(3):
        fitted, y, _ = null("linear", 200, seed=seed)
        drawn = draw_linear(fitted, generators(60))
        gaps.append([autocorrelation(drawn[:, :, 0], lag).mean() - autocorrelation(y[:, 0], lag) for lag in (1, 2, 4)])
    assert np.abs(np.mean(gaps, axis=0)).max() < 0.08


def test_measurement_error_is_found_where_it_is():
    fitted = null("noisy_linear", 250, seed=1)[0]
    assert fitted.order == 0
    assert fitted.measurement is not None
    assert fitted.measurement.phi.diagonal() == pytest.approx([0.9, 0.9], abs=0.12)


def test_kalman_kernels_agree(monkeypatch):
    pytest.importorskip("numba")
    values = {}
    for kernels in ("numpy", "numba"):
        monkeypatch.setenv("RELDYN_KERNELS", kernels)
        fitted = null("noisy_linear", 120, missing=0.3)[0]
        values[kernels] = fitted.aic[0]
    assert values["numpy"] == pytest.approx(values["numba"], abs=1e-4)


def test_kalman_likelihood_is_the_joint_normal_density(monkeypatch):
    from scipy.stats import multivariate_normal

    from reldyn.surrogate import _measurement

    monkeypatch.setenv("RELDYN_KERNELS", "numpy")
    rng = np.random.default_rng(2)
    unit, steps = rng.standard_normal((5, 2)), np.array([1, 1, 3, 1, 2])
    seen = np.array([True, True, False, True, True])
    theta = np.concatenate([[0.5, 0.1, -0.2, 0.4, 0.8, 0.1, 0.7], np.log([0.3, 0.5])])[None]
    phi, process, error = (part[0] for part in _measurement._unpack(theta, 2))
    spread = _measurement.stationary(phi[None], process[None])[0]
    clock = np.cumsum(steps)
    joint = np.zeros((10, 10))
    for i in range(5):
        for j in range(i + 1):
            block = np.linalg.matrix_power(phi, clock[i] - clock[j]) @ spread
            joint[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = block
            joint[2 * j : 2 * j + 2, 2 * i : 2 * i + 2] = block.T
        joint[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = spread + np.diag(error)
    kept = np.repeat(seen, 2)
    wanted = multivariate_normal.logpdf(unit.ravel()[kept], np.zeros(8), joint[np.ix_(kept, kept)])
    assert _measurement._log_likelihoods(theta, unit, seen, steps, 2)[0] == pytest.approx(wanted, abs=1e-8)


@pytest.mark.parametrize("channels", [1, 2])
def test_the_compiled_filter_equals_the_numpy_one(monkeypatch, channels):
    pytest.importorskip("numba")
    from reldyn.surrogate import _measurement

    rng = np.random.default_rng(4)
    unit, steps = rng.standard_normal((60, channels)), rng.integers(1, 9, 60)
    seen = rng.random(60) < 0.8
    low, high = np.array(_measurement._bounds(channels)).T
    # Roots of these are real, complex, and beyond the unit circle.
    theta = rng.uniform(low, high, (40, len(low)))
    found = {}
    for kernels in ("numpy", "numba"):
        monkeypatch.setenv("RELDYN_KERNELS", kernels)
        found[kernels] = _measurement._filtered(theta, unit, seen, steps, channels)
    values, errors = found["numpy"]
    np.testing.assert_allclose(found["numba"][0], values, rtol=1e-12)
    np.testing.assert_allclose(found["numba"][1], errors, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kernels", ["numpy", "numba"])
def test_a_process_the_filter_cannot_follow_is_left_quietly(monkeypatch, kernels):
    from reldyn.surrogate import _measurement

    if kernels == "numba":
        pytest.importorskip("numba")
    monkeypatch.setenv("RELDYN_KERNELS", kernels)
    # Met by the search on this series: innovations that hardly vary in one direction, and a long memory.
    place = np.array([[-0.97, -0.6, 0.001, -0.97, 0.02, -2.0, 0.02, -3.328, -3.163]])
    design = SeriesDesign(n_occasions=100, kind="noisy_linear", phi=0.9, reliability=0.5)
    data = np.random.SeedSequence([20261124, 4, 100, 8]).spawn(5)[0]
    y = simulate_series(design, [np.random.default_rng(data)]).values[0]
    elapsed = np.where(np.arange(100) % 4 == 0, 3.0, 1.0)
    unit = (y - y.mean(axis=0)) / y.std(axis=0)
    seen, steps = np.ones(100, dtype=bool), elapsed.astype(int)
    assert not np.isfinite(_measurement._log_likelihoods(place, unit, seen, steps, 2)).any()
    fit = _measurement.fit_measurement(y - y.mean(axis=0), elapsed)
    assert np.isfinite([fit.log_likelihood, *fit.phi.ravel(), *fit.process.ravel(), *fit.error]).all()


def test_resampled_surrogates_keep_the_skew_of_the_shocks():
    fitted, y, _ = null("skewed_shocks", 400, gaussian=False)
    drawn = draw_resampled(fitted, generators(60))
    np.testing.assert_array_equal(np.isnan(drawn[0]), np.isnan(y))
    assert set(np.unique(drawn[..., 0])) <= set(np.unique(y[:, 0]))

    def skewness(values):
        centred = values - values.mean(axis=-1, keepdims=True)
        return (centred**3).mean(axis=-1) / values.std(axis=-1) ** 3

    assert skewness(drawn[:, :, 0]).mean() == pytest.approx(skewness(y[:, 0]), abs=0.35)
    assert np.mean(drawn[..., 0]) == pytest.approx(y[:, 0].mean(), abs=0.15)


def test_a_surrogate_does_not_depend_on_its_neighbours():
    fitted, _, _ = null("linear", 80)
    np.testing.assert_array_equal(draw_linear(fitted, generators(9))[4], draw_linear(fitted, generators(9)[4:5])[0])


def test_scores_and_ranks_are_inverse_and_leave_gaps():
    y = np.array([[3.0], [1.0], [np.nan], [2.0], [2.0]])
    scores = normal_scores(y)
    assert np.isnan(scores[2, 0]) and scores[3, 0] == scores[4, 0]
    np.testing.assert_array_equal(match_ranks(np.nan_to_num(scores)[None], y)[0], y)


def test_rounding_goes_to_the_nearest_category_and_stays_on_the_scale():
    y = np.array([[1.0], [2.0], [7.0]])
    values = np.array([[[-3.0], [1.6], [99.0]]])
    assert round_to_categories(values, y)[0, :, 0].tolist() == [1.0, 2.0, 7.0]
    assert round_to_categories(values, y, (np.arange(1.0, 6.0),))[0, :, 0].tolist() == [1.0, 2.0, 5.0]


def phase_null(n_occasions, noise=0.01):
    return PhaseNull(
        means=np.array([[0.0], [10.0], [20.0]]),
        lag_day=np.zeros((1, 1)),
        lag_night=np.zeros((1, 1)),
        covariance=noise * np.eye(1),
        level=np.zeros((n_occasions, 1)),
        night=np.zeros(n_occasions, dtype=bool),
    )


def sojourns(values):
    state = np.rint(values[:, 0] / 10).astype(int)
    edges = np.flatnonzero(np.diff(state)) + 1
    return state, np.diff(edges), state[edges[:-1]]


def test_renewal_sojourns_have_their_mean_and_dispersion():
    means, moves = np.array([7.0, 5.0, 4.0]), np.roll(np.eye(3), 1, axis=1)
    drawn = draw_renewal(phase_null(9000), generators(1), sojourn_means=means, sojourn_cv=0.4, moves=moves)[0]
    _, lengths, phases = sojourns(drawn)
    for phase, mean in enumerate(means):
        here = lengths[phases == phase]
        assert here.mean() == pytest.approx(mean, rel=0.05)
        assert here.std() / here.mean() == pytest.approx(0.4, abs=0.04)


def test_the_reversed_chain_is_reversible_and_keeps_occupancy():
    rng = np.random.default_rng(4)
    chain = rng.dirichlet(np.ones(3), 3)
    turned = reversibilise(chain)
    law = np.linalg.matrix_power(chain, 200)[0]
    np.testing.assert_allclose(law @ turned, law, atol=1e-10)
    flow = law[:, None] * turned
    np.testing.assert_allclose(flow, flow.T, atol=1e-10)
    np.testing.assert_allclose(np.diagonal(turned), np.diagonal(chain))


def test_reversible_surrogates_move_equally_often_both_ways():
    chain = np.array([[0.8, 0.2, 0.0], [0.0, 0.8, 0.2], [0.2, 0.0, 0.8]])
    drawn = draw_reversible(phase_null(20000), generators(1), transition=chain)[0]
    state = np.rint(drawn[:, 0] / 10).astype(int)
    moves = np.zeros((3, 3))
    np.add.at(moves, (state[:-1], state[1:]), 1)
    forward, backward = moves[0, 1] + moves[1, 2] + moves[2, 0], moves[1, 0] + moves[2, 1] + moves[0, 2]
    assert abs(forward - backward) < 4 * np.sqrt(forward + backward)
    assert moves.diagonal().sum() / moves.sum() == pytest.approx(0.8, abs=0.02)


def test_shifts_are_by_whole_days_and_never_by_none():
    day = np.repeat(np.arange(5), 3)
    y = np.arange(15.0)
    firsts = {shift_days(y, day, np.random.default_rng(k))[0] for k in range(60)}
    assert firsts == {3.0, 6.0, 9.0, 12.0}
    with pytest.raises(DataError, match="two or more days with equally many occasions"):
        shift_days(y[:-1], day[:-1], np.random.default_rng(0))


def test_iaaft_keeps_values_and_nearly_the_spectrum():
    y = direction("linear", 256)[0] + 0.01 * np.random.default_rng(0).standard_normal((256, 2))
    drawn = iaaft(y, generators(5))
    for k in range(5):
        np.testing.assert_allclose(np.sort(drawn[k], axis=0), np.sort(y, axis=0))
    wanted, found = np.abs(np.fft.rfft(y, axis=0)), np.abs(np.fft.rfft(drawn, axis=1))
    assert np.sqrt(np.mean((found - wanted) ** 2)) < 0.25 * wanted.std()
    with pytest.raises(DataError, match="without missing values"):
        iaaft(np.full((4, 1), np.nan), generators(1))


def test_the_other_null_is_the_one_that_was_not_chosen():
    design = SeriesDesign(n_occasions=80, kind="noisy_linear", phi=0.9, reliability=0.5)
    for seed in (1, 2):
        y = simulate_series(design, [np.random.default_rng(seed)]).values[0]
        given = {"night": np.arange(80) % 4 == 0, "elapsed": np.ones(80), "design": np.empty((80, 0))}
        given |= {"seed": np.random.SeedSequence(seed), "gaussian": True}
        better, other = fit_linear(y, **given), fit_linear(y, **given, kind="other")
        assert (better.order == 0) != (other.order == 0)
        assert better.aic == other.aic
        assert better.aic[better.order] == min(better.aic.values())
        last = other.order or 0
        assert other.aic[last] == min(value for order, value in other.aic.items() if (order == 0) == (last == 0))
        assert (other.measurement is not None) == (other.order == 0)
