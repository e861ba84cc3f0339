"""Agreement of two series of phases: against a kappa counted by hand, and its level where phases last."""

import numpy as np
import pytest

from reldyn.cycles.reports._phase_agreement import agree, calendar


def kappa_by_hand(a, b):
    labels = sorted(set(a) | set(b))
    table = np.array([[np.mean((a == i) & (b == j)) for j in labels] for i in labels])
    chance = table.sum(axis=1) @ table.sum(axis=0)
    return (np.trace(table) - chance) / (1 - chance)


def lasting(rng, n, stay=0.85, n_states=3):
    """A Markov chain of phases."""
    path = np.empty(n, dtype=np.int64)
    path[0] = rng.integers(n_states)
    for t in range(1, n):
        path[t] = path[t - 1] if rng.random() < stay else rng.integers(n_states)
    return path


def test_kappa_is_that_of_the_table():
    rng = np.random.default_rng(1)
    a, b = lasting(rng, 200), lasting(rng, 200)
    b = np.where(rng.random(200) < 0.5, a, b)
    found = agree(a[:, None], b[:, None])
    assert found.kappa == pytest.approx(kappa_by_hand(a, b))
    assert found.agreement == pytest.approx((a == b).mean())
    assert (found.n_both, found.n_shifts) == (200, 199)


def test_the_p_value_counts_every_shift():
    rng = np.random.default_rng(2)
    a = lasting(rng, 60)
    b = np.where(rng.random(60) < 0.7, a, lasting(rng, 60))
    found = agree(a[:, None], b[:, None])
    moved = [kappa_by_hand(a, np.roll(b, shift)) for shift in range(60)]
    assert found.p_value == pytest.approx(np.mean(np.array(moved) >= moved[0] - 1e-12))


def test_unknown_occasions_count_nowhere():
    rng = np.random.default_rng(3)
    a, b = lasting(rng, 120), lasting(rng, 120)
    gaps = rng.random(120) < 0.3
    found = agree(np.where(gaps, -1, a)[:, None], b[:, None])
    assert found.n_both == int((~gaps).sum())
    assert found.kappa == pytest.approx(kappa_by_hand(a[~gaps], b[~gaps]))


def test_unrelated_phases_that_last_rarely_agree_beyond_chance_and_the_usual_test_often_does():
    rng = np.random.default_rng(4)
    shifted, naive = 0, 0
    for _ in range(400):
        a, b = lasting(rng, 160).reshape(40, 4), lasting(rng, 160).reshape(40, 4)
        found = agree(a, b)
        shifted += found.p_value <= 0.05
        shuffled = [kappa_by_hand(a.ravel(), rng.permutation(b.ravel())) for _ in range(19)]
        naive += found.kappa > max(shuffled)
    # .05 of 400 gives 20 +- 4.4.
    assert shifted <= 33
    assert naive > 60


def test_reports_that_follow_the_same_phases_are_told():
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(50):
        a = lasting(rng, 160)
        b = np.where(rng.random(160) < 0.6, a, rng.integers(3, size=160))
        hits += agree(a.reshape(40, 4), b.reshape(40, 4)).p_value <= 0.05
    assert hits >= 48


def test_a_strict_rhythm_that_both_keep_is_no_agreement():
    path = np.tile(np.repeat([0, 1, 2], 8), 10).reshape(-1, 4)
    found = agree(path, path)
    assert found.kappa == 1
    assert found.p_value > 0.1


def test_what_never_changes_or_hardly_overlaps_has_no_kappa():
    path = lasting(np.random.default_rng(6), 60)[:, None]
    still = agree(path, np.zeros_like(path))
    assert np.isnan(still.kappa) and np.isnan(still.p_value) and still.agreement == (path == 0).mean()
    apart = agree(np.where(np.arange(60)[:, None] < 9, path, -1), path)
    assert apart.n_both == 9 and np.isnan(apart.agreement)


@pytest.mark.parametrize(
    ("day", "slot", "shape"),
    [
        ([0, 0, 1, 1], [0, 1, 0, 1], (2, 2)),
        ([0, 0, 1, 1], [0, 1, 2, 3], (2, 2)),
        ([0, 0, 0, 0], [0, 1, 2, 3], (4, 1)),
        ([0, 1, 2, 3], [0, 0, 0, 0], (4, 1)),
        ([0, 0, 1, 2], [0, 2, 2, 0], (3, 2)),
    ],
)
def test_a_calendar_has_a_row_per_day_or_per_occasion(day, slot, shape):
    values = np.arange(4)
    table = calendar(np.array(day), np.array(slot), values)
    assert table.shape == shape
    assert sorted(table[table >= 0]) == [0, 1, 2, 3]


def test_a_shift_without_a_kappa_counts_against_agreement():
    # Answers on one third of the days alone: most shifts leave too few days that both know.
    path = np.random.default_rng(8).integers(0, 2, 60)
    a = np.where(np.arange(60) < 22, path, -1)
    found = agree(a[:, None], a[:, None])
    shared = [int(((a >= 0) & (np.roll(a, shift) >= 0)).sum()) for shift in range(1, 60)]
    n_without = sum(n < 10 for n in shared)
    assert (found.kappa, found.n_shifts) == (1.0, 59) and 0 < n_without < 59
    # No shift of random phases agrees perfectly; those without a kappa count as if they did.
    assert found.p_value == (1 + n_without) / 60
