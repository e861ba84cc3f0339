"""Keep the notebooks paired and free of outputs, and copy them for a run.

Usage: python tools/notebooks.py pair | check | copy FOLDER
``pair`` rewrites each .ipynb from its .py (the .py is what one edits); ``check`` exits 1 if a pair
disagrees or an .ipynb holds outputs; ``copy`` puts the .ipynb files into FOLDER, where they are run.
"""

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


if __name__ == "__main__":
    jobs = {"pair": pair, "check": check, "copy": copy}
    if len(sys.argv) < 2 or sys.argv[1] not in jobs:
        sys.exit(__doc__)
    sys.exit(jobs[sys.argv[1]](*sys.argv[2:]))
