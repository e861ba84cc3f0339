"""Figures of affect, inertia, networks and contacts show the numbers of their tables."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DataError, DesignError
from reldyn.plot._style import BLUE, ORANGE

mpl.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture(scope="module")
def panel():
    return rd.simulate.cycles("linear", n_dyads=8, n_occasions=60, seed=2).panel


def points(ax):
    return np.asarray(ax.collections[-1].get_offsets())


def test_level_and_instability_are_those_of_the_table(panel):
    table = rd.affect_dynamics(panel, ["warmth", "response"])
    left, right = rd.plot.affect_dynamics(table, variable="response").axes
    rows = table[table["variable"] == "response"]
    np.testing.assert_array_equal(points(left), rows[["mean", "rmssd"]])
    np.testing.assert_array_equal(points(right), rows[["sd", "rmssd"]])
    assert left.get_title(loc="left") == "Level and instability of response"


def test_persons_on_the_line_have_nothing_that_carries_over():
    """Independent values: successive differences have twice the variance, so dots stand around the dashed line."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"dyad": np.repeat(range(10), 800), "person": np.repeat(range(20), 400)})
    frame = frame.assign(t=np.tile(range(400), 20), calm=rng.normal(5, 1, 8000))
    table = rd.affect_dynamics(rd.DyadPanel(frame, dyad="dyad", person="person", time="t"), "calm")
    right = rd.plot.affect_dynamics(table).axes[1]
    slope = right.lines[-1].get_slope()
    assert np.mean(points(right)[:, 1] / points(right)[:, 0]) == pytest.approx(slope, rel=0.02)


def test_a_variable_that_is_not_there_is_named(panel):
    table = rd.affect_dynamics(panel, "warmth")
    with pytest.raises(DataError, match=r"^no variable 'calm' in the table; there are: 'warmth'\.$"):
        rd.plot.affect_dynamics(table, variable="calm")
    with pytest.raises(DesignError, match=r"^no person has two neighbouring values of 'warmth': there is nothing to"):
        rd.plot.affect_dynamics(table.assign(rmssd=np.nan))


def test_inertia_stands_in_order_of_size_with_its_intervals(panel):
    result = rd.dynamics.inertia(panel, "warmth")
    ax = result.plot().axes[0]
    rows = result.persons().sort_values("inertia", kind="stable")
    np.testing.assert_array_equal(points(ax)[:, 0], rows["inertia"])
    ends = np.array([segment[:, 0] for segment in ax.collections[0].get_segments()])
    np.testing.assert_array_equal(ends, rows[["conf_low", "conf_high"]])
    average = result.tidy().set_index("effect").loc["inertia", "estimate"]
    assert [line.get_xdata()[0] for line in ax.lines] == [0, average]
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[0] == f"dyad {rows['dyad'].iloc[0]}, {rows['role'].iloc[0] or rows['person'].iloc[0]}"


def test_more_persons_than_can_be_read_stand_without_names():
    panel = rd.simulate.cycles("linear", n_dyads=21, n_occasions=40, seed=2).panel
    ax = rd.dynamics.inertia(panel, "warmth").plot().axes[0]
    assert ax.get_title(loc="left") == "42 persons"
    assert ax.get_yticklabels() == []


def test_arrows_and_rings_carry_the_coefficients_of_the_sample(panel):
    result = rd.dynamics.network_density(panel, ["warmth", "response"])
    left, right = result.plot().axes
    shown = sorted(text.get_text() for text in left.texts if text.get_text() not in ("", "warmth", "response"))
    wanted = [f"{round(size, 2) + 0.0:.2f}".replace("-", "−") for size in result.coefficients().to_numpy().ravel()]
    assert shown == sorted(wanted)
    persons = result.tidy().query("level == 'person'")
    np.testing.assert_array_equal(points(right), persons[["noise", "density"]])


def test_an_arrow_leads_from_what_predicts_to_what_is_predicted():
    """``a`` today is ``b`` tomorrow: one thick arrow, whose head is at b."""
    rng = np.random.default_rng(3)
    a = rng.normal(size=(6, 201))
    frame = pd.DataFrame({"dyad": np.repeat(range(3), 400), "person": np.repeat(range(6), 200)})
    frame = frame.assign(t=np.tile(range(200), 6), a=a[:, 1:].ravel(), b=a[:, :-1].ravel())
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", time="t")
    left = rd.dynamics.network_density(panel, ["a", "b"]).plot().axes[0]
    arrows = [text for text in left.texts if getattr(text, "arrow_patch", None) is not None]
    thick = max(arrows, key=lambda arrow: arrow.arrow_patch.get_linewidth())
    place = {text.get_text(): text.get_position() for text in left.texts}
    assert thick.xy == pytest.approx(place["b"])
    assert thick.xyann == pytest.approx(place["a"])


def test_location_and_scale_are_the_shrunken_ones():
    panel = rd.simulate.cycles("linear", n_dyads=12, n_occasions=60, seed=2).panel
    result = rd.dynamics.location_scale(panel, "warmth")
    rows = result.persons()
    np.testing.assert_array_equal(points(result.plot().axes[0]), rows[["mean_shrunken", "log_variance_shrunken"]])


@pytest.fixture(scope="module")
def contacts():
    dyad, who, day = (part.ravel() for part in np.indices((8, 2, 42)))
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"dyad": dyad, "person": dyad * 2 + who, "role": np.where(who, "b", "a"), "day": day})
    frame = frame.assign(friends=rng.poisson(6 * 0.8 ** (day / 7)).astype(float), family=rng.poisson(2.0, len(day)))
    frame.loc[rng.random(len(frame)) < 0.1, "friends"] = np.nan
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day"), ["friends", "family"]


def test_the_course_of_contacts_is_the_fitted_one(contacts):
    panel, names = contacts
    table, windows = rd.dynamics.shrinkage(panel, names), rd.dynamics.contact_windows(panel, names)
    ax = rd.plot.shrinkage(table, windows, dyads=[3]).axes[0]
    row = table[(table["dyad"] == 3) & (table["measure"] == "count")].iloc[0]
    mine = windows[windows["person"] == row["person"]]
    np.testing.assert_array_equal(np.asarray(ax.collections[0].get_offsets()), mine[["start", "rate"]])
    line = ax.lines[0]
    assert line.get_ydata()[[0, -1]] == pytest.approx([row["first"], row["last"]])
    # A count falls by the same factor every week.
    weeks = np.ptp(line.get_xdata()) / 7
    assert (row["last"] / row["first"]) ** (1 / weeks) == pytest.approx(row["ratio"])
    assert line.get_linestyle() == ("--" if row["conf_low"] <= 0 <= row["conf_high"] else "-")


def test_the_first_six_dyads_are_drawn(contacts):
    panel, names = contacts
    table, windows = rd.dynamics.shrinkage(panel, names), rd.dynamics.contact_windows(panel, names)
    figure = rd.plot.shrinkage(table, windows, measure="diversity")
    assert [ax.get_title(loc="left") for ax in figure.axes] == [f"dyad {dyad}" for dyad in range(6)]
    row = table[(table["dyad"] == 0) & (table["measure"] == "diversity")].iloc[0]
    line = figure.axes[0].lines[0]
    assert np.diff(line.get_ydata()) == pytest.approx(np.diff(line.get_ydata())[0])
    assert line.get_ydata()[[0, -1]] == pytest.approx([row["first"], row["last"]])


def test_measures_and_dyads_that_are_not_there_are_named(contacts):
    panel, _ = contacts
    table, windows = rd.dynamics.shrinkage(panel, "friends"), rd.dynamics.contact_windows(panel, "friends")
    with pytest.raises(DataError, match=r"^no measure 'diversity' in the table; there are: 'count'\.$"):
        rd.plot.shrinkage(table, windows, measure="diversity")
    with pytest.raises(DataError, match=r"^no dyad 99 in the table; there are 8: 0, 1, 2, 3, 4, 5, 6, 7\.$"):
        rd.plot.shrinkage(table, windows, dyads=[99])


def test_a_role_has_one_colour_in_all_figures():
    panel = rd.simulate.apim(n_dyads=12, n_occasions=40, actor=0.3, partner=0.2, seed=1).panel
    frame = panel.frame.sort_values("role", ascending=False)
    panel = rd.DyadPanel(frame, **panel.columns)
    drawn = [
        rd.affect_dynamics(panel, "y").plot().axes[0],
        rd.dynamics.inertia(panel, "y").plot().axes[0],
        rd.dynamics.location_scale(panel, "y").plot().axes[0],
        rd.dynamics.network_density(panel, ["x", "y"]).plot().axes[1],
    ]
    for ax in drawn:
        shown = zip(ax.get_legend().get_texts(), ax.get_legend().legend_handles, strict=True)
        colours = {text.get_text(): handle.get_color() for text, handle in shown}
        assert [colours[role] for role in panel.roles] == [BLUE, ORANGE]
