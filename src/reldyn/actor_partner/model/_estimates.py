"""What a fit leaves behind as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.results import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Estimates"]


@register
@dataclass(frozen=True)
class Estimates:
    """Estimates of one fit; p fixed effects, q random effects, s compositions, m covariance parameters.

    Attributes
    ----------
    method : {"reml", "ml"}
    inference : str
        What standard errors, degrees of freedom and intervals rest on.
    log_likelihood : float
        Restricted under REML, with the constants of the complete likelihood.
    n_covariance : int
        Free parameters of random effects and residuals.
    beta : (p,) array
    cov_model, cov : (p, p) arrays
        Model-based covariance of ``beta``, and the one used for inference.
    df : (p,) array
        Degrees of freedom of each coefficient; infinite for z.
    conf_low, conf_high : (p,) arrays
    p_value : (p,) array
    random : (q, q) array
        Covariance of the random effects in reported terms.
    natural : tuple of (m_s,) arrays
        Residual parameters of each composition, as the engine keeps them.
    residual : tuple of mappings
        The same as the engine describes them: ``covariance`` (2, 2), ``phi``, ...
    converged, at_boundary : bool
    message : str
        How the optimiser ended.
    trace : mapping
        Its path: ``deviance`` per accepted step, ``evaluations``, ``return_code``.
    cov_parameters : (k, k) array
        Covariance of the estimated covariance parameters: those of the random effects as the engine keeps them, then
        ``natural``; empty where the fit has none.
    imputations : mapping
        ``beta``, ``cov`` and ``df`` of each imputation; empty without imputation.
    data : {"complete", "imputed", "joint"}
        Complete rows, several imputations, or outcome and incomplete predictors together.
    """

    method: str
    inference: str
    log_likelihood: float
    n_covariance: int
    beta: NDArray[np.float64]
    cov_model: NDArray[np.float64]
    cov: NDArray[np.float64]
    df: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]
    p_value: NDArray[np.float64]
    random: NDArray[np.float64]
    natural: tuple[NDArray[np.float64], ...]
    residual: tuple[Mapping[str, Any], ...]
    converged: bool
    at_boundary: bool
    message: str
    trace: Mapping[str, Any]
    cov_parameters: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    imputations: Mapping[str, Any] = field(default_factory=dict)
    data: str = "complete"

    @property
    def std_error(self) -> NDArray[np.float64]:
        """Standard errors of the fixed effects."""
        return np.asarray(np.sqrt(np.diag(self.cov)))
