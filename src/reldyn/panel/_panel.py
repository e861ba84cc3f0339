"""`DyadPanel`: how its rows are checked when it is made, and the verbs that reshape them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DesignError, check_count
from reldyn.panel._border import as_pandas, raise_errors
from reldyn.panel._columns import check_usable, numbers_of, times_of
from reldyn.panel._compositions import composition_labels
from reldyn.panel._index import build_index
from reldyn.panel._lines import keep_lines, lines_of
from reldyn.panel._panel_rows import Findings, PanelRows
from reldyn.panel._printing import summary_lines
from reldyn.panel._schedule import Schedule
from reldyn.panel.checks._findings import examine
from reldyn.panel.checks._findings_lags import recognised_columns
from reldyn.panel.timing._formats import TimeOptions, time_options
from reldyn.stats import cluster_means

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel._series import SeriesBatch
    from reldyn.panel.timing._times import Times

__all__ = ["DyadPanel"]

# No panel has more occasions.
_MOST_STEPS = 2**31


class DyadPanel(PanelRows):
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

    __slots__ = ()

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
        if schedule is not None and not isinstance(schedule, Schedule):
            raise DesignError(f"schedule={schedule!r}: give a schedule, as in schedule=rd.Schedule(sent='sent_at').")
        if scales is not None and not isinstance(scales, Mapping):
            raise DesignError(f"scales={scales!r}: give the ends of each scale by column, as in {{'warmth': (1, 7)}}.")
        findings, layout = examine(rows, **columns, schedule=schedule, scales=scales, options=options)
        raise_errors(findings)
        if layout is None:
            raise DataError("the rows could not be checked, so they cannot make a panel.", findings)
        index = layout.index if schedule is None else build_index(layout, schedule)
        if recognised := recognised_columns(layout):
            rows.attrs["times"] = recognised
        checked = Findings(rows, columns, schedule, dict(scales or {}), layout.known_times)
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

    def __str__(self) -> str:
        return summary_lines(self)

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
            mean = cluster_means(values, self._index.person)
            centre = float(np.nanmean(mean)) if np.isfinite(mean).any() else np.nan
            added[f"{name}_within"] = values - mean[self._index.person]
            added[f"{name}_between"] = mean[self._index.person] - centre
        return self._with_columns(added)

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
        check_count(steps, "steps", 1)
        if self._index.cells < 2:
            raise DesignError("a lag needs more than one occasion: name time, or day and beep, when making the panel.")
        from reldyn.panel._lags import warn_of_lost_lags

        row = self._index.earlier_row(min(int(steps), _MOST_STEPS))
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
        check_usable(self, names)
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
            role, nor a clock column, nor a lag, nor a trait repeated in every row of a person, nor
            design: never missing and without a declared scale.

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

    def careless(self, items: Sequence[str]) -> pd.DataFrame:
        """List stretches of prompts with the same answers that a person's own habits do not explain.

        Parameters
        ----------
        items : sequence of str
            All items that were rated at the same prompts; two or more, so that a stretch can count as careless.

        Returns
        -------
        pandas.DataFrame
            One row per stretch, by dyad, person and time: ``dyad``, ``person``, ``role``; ``items`` (``"all"``, or the
            one item whose answers are the same); ``first``, ``last`` (occasion), ``first_row``, ``last_row``;
            ``length`` (answered prompts); ``expected`` (runs like it by the person's habits, below .5); ``masked``:
            True where all items are the same, as `reldyn.detect_cycles` leaves such prompts out. Stretches of one
            item are only counted. No row is left out of the panel.

        Raises
        ------
        DataError
            A column does not exist or holds text.
        DesignError
            No item, or one named twice.

        See Also
        --------
        reldyn.panel.careless_stretches : the rule.
        reldyn.panel.careless : indices of single rows.

        Examples
        --------
        >>> import reldyn as rd
        >>> table = rd.load_sample().careless(["warmth_received", "longing"])
        >>> bool((table["expected"] < 0.5).all())
        True
        """
        from reldyn.panel.checks._stretches import stretch_table

        return stretch_table(self, _listed(items))

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
            Labels to keep, or one label.
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
        findings = Findings(frame, self._columns, self._schedule, self._scales, self._time_options)
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


def _listed(variables: Any) -> list[str]:
    if isinstance(variables, str):
        return [variables]
    names = list(variables) if isinstance(variables, Iterable) and not isinstance(variables, bytes) else [variables]
    # A set has no order of its own.
    names = sorted(names, key=str) if isinstance(variables, (set, frozenset)) else names
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise DataError(f"{odd[0]!r} is no name of a column: give names, as a list of texts.")
    return names


def _take(values: NDArray[np.float64], row: NDArray[np.int64]) -> NDArray[np.float64]:
    taken = values[row]
    taken[row < 0] = np.nan
    return taken
