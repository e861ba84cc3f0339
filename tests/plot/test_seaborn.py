"""Seaborn draws and never estimates: a look at the source of every figure, and at what the shared layers draw."""

import ast
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

import reldyn as rd
from reldyn.plot import _layers

mpl.use("Agg")
MODULES = sorted(Path(rd.plot.__file__).parent.glob("*.py"))
# What seaborn computes unless it is told not to, and the arguments that tell it.
ESTIMATE = {"lineplot": {"errorbar", "estimator"}, "pointplot": {"errorbar"}, "barplot": {"errorbar"}}
DRAW_ONLY = {"scatterplot", "heatmap", "stripplot", "rugplot"}
SETTINGS = {"axes_style", "plotting_context"}
FIGURE_LEVEL = {
    "relplot",
    "catplot",
    "displot",
    "lmplot",
    "jointplot",
    "pairplot",
    "clustermap",
    "FacetGrid",
    "PairGrid",
}


def seaborn_calls(tree):
    """Name and keywords of every call of seaborn, under whatever name it was imported."""
    names, direct = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name for alias in node.names if alias.name.split(".")[0] == "seaborn"}
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "seaborn":
            direct |= {alias.asname or alias.name: alias.name for alias in node.names}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        keywords = {word.arg: word.value for word in node.keywords}
        if isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", None) in names:
            yield node.func.attr, keywords
        elif isinstance(node.func, ast.Name) and node.func.id in direct:
            yield direct[node.func.id], keywords


def faults(tree):
    """What a module does with seaborn that estimates or takes a figure of its own."""
    for name, keywords in seaborn_calls(tree):
        if name in FIGURE_LEVEL:
            yield f"{name} makes a figure of its own"
        elif name not in ESTIMATE.keys() | DRAW_ONLY | SETTINGS:
            yield f"{name} is not known to draw only"
        for wanted in ESTIMATE.get(name, ()):
            value = keywords.get(wanted)
            if not (isinstance(value, ast.Constant) and value.value is None):
                yield f"{name} lacks {wanted}=None"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_figure_lets_seaborn_estimate(path):
    assert list(faults(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_seaborn_is_used_and_its_global_theme_is_not():
    names = [name for path in MODULES for name, _ in seaborn_calls(ast.parse(path.read_text(encoding="utf-8")))]
    assert {"lineplot", "scatterplot", "heatmap", "axes_style", "plotting_context"} == set(names)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "import seaborn as sns\nsns.lineplot(x=x, y=y)",
            {"lineplot lacks errorbar=None", "lineplot lacks estimator=None"},
        ),
        ("from seaborn import barplot as b\nb(errorbar='sd')", {"barplot lacks errorbar=None"}),
        ("import seaborn\nseaborn.relplot(data=d)", {"relplot makes a figure of its own"}),
        ("import seaborn as s\ns.regplot(x=x, y=y)", {"regplot is not known to draw only"}),
        ("import seaborn as s\ns.lineplot(errorbar=None, estimator=None)", set()),
    ],
)
def test_the_check_finds_what_it_looks_for(code, said):
    assert set(faults(ast.parse(code))) == said


def axes():
    from matplotlib.figure import Figure

    return Figure().add_subplot()


def test_a_course_has_the_numbers_given_also_where_x_repeats():
    ax = axes()
    _layers.course(ax, [2, 1, 1], [5.0, 3.0, 4.0], "#0072B2", label="own")
    (line,) = ax.lines
    assert line.get_xydata().tolist() == [[2, 5], [1, 3], [1, 4]]
    assert line.get_label() == "own"
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_legend()) == ("", "", None)


def test_a_course_breaks_where_there_is_no_estimate():
    ax = axes()
    _layers.course(ax, range(5), [1.0, 2.0, np.nan, 4.0, 5.0], "#0072B2", label="own")
    assert [line.get_xdata().tolist() for line in ax.lines] == [[0, 1], [3, 4]]


def test_dots_have_places_and_colours_of_their_own():
    ax = axes()
    _layers.dots(ax, [1, 2, 3], [4, 5, 6], ["#0072B2", "#D55E00", "#0072B2"], size=9)
    (found,) = ax.collections
    assert found.get_offsets().tolist() == [[1, 4], [2, 5], [3, 6]]
    assert [mpl.colors.to_hex(colour).upper() for colour in found.get_facecolors()] == ["#0072B2", "#D55E00", "#0072B2"]
    assert found.get_sizes().tolist() == [9]
    assert ax.get_legend() is None


def test_tiles_have_the_first_row_above_and_leave_out_what_is_missing():
    ax = axes()
    mesh = _layers.tiles(ax, np.array([[1.0, np.nan], [3.0, 4.0]]), vmin=0, vmax=4)
    assert np.ma.filled(mesh.get_array(), -1).ravel().tolist() == [1, -1, 3, 4]
    assert ax.yaxis_inverted()
    assert len(ax.figure.axes) == 1


def test_a_figure_leaves_the_settings_as_they_were():
    before = dict(mpl.rcParams)
    panel = rd.simulate.cycles("linear", n_dyads=5, n_occasions=20, seed=1).panel
    rd.plot.trajectories(panel, ["warmth"])
    assert dict(mpl.rcParams) == before


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
def test_log_odds_stand_in_their_tiles_with_a_star_where_the_interval_leaves_out_zero():
    panel = rd.simulate.cycles("cycle", n_dyads=6, n_occasions=80, seed=1).panel
    found = rd.coupling.lag_sequential(panel, "warmth", bins=2, n_permutations=0)
    ax = found.plot().axes[0]
    table = found.tidy()
    path = table[table["path"] == table["path"].iloc[0]]
    path = path[(path["given_by"] == path["given_by"].iloc[0]) & (path["target_by"] == path["target_by"].iloc[0])]
    sure = (path["conf_low"] > 0) | (path["conf_high"] < 0)
    wanted = [f"{value:.2f}" + ("*" if star else "") for value, star in zip(path["estimate"], sure, strict=True)]
    assert sorted(text.get_text() for text in ax.texts) == sorted(wanted)
    given = [label.get_text() for label in ax.get_yticklabels()]
    mesh = np.ma.filled(ax.collections[0].get_array(), np.nan)
    rows = path.set_index(["given", "target"])["estimate"]
    np.testing.assert_allclose(mesh, [[rows[one, other] for other in given] for one in given])
