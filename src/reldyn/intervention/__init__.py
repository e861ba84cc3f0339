"""What changed in a series when something was tried."""

from reldyn.intervention._interrupted import InterruptedSeries, interrupted_series

__all__ = ["InterruptedSeries", "interrupted_series"]
