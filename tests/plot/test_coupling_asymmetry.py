"""The figure of cross effects shows the numbers of the table, and the side on which each member leads."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DesignError

mpl.use("Agg")


def led(n_dyads, n=160, seed=1, noise=1.0):
    """Couples in which ``a`` leads by 0.5 and ``b`` does not lead."""
    rng = np.random.default_rng(seed)
    frames = []
    for dyad in range(1, n_dyads + 1):
        values = np.zeros((n, 2))
        for t in range(1, n):
            values[t] = np.array([[0.3, 0.0], [0.5, 0.3]]) @ values[t - 1] + noise * rng.standard_normal(2)
        for member, role in enumerate("ab"):
            cells = {"dyad": dyad, "person": f"{dyad}{role}", "role": role, "time": np.arange(n)}
            frames.append(pd.DataFrame({**cells, "y": values[:, member]}))
    return rd.DyadPanel(pd.concat(frames), dyad="dyad", person="person", role="role", time="time")


def marks(ax, label):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return np.asarray(line.get_xdata(), dtype=float)


def test_marks_and_bars_are_the_numbers_of_the_table():
    result = rd.coupling.asymmetry(led(3), "y", trend=False, time_of_day=False)
    left, right = result.plot().axes
    rows = result.tidy()
    cross = rows[(rows["effect"] == "influence") & (rows["model"] == "observed")]
    assert marks(left, "a to b") == pytest.approx(cross.loc[cross["source"] == "a", "estimate"])
    assert marks(left, "b to a") == pytest.approx(cross.loc[cross["source"] == "b", "estimate"])
    apart = rows[rows["effect"] == "difference"]
    for model, label in (("observed", "as measured"), ("latent", "error allowed")):
        assert marks(right, label) == pytest.approx(apart.loc[apart["model"] == model, "estimate"])
    ends = np.array([segment[:, 0] for segment in right.collections[0].get_segments()])
    shown = apart[apart["model"] == "observed"]
    assert ends[:, 0] == pytest.approx(shown["conf_low"])
    assert ends[:, 1] == pytest.approx(shown["conf_high"])
    assert marks(right, "as measured").mean() > 0.2
    assert right.get_xlabel().endswith("a leads")
    assert [tick.get_text() for tick in left.get_yticklabels()] == ["dyad 1", "dyad 2", "dyad 3", "sample"]


def test_nothing_to_draw_is_said():
    flat = led(1, noise=0.0)
    with pytest.raises(DesignError, match="no dyad has an estimate"):
        rd.coupling.asymmetry(flat, "y", trend=False, check=False).plot()
