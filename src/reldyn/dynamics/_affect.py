"""`affect_dynamics`: one person's affect in one table - level, variability, instability, inertia, bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import numpy as np

from reldyn._types import Array, Columns, Flags, Ints
from reldyn.dynamics._indices import (
    FEWEST_PAIRS,
    SeriesMoments,
    acute_change,
    inertia,
    largest_sd,
    mean_by,
    moments,
    teager_kaiser,
    time_adjusted,
)
from reldyn.dynamics._pairs import (
    Pairs,
    SuccessiveValues,
    answering_clock,
    check_pairs,
    pair_rule,
    successive_values,
)
from reldyn.dynamics._persons import listed, person_columns
from reldyn.errors import DesignError, check_option
from reldyn.panel import analysis
from reldyn.results import TableResult

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

Acute = Literal["change", "increase"]
AcuteAt = Literal["at-least", "above"]

__all__ = ["AffectDynamics", "affect_dynamics"]


class AffectDynamics(TableResult):
    """What `affect_dynamics` found: a row per person and variable."""

    figure: ClassVar[str | None] = "affect_dynamics"


@analysis
def affect_dynamics(
    panel: DyadPanel,
    variables: Columns,
    *,
    pairs: Pairs = "beep",
    acute: Acute = "change",
    acute_at: AcuteAt = "at-least",
    time_exponent: float | None = None,
) -> AffectDynamics:
    """Describe the level, variability, instability and inertia of each person's series.

    Parameters
    ----------
    panel : DyadPanel
    variables : str or sequence of str
        Numeric columns.
    pairs : {"beep", "day", "naive"}, default "beep"
        Which two observations are neighbours: of adjacent scheduled beeps of one day; successive observed ones within
        a day; successive observed ones wherever they lie, over nights too. The default is the only rule under which
        every difference spans the same interval. Where no day is named all occasions count as one day.
    acute : {"change", "increase"}, default "change"
        Whether an acute change may go either way or counts as an increase only.
    acute_at : {"at-least", "above"}, default "at-least"
        Whether a change equal to the cut is acute. On coarse scales ties at the cut are common; means of items may miss
        a tie by rounding, so round them first.
    time_exponent : float, optional
        Power of the interval by which differences are divided in ``mssd_adjusted``. None: of 0, 0.1, ..., 1 the one
        that makes the squared difference depend least on the interval, over all persons of the variable.

    Returns
    -------
    AffectDynamics
        A table that is used like a data frame.
        One row per person and variable, in the order of the panel:

        - ``dyad``, ``person``, ``role``, ``variable``; ``n_obs``: observed values; ``n_pairs``: pairs under the rule.
        - ``mean``, ``sd`` (n - 1).
        - ``mssd``, ``rmssd``: mean squared successive difference over the pairs, and its root.
        - ``mssd_adjusted``: the same with differences scaled to the median interval of the clock (answered, else
          sent, else scheduled time, else the time column; without any the grid).
        - ``pac``: share of changes that reach the 90th percentile (type 7) of all persons' changes.
        - ``tkeo``: mean of x[t]^2 - x[t-1] x[t+1]. Over triples of neighbours; under ``"naive"`` divided by the number
          of observations, as in the published package.
        - ``inertia``, ``inertia_r``: slope and correlation of a value on the one before.
        - ``relative_sd``: standard deviation over the largest one that the mean, the number of answers and the
          declared scale allow. ``floor_share``, ``ceiling_share``: share of answers at the ends of that scale. All
          three need ``scales``: the observed range would make every extreme answer a floor.
        - ``note``: why a value is missing.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        An option is not known, or the panel has one occasion only.

    Notes
    -----
    A missing value breaks its pairs and nothing else. No index fills, interpolates or leaves out persons. A series
    that never varies has sd, mssd, rmssd and tkeo 0 and no inertia. Read every index with the mean and the standard
    deviation, which most of them follow closely (Dejonckheere et al., 2019, Nature Human Behaviour 3, 478-491).

    References
    ----------
    von Neumann (1941); Jahng, Wood and Trull (2008), Psychological Methods 13, 354-375; Kuppens, Allen and Sheeber
    (2010), Psychological Science 21, 984-991; Mestdagh et al. (2018), Psychological Methods 23, 690-707; Pirla,
    Taquet and Quoidbach (2023), Behavior Research Methods 55 (the energy operator).

    Examples
    --------
    >>> import pandas as pd, reldyn as rd
    >>> frame = pd.DataFrame({"couple": 1, "who": ["a", "b"] * 5, "day": [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]})
    >>> frame["calm"] = [2, 4, 5, 4, 3, 4, 6, 4, None, 4]
    >>> panel = rd.DyadPanel(frame, dyad="couple", person="who", day="day", scales={"calm": (1, 7)})
    >>> rd.affect_dynamics(panel, "calm")[["person", "n_pairs", "mssd", "inertia", "note"]].round(3).values.tolist()
    [['a', 3, 7.333, -0.786, ''], ['b', 4, 0.0, nan, 'the values never vary, so no inertia']]
    """
    import pandas as pd

    names = listed(variables)
    check_pairs(panel, pairs)
    check_option(acute, get_args(Acute), "acute")
    check_option(acute_at, get_args(AcuteAt), "acute_at")
    _check_exponent(time_exponent)
    persons = panel.series(names).by_person(by_code=True)
    rule = pair_rule(persons, pairs)
    clock, who = answering_clock(panel), person_columns(panel)
    time = clock.time[persons.row] if pairs != "naive" or clock.runs_over_nights else None
    tables = []
    for name, values in zip(names, persons.columns, strict=True):
        series = successive_values(persons, values, rule)
        spread = moments(series)
        change = _changes(series, time, pairs, acute, acute_at, time_exponent)
        slope, correlation, constant = inertia(series)
        scale = panel.scales.get(name)
        bounds = _bounded(series, spread, scale)
        cells = change | {"inertia": slope, "inertia_r": correlation} | bounds
        notes = _notes(spread, cells, constant, scale)
        tables.append(pd.DataFrame({**who, "variable": name, **_leading(spread), **cells, "note": notes}))
    table = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    ordered = table[_COLUMNS].iloc[_by_person(len(names), panel.n_persons)].reset_index(drop=True)
    return AffectDynamics.of(table=ordered)


_COLUMNS = [
    *("dyad", "person", "role", "variable", "n_obs", "n_pairs", "mean", "sd", "mssd", "rmssd", "mssd_adjusted"),
    *("pac", "tkeo", "inertia", "inertia_r", "relative_sd", "floor_share", "ceiling_share", "note"),
]


def _check_exponent(exponent: float | None) -> None:
    if exponent is None:
        return
    number = isinstance(exponent, (int, float, np.number)) and not isinstance(exponent, bool)
    if not number or not 0 <= float(exponent) <= 1:
        raise DesignError(f"time_exponent={exponent!r}: give a number between 0 and 1, or None to have it chosen.")


def _by_person(n_variables: int, n_persons: int) -> Ints:
    """Rows that stand variable by variable, brought person by person."""
    return np.arange(n_variables * n_persons).reshape(n_variables, n_persons).T.ravel()


def _leading(spread: SeriesMoments) -> dict[str, Array | Ints]:
    return {"n_obs": spread.n, "mean": spread.mean, "sd": spread.sd}


def _changes(
    series: SuccessiveValues,
    time: Array | None,
    pairs: Pairs,
    acute: Acute,
    acute_at: AcuteAt,
    exponent: float | None,
) -> dict[str, Array | Ints]:
    """Every index of the differences between neighbours; without ``time`` differences in time mean nothing."""
    n = series.n_persons
    change, owner, n_pairs = series.after - series.before, series.owner, series.n_pairs
    mssd = mean_by(change**2, owner, n_pairs)
    if time is None:
        gap = np.full(len(change), np.nan)
    else:
        time = time[series.place]
        gap = time[series.earlier + 1] - time[series.earlier]
    pac, _ = acute_change(change, owner, n_pairs, increase=acute == "increase", strict=acute_at == "above")
    return {
        "n_pairs": n_pairs,
        "mssd": mssd,
        "rmssd": np.sqrt(mssd),
        "mssd_adjusted": time_adjusted(change, gap, owner, n, exponent),
        "pac": pac,
        "tkeo": teager_kaiser(series, by_observation=pairs == "naive"),
    }


def _bounded(series: SuccessiveValues, spread: SeriesMoments, scale: tuple[float, float] | None) -> dict[str, Array]:
    """Indices that need the ends of the response scale."""
    if scale is None:
        return {name: np.full(series.n_persons, np.nan) for name in ("relative_sd", "floor_share", "ceiling_share")}
    low, high = float(scale[0]), float(scale[1])
    share = [mean_by((series.value == end).astype(float), series.person, spread.n) for end in (low, high)]
    relative = spread.sd / largest_sd(spread.mean, spread.n, low, high)
    return {"relative_sd": relative, "floor_share": share[0], "ceiling_share": share[1]}


def _notes(
    spread: SeriesMoments,
    cells: dict[str, Array | Ints],
    constant: Flags,
    scale: tuple[float, float] | None,
) -> list[str]:
    """Say for each person why a value is missing, in the order of the columns."""
    n_pairs = cells["n_pairs"]
    never = spread.low == spread.high
    at_end = np.zeros(len(never), dtype=bool)
    if scale is not None:
        at_end = (spread.mean == scale[0]) | (spread.mean == scale[1])
    reasons = (
        (spread.n == 0, "no observed value"),
        (spread.n == 1, "one observed value, so no sd"),
        ((spread.n > 1) & (n_pairs == 0), "no pair of neighbouring observations"),
        ((n_pairs > 0) & np.isnan(cells["mssd_adjusted"]), "no positive time between neighbours, so no mssd_adjusted"),
        ((n_pairs > 0) & np.isnan(cells["tkeo"]), "no three neighbouring observations, so no tkeo"),
        ((n_pairs > 0) & (n_pairs < FEWEST_PAIRS), f"fewer than {FEWEST_PAIRS} pairs, so no inertia"),
        (constant & never, "the values never vary, so no inertia"),
        (constant & ~never, "the earlier values of the pairs never vary, so no inertia"),
        (
            ~constant & (n_pairs >= FEWEST_PAIRS) & np.isnan(cells["inertia_r"]),
            "the later values of the pairs never vary, so no inertia_r",
        ),
        ((spread.n > 1) & at_end, "the mean lies at an end of the scale, so no relative_sd"),
        ((spread.n > 0) & (scale is None), "no scale declared, so no relative_sd, floor_share and ceiling_share"),
    )
    parts: list[list[str]] = [[] for _ in never]
    for where, text in reasons:
        for code in np.flatnonzero(where):
            parts[code].append(text)
    return ["; ".join(part) for part in parts]
