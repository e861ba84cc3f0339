"""Generators with known truth: each returns a panel and every parameter behind it."""

from reldyn.simulate._apim import apim
from reldyn.simulate._cycles import cycles
from reldyn.simulate._intervention import intervention
from reldyn.simulate._perception import perception
from reldyn.simulate._series import SeriesDesign, SimulatedSeries, simulate_series
from reldyn.simulate._simulated import Simulated, Truth

__all__ = [
    "SeriesDesign",
    "Simulated",
    "SimulatedSeries",
    "Truth",
    "apim",
    "cycles",
    "intervention",
    "perception",
    "simulate_series",
]
