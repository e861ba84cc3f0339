"""One function per figure: panels and results drawn with seaborn and matplotlib, nothing computed.

Every function returns a matplotlib ``Figure``, or the ``Axes`` where its page says so, and each figure is shown once:

- In Jupyter a figure that a cell draws appears below it: as the last line of the cell, with a semicolon, with
  ``plt.show()``, in a loop or under a name. Naming the figure in a later cell shows it again. A figure that has been
  shown is closed in pyplot, also under ``InlineBackend.close_figures = False``; its object can still be changed and
  saved.
- In a script or a terminal with windows, ``plt.show()`` opens every figure drawn so far. They stay in memory until
  they are closed: a loop over many dyads that only saves files ends each round with ``plt.close(figure)``.
- Where there are no windows (the backends Agg, PDF, SVG: servers, tests), pyplot holds the last figure only, so
  ``plt.savefig`` saves it; earlier ones live as long as a variable holds them, and a loop fills no memory.

``figure.savefig(path)`` works in each of them. With ``ax=`` a function draws on axes of yours, and the figure around
them stays yours: it is shown and closed as matplotlib would, once.
"""

from reldyn.plot._calibration import calibration
from reldyn.plot._coefficients import coefficients
from reldyn.plot._compliance import compliance_heatmap
from reldyn.plot._cycles import cycles, null_distribution, phase_ribbon, transition_wheel, verdict_map
from reldyn.plot._dynamics import affect_dynamics, inertia, location_scale, network, shrinkage
from reldyn.plot._family import common_fate_diagram, mediation_diagram
from reldyn.plot._intervention import event_response, phases, reliable_change
from reldyn.plot._path_diagram import path_diagram
from reldyn.plot._perception import dissociation, similarity, social_accuracy, truth_and_bias
from reldyn.plot._sample import compliance_course, spread
from reldyn.plot._schedule import schedule
from reldyn.plot._slopes import response_surface, simple_slopes
from reldyn.plot._style import to_svg
from reldyn.plot._trajectories import trajectories
from reldyn.plot.coupling import (
    asymmetry,
    cross_correlation,
    influence_functions,
    lag_sequential,
    recurrence,
    state_space_grid,
    susy,
    windowed_cross_correlation,
)

__all__ = [
    "affect_dynamics",
    "asymmetry",
    "calibration",
    "coefficients",
    "common_fate_diagram",
    "dissociation",
    "compliance_course",
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
    "spread",
    "state_space_grid",
    "susy",
    "to_svg",
    "trajectories",
    "transition_wheel",
    "truth_and_bias",
    "verdict_map",
    "windowed_cross_correlation",
]
