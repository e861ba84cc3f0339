"""Choosing the inference for the fixed effects of a fit."""

from __future__ import annotations

from typing import Any, get_args

from reldyn.errors import check_option
from reldyn.mixed._fit import Fit
from reldyn.mixed._threads import single_threaded
from reldyn.mixed.inference._bootstrap import bootstrap
from reldyn.mixed.inference._inference import Normal, Wald
from reldyn.mixed.inference._kenward_roger import kenward_roger
from reldyn.mixed.inference._profile import profile
from reldyn.mixed.inference._robust import cluster_robust
from reldyn.mixed.spec._options import Inference


def infer(fit: Fit, kind: str | None = None, *, n_boot: int = 999, seed: Any = None, n_jobs: int = 1) -> Wald:
    """Inference for the fixed effects of a fit.

    Parameters
    ----------
    fit : Fit
    kind : {"kenward-roger", "z", "cr2", "profile", "parametric-bootstrap", "dyad-bootstrap"}, optional
        As in `Estimation`. None: ``"kenward-roger"`` under REML, ``"z"`` under ML.
    n_boot, seed, n_jobs
        Of the bootstrap; see `Estimation`.

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
    check_option(chosen, get_args(Inference), "inference")
    if chosen in ("parametric-bootstrap", "dyad-bootstrap"):
        return bootstrap(fit, chosen, n_boot=n_boot, seed=seed, n_jobs=n_jobs)
    return _closed_form(fit, chosen)


@single_threaded
def _closed_form(fit: Fit, kind: str) -> Wald:
    if kind == "z":
        return Normal(fit.beta, fit.cov_beta)
    if kind == "cr2":
        return cluster_robust(fit)
    if kind == "profile":
        return profile(fit)
    return kenward_roger(fit)
