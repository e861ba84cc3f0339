"""States do not hang on the unit of a variable, on where its zero lies or on how a number is rounded."""

import numpy as np
import pytest

import reldyn as rd
from reldyn import coupling


def answers(seed=11):
    rng = np.random.default_rng(seed)
    return [tuple(np.round(rng.normal(size=(2, 120)), 2)) for _ in range(4)]


def changed(session, change):
    return session([(change(x), change(y)) for x, y in answers()], beeps=6)


@pytest.mark.parametrize(
    "change",
    [lambda v: v * 1e6, lambda v: v * 1e-6, lambda v: v + 1e6, lambda v: v + 10],
    ids=["up", "down", "far", "on"],
)
@pytest.mark.parametrize("bins", [2, 3])
def test_equal_intervals_are_those_of_the_observed_range_in_any_unit(session, change, bins):
    plain, other = (changed(session, one) for one in (lambda v: v, change))
    for panel in (plain, other):
        grid = coupling.state_space_grid(panel, "v", bins=bins)
        assert len(set(grid.states)) == bins
    for run in (
        lambda p: coupling.state_space_grid(p, "v", bins=bins).measures.drop(columns=["modal_first", "modal_second"]),
        lambda p: coupling.lag_sequential(p, "v", bins=bins, n_permutations=0).tidy(),
    ):
        before, after = (run(panel).select_dtypes("number") for panel in (plain, other))
        np.testing.assert_array_equal(before.to_numpy(), after.to_numpy())


def test_the_cut_of_two_intervals_is_the_middle_of_the_observed_range(session):
    x = np.tile([5.0, 7.0, 6.0, 5.5, 6.5], 8)
    grid = coupling.state_space_grid(session([(x, x[::-1].copy())]), "v", bins=2)
    assert grid.states == ("below 6", "6 and above")


def test_a_value_that_rounding_puts_just_below_a_cut_belongs_above(session):
    below = 2.4 - 4e-16
    assert below < 2.4
    x = np.tile([below, 1.0, 2.4, 3.0], 10)
    events = coupling.state_space_grid(session([(x, x)]), "v", bins=[2.4]).events
    assert events["first"].tolist() == ["2.4 and above", "below 2.4", "2.4 and above", "2.4 and above"] * 10


def test_codes_that_look_alike_in_six_digits_are_told_apart(session):
    x = np.tile([1000001.0, 1000002.0, 1000002.0, 1000001.0, 1000002.0], 12)
    panel = session([(x, np.roll(x, 7))] * 5)
    assert coupling.state_space_grid(panel, "v").states == ("1000001", "1000002")
    assert len(coupling.lag_sequential(panel, "v", n_permutations=0).tidy()) == 16
    assert coupling.transition_logit(panel, "v", state=1000002).outcome_state == "1000002"
    with pytest.raises(rd.DesignError, match=r"^state='1e\+06' is not known; allowed: '1000001', '1000002'"):
        coupling.transition_logit(panel, "v", state=1000003)


@pytest.mark.parametrize("offset", [1e4, 1e6, 1e8])
def test_asymmetry_does_not_hang_on_where_zero_lies(session, offset):
    pairs = [tuple(np.round(v, 2)) for v in answers()][:1]
    plain, far = (
        coupling.asymmetry(session([(x + add, y + add) for x, y in pairs]), "v", trend=False, check=False).tidy()
        for add in (0.0, offset)
    )
    assert plain["estimate"].notna().all()
    np.testing.assert_allclose(far["estimate"], plain["estimate"], rtol=1e-4, atol=1e-6)
