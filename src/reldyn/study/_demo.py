"""The main job on the sample study that comes with the library."""

from __future__ import annotations

import importlib.resources
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from reldyn.results import write_text
from reldyn.study._run import run_study

if TYPE_CHECKING:
    from reldyn.study._run import StudyRun

__all__ = ["run_demo"]


def run_demo(output: Path) -> StudyRun:
    """Run ``demo.toml`` of this package; the output folder holds a copy to change and run again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demo.toml"
        write_text(path, _text())
        return run_study(path, output=output)


def _text() -> str:
    return importlib.resources.files("reldyn.study").joinpath("demo.toml").read_text(encoding="utf-8")
