"""Sessions of two series as panels, and the stored numbers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="session")
def synchrony_reference():
    """Numbers of R packages on the files of ``reference/in``."""
    return json.loads((REFERENCE / "d_synchrony.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def session():
    """Make a panel of dyads from pairs of series: ``session([(x, y), ...], beeps=None)``, days of ``beeps``."""

    def make(pairs, beeps=None):
        parts = []
        for dyad, (x, y) in enumerate(pairs, start=1):
            t = np.arange(len(x))
            clock = {"time": t} if beeps is None else {"day": t // beeps, "beep": t % beeps}
            for role, values in (("a", x), ("b", y)):
                parts.append(
                    pd.DataFrame({"dyad": dyad, "person": f"{dyad}{role}", "role": role, **clock, "v": values})
                )
        roles = {"time": "time"} if beeps is None else {"day": "day", "beep": "beep"}
        return rd.DyadPanel(pd.concat(parts, ignore_index=True), dyad="dyad", person="person", role="role", **roles)

    return make


@pytest.fixture(scope="session")
def coupled():
    """Two swinging series of 600 samples, the second following the first after four."""
    table = pd.read_csv(REFERENCE / "in" / "cont.csv")
    return table["a"].to_numpy(), table["b"].to_numpy()


@pytest.fixture(scope="session")
def autoregression():
    """``autoregression(n, phi, rng)``: a stationary AR(1) series."""

    def make(n, phi, rng):
        from scipy.signal import lfilter

        return lfilter([1.0], [1.0, -phi], rng.standard_normal(n + 300))[300:]

    return make
