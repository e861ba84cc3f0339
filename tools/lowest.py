"""Install the lowest versions that pyproject.toml declares, run tests with them, and store what came of it.

Usage: ``python tools/lowest.py [--environment DIR] [--output FILE] [TEST ...]``. Makes a virtual
environment (some minutes; kept where a folder is named), in which every dependency and extra has its declared bound.
The suite checks that the stored bounds are those that are declared now.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORED = Path(__file__).parent / "results" / "checks" / "lowest.json"
# Every kind of file that is read, every analysis once, and the road of a study file.
TESTS = (
    *("tests/test_result_contract.py", "tests/study/test_study_run.py"),
    *(f"tests/panel/test_{name}.py" for name in ("read", "limits", "align")),
)
# What users install; extras for developers say what the project is built with.
EXTRAS = ("fast", "io", "report")
TOOLS = ("pytest", "hypothesis", "pytest-benchmark")


def declared() -> dict[str, str]:
    """The lower bound of every dependency and of the extras for users."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for extra in EXTRAS for line in extras[extra])]
    lines += [line for line in extras["test"] if re.split("[><=~]", line)[0] in TOOLS]
    bounds = {}
    for line in lines:
        name, _, version = line.partition(">=")
        bounds[name.strip()] = version.partition(",")[0].strip()
    return bounds


def install(folder: Path, bounds: dict[str, str]) -> Path:
    """Make the environment; its Python."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    wanted = [f"{name}=={version}" for name, version in bounds.items()]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    return python


def versions(python: Path) -> dict[str, str]:
    """All that is installed."""
    said = subprocess.run([python, "-m", "pip", "list", "--format", "json"], check=True, capture_output=True)
    return {one["name"].lower(): one["version"] for one in json.loads(said.stdout)}


def run(python: Path, tests: Sequence[str]) -> dict[str, int]:
    """Run tests; how many passed, failed and were skipped."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), "OMP_NUM_THREADS": "1"}
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False)
    print(said.stdout[-3_000:])
    counts = {what: int(n) for n, what in re.findall(r"(\d+) (passed|failed|skipped|errors?)", said.stdout[-500:])}
    return {what: counts.get(what, 0) for what in ("passed", "failed", "skipped")} | {"exit": said.returncode}


def main() -> None:
    """Install, run, store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tests", nargs="*", default=list(TESTS))
    parser.add_argument("--environment", type=Path)
    parser.add_argument("--output", type=Path, default=STORED)
    asked = parser.parse_args()
    bounds = declared()
    with tempfile.TemporaryDirectory() as scratch:
        python = install(asked.environment or Path(scratch), bounds)
        found = run(python, asked.tests)
        table = {
            "python": ".".join(map(str, sys.version_info[:3])),
            "bounds": bounds,
            "tests": asked.tests,
            **found,
            "installed": versions(python),
        }
    asked.output.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    sys.exit(found["exit"])


if __name__ == "__main__":
    main()
