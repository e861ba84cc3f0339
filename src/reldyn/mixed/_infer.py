"""Choosing the inference for the fixed effects of a fit."""

from __future__ import annotations

from reldyn.errors import check_option
from reldyn.mixed._fit import Fit
from reldyn.mixed._inference import Normal, Wald
from reldyn.mixed._kenward_roger import kenward_roger
from reldyn.mixed._threads import single_threaded

WALD = ("kenward-roger", "z")


@single_threaded
def infer(fit: Fit, kind: str | None = None) -> Wald:
    """Inference for the fixed effects of a fit.

    Parameters
    ----------
    fit : Fit
    kind : {"kenward-roger", "z"}, optional
        As in `Estimation`. None: ``"kenward-roger"`` under REML, ``"z"`` under ML.

    Returns
    -------
    Wald

    Raises
    ------
    DesignError
        If `kind` is not known or does not go with the method of estimation.

    Examples
    --------
    >>> import numpy as np
    >>> from reldyn.mixed import Problem, Residual, fit_mixed, random_structure
    >>> ones, dyad = np.ones((8, 1)), [0] * 4 + [1] * 4
    >>> problem = Problem([5, 4, 6, 5, 2, 1, 3, 2], ones, ones, dyad, member=[0, 1] * 4, step=[0, 0, 1, 1] * 2)
    >>> fit = fit_mixed(problem, random_structure(("intercept",)), Residual("independent"))
    >>> wald = infer(fit, "z")
    >>> wald.kind, wald.beta.round(3).tolist()
    ('z', [3.5])
    """
    chosen = kind or ("kenward-roger" if fit.method == "reml" else "z")
    check_option(chosen, WALD, "inference")
    if chosen == "z":
        return Normal(fit.beta, fit.cov_beta)
    return kenward_roger(fit)
