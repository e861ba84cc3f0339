"""Results whose estimates are one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from reldyn.results._base import Result
from reldyn.results._parts import InTables

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.results._template import Section

__all__ = ["EstimateResult"]


class EstimateResult(Result):
    """A result with the table that `tidy` gives; subclasses say ``_headline``, ``_methods`` and ``_about``.

    Attributes
    ----------
    table : pandas.DataFrame
    """

    table = InTables()

    def _about(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def _shown(self) -> pd.DataFrame:
        """What of the table a summary shows."""
        return self.table

    def _sections(self) -> Iterable[Section]:
        return (self._shown(),)

    def tidy(self) -> pd.DataFrame:
        """One row per estimate: ``term``, its identifying columns, and the numbers."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit."""
        import pandas as pd

        return pd.DataFrame([dict(self._about())])
