"""The counter of figures in executed notebooks finds one that is missing or shown twice."""

import importlib.util
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("jupytext")

_path = Path(__file__).resolve().parents[2] / "tools" / "notebooks.py"
_spec = importlib.util.spec_from_file_location("notebooks_tool", _path)
tool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tool)

DRAW = "def draw(rows):\n    fig, ax = plt.subplots()\n    ax.plot(rows)"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("fit.plot()", (1, False)),
        ("fit.plot(); fit.plot(dyad=3)", (2, False)),
        ("rd.plot.path_diagram(fit)", (1, False)),
        ("rd.plot.to_svg(draw_it)", (0, False)),
        ("fig, ax = plt.subplots()\nax.plot([1, 2], [3, 4])\nrd.plot.inertia(fit, ax=ax)", (1, False)),
        ("for dyad in dyads:\n    rd.plot.phase_ribbon(fit, dyad=dyad)", (1, True)),
        ("figures = [fit.plot(dyad=dyad) for dyad in dyads]", (1, True)),
        ("%matplotlib inline\nsns.relplot(data=rows)", (1, False)),
        ("draw(rows)\ndraw(rows)", (2, False)),
        ("table.plot(kind='barh')", (1, False)),
        ("print(fit.summary())", (0, False)),
    ],
)
def test_figures_of_a_cell_are_counted(source, expected):
    functions = {}
    assert tool.drawn(DRAW, functions) == (0, False)
    assert tool.drawn(source, functions) == expected


def cell(source, *kinds):
    outputs = [nbformat.v4.new_output("display_data", {kind: "x"}) for kind in kinds]
    return nbformat.v4.new_code_cell(source, outputs=outputs)


@pytest.mark.parametrize(
    ("cells", "code", "says"),
    [
        ([cell("fit.plot()", "image/png"), cell("x", "text/plain")], 0, "1 figures in 1 notebooks, each shown once\n"),
        ([cell("x"), cell("fit.plot();")], 1, "a.ipynb, code cell 2: makes 1 figures and shows 0\n"),
        ([cell("fit.plot()", *2 * ["image/png"])], 1, "a.ipynb, code cell 1: makes 1 figures and shows 2\n"),
        ([cell("fit.summary()", "image/svg+xml")], 1, "a.ipynb, code cell 1: makes 0 figures and shows 1\n"),
        ([cell("for d in s: d.plot()", *3 * ["image/png"])], 0, "3 figures in 1 notebooks, each shown once\n"),
        ([cell("for d in s: d.plot()")], 1, "a.ipynb, code cell 1: makes at least 1 figures and shows 0\n"),
    ],
)
def test_missing_and_doubled_figures_are_reported(tmp_path, capsys, cells, code, says):
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    assert tool.figures(tmp_path) == code
    assert capsys.readouterr().out == says


def test_an_empty_folder_is_a_fault(tmp_path, capsys):
    assert tool.figures(tmp_path) == 1
    assert capsys.readouterr().out == f"no notebooks in {tmp_path}\n"
