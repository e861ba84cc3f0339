"""The study file, its runner, the report and the command line.

The names load what they need on first use, so that ``reldyn --help`` stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reldyn.study._analyses import Analysis, analyses, register_analysis
    from reldyn.study._deidentify import deidentify
    from reldyn.study._manifest import Versions, show_versions
    from reldyn.study._run import StudyRun, run_study
    from reldyn.study.exports._exports import read_export

__all__ = [
    "Analysis",
    "StudyRun",
    "Versions",
    "analyses",
    "deidentify",
    "read_export",
    "register_analysis",
    "run_study",
    "show_versions",
]

_HOMES = {
    "Analysis": "_analyses",
    "analyses": "_analyses",
    "register_analysis": "_analyses",
    "deidentify": "_deidentify",
    "StudyRun": "_run",
    "Versions": "_manifest",
    "read_export": "exports._exports",
    "run_study": "_run",
    "show_versions": "_manifest",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'reldyn.study' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"reldyn.study.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
