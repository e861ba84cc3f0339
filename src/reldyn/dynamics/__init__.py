"""One person's affect over time: mean, variability, instability, inertia and reliability."""

from reldyn.dynamics._affect import AffectDynamics, affect_dynamics
from reldyn.dynamics._correlations import CorrelationsResult, correlations
from reldyn.dynamics._icc import IccResult, icc
from reldyn.dynamics._inertia import InertiaResult, inertia
from reldyn.dynamics._instability import InstabilityResult, instability
from reldyn.dynamics._location_scale import LocationScaleResult, location_scale
from reldyn.dynamics._network import NetworkResult, network_density
from reldyn.dynamics._reliability import ReliabilityResult, reliability
from reldyn.dynamics._shrinkage import ContactWindows, ShrinkageResult, contact_windows, shrinkage

__all__ = [
    "ShrinkageResult",
    "ContactWindows",
    "AffectDynamics",
    "CorrelationsResult",
    "IccResult",
    "InertiaResult",
    "InstabilityResult",
    "LocationScaleResult",
    "NetworkResult",
    "ReliabilityResult",
    "affect_dynamics",
    "contact_windows",
    "correlations",
    "icc",
    "inertia",
    "instability",
    "location_scale",
    "network_density",
    "reliability",
    "shrinkage",
]
