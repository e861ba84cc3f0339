"""`DyadPanel`: validated, immutable rows of two partners over time, and the verbs that reshape them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from reldyn.errors import DataError, DesignError
from reldyn.panel._border import as_pandas, raise_errors
from reldyn.panel._columns import check_usable, numbers_of, times_of
from reldyn.panel._compositions import composition_labels, count_compositions
from reldyn.panel._index import PanelIndex, build_index
from reldyn.panel._lines import keep_lines, lines_of
from reldyn.panel._placing import weekdays
from reldyn.panel._printing import one_line, summary_lines
from reldyn.panel._schedule import Schedule
from reldyn.panel.checks._findings import examine
from reldyn.panel.checks._findings_lags import recognised_columns
from reldyn.panel.timing._formats import TimeOptions, time_options

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel._clock import Clock
    from reldyn.panel._series import SeriesBatch
    from reldyn.panel._times import Times

__all__ = ["DyadPanel"]

# How many compositions one line names.
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class _Findings:
    """The table of `check_panel` for some rows, made when it is first read."""

    frame: pd.DataFrame
    columns: Mapping[str, Any]
    schedule: Schedule | None
    scales: Mapping[str, tuple[float, float]]
    options: TimeOptions

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per finding."""
        scales = dict(self.scales) or None
        return examine(self.frame, **self.columns, schedule=self.schedule, scales=scales, options=self.options)[0]


class DyadPanel:
    """Rows of a dyadic study: one row per person and occasion, checked once, never changed.

    Every verb returns a new panel; the rows keep their order.

    Parameters
    ----------
    frame : pandas.DataFrame (or any frame that narwhals knows)
        One row per person, or per person and occasion. It is copied.
    dyad, person : str
        Columns that say who belongs together and who is who. A person column that only numbers
        the members within a dyad (1/2, or the role itself) is understood as such.
    role : str, optional
        Column that tells the two members apart (female/male, patient/partner). Roles are ordered
        by category where the column is categorical, else sorted. None: members are exchangeable.
    time : str, optional
        Occasion number, time stamp, or time within the day when ``day`` is named. Rows are ordered by the instant.
    day, beep : str, optional
        Day and beep number of experience sampling; where a day has several occasions, lags never cross it, and where
        days have one, a lag leads to the day before. Time stamps as ``day`` give the calendar day on the clock that
        was written, whatever its offset from UTC. Stamps as ``time`` without a day give days and prompts as well,
        where they are those of a schedule or one a day. Numbers and dates stored as text
        are read in all three; dates such as 13.04.2021 in the one order that makes dates of the whole column, and
        refused where several orders do. Labels must be an ordered categorical.
    schedule : Schedule, optional
        The clock columns and the length of a night.
    scales : mapping of str to (low, high), optional
        Declared response scale of a variable, for floors, ceilings and impossible values.
    dates : str or mapping of str to str, optional
        How dates are written: a strptime format, ``"iso"``, or for numbers ``"unix"``, ``"unix-ms"``, ``"excel"`` or
        ``"number"`` (they count); one for all time columns that it fits, or one per column. None: the one order under
        which all texts are dates, and dates where numbers can be nothing else; what was recognised is a finding.
    timezone : str, optional
        IANA name of the zone of the participants. Stamps without an offset are on its wall clock, and stamps with
        one, as well as numbers since 1970, are shown on it: that clock says what day and what time of day it was,
        while elapsed time orders rows. None: the clock that was written, UTC for numbers.
    workdays : sequence of str, optional
        Days of the week on which a prompt was scheduled, as in ``("Mon", "Tue", "Wed", "Thu", "Fri")`` or
        ``"Mon-Fri"``: from Friday to Monday is then one step, and other days count in no share of answers. It needs
        calendar dates. None: every day.

    Raises
    ------
    DesignError
        ``dates``, ``timezone`` or ``workdays`` holds something that is none.
    DataError
        One error with every fault of the frame; its attribute ``findings`` is the whole table.

    See Also
    --------
    check_panel : the same table without raising.

    Examples
    --------
    >>> import pandas as pd, reldyn as rd
    >>> frame = pd.DataFrame({"couple": [1, 1, 1, 1], "who": ["a", "b", "a", "b"], "day": [1, 1, 2, 2]})
    >>> panel = rd.DyadPanel(frame.assign(mood=[4, 3, 5, 2]), dyad="couple", person="who", role="who", time="day")
    >>> panel.lag(["mood"]).frame["mood_lag1"].tolist()
    [nan, nan, 4.0, 3.0]
    """

    __slots__ = (
        "_columns",
        "_compositions",
        "_exchangeable",
        "_findings",
        "_frame",
        "_index",
        "_scales",
        "_schedule",
        "_time_options",
    )

    _frame: pd.DataFrame
    _index: PanelIndex
    _columns: Mapping[str, str | None]
    _schedule: Schedule | None
    _scales: Mapping[str, tuple[float, float]]
    _findings: _Findings
    _compositions: tuple[str, ...]
    _exchangeable: frozenset[str]
    _time_options: TimeOptions

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        dyad: str,
        person: str,
        role: str | None = None,
        time: str | None = None,
        day: str | None = None,
        beep: str | None = None,
        schedule: Schedule | None = None,
        scales: Mapping[str, tuple[float, float]] | None = None,
        dates: str | Mapping[str, str] | None = None,
        timezone: str | None = None,
        workdays: Sequence[str | int] | str | None = None,
    ) -> None:
        options = time_options(dates, timezone, workdays)
        rows = as_pandas(frame)
        columns: dict[str, Any] = {
            "dyad": dyad,
            "person": person,
            "role": role,
            "time": time,
            "day": day,
            "beep": beep,
        }
        self._settle(rows, columns, schedule, scales, options)

    def _settle(
        self,
        rows: pd.DataFrame,
        columns: Mapping[str, Any],
        schedule: Schedule | None,
        scales: Mapping[str, tuple[float, float]] | None,
        options: TimeOptions,
    ) -> None:
        """Check the rows and fill the panel; what is known of the times already is taken as it is."""
        findings, layout = examine(rows, **columns, schedule=schedule, scales=scales, options=options)
        raise_errors(findings)
        if layout is None:
            raise DataError("the rows could not be checked, so they cannot make a panel.", findings)
        index = build_index(layout, schedule)
        if recognised := recognised_columns(layout):
            rows.attrs["times"] = recognised
        checked = _Findings(rows, columns, schedule, dict(scales or {}), layout.known_times)
        checked.__dict__["table"] = findings
        self._fill(
            frame=rows,
            index=index,
            columns=columns,
            schedule=schedule,
            scales={str(name): (float(low), float(high)) for name, (low, high) in dict(scales or {}).items()},
            findings=checked,
            compositions=composition_labels(index),
            exchangeable=frozenset(),
            options=layout.known_times,
        )

    def _fill(
        self,
        frame: pd.DataFrame,
        index: PanelIndex,
        columns: Mapping[str, str | None],
        schedule: Schedule | None,
        scales: Mapping[str, tuple[float, float]],
        findings: _Findings,
        compositions: tuple[str, ...],
        exchangeable: frozenset[str],
        options: TimeOptions,
    ) -> None:
        values = {
            "_frame": frame,
            "_index": index,
            "_columns": MappingProxyType(dict(columns)),
            "_schedule": schedule,
            "_scales": MappingProxyType(dict(scales)),
            "_findings": findings,
            "_compositions": compositions,
            "_exchangeable": exchangeable,
            "_time_options": options,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a DyadPanel never changes: make a new one instead of setting {name!r}")

    def _with(self, **changes: Any) -> DyadPanel:
        kept: dict[str, Any] = {
            "frame": self._frame,
            "index": self._index,
            "columns": self._columns,
            "schedule": self._schedule,
            "scales": self._scales,
            "findings": self._findings,
            "compositions": self._compositions,
            "exchangeable": self._exchangeable,
            "options": self._time_options,
        }
        panel = object.__new__(DyadPanel)
        panel._fill(**(kept | changes))
        return panel

    def _with_columns(self, columns: Mapping[str, Any]) -> DyadPanel:
        frame = self._frame.copy(deep=False)
        for name, values in columns.items():
            frame[name] = values
        return self._with(frame=frame)

    # --- what the panel is -----------------------------------------------------------------

    @property
    def frame(self) -> pd.DataFrame:
        """The rows, as a copy, in the order they came; ``attrs["times"]`` says how columns of times were read."""
        import pandas as pd

        # From pandas 3 a shallow copy is a copy: whoever writes into either gets rows of their own.
        return self._frame.copy(deep=int(pd.__version__.split(".")[0]) < 3)

    @property
    def index(self) -> PanelIndex:
        """Integer codes of dyad, member, day, beep and step of every row."""
        return self._index

    @property
    def clock(self) -> Clock:
        """The scheduled occasions of the study, with nights, weekends and steps; shared by every part of a panel."""
        return self._index.schedule

    @property
    def columns(self) -> Mapping[str, str | None]:
        """Which column holds ``dyad``, ``person``, ``role``, ``time``, ``day`` and ``beep``."""
        return self._columns

    @property
    def schedule(self) -> Schedule | None:
        """The clock columns and the length of a night."""
        return self._schedule

    @property
    def dates(self) -> str | Mapping[str, str] | None:
        """How dates are written, as declared."""
        return self._time_options.dates

    @property
    def timezone(self) -> str | None:
        """Zone of the participants, as declared."""
        return self._time_options.timezone

    @property
    def workdays(self) -> tuple[int, ...] | None:
        """Declared days of the week of the schedule, Monday is 0."""
        return self._time_options.workdays

    @property
    def scales(self) -> Mapping[str, tuple[float, float]]:
        """Declared response scales."""
        return self._scales

    @property
    def findings(self) -> pd.DataFrame:
        """What a careful analyst would ask about the rows, as a copy of the table of `check_panel`."""
        return self._findings.table.copy()

    @property
    def n_dyads(self) -> int:
        """Number of dyads."""
        return self._index.n_dyads

    @property
    def n_persons(self) -> int:
        """Number of persons."""
        return self._index.n_persons

    @property
    def n_occasions(self) -> int:
        """The largest number of distinct occasions that any dyad has; 1 for a cross-section."""
        index = self._index
        pairs = np.unique(index.dyad * index.cells + index.occasion)
        return int(np.bincount(pairs // index.cells).max(initial=0))

    @property
    def roles(self) -> tuple[Hashable, ...]:
        """Role labels in panel order; empty where members are exchangeable."""
        return self._index.roles

    @property
    def compositions(self) -> Mapping[str, int]:
        """How many dyads of each composition there are (``{"female-male": 120, ...}``)."""
        return MappingProxyType(count_compositions(self._compositions))

    @property
    def exchangeable_compositions(self) -> frozenset[str]:
        """Compositions whose members no role tells apart."""
        return self._exchangeable | self._alike

    @property
    def _alike(self) -> frozenset[str]:
        index = self._index
        if not index.roles:
            return frozenset(self._compositions)
        roles = np.full((index.n_dyads, 2), -1)
        roles[index.dyad, index.member] = index.role
        same = roles[:, 0] == roles[:, 1]
        return frozenset(label for label, alike in zip(self._compositions, same, strict=True) if alike)

    @property
    def composition_of_dyad(self) -> tuple[str, ...]:
        """Composition label of each dyad, in the order of dyad codes."""
        return self._compositions

    def __len__(self) -> int:
        return len(self._frame)

    def __repr__(self) -> str:
        counts = self.compositions
        shown = [f"{count} {one_line(label)}" for label, count in list(counts.items())[:_SHOWN]]
        more = f", {len(counts) - _SHOWN:,} more compositions" if len(counts) > _SHOWN else ""
        return (
            f"DyadPanel: {self.n_dyads} dyads ({', '.join(shown)}{more}), {self.n_persons} persons, "
            f"up to {self.n_occasions} occasions, {len(self):,} rows, {self._frame.shape[1]} columns"
        )

    def __str__(self) -> str:
        return summary_lines(self)

    # --- verbs -----------------------------------------------------------------------------

    def values(self, variable: str) -> NDArray[np.float64]:
        """One numeric column as floats, missing as NaN.

        Raises
        ------
        DataError
            There is no such column, its header stands twice in the file, or it holds text, dates or complex numbers.
        """
        return numbers_of(self, variable)

    def _times(self, name: str) -> Times:
        return times_of(self, name)

    def _weekday(self, name: str) -> NDArray[np.float64] | None:
        times = times_of(self, name)
        return weekdays(times) if times.kind == "date" else None

    def _check_usable(self, variables: Iterable[str]) -> None:
        check_usable(self, variables)

    def within_between(self, variables: Sequence[str]) -> DyadPanel:
        """Split each variable into what varies within a person and what differs between persons.

        Adds ``NAME_within`` (value minus the person's mean over all observed values) and
        ``NAME_between`` (that mean minus the unweighted mean of the person means over both
        roles). A person without any value gets NaN in both.

        Parameters
        ----------
        variables : sequence of str
            Numeric columns.

        Returns
        -------
        DyadPanel

        References
        ----------
        Bolger and Laurenceau (2013), Intensive Longitudinal Methods, chapter 5.
        """
        added: dict[str, NDArray[np.float64]] = {}
        for name in _listed(variables):
            values = self.values(name)
            mean = self._person_means(values)
            centre = float(np.nanmean(mean)) if np.isfinite(mean).any() else np.nan
            added[f"{name}_within"] = values - mean[self._index.person]
            added[f"{name}_between"] = mean[self._index.person] - centre
        return self._with_columns(added)

    def _person_means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        person, n = self._index.person, self._index.n_persons
        seen = np.isfinite(values)
        total = np.bincount(person, weights=np.where(seen, values, 0.0), minlength=n)
        count = np.bincount(person, weights=seen, minlength=n)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def lag(self, variables: Sequence[str], steps: int = 1) -> DyadPanel:
        """Add ``NAME_lag1``: the same person's value one scheduled occasion earlier.

        By scheduled occasion, never by row: across a missing occasion, a night or a gap the lag
        is missing. Where a day has several occasions a lag stays within the day. The occasions are those of `clock`:
        a prompt that the study never uses does not count.

        Parameters
        ----------
        variables : sequence of str
            Numeric columns.
        steps : int, default 1
            How many scheduled occasions back; at least 1, because a lead is no lag.

        Returns
        -------
        DyadPanel

        Raises
        ------
        DesignError
            The panel has one occasion only, or ``steps`` is below 1.

        Warns
        -----
        DataWarning
            Fewer than a tenth of the values that have enough earlier ones of the same person and day find their lag.
        """
        if not isinstance(steps, (int, np.integer)) or isinstance(steps, bool) or steps < 1:
            raise DesignError(f"steps={steps!r}: a lag looks back at least one occasion.")
        if self._index.cells < 2:
            raise DesignError("a lag needs more than one occasion: name time, or day and beep, when making the panel.")
        from reldyn.panel._lags import warn_of_lost_lags

        row = self._index.earlier_row(int(steps))
        added: dict[str, NDArray[np.float64]] = {}
        for name in _listed(variables):
            values = self.values(name)
            added[f"{name}_lag{steps}"] = _take(values, row)
            warn_of_lost_lags(self, name, values, added[f"{name}_lag{steps}"], int(steps))
        return self._with_columns(added)

    def actor_partner(self, variables: Sequence[str]) -> DyadPanel:
        """Add ``NAME_actor`` (own value) and ``NAME_partner`` (the partner's, same occasion).

        Parameters
        ----------
        variables : sequence of str
            Numeric columns. Where the partner has no row or no value, ``NAME_partner`` is NaN.

        Returns
        -------
        DyadPanel
        """
        added: dict[str, NDArray[np.float64]] = {}
        for name in _listed(variables):
            values = self.values(name)
            added[f"{name}_actor"] = values
            added[f"{name}_partner"] = _take(values, self._index.partner_row)
        return self._with_columns(added)

    def wide(self, variables: Sequence[str]) -> pd.DataFrame:
        """One row per dyad and occasion, one column per variable and member (``NAME_role``).

        Parameters
        ----------
        variables : sequence of str

        Returns
        -------
        pandas.DataFrame
            Sorted by dyad and occasion; members without a role are called ``1`` and ``2``.
        """
        from reldyn.panel._reshape import to_wide

        names = _listed(variables)
        self._check_usable(names)
        return to_wide(self, names)

    def series(self, variables: str | Sequence[str]) -> SeriesBatch:
        """Put the series of both members of every dyad on the clock of the study.

        Parameters
        ----------
        variables : str or sequence of str
            One numeric column gives values of shape (N, 2), a sequence (N, 2, n_variables).

        Returns
        -------
        SeriesBatch
            Flat arrays of all dyads in the panel's order; iterate for one `DyadSeries` per dyad. A member who never
            appears has only missing values.

        Raises
        ------
        DataError
            A column does not exist or holds text.

        Examples
        --------
        >>> import reldyn as rd
        >>> panel = rd.simulate.apim(n_dyads=2, n_occasions=5, actor=0.3, partner=0.2, seed=1).panel
        >>> first = panel.series("y")[0]
        >>> first.values.shape, first.beep.tolist()
        ((5, 2), [0, 1, 2, 3, 4])
        """
        from reldyn.panel._series import build_series

        return build_series(self, variables)

    def compliance(self, variables: Sequence[str] | None = None) -> pd.DataFrame:
        """How much of what was scheduled was answered.

        Parameters
        ----------
        variables : sequence of str, optional
            An occasion counts as answered when any of these has a value; None: when it has an
            answering time, or, without such a column, a value in any column that is neither a
            role, nor a clock column, nor a trait repeated in every row of a person.

        Returns
        -------
        pandas.DataFrame
            One row per ``level`` (``overall``, ``role``, ``person``, ``dyad``, ``day``, ``beep``)
            and ``label``: ``expected``, ``answered``, ``share``; at levels overall, dyad, day and
            beep also ``both_share`` and ``any_share``: occasions where both partners, or at least
            one, answered. Days and beeps carry the labels of their columns. Expected is every
            scheduled occasion (`clock`) from a dyad's first to its last row: each prompt that the
            study uses, on each of its days, also where nobody answered.
        """
        from reldyn.panel._compliance import compliance

        return compliance(self, None if variables is None else _listed(variables))

    def describe(self, variables: Sequence[str]) -> pd.DataFrame:
        """Count, mean and spread of each variable by role.

        Parameters
        ----------
        variables : sequence of str

        Returns
        -------
        pandas.DataFrame
            ``variable``, ``role``, ``n_obs``, ``n_persons``, ``missing_share``, ``mean``, ``sd``,
            ``sd_within`` (of deviations from person means), ``sd_between`` (of person means),
            ``minimum``, ``maximum``, ``floor_share``, ``ceiling_share`` (at the ends of the
            declared scale, else of the observed range).
        """
        from reldyn.panel._compliance import describe

        return describe(self, _listed(variables))

    def select(
        self,
        *,
        dyads: Sequence[Hashable] | None = None,
        roles: Sequence[Hashable] | None = None,
        compositions: Sequence[str] | None = None,
        where: Callable[[pd.DataFrame], Any] | NDArray[np.bool_] | None = None,
    ) -> DyadPanel:
        """Keep some rows; the clock, schedule and roles stay those of the whole study.

        The rows were checked when the panel was made and are not checked again: `findings` of the part are
        worked out when they are first asked for, from the rows that remain.

        Parameters
        ----------
        dyads, roles, compositions : sequence, optional
            Labels to keep.
        where : callable or boolean array, optional
            A mask over the rows, or a function of the frame that gives one.

        Returns
        -------
        DyadPanel

        Raises
        ------
        DataError
            A label is not in the panel, or no row is left.
        """
        from reldyn.panel._reshape import selection

        keep = selection(self, dyads=dyads, roles=roles, compositions=compositions, where=where)
        return self._subset(np.flatnonzero(keep))

    def _subset(self, rows: NDArray[np.int64]) -> DyadPanel:
        from reldyn.panel._reshape import subset_index

        index, dyads = subset_index(self._index, rows)
        part = self._frame.iloc[rows]
        frame = part.reset_index(drop=True)
        frame.attrs = dict(self._frame.attrs)
        keep_lines(frame, lines_of(part))
        findings = _Findings(frame, self._columns, self._schedule, self._scales, self._time_options)
        compositions = tuple(self._compositions[code] for code in dyads)
        return self._with(frame=frame, index=index, findings=findings, compositions=compositions)

    def with_compositions(
        self, *, pool: Mapping[str, Sequence[str]] | None = None, exchangeable: Sequence[str] = ()
    ) -> DyadPanel:
        """Re-label compositions of a mixed sample.

        Parameters
        ----------
        pool : mapping of str to sequence of str, optional
            New label -> the compositions it brings together
            (``{"same-sex": ("female-female", "male-male")}``).
        exchangeable : sequence of str, default ()
            Compositions to be treated as exchangeable although roles differ.

        Returns
        -------
        DyadPanel
        """
        from reldyn.panel._compositions import pool_compositions

        labels = pool_compositions(self._compositions, pool or {})
        unknown = [name for name in exchangeable if name not in labels]
        if unknown:
            raise DesignError(
                f"exchangeable={unknown[0]!r} is no composition; there are: {', '.join(sorted(set(labels)))}."
            )
        return self._with(compositions=labels, exchangeable=frozenset(exchangeable))

    # --- keeping it ------------------------------------------------------------------------

    def to_parquet(self, path: str | Path) -> None:
        """Write rows, roles, schedule and scales to one parquet file (extra ``io``)."""
        from reldyn.panel.reading._storage import write_panel

        write_panel(self, path)

    @classmethod
    def from_parquet(cls, path: str | Path) -> DyadPanel:
        """Bring back a panel that `to_parquet` wrote.

        Raises
        ------
        DataError
            The file is absent, no parquet file, or was not written by `to_parquet`.
        """
        from reldyn.panel.reading._storage import read_panel

        return read_panel(cls, path)


def _listed(variables: Sequence[str]) -> list[str]:
    return [variables] if isinstance(variables, str) else list(variables)


def _take(values: NDArray[np.float64], row: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(row >= 0, values[np.maximum(row, 0)], np.nan)
