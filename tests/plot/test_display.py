"""One figure asked for is one picture shown, whatever the front end and the habit of its user."""

import json
import os
import subprocess
import sys

import matplotlib as mpl
import pytest

from reldyn.plot._style import new_figure, style

MODEL = """
import reldyn as rd
panel = rd.simulate.apim(n_dyads=30, n_occasions=4, actor=0.3, partner=0.2, seed=1).panel
fit = rd.apim(panel, outcome="y", predictors=["x"])
"""
HABITS = {
    "last line": ("fit.plot()", 1),
    "semicolon": ("fit.plot();", 1),
    "show": ("import matplotlib.pyplot as plt\nfit.plot(); plt.show()", 1),
    "axes": ("rd.plot.compliance_heatmap(panel)", 1),
    "axes of a result": ("rd.plot.coefficients(fit)", 1),
    "loop": ("for _ in range(2):\n    rd.plot.path_diagram(fit)", 2),
    "name": ("figure = fit.plot()\nfigure", 1),
    "name without a last line": ("figure = fit.plot()", 1),
    "the same figure in a later cell": ("figure", 1),
    "saved": ("import io\nfit.plot().savefig(io.BytesIO())", 1),
    "display": ("from IPython.display import display\ndisplay(fit.plot())", 1),
    "two in one cell": ("fit.plot()\nrd.plot.trajectories(panel, ['y'], dyads=panel.index.dyad_labels[:2])", 2),
    "own axes, axes returned": ("_, ax = plt.subplots()\nrd.plot.coefficients(fit, ax=ax)", 1),
    "own axes, figure returned": ("_, ax = plt.subplots()\nrd.plot.inertia(slow, ax=ax)", 1),
    "own axes, figure returned, semicolon": ("_, ax = plt.subplots()\nrd.plot.inertia(slow, ax=ax);", 1),
    "many": ("for _ in range(4):\n    rd.plot.coefficients(fit)", 4),
    "nothing left over": ("plt.get_fignums()", 0),
}
SLOW = "slow = rd.dynamics.inertia(panel, 'y')"
OPENINGS = {
    "no pyplot": (MODEL, SLOW),
    "pyplot before": ("import matplotlib.pyplot as plt", MODEL, SLOW),
    "pyplot after": (MODEL, "import matplotlib.pyplot as plt", SLOW),
    "inline first": ("%matplotlib inline", MODEL, SLOW),
    "inline after": (MODEL, SLOW, "fit.plot()", "%matplotlib inline"),
    "figures left open": (
        "%matplotlib inline\n%config InlineBackend.close_figures = False",
        MODEL,
        SLOW,
    ),
}
# Three figures are as many as pyplot would take without a warning.
QUIET = """import matplotlib, warnings
warnings.simplefilter("error", RuntimeWarning)
matplotlib.rcParams["figure.max_open_warning"] = 3"""


def pictures(cell):
    return sum("image/png" in output.get("data", {}) for output in cell["outputs"])


@pytest.fixture(scope="module")
def jupyter():
    """Run cells in a kernel of their own and return them with their outputs."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")

    def run(*sources):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
        nbclient.NotebookClient(notebook, timeout=300).execute(env=environment)
        return notebook.cells

    return run


@pytest.mark.parametrize(
    "opening", [pytest.param(name, marks=[] if name == "no pyplot" else [pytest.mark.slow]) for name in OPENINGS]
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_every_habit_leaves_its_pictures_in_jupyter(jupyter, opening):
    before = (QUIET, *OPENINGS[opening])
    cells = jupyter(*before, *(source for source, _ in HABITS.values()))
    found = {name: pictures(cell) for name, cell in zip(HABITS, cells[len(before) :], strict=True)}
    assert found == {name: count for name, (_, count) in HABITS.items()}


IPYTHON = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from IPython.utils.capture import capture_output

if {terminal}:
    shell = TerminalInteractiveShell.instance(simple_prompt=True)
    # A terminal shows text; the pictures are counted here.
    shell.display_formatter.active_types = [*shell.display_formatter.active_types, "image/png"]
else:
    shell = InteractiveShell.instance()
counts = []
for source in json.loads(sys.stdin.read()):
    with capture_output() as shown:
        shell.run_cell(source, store_history=True).raise_error()
    counts.append(sum("image/png" in output.data for output in shown.outputs))
print(json.dumps(counts))
"""


def ipython(*sources, backend=None, terminal=False):
    environment = {key: value for key, value in os.environ.items() if key not in ("MPLBACKEND", "DISPLAY")}
    if backend:
        environment["MPLBACKEND"] = backend
    done = subprocess.run(
        [sys.executable, "-c", IPYTHON.replace("{terminal}", str(terminal))],
        input=json.dumps(sources),
        capture_output=True,
        text=True,
        env=environment,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["shell", "terminal"])
def test_every_habit_leaves_its_pictures_in_ipython(terminal):
    pytest.importorskip("IPython")
    before = (QUIET, "%matplotlib inline" if terminal else "pass", MODEL, SLOW)
    backend = None if terminal else "module://matplotlib_inline.backend_inline"
    counts = ipython(*before, *(source for source, _ in HABITS.values()), backend=backend, terminal=terminal)
    assert dict(zip(HABITS, counts[len(before) :], strict=True)) == {name: n for name, (_, n) in HABITS.items()}


def test_without_a_window_ipython_still_shows_the_figure_of_a_last_line():
    pytest.importorskip("IPython")
    assert ipython(MODEL, "fit.plot()", "fit.plot();", "fit.plot().axes;", backend="Agg") == [0, 1, 0, 0]


SCRIPT = """
import io, warnings
warnings.simplefilter("error")
import matplotlib as mpl
mpl.use({backend!r})
import reldyn as rd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
"""


def script(body, backend="Agg"):
    environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(backend=backend) + MODEL + body],
        capture_output=True,
        text=True,
        env=environment,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "backend",
    [
        pytest.param("Agg", marks=pytest.mark.slow),
        pytest.param("svg", marks=pytest.mark.slow),
        "module://matplotlib_inline.backend_inline",
    ],
)
def test_a_script_that_draws_many_keeps_one(backend):
    body = """
import gc, weakref
import matplotlib.pyplot as plt
mpl.rcParams["figure.max_open_warning"] = 3
drawn = [weakref.ref(rd.plot.coefficients(fit).figure) for _ in range(4)]
drawn += [weakref.ref(fit.plot()) for _ in range(4)]
assert len(plt.get_fignums()) == 1
gc.collect()
print(sum(ref() is not None for ref in drawn))
"""
    if "inline" in backend:
        pytest.importorskip("matplotlib_inline")
    assert script(body, backend).split() == ["1"]


def test_figures_of_a_script_can_be_saved_by_themselves_and_through_pyplot():
    body = """
import matplotlib.pyplot as plt
own, _ = plt.subplots()
first, second = fit.plot(), rd.plot.coefficients(fit).figure
assert plt.gcf() is second and own.number in plt.get_fignums()
for figure in (first, second):
    assert type(figure) is Figure
    out = io.BytesIO()
    figure.savefig(out, format="png")
    assert out.getvalue()[:4] == b"\\x89PNG"
through = io.BytesIO()
plt.savefig(through, format="png")
direct = io.BytesIO()
second.savefig(direct, format="png")
assert through.getvalue() == direct.getvalue()
"""
    script(body)


def test_where_there_are_windows_every_figure_stays_until_it_is_shown():
    body = """
import sys, types
from matplotlib.backend_bases import FigureCanvasBase, FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
import matplotlib.pyplot as plt

shown = []

class Manager(FigureManagerBase):
    @classmethod
    def pyplot_show(cls, *, block=None):
        shown.extend(plt.get_fignums())

class Canvas(FigureCanvasAgg):
    manager_class = Manager

windows = types.ModuleType("windows")
windows.FigureCanvas, windows.FigureManager = Canvas, Manager
sys.modules["windows"] = windows
plt.switch_backend("module://windows")
fit.plot()
rd.plot.coefficients(fit)
plt.show()
assert len(shown) == 2
"""
    script(body)


def test_settings_of_matplotlib_are_as_before():
    mpl.use("Agg")
    with mpl.rc_context():
        mpl.rcParams["interactive"] = False
        before = dict(mpl.rcParams)
        with style():
            # A backend that is loaded inside switches this on for good.
            mpl.rcParams["interactive"] = True
            assert mpl.rcParams["axes.titleweight"] == "bold"
        assert dict(mpl.rcParams) == before | {"interactive": True}


def test_a_figure_that_fails_leaves_nothing_behind():
    import matplotlib.pyplot as plt

    mpl.use("Agg")
    own = plt.figure()
    try:
        with pytest.raises(ValueError, match=r"^half$"), style():
            new_figure(2, 2)
            raise ValueError("half")
        assert plt.get_fignums() == [own.number]
    finally:
        plt.close(own)
