"""Vector autoregressions of two partners: one per dyad, or all dyads in two steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Column
from reldyn.coupling.autoregression._inertia import inference
from reldyn.coupling.autoregression._regress import check_lags, past, regression
from reldyn.coupling.autoregression._var_multilevel import two_step
from reldyn.coupling.autoregression._var_result import VarResult
from reldyn.errors import DataWarning, check_option, warn_caller
from reldyn.panel import analysis
from reldyn.stats import LeastSquares, largest_root

if TYPE_CHECKING:
    from collections.abc import Hashable

    from reldyn.panel import DyadPanel, DyadSeries


__all__ = ["var"]


@analysis
def var(
    panel: DyadPanel,
    variable: Column,
    *,
    lags: int = 1,
    pooling: Literal["none", "two-step"] = "none",
    random: Literal["correlated", "orthogonal"] = "correlated",
) -> VarResult:
    """Regress both partners on their own and each other's past.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
        Numeric column. A row of an equation counts where the outcome and all lags of both partners are observed on
        the same day; a partner missing at the later occasion costs only the partner's own equation.
    lags : int, default 1
        Scheduled occasions to look back.
    pooling : {"none", "two-step"}, default "none"
        ``"none"``: least squares per dyad. ``"two-step"``: per role one mixed model over all dyads, lags centred on
        the person's observed mean, the partner's mean between dyads, effects that vary between dyads; then the
        correlation of the two residuals at one occasion. Needs two roles.
    random : {"correlated", "orthogonal"}, default "correlated"
        Two-step only: whether the effects that vary between dyads may covary. ``"orthogonal"`` needs fewer dyads.

    Returns
    -------
    VarResult

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        An option is not known, ``lags`` is not a whole number from 1 on; two-step: no two roles, or too few dyads.

    Warns
    -----
    DataWarning
        Two-step: the bias from centring on observed means is larger than the standard error of an autoregression.

    Notes
    -----
    On complete series the coefficients per dyad are those of any least-squares VAR with a constant. Two-step
    estimates are by maximum likelihood and carry the bias of Nickell (1981), about -(1 + phi) / (T - 1) with T
    occasions per person, whose size every result names (`nickell_bias`); for one population model with both
    residuals at once see `reldyn.apim` with a lagged outcome.

    References
    ----------
    Luetkepohl (2005), New Introduction to Multiple Time Series Analysis, chapter 3. Epskamp, Waldorp, Mottus and
    Borsboom (2018), Multivariate Behavioral Research 53, 453-480, for the two steps.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=4, n_occasions=60, contagion=0.3, seed=1).panel
    >>> fit = rd.coupling.var(panel, "mood")
    >>> fit.tidy().query("effect == 'influence'").shape[0]
    8
    """
    check_lags(lags)
    check_option(pooling, ("none", "two-step"), "pooling")
    check_option(random, ("correlated", "orthogonal"), "random")
    pairs = list(panel.series(variable))
    if pooling == "none":
        return _each(pairs, variable, lags, panel.clock.lags_lead)
    fit = two_step(pairs, panel.roles, variable, lags, "full" if random == "correlated" else "diagonal")
    strong = fit.nickell["exceeds_error"].to_numpy(dtype=bool)
    if strong.any():
        warn_caller(fit.warnings[0], DataWarning)
    return fit.with_parts(lags_lead=panel.clock.lags_lead)


def _each(pairs: list[DyadSeries], variable: str, lags: int, lags_lead: str) -> VarResult:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    shared: list[dict[str, Any]] = []
    log_likelihood, n_obs, n_parameters, fitted = 0.0, 0, 0, 0
    for pair in pairs:
        fits = _equations(pair, lags)
        for member, fit in enumerate(fits):
            rows += coefficient_rows(pair, member, lags, inference(fit))
        told = _residual_cells(pair, lags, fits)
        log_likelihood += told.pop("log_likelihood")
        shared.append({"dyad": pair.dyad, **told})
        if not told["note"]:
            fitted += 1
            n_obs += fits[0].n + fits[1].n
            n_parameters += 2 * len(fits[0].beta) + 3
    residuals = pd.DataFrame(shared)
    rooted = residuals["largest_root"].to_numpy(dtype=float)
    n_unstable = int(np.nansum(rooted >= 1))
    notes = [
        f"{len(pairs) - fitted} of {counted(len(pairs), 'dyad')} {agreeing(len(pairs) - fitted, 'has', 'have')} no "
        "estimate; `residuals` says why."
    ]
    notes = [] if fitted == len(pairs) else notes
    if n_unstable:
        notes.append(
            f"{n_unstable} of {counted(fitted, 'dyad')} {agreeing(n_unstable, 'has', 'have')} a root of 1 or more: "
            "such series do not return to a level."
        )
    return VarResult.of(
        kind="none",
        variable=variable,
        lags=lags,
        lags_lead=lags_lead,
        coefficients=pd.DataFrame(rows),
        residuals=residuals,
        random=pd.DataFrame(),
        nickell=pd.DataFrame(),
        n_dyads=fitted,
        n_persons=2 * fitted,
        n_obs=n_obs,
        log_likelihood=log_likelihood if fitted else math.nan,
        n_parameters=n_parameters,
        converged=fitted > 0,
        notes=tuple(notes),
    )


def _equations(pair: DyadSeries, lags: int) -> tuple[LeastSquares, LeastSquares]:
    before = past(pair, lags)
    ones = np.ones((len(before), 1))
    designs = [np.column_stack([ones, before[:, :, m], before[:, :, 1 - m]]) for m in (0, 1)]
    return regression(designs[0], pair.values[:, 0]), regression(designs[1], pair.values[:, 1])


def coefficient_rows(pair: DyadSeries, member: int, lags: int, cells: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Name the coefficients of one equation: intercept, own lags, partner's lags."""
    outcome, partner = pair.names[member], pair.names[1 - member]
    names: list[tuple[str, Hashable, int]] = [("intercept", "", 0)]
    names += [("inertia", outcome, lag) for lag in range(1, lags + 1)]
    names += [("influence", partner, lag) for lag in range(1, lags + 1)]
    rows = []
    for place, (effect, predictor, lag) in enumerate(names):
        told = effect if effect == "intercept" else f"{predictor} lag {lag}"
        term = f"dyad {pair.dyad}: {outcome} on {told}" if lag else f"dyad {pair.dyad}: {outcome}, intercept"
        who: dict[str, Any] = {"term": term, "dyad": pair.dyad, "effect": effect, "outcome": outcome}
        who |= {"predictor": predictor, "lag": lag}
        rows.append(who | {name: column[place] for name, column in cells.items()})
    return rows


def _residual_cells(pair: DyadSeries, lags: int, fits: tuple[LeastSquares, LeastSquares]) -> dict[str, Any]:
    reasons = sorted({fit.reason for fit in fits if fit.reason})
    if reasons:
        nothing = dict.fromkeys(("sd_first", "sd_second", "correlation", "largest_root"), math.nan)
        n_pairs = min(fit.n for fit in fits)
        return {**nothing, "n_pairs": n_pairs, "note": "; ".join(reasons), "log_likelihood": 0.0}
    before = past(pair, lags)
    rest = np.column_stack([_residual(pair, before, member, fits[member]) for member in (0, 1)])
    both = rest[np.isfinite(rest).all(axis=1)]
    covariance = both.T @ both / len(both) if len(both) > 2 else np.full((2, 2), np.nan)
    spread = [math.sqrt(float(fit.variance)) for fit in fits]
    roots = largest_root(_transitions(fits, lags))
    correlation = covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1])
    return {
        "sd_first": spread[0],
        "sd_second": spread[1],
        "correlation": float(correlation),
        "largest_root": roots,
        "n_pairs": min(fit.n for fit in fits),
        "note": "",
        "log_likelihood": _log_likelihood(covariance, len(both)),
    }


def _residual(pair: DyadSeries, before: Array, member: int, fit: LeastSquares) -> Array:
    design = np.column_stack([np.ones(len(before)), before[:, :, member], before[:, :, 1 - member]])
    return np.asarray(pair.values[:, member] - design @ fit.beta)


def _log_likelihood(covariance: Array, n: int) -> float:
    """Of n pairs of normal residuals at their own covariance."""
    sign, log_det = np.linalg.slogdet(covariance)
    return float(-0.5 * n * (2 * math.log(2 * math.pi) + log_det + 2)) if sign > 0 else math.nan


def _transitions(fits: tuple[LeastSquares, LeastSquares], lags: int) -> Array:
    """(lags, 2, 2) matrices, from column to row."""
    found = np.empty((lags, 2, 2))
    for member, fit in enumerate(fits):
        found[:, member, member] = fit.beta[1 : 1 + lags]
        found[:, member, 1 - member] = fit.beta[1 + lags :]
    return found
