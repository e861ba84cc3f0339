"""How much of the schedule was answered, and what the answers look like: counts and means only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel._panel import DyadPanel

__all__ = ["answered_grid", "compliance", "describe"]


def answered_rows(panel: DyadPanel, variables: Sequence[str] | None) -> NDArray[np.bool_]:
    """True for each row that holds an answer."""
    if variables is not None:
        panel._check_usable(variables)
        return np.asarray(panel._frame[list(variables)].notna().to_numpy().any(axis=1))
    clocks = panel.schedule.columns if panel.schedule is not None else {}
    if "answered" in clocks:
        return np.asarray(panel._frame[clocks["answered"]].notna())
    known = {*filter(None, panel.columns.values()), *clocks.values()}
    answered = np.zeros(len(panel), dtype=bool)
    for name in panel._frame:
        if name not in known and not _is_trait(panel, str(name)):
            answered |= panel._frame[name].notna().to_numpy()
    return answered


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
        From the dyad's first to its last row, at the beeps that the study uses.

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
    used = np.zeros(index.cells, dtype=bool)
    used[np.unique(index.occasion)] = True
    cell = np.arange(index.cells)
    first = np.full(index.n_dyads, index.cells)
    last = np.full(index.n_dyads, -1)
    np.minimum.at(first, index.dyad, index.occasion)
    np.maximum.at(last, index.dyad, index.occasion)
    expected = used & (cell >= first[:, None]) & (cell <= last[:, None])
    return answered, expected


def compliance(panel: DyadPanel, variables: Sequence[str] | None) -> pd.DataFrame:
    """Build the table of `DyadPanel.compliance`."""
    import pandas as pd

    index = panel.index
    answered, expected = answered_grid(panel, variables)
    both, either = answered.all(axis=1) & expected, answered.any(axis=1) & expected
    day = np.arange(index.cells) // index.n_beeps
    beep = np.arange(index.cells) % index.n_beeps
    rows: list[dict[str, object]] = []

    def add(
        level: str, label: object, n: int, hits: int, occasions: int | None = None, pair: tuple[int, int] | None = None
    ) -> None:
        share = hits / n if n else np.nan
        shares = (pair[0] / occasions, pair[1] / occasions) if pair and occasions else (np.nan, np.nan)
        rows.append(
            {
                "level": level,
                "label": label,
                "expected": n,
                "answered": hits,
                "share": share,
                "both_share": shares[0],
                "any_share": shares[1],
            }
        )

    def add_occasions(level: str, label: object, part: NDArray[np.bool_]) -> None:
        n = int((expected & part).sum())
        hits = int((answered & (expected & part)[:, None, :]).sum())
        add(level, label, 2 * n, hits, n, (int((both & part).sum()), int((either & part).sum())))

    everything = np.ones_like(expected)
    add_occasions("overall", "", everything)
    n_person = expected.sum(axis=1)
    hits_person = (answered & expected[:, None, :]).sum(axis=2)
    who = _role_of_member(panel)
    for code, role in enumerate(index.roles):
        mine = who == code
        add("role", role, int((n_person[:, None] * mine).sum()), int(hits_person[mine].sum()))
    first_row = np.unique(index.person, return_index=True)[1]
    for code, row in enumerate(first_row):
        dyad, member = index.dyad[row], index.member[row]
        add("person", index.person_labels[code], int(n_person[dyad]), int(hits_person[dyad, member]))
    for code, label in enumerate(index.dyad_labels):
        add(
            "dyad",
            label,
            int(2 * n_person[code]),
            int(hits_person[code].sum()),
            int(n_person[code]),
            (int(both[code].sum()), int(either[code].sum())),
        )
    for level, codes in (("day", day), ("beep", beep)):
        for code in np.unique(codes) if index.cells > 1 else ():
            part = np.broadcast_to(codes == code, expected.shape)
            if (expected & part).any():
                add_occasions(level, int(code), part)
    return pd.DataFrame(rows)


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
        means = panel._person_means(values)
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
