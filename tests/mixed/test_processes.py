"""Residual processes: segments against the dense covariance, the dense covariance against independent constructions."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, solve_continuous_lyapunov
from statsmodels.tsa.vector_ar.var_model import VARProcess

from reldyn.errors import DataError, DesignError
from reldyn.mixed.processes import (
    Layout,
    batch_layouts,
    covariance,
    curvature,
    describe,
    from_natural,
    kernel,
    kernels,
    natural_names,
    segments,
    start,
    to_natural,
)
from reldyn.mixed.spec._options import Residual

PLAIN = [Residual(name, equal_variances=equal) for name in ("independent", "unstructured") for equal in (False, True)]
SERIAL = [
    Residual(name, common=common, equal_variances=equal, measurement_error=error)
    for name, common, equal, error in itertools.product(("ar1", "car1", "var1"), *[(False, True)] * 3)
]
SETTINGS = [(residual, exchangeable) for residual in PLAIN + SERIAL for exchangeable in (False, True)]


def setting_name(setting):
    residual, exchangeable = setting
    flags = [f for f in ("common", "equal_variances", "measurement_error") if getattr(residual, f)]
    return "-".join([residual.process, *flags, "exchangeable" if exchangeable else "distinguishable"])


every_setting = pytest.mark.parametrize("setting", SETTINGS, ids=map(setting_name, SETTINGS))


def rows_of(rng, residual, n_dyads=3, n_steps=9):
    """Rows of a few dyads with gaps and one-sided occasions, in random order."""
    kept = rng.random((n_dyads, 2, n_steps)) < rng.choice([0.4, 0.8])
    dyad, member, step = np.nonzero(kept)
    shuffled = rng.permutation(len(dyad))
    dyad, member, step = dyad[shuffled], member[shuffled], step[shuffled]
    if residual.process != "car1":
        return dyad, member, step
    own_time = rng.choice([0.0, 0.1])
    return dyad, member, 0.37 * step + own_time * member


def parameters(rng, residual, exchangeable):
    size = len(natural_names(residual, exchangeable))
    return to_natural(residual, exchangeable, rng.normal(scale=0.6, size=size))[0]


def dense(residual, exchangeable, natural, rows, order):
    """The covariance of all rows and its derivatives, dyad by dyad."""
    dyad, member, step = rows
    n, r = len(dyad), len(natural)
    parts = [np.zeros((n, n)), np.zeros((r, n, n)), np.zeros((r, r, n, n))]
    for one in np.unique(dyad):
        at = np.flatnonzero(dyad == one)
        jet = covariance(residual, exchangeable, natural, member[at], step[at], order)
        for part, whole in zip(jet.parts(), parts, strict=True):
            if part is not None:
                whole[(..., *np.ix_(at, at))] = part
    return parts[: order + 1]


def assembled(residual, exchangeable, natural, rows, order):
    """The sums over segments."""
    n, r = len(rows[0]), len(natural)
    precision = [np.zeros((n, n)), np.zeros((r, n, n)), np.zeros((r, r, n, n))]
    log_det = [np.zeros(()), np.zeros(r), np.zeros((r, r))]
    groups = segments(residual, *rows)
    found = kernels(residual, exchangeable, natural, [group.layout for group in groups], order)
    for group, each in zip(groups, found, strict=True):
        matrices = (each.precision, each.d_precision, each.d2_precision)
        scalars = (each.log_det, each.d_log_det, each.d2_log_det)
        for segment in group.rows:
            for k in range(order + 1):
                precision[k][(..., *np.ix_(segment, segment))] += matrices[k]
                log_det[k] += scalars[k]
    return precision[: order + 1], log_det[: order + 1]


@every_setting
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_segments_add_up_to_the_dense_precision(setting, seed):
    residual, exchangeable = setting
    rng = np.random.default_rng(seed)
    rows = rows_of(rng, residual)
    natural = parameters(rng, residual, exchangeable)
    (truth,) = dense(residual, exchangeable, natural, rows, 0)
    (precision,), (log_det,) = assembled(residual, exchangeable, natural, rows, 0)
    scale = np.linalg.cond(truth) if truth.size else 1.0
    np.testing.assert_allclose(precision @ truth, np.eye(len(truth)), atol=1e-12 * max(scale, 100))
    np.testing.assert_allclose(log_det, np.linalg.slogdet(truth)[1], rtol=1e-11, atol=1e-10)


@every_setting
def test_segment_derivatives_add_up_to_those_of_the_dense_precision(setting):
    residual, exchangeable = setting
    rng = np.random.default_rng(7)
    rows = rows_of(rng, residual)
    natural = parameters(rng, residual, exchangeable)
    r, d_r, d2_r = dense(residual, exchangeable, natural, rows, 2)
    precision, log_det = assembled(residual, exchangeable, natural, rows, 2)
    k = np.linalg.inv(r)
    k_d = k @ d_r
    cross = k_d[:, None] @ k_d[None, :]
    scale = np.abs(k).max()
    np.testing.assert_allclose(precision[1], -k_d @ k, atol=1e-9 * scale)
    np.testing.assert_allclose(
        precision[2], (cross + cross.swapaxes(0, 1)) @ k - k @ d2_r @ k, rtol=1e-8, atol=1e-8 * scale
    )
    np.testing.assert_allclose(log_det[1], np.trace(k_d, axis1=-2, axis2=-1), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(log_det[2], np.trace(k @ d2_r - cross, axis1=-2, axis2=-1), rtol=1e-8, atol=1e-8)


@every_setting
def test_derivatives_of_the_covariance_match_finite_differences(setting):
    residual, exchangeable = setting
    rng = np.random.default_rng(11)
    _, member, step = rows_of(rng, residual, n_dyads=1)
    natural = parameters(rng, residual, exchangeable)
    jet = covariance(residual, exchangeable, natural, member, step, 2)
    width = 1e-5

    def difference(order):
        sides = []
        for shift in (width, -width):
            moved = [
                covariance(residual, exchangeable, natural + shift * unit, member, step, order).parts()[order]
                for unit in np.eye(len(natural))
            ]
            sides.append(np.array(moved))
        return (sides[0] - sides[1]) / (2 * width)

    np.testing.assert_allclose(jet.first, difference(0), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(jet.second, difference(1), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(jet.second, jet.second.swapaxes(0, 1), atol=1e-12)


@every_setting
def test_derivatives_of_a_kernel_match_finite_differences(setting):
    residual, exchangeable = setting
    natural = parameters(np.random.default_rng(13), residual, exchangeable)
    conditional = residual.serial and not residual.measurement_error
    layout = Layout((0, 1, 1, 0, 0, 1), (0, 0, 1, 3, 4, 4), 2) if conditional else Layout((0, 1), (0, 0), 0)
    exact = kernel(residual, exchangeable, natural, layout, 2)
    width = 1e-5
    for k, unit in enumerate(np.eye(len(natural))):
        up, down = (kernel(residual, exchangeable, natural + s * width * unit, layout, 1) for s in (1, -1))
        for first, name in ((exact.d_precision, "precision"), (exact.d_log_det, "log_det")):
            moved = (getattr(up, name) - getattr(down, name)) / (2 * width)
            np.testing.assert_allclose(first[k], moved, rtol=1e-5, atol=1e-6)
        for second, name in ((exact.d2_precision, "d_precision"), (exact.d2_log_det, "d_log_det")):
            moved = (getattr(up, name) - getattr(down, name)) / (2 * width)
            np.testing.assert_allclose(second[k], moved, rtol=1e-5, atol=1e-5)


def test_unstructured_covariance_is_block_diagonal_over_occasions():
    natural = [2.0, 3.0, -0.5]
    member, step = np.array([0, 1, 0, 1, 1]), np.array([1, 1, 2, 4, 2])
    found = covariance(Residual(), False, natural, member, step, 0).value
    truth = np.array([[2, -0.5, 0, 0, 0], [-0.5, 3, 0, 0, 0], [0, 0, 2, 0, -0.5], [0, 0, 0, 3, 0], [0, 0, -0.5, 0, 3]])
    np.testing.assert_allclose(found, truth)


def test_ar1_with_common_phi_is_a_kronecker_product():
    innovation, phi, n = np.array([[1.0, 0.3], [0.3, 2.0]]), 0.45, 7
    step, member = np.repeat(np.arange(n), 2), np.tile([0, 1], n)
    found = covariance(Residual("ar1", common=True), False, [1.0, 2.0, 0.3, phi], member, step, 0).value
    correlation = phi ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    np.testing.assert_allclose(found, np.kron(correlation, innovation / (1 - phi**2)), rtol=1e-13)


@pytest.mark.parametrize(
    ("process", "natural", "phi"),
    [
        ("ar1", [1.0, 2.0, 0.4, 0.7, -0.2], np.diag([0.7, -0.2])),
        ("var1", [1.0, 2.0, 0.4, 0.5, 0.3, -0.4, 0.2], np.array([[0.5, 0.3], [-0.4, 0.2]])),
    ],
)
def test_discrete_processes_match_the_autocovariances_of_statsmodels(process, natural, phi):
    lagged = VARProcess(phi[None], None, np.array([[1.0, 0.4], [0.4, 2.0]])).acf(nlags=12)
    step, member = np.array([0, 0, 1, 4, 4, 9, 12]), np.array([0, 1, 1, 0, 1, 0, 1])
    found = covariance(Residual(process), False, natural, member, step, 0).value
    for i, j in itertools.product(range(len(step)), repeat=2):
        a, b = (i, j) if step[i] >= step[j] else (j, i)
        # acf(h) is E x_t x_{t-h}'.
        truth = lagged[step[a] - step[b]][member[a], member[b]]
        np.testing.assert_allclose(found[i, j], truth, rtol=1e-9, atol=1e-12)


def test_continuous_process_matches_the_matrix_exponential():
    rate, spread = np.diag([0.8, 0.3]), np.array([[1.0, -0.4], [-0.4, 0.6]])
    stationary = solve_continuous_lyapunov(rate, spread)
    time, member = np.array([0.0, 0.13, 0.9, 0.9, 2.6, 7.0]), np.array([0, 1, 0, 1, 1, 0])
    found = covariance(Residual("car1"), False, [1.0, 0.6, -0.4, 0.8, 0.3], member, time, 0).value
    for i, j in itertools.product(range(len(time)), repeat=2):
        a, b = (i, j) if time[i] >= time[j] else (j, i)
        truth = (expm(-rate * (time[a] - time[b])) @ stationary)[member[a], member[b]]
        np.testing.assert_allclose(found[i, j], truth, rtol=1e-12)


def test_continuous_process_at_whole_steps_is_the_discrete_one():
    decay, rate = np.array([0.8, 0.3]), np.array([[1.0, -0.4], [-0.4, 0.6]])
    total = np.add.outer(decay, decay)
    innovation = rate * (1 - np.exp(-total)) / total
    step, member = np.array([0, 0, 1, 3, 3, 8]), np.array([0, 1, 1, 0, 1, 0])
    discrete = [innovation[0, 0], innovation[1, 1], innovation[0, 1], *np.exp(-decay)]
    continuous = [1.0, 0.6, -0.4, *decay]
    np.testing.assert_allclose(
        covariance(Residual("car1"), False, continuous, member, step.astype(float), 0).value,
        covariance(Residual("ar1"), False, discrete, member, step, 0).value,
        rtol=1e-12,
    )


def test_measurement_error_adds_white_noise_of_each_role():
    step, member = np.array([0, 0, 2, 3]), np.array([0, 1, 1, 0])
    plain = covariance(Residual("ar1"), False, [1.0, 2.0, 0.4, 0.5, 0.2], member, step, 0).value
    noisy = covariance(
        Residual("ar1", measurement_error=True), False, [1.0, 2.0, 0.4, 0.5, 0.2, 0.3, 0.7], member, step, 0
    ).value
    np.testing.assert_allclose(noisy - plain, np.diag([0.3, 0.7, 0.7, 0.3]), atol=1e-14)


@pytest.mark.parametrize("process", ["independent", "unstructured", "ar1", "car1", "var1"])
def test_exchangeable_roles_can_be_swapped(process):
    residual = Residual(process)
    rng = np.random.default_rng(3)
    natural = parameters(rng, residual, True)
    _, member, step = rows_of(rng, residual, n_dyads=1)
    np.testing.assert_allclose(
        covariance(residual, True, natural, member, step, 0).value,
        covariance(residual, True, natural, 1 - member, step, 0).value,
        rtol=1e-13,
        atol=1e-14,
    )


@pytest.mark.parametrize(
    ("residual", "exchangeable", "names"),
    [
        (Residual("independent"), False, ("variance_0", "variance_1")),
        (Residual(), False, ("variance_0", "variance_1", "covariance")),
        (Residual(), True, ("variance", "covariance")),
        (
            Residual("ar1", common=True),
            False,
            ("innovation_variance_0", "innovation_variance_1", "innovation_covariance", "phi"),
        ),
        (
            Residual("car1", equal_variances=True),
            False,
            ("innovation_variance", "innovation_covariance", "decay_0", "decay_1"),
        ),
        (
            Residual("var1", measurement_error=True),
            False,
            (
                *("innovation_variance_0", "innovation_variance_1", "innovation_covariance"),
                *("phi_00", "phi_01", "phi_10", "phi_11", "error_variance_0", "error_variance_1"),
            ),
        ),
        (
            Residual("var1", measurement_error=True),
            True,
            ("innovation_variance", "innovation_covariance", "phi_actor", "phi_partner", "error_variance"),
        ),
    ],
)
def test_natural_parameters_are_named_in_order(residual, exchangeable, names):
    assert natural_names(residual, exchangeable) == names


@every_setting
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_unconstrained_parameters_make_the_round_trip_and_stay_feasible(setting, seed):
    residual, exchangeable = setting
    rng = np.random.default_rng(seed)
    unconstrained = rng.normal(scale=1.5, size=len(natural_names(residual, exchangeable)))
    natural, _, _ = to_natural(residual, exchangeable, unconstrained)
    np.testing.assert_allclose(from_natural(residual, exchangeable, natural), unconstrained, rtol=1e-6, atol=1e-6)
    told = describe(residual, exchangeable, natural)
    assert np.linalg.eigvalsh(told["covariance"]).min() > 0
    if residual.process == "var1":
        assert np.abs(np.linalg.eigvals(told["transition"])).max() < 1
    elif residual.serial:
        assert np.abs(told["phi"]).max() < 1


@every_setting
def test_derivatives_of_the_natural_parameters_match_finite_differences(setting):
    residual, exchangeable = setting
    size = len(natural_names(residual, exchangeable))
    at = np.random.default_rng(5).normal(scale=0.7, size=size)
    _, jacobian, second = to_natural(residual, exchangeable, at)
    width = 1e-5
    for k, unit in enumerate(np.eye(size)):
        up, down = (to_natural(residual, exchangeable, at + s * width * unit) for s in (1, -1))
        np.testing.assert_allclose(jacobian[:, k], (up[0] - down[0]) / (2 * width), rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(second[:, :, k], (up[1] - down[1]) / (2 * width), rtol=1e-6, atol=1e-7)


def test_a_strong_and_an_absent_inertia_bound_the_correlation_of_the_residuals():
    told = describe(Residual("ar1"), False, [1.0, 1.0, 1.0 - 1e-12, 0.8, 0.0])
    np.testing.assert_allclose(told["correlation"], 0.6, atol=1e-9)
    np.testing.assert_allclose(told["sd"], [1 / 0.6, 1.0])


@every_setting
def test_starting_values_reproduce_the_moments(setting):
    residual, exchangeable = setting
    moments = np.array([[2.0, -0.6], [-0.6, 1.0]])
    natural = start(residual, exchangeable, moments, spacing=0.5)
    assert np.isfinite(from_natural(residual, exchangeable, natural)).all()
    told = describe(residual, exchangeable, natural)
    tied = exchangeable or residual.equal_variances
    np.testing.assert_allclose(told["sd"] ** 2, [1.5, 1.5] if tied else [2.0, 1.0], rtol=1e-12)
    if residual.process == "car1":
        np.testing.assert_allclose(told["phi"] ** 0.5, 0.2)
    elif residual.process == "ar1":
        np.testing.assert_allclose(told["phi"], 0.2)


def test_starting_values_survive_singular_moments():
    natural = start(Residual(), False, [[1.0, 1.0], [1.0, 1.0]])
    np.testing.assert_allclose(natural, [1.0, 1.0, 0.9])


def test_segments_of_a_short_series_are_these():
    # Dyad 5: both, then only member 1, a gap, both, only member 0. Dyad 8 never has both.
    dyad = np.array([5, 5, 5, 5, 5, 5, 8, 8])
    member = np.array([0, 1, 1, 1, 0, 0, 1, 0])
    step = np.array([3, 3, 4, 7, 7, 8, 2, 5])
    found = {
        group.layout: (group.rows.tolist(), group.dyad.tolist())
        for group in segments(Residual("ar1"), dyad, member, step)
    }
    assert found == {
        Layout((0, 1), (0, 0), 0): ([[0, 1]], [5]),
        Layout((1, 0), (0, 3), 0): ([[6, 7]], [8]),
        Layout((0, 1, 0), (0, 0, 1), 2): ([[4, 3, 5]], [5]),
        Layout((0, 1, 1, 0, 1), (0, 0, 1, 4, 4), 2): ([[0, 1, 2, 4, 3]], [5]),
    }
    per_occasion = {group.layout: group.rows.tolist() for group in segments(Residual(), dyad, member, step)}
    assert per_occasion == {
        Layout((0,), (0,), 0): [[5], [7]],
        Layout((1,), (0,), 0): [[2], [6]],
        Layout((0, 1), (0, 0), 0): [[0, 1], [4, 3]],
    }
    whole = segments(Residual("ar1", measurement_error=True), dyad, member, step)
    assert [group.rows.tolist() for group in whole] == [[[6, 7]], [[0, 1, 2, 4, 3, 5]]]


@every_setting
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_row_is_new_in_exactly_one_segment(setting, seed):
    residual, _ = setting
    dyad, member, step = rows_of(np.random.default_rng(seed), residual, n_dyads=6)
    new = np.zeros(len(dyad), dtype=int)
    groups = segments(residual, dyad, member, step)
    for group in groups:
        np.add.at(new, group.rows[:, group.layout.n_conditioning :], 1)
        assert (dyad[group.rows] == group.dyad[:, None]).all()
        assert (member[group.rows] == group.layout.members).all()
        if residual.serial:
            np.testing.assert_allclose(
                step[group.rows] - step[group.rows[:, :1]], np.tile(group.layout.steps, (len(group.rows), 1))
            )
    assert (new == 1).all()
    assert len({group.layout for group in groups}) == len(groups)


def test_long_layouts_are_still_told_apart():
    # Forty columns of up to 200 possible digits do not fit one integer without condensing.
    rng = np.random.default_rng(1)
    dyad = np.repeat(np.arange(50), 40)
    step = np.tile(np.cumsum(rng.integers(1, 100, 40)), 50)
    member = rng.integers(0, 2, 2000)
    member[:40] = member[40:80]
    groups = segments(Residual("ar1"), dyad, member, step)
    assert sorted(len(group.rows) for group in groups) == [1] * 48 + [2]


def test_arranged_layouts_give_the_same_kernels():
    residual = Residual("var1")
    natural = parameters(np.random.default_rng(2), residual, False)
    layouts = [Layout((0, 1, 0, 1), (0, 0, 1, 1), 2), Layout((0, 1), (0, 0), 0), Layout((0, 1, 0, 1), (0, 0, 2, 2), 2)]
    for layout, each in zip(layouts, kernels(residual, False, natural, batch_layouts(layouts), 1), strict=True):
        alone = kernel(residual, False, natural, layout, 1)
        np.testing.assert_allclose(each.precision, alone.precision)
        np.testing.assert_allclose(each.d_precision, alone.d_precision)
        assert each.log_det == pytest.approx(alone.log_det)
        assert each.d2_precision is None


@every_setting
@pytest.mark.parametrize("n_weights", [1, 6])
def test_curvature_is_the_weighted_sum_of_second_derivatives(setting, n_weights):
    residual, exchangeable = setting
    rng = np.random.default_rng(17)
    natural = parameters(rng, residual, exchangeable)
    layouts = [group.layout for group in segments(residual, *rows_of(rng, residual, n_dyads=8))]
    counts = rng.integers(1, 5, len(layouts))
    weights = []
    for layout in layouts:
        free = rng.normal(size=(n_weights, len(layout.members), len(layout.members)))
        weights.append(free + free.swapaxes(1, 2))
    quadratic, log_det = curvature(residual, exchangeable, natural, batch_layouts(layouts), weights, counts)
    each = kernels(residual, exchangeable, natural, layouts, 2)
    truth = sum(np.einsum("klab,sab->skl", k.d2_precision, w) for k, w in zip(each, weights, strict=True))
    np.testing.assert_allclose(quadratic, truth, rtol=1e-8, atol=1e-9 * np.abs(truth).max())
    truth = sum(count * k.d2_log_det for count, k in zip(counts, each, strict=True))
    np.testing.assert_allclose(log_det, truth, rtol=1e-8, atol=1e-9 * np.abs(truth).max())


def test_parameters_outside_the_region_say_so():
    found = kernel(Residual(), False, [1.0, 1.0, 2.0], Layout((0, 1), (0, 0), 0), 2)
    assert found.log_det == np.inf
    assert np.isnan(found.precision).all() and np.isnan(found.d2_log_det).all()


def test_no_rows_make_no_segments():
    for residual in (Residual(), Residual("ar1"), Residual("car1", measurement_error=True)):
        assert segments(residual, [], [], []) == []
    assert kernels(Residual(), False, [1.0, 1.0, 0.0], [], 1) == []


def test_two_rows_of_one_member_are_refused():
    with pytest.raises(DataError) as error:
        segments(Residual(), [0, 0, 0], [1, 0, 1], [4, 4, 4])
    assert str(error.value) == (
        "two rows of one member at the same step of a dyad (row 2). Keep one row per person and occasion."
    )


def test_steps_between_steps_are_refused():
    with pytest.raises(DesignError) as error:
        segments(Residual("ar1"), [0, 0, 0], [1, 0, 1], [4.0, 4.5, 5.1])
    assert str(error.value) == (
        "Residual('ar1') counts whole steps, but rows 1, 2 lie between steps. "
        "Give the scheduled occasion as the step, or use 'car1' for time stamps."
    )
    (group,) = segments(Residual("ar1"), [0, 0], [1, 0], [4.0, 5.0])
    assert group.layout == Layout((1, 0), (0, 1), 0)


def test_unknown_times_are_refused():
    with pytest.raises(DataError) as error:
        segments(Residual("car1"), [0, 0, 0], [1, 0, 1], [4.0, np.nan, np.inf])
    assert str(error.value) == ("no step or time in rows 1, 2. Leave out rows whose place in the series is unknown.")


def test_options_without_meaning_are_refused():
    with pytest.raises(DesignError) as error:
        Residual("unstructured", measurement_error=True)
    assert str(error.value) == (
        "Residual('unstructured', measurement_error=True) cannot be estimated: the process has no carry-over from "
        "occasion to occasion. Leave measurement_error out, or choose one of 'ar1', 'car1', 'var1'."
    )
