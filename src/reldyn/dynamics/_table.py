"""`EstimateTable`: the verbs of a result whose estimates are one table."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reldyn.errors import DataWarning
from reldyn.results import Result, format_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EstimateTable", "warn_all"]

_WIDTH = 100


def warn_all(notes: Sequence[str]) -> None:
    """Warn of each note, at the line that called the public function."""
    for note in notes:
        warnings.warn(note, DataWarning, stacklevel=3)


class EstimateTable(Result):
    """A frozen result with a field ``table``; subclasses add ``_headline``, ``_methods`` and ``_about``."""

    table: pd.DataFrame

    def _headline(self) -> str:
        raise NotImplementedError

    def _methods(self) -> str:
        raise NotImplementedError

    def _about(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def tidy(self) -> pd.DataFrame:
        """One row per estimate."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit."""
        import pandas as pd

        return pd.DataFrame([dict(self._about())])

    def summary(self) -> str:
        """Headline, methods paragraph with its source, the table, and notes."""
        table = format_table(self.tidy())
        empty = [name for name in table if (table[name] == "").all()]
        body = "\n".join(line.rstrip() for line in table.drop(columns=empty).to_string(index=False).splitlines())
        parts = [self._headline(), textwrap.fill(self._methods(), _WIDTH), body]
        if self.warnings:
            bullets = (textwrap.fill(n, _WIDTH, initial_indent="- ", subsequent_indent="  ") for n in self.warnings)
            parts.append("Notes\n" + "\n".join(bullets))
        return "\n\n".join(parts)
