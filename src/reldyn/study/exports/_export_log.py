"""What an import did to the rows: counted once, stored beside the frame and worded in one warning."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ImportLog", "texts_of"]

_WHOLE = re.compile(r"-?\d+\.0")


@dataclass
class ImportLog:
    """Counts of dropped rows and recoded cells, and remarks, in the order of the steps."""

    rows_read: int = 0
    persons_absent: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    recoded: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    # Remarks that name persons: they are for the warning, never for what is stored.
    personal: list[str] = field(default_factory=list)

    def drop(self, frame: pd.DataFrame, flags: npt.NDArray[np.bool_], reason: str) -> pd.DataFrame:
        """The frame without the flagged rows, which are counted."""
        n = int(flags.sum())
        if not n:
            return frame
        self.dropped[reason] = self.dropped.get(reason, 0) + n
        attrs, kept = frame.attrs, frame[~flags]
        kept.attrs = attrs
        return kept

    def recode(self, what: str, n: int) -> None:
        """Count cells that changed their meaning."""
        if n:
            self.recoded[what] = self.recoded.get(what, 0) + n

    def sentence(self, rows: int) -> str | None:
        """All of it in words; None where nothing was dropped, recoded or remarked on."""
        if not (self.dropped or self.recoded or self.notes or self.personal):
            return None
        parts = [f"{rows:,} of {self.rows_read:,} rows imported"]
        if self.dropped:
            parts.append("rows dropped: " + ", ".join(f"{n:,} ({reason})" for reason, n in self.dropped.items()))
        if self.recoded:
            parts.append("cells recoded: " + ", ".join(f"{n:,} ({what})" for what, n in self.recoded.items()))
        return "; ".join([*parts, *self.notes, *self.personal]) + "."


def texts_of(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Each cell as text, a whole number always alike; empty where it is missing."""
    from reldyn.panel.reading import spellings

    codes, names = spellings(column)
    if getattr(column.dtype, "kind", "O") in "fO" and str(column.dtype) not in ("str", "string"):
        names = np.array([name[:-2] if _WHOLE.fullmatch(name) else name for name in names], dtype=object)
    texts = np.append(np.asarray(names, dtype=object), "")
    found: npt.NDArray[np.object_] = texts[codes]
    return found
