"""The study file, its runner, the report and the command line."""

from reldyn.study._manifest import Versions, show_versions
from reldyn.study._run import StudyRun, run_study

__all__ = ["StudyRun", "Versions", "run_study", "show_versions"]
