"""Warnings that point at the line of the user's script, from however deep inside the readers."""

from __future__ import annotations

import sys
import warnings

from reldyn.errors import DataWarning

__all__ = ["warn_data"]


def warn_data(text: str) -> None:
    """Warn about the data, at the first caller outside the readers."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith("reldyn.panel.reading"):
        frame = frame.f_back
        level += 1
    warnings.warn(text, DataWarning, stacklevel=level)
