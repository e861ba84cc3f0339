"""reldyn: dyadic time series of affect.

Detects intermittent-reinforcement cycles with calibrated tests and estimates actor-partner
effects, cross-sectional and longitudinal. The names of this module load what they need on first
use, so that ``import reldyn`` itself stays quick.

Examples
--------
>>> import reldyn as rd
>>> panel = rd.load_sample()
>>> panel.n_dyads
140
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reldyn import (
        actor_partner,
        coupling,
        cycles,
        dynamics,
        intervention,
        markov,
        mixed,
        panel,
        perception,
        plot,
        resample,
        simulate,
        stats,
        study,
        surrogate,
    )
    from reldyn.actor_partner import apim, compare, distinguishability, mixed_model
    from reldyn.cycles import detect_cycles
    from reldyn.dynamics import affect_dynamics
    from reldyn.errors import ConvergenceWarning, DataError, DataWarning, DesignError, ReldynError
    from reldyn.mixed import Estimation, Random, Residual, shared
    from reldyn.panel import (
        DyadPanel,
        Schedule,
        align,
        check_panel,
        from_wide,
        load_sample,
        load_sample_truth,
        pair_ids,
        read_table,
        to_grid,
    )
    from reldyn.results import from_json
    from reldyn.study import analyses, run_study, show_versions

__version__ = "0.1.0"

logging.getLogger("reldyn").addHandler(logging.NullHandler())

_ROOMS = (
    "actor_partner",
    "coupling",
    "cycles",
    "dynamics",
    "intervention",
    "markov",
    "mixed",
    "panel",
    "perception",
    "plot",
    "resample",
    "simulate",
    "stats",
    "study",
    "surrogate",
)
_HOMES = {
    "ConvergenceWarning": "errors",
    "DataError": "errors",
    "DataWarning": "errors",
    "DesignError": "errors",
    "DyadPanel": "panel",
    "Estimation": "mixed",
    "Random": "mixed",
    "ReldynError": "errors",
    "Residual": "mixed",
    "Schedule": "panel",
    "affect_dynamics": "dynamics",
    "align": "panel",
    "analyses": "study",
    "apim": "actor_partner",
    "check_panel": "panel",
    "compare": "actor_partner",
    "detect_cycles": "cycles",
    "distinguishability": "actor_partner",
    "from_json": "results",
    "from_wide": "panel",
    "load_sample": "panel",
    "load_sample_truth": "panel",
    "mixed_model": "actor_partner",
    "pair_ids": "panel",
    "read_table": "panel",
    "run_study": "study",
    "shared": "mixed",
    "show_versions": "study",
    "to_grid": "panel",
}

# Spelled out, so that type checkers see what the module hands on.
__all__ = [
    "ConvergenceWarning",
    "DataError",
    "DataWarning",
    "DesignError",
    "DyadPanel",
    "Estimation",
    "Random",
    "ReldynError",
    "Residual",
    "Schedule",
    "__version__",
    "actor_partner",
    "affect_dynamics",
    "align",
    "analyses",
    "apim",
    "check_panel",
    "compare",
    "coupling",
    "cycles",
    "detect_cycles",
    "distinguishability",
    "dynamics",
    "from_json",
    "from_wide",
    "intervention",
    "load_sample",
    "load_sample_truth",
    "markov",
    "mixed",
    "mixed_model",
    "pair_ids",
    "panel",
    "perception",
    "plot",
    "read_table",
    "resample",
    "run_study",
    "shared",
    "show_versions",
    "simulate",
    "stats",
    "study",
    "surrogate",
    "to_grid",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"reldyn.{_HOMES[name]}"), name)
    elif name in _ROOMS:
        value = importlib.import_module(f"reldyn.{name}")
    else:
        raise AttributeError(f"module 'reldyn' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
