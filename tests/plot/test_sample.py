"""Check figures of samples: the numbers drawn are those of the table, and no mark is one dyad's."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DataError


def table():
    rows = [("a", "sd", 1.0, 0.5, 0.9, 1.6), ("b", "sd", 1.2, 0.7, 1.1, 1.9), ("a", "inertia", 0.1, -0.1, 0.1, 0.3)]
    return pd.DataFrame(rows, columns=["of", "number", "mean", "low", "middle", "high"])


def test_spread_draws_quartiles_median_and_mean():
    figure = rd.plot.spread(table())
    first, second = figure.axes
    assert (first.get_xlabel(), second.get_xlabel()) == ("sd", "inertia")
    assert [label.get_text() for label in first.get_yticklabels()] == ["a", "b"]
    bars = first.collections[0].get_segments()
    np.testing.assert_allclose([[bar[0][0], bar[1][0]] for bar in bars], [[0.5, 1.6], [0.7, 1.9]])
    medians, means = (line.get_xdata() for line in first.lines)
    np.testing.assert_allclose(medians, [0.9, 1.1])
    np.testing.assert_allclose(means, [1.0, 1.2])
    # Only where the numbers lie on both sides of it is zero drawn.
    assert (len(first.lines), len(second.lines)) == (2, 3)


def test_spread_needs_quartiles():
    with pytest.raises(DataError, match="no row has quartiles; they need ten dyads"):
        rd.plot.spread(table().assign(low=np.nan))
    with pytest.raises(DataError, match="middle"):
        rd.plot.spread(table().drop(columns="middle"))


def test_compliance_course_draws_the_shares():
    panel = rd.simulate.cycles("linear", n_dyads=4, n_occasions=40, missing=0.2, seed=1).panel
    shares = panel.compliance()
    figure = rd.plot.compliance_course(shares)
    for ax, level in zip(figure.axes, ("day", "beep"), strict=True):
        own = shares[shares["level"] == level]
        answered, both = (line.get_ydata() for line in ax.lines)
        np.testing.assert_allclose(answered, own["share"])
        np.testing.assert_allclose(both, own["both_share"])


def test_a_cross_section_has_no_course():
    panel = rd.simulate.apim(n_dyads=10, actor=0.3, partner=0.2, seed=1).panel
    with pytest.raises(DataError, match="neither several days nor several prompts"):
        rd.plot.compliance_course(panel.compliance())
