"""The one layout of results: headline, methods, tables and paragraphs, notes; as text and as HTML."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias, Union

from reldyn._format import counted, format_table, numbered_notes
from reldyn._records import NOBODY

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WIDTH", "Section", "html_section", "methods_section"]

WIDTH = 100
# A paragraph, a table, or a table with its title.
Section: TypeAlias = Union[str, "pd.DataFrame", tuple[str, "pd.DataFrame"]]


def methods_section(
    headline: str,
    methods: str,
    sections: Iterable[Section],
    notes: Sequence[str] = (),
    *,
    rows_shown: int | None = None,
) -> str:
    """Lay out what a summary says; columns without any text and tables without rows are left out, notes stand once.

    Parameters
    ----------
    headline, methods : str
    sections : iterable of str, pandas.DataFrame or (str, pandas.DataFrame)
        Paragraphs, tables and tables with a title; numbers are formatted here.
    notes : sequence of str
    rows_shown : int, optional
        Rows of a table that are shown, beside those about the whole sample; None: all.

    Returns
    -------
    str
        Paragraphs with an empty line between them.
    """
    parts = [headline, *_filled(methods)]
    for text, table in _pieces(sections):
        if table is None:
            parts += _filled(text)
            continue
        more = _more(table, rows_shown)
        rows, said = numbered_notes(table, _first(table, rows_shown))
        parts.append("\n".join([*([text] if text else []), _aligned(rows), *more, *map(_below, said)]))
    if notes:
        bullets = (textwrap.fill(note, WIDTH, initial_indent="- ", subsequent_indent="  ") for note in notes)
        parts.append("Notes\n" + "\n".join(bullets))
    return "\n\n".join(parts)


def html_section(
    headline: str, sections: Iterable[Section], notes: Sequence[str] = (), *, rows_shown: int | None = None
) -> str:
    """The same for a notebook, without the methods paragraph.

    Parameters
    ----------
    headline, sections, notes, rows_shown
        As in `methods_section`.

    Returns
    -------
    str
        HTML in which every name is escaped.
    """
    parts = [f"<p><b>{html.escape(headline)}</b></p>"]
    for text, table in _pieces(sections):
        if table is None:
            parts += [f"<p>{html.escape(filled)}</p>" for filled in _filled(text)]
            continue
        parts += [f"<p>{html.escape(text)}</p>"] if text else []
        rows, said = numbered_notes(table, _first(table, rows_shown))
        parts.append(_filled_columns(rows).to_html(index=False, border=0, na_rep=""))
        parts += [f"<p>{html.escape(line)}</p>" for line in [*_more(table, rows_shown), *said]]
    listed = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f"<div>{''.join(parts)}{'<ul>' + listed + '</ul>' if notes else ''}</div>"


def _pieces(sections: Iterable[Section]) -> Iterator[tuple[str, pd.DataFrame | None]]:
    """Paragraphs as (text, None), and tables that have rows as (title, table)."""
    for section in sections:
        if isinstance(section, str):
            yield section, None
            continue
        title, table = section if isinstance(section, tuple) else ("", section)
        if len(table):
            yield title, table


def _filled(text: str) -> list[str]:
    return [textwrap.fill(text, WIDTH, break_on_hyphens=False)] if text else []


def _aligned(table: pd.DataFrame) -> str:
    shown = _filled_columns(table)
    return "\n".join(line.rstrip() for line in shown.to_string(index=False).splitlines())


def _filled_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The table as text, without columns in which nothing stands."""
    shown = format_table(table)
    return shown.drop(columns=[name for name in shown if (shown[name] == "").all()])


def _below(note: str) -> str:
    return textwrap.fill(note, WIDTH, subsequent_indent="    ", break_on_hyphens=False)


def _first(table: pd.DataFrame, rows_shown: int | None) -> pd.DataFrame:
    """The rows that are shown: the first, and below them those about the whole sample, which often stand last."""
    if rows_shown is None or len(table) <= rows_shown:
        return table
    of_all = table["dyad"].isin(NOBODY).tolist() if "dyad" in table else []
    below = [at for at, is_shown in enumerate(of_all) if is_shown and at >= rows_shown]
    return table.iloc[[*range(rows_shown), *(below if len(below) <= rows_shown else [])]]


def _more(table: pd.DataFrame, rows_shown: int | None) -> list[str]:
    more = len(table) - len(_first(table, rows_shown))
    return [f"... and {counted(more, 'row')} more"] if more > 0 else []
