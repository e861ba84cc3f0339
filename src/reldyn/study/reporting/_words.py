"""Numbers and cells as readers want them."""

from __future__ import annotations

import math
from typing import Any

from reldyn.results import format_p

__all__ = ["Cell", "Table", "number", "plain", "table_of"]

# The usual columns of estimates, and their heads.
_ESTIMATES = {
    "term": "Term",
    "estimate": "Estimate",
    "std_error": "SE",
    "conf_low": "95 % interval",
    "statistic": "Statistic",
    "df": "df",
    "p_value": "p",
}
# A wider table is turned: its columns become rows.
_WIDEST, _MOST_TURNED = 9, 8
Cell = str
Table = dict[str, Any]


def number(value: Any, digits: int = 3) -> str:
    """Render a number for reading; nothing for NaN, no decimals for whole counts."""
    if value is None or isinstance(value, str):
        return value or ""
    value = float(value)
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    return f"{round(value, digits) + 0.0:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def plain(value: Any) -> str:
    """A value as words: numbers with three decimals, truth as yes and no."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "\N{MINUS SIGN}")
    if isinstance(value, list):
        return ", ".join(map(plain, value))
    return number(value) if isinstance(value, float) else str(value)


def table_of(record: dict[str, Any], caption: str, most: int) -> Table:
    """A table of a record as the page shows it: caption, heads (text, whether of numbers) and rows of text.

    Parameters
    ----------
    record : dict
        ``columns`` and ``rows``.
    caption : str
    most : int
        How many rows are shown.
    """
    columns, rows = record["columns"], record["rows"][:most]
    usual = {"term", "estimate", "std_error", "conf_low", "conf_high"} <= set(columns)
    made = _estimates(columns, rows) if usual else _any(columns, rows)
    if len(made["heads"]) > _WIDEST and len(rows) <= _MOST_TURNED:
        made = _turned(made)
    return {"caption": caption, **made}


def _estimates(columns: list[str], rows: list[list[Any]]) -> Table:
    """The usual columns of estimates, the two ends of an interval in one cell."""
    heads = [(name, head) for name, head in _ESTIMATES.items() if name in columns]
    if "dyad" in columns:
        heads = [*_labels(columns, rows), *(head for head in heads if head[0] != "term")]
    said = [dict(zip(columns, values, strict=True)) for values in rows]
    if any(row.get("note") for row in said):
        heads.append(("note", "Note"))
    cells = [[_estimate_cell(name, row) for name, _ in heads] for row in said]
    return {"heads": [(head, name in _ESTIMATES and name != "term") for name, head in heads], "rows": cells}


def _labels(columns: list[str], rows: list[list[Any]]) -> list[tuple[str, str]]:
    """Columns that say which dyad, person and number a row is of."""
    texts = [
        name
        for name, values in zip(columns, zip(*rows, strict=True), strict=False)
        if name not in (*_ESTIMATES, "conf_high", "note") and any(isinstance(value, str) and value for value in values)
    ]
    names = dict.fromkeys(["dyad", *(name for name in ("person",) if name in columns), *texts])
    return [(name, name.replace("_", " ").capitalize()) for name in names]


def _estimate_cell(name: str, row: dict[str, Any]) -> Cell:
    value = row[name]
    if name == "conf_low":
        return f"[{number(value)}, {number(row['conf_high'])}]" if value is not None else ""
    if name == "p_value":
        return format_p(value) if isinstance(value, (int, float)) else ""
    if name not in _ESTIMATES or name == "term":
        return plain(value)
    return number(value, {"statistic": 2, "df": 1}.get(name, 3))


def _any(columns: list[str], rows: list[list[Any]]) -> Table:
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    numeric = [
        any(isinstance(value, (int, float)) for value in column) and not any(isinstance(value, str) for value in column)
        for column in values
    ]
    heads = [(name.replace("_", " "), is_number) for name, is_number in zip(columns, numeric, strict=True)]
    cells = [
        [
            format_p(value) if name.startswith("p_") and isinstance(value, float) else plain(value)
            for name, value in zip(columns, row, strict=True)
        ]
        for row in rows
    ]
    return {"heads": heads, "rows": cells}


def _turned(made: Table) -> Table:
    """One row per column: for few rows of many numbers."""
    rows = list(zip(*made["rows"], strict=True))
    first = next((place for place, (_, is_number) in enumerate(made["heads"]) if not is_number), None)
    labels = rows[first] if first is not None else [f"row {place + 1}" for place in range(len(made["rows"]))]
    heads = [("", False), *((label or "all", True) for label in labels)]
    cells = [
        [head, *cells]
        for place, ((head, _), cells) in enumerate(zip(made["heads"], rows, strict=True))
        if place != first
    ]
    return {"heads": heads, "rows": cells}
