import numpy as np
import pytest

import reldyn as rd


@pytest.fixture(scope="module")
def fitted():
    panel = rd.simulate.intervention(n_dyads=2, level=2.0, missing=0.1, seed=3).panel
    return rd.intervention.interrupted_series(panel, outcome="closeness", phase="phase", n_boot=99, seed=1)


def test_a_single_case_shows_answers_fit_and_start(fitted):
    figure = fitted.plot(dyad=fitted.series["dyad"].iloc[-1])
    assert len(figure.axes) == 2
    mine = fitted.series[fitted.series["person"] == fitted.series["person"].iloc[-1]]
    mine = mine[mine["dyad"] == fitted.series["dyad"].iloc[-1]]
    before, _, after, _, start = figure.axes[1].lines
    drawn = np.concatenate([before.get_ydata(), after.get_ydata()])
    np.testing.assert_array_equal(drawn, mine["value"])
    last = mine.loc[~mine["after"], "time"].max()
    assert start.get_xdata()[0] == last + 0.5


def test_a_dyad_that_is_not_there_is_named(fitted):
    with pytest.raises(rd.errors.DesignError, match="dyad='nobody' is no dyad of the result; there are: "):
        rd.plot.phases(fitted, dyad="nobody")
