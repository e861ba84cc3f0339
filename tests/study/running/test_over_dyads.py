"""Check the spread over dyads against pandas, and that few dyads are not spoken of."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.study.running._over_dyads import has_ids, of_sample, spreads


def table(n_dyads, seed=1):
    draws = np.random.default_rng(seed)
    rows = [
        {
            "term": f"{dyad} {who} {kind}",
            "dyad": dyad,
            "giver": who,
            "effect": kind,
            "estimate": draws.normal(),
            "p_value": 0.5,
        }
        for dyad in range(n_dyads)
        for who in ("a", "b")
        for kind in ("inertia", "influence")
    ]
    return pd.DataFrame(rows)


def test_means_and_quartiles_are_those_of_dyads():
    frame = table(12)
    found = spreads(frame, {"giver"}, ["a", "b"])
    assert [one.of for one in found] == ["a, inertia", "a, influence", "b, inertia", "b, influence"]
    for one in found:
        who, kind = one.of.split(", ")
        values = frame[(frame["giver"] == who) & (frame["effect"] == kind)]["estimate"]
        assert one.n == 12
        wanted = [values.mean(), values.std(), *values.quantile([0.25, 0.5, 0.75])]
        np.testing.assert_allclose([one.mean, one.sd, one.low, one.middle, one.high], wanted, rtol=1e-12)


def test_partners_without_roles_count_once():
    frame = table(12)
    (inertia, _) = spreads(frame.assign(giver=frame["dyad"].astype(str) + frame["giver"]), {"giver"}, [])
    means = frame[frame["effect"] == "inertia"].groupby("dyad")["estimate"].mean()
    assert inertia.n == 12
    assert inertia.mean == pytest.approx(means.mean(), rel=1e-12)
    assert inertia.sd == pytest.approx(means.std(), rel=1e-12)


@pytest.mark.parametrize(
    ("n", "means", "quartiles"), [(4, False, False), (5, True, False), (9, True, False), (10, True, True)]
)
def test_few_dyads_are_not_spoken_of(n, means, quartiles):
    one = spreads(table(n), {"giver"}, ["a", "b"])[0]
    assert one.n == n
    assert np.isfinite([one.mean, one.sd]).all() == means
    assert np.isfinite([one.low, one.middle, one.high]).all() == quartiles


def test_truth_is_a_share():
    frame = pd.DataFrame({"dyad": range(10), "decidable": [True] * 7 + [False] * 3})
    (one,) = spreads(frame, (), ())
    assert (one.number, one.n, one.mean) == ("share decidable", 10, pytest.approx(0.7))
    assert np.isnan([one.sd, one.low, one.middle, one.high]).all()


def test_rows_of_the_sample_are_told_apart():
    frame = pd.DataFrame(
        {"dyad": ["sample", 1, 2], "person": [None, 1, 2], "estimate": [0.5, 0.4, 0.6], "note": ["", "", "x"]}
    )
    assert has_ids(frame)
    assert of_sample(frame).to_dict("records") == [{"estimate": 0.5}]
    assert not has_ids(of_sample(frame))
    bare = frame.drop(columns=["dyad", "person"])
    assert of_sample(bare) is bare


def test_kinds_of_numbers_are_not_averaged_together():
    kinds = [f"measure {number}" for number in range(15)]
    rows = [
        {"term": f"{dyad}: {kind}", "dyad": dyad, "measure": kind, "verdict": "yes" if dyad < 4 else "no", "lag": lag}
        for dyad in range(10)
        for kind in kinds
        for lag in (0, 1)
    ]
    frame = pd.DataFrame(rows).assign(estimate=lambda table: table["measure"].str[8:].astype(int) + 0.5 * table["lag"])
    found = spreads(frame, (), ())
    assert len(found) == 30
    wanted = {(f"measure {n}, lag {lag}", n + lag / 2) for n in range(15) for lag in (0, 1)}
    assert {(one.of, one.mean) for one in found} == wanted


def test_who_was_found_to_lead_parts_no_rows():
    leads = ["a"] * 7 + ["b"] * 6
    frame = pd.DataFrame({"dyad": range(13), "x": "a", "y": "b", "estimate": np.arange(13.0), "leads": leads})
    (one,) = spreads(frame, {"x", "y", "leads"}, ["a", "b"])
    assert (one.of, one.n, one.mean) == ("", 13, 6.0)


def test_a_real_table():
    panel = rd.simulate.cycles("linear", n_dyads=12, n_occasions=40, seed=2).panel
    found = spreads(rd.affect_dynamics(panel, ["warmth"]).tidy(), {"person"}, panel.roles)
    means = {(one.of, one.number): one.mean for one in found}
    for role in panel.roles:
        own = rd.affect_dynamics(panel, ["warmth"]).tidy()
        assert means[str(role), "sd"] == pytest.approx(own[own["role"] == role]["sd"].mean(), rel=1e-12)
    assert not any(one.number in ("dyad", "person", "n_obs") for one in found)


def test_limits_of_intervals_are_not_averaged():
    rows = pd.DataFrame({"dyad": range(12), "giver": "a", "hazard": 0.3, "hazard_low": 0.1, "hazard_high": 0.5})
    assert [one.number for one in spreads(rows.assign(peak_high=1.0), set(), ["a"])] == ["hazard", "peak_high"]
