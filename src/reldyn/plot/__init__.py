"""One function per figure: panels and results drawn with seaborn and matplotlib, nothing computed."""

from reldyn.plot._calibration import calibration
from reldyn.plot._coefficients import coefficients
from reldyn.plot._compliance import compliance_heatmap
from reldyn.plot._coupling_asymmetry import asymmetry
from reldyn.plot._coupling_grid import state_space_grid
from reldyn.plot._coupling_influence import influence_functions
from reldyn.plot._coupling_sequences import lag_sequential
from reldyn.plot._coupling_synchrony import cross_correlation, recurrence, susy, windowed_cross_correlation
from reldyn.plot._cycles import cycles, null_distribution, phase_ribbon, transition_wheel, verdict_map
from reldyn.plot._dynamics import affect_dynamics, inertia, location_scale, network, shrinkage
from reldyn.plot._family import common_fate_diagram, mediation_diagram
from reldyn.plot._intervention import event_response, phases, reliable_change
from reldyn.plot._path_diagram import path_diagram
from reldyn.plot._perception import dissociation, similarity, social_accuracy, truth_and_bias
from reldyn.plot._schedule import schedule
from reldyn.plot._slopes import response_surface, simple_slopes
from reldyn.plot._style import to_svg
from reldyn.plot._trajectories import trajectories

__all__ = [
    "affect_dynamics",
    "asymmetry",
    "calibration",
    "coefficients",
    "common_fate_diagram",
    "dissociation",
    "compliance_heatmap",
    "event_response",
    "inertia",
    "influence_functions",
    "lag_sequential",
    "location_scale",
    "mediation_diagram",
    "cross_correlation",
    "cycles",
    "network",
    "null_distribution",
    "path_diagram",
    "phase_ribbon",
    "phases",
    "recurrence",
    "reliable_change",
    "response_surface",
    "schedule",
    "shrinkage",
    "similarity",
    "simple_slopes",
    "social_accuracy",
    "state_space_grid",
    "susy",
    "to_svg",
    "trajectories",
    "transition_wheel",
    "truth_and_bias",
    "verdict_map",
    "windowed_cross_correlation",
]
