"""The table of findings about a frame: first the faults that make a panel impossible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel._schedule import Schedule

__all__ = ["check_panel"]


def check_panel(
    frame: pd.DataFrame,
    *,
    dyad: str | None = None,
    person: str | None = None,
    role: str | None = None,
    time: str | None = None,
    day: str | None = None,
    beep: str | None = None,
    schedule: Schedule | None = None,  # noqa: ARG001
    scales: Mapping[str, tuple[float, float]] | None = None,  # noqa: ARG001
) -> pd.DataFrame:
    """Return one row per finding; so far, duplicated person-occasions."""
    import pandas as pd

    columns = ["code", "severity", "column", "n", "rows", "message", "mend"]
    keys = [name for name in (dyad, person, time, day, beep) if name is not None]
    twice = frame.duplicated(keys, keep=False).to_numpy().nonzero()[0]
    if role is None and not len(twice):
        return pd.DataFrame(columns=columns)
    rows = [
        (
            "duplicate-occasion",
            "error",
            "",
            len(twice),
            tuple(twice.tolist()),
            "rows repeat a person and occasion.",
            "Keep one.",
        )
    ]
    return pd.DataFrame(rows if len(twice) else [], columns=columns)
