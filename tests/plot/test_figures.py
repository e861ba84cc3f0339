"""Check what the figures show, not how they look."""

import importlib.util
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DataError, DesignError

mpl.use("Agg")

_spec = importlib.util.spec_from_file_location("fake_fits", Path(__file__).with_name("fake_fits.py"))
fakes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fakes)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture
def panel():
    """Two couples, three beeps; the man of couple c2 misses the second, and c2 ends a beep early."""
    rows = [("c1", r, t, 1.0 + t, 7.0 - t) for r in "fm" for t in range(3)]
    rows += [("c2", "f", 0, 2.0, 2.0), ("c2", "f", 1, 3.0, 2.0), ("c2", "m", 0, 4.0, 2.0)]
    frame = pd.DataFrame(rows, columns=["dyad", "role", "t", "warmth", "stress"])
    return rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="t")


def texts(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts if text.get_text()]


def test_compliance_codes_both_one_nobody_and_outside(panel):
    ax = rd.plot.compliance_heatmap(panel)
    assert np.asarray(ax.images[0].get_array()).tolist() == [[3, 3, 3], [3, 2, 0]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "both partners",
        "one partner",
        "outside the dyad's days",
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["c1", "c2"]


def test_given_axes_are_drawn_on(panel):
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    assert rd.plot.compliance_heatmap(panel, ax=ax) is ax
    assert rd.plot.coefficients(fakes.distinguishable(), ax=ax) is ax


def test_trajectories_break_at_gaps_and_name_dyads():
    frame = pd.DataFrame(
        [(1, r, t, float(t)) for r in "fm" for t in (0, 1, 3, 4)], columns=["dyad", "role", "t", "warmth"]
    )
    panel = rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="t")
    figure = rd.plot.trajectories(panel, ["warmth"])
    line = figure.axes[0].lines[0]
    assert np.isnan(line.get_ydata()).sum() == 1
    assert line.get_ydata()[[0, 1, 3, 4]].tolist() == [0, 1, 3, 4]
    assert figure.axes[0].get_ylabel() == "dyad 1"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["f", "m"]


def test_trajectories_refuse_an_unknown_dyad(panel):
    with pytest.raises(DataError, match=r"no dyad 'c9' in the panel; there are 2: 'c1', 'c2'\."):
        rd.plot.trajectories(panel, ["warmth"], dyads=["c9"])


def test_trajectories_without_an_answer_are_refused():
    frame = pd.DataFrame([(1, r, t, np.nan) for r in "fm" for t in (0, 1)], columns=["dyad", "role", "t", "nothing"])
    empty = rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="t")
    with pytest.raises(rd.errors.DataError, match="Nobody answered 'nothing', so there is nothing to draw"):
        rd.plot.trajectories(empty, "nothing")


def test_trajectories_of_no_dyad_or_no_variable_are_refused(panel):
    with pytest.raises(DataError, match=r"^dyads= names no dyad: leave it out, or name some\.$"):
        rd.plot.trajectories(panel, ["warmth"], dyads=[])
    with pytest.raises(DesignError, match=r"^variables names no column: give one name, as text, or a list of names\.$"):
        rd.plot.trajectories(panel, [])


def test_path_diagram_puts_each_partner_path_on_the_partners_outcome():
    figure = rd.plot.path_diagram(fakes.distinguishable())
    within, between = figure.axes
    assert within.get_title(loc="left") == "conflict, within persons"
    assert between.get_title(loc="left") == "conflict, between persons"
    place = {text.get_text(): text.get_position()[1] for text in within.texts if "[" in text.get_text()}
    # The man stands above. His actor path is at the top, the woman's at the bottom.
    assert place["−0.14 [−0.18, −0.10]"] > 0.7
    assert place["−0.19 [−0.23, −0.15]"] < 0.3
    # The path to the man's satisfaction starts below, at the woman's conflict; the other one above.
    assert place["−0.07 [−0.16, 0.02]"] < 0.5
    assert place["−0.06 [−0.11, −0.01]"] > 0.5
    assert f"r = {0.0745 / np.sqrt(0.28 * 0.30):.2f}" in texts(figure)


def test_path_diagram_dashes_what_includes_zero():
    figure = rd.plot.path_diagram(fakes.distinguishable())
    arrows = [text.arrow_patch for text in figure.axes[0].texts if getattr(text, "arrow_patch", None) is not None]
    dashed = [arrow.get_linestyle() not in ("solid", "-") for arrow in arrows]
    assert sum(dashed) == 1


def test_path_diagram_of_exchangeable_members_draws_common_paths_twice():
    found = texts(rd.plot.path_diagram(fakes.exchangeable()))
    assert found.count("0.40 [0.31, 0.49]") == 2
    assert found.count("0.29 [0.20, 0.38]") == 2
    assert found.count("member 1") == 2


def test_path_diagram_sets_predictors_of_one_level_side_by_side():
    fit = fakes.exchangeable()
    second = fit.table[fit.table["effect"] != "intercept"].assign(variable="tension")
    both = fit.with_parts(table=pd.concat([fit.table, second], ignore_index=True))
    figure = rd.plot.path_diagram(both)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["stress", "tension"]
    width, height = figure.get_size_inches()
    assert width > 2 * height


def test_path_diagram_needs_paths():
    fit = fakes.distinguishable()
    only = fit.with_parts(table=fit.table[fit.table["effect"] == "intercept"])
    with pytest.raises(DesignError, match="no actor or partner effects"):
        rd.plot.path_diagram(only)
    with pytest.raises(DesignError, match="nothing but intercepts"):
        rd.plot.coefficients(only)


def test_coefficients_show_slopes_in_order():
    ax = rd.plot.coefficients(fakes.distinguishable())
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[:2] == ["actor conflict within man", "actor conflict within woman"]
    assert len(labels) == 8
    assert len(rd.plot.coefficients(fakes.distinguishable(), intercepts=True).get_yticklabels()) == 10


def test_schedule_draws_one_tick_per_warm_event():
    frame = pd.DataFrame({"dyad": 1, "who": ["a", "b"] * 80, "t": np.repeat(np.arange(80), 2)})
    frame["warmth"] = np.where(frame["t"] % 4 == 0, 9.0, 1.0 + frame["t"] % 2)
    panel = rd.DyadPanel(frame, dyad="dyad", person="who", role="who", time="t")
    table = rd.cycles.schedule(panel, warmth="warmth", event=9)
    figure = rd.plot.schedule(table, rd.cycles.events(panel, warmth="warmth", event=9))
    raster, spread = figure.axes
    assert [len(lines.get_segments()) for lines in raster.collections] == [20, 20]
    assert [label.get_text() for label in raster.get_yticklabels()] == ["dyad 1, from a", "dyad 1, from b"]
    assert spread.get_xlabel() == "CV of the intervals"
    assert len(rd.plot.schedule(table).axes) == 1
    assert len(rd.plot.schedule(table, dyads=1).axes) == 1
    with pytest.raises(DataError, match=r"^no dyad 7 in the schedule; there are 1: 1\.$"):
        rd.plot.schedule(table, dyads=[7])
    with pytest.raises(DataError, match=r"^dyads= names no dyad"):
        rd.plot.schedule(table, dyads=[])
    with pytest.raises(DesignError, match="no rows"):
        rd.plot.schedule(table.head(0))


def test_a_schedule_draws_itself_and_says_what_it_leaves_out():
    panel = rd.simulate.cycles("cycle", n_dyads=13, n_occasions=60, seed=1).panel
    found = rd.cycles.schedule(panel, warmth="warmth")
    table = found.tidy()
    table.loc[0, ["cv", "conf_high", "decidable"]] = [1.5, 9.0, False]
    figure = rd.plot.schedule(table)
    assert figure.get_suptitle() == "the first 24 of 26 directions"
    assert rd.plot.schedule(table, dyads=[1]).get_suptitle() == ""
    ax = figure.axes[0]
    (arrows,) = [line for line in ax.lines if line.get_marker() == ">"]
    beyond = table["conf_high"].head(24).to_numpy() > ax.get_xlim()[1]
    assert beyond[0] and arrows.get_ydata().tolist() == np.flatnonzero(beyond).tolist()
    assert "not decidable" in [text.get_text() for text in figure.legends[0].get_texts()]
    table.loc[0, "cv"] = 4.0
    assert rd.plot.schedule(table).axes[0].get_xlim()[1] > 4.0
    assert len(found.plot().axes) == 1
    # Two rows alone, without arrows, leave room for their axes.
    rd.plot.to_svg(lambda: rd.plot.schedule(found.tidy().assign(conf_high=1.4), dyads=[1]), salt="a")


def test_svg_is_the_same_twice_and_holds_no_date(panel):
    first, second = (rd.plot.to_svg(lambda: rd.plot.compliance_heatmap(panel), salt="a") for _ in range(2))
    assert first == second
    assert first.startswith("<svg")
    assert "<metadata" not in first
    assert not re.search(r"20\d\d-\d\d-\d\d", first)


def test_global_settings_stay_as_they_are(panel):
    before = dict(mpl.rcParams)
    rd.plot.compliance_heatmap(panel)
    rd.plot.path_diagram(fakes.distinguishable())
    assert dict(mpl.rcParams) == before


def test_svg_leaves_no_figure_behind(panel):
    import matplotlib.pyplot as plt

    rd.plot.to_svg(lambda: rd.plot.trajectories(panel, ["warmth"]))
    assert plt.get_fignums() == []


def test_long_names_keep_to_their_own_axes():
    name = "how_close_did_you_feel_to_your_partner_since_the_last_prompt"
    data = rd.simulate.apim(n_dyads=12, n_occasions=8, actor=0.3, partner=0.2, seed=1).panel
    long = rd.DyadPanel(data.frame.rename(columns={"x": name}), **data.columns)
    for figure in (
        rd.plot.path_diagram(rd.apim(long, outcome="y", predictors=[name])),
        rd.plot.trajectories(long, [name, "y"], dyads=long.index.dyad_labels[0]),
    ):
        figure.canvas.draw()
        titles = [ax._left_title.get_window_extent() for ax in figure.axes[:2]]
        assert titles[0].x1 < titles[1].x0
        assert titles[1].x1 <= figure.bbox.x1
        assert figure.axes[0].get_title(loc="left").replace("\n", "").startswith(name)


def test_rows_that_are_no_panel_are_refused_with_the_call_that_makes_one(panel):
    with pytest.raises(DesignError, match=r"^plot\.compliance_heatmap takes a DyadPanel, not a DataFrame: make"):
        rd.plot.compliance_heatmap(panel.frame)
    with pytest.raises(DesignError, match=r"^plot\.trajectories takes a DyadPanel, not a DataFrame: make one with"):
        rd.plot.trajectories(panel.frame, ["warmth"])


def test_the_legend_of_a_surface_names_the_principal_axis_where_it_is_drawn():
    generator = np.random.default_rng(1)
    x, noise = generator.normal(size=(2, 200, 2))
    ridge = {"first": 0.8 * x.sum(axis=1) - 0.02 * x[:, 0] ** 2, "second": -((x[:, 1] - x[:, 0]) ** 2)}
    y = np.column_stack(list(ridge.values())) + 0.5 * noise
    rows = pd.DataFrame({"dyad": np.repeat(range(200), 2), "role": ["first", "second"] * 200})
    rows = rows.assign(x=x.ravel(), y=y.ravel())
    panel = rd.DyadPanel(rows, dyad="dyad", person="role", role="role")
    figure = rd.actor_partner.response_surface(panel, outcome="y", predictor="x").plot()
    drawn = [[line.get_label() for line in ax.lines] for ax in figure.axes[:2]]
    assert ["first principal axis" in names for names in drawn] == [False, True]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == drawn[1]


def test_figures_stay_readable_in_print_without_colours(panel):
    from matplotlib.colors import to_rgb

    heatmap = rd.plot.compliance_heatmap(panel)
    tones = sorted(to_rgb(colour) @ np.array([0.299, 0.587, 0.114]) for colour in heatmap.images[0].cmap.colors)
    assert np.diff(tones).min() > 0.12
    courses = rd.plot.trajectories(panel, ["warmth"])
    first, second = courses.legends[0].get_lines()
    assert first.get_linewidth() > 2 * second.get_linewidth() and first.get_marker() != second.get_marker()
    affect = rd.simulate.cycles("linear", n_dyads=4, n_occasions=30, seed=1).panel
    figure = rd.affect_dynamics(affect, "warmth").plot()
    legend = figure.axes[0].get_legend()
    assert [line.get_marker() for line in legend.get_lines()] == ["o", "s"]
    dots = figure.axes[0].collections[-1]
    assert len({tuple(map(tuple, path.vertices)) for path in dots.get_paths()}) == 2
