"""What changed in a series when something was tried."""

from reldyn.intervention._effect_size import effect_size
from reldyn.intervention._interrupted import InterruptedSeries, interrupted_series
from reldyn.intervention._overlap import overlap
from reldyn.intervention._randomization import randomization_test
from reldyn.intervention._reliable import ReliableChange, jacobson_truax, reliable_change

__all__ = [
    "InterruptedSeries",
    "ReliableChange",
    "effect_size",
    "interrupted_series",
    "jacobson_truax",
    "overlap",
    "randomization_test",
    "reliable_change",
]
