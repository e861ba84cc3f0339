import numpy as np
import pytest

import reldyn as rd
from reldyn.intervention._effect_size import size_of_change


@pytest.mark.parametrize(("name", "entry"), [("smd", "calc_SMD"), ("lrr_increasing", "calc_LRRi")])
def test_sizes_agree_with_the_reference(reference, phases, name, entry):
    (wanted,) = reference[entry]
    found = size_of_change(name, *phases)
    assert (found.estimate, found.std_error) == pytest.approx((wanted["Est"], wanted["SE"]), abs=1e-11)
    assert (found.conf_low, found.conf_high) == pytest.approx((wanted["CI_lower"], wanted["CI_upper"]), abs=1e-11)


def test_the_baseline_sd_is_told(reference, couple):
    found = rd.intervention.effect_size(couple, outcome="y", phase="phase", sizes=["smd"])
    assert found["baseline_sd"].iloc[0] == pytest.approx(reference["calc_SMD"][0]["baseline_SD"], abs=1e-11)


def test_a_pooled_difference_is_hedges_g(phases):
    before, after = phases
    m, n = len(before), len(after)
    pooled = np.sqrt(((m - 1) * before.var(ddof=1) + (n - 1) * after.var(ddof=1)) / (m + n - 2))
    wanted = (1 - 3 / (4 * (m + n - 2) - 1)) * (after.mean() - before.mean()) / pooled
    assert size_of_change("smd_pooled", before, after).estimate == pytest.approx(wanted, abs=1e-12)


def test_directions_turn_signs_and_limits(couple):
    up = rd.intervention.effect_size(couple, outcome="y", phase="phase")
    down = rd.intervention.effect_size(couple, outcome="y", phase="phase", improvement="decrease")
    turned = up["size"].str.startswith("smd")
    np.testing.assert_allclose(down.loc[turned, "estimate"], -up.loc[turned, "estimate"])
    np.testing.assert_allclose(down.loc[turned, "conf_low"], -up.loc[turned, "conf_high"])
    np.testing.assert_allclose(down.loc[~turned, "estimate"], up.loc[~turned, "estimate"])
    ratios = up.set_index(["role", "size"])["estimate"]
    assert ratios["a", "lrr_increasing"] == -ratios["a", "lrr_decreasing"]


def test_a_ratio_needs_a_scale_with_a_zero_and_a_difference_needs_variance(couple):
    frame = couple.frame
    frame.loc[frame["role"] == "a", "y"] -= 30
    frame.loc[(frame["role"] == "b") & (frame["phase"] == "A"), "y"] = 2.0
    panel = rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="t")
    found = rd.intervention.effect_size(panel, outcome="y", phase="phase").set_index(["role", "size"])
    wanted = "a ratio of means needs answers that are not negative and means above 0"
    assert found.loc[("a", "lrr_increasing"), "note"] == wanted
    assert found.loc[("b", "smd"), "note"] == "the answers of the earlier phase never vary"
    assert np.isfinite(found.loc[("b", "smd_pooled"), "estimate"])


def test_unknown_sizes_are_refused(couple):
    with pytest.raises(rd.DesignError, match="size='d' is not known; allowed: 'smd'"):
        rd.intervention.effect_size(couple, outcome="y", phase="phase", sizes=["d"])


def test_a_ratio_of_two_constants_has_no_interval(couple):
    flat = couple._with_columns({"y": np.where(couple.frame["phase"] == "A", 2.0, 4.0)})
    found = rd.intervention.effect_size(flat, outcome="y", phase="phase", sizes=["lrr_increasing"])
    np.testing.assert_allclose(found["estimate"], np.log(2))
    assert found[["conf_low", "conf_high"]].isna().all(axis=None)
    assert set(found["note"]) == {"neither phase varies: no interval"}
