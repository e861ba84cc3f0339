"""Intermittent reinforcement between partners: so far, the description of its schedule."""

from reldyn.cycles._events import events
from reldyn.cycles._schedule import schedule

__all__ = ["events", "schedule"]
