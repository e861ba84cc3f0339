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


@pytest.fixture(scope="module")
def answered():
    study = rd.simulate.intervention(n_dyads=4, response=(0, 0, 2.0, 1.0, 0), seed=1)
    return rd.intervention.event_response(
        study.panel, outcome="closeness", event="check_in", n_boot=99, n_surrogates=19, seed=1
    )


def test_the_days_around_an_event_are_the_means_over_dyads(answered):
    left, right = answered.plot().axes
    assert [ax.get_title(loc="left") for ax in (left, right)] == ["a", "b"]
    table = answered.tidy()
    for ax, role in ((left, "a"), (right, "b")):
        rows = table[(table["dyad"] == "sample") & (table["role"] == role)]
        np.testing.assert_array_equal(ax.lines[-1].get_ydata(), rows["estimate"])
        ends = np.array([segment[:, 1] for segment in ax.collections[-1].get_segments()])
        np.testing.assert_array_equal(ends, rows[["conf_low", "conf_high"]])
        assert len(ax.lines) == 2 + 4 + 1
    assert left.get_xlabel() == "day from check_in"


def test_one_dyad_is_drawn_with_its_own_intervals(answered):
    left, _ = answered.plot(dyad=2).axes
    rows = answered.tidy().query("dyad == 2 and role == 'a'")
    np.testing.assert_array_equal(left.lines[-1].get_ydata(), rows["estimate"])
    with pytest.raises(rd.errors.DesignError, match=r"^dyad=9 is no dyad of the result; there are: 1, 2, 3, 4\.$"):
        answered.plot(dyad=9)


def test_without_means_over_dyads_the_persons_are_drawn_alone():
    study = rd.simulate.intervention(n_dyads=2, response=(0, 0, 2.0, 1.0, 0), seed=1)
    found = rd.intervention.event_response(
        study.panel, outcome="closeness", event="check_in", n_boot=99, n_surrogates=19, seed=1
    )
    assert found.tidy().query("dyad == 'sample'")["estimate"].isna().all()
    assert [len(ax.lines) for ax in found.plot().axes] == [2 + 2, 2 + 2]


def test_responses_that_were_not_estimated_are_not_drawn():
    study = rd.simulate.intervention(n_dyads=1, n_before=52, seed=1)
    with pytest.warns(rd.errors.DataWarning, match="2 of 2 series could not be fitted"):
        found = rd.intervention.event_response(study.panel, outcome="closeness", event="check_in", seed=1)
    with pytest.raises(rd.errors.DesignError, match=r"^no response was estimated: models\['note'\] says why\.$"):
        found.plot()


def test_a_change_is_filled_where_it_leaves_the_band_of_chance():
    study = rd.simulate.intervention(n_dyads=4, level=(0.0, 2.0), seed=2)
    table = rd.intervention.reliable_change(study.panel, outcome="closeness", phase="phase", n_boot=99, seed=1)
    ax = rd.plot.reliable_change(table).axes[0]
    dots = ax.lines[1:]
    assert [dot.get_xdata()[0] for dot in dots] == table["change"].tolist()
    filled = [dot.get_markerfacecolor() != "white" for dot in dots]
    assert filled == table["reliable"].tolist()
    assert {True, False} == set(filled)
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], 2 * table["critical_change"])
    outside = np.abs(table["change"]) > table["critical_change"]
    assert (outside == table["reliable"].astype(bool)).all()
    with pytest.raises(rd.errors.DesignError, match=r"^no person has a change to judge: the column note says why\.$"):
        rd.plot.reliable_change(table.assign(critical_change=np.nan))


def test_series_without_an_answer_are_not_drawn_as_empty_axes():
    frame = rd.simulate.intervention(n_dyads=2, level=1.0, seed=1).panel.frame.assign(closeness=np.nan)
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day")
    with pytest.warns(rd.DataWarning, match="could not be fitted"):
        fit = rd.intervention.interrupted_series(panel, outcome="closeness", phase="phase", n_boot=99, seed=1)
    with pytest.raises(rd.DesignError, match="has no answer to draw: models"):
        fit.plot()
