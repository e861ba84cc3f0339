"""A result that is one table: what analyses return whose answer is a row per person, dyad or direction."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from reldyn._format import format_table
from reldyn._registry import find_analysis
from reldyn._saved import Withheld
from reldyn.results._base import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TableResult"]

_ROWS_SHOWN = 12
_NOTES_SHOWN = 3
# What stands in the place of a dyad in rows about all of them.
_NOBODY = ("", "sample", "all")


@dataclass(frozen=True, repr=False, eq=False)
class TableResult(Result):
    """A result that is one table; what one does with a data frame is done to `tidy`.

    ``result["column"]``, ``len(result)``, iteration over columns and the methods of `pandas.DataFrame` go to a copy of
    the table, so that a result stays as it was computed. Functions that insist on a data frame, such as
    `pandas.concat`, take ``result.tidy()``.

    Attributes
    ----------
    table : pandas.DataFrame
    warnings : tuple of str
        What a careful reader must know.
    """

    table: pd.DataFrame
    warnings: tuple[str, ...] = ()

    @classmethod
    def _from_fields(cls, fields: Mapping[str, Any]) -> Self:
        result = super()._from_fields(fields)
        table: Any = result.table
        # A table that is withheld refuses every question but what it is.
        if not isinstance(table, Withheld) and not hasattr(table, "to_csv"):
            raise TypeError("table is no table")
        return result

    def tidy(self) -> pd.DataFrame:
        """The table; a copy."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: how many rows, dyads and persons the table has, and how many of its rows carry a note."""
        import pandas as pd

        counts = {"n_rows": len(self.table)}
        for column in ("dyad", "person"):
            if column in self.table:
                keys = ["dyad", column] if "dyad" in self.table else [column]
                named = self.table[self.table[column].notna() & ~self.table[keys[0]].isin(_NOBODY)]
                counts[f"n_{column}s"] = len(named.drop_duplicates(keys))
        return pd.DataFrame([{**counts, "n_notes": sum(self._notes().values())}])

    def summary(self) -> str:
        """The question, how it was answered, the first rows and the notes."""
        head = [self._head()]
        if self.spec is not None:
            entry = find_analysis(self.spec.analysis)
            asked = ", ".join(f"{name}={value!r}" for name, value in self.spec.to_table().items())
            head += [" ".join(filter(None, [entry.methods, f"Given: {asked}."]))]
        shown = format_table(self.table.head(_ROWS_SHOWN)).to_string(index=False)
        more = len(self.table) - _ROWS_SHOWN
        lines = ["\n".join(head), shown + (f"\n... and {more:,} rows more" if more > 0 else "")]
        notes = self._remarks()
        if notes:
            lines.append("Notes\n" + "\n".join(f"- {note}" for note in notes))
        return "\n\n".join(lines) + "\n"

    def _head(self) -> str:
        glance = self.glance().iloc[0]
        counted = ", ".join(
            f"{int(glance[f'n_{unit}s']):,} {unit}s" for unit in ("dyad", "person") if f"n_{unit}s" in glance
        )
        question = find_analysis(self.spec.analysis).question if self.spec is not None else type(self).__name__
        return f"{question} {counted or f'{len(self.table):,} rows'}"

    def _remarks(self) -> list[str]:
        """The warnings, and the most frequent notes of the rows."""
        counted = list(self._notes().items())[:_NOTES_SHOWN]
        return [*self.warnings, *(f"{n:,} rows: {note}" for note, n in counted)]

    def _notes(self) -> dict[str, int]:
        """The notes of the rows, the most frequent first."""
        if "note" not in self.table:
            return {}
        notes = self.table["note"].dropna()
        counts = notes[notes != ""].value_counts()
        return {str(note): int(n) for note, n in counts.items()}

    def _repr_html_(self) -> str:
        notes = self._remarks()
        more = len(self.table) - _ROWS_SHOWN
        shown = format_table(self.table.head(_ROWS_SHOWN)).to_html(index=False, border=0, na_rep="")
        rest = f"<p>... and {more:,} rows more</p>" if more > 0 else ""
        listed = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
        head = html.escape(self._head())
        return f"<div><p><b>{head}</b></p>{shown}{rest}{'<ul>' + listed + '</ul>' if listed else ''}</div>"

    # --- as a data frame ----------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name == "plot" or name.startswith("_") or "table" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        try:
            return getattr(self.tidy(), name)
        except AttributeError:
            raise AttributeError(f"neither {type(self).__name__} nor its table has {name!r}") from None

    def __getitem__(self, key: Any) -> Any:
        return self.tidy()[key]

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.table)

    def __contains__(self, name: object) -> bool:
        return name in self.table

    def __dataframe__(self, *arguments: Any, **options: Any) -> Any:
        exchange: Any = self.tidy()
        return exchange.__dataframe__(*arguments, **options)
