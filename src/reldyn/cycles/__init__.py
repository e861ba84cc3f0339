"""Intermittent reinforcement between partners: its schedule, its phases, and what the response follows."""

from reldyn.cycles._detect import detect_cycles
from reldyn.cycles._result import CycleResult
from reldyn.cycles.calibration._calibrate import CalibrationResult, calibrate
from reldyn.cycles.consequences._bond import BondTrend, bond_moderation, bond_trend
from reldyn.cycles.consequences._persistence import PersistenceResult, persistence
from reldyn.cycles.consequences._vigilance import VigilanceResult, vigilance
from reldyn.cycles.ladder._outcome import Outcome
from reldyn.cycles.learning_models._learning import learning
from reldyn.cycles.learning_models._result import LearningResult
from reldyn.cycles.reports._reports import ReportComparison, compare_reports
from reldyn.cycles.series._events import WarmEvents, events
from reldyn.cycles.series._schedule import ScheduleResult, schedule

__all__ = [
    "VigilanceResult",
    "ScheduleResult",
    "PersistenceResult",
    "WarmEvents",
    "BondTrend",
    "CalibrationResult",
    "CycleResult",
    "LearningResult",
    "Outcome",
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
