"""Tables for papers: any result as HTML, LaTeX or a great-tables object, and as what maketables reads.

Great Tables draws one result; maketables puts several side by side (and writes Word files) through the
``__maketables_*__`` attributes, which it finds by name: neither package is needed to use reldyn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reldyn._format import HtmlText, format_table, numbered_notes
from reldyn.errors import ReldynError, check_option

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["coefficient_table", "model_statistic", "render_table"]

KINDS = ("html", "latex", "gt")
# What maketables calls the columns of a coefficient table.
COEFFICIENTS = {
    "estimate": "b",
    "std_error": "se",
    "statistic": "t",
    "p_value": "p",
    "conf_low": "ci95l",
    "conf_high": "ci95u",
}
STATISTICS = {"N": "n_obs", "ll": "log_likelihood", "dyads": "n_dyads", "persons": "n_persons"}
LABELS = {
    "term": "Term",
    "estimate": "Estimate",
    "std_error": "SE",
    "statistic": "Statistic",
    "df": "df",
    "p_value": "p",
    "conf_low": "2.5 %",
    "conf_high": "97.5 %",
}


def coefficient_table(tidy: pd.DataFrame) -> pd.DataFrame:
    """Estimates by term, in the columns that maketables reads.

    Parameters
    ----------
    tidy : pandas.DataFrame

    Raises
    ------
    AttributeError
        The table has no estimates with standard errors: there is nothing for maketables to read.
    """
    absent = [name for name in ("estimate", "std_error", "p_value") if name not in tidy]
    if absent:
        raise AttributeError(f"no column {absent[0]!r}: this result is no table of coefficients")
    table = tidy.set_index("term")[[name for name in COEFFICIENTS if name in tidy]].rename(columns=COEFFICIENTS)
    table.index.name = "Coefficient"
    return table


def model_statistic(glance: pd.DataFrame, key: str) -> Any:
    """One number of ``glance`` by the key that maketables uses; None where there is none."""
    name = STATISTICS.get(key, key)
    if name not in glance:
        return None
    value = glance[name].iloc[0]
    return value.item() if hasattr(value, "item") else value


def render_table(tidy: pd.DataFrame, kind: str, *, title: str, notes: Sequence[str], digits: int) -> Any:
    """Draw a tidy table with Great Tables.

    Parameters
    ----------
    tidy : pandas.DataFrame
    kind : {"html", "latex", "gt"}
    title : str
    notes : sequence of str
        Printed under the table.
    digits : int

    Raises
    ------
    ReldynError
        Great Tables is not installed.
    """
    check_option(kind, KINDS, "kind")
    try:
        import great_tables
    except ImportError:
        raise ReldynError(
            "tables are drawn by great-tables, which is not installed: python -m pip install 'reldyn[report]'."
        ) from None
    tidy, said = numbered_notes(tidy)
    frame = _readable(tidy, digits)
    table = (
        great_tables.GT(frame)
        .tab_header(title=title)
        .cols_label(cases={str(k): LABELS.get(str(k), str(k)) for k in frame})
    )
    numbers = [name for name in frame if name != "term" and name in tidy and tidy[name].dtype.kind in "fi"]
    table = table.cols_align(align="right", columns=numbers)
    for note in [*said, *notes]:
        table = table.tab_source_note(source_note=note)
    if kind == "gt":
        return table
    return HtmlText(table.as_raw_html()) if kind == "html" else table.as_latex()


def _readable(tidy: pd.DataFrame, digits: int) -> pd.DataFrame:
    """Rounded text, without columns that are empty or say what the term says already."""
    text = format_table(tidy, digits)
    if "df" in tidy and all(isinstance(value, float) and math.isinf(value) for value in tidy["df"].tolist()):
        text = text.drop(columns="df")
    said = ("effect", "kind", "from", "through", "role", "variable", "level", "moderator", "moderated", "trait_of")
    said_too = (*said, "category")
    kept = [name for name in text if name == "term" or not ((text[name] == "").all() or name in said_too)]
    return text[kept]
