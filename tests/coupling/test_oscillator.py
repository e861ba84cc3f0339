"""Coupled oscillators against stored coefficients and the planted frequencies of noiseless swings."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reldyn.coupling import coupled_oscillator
from reldyn.coupling._oscillator import _with_period, glla_weights

SWINGS = pd.read_csv(Path(__file__).parent / "reference" / "in" / "clo.csv")
NAMES = {
    "frequency": "eta",
    "damping": "zeta",
    "partner position": "p_eta",
    "partner speed": "p_zeta",
    "period": "period",
}


def pairs(n=None):
    return [(part["y0"].to_numpy(), part["y1"].to_numpy()) for _, part in SWINGS.groupby("dyad")][:n]


def test_weights_of_five_occasions(synchrony_reference):
    assert glla_weights(5) == pytest.approx(np.array(synchrony_reference["gllaW_5_1_1"]), abs=1e-12)


def test_local_linear_coefficients_of_every_dyad(session, synchrony_reference):
    found = coupled_oscillator(session(pairs()), "v", method="local-linear").set_index(["dyad", "outcome", "term"])
    for stored in synchrony_reference["clo"]:
        for member, outcome in enumerate("ab"):
            for term, name in NAMES.items():
                value = found.loc[(stored["dyad"], outcome, term), "estimate"]
                assert value == pytest.approx(stored[f"{name}{member}"], rel=1e-8)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_state_space_recovers_the_planted_frequencies(session, missing):
    x, y = (np.array(values) for values in pairs(1)[0])
    rng = np.random.default_rng(1)
    for values in (x, y):
        values[rng.random(len(values)) < missing] = np.nan
    found = coupled_oscillator(session([(x, y)]), "v")
    eta = found[found["term"] == "frequency"]
    assert eta["estimate"].to_numpy() == pytest.approx(SWINGS.loc[0, ["eta0", "eta1"]].to_numpy(float), rel=0.01)
    assert (found["note"] == "").all()
    assert (found["n_obs"] == np.isfinite([x, y]).sum()).all()


def test_what_does_not_swing_has_no_period():
    frequency = dict.fromkeys(("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"), 0.1)
    rows = _with_period([{"term": "frequency", "note": "", **frequency}])
    assert np.isnan(rows[-1]["estimate"])
    assert "no swing" in rows[-1]["note"]
