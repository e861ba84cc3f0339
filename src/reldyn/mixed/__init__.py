"""The dyadic linear mixed model: random-effect structures, residual processes, estimation and inference.

An engine: arrays in, arrays out. It knows no column names, no actors and no partners.
"""

from reldyn.mixed._fit import Fit, fit_mixed, log_likelihood
from reldyn.mixed._near_singular import column_sizes, near_singular_notes
from reldyn.mixed._predict import RandomEffects, fitted_values, random_effects
from reldyn.mixed._simulate import simulator
from reldyn.mixed.dynamic._fit import DynamicPanel, fit_dynamic_panel
from reldyn.mixed.incomplete._impute import impute_pairs
from reldyn.mixed.incomplete._joint import JointData, JointFit, JointModel, Slope, fit_joint
from reldyn.mixed.inference._infer import infer
from reldyn.mixed.inference._inference import Contrasts, JointTest, Wald
from reldyn.mixed.inference._kenward_roger import parameter_covariance
from reldyn.mixed.inference._process import process_contrasts
from reldyn.mixed.inference._weighted import Contributions, contributions
from reldyn.mixed.likelihood._memory import memory_needed
from reldyn.mixed.processes import describe as describe_process
from reldyn.mixed.processes import natural_names
from reldyn.mixed.spec._columns import RoleColumns
from reldyn.mixed.spec._options import Estimation, Random, Residual, Shared, check_estimation, shared
from reldyn.mixed.spec._problem import Problem
from reldyn.mixed.spec._random import RandomStructure, random_structure

__all__ = [
    "Contrasts",
    "Contributions",
    "DynamicPanel",
    "Estimation",
    "Fit",
    "JointData",
    "JointFit",
    "JointModel",
    "JointTest",
    "Problem",
    "Random",
    "RandomEffects",
    "RandomStructure",
    "Residual",
    "RoleColumns",
    "Shared",
    "Slope",
    "Wald",
    "check_estimation",
    "column_sizes",
    "contributions",
    "fit_dynamic_panel",
    "describe_process",
    "fit_joint",
    "fit_mixed",
    "fitted_values",
    "impute_pairs",
    "infer",
    "log_likelihood",
    "memory_needed",
    "natural_names",
    "near_singular_notes",
    "parameter_covariance",
    "process_contrasts",
    "random_effects",
    "random_structure",
    "shared",
    "simulator",
]
