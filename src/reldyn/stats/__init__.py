"""Small numerics on arrays, each written once: pooling, p-values, least squares, serial dependence, resampling.

Nothing here knows a panel, a column or a result: arrays in, arrays out.
"""

from reldyn.stats._ar1 import AR1_GRID, AR1Design, AR1Fit, ar1_log_likelihood, fit_ar1, noisy_profile, whiten
from reldyn.stats._cluster import cluster_codes, cluster_covariance, cluster_means, cluster_sums
from reldyn.stats._estimate import Estimate
from reldyn.stats._kalman import IMPOSSIBLE, Observations, Profile, StateSpace, coefficients, deviances, smoothed
from reldyn.stats._metrics import METRIC_FACTOR, different_metrics
from reldyn.stats._montecarlo import (
    DECISIONS,
    NUMERICAL_ERRORS,
    STOP_AFTER,
    MonteCarlo,
    PValue,
    bootstrap_p,
    decision_limits,
    exceeds,
    monte_carlo,
    monte_carlo_p,
)
from reldyn.stats._ols import LeastSquares, classical, clustered, hc3, indicators, least_squares, newey_west
from reldyn.stats._pool import POOLINGS, Pooling, pool, pooling_text, reml_variance
from reldyn.stats._resample import (
    Resamples,
    dyad_bootstrap,
    known_seed,
    map_seeded,
    one_thread,
    parametric_bootstrap,
    wild_bootstrap,
)
from reldyn.stats._streams import child_generator, child_seed, data_key, seed_sequence, stream
from reldyn.stats._var import (
    fill_gaps,
    lag_columns,
    largest_root,
    over_steps,
    spectral_radius,
    stationary_covariance,
)

__all__ = [
    "DECISIONS",
    "AR1_GRID",
    "IMPOSSIBLE",
    "METRIC_FACTOR",
    "NUMERICAL_ERRORS",
    "POOLINGS",
    "STOP_AFTER",
    "AR1Design",
    "AR1Fit",
    "Estimate",
    "LeastSquares",
    "MonteCarlo",
    "Observations",
    "PValue",
    "Pooling",
    "Profile",
    "Resamples",
    "StateSpace",
    "ar1_log_likelihood",
    "bootstrap_p",
    "child_generator",
    "child_seed",
    "classical",
    "cluster_codes",
    "cluster_covariance",
    "cluster_means",
    "cluster_sums",
    "clustered",
    "coefficients",
    "data_key",
    "decision_limits",
    "deviances",
    "different_metrics",
    "dyad_bootstrap",
    "exceeds",
    "fill_gaps",
    "fit_ar1",
    "hc3",
    "indicators",
    "known_seed",
    "lag_columns",
    "largest_root",
    "least_squares",
    "map_seeded",
    "monte_carlo",
    "monte_carlo_p",
    "newey_west",
    "noisy_profile",
    "one_thread",
    "over_steps",
    "parametric_bootstrap",
    "pool",
    "pooling_text",
    "reml_variance",
    "seed_sequence",
    "smoothed",
    "spectral_radius",
    "stationary_covariance",
    "stream",
    "whiten",
    "wild_bootstrap",
]
