"""What changed in a series when something was tried."""

from reldyn.intervention._effect_size import CaseEffectSizes, effect_size
from reldyn.intervention._event_response import EventResponse, event_response
from reldyn.intervention._interrupted import InterruptedSeries, interrupted_series
from reldyn.intervention._multiple_baseline import MultipleBaseline, multiple_baseline
from reldyn.intervention._overlap import OverlapResult, overlap
from reldyn.intervention._randomization import RandomizationTest, randomization_test
from reldyn.intervention._recovery import Recovery, recovery
from reldyn.intervention._reliable import ReliableChange, ReliableChangeResult, jacobson_truax, reliable_change

__all__ = [
    "ReliableChangeResult",
    "RandomizationTest",
    "OverlapResult",
    "CaseEffectSizes",
    "EventResponse",
    "InterruptedSeries",
    "MultipleBaseline",
    "Recovery",
    "ReliableChange",
    "effect_size",
    "event_response",
    "interrupted_series",
    "jacobson_truax",
    "multiple_baseline",
    "overlap",
    "randomization_test",
    "recovery",
    "reliable_change",
]
