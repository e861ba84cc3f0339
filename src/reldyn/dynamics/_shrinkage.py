"""`shrinkage`: do a person's contacts become fewer, or less varied, over the weeks of a study?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Columns, Flags, Ints
from reldyn.dynamics._diversity import Windows, effective_number, windows_of
from reldyn.dynamics._persons import first_rows, listed, person_columns
from reldyn.dynamics._trend import trend
from reldyn.errors import DataError, DesignError, check_count, describe_rows
from reldyn.panel import analysis
from reldyn.results import TableResult

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["ShrinkageResult", "ContactWindows", "contact_windows", "shrinkage"]


class ShrinkageResult(TableResult):
    """What `shrinkage` found."""


class ContactWindows(TableResult):
    """What `contact_windows` found: a row per person and window, which JSON without rows leaves out."""

    row_fields: ClassVar[tuple[str, ...]] = ("table",)


_FEWEST_WINDOWS = 8
_FEWEST_WITH_CONTACT = 4
_DAYS_PER_WEEK = 7
_NUMBERS = (
    *("level", "first", "last", "estimate", "std_error", "df", "p_value", "conf_low", "conf_high"),
    *("ratio", "ratio_low", "ratio_high", "tau", "autocorrelation"),
)


@analysis
def shrinkage(panel: DyadPanel, contacts: Columns, *, window: int = 1) -> ShrinkageResult:
    """Estimate the trend over time in how many contacts each person reports, and how varied they are.

    It describes reports in a period. A falling trend may come from holidays, illness, tiring of the questionnaire or a
    season as well as from anything between the partners, and the series cannot tell these apart.

    Parameters
    ----------
    panel : DyadPanel
    contacts : str or sequence of str
        One column with the number of contacts (or of distinct persons met) since the last report; or one column per
        category (friends, family, colleagues, ...) with numbers or 0/1. Several columns also give diversity.
    window : int, default 1
        Days per window (occasions, where no day is named). Diversity needs several contacts in a window: with few a day
        take 7.

    Returns
    -------
    ShrinkageResult
        A table that is used like a data frame.
        One row per person and ``measure``, then a row per measure with ``dyad`` "sample":

        - ``measure``: ``count``: contacts per answered occasion; with categories also ``richness``: categories met in
          a window; ``diversity``: their effective number (exponential of the entropy).
        - ``dyad``, ``person``, ``role``; ``unit``: ``week``, or ``occasion`` where no day is named.
        - ``n_windows``, ``n_obs`` (answered occasions), ``total`` (contacts), ``level`` (mean over windows),
          ``first``, ``last`` (fitted rate or number in the first and the last window, the number of answered occasions
          held at its mean).
        - ``estimate``, ``std_error``, ``df``, ``p_value``, ``conf_low``, ``conf_high``: change per unit, of the log
          rate for ``count``, else of the number; 95 %.
        - ``ratio``, ``ratio_low``, ``ratio_high``: for ``count``, the factor per unit (below 1 is fewer).
        - ``tau``: rank correlation (Kendall's tau-b) of the rate or number with time, as a check on single windows.
        - ``autocorrelation``: of neighbouring windows' errors, mean over what the series allows; for ``count`` of the
          part beyond that of Poisson counts; ``note``.

    Raises
    ------
    DataError
        A column does not exist, holds text, or holds negative numbers.
    DesignError
        The panel has one occasion only, or ``window`` is no positive whole number.

    Notes
    -----
    Counts: Poisson regression with the number of answered occasions as exposure, so that a missed beep is no missing
    contact; its dispersion is free (quasi-Poisson). A negative binomial model would weigh busy windows down by a
    variance that a few dozen windows cannot tell, and its errors hold only if that variance is right; the Poisson
    estimate needs the course of the mean to be right and no more. Richness and diversity: least squares, with the
    number of answered occasions as a covariate where it varies, because more reports show more categories.

    Tests and intervals allow for first-order autocorrelation of the errors (Zeger, 1988), averaged over what the series
    allows of it. Of flat series with an autocorrelation of 0 to .6 they reject 1 to 6 % instead of 5 %; at .8, counts
    6 to 10 % and other numbers 2 to 8 %, the shortest most. Stored in ``tools/results/trend_checks.json``.

    The entropy carries Miller's correction; with a handful of contacts per window it is still too low, the more so the
    fewer there are, so that fewer contacts alone can look like less diversity: read ``diversity`` beside ``count``. The
    sample's row is the mean over dyads of their persons' estimates with a t interval over dyads.

    References
    ----------
    Zeger (1988), Biometrika 75, 621-629; Hill (1973), Ecology 54, 427-432; Miller (1955), Information Theory in
    Psychology, 95-100.

    Examples
    --------
    >>> import numpy as np, pandas as pd, reldyn as rd
    >>> rng = np.random.default_rng(1)
    >>> dyad, who, day = (part.ravel() for part in np.indices((4, 2, 42)))
    >>> frame = pd.DataFrame({"dyad": dyad, "person": who, "day": day})
    >>> frame["met"] = rng.poisson(6 * 0.8 ** (day / 7))
    >>> panel = rd.DyadPanel(frame, dyad="dyad", person="person", day="day")
    >>> found = rd.dynamics.shrinkage(panel, "met")
    >>> last = found.iloc[-1]
    >>> last["dyad"], bool(0.7 < last["ratio"] < 0.9)
    ('sample', True)
    """
    import pandas as pd

    names = listed(contacts)
    found, unit = _windows(panel, names, window)
    who = person_columns(panel)
    rows = []
    for code in range(panel.n_persons):
        mine = found.person == code
        identity = {name: values[code] for name, values in who.items()}
        for measure in _measures(names):
            rows.append(identity | _one(measure, found, mine, unit, window) | {"unit": unit})
    dyad = panel.index.dyad[first_rows(panel)]
    rows += [_sample(measure, rows, dyad, unit) for measure in _measures(names)]
    columns = ["dyad", "person", "role", "measure", "unit", "n_windows", "n_obs", "total", *_NUMBERS, "note"]
    return ShrinkageResult.of(
        table=pd.DataFrame(rows).astype({"dyad": object, "person": object, "role": object})[columns]
    )


@analysis
def contact_windows(panel: DyadPanel, contacts: Columns, *, window: int = 1) -> ContactWindows:
    """List the windows behind `shrinkage`.

    Parameters
    ----------
    panel : DyadPanel
    contacts : str or sequence of str
    window : int, default 1
        As in `shrinkage`.

    Returns
    -------
    ContactWindows
        A table that is used like a data frame.
        One row per person and window with an answer: ``dyad``, ``person``, ``role``, ``window`` (running number),
        ``start`` (days or occasions since the study's first), ``n_obs`` (answered occasions), ``count`` (contacts),
        ``rate`` (per answered occasion), ``richness``, ``diversity`` (NaN with one column, or without a contact).

    Raises
    ------
    DataError, DesignError
        As in `shrinkage`.

    Examples
    --------
    >>> import pandas as pd, reldyn as rd
    >>> frame = pd.DataFrame({"dyad": 1, "person": ["a", "b"] * 2, "day": [1, 1, 2, 2]})
    >>> frame = frame.assign(friends=[2, 0, 1, 0], family=[2, 1, 0, 3])
    >>> panel = rd.DyadPanel(frame, dyad="dyad", person="person", day="day")
    >>> contact_windows(panel, ["friends", "family"])[["person", "count", "richness", "diversity"]].values.tolist()
    [['a', 4.0, 2.0, 2.0], ['a', 1.0, 1.0, 1.0], ['b', 1.0, 1.0, 1.0], ['b', 3.0, 1.0, 1.0]]
    """
    import pandas as pd

    names = listed(contacts)
    found, _ = _windows(panel, names, window)
    who = {name: [values[code] for code in found.person] for name, values in person_columns(panel).items()}
    several = len(names) > 1
    nothing = np.full(len(found.person), np.nan)
    count = found.contacts.sum(axis=1)
    return ContactWindows.of(
        table=pd.DataFrame(
            {
                **who,
                "window": found.number,
                "start": found.number * window,
                "n_obs": found.n_obs,
                "count": count,
                "rate": count / found.n_obs,
                "richness": (found.contacts > 0).sum(axis=1).astype(float) if several else nothing,
                "diversity": effective_number(found.contacts) if several else nothing,
            }
        )
    )


def _measures(names: list[str]) -> tuple[str, ...]:
    return ("count", "richness", "diversity") if len(names) > 1 else ("count",)


def _windows(panel: DyadPanel, names: list[str], window: int) -> tuple[Windows, str]:
    check_count(window, "window", 1)
    index = panel.index
    if index.cells < 2:
        raise DesignError("a trend needs more than one occasion: name time, or day and beep, when making the panel.")
    values = np.column_stack([panel.values(name) for name in names])
    for name, column in zip(names, values.T, strict=True):
        bad = np.flatnonzero(column < 0)
        if len(bad):
            raise DataError(
                f"column {name!r} holds negative numbers ({describe_rows(bad.tolist())}): contacts are counted from 0; "
                "code a missing answer as missing."
            )
    named = panel.columns["day"] is not None
    # A panel with days only keeps them as its occasions.
    time = index.day if named and index.n_days > 1 else index.beep
    return windows_of(values, index.person, time // int(window)), "week" if named else "occasion"


def _one(measure: str, found: Windows, mine: Flags, unit: str, window: int) -> dict[str, Any]:
    """Trend of one measure of one person."""
    number, n_obs, contacts = found.number[mine].astype(float), found.n_obs[mine], found.contacts[mine]
    total = float(contacts.sum())
    time = number * window / (_DAYS_PER_WEEK if unit == "week" else 1)
    y = _series(measure, contacts)
    seen = np.isfinite(y)
    y, time, number, exposure = y[seen], time[seen], number[seen], n_obs[seen]
    counts = measure == "count"
    told: dict[str, Any] = {"measure": measure, "n_windows": len(y), "n_obs": int(n_obs.sum()), "total": total}
    if len(y):
        shown = y / exposure if counts else y
        told["level"] = float(y.sum() / exposure.sum()) if counts else float(y.mean())
        told["tau"] = _tau(shown, time)
    reason = _hindrance(y, counts)
    if reason:
        return _filled(told | {"note": reason})
    design = _design(time, exposure, counts)
    estimated = trend(y, design, number, offset=np.log(exposure) if counts else None)
    names = ("first", "last", "estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "autocorrelation")
    told |= {name: getattr(estimated, name) for name in names}
    if math.isnan(estimated.std_error):
        told["note"] = "the line fits without error, so no interval"
    return _filled(told | (_ratios(told) if counts else {}))


def _series(measure: str, contacts: Array) -> Array:
    if measure == "count":
        return np.asarray(contacts.sum(axis=1))
    return (contacts > 0).sum(axis=1).astype(float) if measure == "richness" else effective_number(contacts)


def _tau(shown: Array, time: Array) -> float:
    from scipy.stats import kendalltau

    if len(shown) < 3 or np.ptp(shown) == 0:
        return math.nan
    return float(kendalltau(time, shown).statistic)


def _hindrance(y: Array, counts: bool) -> str:
    if len(y) < _FEWEST_WINDOWS:
        return f"{counted(len(y), 'window')}, below {_FEWEST_WINDOWS}"
    if counts and (y > 0).sum() < _FEWEST_WITH_CONTACT:
        return f"{counted(int((y > 0).sum()), 'window')} with a contact, below {_FEWEST_WITH_CONTACT}"
    if np.ptp(y) < 1e-12 and not counts:
        return "the number never varies, so no interval"
    return ""


def _design(time: Array, exposure: Ints, counts: bool) -> Array:
    columns = [np.ones(len(time)), time - time.mean()]
    effort = exposure - exposure.mean()
    if not counts and np.ptp(effort) > 0 and abs(np.corrcoef(effort, time)[0, 1]) < 0.99:
        columns.append(effort)
    return np.column_stack(columns)


def _ratios(row: dict[str, Any]) -> dict[str, float]:
    pairs = (("ratio", "estimate"), ("ratio_low", "conf_low"), ("ratio_high", "conf_high"))
    # Beyond this the factor per week says no more than "far".
    return {name: math.nan if math.isnan(row[source]) else math.exp(min(row[source], 50.0)) for name, source in pairs}


def _filled(row: dict[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(_NUMBERS, math.nan) | {"note": ""} | row


def _sample(measure: str, rows: list[dict[str, Any]], dyad: Ints, unit: str) -> dict[str, Any]:
    """Mean over dyads of their persons' estimates."""
    from scipy.stats import t as student

    mine = [row for row in rows if row["measure"] == measure]
    values = np.array([row["estimate"] for row in mine])
    seen = np.isfinite(values)
    codes, inverse = np.unique(dyad[seen], return_inverse=True)
    n = len(codes)
    told: dict[str, Any] = {"dyad": "sample", "person": "", "role": "", "measure": measure, "unit": unit}
    told |= {name: sum(row[name] for row in mine) for name in ("n_windows", "n_obs", "total")}
    if n < 3:
        return _filled(told | {"note": f"estimates of {counted(n, 'dyad')}, below 3"})
    means = np.bincount(inverse, weights=values[seen]) / np.bincount(inverse)
    mean, error = float(means.mean()), float(means.std(ddof=1)) / math.sqrt(n)
    reach = float(student.ppf(0.975, n - 1)) * error if error > 0 else math.nan
    told |= {"estimate": mean, "std_error": error, "df": n - 1, "conf_low": mean - reach, "conf_high": mean + reach}
    told["p_value"] = 2 * float(student.sf(abs(mean) / error, n - 1)) if error > 0 else math.nan
    left_out = int((~seen).sum())
    notes = (
        [f"{left_out} of {counted(len(seen), 'person')} {agreeing(left_out, 'has', 'have')} no estimate"]
        if left_out
        else []
    )
    notes += ["all dyads have the same estimate, so no interval"] if not error > 0 else []
    told["note"] = "; ".join(notes)
    return _filled(told | (_ratios(told) if measure == "count" else {}))
