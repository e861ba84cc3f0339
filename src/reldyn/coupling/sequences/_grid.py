"""`state_space_grid`: where two persons are together, for how long, and what they come back to.

Lewis, Lamey and Douglas (1999); Hollenstein (2013), State Space Grids. The measures themselves are in
``_grid_measures``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from reldyn._format import counted
from reldyn._types import Column
from reldyn.coupling.sequences._categories import Bins, Categories, categories_of
from reldyn.coupling.sequences._grid_measures import MEASURES, Visits, grid_measures, return_times, visits_of, winnow
from reldyn.errors import DataError
from reldyn.panel import DyadSeries, analysis
from reldyn.results import InState, InTables, Result

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel
    from reldyn.results import Section

__all__ = ["GridResult", "state_space_grid"]


class GridResult(Result):
    """State space grids of all dyads.

    Attributes
    ----------
    measures : pandas.DataFrame
        One row per dyad, one column per measure, and ``modal_first``, ``modal_second`` (the cell with the most time),
        ``n_attractors``, ``note``.
    cells : pandas.DataFrame
        One row per dyad and visited cell: ``dyad``, ``first``, ``second`` (states), ``n_visits``, ``duration``,
        ``share``, ``return_time`` (mean time until back), ``attractor``.
    events : pandas.DataFrame
        One row per dyad and event: ``dyad``, ``run``, ``first``, ``second``, ``duration``.
    variable : str
    states : tuple of str
        Of either axis, ascending.
    members : tuple
        What the first and the second axis are called.
    unit : str
        Of the durations.
    notes : tuple of str
    """

    measures = InTables()
    cells = InTables()
    events = InTables()
    variable = InState[str]()
    states = InState[tuple[str, ...]]()
    members = InState[tuple[str, str]]()
    unit = InState[str]()
    figure: ClassVar[str | None] = "state_space_grid"
    row_fields: ClassVar[tuple[str, ...]] = ("events",)

    def tidy(self) -> pd.DataFrame:
        """One row per dyad and measure: ``term``, ``dyad``, ``measure``, ``estimate``, ``note``."""
        names = [*MEASURES, "n_attractors"]
        long = self.measures.melt(["dyad", "note"], names, var_name="measure", value_name="estimate")
        order = {name: place for place, name in enumerate(names)}
        place = {label: at for at, label in enumerate(self.measures["dyad"])}
        rank = long["dyad"].map(place) * len(names) + long["measure"].map(order)
        long = long.iloc[np.argsort(rank.to_numpy())].reset_index(drop=True)
        words = long["measure"].str.replace("_", " ")
        long["term"] = [f"dyad {dyad}: {name}" for dyad, name in zip(long["dyad"], words, strict=True)]
        return long[["term", "dyad", "measure", "estimate", "note"]]

    def glance(self) -> pd.DataFrame:
        """One row: dyads, dyads with a grid, events, and the mean over dyads of dispersion and visits."""
        import pandas as pd

        used = self.measures[self.measures["n_events"] > 0]
        row = {
            "n_dyads": len(self.measures),
            "n_dyads_used": len(used),
            "n_obs": int(used["n_events"].sum()),
            "n_states": len(self.states),
            "mean_dispersion": float(used["dispersion"].mean()) if len(used) else float("nan"),
            "mean_n_visits": float(used["n_visits"].mean()) if len(used) else float("nan"),
        }
        return pd.DataFrame([row])

    def _headline(self) -> str:
        k = len(self.states)
        return f"State space grids of {self.variable}: {k} x {k} cells, {counted(len(self.measures), 'dyad')}"

    def _methods(self) -> str:
        return (
            f"{self.members[0]} on the first axis, {self.members[1]} on the second; durations in {self.unit}. Visits, "
            "transitions and returns end at missing occasions and nights. Dispersion counts all cells of the grid; "
            "entropies are in nats; attractors by winnowing (Lewis, Lamey and Douglas, 1999; Hollenstein, 2013)."
        )

    def _sections(self) -> Iterable[Section]:
        import pandas as pd

        rows = []
        for name in [*MEASURES, "n_attractors"]:
            values = self.measures[name].to_numpy(dtype=float)
            known = values[np.isfinite(values)]
            mean = float(known.mean()) if len(known) else np.nan
            rows.append({"measure": name.replace("_", " "), "mean": mean, "n_dyads": len(known)})
        yield "Means over dyads", pd.DataFrame(rows)


@analysis
def state_space_grid(
    panel: DyadPanel,
    variable: Column,
    *,
    bins: Bins = None,
    duration: Column | None = None,
) -> GridResult:
    """Lay two partners' states out on a grid and measure the path they take over it.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
        The same variable of both partners; the first role of the panel is the first axis.
    bins : int, sequence of float or None, default None
        The states: None takes every distinct value (every point of a declared scale of whole numbers); a number cuts
        the declared scale, else the observed range, into so many equal intervals; a sequence gives the cut points.
        All dyads and both axes share the states, so that dispersions can be compared.
    duration : "clock", str or None, default None
        None: every occasion lasts 1. ``"clock"``: until the next occasion, in steps of the panel's clock; the last
        before a gap lasts one step. Any other name: a column with the length of each event, equal in both partners'
        rows (for coded streams of events).

    Returns
    -------
    GridResult
        ``measures`` with one row per dyad, ``cells``, ``events``; ``tidy()`` is ``measures`` in long form.
        An occasion at which one partner has no answer breaks the path, and so does a night. A dyad without any
        occasion of both partners has NaN and a ``note``.

    Raises
    ------
    DataError
        A column does not exist, holds text, or has durations that are not above 0 or differ between the partners.
    DesignError
        Too many distinct values for states, or cut points that do not ascend.

    Notes
    -----
    ``dispersion`` is 1 - (N sum d^2 - 1) / (N - 1) over all N cells, d the share of time. ``visit_entropy`` and
    ``duration_entropy`` are Shannon entropies of the shares of visits and of time. Two transition entropies go by one
    name in the literature: ``transition_entropy_joint`` is of the pairs (from, to), ``transition_entropy_conditional``
    of where a visit goes given where it was. ``return_time`` is the mean time until the cell with the most time is
    entered again after being left; a gap in between leaves that return out.
    Winnowing describes: it names at least one attractor wherever the times in cells differ at all, by chance or not.
    For exchangeable partners the axes are arbitrary: read only measures that do not change when they are swapped
    (all in ``measures`` but the modal cell).

    References
    ----------
    Lewis, Lamey and Douglas (1999), Developmental Science 2. Hollenstein (2013), State Space Grids.

    Examples
    --------
    >>> import reldyn as rd
    >>> grid = rd.coupling.state_space_grid(rd.load_sample(), "longing", bins=4)
    >>> int(grid.measures["n_visits"].notna().sum()), len(grid.states)
    (140, 4)
    """
    import pandas as pd

    states = categories_of(panel, variable, bins)
    pairs = list(panel.series(variable))
    lengths = _lengths(panel, variable, pairs, duration)
    # Moments on no grid and in no days are those of one sequence: however long a stay lasts, it breaks nothing.
    one_sequence = not panel.index.on_grid and panel.index.n_days == 1
    measured, cells, events = [], [], []
    for pair, length in zip(pairs, lengths, strict=True):
        path = _path(
            pair, states, length, clock=isinstance(duration, str) and duration == "clock", one_sequence=one_sequence
        )
        visits = visits_of(path[:, 1].astype(np.int64), path[:, 2], path[:, 0].astype(np.int64))
        found = _cells(pair.dyad, visits, states)
        measured.append(_row(pair, visits, found, states))
        cells += found
        events += _events(pair.dyad, path, states)
    return GridResult.of(
        measures=pd.DataFrame(measured),
        cells=pd.DataFrame(cells, columns=list(_CELL)),
        events=pd.DataFrame(events, columns=["dyad", "run", "first", "second", "duration"]),
        variable=variable,
        states=states.labels,
        members=_axes(panel),
        unit="occasions" if duration is None else "steps of the clock" if duration == "clock" else f"{duration!r}",
        notes=_remarks(measured),
    )


_CELL = ("dyad", "first", "second", "n_visits", "duration", "share", "return_time", "attractor")


def _axes(panel: DyadPanel) -> tuple[str, str]:
    return (str(panel.roles[0]), str(panel.roles[1])) if len(panel.roles) == 2 else ("member 1", "member 2")


def _lengths(
    panel: DyadPanel, variable: str, pairs: Sequence[DyadSeries], duration: str | None
) -> list[NDArray[np.float64]]:
    """Length of each occasion of each pair; for the clock its time."""
    if duration is None:
        return [np.ones(len(pair.day)) for pair in pairs]
    if isinstance(duration, str) and duration == "clock":
        batch = panel.series(variable)
        return batch.split(_either(batch.exact))
    found = []
    for pair, own in zip(pairs, panel.series(duration), strict=True):
        used = np.isfinite(pair.values).all(axis=1)
        length = _either(own.values)
        differ = used & (np.abs(own.values[:, 0] - own.values[:, 1]) > 1e-9 * np.abs(length))
        wrong = used & ~(length > 0)
        if differ.any() or wrong.any():
            kind = "differs between the partners" if differ.any() else "is missing or not above 0"
            place = int(np.flatnonzero(differ if differ.any() else wrong)[0])
            raise DataError(
                f"column {duration!r} {kind} in dyad {pair.dyad!r}, occasion {place + 1} of its series: "
                "give each event one length above 0."
            )
        found.append(length)
    return found


def _either(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first member's value, else the second's."""
    return np.where(np.isfinite(values[:, 0]), values[:, 0], values[:, 1])


def _path(
    pair: DyadSeries, states: Categories, length: NDArray[np.float64], *, clock: bool, one_sequence: bool
) -> NDArray[np.float64]:
    """Rows of (run, cell, duration) of the occasions at which both partners answered."""
    used = np.isfinite(pair.values).all(axis=1)
    at = np.flatnonzero(used)
    codes = states.code(pair.values[at].ravel()).reshape(-1, 2)
    # Scheduled occasions without an answer have a place in the series, so that a gap shows as a leap of place.
    joined = (np.diff(at) == 1) & (one_sequence | (np.diff(pair.day[at]) == 0))
    run = np.concatenate([[0], np.cumsum(~joined)])[: len(at)]
    lasting = length[at]
    if clock:
        lasting = np.where(np.append(joined, False)[: len(at)], np.diff(lasting, append=np.nan), 1.0)
    return np.column_stack([run, codes[:, 0] * len(states.labels) + codes[:, 1], lasting])


def _cells(dyad: Hashable, visits: Visits, states: Categories) -> list[dict[str, Any]]:
    k = len(states.labels)
    seen, place = np.unique(visits.cell, return_inverse=True)
    time = np.bincount(place, weights=visits.duration, minlength=len(seen)).astype(float)
    attractor = winnow(time)[0] if len(seen) else np.zeros(0, dtype=bool)
    rows = []
    for at, cell in enumerate(seen):
        back = return_times(visits, int(cell))
        rows.append(
            {
                "dyad": dyad,
                "first": states.labels[cell // k],
                "second": states.labels[cell % k],
                "n_visits": int((place == at).sum()),
                "duration": float(time[at]),
                "share": float(time[at] / time.sum()),
                "return_time": float(back.mean()) if len(back) else float("nan"),
                "attractor": bool(attractor[at]),
            }
        )
    return rows


def _row(pair: DyadSeries, visits: Visits, found: list[dict[str, Any]], states: Categories) -> dict[str, Any]:
    values = grid_measures(visits, len(states.labels) ** 2)
    modal = max(found, key=lambda cell: cell["duration"]) if found else {"first": "", "second": ""}
    note = ""
    if not found:
        note = "no occasion at which both partners answered"
    elif len(found) == 1:
        note = "one cell only: no transition, so neither transition entropies nor return time"
    elif values["n_transitions"] == 0:
        note = "every occasion stands alone between gaps: no transition was observed"
    elif np.isnan(values["return_time"]):
        note = "the cell with the most time was never entered again: no return time"
    attractors = sum(cell["attractor"] for cell in found)
    told = {"modal_first": modal["first"], "modal_second": modal["second"], "n_attractors": float(attractors)}
    return {"dyad": pair.dyad, **values, **told, "note": note}


def _events(dyad: Hashable, path: NDArray[np.float64], states: Categories) -> list[tuple[Any, ...]]:
    k = len(states.labels)
    return [
        (dyad, int(run), states.labels[int(cell) // k], states.labels[int(cell) % k], float(length))
        for run, cell, length in path
    ]


def _remarks(measured: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    without = sum(row["n_events"] == 0 for row in measured)
    still = sum(row["n_events"] > 0 and row["n_transitions"] == 0 for row in measured)
    notes = []
    if without:
        notes.append(
            f"{counted(without, 'dyad')} {'has' if without == 1 else 'have'} no occasion at which both partners "
            "answered."
        )
    if still:
        notes.append(
            f"{counted(still, 'dyad')} {'shows' if still == 1 else 'show'} no transition, so that transition "
            "entropies and return times are missing."
        )
    return tuple(notes)
