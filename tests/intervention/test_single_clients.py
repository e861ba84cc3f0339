"""Clients without a partner: their own series is estimated and tested, and who has no partner is said."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

CHANGE = {"estimate", "std_error", "df", "p_value"}
TEST = ["statistic", "p_value", "n_assignments", "n_dyads"]


def clients(mbd, role=None):
    """The six cases as clients of their own."""
    frame = mbd.assign(client=mbd["case"], role="client")
    return rd.DyadPanel(frame, dyad="case", person="client", role=role, time="t")


def doubled(frame, **columns):
    """The same cases as dyads whose partners answer alike."""
    both = pd.concat([frame.assign(person=who) for who in "xy"])
    return rd.DyadPanel(both, dyad="case", person="person", time="t", **columns)


def quiet(call, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rd.errors.DataWarning)
        return call(*args, **kwargs)


def mean_changes_in_every_order(mbd):
    """Mean change when every order of the cases gets the starts in use, by brute force."""
    cases = [rows for _, rows in mbd.groupby("case", sort=True)]
    starts = [rows.loc[rows["phase"] == "B", "t"].min() for rows in cases]

    def change(rows, start):
        return rows["y"][rows["t"] >= start].mean() - rows["y"][rows["t"] < start].mean()

    values = [
        np.mean([change(r, s) for r, s in zip(cases, order, strict=True)]) for order in itertools.permutations(starts)
    ]
    return values, np.mean([change(r, s) for r, s in zip(cases, starts, strict=True)])


@pytest.mark.parametrize(("role", "label"), [(None, ""), ("role", "client")])
def test_the_clients_own_series_give_what_dyads_of_equal_partners_give(mbd, role, label):
    own = quiet(rd.intervention.multiple_baseline, clients(mbd, role), outcome="y", phase="phase").tidy()
    mean = quiet(rd.intervention.multiple_baseline, doubled(mbd), outcome="y", phase="phase").tidy()
    assert own["role"].tolist() == [label] * 4
    assert own["term"].tolist() == [f"{label} {effect}".strip() for effect in own["effect"]]
    for column in CHANGE:
        np.testing.assert_allclose(own[column], mean[column], rtol=1e-9)


@pytest.mark.parametrize("role", [None, "role"])
def test_orders_of_clients_agree_with_brute_force(mbd, role):
    some = mbd[mbd["case"].isin(sorted(mbd["case"].unique())[:4])]
    values, observed = mean_changes_in_every_order(some)
    table = quiet(
        rd.intervention.randomization_test, clients(some, role), outcome="y", phase="phase", design="wampold-worsham"
    )
    assert table["role"].tolist() == ["" if role is None else "client"]
    assert table["statistic"].item() == pytest.approx(observed, rel=1e-12)
    assert table["p_value"].item() == pytest.approx(np.mean(np.array(values) >= observed - 1e-9), rel=1e-12)
    assert table["note"].item().startswith("with 24 possible") == (1 / 24 > 0.05)


def test_a_dyad_without_a_partner_is_counted_where_the_mean_of_both_is_meant(mbd):
    first = sorted(mbd["case"].unique())[0]
    both = pd.concat([mbd.assign(person=who) for who in "xy"])
    mixed = both[(both["case"] != first) | (both["person"] == "x")]
    panel = rd.DyadPanel(mixed, dyad="case", person="person", time="t")
    note = "1 dyad has one member only and no mean of both partners"
    fit = quiet(rd.intervention.multiple_baseline, panel, outcome="y", phase="phase")
    rest = quiet(rd.intervention.multiple_baseline, doubled(mbd[mbd["case"] != first]), outcome="y", phase="phase")
    assert fit.tidy()["note"].str.startswith(note).all()
    np.testing.assert_allclose(fit.tidy()["estimate"], rest.tidy()["estimate"], rtol=1e-9)
    sample = rd.intervention.randomization_test(panel, outcome="y", phase="phase", design="wampold-worsham")
    assert sample[["role", "note"]].to_numpy().tolist() == [["both", note]]


def test_in_a_test_of_each_dyad_clients_stand_beside_couples(mbd):
    first = sorted(mbd["case"].unique())[0]
    both = pd.concat([mbd.assign(person=who) for who in "xy"])
    panel = rd.DyadPanel(
        both[(both["case"] != first) | (both["person"] == "x")], dyad="case", person="person", time="t"
    )
    mixed = quiet(rd.intervention.randomization_test, panel, outcome="y", phase="phase").set_index("dyad")
    whole = quiet(rd.intervention.randomization_test, doubled(mbd), outcome="y", phase="phase").set_index("dyad")
    assert mixed["role"].to_dict() == {case: "" if case == first else "both" for case in whole.index}
    pd.testing.assert_frame_equal(mixed.loc[whole.index, TEST], whole[TEST])
