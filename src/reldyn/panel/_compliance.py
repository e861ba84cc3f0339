"""How much of the schedule was answered, and what the answers look like: counts and means only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reldyn.panel._columns import check_usable, times_of
from reldyn.panel.timing._times import happened
from reldyn.stats import cluster_means

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel._panel import DyadPanel

__all__ = ["answered_grid", "compliance", "describe"]


def answered_rows(panel: DyadPanel, variables: Sequence[str] | None) -> NDArray[np.bool_]:
    """True for each row that holds an answer."""
    if variables is not None:
        check_usable(panel, variables)
        return np.asarray(panel._frame[list(variables)].notna().to_numpy().any(axis=1))
    clocks = panel.schedule.columns if panel.schedule is not None else {}
    if "answered" in clocks:
        return happened(times_of(panel, clocks["answered"]))
    known = {*filter(None, panel.columns.values()), *clocks.values()}
    answered = np.zeros(len(panel), dtype=bool)
    telling = False
    for name in panel._frame:
        if name in known or _is_trait(panel, str(name)) or _is_lag(panel, str(name)):
            continue
        filled = panel._frame[name].notna().to_numpy()
        if name in panel.scales or not filled.all():
            telling = True
            answered |= filled
    # As in the findings: a column without a scale that is never missing is design, not an answer.
    return answered if telling else np.ones(len(panel), dtype=bool)


def _is_trait(panel: DyadPanel, name: str) -> bool:
    """A value that stands unchanged in every row of a person says nothing about answering a beep."""
    import pandas as pd

    if panel.n_occasions == 1:
        return False
    codes = pd.factorize(panel._frame[name])[0]
    person = panel.index.person
    first = np.empty(panel.n_persons, dtype=codes.dtype)
    first[person] = codes
    return bool((codes >= 0).any() and (codes == first[person]).all())


def _is_lag(panel: DyadPanel, name: str) -> bool:
    """A column that `DyadPanel.lag` adds: it holds the answer of an earlier occasion."""
    found = re.fullmatch(r"(.+)_lag[0-9]+", name)
    return found is not None and found[1] in panel._frame


def answered_grid(
    panel: DyadPanel, variables: Sequence[str] | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Answered and expected occasions on the whole grid.

    Parameters
    ----------
    panel : DyadPanel
    variables : sequence of str, optional
        As in `DyadPanel.compliance`.

    Returns
    -------
    answered : (n_dyads, 2, n_occasions) bool array
    expected : (n_dyads, n_occasions) bool array
        Scheduled occasions (`DyadPanel.clock`) from the dyad's first to its last row. A day on which nobody of the
        study has a row, such as the weekend of a diary of working days, was not scheduled; the same holds for an
        occasion of a study with one a day. Rows outside the schedule (`Clock.scheduled`) are not expected.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=3, n_occasions=80, seed=1).panel
    >>> answered, expected = answered_grid(panel)
    >>> answered.shape, expected.shape
    ((3, 2, 80), (3, 80))
    """
    index = panel.index
    answered = np.zeros((index.n_dyads, 2, index.cells), dtype=bool)
    rows = answered_rows(panel, variables)
    answered[index.dyad[rows], index.member[rows], index.occasion[rows]] = True
    expected = np.zeros((index.n_dyads, index.cells), dtype=bool)
    clock = index.schedule
    nights = clock.night_from != "none"
    in_use = np.isin(clock.day, index.day) if nights else np.isin(clock.occasion, index.occasion)
    in_use &= clock.scheduled
    expected[:, clock.occasion[in_use]] = clock.spans(index.dyad, index.slot, index.n_dyads)[:, in_use]
    return answered, expected


def compliance(panel: DyadPanel, variables: Sequence[str] | None) -> pd.DataFrame:
    """Build the table of `DyadPanel.compliance`."""
    import pandas as pd

    answered, expected = answered_grid(panel, variables)
    rows = []
    for level, label, dyads, members, cells in _levels(panel, expected):
        due = expected[dyads][:, cells]
        given = answered[dyads][:, :, cells] & due[:, None, :]
        if isinstance(members, tuple):
            n, hits = 2 * int(due.sum()), int(given.sum())
        else:
            picked = given[np.arange(len(given)), members]
            n, hits = int(due.sum()), int(picked.sum())
        together = isinstance(members, tuple) and n > 0
        rows.append(
            {
                "level": level,
                "label": label,
                "expected": n,
                "answered": hits,
                "share": hits / n if n else np.nan,
                "both_share": 2 * int(given.all(axis=1).sum()) / n if together else np.nan,
                "any_share": 2 * int(given.any(axis=1).sum()) / n if together else np.nan,
            }
        )
    return pd.DataFrame(rows)


def _levels(
    panel: DyadPanel, expected: NDArray[np.bool_]
) -> Iterator[tuple[str, object, NDArray[np.int64], NDArray[np.int64] | tuple[int, int], NDArray[np.int64]]]:
    """Level, label, dyads, members (both, or one for each dyad) and occasions of every row of the table."""
    index = panel.index
    dyads, cells = np.arange(index.n_dyads), np.arange(index.cells)
    yield "overall", "", dyads, (0, 1), cells
    who = _role_of_member(panel)
    for code, role in enumerate(index.roles):
        dyad, member = np.nonzero(who == code)
        yield "role", role, dyad, member, cells
    for code, row in enumerate(np.unique(index.person, return_index=True)[1]):
        yield "person", index.person_labels[code], index.dyad[[row]], index.member[[row]], cells
    for code, label in enumerate(index.dyad_labels):
        yield "dyad", label, np.array([code]), (0, 1), cells
    due = np.flatnonzero(expected.any(axis=0))
    columns = panel.columns
    within = "beep" if columns["beep"] is not None else "time"
    levels = [
        ("day", due // index.n_beeps, index.day, columns["day"]),
        ("beep", due % index.n_beeps, index.beep, columns[within]),
    ]
    if columns[within] is None:
        # Nothing but a day: every occasion is one.
        levels = [("day", due, index.occasion, columns["day"])]
    for level, codes, rows_code, name in levels:
        if name is None:
            continue
        for code in np.unique(codes):
            rows = np.flatnonzero(rows_code == code)
            label = panel._frame[name].iloc[rows[0]] if len(rows) else int(code)
            if level == "beep" and index.schedule.absent is not None:
                # Dyads have schedules of their own: one prompt is not one time of day.
                label = f"prompt {code + 1}"
            yield level, label, dyads, (0, 1), due[codes == code]


def _role_of_member(panel: DyadPanel) -> NDArray[np.int64]:
    roles = np.full((panel.n_dyads, 2), -1)
    roles[panel.index.dyad, panel.index.member] = panel.index.role
    return roles


def describe(panel: DyadPanel, variables: Sequence[str]) -> pd.DataFrame:
    """Build the table of `DyadPanel.describe`."""
    import pandas as pd

    index = panel.index
    groups = list(enumerate(index.roles)) or [(-1, "")]
    rows = []
    for name in variables:
        values = panel.values(name)
        means = cluster_means(values, index.person)
        seen = values[np.isfinite(values)]
        low, high = panel.scales.get(name, (seen.min(), seen.max()) if len(seen) else (np.nan, np.nan))
        for code, role in groups:
            mine = index.role == code
            part = values[mine]
            found = part[np.isfinite(part)]
            person_means = means[np.unique(index.person[mine])]
            person_means = person_means[np.isfinite(person_means)]
            deviations = (values - means[index.person])[mine]
            rows.append(
                {
                    "variable": name,
                    "role": role,
                    "n_obs": len(found),
                    "n_persons": len(person_means),
                    "missing_share": 1 - len(found) / len(part) if len(part) else np.nan,
                    "mean": _mean(found),
                    "sd": _sd(found),
                    "sd_within": _sd(deviations[np.isfinite(deviations)]) if panel.n_occasions > 1 else np.nan,
                    "sd_between": _sd(person_means),
                    "minimum": found.min() if len(found) else np.nan,
                    "maximum": found.max() if len(found) else np.nan,
                    "floor_share": _mean(found == low),
                    "ceiling_share": _mean(found == high),
                }
            )
    return pd.DataFrame(rows)


def _mean(values: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else np.nan


def _sd(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else np.nan
