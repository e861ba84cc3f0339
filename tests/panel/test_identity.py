import numpy as np
import pandas as pd

from reldyn.panel._identity import factorize, identify


def test_unique_ids_keep_their_codes_and_labels():
    who = identify(["b", "b", "a", "a"], [11, 12, 21, 22])
    assert who.dyad_codes.tolist() == [1, 1, 0, 0]
    assert who.dyad_labels.tolist() == ["a", "b"]
    assert who.person_codes.tolist() == [0, 1, 2, 3]
    assert who.person_labels.tolist() == [11, 12, 21, 22]
    assert not who.within_dyad
    assert who.person_dyads().tolist() == [1, 1, 0, 0]
    assert who.members().tolist() == [0, 1, 0, 1]
    assert (who.n_dyads, who.n_persons) == (2, 4)


def test_labels_within_the_dyad_become_unique_codes():
    who = identify([5, 5, 6, 6, 6], ["f", "m", "m", "f", "m"])
    assert who.within_dyad
    assert who.person_codes.tolist() == [0, 1, 3, 2, 3]
    assert who.person_labels.tolist() == ["f", "m", "f", "m"]
    assert who.members().tolist() == [0, 1, 0, 1]


def test_a_third_member_does_not_hide_labels_within_the_dyad():
    dyads = np.repeat(np.arange(10), 2).tolist() + [3]
    persons = [1, 2] * 10 + [3]
    who = identify(dyads, persons)
    assert who.within_dyad
    assert who.n_persons == 21
    assert who.members()[who.person_codes[-1]] == 2


def test_one_stray_person_is_not_a_label_within_the_dyad():
    who = identify([1, 1, 2, 2], ["a", "b", "a", "c"])
    assert not who.within_dyad
    assert who.person_codes.tolist() == [0, 1, 0, 2]


def test_one_dyad_is_never_relabelled():
    assert not identify([1, 1, 1, 1], [1, 2, 1, 2]).within_dyad


def test_missing_ids_get_no_code():
    who = identify([1, 1, None, 2, 2], [1, 2, 1, 1, None])
    assert who.within_dyad
    assert who.dyad_codes.tolist() == [0, 0, -1, 1, 1]
    assert who.person_codes.tolist() == [0, 1, -1, 2, -1]


def test_no_rows():
    who = identify([], [])
    assert (who.n_dyads, who.n_persons) == (0, 0)
    assert who.members().tolist() == []


def test_unsortable_and_unhashable_labels_are_told_apart():
    codes, labels = factorize(pd.Series([[1], [2], [1], None], dtype=object))
    assert codes.tolist() == [0, 1, 0, -1]
    assert labels.tolist() == ["[1]", "[2]"]
    codes, _ = factorize(pd.Series([1, "a", 1.0], dtype=object))
    assert codes[0] == codes[2] != codes[1]


def test_codes_do_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(3)
    dyads = np.repeat(np.arange(30), 4)
    persons = dyads * 10 + np.tile([0, 0, 1, 1], 30)
    order = rng.permutation(len(dyads))
    straight, mixed = identify(dyads, persons), identify(dyads[order], persons[order])
    assert np.array_equal(straight.person_codes[order], mixed.person_codes)
