"""Stored timings have all their parts, belong to a script, and no simulation is among them."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "benchmarks"
FILES = sorted((ROOT / "results").glob("*.json"))


def script_of(path):
    """The script that writes a file; NAME_against holds what NAME measures in turn with an earlier commit."""
    return path.stem.removesuffix("_against")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stored_timing_has_all_its_parts(path):
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert set(stored) == {"title", "command", "says", "figures", "machine"}
    assert stored["command"].split(" --against ")[0] == f"python -m benchmarks.{script_of(path)}"
    assert {"processor", "cores", "system", "versions", "threads", "commit", "date"} <= set(stored["machine"])
    assert stored["figures"]
    assert all({"figure", "measured", "goal", "met"} <= set(figure) for figure in stored["figures"])


def test_every_script_has_a_stored_file_and_a_line_in_the_readme():
    scripts = {path.stem for path in ROOT.glob("*.py") if not path.stem.startswith("_")}
    assert {script_of(path) for path in FILES} == scripts
    assert (
        set(re.findall(r"^\| `(\w+)\.py`", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)) == scripts
    )


@pytest.mark.parametrize("folder", ["tools", "tools/calibration"])
def test_every_tool_is_in_the_readme_of_its_folder(folder):
    folder = ROOT.parent / folder
    text = (folder / "README.md").read_text(encoding="utf-8")
    scripts = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
    rooms = [f"{path.name}/" for path in folder.iterdir() if (path / "__init__.py").is_file()]
    assert [name for name in (*scripts, *rooms) if f"`{name}" not in text] == []
