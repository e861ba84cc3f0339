"""An outcome far from zero, as times and counts of steps are, changes nothing but the level."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

SHIFT = 1e5


@pytest.fixture(scope="module")
def panels():
    """The same study with an outcome around 0 and around 100,000 SD."""
    frame = rd.simulate.apim(n_dyads=40, n_occasions=10, actor=0.3, partner=0.2, seed=3).panel.frame
    frame["kind"] = np.array(["a", "b", "c"])[np.arange(len(frame)) % 3]
    names = {"dyad": "dyad", "person": "person", "role": "role", "time": "time"}
    far = frame.assign(y=frame["y"] + SHIFT * frame["y"].std())
    return rd.DyadPanel(frame, **names), rd.DyadPanel(far, **names)


def check_alike(near, far):
    slopes = ~near["effect"].str.contains("intercept")
    for name in ("std_error", "df", "conf_low", "conf_high", "statistic", "p_value"):
        rows = slopes if name not in ("std_error", "df") else slice(None)
        np.testing.assert_allclose(far[name][rows], near[name][rows], rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("unit", ["person", "dyad"])
def test_inertia_far_from_zero(panels, unit):
    near, far = (rd.dynamics.inertia(panel, "y", unit=unit) for panel in panels)
    check_alike(near.tidy(), far.tidy())
    np.testing.assert_allclose(far.persons()["inertia"], near.persons()["inertia"], rtol=1e-6)


@pytest.mark.parametrize("roles", ["exchangeable", "distinguishable"])
@pytest.mark.parametrize("inference", ["kenward-roger", "cr2", "dyad-bootstrap"])
def test_an_actor_partner_model_far_from_zero(panels, roles, inference):
    estimation = rd.Estimation(inference=inference, n_boot=19, seed=1)
    near, far = (
        rd.apim(panel, outcome="y", predictors=["x"], covariates=["kind"], roles=roles, estimation=estimation)
        for panel in panels
    )
    check_alike(near.tidy(), far.tidy())
    if inference == "kenward-roger":
        pd.testing.assert_frame_equal(far.joint_test("kind"), near.joint_test("kind"), rtol=1e-6)
        np.testing.assert_allclose(far.influence()["cooks_distance"], near.influence()["cooks_distance"], rtol=1e-6)
        np.testing.assert_allclose(
            far.augment()["residual_conditional"], near.augment()["residual_conditional"], atol=1e-6
        )
