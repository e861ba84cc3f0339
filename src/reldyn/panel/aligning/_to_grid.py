"""Continuous ratings and physiology on a common grid: each person's rows between two grid points become one row.

Two dials that were read ten and four times a second, or heart beats at their own moments, have no time in common;
on a grid of equal steps both partners have the same occasions, and lags mean the same length of time.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reldyn._format import counted
from reldyn.errors import DataError, DataWarning, DesignError, check_option, describe_rows, warn_caller
from reldyn.panel._border import as_pandas
from reldyn.panel.aligning._named import check_named, identify_complete
from reldyn.panel.checks._findings_layout import _stable_order as stable_order
from reldyn.panel.timing._times import Times, read_times

if TYPE_CHECKING:
    from reldyn.panel._identity import Identity

    FloatArray = npt.NDArray[np.float64]
    BoolArray = npt.NDArray[np.bool_]
    IntArray = npt.NDArray[np.int64]

__all__ = ["to_grid"]

_HOWS = ("mean", "median", "first", "last", "interpolate")
_ADDED = ("elapsed", "n_raw")
# Stamps this close below a grid point, in steps, stand on it: 0.3 / 0.1 is less than 3.
_CLOSE = 1e-6
# Samples that usually lie this many steps apart were measured in another unit.
_FAR_APART = 50
_FEW = 10
# The grid is numbered by integers.
_MOST_STEPS = 2.0**52


@dataclass(frozen=True, eq=False)
class _Cells:
    """Rows in the order of person, grid step and stamp, and where each person's step begins among them.

    Attributes
    ----------
    order : (n,) int array
        Positions in the table.
    starts : (m,) int array
        Positions in `order`.
    person, step : (m,) int arrays
    n_raw : (m,) int array
    """

    order: IntArray
    starts: IntArray
    person: IntArray
    step: IntArray
    n_raw: IntArray

    @property
    def row(self) -> IntArray:
        """The first raw row of each cell."""
        return self.order[self.starts]

    @property
    def label(self) -> IntArray:
        """The cell of each row of `order`."""
        return np.repeat(np.arange(len(self.starts)), self.n_raw)


def to_grid(
    frame: pd.DataFrame,
    *,
    dyad: str,
    person: str,
    stamp: str,
    step: float | str | dt.timedelta,
    how: str = "mean",
) -> pd.DataFrame:
    """Bring densely sampled series onto a grid of equal steps that both partners share.

    Grid points are the multiples of `step` (of the clock for dates, from 0 for numbers), so that they depend on no
    row: adding rows or dyads moves none. The cell of a grid point holds the stamps from it to just before the next.

    Parameters
    ----------
    frame : pandas.DataFrame (or any frame that narwhals knows), n rows
        One row per person and sample, in any order. It is not changed. Rows without a stamp are dropped with a
        `DataWarning`.
    dyad, person : str
        Columns with the ids.
    stamp : str
        Column with the moment of each sample: numbers (seconds since the start of a task, cumulative RR intervals),
        dates with a time of day, or lengths of time.
    step : float, str or timedelta
        Distance of grid points: a length such as ``"1s"`` or ``"500ms"``, or a number in the unit of the stamps
        (seconds for dates). With a length, stamps that are numbers are taken as seconds; a
        `DataWarning` says so where samples lie 50 steps and more apart.
    how : {"mean", "median", "first", "last", "interpolate"}, default "mean"
        What becomes of the values in a cell; missing values do not count. The mean is the default because it uses
        every sample and damps what is faster than the grid. ``"interpolate"`` draws a line between the two
        neighbouring samples and reads it at the grid point, for samples that are not much denser than the grid; it
        never crosses a gap longer than both one step and twice the person's median interval, and never extrapolates.

    Returns
    -------
    pandas.DataFrame
        One row per person and cell, sorted by dyad, person and time: the ids; `stamp`, now the grid point; ``elapsed``,
        the time since the dyad's first grid point (in the unit of the stamps; seconds for dates); ``n_raw``, the raw
        rows in the cell; the other columns. Cells without raw rows are absent (``"interpolate"``: grid points without
        a value in any column), so that lags do not cross gaps; a column without a value in a cell that has rows is
        NaN there. Give `stamp` to `DyadPanel` as ``time=`` where all dyads share one clock, such as seconds
        since the start of a task, and ``elapsed`` where each dyad was recorded on another day.
        Columns of numbers become floats unless they are whole numbers that are constant in every cell. Other columns
        (roles, conditions) stay if they are constant in every cell; the rest is left out with a `DataWarning`.

    Raises
    ------
    DataError
        A column is absent, an id is missing, or stamps cannot be read.
    DesignError
        `step` is no positive length, or `how` is not known.

    Notes
    -----
    Heart rate from RR intervals: stamp each beat with the cumulative sum of the intervals, average the *intervals* and
    convert afterwards (60,000 / mean RR in milliseconds). That is the number of beats per minute in the cell; the mean
    of single rates, 60,000 / RR, is always larger when intervals vary (Jensen's inequality).

    Samples faster than the grid are not filtered beyond the averaging; filter physiological signals first where
    frequencies above 1 / (2 step) carry power.

    Examples
    --------
    >>> import pandas as pd
    >>> dial = pd.DataFrame({"couple": 1, "who": [*"aaaabb"], "t": [0, 0.25, 0.5, 1.25, 0.1, 1.1], "y": range(6)})
    >>> to_grid(dial, dyad="couple", person="who", stamp="t", step="1s")[["who", "t", "n_raw", "y"]].values.tolist()
    [['a', 0.0, 3, 1.0], ['a', 1.0, 1, 3.0], ['b', 0.0, 1, 4.0], ['b', 1.0, 1, 5.0]]
    """
    rows = as_pandas(frame)
    check_option(how, _HOWS, "how")
    check_named(rows, {"dyad": dyad, "person": person, "stamp": stamp}, _ADDED)
    _check_free(rows)
    times = _read(rows[stamp], stamp)
    size = _step(step)
    usable = np.flatnonzero(np.isfinite(times.values))
    if not len(usable):
        raise DataError(f"{stamp!r} has no stamps: name the column with the moment of each sample.")
    identity = identify_complete(rows, dyad, person)
    cells = _cells(times.values, identity.person_codes, usable, size)
    others = [name for name in rows.columns if name not in (dyad, person, stamp)]
    grid, columns, lost = _columns(rows[others], cells, times.values, size, how)
    out = _assembled(rows, identity, grid, cells, times, size, (dyad, person, stamp), columns)
    _warn(len(rows) - len(usable), lost)
    _warn_of_units(cells, times.values, size)
    return out


def _check_free(rows: pd.DataFrame) -> None:
    for name in _ADDED:
        if name in rows.columns:
            raise DataError(f"there is a column {name!r} already, and one of that name is added: rename or drop it.")


def _read(column: pd.Series[Any], name: str) -> Times:
    times = read_times(column)
    if times.fixed and times.unit is not None:
        # Steps of numbers are numbers.
        times = read_times(column, unit="number")
    if times.problems:
        problem = times.problems[0]
        rows = describe_rows(np.flatnonzero(problem.rows).tolist())
        fix = problem.fix or "Write stamps as numbers or as 2026-11-23 18:30:00 (ISO 8601)."
        raise DataError(f"{name!r} {problem.wording}: {rows}. {fix}")
    if times.kind == "label":
        raise DataError(f"{name!r} holds labels, which have no distance: name a column of times.")
    return times


def _step(step: Any) -> float:
    """The distance of grid points, in seconds or in the unit of the stamps."""
    size = np.nan
    if isinstance(step, (str, dt.timedelta, np.timedelta64)):
        try:
            size = pd.Timedelta(step).total_seconds()
        except (ValueError, TypeError):
            size = np.nan
    elif isinstance(step, (int, float, np.integer, np.floating)) and not isinstance(step, bool):
        size = float(step)
    if not (np.isfinite(size) and size > 0):
        raise DesignError(f"step={step!r} is no positive length: write '1s', '500ms', or a number in the stamps' unit.")
    return size


def _cells(values: FloatArray, person: IntArray, usable: IntArray, size: float) -> _Cells:
    steps = values[usable] / size
    if np.abs(steps).max() > _MOST_STEPS:
        raise DesignError(f"the grid would have too many steps of {size:g}: choose a longer step.")
    step = np.floor(steps + _CLOSE + 4 * np.spacing(np.abs(steps))).astype(np.int64)
    person_code = person[usable].astype(np.int64)
    order = _sorted(person_code, values[usable])
    person_code, step = person_code[order], step[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(person_code) != 0) | (np.diff(step) != 0)])
    n_raw = np.diff(np.r_[starts, len(order)])
    return _Cells(usable[order].astype(np.int64), starts, person_code[starts], step[starts], n_raw)


def _sorted(person_code: IntArray, values: FloatArray) -> IntArray:
    """The order by person, then stamp; rows of one stamp keep their order."""
    order = stable_order(person_code, int(person_code.max()) + 1)
    if np.all((np.diff(person_code[order]) > 0) | (np.diff(values[order]) >= 0)):
        return np.asarray(order, dtype=np.int64)
    by_stamp = np.argsort(values, kind="stable")
    return np.asarray(by_stamp[stable_order(person_code[by_stamp], int(person_code.max()) + 1)], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class _Grid:
    """The rows of the answer.

    Attributes
    ----------
    person, step, n_raw : (g,) int arrays
    cell : (g,) int array
        The cell of raw rows from which columns that are no numbers are taken: its own, or the person's last before it.
    """

    person: IntArray
    step: IntArray
    n_raw: IntArray
    cell: IntArray


def _columns(
    others: pd.DataFrame, cells: _Cells, values: FloatArray, size: float, how: str
) -> tuple[_Grid, dict[str, Any], list[str]]:
    """The other columns on the grid, and the names of those that had to be left out."""
    numbers = {name: _numbers(others[name]) for name in others.columns if _numeric(others[name])}
    if how == "interpolate" and numbers:
        grid, columns = _interpolated(numbers, cells, values, size)
    else:
        grid = _Grid(cells.person, cells.step, cells.n_raw, np.arange(len(cells.starts)))
        columns = {name: _summarised(column, cells, how) for name, column in numbers.items()}
    lost, made = [], {}
    for name in others.columns:
        carried = _constant(others[name], cells) if name not in columns or _whole(others[name]) else None
        if carried is not None:
            made[name] = carried.iloc[grid.cell].reset_index(drop=True)
        elif name in columns:
            made[name] = pd.Series(columns[name])
        else:
            lost.append(name)
    return grid, made, lost


def _constant(column: pd.Series[Any], cells: _Cells) -> pd.Series[Any] | None:
    """The one value of each cell, missing values apart; None where a cell has several."""
    try:
        codes, _ = pd.factorize(column)
    except TypeError:
        return None
    ordered, label = codes[cells.order], cells.label
    known = ordered >= 0
    row = cells.row.copy()
    if not known.all():
        ordered, label = ordered[known], label[known]
    change = np.diff(ordered) != 0
    if np.any(change & (np.diff(label) == 0)):
        return None
    starts = np.flatnonzero(np.r_[True, np.diff(label) != 0]) if len(label) else np.zeros(0, dtype=np.int64)
    row[label[starts]] = cells.order[known][starts] if not known.all() else cells.order[starts]
    return column.iloc[row].reset_index(drop=True)


def _whole(column: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_integer_dtype(column.dtype))


def _numeric(column: pd.Series[Any]) -> bool:
    dtype = column.dtype
    return bool(
        pd.api.types.is_numeric_dtype(dtype)
        and not pd.api.types.is_bool_dtype(dtype)
        and not pd.api.types.is_complex_dtype(dtype)
    )


def _numbers(column: pd.Series[Any]) -> FloatArray:
    values = column.to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isinf(values), np.nan, values) if np.isinf(values).any() else values


def _summarised(values: FloatArray, cells: _Cells, how: str) -> FloatArray:
    ordered = values[cells.order]
    label = cells.label
    known = np.isfinite(ordered)
    if not known.all():
        ordered, label = ordered[known], label[known]
    n = len(cells.starts)
    out = np.full(n, np.nan)
    if not len(ordered):
        return out
    if how == "median":
        by_value = np.lexsort((ordered, label))
        ordered = ordered[by_value]
    starts = np.flatnonzero(np.r_[True, np.diff(label) != 0])
    sizes = np.diff(np.r_[starts, len(label)])
    filled = label[starts]
    if how == "first":
        out[filled] = ordered[starts]
    elif how == "last":
        out[filled] = ordered[starts + sizes - 1]
    elif how == "median":
        out[filled] = (ordered[starts + (sizes - 1) // 2] + ordered[starts + sizes // 2]) / 2
    else:
        out[filled] = np.add.reduceat(ordered, starts) / sizes
    return out


def _interpolated(
    numbers: dict[str, FloatArray], cells: _Cells, values: FloatArray, size: float
) -> tuple[_Grid, dict[str, FloatArray]]:
    """Each column on the line between its neighbouring samples, at every grid point that has two of them."""
    person_code = np.repeat(cells.person, cells.n_raw)
    at = values[cells.order]
    found = {name: _lines(person_code, at, column[cells.order], size) for name, column in numbers.items()}
    person = np.concatenate([persons for persons, _, _ in found.values()])
    step = np.concatenate([steps for _, steps, _ in found.values()])
    low = int(min(step.min(initial=0), cells.step.min()))
    span = int(max(step.max(initial=0), cells.step.max())) - low + 1
    keys = np.sort(person * span + (step - low))
    keys = keys[np.r_[True, np.diff(keys) != 0]] if len(keys) else keys
    if not len(keys):
        raise DataError("no grid point lies between two samples: choose a shorter step, or how='mean'.")
    columns = {}
    for name, (persons, steps, line) in found.items():
        columns[name] = np.full(len(keys), np.nan)
        columns[name][np.searchsorted(keys, persons * span + (steps - low))] = line
    raw = cells.person * span + (cells.step - low)
    cell = np.searchsorted(raw, keys, side="right") - 1
    n_raw = np.where(raw[cell] == keys, cells.n_raw[cell], 0)
    return _Grid(keys // span, keys % span + low, n_raw, cell), columns


def _lines(
    person_code: IntArray, at: FloatArray, values: FloatArray, size: float
) -> tuple[IntArray, IntArray, FloatArray]:
    """Person, step and value at all grid points between samples near enough; samples come by person and time."""
    known = np.isfinite(values)
    person_code, at, values = person_code[known], at[known], values[known]
    if not len(person_code):
        return person_code, person_code, values
    fresh = np.flatnonzero(np.r_[True, (np.diff(person_code) != 0) | (np.diff(at) != 0)])
    values = np.add.reduceat(values, fresh) / np.diff(np.r_[fresh, len(person_code)])
    person_code, at = person_code[fresh], at[fresh]
    gap = np.where(np.diff(person_code) == 0, np.diff(at), np.inf)
    near = gap <= _longest_gap(person_code, gap, size)[person_code[:-1]]
    # A sample on a grid point needs no neighbour: the line from it to itself.
    first = np.r_[np.arange(len(at)), np.flatnonzero(near)]
    second = np.r_[np.arange(len(at)), np.flatnonzero(near) + 1]
    scaled = at / size
    close = _CLOSE + 4 * np.spacing(np.abs(scaled))
    low = np.ceil(scaled - close)[first].astype(np.int64)
    high = np.floor(scaled + close)[second].astype(np.int64)
    crossing = high >= low
    first, second, low, count = first[crossing], second[crossing], low[crossing], (high - low + 1)[crossing]
    line = np.repeat(np.arange(len(first)), count)
    step = low[line] + np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    left, right = first[line], second[line]
    length = at[right] - at[left]
    share = np.clip((step * size - at[left]) / np.where(length > 0, length, 1.0), 0.0, 1.0)
    value = values[left] + np.where(length > 0, share, 0.0) * (values[right] - values[left])
    return person_code[left], step, value


def _longest_gap(person_code: IntArray, gap: FloatArray, size: float) -> FloatArray:
    """The longest gap over which a line may be drawn, for each person."""
    inside = np.isfinite(gap)
    usual = pd.Series(gap[inside]).groupby(person_code[:-1][inside]).median()
    limit = np.full(int(person_code.max()) + 1, size)
    limit[usual.index] = np.maximum(size, 2 * usual.to_numpy() * (1 + 1e-9))
    return limit


def _assembled(
    rows: pd.DataFrame,
    identity: Identity,
    grid: _Grid,
    cells: _Cells,
    times: Times,
    size: float,
    named: tuple[str, str, str],
    columns: dict[str, Any],
) -> pd.DataFrame:
    """Ids, grid point, elapsed time, number of raw rows, then the other columns; sorted by dyad, person and time."""
    dyad, person, stamp = named
    row = cells.row[grid.cell]
    codes = identity.dyad_codes[row]
    start = np.full(identity.n_dyads, np.iinfo(np.int64).max)
    np.minimum.at(start, codes, grid.step)
    data = {
        dyad: rows[dyad].iloc[row].reset_index(drop=True),
        person: rows[person].iloc[row].reset_index(drop=True),
        stamp: _grid_points(rows[stamp], times, grid.step, size),
        "elapsed": _multiples(grid.step - start[codes], size),
        "n_raw": grid.n_raw,
    }
    out = pd.DataFrame(data | columns)
    order = np.lexsort((grid.step, grid.person, codes))
    if not np.array_equal(order, np.arange(len(order))):
        out = out.iloc[order].reset_index(drop=True)
    out.attrs = rows.attrs
    return out


def _multiples(step: IntArray, size: float) -> FloatArray:
    """Multiples of a step; of a tenth, say, as the nearest floats to 0.1, 0.2, 0.3, which products are not."""
    per_unit = round(1 / size) if size < 1 else 0
    if per_unit and abs(per_unit * size - 1) < 1e-12:
        return np.asarray(step / per_unit)
    return np.asarray(step * size)


def _grid_points(column: pd.Series[Any], times: Times, step: IntArray, size: float) -> Any:
    """Grid points in the type of the stamps: numbers, dates (on the clock of the column's zone), or lengths of time."""
    points = _multiples(step, size)
    if times.kind == "number":
        return points
    whole = np.rint(points * 1e6).astype(np.int64)
    if times.kind == "duration":
        return pd.Series(whole.astype("timedelta64[us]"))
    dates = pd.Series(whole.astype("datetime64[us]"))
    zone = getattr(column.dtype, "tz", None)
    if zone is not None:
        return dates.dt.tz_localize("UTC").dt.tz_convert(zone)
    known = np.isfinite(times.values)
    return dates.dt.tz_localize("UTC") if np.any(times.local[known] != times.values[known]) else dates


def _warn_of_units(cells: _Cells, values: FloatArray, size: float) -> None:
    """A grid on which samples lie far apart was probably meant in another unit."""
    at = values[cells.order]
    inside = np.diff(np.repeat(cells.person, cells.n_raw)) == 0
    if np.sum(inside) < _FEW:
        return
    usual = float(np.median(np.diff(at)[inside])) / size
    if usual >= _FAR_APART:
        warn_caller(
            f"samples lie {usual:,.0f} steps apart: the step may be in another unit than the stamps (numbers count as "
            "seconds where step is a length such as '1s'; stamps in milliseconds need a number, step=1000).",
            DataWarning,
        )


def _warn(n_without: int, lost: list[str]) -> None:
    if n_without:
        rows = "1 row without a stamp was" if n_without == 1 else f"{counted(n_without, 'row')} without a stamp were"
        warn_caller(f"{rows} dropped.", DataWarning)
    if lost:
        names = ", ".join(map(repr, lost))
        warn_caller(
            f"left out, because they are no numbers and vary within a cell of the grid: {names}. Convert them "
            "to numbers (pandas.to_numeric) if they are meant to be averaged.",
            DataWarning,
        )
