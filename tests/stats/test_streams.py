"""Streams keyed by data: what they must not depend on, and what they must."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reldyn.errors import DesignError
from reldyn.stats import child_generator, child_seed, data_key, seed_sequence, stream

Y = np.array([[3.0, 1.0], [np.nan, 2.0], [5.0, 2.0], [3.0, 7.0]])


@given(
    hnp.arrays(np.int64, st.integers(1, 30), elements=st.integers(-50, 50)),
    st.sampled_from([1, 3, 10]),
    st.integers(-100, 100),
)
def test_an_increasing_change_of_unit_or_of_type_leaves_the_key(values, factor, shift):
    key = data_key(values)
    assert data_key(factor * values.astype(float) + shift) == key
    assert data_key((values.astype(np.float32) * factor).astype(np.float32)) == key
    assert data_key(values.astype(np.int16).tolist()) == key
    assert data_key(np.exp(values / 10)) == key


def test_the_key_is_the_same_on_every_machine():
    # Streams of published analyses hang on it.
    assert data_key([1.0, 2.0, np.nan]) == (2978444335, 2862706129, 823509024, 1349790982)
    assert data_key(Y) == data_key(np.asfortranarray(Y)) == data_key(Y.astype(">f8"))


def test_answers_gaps_order_and_shape_change_the_key():
    keys = {
        data_key(one)
        for one in (Y, Y[::-1], Y[:3], Y[:, ::-1], Y[:, 0], np.nan_to_num(Y, nan=4.0), np.vstack([Y, [np.nan] * 2]), -Y)
    }
    assert len(keys) == 8


def test_the_mask_decides_what_counts_as_answered():
    filled = np.nan_to_num(Y, nan=77.0)
    assert data_key(filled, np.isfinite(Y)) == data_key(Y)
    rows = np.array([True, False, True, True])
    assert data_key(filled, rows) == data_key(np.where(rows[:, None], Y, np.nan))
    with pytest.raises(DesignError, match="give one value per occasion"):
        data_key(Y, [True, False])
    with pytest.raises(DesignError, match="3 dimensions"):
        data_key(np.zeros((2, 2, 2)))


def test_partners_without_roles_may_change_places():
    assert data_key(Y, exchangeable=True) == data_key(Y[:, ::-1], exchangeable=True)
    assert data_key(Y) != data_key(Y[:, ::-1])


def test_a_stream_depends_on_its_own_series_and_on_nothing_else():
    series = {name: np.random.default_rng(k).integers(1, 8, 20) for k, name in enumerate("abc")}

    def draws(order, rename=str, change=lambda y: y):
        return {rename(name): stream(7, data_key(change(series[name])), 3).random(5) for name in order}

    first = draws("abc")
    for other, names in ((draws("cab"), "abc"), (draws("b"), "b"), (draws("ca", change=lambda y: y / 7 - 3), "ca")):
        for name in names:
            np.testing.assert_array_equal(other[name], first[name])
    renamed = draws("abc", rename=str.upper)
    np.testing.assert_array_equal(renamed["A"], first["a"])
    assert len({float(values[0]) for values in first.values()}) == 3


def test_number_and_seed_tell_streams_of_one_series_apart():
    key = data_key(Y)
    values = {float(stream(seed, key, *index).random()) for seed in (1, 2) for index in ((), (0,), (1,), (0, 1))}
    assert len(values) == 8
    assert stream(np.random.SeedSequence(1), key).random() == stream(1, key).random()


def test_children_are_those_of_numpy_and_leave_the_seed_alone():
    seed = np.random.SeedSequence(5)
    children = np.random.SeedSequence(5).spawn(3)
    assert child_generator(seed, 2).random() == np.random.Generator(np.random.PCG64(children[2])).random()
    assert child_seed(child_seed(seed, 1), 4).spawn_key == (1, 4)
    assert seed.n_children_spawned == 0
    assert seed_sequence(seed) is seed
