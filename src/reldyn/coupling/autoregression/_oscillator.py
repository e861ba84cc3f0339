"""Two coupled damped oscillators: how fast each partner swings, how it dies out, and what the other adds.

Boker and Nesselroade (2002), Multivariate Behavioral Research 37, 127-160; derivatives by generalised local linear
approximation (Boker, Deboeck, Edler and Keel 2010).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reldyn._types import Array, Column
from reldyn.coupling.autoregression._inertia import NEVER_LEAVES_LINE, inference, never_leaves_line
from reldyn.coupling.autoregression._oscillator_fit import OscillatorFit, fit_oscillators
from reldyn.coupling.autoregression._regress import detrended, regression
from reldyn.errors import check_count, check_option
from reldyn.panel import analysis
from reldyn.results import TableResult

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel, DyadSeries


# Of two swings and what each adds to the other, a few moments that both answered say nothing.
_FEWEST_JOINT = 8

__all__ = ["OscillatorResult", "coupled_oscillator", "glla_weights"]


class OscillatorResult(TableResult):
    """What `coupled_oscillator` found: five rows per dyad and member."""

    person_columns: ClassVar[tuple[str, ...]] = ("outcome", "partner")


_TERMS = ("frequency", "damping", "partner position", "partner speed")
_NUMBERS = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")
_FEWEST_VALUES = 20


@analysis
def coupled_oscillator(
    panel: DyadPanel,
    variable: Column,
    *,
    method: Literal["local-linear", "state-space"] = "state-space",
    embedding: int = 5,
    spacing: int = 1,
) -> OscillatorResult:
    """Fit acceleration to position and speed of both partners, dyad by dyad.

    x'' = eta x + zeta x' + eta_p x_partner + zeta_p x_partner', for deviations x from each member's straight line.

    Parameters
    ----------
    panel : DyadPanel
        Time counts in scheduled steps; a night counts as in `DyadPanel.clock`.
    variable : str
        Numeric column. Missing values keep their place: nothing is closed up.
    method : {"state-space", "local-linear"}, default "state-space"
        ``"state-space"``: exact discretisation in continuous time with shocks and measurement error, by maximum
        likelihood; uses every value. ``"local-linear"``: derivatives from short windows, then least squares; quick, but
        the window smooths the swing away: at twelve occasions a cycle and five in a window the frequency term comes out
        9 % too small. See the notes before reading a period from it.
    embedding : int, default 5
        Occasions in a window of the local linear approximation, at least 3; more smooth more.
    spacing : int, default 1
        Steps between the occasions of a window.

    Returns
    -------
    OscillatorResult
        A table that is used like a data frame.
        Five rows per dyad and member: ``dyad``, ``outcome``, ``partner``, ``method``, ``term`` (``frequency`` eta,
        ``damping`` zeta, ``partner position``, ``partner speed``, ``period`` 2 pi / sqrt(-eta) in steps),
        ``estimate``, ``std_error``, ``statistic``, ``df``, ``p_value``, ``conf_low``, ``conf_high``, ``n_obs``
        (windows, or values of both members), ``note``. The period is that of the swing without its damping; NaN where
        eta is not below 0, or damping so strong (zeta^2 >= -4 eta) that the series returns without a swing. NaN
        throughout, and the reason in ``note``, where a member has fewer than 20 answers or never leaves a straight
        line, or where the likelihood has no clear maximum, to which most of five starts must lead: series that do not
        swing rarely have one.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        Unknown ``method``, or a window that is no window.

    Notes
    -----
    Negative damping dies out, positive builds up. Standard errors of the local linear approximation take overlapping
    windows for independent and are too small; measurement error and shocks pull its damping and its partner
    effects towards 0, and series without any swing have a period, too: white noise one of 8.2 steps with five
    occasions in a window. Standard errors of the state space come from the observed information, with degrees of
    freedom for all that was fitted.

    In simulated pairs with cycles of 12 and 9 steps (60 pairs a cell, ``tools/results/oscillator_checks.json``)
    the 95 % intervals of the state space held .93 to .96 of all terms and .91 of the frequencies at 120 occasions, and
    .89 and .85 at 60, where they are too narrow and 2 pairs got none. Noise without a swing got no numbers in any of 60
    pairs, and series with a carry-over of .5 in 43. A small p-value of the frequency still does not show that there is
    a swing: most of the frequencies of the other 17 differed from 0.

    References
    ----------
    Boker and Nesselroade (2002), Multivariate Behavioral Research 37, 127-160. Oud and Jansen (2000), Psychometrika
    65, 199-215, for the exact discretisation.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("oscillator", n_dyads=1, n_occasions=60, seed=1).panel
    >>> found = rd.coupling.coupled_oscillator(panel, "warmth", method="local-linear", embedding=3)
    >>> found["term"].tolist()[:5]
    ['frequency', 'damping', 'partner position', 'partner speed', 'period']
    """
    import pandas as pd

    check_option(method, ("state-space", "local-linear"), "method")
    for name, value, least in (("embedding", embedding, 3), ("spacing", spacing, 1)):
        check_count(value, name, least)
    rows: list[dict[str, Any]] = []
    for pair in panel.series(variable):
        rest = detrended(pair.values, pair.step if pair.night_known else np.arange(len(pair.values), dtype=float))
        if never_leaves_line(rest):
            told = _refused(NEVER_LEAVES_LINE, int(np.isfinite(rest).sum()))
        else:
            told = _local(pair, rest, embedding, spacing) if method == "local-linear" else _exact(pair, rest)
        for member, cells in enumerate(told):
            who = {"dyad": pair.dyad, "outcome": pair.names[member], "partner": pair.names[1 - member]}
            rows += [who | {"method": method} | row for row in cells]
    return OscillatorResult.of(table=pd.DataFrame(rows))


def glla_weights(embedding: int, spacing: int = 1, interval: float = 1.0) -> Array:
    """Weights that turn a window of occasions into position, speed and acceleration at its middle.

    Parameters
    ----------
    embedding : int
        Occasions in the window.
    spacing : int, default 1
        Steps between them.
    interval : float, default 1.0
        Length of a step.

    Returns
    -------
    (embedding, 3) array
        Columns for position, first and second derivative.

    Examples
    --------
    >>> glla_weights(3)[:, 1].round(3).tolist()
    [-0.5, 0.0, 0.5]
    """
    place = (np.arange(embedding) - (embedding - 1) / 2) * spacing * interval
    shapes = np.column_stack([np.ones(embedding), place, place**2 / 2])
    return np.asarray(shapes @ np.linalg.inv(shapes.T @ shapes))


def _windows(pair: DyadSeries, rest: Array, embedding: int, spacing: int) -> Array:
    """Derivatives of whole windows of neighbouring scheduled occasions: (n, 2, 3); NaN where a value is missing."""
    weights = glla_weights(embedding, spacing)
    width = (embedding - 1) * spacing
    found = []
    for stretch in pair.runs(observed=False):
        part = rest[stretch]
        if len(part) > width:
            views = np.lib.stride_tricks.sliding_window_view(part, width + 1, axis=0)[:, :, ::spacing]
            found.append(views @ weights)
    return np.concatenate(found) if found else np.zeros((0, 2, 3))


def _local(pair: DyadSeries, rest: Array, embedding: int, spacing: int) -> list[list[dict[str, Any]]]:
    derivatives = _windows(pair, rest, embedding, spacing)
    told = []
    for member in (0, 1):
        own, other = derivatives[:, member], derivatives[:, 1 - member]
        fit = regression(np.column_stack([own[:, :2], other[:, :2]]), own[:, 2])
        cells = inference(fit)
        cells["n_obs"] = cells.pop("n_pairs")
        note = fit.reason.replace("pairs of occasions", "windows")
        rows = [{"term": term} | {name: column[k] for name, column in cells.items()} for k, term in enumerate(_TERMS)]
        told.append(_with_period([row | {"note": note} for row in rows]))
    return told


def _with_period(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the period, its error by the delta method."""
    eta, zeta, error = rows[0]["estimate"], rows[1]["estimate"], rows[0]["std_error"]
    row = rows[0] | {"term": "period"} | dict.fromkeys(_NUMBERS, math.nan)
    if eta < 0 and zeta <= -2 * math.sqrt(-eta):
        row["note"] = "; ".join(filter(None, [row["note"], "damped too strongly to swing, so no period"]))
    elif eta < 0:
        row |= {"estimate": 2 * math.pi / math.sqrt(-eta), "std_error": math.pi * error / (-eta) ** 1.5}
        # The limits of eta carried over; a limit at or above 0 has no period.
        bounds = [rows[0]["conf_low"], rows[0]["conf_high"]]
        row |= {
            name: 2 * math.pi / math.sqrt(-bound) if bound < 0 else math.inf if bound >= 0 else math.nan
            for name, bound in zip(("conf_low", "conf_high"), bounds, strict=True)
        }
    elif math.isfinite(eta):
        row["note"] = "; ".join(filter(None, [row["note"], "eta is not below 0: no swing, so no period"]))
    return [*rows, row]


def _refused(reason: str, n_obs: int) -> list[list[dict[str, Any]]]:
    blank = [{"term": term, **dict.fromkeys(_NUMBERS, math.nan), "n_obs": n_obs, "note": reason} for term in _TERMS]
    return [_with_period(list(blank)) for _ in (0, 1)]


def _exact(pair: DyadSeries, rest: Array) -> list[list[dict[str, Any]]]:
    n_obs = int(np.isfinite(rest).sum())
    reason = _too_short(pair, rest)
    if reason:
        return _refused(reason, n_obs)
    fit = fit_oscillators(rest, pair.step, _begin(pair, rest))
    if not (fit.converged and np.isfinite(fit.std_error).all()):
        return _refused("no clear maximum of the likelihood: these series do not determine two oscillators", n_obs)
    return [_with_period(_exact_rows(fit, member, n_obs)) for member in (0, 1)]


def _too_short(pair: DyadSeries, rest: Array) -> str:
    seen = np.isfinite(rest)
    fewest = int(seen.sum(axis=0).min()) if len(rest) else 0
    if fewest < _FEWEST_VALUES:
        return f"a member has {fewest} answers, below {_FEWEST_VALUES}"
    n_joint = int(seen.all(axis=1).sum())
    if n_joint < _FEWEST_JOINT:
        return f"fewer than {_FEWEST_JOINT} joint occasions"
    lengths = [int(seen[part].sum(axis=0).min()) for part in pair.runs(observed=False)]
    together = sum(length for length in lengths if length >= 3)
    if not pair.night_known and together < _FEWEST_VALUES:
        return "days are too short to see a swing, and every day starts anew (night_steps=None)"
    return ""


def _begin(pair: DyadSeries, rest: Array) -> Array:
    """Coefficients of the local linear approximation, or a swing of twelve steps."""
    start = np.tile([-0.27, -0.05, 0.0, 0.0], (2, 1))
    derivatives = _windows(pair, rest, 5, 1)
    for member in (0, 1):
        own, other = derivatives[:, member], derivatives[:, 1 - member]
        fit = regression(np.column_stack([own[:, :2], other[:, :2]]), own[:, 2])
        if not fit.reason and fit.beta[0] < 0:
            start[member] = np.clip(fit.beta, -1.5, 0.5)
    return start


def _exact_rows(fit: OscillatorFit, member: int, n_obs: int) -> list[dict[str, Any]]:
    from scipy.stats import t

    reach = float(t.ppf(0.975, fit.df))
    rows = []
    for place, term in enumerate(_TERMS):
        value, error = float(fit.value[member, place]), float(fit.std_error[member, place])
        ratio = value / error
        row = {"term": term, "estimate": value, "std_error": error, "statistic": ratio, "df": float(fit.df)}
        row |= {"p_value": 2 * float(t.sf(abs(ratio), fit.df)), "conf_low": value - reach * error}
        rows.append(row | {"conf_high": value + reach * error, "n_obs": n_obs, "note": ""})
    return rows
