"""One template for results whose estimates are a table: headline, methods, table, notes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reldyn._format import format_table
from reldyn.results._base import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EstimateResult", "methods_section"]

WIDTH = 100


def methods_section(headline: str, methods: str, table: pd.DataFrame, notes: Sequence[str]) -> str:
    """Lay out what a summary says; columns without any text are left out.

    Parameters
    ----------
    headline, methods : str
    table : pandas.DataFrame
        Its numbers are formatted here.
    notes : sequence of str

    Returns
    -------
    str
        Paragraphs with an empty line between them.
    """
    shown = format_table(table)
    shown = shown.drop(columns=[name for name in shown if (shown[name] == "").all()])
    body = "\n".join(line.rstrip() for line in shown.to_string(index=False).splitlines())
    parts = [headline, textwrap.fill(methods, WIDTH), body]
    if notes:
        bullets = (textwrap.fill(note, WIDTH, initial_indent="- ", subsequent_indent="  ") for note in notes)
        parts.append("Notes\n" + "\n".join(bullets))
    return "\n\n".join(parts)


class EstimateResult(Result):
    """A frozen result with a field ``table``; subclasses say ``_headline``, ``_methods`` and ``_about``.

    `tidy` is the table, `glance` is ``_about``, `summary` the template of `methods_section` over ``_shown``.
    """

    table: pd.DataFrame

    def _headline(self) -> str:
        raise NotImplementedError

    def _methods(self) -> str:
        raise NotImplementedError

    def _about(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def _shown(self) -> pd.DataFrame:
        """What of the table a summary shows."""
        return self.table

    def tidy(self) -> pd.DataFrame:
        """One row per estimate: ``term``, its identifying columns, and the numbers."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit."""
        import pandas as pd

        return pd.DataFrame([dict(self._about())])

    def summary(self) -> str:
        """Headline, methods paragraph with its source, the table, and notes."""
        return methods_section(self._headline(), self._methods(), self._shown(), self.warnings)
