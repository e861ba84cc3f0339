"""Tests against surrogates answer alike, whatever the dyads are called and in which order they stand."""

import numpy as np
import pandas as pd
import pytest

from reldyn import coupling
from reldyn.panel import DyadPanel

N_DYADS, N_DAYS, N_BEEPS = 6, 12, 10
PSEUDO = coupling.Surrogates("pseudo-pairs", n=3)

TESTS = {
    "susy": lambda panel: coupling.susy(panel, "y", segment=5, max_lag=1, n_surrogates=19, seed=3),
    "correlation": lambda panel: coupling.cross_correlation(panel, "y", surrogate=PSEUDO, seed=3),
    "days": lambda panel: coupling.cross_correlation(panel, "y", surrogate=coupling.Surrogates(n=5), seed=3),
    "windows": lambda panel: coupling.windowed_cross_correlation(
        panel, "y", window=5, increment=5, max_lag=1, surrogate=coupling.Surrogates("segment-shuffle", n=5), seed=3
    ),
    "recurrence": lambda panel: coupling.recurrence(panel, "y", surrogate=coupling.Surrogates(n=5), seed=3),
}


def panel_of(names):
    rng = np.random.default_rng(5)
    rows = pd.DataFrame(
        [(d, r, day, beep) for d in range(N_DYADS) for r in "fm" for day in range(N_DAYS) for beep in range(N_BEEPS)],
        columns=["dyad", "role", "day", "beep"],
    )
    rows["y"] = rng.normal(size=len(rows)).round(2)
    # Two dyads with the same answers have numbers of their own.
    rows.loc[rows["dyad"] == 1, "y"] = rows.loc[rows["dyad"] == 0, "y"].to_numpy()
    rows["dyad"] = [names[d] for d in rows["dyad"]]
    return DyadPanel(rows, dyad="dyad", person="role", role="role", day="day", beep="beep")


@pytest.mark.parametrize("name", TESTS)
def test_other_names_of_the_dyads_change_no_number(name):
    first, second = (TESTS[name](panel_of(names)) for names in ("abcdef", "fdbeca"))
    columns = ["estimate", "surrogate_mean", "p_value"]
    tables = [one.tidy().set_index("dyad")[columns] for one in (first, second)]
    # The dyads that answered alike change places with one another.
    assert tables[0].notna().all(axis=None)
    unlike = tables[0].loc[list("cdef")].to_numpy(), tables[1].loc[list("beca")].to_numpy()
    np.testing.assert_array_equal(*unlike)
    alike = [
        np.sort(table.loc[list(twins)].to_numpy(), axis=0) for table, twins in zip(tables, ("ab", "fd"), strict=True)
    ]
    np.testing.assert_array_equal(*alike)
    sample = [one.glance().select_dtypes("number").to_numpy() for one in (first, second)]
    np.testing.assert_allclose(*sample, rtol=1e-12)
