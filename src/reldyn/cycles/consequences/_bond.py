"""Does attachment change from cycle to cycle, and does it go with intermittent warmth and unequal power?

The second question is that of Dutton and Painter (1993, Violence and Victims 8, 105-120): it is asked here of the
user's own data, and what they found is built into nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Column
from reldyn.cycles._sample_level import pool_directions
from reldyn.cycles.series._directions import CycleColumns, build_series
from reldyn.cycles.series._events import Event, ReportedBy, event_number
from reldyn.cycles.series._runs import FEWEST_RUNS, cycle_number, fitted, warm_states
from reldyn.cycles.series._schedule import schedule
from reldyn.errors import DataError, DesignError, check_columns
from reldyn.panel import analysis
from reldyn.results import TableResult
from reldyn.stats import Estimate, hc3, indicators, least_squares

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd

    from reldyn.cycles._result import CycleResult
    from reldyn.cycles.series._series import DirectionSeries
    from reldyn.panel import DyadPanel

Cells = dict[str, float | int | str]

__all__ = ["BondTrend", "bond_moderation", "bond_trend", "serial_gls"]


class BondTrend(TableResult):
    """What `bond_trend` found."""


_FEWEST_DYADS = 20
_LARGEST_INERTIA = 0.99
_TERMS = ("intercept", "intermittency", "power", "intermittency x power")


@analysis
def bond_trend(
    panel: DyadPanel,
    *,
    attachment: Column,
    warmth: Column,
    reported_by: ReportedBy = "receiver",
    event: Event = "threshold",
    phases: CycleResult | None = None,
) -> BondTrend:
    """Estimate by how much the receiver's attachment changes from one cycle of warmth to the next.

    A cycle begins with each run of warm occasions. The number of the cycle grows with time, so a slope across cycles
    is also a slope over the weeks: it says that attachment rose while cycles went by, not that they raised it.

    Parameters
    ----------
    panel : DyadPanel
    attachment, warmth : str
        Columns: the receiver's attachment or longing, and the warmth received from or given to the partner.
    reported_by : {"receiver", "giver"}, default "receiver"
        Who rates the warmth.
    event : "threshold" or float, default "threshold"
        Which occasions are warm, as in `events`.
    phases : CycleResult, optional
        Take the warm phases of a detection in place of ``event``: answers flicker more than phases do.

    Returns
    -------
    BondTrend
        A table that is used like a data frame.
        One row per dyad and giver, then one with ``dyad`` "sample" that pools the slopes by random effects over
        dyads (restricted maximum likelihood), because their precision follows the numbers of cycles and answers:
        ``dyad``, ``giver``, ``estimate`` (points of attachment per cycle), ``std_error``, ``conf_low``, ``conf_high``,
        ``p_value``, ``inertia`` (autocorrelation of the errors from one daytime interval to the next),
        ``n_cycles``, ``n_occasions``, ``note``.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        An option is not known, or ``phases`` are those of another column.

    Notes
    -----
    Generalised least squares on the cycle number and the time of day. The errors are a first-order autoregression
    over the time that really passed, nights and unanswered beeps included, plus independent measurement error,
    both by restricted likelihood. The t distribution has the cycles but two as its degrees of freedom.
    Fewer than eight cycles give no slope.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("cycle", n_dyads=3, n_occasions=120, seed=1).panel
    >>> found = rd.cycles.bond_trend(panel, attachment="response", warmth="warmth")
    >>> found["dyad"].tolist()[-1], len(found)
    ('sample', 7)
    """
    import pandas as pd

    number = event_number(event, panel.values(warmth))
    outcomes = fitted(phases, warmth, reported_by)
    rows = []
    for one in build_series(panel, CycleColumns(warmth, attachment, reported_by)):
        state, reason = warm_states(one, number, outcomes)
        if one.series is None or reason:
            cells = _no_trend(0, 0, [reason])
        else:
            cells = _trend(one.series, state, one.notes)
        rows.append({"dyad": one.dyad, "giver": one.giver, **cells})
    table = pd.DataFrame(rows)
    found = pool_directions(table["estimate"].to_numpy(), table["std_error"].to_numpy(), table["dyad"].tolist())
    sample = _no_trend(int(table["n_cycles"].sum()), int(table["n_occasions"].sum()), [found.note])
    for name in ("estimate", "std_error", "conf_low", "conf_high", "p_value"):
        sample[name] = getattr(found, name)
    last = pd.DataFrame([{"dyad": "sample", "giver": "", **sample}])
    whole = pd.concat([table.astype({"dyad": object, "giver": object}), last], ignore_index=True)
    return BondTrend.of(table=whole)


def _no_trend(n_cycles: int, n_occasions: int, notes: list[str]) -> Cells:
    names = ("estimate", "std_error", "conf_low", "conf_high", "p_value", "inertia")
    note = "; ".join(one for one in notes if one)
    return {**dict.fromkeys(names, math.nan), "n_cycles": n_cycles, "n_occasions": n_occasions, "note": note}


def _trend(series: DirectionSeries, state: Array, known: tuple[str, ...]) -> Cells:
    from scipy.stats import t as student

    used = np.isfinite(series.y[:, 1])
    cycle, outcome = cycle_number(state)[used], series.y[used, 1]
    n_cycles, notes = len(np.unique(cycle[cycle > 0])), list(known)
    design = np.column_stack([np.ones(len(outcome)), cycle, indicators(series.beep[used])])
    if n_cycles < FEWEST_RUNS:
        notes.append(f"{counted(n_cycles, 'cycle')}, below {FEWEST_RUNS}")
    elif np.ptp(outcome) == 0:
        notes.append("attachment never varies")
    elif len(outcome) < 3 * design.shape[1]:
        notes.append("too few answers")
    else:
        beta, errors, inertia = serial_gls(design, outcome, series.step[used])
        slope, error, df = float(beta[1]), float(errors[1]), n_cycles - 2
        reach = float(student.ppf(0.975, df)) * error
        return _no_trend(n_cycles, len(outcome), notes) | {
            "estimate": slope,
            "std_error": error,
            "conf_low": slope - reach,
            "conf_high": slope + reach,
            "p_value": 2 * float(student.sf(abs(slope) / error, df)) if error > 0 else math.nan,
            "inertia": inertia,
        }
    return _no_trend(n_cycles, len(outcome), notes)


def serial_gls(
    design: Array, outcome: Array, clock: Array, *, error_model: tuple[float, float] | None = None
) -> tuple[Array, Array, float]:
    """Least squares with errors that are an autoregression in time plus independent noise.

    Parameters
    ----------
    design : (n, k) array
        Of full column rank.
    outcome : (n,) array
    clock : (n,) array
        Strictly increasing.
    error_model : (inertia, noise share), optional
        Default: by restricted maximum likelihood.

    Returns
    -------
    beta, std_error : (k,) arrays
    inertia : float
        Autocorrelation of the autoregression at distance 1.
    """
    from scipy.optimize import minimize

    gap = np.abs(clock[:, None] - clock[None, :])

    def deviance(setting: Array) -> float:
        return _whitened(design, outcome, gap, float(setting[0]), float(setting[1]))[0]

    if error_model is None:
        starts = [np.array([inertia, noise]) for inertia in (0.2, 0.6, 0.9) for noise in (0.05, 0.5)]
        bounds = [(0.0, _LARGEST_INERTIA), (0.0, 0.95)]
        found = minimize(deviance, min(starts, key=deviance), method="L-BFGS-B", bounds=bounds)
        error_model = (float(found.x[0]), float(found.x[1]))
    _, beta, errors = _whitened(design, outcome, gap, *error_model)
    return beta, errors, error_model[0]


def _whitened(design: Array, outcome: Array, gap: Array, inertia: float, noise: float) -> tuple[float, Array, Array]:
    """Minus twice the restricted log-likelihood up to a constant, coefficients and standard errors."""
    from scipy.linalg import cholesky, solve_triangular

    n, k = design.shape
    correlation = (1 - noise) * inertia**gap
    # Numbers below the precision of 1 change nothing and, once subnormal, slow the factorisation many times.
    correlation[correlation < 1e-17] = 0.0
    correlation[np.diag_indices(n)] = 1.0
    root = cholesky(correlation, lower=True)
    white = solve_triangular(root, np.column_stack([design, outcome]), lower=True)
    basis, triangle = np.linalg.qr(white[:, :k])
    along = basis.T @ white[:, k]
    variance = float(((white[:, k] - basis @ along) ** 2).sum()) / (n - k)
    inverse = solve_triangular(triangle, np.eye(k))
    log_det = 2 * float(np.log(np.diag(root)).sum()) + 2 * float(np.log(np.abs(np.diag(triangle))).sum())
    errors = np.sqrt(variance * (inverse**2).sum(axis=1))
    return (n - k) * math.log(max(variance, 1e-300)) + log_det, inverse @ along, errors


def bond_moderation(
    data: DyadPanel | pd.DataFrame,
    *,
    attachment: str,
    power: str,
    intermittency: str | None = None,
    warmth: str | None = None,
    receiver: Hashable | None = None,
    dyad: str = "dyad",
) -> pd.DataFrame:
    """Regress attachment on intermittency, power difference and their product, between dyads.

    One receiver per dyad. An association between dyads, with whatever else differs between them: no cause, and
    nothing about any one dyad.

    Parameters
    ----------
    data : pandas.DataFrame or DyadPanel
        A table with one row per dyad; or a panel, from which the table is made.
    attachment : str
        Column with the receiver's attachment; of a panel, the mean of the receiver's answers.
    power : str
        Column with the power difference; of a panel, each person's own power, whose mean in the partner minus
        that in the receiver is the difference.
    intermittency : str, optional
        Column of the table, any figure that is larger where warmth is less regular. Not with a panel.
    warmth : str, optional
        Column of a panel with the warmth received: intermittency is then ``cv`` over ``cv_random`` of `schedule`, 1
        where warmth comes at random.
    receiver : hashable, optional
        Role of the receiver in a panel, because the two directions of one dyad are not independent.
    dyad : str, default "dyad"
        Column of the table that names the dyad.

    Returns
    -------
    pandas.DataFrame
        ``term`` (``intercept``, ``intermittency``, ``power``, ``intermittency x power``), ``estimate``,
        ``std_error``, ``statistic``, ``df``, ``p_value``, ``conf_low``, ``conf_high``, ``n_dyads``, ``note``. Both
        predictors are centred, so that each slope holds at the mean of the other; units are those of the columns.

    Raises
    ------
    DataError
        A column does not exist, holds text, or a dyad has more than one row.
    DesignError
        Fewer than 20 complete dyads; a predictor does not vary; the product cannot be told from its factors; one dyad
        alone determines a coefficient; or a panel comes without ``warmth`` and ``receiver``.

    Notes
    -----
    Least squares with the HC3 covariance (MacKinnon and White 1985), whose errors do not lean on equal variances and
    which is the most careful of its family in small samples.

    References
    ----------
    Dutton and Painter (1993), Violence and Victims 8, 105-120, for the question.

    Examples
    --------
    >>> import numpy as np, pandas as pd, reldyn as rd
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame(rng.standard_normal((60, 3)), columns=["attachment", "cv", "gap"])
    >>> table["dyad"] = range(60)
    >>> found = rd.cycles.bond_moderation(table, attachment="attachment", intermittency="cv", power="gap")
    >>> found["term"].tolist()[-1], int(found["df"].iloc[0])
    ('intermittency x power', 56)
    """
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        if intermittency is None:
            raise DesignError("intermittency=None: name the column of the table that holds it.")
        values, n_rows = _from_table(data, dyad, [attachment, intermittency, power])
    else:
        values, n_rows = _from_panel(data, attachment, power, warmth, receiver)
    complete = values[np.isfinite(values).all(axis=1)]
    dropped = n_rows - len(complete)
    note = f"{dropped} of {n_rows} dyads lack a value and are left out" if dropped else ""
    if len(complete) < _FEWEST_DYADS:
        raise DesignError(
            f"{counted(len(complete), 'dyad')} with all three values, below {_FEWEST_DYADS}: an interaction between "
            "dyads cannot be estimated from so few; collect more dyads or complete their values."
        )
    return _moderation(complete, note)


def _from_table(frame: pd.DataFrame, dyad: str, names: list[str]) -> tuple[Array, int]:
    import pandas as pd

    if dyad not in frame:
        raise DataError(
            f"no column {dyad!r} in the table: name the one with the ids of dyads with dyad=. "
            f"Columns: {', '.join(map(str, frame.columns))}."
        )
    check_columns(list(frame.columns), names, "the table")
    twice = frame[dyad][frame[dyad].duplicated()]
    if len(twice):
        raise DataError(
            f"dyad {twice.tolist()[0]!r} has more than one row in the table: keep one receiver per dyad, "
            "because the two directions of a dyad are not independent."
        )
    columns = []
    for name in names:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise DataError(f"column {name!r} of the table holds {frame[name].dtype}, not numbers: convert it first.")
        columns.append(frame[name].to_numpy(dtype=float, na_value=np.nan))
    return np.column_stack(columns), len(frame)


def _from_panel(
    panel: DyadPanel, attachment: str, power: str, warmth: str | None, receiver: Hashable | None
) -> tuple[Array, int]:
    roles = panel.index.roles
    known = ", ".join(repr(role) for role in roles) or "none"
    if warmth is None or receiver is None:
        raise DesignError(
            "a panel needs warmth= (a column) and receiver= (the role of the receiver); the roles of this one: "
            f"{known}."
        )
    if len(roles) != 2 or receiver not in roles:
        raise DesignError(f"receiver={receiver!r} is not one of two roles of the panel; its roles: {known}.")
    index, at = panel.index, roles.index(receiver)
    giver = roles[1 - at]
    attached, strong = panel.values(attachment), panel.values(power)
    described = schedule(panel, warmth=warmth)
    described = described[described["giver"] == giver]
    ratio = dict(zip(described["dyad"], described["cv"] / described["cv_random"], strict=True))
    rows = []
    for code, label in enumerate(index.dyad_labels):
        own = (index.dyad == code) & (index.role == at)
        other = (index.dyad == code) & (index.role == 1 - at)
        gap = _mean(strong[other]) - _mean(strong[own])
        rows.append([_mean(attached[own]), float(ratio.get(label, math.nan)), gap])
    return np.array(rows, dtype=float).reshape(-1, 3), len(rows)


def _mean(values: Array) -> float:
    answered = values[np.isfinite(values)]
    return float(answered.mean()) if len(answered) else math.nan


def _moderation(values: Array, note: str) -> pd.DataFrame:
    import pandas as pd

    outcome, irregular, power = values.T
    for name, column in (("attachment", outcome), ("intermittency", irregular), ("power", power)):
        if np.ptp(column) <= 1e-12 * max(1.0, float(np.abs(column).max())):
            raise DesignError(f"{name} is the same in every dyad, so it can be related to nothing: leave it out.")
    first, second = irregular - irregular.mean(), power - power.mean()
    design = np.column_stack([np.ones(len(outcome)), first, second, first * second])
    scaled = design / np.linalg.norm(design, axis=0)
    basis, singular, _ = np.linalg.svd(scaled, full_matrices=False)
    if singular[-1] < 1e-8:
        raise DesignError("the product of intermittency and power cannot be told from its factors in these dyads.")
    leverage = (basis**2).sum(axis=1)
    if leverage.max() > 1 - 1e-8:
        place = int(leverage.argmax())
        raise DesignError(
            f"complete dyad number {place + 1} alone determines a coefficient, so no standard error exists: look at "
            "its values, or leave it out."
        )
    fit = least_squares(design, outcome)
    found = Estimate.from_std_error(fit.beta, np.sqrt(np.diag(hc3(fit))), fit.df)
    names = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high")
    columns = {name: getattr(found, name) for name in names}
    table = pd.DataFrame({"term": _TERMS, **columns, "df": fit.df, "n_dyads": len(outcome), "note": note})
    order = ["term", "estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high", "n_dyads", "note"]
    return table[order]
