"""Keep the notebooks paired and free of outputs, and copy them for a run.

Usage: python tools/notebooks.py pair | check | copy FOLDER | figures FOLDER
``pair`` rewrites each .ipynb from its .py (the .py is what one edits); ``check`` exits 1 if a pair
disagrees or an .ipynb holds outputs; ``copy`` puts the .ipynb files into FOLDER, where they are run;
``figures`` exits 1 unless every cell of the notebooks in FOLDER, which were run, shows each figure once.
"""

import ast
import re
import shutil
import sys
from pathlib import Path

import jupytext
import nbformat

SOURCE = Path(__file__).resolve().parents[1] / "notebooks"


def from_script(script):
    """Return the notebook that a py:percent script stands for, without outputs and with fixed ids."""
    notebook = jupytext.read(script)
    for number, cell in enumerate(notebook.cells, start=1):
        cell["id"] = f"cell-{number:03d}"
        cell["metadata"] = {}
    notebook["metadata"] = {
        "jupytext": {"formats": "ipynb,py:percent"},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    return notebook


def as_text(script):
    return nbformat.writes(from_script(script), version=4) + "\n"


def pair():
    for script in sorted(SOURCE.glob("*.py")):
        script.with_suffix(".ipynb").write_text(as_text(script), encoding="utf-8", newline="\n")
        print(f"wrote {script.with_suffix('.ipynb').name}")
    return 0


def check():
    scripts, notebooks = sorted(SOURCE.glob("*.py")), sorted(SOURCE.glob("*.ipynb"))
    faults = [f"{path.name} has no .py beside it" for path in notebooks if path.with_suffix(".py") not in scripts]
    for script in scripts:
        notebook = script.with_suffix(".ipynb")
        if not notebook.is_file() or notebook.read_text(encoding="utf-8") != as_text(script):
            faults.append(f"{notebook.name} is not what {script.name} says: run python tools/notebooks.py pair")
    print("\n".join(faults) or f"{len(scripts)} notebooks agree with their scripts")
    return 1 if faults else 0


def copy(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for notebook in sorted(SOURCE.glob("*.ipynb")):
        shutil.copyfile(notebook, folder / notebook.name)
    return 0


# What makes one figure, unless it is given the axes to draw on.
FIGURES = re.compile(
    r"rd\.plot\.(?!to_svg$)\w+|(plt|pyplot)\.(figure|subplots|subplot_mosaic)"
    r"|sns\.(relplot|catplot|displot|lmplot|pairplot|jointplot|clustermap|FacetGrid|PairGrid|JointGrid)"
)
LOOPS = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def drawn(source, functions):
    """Return how many figures a cell makes, and whether that is a lower bound because of a loop.

    ``functions`` holds what functions of earlier cells draw, and gains those that this cell defines.
    """
    tree = ast.parse(re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            functions[node.name] = counted(node.body, functions)
    return counted([node for node in tree.body if not isinstance(node, ast.FunctionDef)], functions)


def counted(nodes, functions):
    total, loops = 0, False
    for node in nodes:
        if isinstance(node, ast.Call):
            count, more = made(node, functions)
            total, loops = total + count, loops or more
        count, more = counted(ast.iter_child_nodes(node), functions)
        total, loops = total + count, loops or more or (isinstance(node, LOOPS) and count > 0)
    return total, loops


def made(call, functions):
    name = ast.unparse(call.func)
    if name in functions:
        return functions[name]
    if any(keyword.arg == "ax" for keyword in call.keywords):
        return 0, False
    # Axes draw what they are given; results and frames draw themselves.
    itself = name.endswith(".plot") and not call.args
    return int(bool(FIGURES.fullmatch(name)) or itself), False


def shown(cell):
    kinds = [output.get("data", {}) for output in cell["outputs"]]
    return sum(any(kind.startswith("image/") for kind in data) for data in kinds)


def figures(folder):
    faults, pictures = [], 0
    notebooks = sorted(Path(folder).glob("*.ipynb"))
    for path in notebooks:
        functions = {}
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        for number, cell in enumerate(cells, start=1):
            wanted, more = drawn(cell.source, functions)
            found = shown(cell)
            pictures += found
            if found < wanted or (found > wanted and not more):
                least = "at least " if more else ""
                faults.append(f"{path.name}, code cell {number}: makes {least}{wanted} figures and shows {found}")
    if not notebooks:
        faults.append(f"no notebooks in {folder}")
    print("\n".join(faults) or f"{pictures} figures in {len(notebooks)} notebooks, each shown once")
    return 1 if faults else 0


if __name__ == "__main__":
    jobs = {"pair": pair, "check": check, "copy": copy, "figures": figures}
    if len(sys.argv) < 2 or sys.argv[1] not in jobs:
        sys.exit(__doc__)
    sys.exit(jobs[sys.argv[1]](*sys.argv[2:]))
