"""A result that is one table: what analyses return whose answer is a row per person, dyad or direction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from reldyn._format import counted
from reldyn._records import NOBODY
from reldyn.results._base import Result, no_figure
from reldyn.results._parts import InTables

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.results._template import Section

__all__ = ["TableResult"]

_NOTES_SHOWN = 3


class TableResult(Result):
    """A result that is one table; what one does with a data frame is done to `tidy`.

    ``result["column"]``, ``len(result)``, iteration over columns and the methods of `pandas.DataFrame` go to a copy of
    the table, so that a result stays as it was computed. Functions that insist on a data frame, such as
    `pandas.concat`, take ``result.tidy()``.

    Attributes
    ----------
    table : pandas.DataFrame
    notes : tuple of str
        What a careful reader must know.
    """

    table = InTables()
    rows_shown: ClassVar[int | None] = 12

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
                named = self.table[self.table[column].notna() & ~self.table[keys[0]].isin(NOBODY)]
                counts[f"n_{column}s"] = len(named.drop_duplicates(keys))
        return pd.DataFrame([{**counts, "n_notes": sum(self._row_notes().values())}])

    def _counted(self) -> str:
        return super()._counted() or counted(len(self.table), "row")

    def _sections(self) -> Iterable[Section]:
        return (self.table,)

    def _remarks(self) -> list[str]:
        """The notes, and the most frequent notes of rows that are not shown: those of the others stand below them."""
        shown = set(self.table["note"].head(self.rows_shown or len(self.table))) if "note" in self.table else set()
        frequent = [(note, n) for note, n in self._row_notes().items() if note not in shown][:_NOTES_SHOWN]
        return [*self.notes, *(f"{counted(n, 'row')}: {note}" for note, n in frequent)]

    def _row_notes(self) -> dict[str, int]:
        """The notes of the rows, the most frequent first."""
        if "note" not in self.table:
            return {}
        notes = self.table["note"].dropna()
        counts = notes[notes != ""].value_counts()
        return {str(note): int(n) for note, n in counts.items()}

    # --- as a data frame ----------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name == "plot":
            raise AttributeError(no_figure(type(self)))
        if name.startswith("_") or "tables" not in self.__dict__:
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
