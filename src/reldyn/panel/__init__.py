"""Panels of two partners over time: reading, checking and reshaping."""

from reldyn.panel._panel import DyadPanel
from reldyn.panel._schedule import Schedule

__all__ = ["DyadPanel", "Schedule"]
