"""Clients without a partner: everyone's own numbers are those of a panel with partners."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd


@pytest.fixture(scope="module")
def panels():
    """The clients alone, and the clients with their partners."""
    rng, rows = np.random.default_rng(3), []
    for case in range(12):
        for who in ("client", "partner"):
            level, state = rng.normal(4, 1), 0.0
            for day in range(7):
                for beep in range(4):
                    state = 0.4 * state + rng.normal()
                    rows.append(
                        (case, f"{who} {case}", who, day, beep, level + state, level + 0.5 * state + rng.normal())
                    )
    frame = pd.DataFrame(rows, columns=["case", "id", "who", "day", "beep", "sad", "low"])
    roles = {"dyad": "case", "person": "id", "role": "who", "day": "day", "beep": "beep"}
    alone = rd.DyadPanel(frame[frame["who"] == "client"], **roles)
    return alone, rd.DyadPanel(frame, **roles)


def test_a_panel_of_clients_is_made_with_one_warning(panels):
    alone, _ = panels
    warned = alone.findings[alone.findings["severity"] == "warning"]
    assert warned["code"].tolist() == ["dyad-size"]
    assert (alone.n_dyads, alone.n_persons) == (12, 12)


def test_dynamics_of_each_client_need_no_partner(panels):
    alone, both = panels
    mine = rd.affect_dynamics(alone, ["sad", "low"])
    theirs = rd.affect_dynamics(both, ["sad", "low"])
    for name in ("mean", "sd", "rmssd", "inertia", "n_pairs"):
        of = dict(zip(zip(theirs["person"], theirs["variable"], strict=True), theirs[name], strict=True))
        wanted = [of[key] for key in zip(mine["person"], mine["variable"], strict=True)]
        np.testing.assert_allclose(mine[name], wanted, rtol=1e-12)


@pytest.mark.parametrize("name", ["inertia", "instability", "location_scale", "icc"])
def test_multilevel_dynamics_of_clients(panels, name):
    result = getattr(rd.dynamics, name)(panels[0], "sad")
    table = result.tidy()
    assert table["estimate"].notna().any()
    assert result.n_persons == 12


def test_network_density_of_clients(panels):
    table = rd.dynamics.network_density(panels[0], ["sad", "low"]).tidy()
    assert (table["level"] == "person").sum() == 12
    assert table.select_dtypes("number").notna().any().any()
