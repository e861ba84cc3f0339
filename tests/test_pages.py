"""What the pages around the package promise can be run as it stands there."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import reldyn as rd

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_of_the_readme_runs(tmp_path):
    (example,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(example.strip().splitlines()) <= 18
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(rd.__file__).resolve().parents[1]), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Actor-partner interdependence model of positive_affect" in done.stdout
    assert (tmp_path / "fit.json").is_file()


def test_the_readme_begins_with_the_two_commands():
    first = README.split("```")[1]
    assert first.strip().splitlines() == ["python dev.py demo", "python dev.py test"]


def test_the_citation_names_this_version():
    assert f"\nversion: {rd.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_changelog_is_open_for_what_comes_next():
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_room_has_a_place_in_the_plan_and_in_the_contracts():
    rooms = {path.parent.name for path in (ROOT / "src" / "reldyn").glob("*/__init__.py")}
    plan = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = " ".join(metadata["tool"]["importlinter"]["contracts"][0]["layers"])
    assert {room for room in rooms if f"| `{room}` |" not in plan} == set()
    assert {room for room in rooms if f"reldyn.{room}" not in layers} == set()


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_pages_name_only_what_exists(page):
    """Every ``rd.NAME`` of a page is a name of the root."""
    text = page.read_text(encoding="utf-8")
    assert {name for name in re.findall(r"\brd\.([A-Za-z_]+)", text) if not hasattr(rd, name)} == set()
