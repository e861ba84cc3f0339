"""Day and beep from time stamps, so that partners whose phones ring minutes apart share their occasions.

Which day and which prompt a row belongs to follows from the wall clock. What became of the rows that belong to no
prompt, came twice, or came long after the partner's is counted person by person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reldyn._format import counted
from reldyn.errors import DataError, check_option, describe_rows
from reldyn.panel._border import as_pandas
from reldyn.panel.aligning._align_clock import (
    Prompts,
    Stamps,
    given_prompts,
    nearest_prompts,
    read_clock,
    read_length,
    read_stamps,
)
from reldyn.panel.aligning._align_learn import learn_prompts
from reldyn.panel.aligning._align_report import FATES, Matching, alignment_note, prompt_table, report_table
from reldyn.panel.aligning._named import check_named, identify_complete
from reldyn.panel.timing._times import SECONDS_PER_DAY

if TYPE_CHECKING:
    import datetime as dt
    from zoneinfo import ZoneInfo

    import numpy.typing as npt

    from reldyn.panel._identity import Identity
    from reldyn.panel._panel import DyadPanel

    FloatArray = npt.NDArray[np.float64]
    BoolArray = npt.NDArray[np.bool_]
    IntArray = npt.NDArray[np.intp]

__all__ = ["Aligned", "align"]

_DUPLICATES = ("refuse", "first", "last", "most-complete")
_ADDED = ("day", "beep")
_MATCHED, _NO_STAMP, _NO_PROMPT, _DUPLICATE, _LATE = range(len(FATES))
_MOST_NAMED = 12


@dataclass(frozen=True, eq=False, repr=False)
class Aligned:
    """Rows with day and beep, and what became of every row of the file.

    Attributes
    ----------
    frame : pandas.DataFrame
        The matched rows in the order of the file, with ``day`` (a date) and ``beep`` (from 1) added.
    report : pandas.DataFrame
        One row per person and one for all (``level`` ``"person"`` and ``"total"``): ``dyad``, ``person``, ``n_rows``,
        ``matched``, ``paired`` (the partner has a row at the same prompt), ``dropped`` and its parts ``no_stamp``,
        ``no_prompt``, ``duplicate`` and ``late`` (more than the tolerance after the partner's row of the prompt),
        ``median_lag`` (minutes from the prompt, or from the opening of its window, to the stamp), ``dropped_rows``
        (positions in the file, from 0).
    prompts : pandas.DataFrame
        One row per prompt of a day: ``beep``, ``prompt``, ``earliest``, ``latest`` (clock times), ``matched``,
        ``paired``, ``median_lag``.
    warnings : tuple of str
        What a careful reader must know.
    settings : mapping
        How it was done: ``dyad`` and ``person`` (columns), ``day_starts``, ``clock``, ``tolerance`` (seconds),
        ``source`` and ``words`` (the prompts).
    """

    frame: pd.DataFrame
    report: pd.DataFrame
    prompts: pd.DataFrame
    warnings: tuple[str, ...]
    settings: Mapping[str, Any]

    def panel(self, **roles: Any) -> DyadPanel:
        """Make a `DyadPanel` of the matched rows.

        Parameters
        ----------
        **roles
            Further arguments of `DyadPanel`, such as ``role`` or ``scales``.

        Returns
        -------
        DyadPanel
            Its findings say how many rows were matched and dropped.
        """
        from reldyn.panel._panel import DyadPanel

        named = {"dyad": self.settings["dyad"], "person": self.settings["person"], "day": "day", "beep": "beep"}
        return DyadPanel(self.frame, **{**named, **roles})

    def summary(self) -> str:
        """How stamps were matched and what was dropped, in a few sentences."""
        total = self.report.iloc[-1]
        about = self.settings
        a_day = counted(len(self.prompts), "prompt")
        lines = [
            f"Stamps of {counted(total['n_rows'], 'row')} from {counted(len(self.report) - 1, 'person')} were matched "
            f"to {a_day} a day ({about['source']}: {about['words']}).",
            f"Days start at {about['day_starts']}, on {about['clock']}. Partners' stamps of one prompt lie at most "
            f"{_minutes(about['tolerance'])} apart.",
            f"{counted(total['matched'], 'row')} were matched, {total['paired']:,} of them together with the "
            f"partner's. {_rows(total['dropped'])} dropped: {total['no_stamp']:,} without a stamp, "
            f"{total['no_prompt']:,} near no prompt, {total['duplicate']:,} repeated, {total['late']:,} late.",
        ]
        return "\n".join([*lines, *(f"Warning: {warning}" for warning in self.warnings)])

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        total = self.report.iloc[-1]
        return (
            f"Aligned: {total['matched']:,} of {counted(total['n_rows'], 'row')} on "
            f"{counted(len(self.prompts), 'prompt')} a day, {total['paired']:,} with the partner's, "
            f"{total['dropped']:,} dropped"
        )


def align(
    frame: pd.DataFrame,
    *,
    dyad: str,
    person: str,
    stamp: str,
    timezone: str | ZoneInfo | None = None,
    day_starts: str | dt.time = "00:00",
    prompts: Sequence[Any] | str | dt.time | None = None,
    tolerance: str | dt.timedelta | None = None,
    duplicates: str = "refuse",
) -> Aligned:
    """Find the day and the prompt of every row from its time stamp, alike for both partners.

    Phones that ring minutes apart, answers some time after the prompt, and clocks in different formats leave
    partners without a single common time. Here rows get the number of the prompt to which they belong, which
    `DyadPanel` takes as ``day`` and ``beep``.

    Parameters
    ----------
    frame : pandas.DataFrame (or any frame that narwhals knows), n rows
        One row per person and prompt, in any order. It is not changed.
    dyad, person : str
        Columns with the ids.
    stamp : str
        Column of stamps: dates with a time of day (naive, with an offset, or text), or Unix times in seconds,
        milli-, micro- or nanoseconds, where 0 stands for no time. The scheduled moment is best; the moment of the
        answer will do. Rows without a stamp are dropped and counted.
    timezone : str or ZoneInfo, optional
        IANA name of the zone in which participants live, such as ``"Europe/Berlin"``. Stamps with an offset and Unix
        times are converted to its clock; naive stamps are on it already. None: the clock that was written; Unix
        times count as UTC, with a warning.
    day_starts : str or datetime.time, default "00:00"
        Clock time at which a day starts. With ``"04:00"`` an answer at 01:30 belongs to the day before. Midnight is
        the default because it is right for studies without prompts at night.
    prompts : sequence, optional
        Clock times ``("09:00", "12:00")``: a row belongs to the nearest prompt of its day, up to half the way to the
        next prompt; before the first and after the last prompt, as far as on its other side. Windows
        ``(("09:00", "10:30"), ("12:00", "13:30"))``: a row belongs to the window that holds it, ends included. None:
        clock times are learned from the stamps of all persons (see Notes).
    tolerance : str or timedelta, optional
        How far partners' stamps of one prompt may lie apart, such as ``"30min"``. The later of two rows that lie
        further apart is late and dropped, because its person did not speak about the same moment. None: half the
        smallest distance between prompts, below which no other prompt is nearer; for learned prompts no less than the
        range of the stamps of one prompt, outlying ones apart.
    duplicates : {"refuse", "first", "last", "most-complete"}, default "refuse"
        Several rows of one person at one prompt: refuse to choose, keep the earliest or the latest stamp, or the row
        with the fewest missing values (of equals the earliest).

    Returns
    -------
    Aligned
        ``.frame`` for `DyadPanel`, ``.report``, ``.prompts``, ``.warnings``; ``.panel(role=...)`` makes the panel.
        Columns of the file that are called ``day`` or ``beep`` stay as ``day_original`` and ``beep_original``.

    Raises
    ------
    DataError
        A column is absent, an id is missing, a stamp cannot be read, no row has a stamp or belongs to a prompt, rows
        are repeated (with ``duplicates="refuse"``), or the stamps show no clear prompts.
    DesignError
        An argument is no time zone, clock time, window or length of time.

    Notes
    -----
    Day and time of day are those of the wall clock, on days when summer time begins or ends too: a prompt at 09:00 is
    the same prompt on each day. Stamps with different offsets keep their own clocks unless `timezone` is named.

    Prompts are learned by dividing the times of day of all persons into 2 to 24 clusters (k-medians). The finest
    division counts in which every two neighbours are separated by a gap that evenly spread times would not leave,
    few persons answer one prompt twice, and persons answer neighbouring prompts on the same days. Where there is none,
    as for times drawn at random over the whole day, and persons answered several times a day, an error asks for
    windows. Where persons answered once a day, there is one prompt a day.

    ``day`` is a date, from which `DyadPanel` knows weekends; for a day number subtract the dyad's first day.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({
    ...     "couple": 1, "who": ["a", "b", "a", "b"], "mood": [4, 3, 5, 2],
    ...     "at": ["2026-03-28 09:02", "2026-03-28 09:17", "2026-03-28 21:05", "2026-03-29 00:20"],
    ... })
    >>> aligned = align(
    ...     frame, dyad="couple", person="who", stamp="at", prompts=("09:00", "21:00"), day_starts="04:00"
    ... )
    >>> aligned
    Aligned: 4 of 4 rows on 2 prompts a day, 4 with the partner's, 0 dropped
    >>> aligned.frame["beep"].tolist(), aligned.frame["day"].dt.day.tolist()
    ([1, 1, 2, 2], [28, 28, 28, 28])
    """
    rows = as_pandas(frame)
    check_named(rows, {"dyad": dyad, "person": person, "stamp": stamp}, _ADDED)
    check_option(duplicates, _DUPLICATES, "duplicates")
    day_start = read_clock(day_starts, "day_starts") % SECONDS_PER_DAY
    schedule = None if prompts is None else given_prompts(prompts, day_start)
    apart = None if tolerance is None else read_length(tolerance, "tolerance")
    identity = identify_complete(rows, dyad, person)
    stamps = read_stamps(rows[stamp], stamp, timezone)
    known = np.isfinite(stamps.local)
    if not known.any():
        raise DataError(f"{stamp!r} has no stamps: name a column with the moment of each prompt or answer.")
    day = np.where(known, np.floor((stamps.local - day_start) / SECONDS_PER_DAY), 0.0).astype(np.int64)
    seconds = np.where(known, stamps.local - day_start - day * SECONDS_PER_DAY, np.nan)
    if schedule is None:
        at, width = learn_prompts(seconds[known], identity.person_codes[known], day[known], day_start)
        schedule = nearest_prompts(at, "stamps", day_start, width)
    matching = _match(rows, identity, stamps, day, seconds, schedule, apart, duplicates, (dyad, person, stamp))
    notes = _warnings(stamps, day, seconds, matching, timezone)
    out, renamed = _with_day_and_beep(rows, day, matching, stamp)
    about = _about(dyad, person, day_starts, timezone, stamps, matching)
    return Aligned(out, report_table(matching), prompt_table(matching), (*notes, *renamed), about)


def _match(
    rows: pd.DataFrame,
    identity: Identity,
    stamps: Stamps,
    day: npt.NDArray[np.int64],
    seconds: FloatArray,
    schedule: Prompts,
    tolerance: float | None,
    duplicates: str,
    named: tuple[str, str, str],
) -> Matching:
    """Decide what becomes of every row."""
    known = np.isfinite(seconds)
    code = schedule.match(seconds)
    fate = np.where(~known, _NO_STAMP, np.where(code < 0, _NO_PROMPT, _MATCHED))
    if not np.any(fate == _MATCHED):
        raise DataError(
            f"no stamp of {named[2]!r} belongs to any of the prompts {', '.join(schedule.words()[:_MOST_NAMED])}: "
            "check prompts, day_starts and timezone."
        )
    occasion = (day - day.min()) * schedule.n + code
    _settle_duplicates(rows, identity, stamps, occasion, fate, duplicates, named)
    limit = max(schedule.spacing / 2, schedule.width) if tolerance is None else tolerance
    _drop_late(identity, stamps, occasion, fate, limit)
    at = np.append(schedule.at, np.nan)[code]
    return Matching(fate, _paired(identity, occasion, fate), code, (seconds - at) / 60, identity, schedule, limit)


def _settle_duplicates(
    rows: pd.DataFrame,
    identity: Identity,
    stamps: Stamps,
    occasion: npt.NDArray[np.int64],
    fate: IntArray,
    duplicates: str,
    named: tuple[str, str, str],
) -> None:
    """Mark all rows but one of each person and prompt, or refuse."""
    here = np.flatnonzero(fate == _MATCHED)
    rank = stamps.instant[here] * (-1 if duplicates == "last" else 1)
    gaps = np.zeros(len(here), dtype=np.int64)
    if duplicates == "most-complete":
        answers = rows[[name for name in rows.columns if name not in named]]
        gaps = answers.isna().sum(axis=1).to_numpy()[here]
    order = here[np.lexsort((rank, gaps, occasion[here], identity.person_codes[here]))]
    again = (np.diff(identity.person_codes[order]) == 0) & (np.diff(occasion[order]) == 0)
    if not again.any():
        return
    if duplicates == "refuse":
        involved = np.sort(order[np.r_[again, False] | np.r_[False, again]])
        raise DataError(
            f"several rows of one person belong to one prompt: {describe_rows(involved.tolist())}. Drop all but one of "
            "each, choose by duplicates='first', 'last' or 'most-complete', or name prompts= and day_starts= that tell "
            "them apart."
        )
    fate[order[1:][again]] = _DUPLICATE


def _drop_late(
    identity: Identity, stamps: Stamps, occasion: npt.NDArray[np.int64], fate: IntArray, limit: float
) -> None:
    """Mark rows that lie further than the tolerance after the first row of the dyad at the prompt."""
    here = np.flatnonzero(fate == _MATCHED)
    group = pd.factorize(_cell(identity, occasion)[here])[0]
    first = np.full(int(group.max()) + 1, np.inf)
    np.minimum.at(first, group, stamps.local[here])
    # Microseconds are the resolution of stamps.
    fate[here[stamps.local[here] - first[group] > limit + 1e-6]] = _LATE


def _paired(identity: Identity, occasion: npt.NDArray[np.int64], fate: IntArray) -> BoolArray:
    here = np.flatnonzero(fate == _MATCHED)
    group = pd.factorize(_cell(identity, occasion)[here])[0]
    paired = np.zeros(len(fate), dtype=bool)
    paired[here] = np.bincount(group)[group] > 1
    return paired


def _cell(identity: Identity, occasion: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """One number for each dyad and prompt."""
    return np.asarray(identity.dyad_codes * (int(occasion.max()) + 2) + occasion + 1)


def _with_day_and_beep(
    rows: pd.DataFrame, day: npt.NDArray[np.int64], matching: Matching, stamp: str
) -> tuple[pd.DataFrame, list[str]]:
    """The matched rows with their day and beep; columns of these names stay under another one."""
    place = np.flatnonzero(matching.matched)
    out = rows.iloc[place].reset_index(drop=True)
    renamed = {}
    for name in _ADDED:
        if name in out.columns:
            choices = (f"{name}_original{end}" for end in ("", *(f"_{k}" for k in range(2, len(out.columns) + 2))))
            renamed[name] = next(choice for choice in choices if choice not in out.columns)
    out = out.rename(columns=renamed)
    dates = day[place].astype("datetime64[D]").astype("datetime64[us]")
    out = out.assign(day=dates, beep=matching.code[place].astype(np.int64) + 1)
    out.attrs = dict(rows.attrs) | alignment_note(matching, stamp)
    return out, [f"the column {name!r} of the file is now {new!r}." for name, new in renamed.items()]


def _warnings(
    stamps: Stamps, day: npt.NDArray[np.int64], seconds: FloatArray, matching: Matching, timezone: Any
) -> list[str]:
    """What a careful reader must know about the matching."""
    notes = []
    n_unmatched = matching.count("no_prompt")
    if n_unmatched:
        notes.append(f"{_rows(n_unmatched)} dropped: the stamp lies near no prompt.")
        schedule = matching.prompts
        lost = seconds[matching.fate == _NO_PROMPT]
        over = (schedule.match(lost + SECONDS_PER_DAY) >= 0) | (schedule.match(lost - SECONDS_PER_DAY) >= 0)
        if over.any():
            notes.append(
                f"{int(over.sum()):,} of them would belong to a prompt of the day before or after: choose day_starts."
            )
    for fate, why in (
        ("no_stamp", "there is no stamp"),
        ("duplicate", "the person has another row at the same prompt"),
        ("late", "they lie further than the tolerance after the partner's row of the prompt"),
    ):
        if matching.count(fate):
            notes.append(f"{_rows(matching.count(fate))} dropped: {why}.")
    if timezone is None and stamps.in_utc:
        notes.append("the stamps are in UTC, and so are days and prompts: name timezone= if that was not local time.")
    if stamps.skipped.any():
        notes.append(
            f"{int(stamps.skipped.sum()):,} local times never existed in {timezone}, because summer time began: "
            "perhaps the stamps are on another clock."
        )
    return notes + _pair_warnings(stamps, day, matching)


def _pair_warnings(stamps: Stamps, day: npt.NDArray[np.int64], matching: Matching) -> list[str]:
    """Dyads whose partners share no prompt, and partners on different clocks."""
    notes = []
    who, n = matching.identity, matching.identity.n_dyads
    pairs = np.bincount(who.person_dyads(), minlength=n) == 2
    apart = int(np.sum(pairs & (np.bincount(who.dyad_codes[matching.paired], minlength=n) == 0)))
    if apart:
        notes.append(f"in {counted(apart, 'dyad')} the partners share no prompt.")
    place = np.flatnonzero(matching.paired)
    cells = pd.Series(stamps.offset[place]).groupby([who.dyad_codes[place], day[place], matching.code[place]])
    n_clocks = int((cells.max() - cells.min() > 60).sum()) if len(place) else 0
    if n_clocks:
        notes.append(
            f"at {counted(n_clocks, 'prompt')} the partners' stamps have different UTC offsets; each was matched on "
            "its own clock. Name timezone= to put both on one clock."
        )
    return notes


def _rows(n: int) -> str:
    return "1 row was" if n == 1 else f"{counted(n, 'row')} were"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.3g} minutes" if seconds <= 7200 else f"{seconds / 3600:.3g} hours"


def _about(
    dyad: str, person: str, day_starts: Any, timezone: Any, stamps: Stamps, matching: Matching
) -> Mapping[str, Any]:
    """What the summary and the panel need besides the tables."""
    sources = {"times": "named clock times", "windows": "named windows", "stamps": "learned from the stamps"}
    words = matching.prompts.words()
    more = f" and {len(words) - _MOST_NAMED} more" if len(words) > _MOST_NAMED else ""
    clock = "the clock of UTC" if stamps.in_utc and timezone is None else "the clock of the stamps"
    about = {
        "dyad": dyad,
        "person": person,
        "day_starts": str(day_starts),
        "clock": f"the clock of {timezone}" if timezone is not None else clock,
        "tolerance": matching.tolerance,
        "source": sources[matching.prompts.source],
        "words": ", ".join(words[:_MOST_NAMED]) + more,
    }
    return MappingProxyType(about)
