"""Computing the analyses of a study file: keys, texts that are saved, workers, the log."""

from reldyn.study.running._compute import Context, Made, compute_group
from reldyn.study.running._csv import as_csv
from reldyn.study.running._earlier import STEP, Saved, saved_steps, step_text
from reldyn.study.running._keys import data_keys, step_keys, versions_of
from reldyn.study.running._steps import AnalysisFault, Results, StudySteps
from reldyn.study.running._workers import made_by_workers, tasks_of

__all__ = [
    "AnalysisFault",
    "Context",
    "Made",
    "Results",
    "STEP",
    "Saved",
    "StudySteps",
    "as_csv",
    "compute_group",
    "data_keys",
    "made_by_workers",
    "saved_steps",
    "step_keys",
    "step_text",
    "tasks_of",
    "versions_of",
]
