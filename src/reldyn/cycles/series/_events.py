"""Which occasions count as warm, and where they stand on the grid of scheduled beeps."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from reldyn._types import Column
from reldyn.errors import DesignError, check_option
from reldyn.panel import analysis
from reldyn.results import TableResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = [
    "WarmEvents",
    "Direction",
    "beep_positions",
    "directions",
    "events",
    "grid_positions",
    "top_tercile",
    "warm_threshold",
]


class WarmEvents(TableResult):
    """What `events` found: a row per occasion and direction, which JSON without rows leaves out."""

    row_fields: ClassVar[tuple[str, ...]] = ("table",)


Event = Literal["threshold"] | float
ReportedBy = Literal["receiver", "giver"]


@analysis
def events(
    panel: DyadPanel, *, warmth: Column, event: Event = "threshold", reported_by: ReportedBy = "receiver"
) -> WarmEvents:
    """List every answered occasion of each direction of warmth and say whether it was warm.

    Descriptive only: a warm occasion is a high rating on the reporter's own scale, no phase.

    Parameters
    ----------
    panel : DyadPanel
    warmth : str
        Column with the warmth received from the partner, or given to the partner.
    event : "threshold" or float, default "threshold"
        ``"threshold"``: the top tercile of the reporter's own answers, because persons use a
        scale differently. A number: warm is at or above it, the same for everybody.
    reported_by : {"receiver", "giver"}, default "receiver"
        Whose rating it is: of the warmth received from the partner (the usual item, and the one
        that can reinforce), or of the warmth given.

    Returns
    -------
    WarmEvents
        A table that is used like a data frame.
        One row per answered occasion: ``dyad``, ``giver``, ``position`` (scheduled beeps since
        the start of the study, as `schedule` counts them), ``warmth``, ``warm`` (bool). Missing
        answers have no row.

    Raises
    ------
    DataError
        There is no such column or it holds text.
    DesignError
        ``event`` or ``reported_by`` is not known, or nobody ever reaches the number.

    Examples
    --------
    >>> import pandas as pd, reldyn as rd
    >>> frame = pd.DataFrame({"dyad": 1, "who": ["a", "b"] * 3, "day": [1, 1, 2, 2, 3, 3]})
    >>> frame["warmth"] = [1, 6, 7, 5, 2, 7]
    >>> panel = rd.DyadPanel(frame, dyad="dyad", person="who", role="who", time="day")
    >>> warm = rd.cycles.events(panel, warmth="warmth", event=6)
    >>> warm.loc[warm["giver"] == "a", "warm"].tolist()
    [True, False, True]
    """
    import pandas as pd

    check_option(reported_by, ("receiver", "giver"), "reported_by")
    values = panel.values(warmth)
    number = event_number(event, values)
    position = beep_positions(panel)
    columns: dict[str, list[NDArray[np.generic]]] = {"position": [], "warmth": [], "warm": []}
    who: list[tuple[Hashable, Hashable]] = []
    for direction in directions(panel, reported_by):
        rows = direction.rows[np.isfinite(values[direction.rows])]
        answers = values[rows]
        columns["position"].append(position[rows])
        columns["warmth"].append(answers)
        columns["warm"].append(answers >= warm_threshold(answers, number))
        who += [(direction.dyad, direction.giver)] * len(rows)
    frame = pd.DataFrame(who, columns=["dyad", "giver"])
    return WarmEvents.of(table=frame.assign(**{name: np.concatenate(parts) for name, parts in columns.items()}))


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of warmth: who gives it, and the rows that report it, in order of time.

    Attributes
    ----------
    dyad_code, receiver : int
        Codes of the dyad and of the member who receives.
    rows, receiver_rows : int arrays
        Rows of the reporter, and of the receiver.
    """

    dyad: Hashable
    giver: Hashable
    dyad_code: int
    receiver: int
    rows: NDArray[np.int64]
    receiver_rows: NDArray[np.int64]


def directions(panel: DyadPanel, reported_by: ReportedBy) -> list[Direction]:
    """Both directions of every dyad, in the order of dyads and givers.

    A giver is named by the role where roles tell the two members apart, else by the person id;
    by None where the person never appears in the file.
    """
    index = panel.index
    order = index.order
    starts = np.searchsorted(index.dyad[order], np.arange(index.n_dyads + 1))
    found = []
    for code, dyad in enumerate(index.dyad_labels):
        rows = order[starts[code] : starts[code + 1]]
        of_member = [rows[index.member[rows] == member] for member in (0, 1)]
        names = _member_names(panel, of_member)
        for giver in (0, 1):
            reporter = giver if reported_by == "giver" else 1 - giver
            found.append(Direction(dyad, names[giver], code, 1 - giver, of_member[reporter], of_member[1 - giver]))
    return found


def _member_names(panel: DyadPanel, of_member: list[NDArray[np.int64]]) -> list[Hashable]:
    index = panel.index
    first = [int(rows[0]) if len(rows) else -1 for rows in of_member]
    roles = [int(index.role[row]) if row >= 0 else -1 for row in first]
    if len(index.roles) == 2 and roles[0] != roles[1]:
        # With two roles the one who never appears must be the other.
        roles = [role if role >= 0 else 1 - roles[1 - member] for member, role in enumerate(roles)]
        return [index.roles[role] for role in roles]
    return [index.person_labels[index.person[row]] if row >= 0 else None for row in first]


def beep_positions(panel: DyadPanel) -> NDArray[np.int64]:
    """Scheduled beeps since the start, per row.

    Where the length of a night is known (`Schedule.night_steps`, or clock times) the night counts
    with it. Else the beeps of the waking hours are joined end to end: the last of a day and the
    first of the next are one beep apart.
    """
    index = panel.index
    if index.on_grid and panel.clock.night_known:
        return np.asarray(index.step - index.step.min())
    return grid_positions(panel)


def grid_positions(panel: DyadPanel) -> NDArray[np.int64]:
    """Beeps of the waking hours, joined end to end; only beep times that the study uses count."""
    return panel.index.slot


def event_number(event: Event, values: NDArray[np.float64]) -> float | None:
    """The declared threshold, or None for the top tercile of each person."""
    if isinstance(event, str):
        if event == "threshold":
            return None
        raise DesignError(
            f"event={event!r} is not known: give 'threshold' or the number at and above which an occasion is warm."
        )
    if (
        isinstance(event, bool)
        or not isinstance(event, (int, float, np.integer, np.floating))
        or not np.isfinite(event)
    ):
        raise DesignError(f"event={event!r}: give 'threshold' or the number at and above which an occasion is warm.")
    answered = values[np.isfinite(values)]
    if len(answered) and not answered.min() < event <= answered.max():
        raise DesignError(
            f"event={event!r} divides nothing: the answers run from {answered.min():g} to {answered.max():g}; "
            f"give a number above {answered.min():g} and not above {answered.max():g}."
        )
    return float(event)


def warm_threshold(answers: NDArray[np.float64], number: float | None) -> float:
    """The value at and above which these answers are warm; infinite where nothing stands out."""
    return number if number is not None else top_tercile(answers)


def top_tercile(answers: NDArray[np.float64]) -> float:
    """The observed value whose share of answers at or above it is nearest to one third.

    Rating scales tie, so that a plain quantile can call two thirds of the answers "top"; among
    equally near values the higher one is taken. The lowest value never counts: where all answers
    are equal nothing is warm and the threshold is infinite.
    """
    levels, counts = np.unique(answers, return_counts=True)
    if len(levels) < 2:
        return float("inf")
    share = (np.cumsum(counts[::-1])[::-1] / counts.sum())[1:]
    distance = np.abs(share - 1 / 3)
    nearest = np.flatnonzero(distance <= distance.min() + 1e-12)[-1]
    return float(levels[1:][nearest])
