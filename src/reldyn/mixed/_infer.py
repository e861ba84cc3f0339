"""Choosing the inference for the fixed effects of a fit."""

from __future__ import annotations

from reldyn.errors import check_option
from reldyn.mixed._fit import Fit
from reldyn.mixed._inference import Normal, Wald
from reldyn.mixed._kenward_roger import kenward_roger

WALD = ("kenward-roger", "z")


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
    """
    chosen = kind or ("kenward-roger" if fit.method == "reml" else "z")
    check_option(chosen, WALD, "inference")
    if chosen == "z":
        return Normal(fit.beta, fit.cov_beta)
    return kenward_roger(fit)
