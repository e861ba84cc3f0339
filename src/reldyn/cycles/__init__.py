"""Intermittent reinforcement between partners: its schedule, its phases, and what the response follows."""

from reldyn.cycles._bond import bond_moderation, bond_trend
from reldyn.cycles._calibrate import CalibrationResult, calibrate
from reldyn.cycles._detect import detect_cycles
from reldyn.cycles._events import events
from reldyn.cycles._learning import learning
from reldyn.cycles._learning_result import LearningResult
from reldyn.cycles._persistence import persistence
from reldyn.cycles._reports import ReportComparison, compare_reports
from reldyn.cycles._result import CycleResult
from reldyn.cycles._schedule import schedule
from reldyn.cycles._vigilance import vigilance

__all__ = [
    "CalibrationResult",
    "CycleResult",
    "LearningResult",
    "ReportComparison",
    "bond_moderation",
    "bond_trend",
    "calibrate",
    "compare_reports",
    "detect_cycles",
    "events",
    "learning",
    "persistence",
    "schedule",
    "vigilance",
]
