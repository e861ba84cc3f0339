"""The border of a panel: which frames come in, and which faults keep them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reldyn.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_pandas", "raise_errors"]


def as_pandas(frame: Any) -> pd.DataFrame:
    """Take any data frame at the border and copy it with plain row positions."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        import narwhals as nw

        try:
            frame = nw.from_native(frame, eager_only=True).to_pandas()
        except TypeError:
            raise DataError(
                f"a panel is made from a data frame, not from a {type(frame).__name__}: read a file with rd.read_table."
            ) from None
        except ModuleNotFoundError:
            raise DataError('this frame needs pyarrow to be converted: pip install "reldyn[io]".') from None
    attrs = frame.attrs
    rows: pd.DataFrame = frame.reset_index(drop=True)
    if not all(isinstance(name, str) for name in rows.columns):
        rows.columns = pd.Index([str(name) for name in rows.columns])
    rows.attrs = attrs
    return rows


def raise_errors(findings: pd.DataFrame) -> None:
    """Raise one `DataError` with every finding of severity error, and the whole table behind it."""
    errors = findings[findings["severity"] == "error"]
    if errors.empty:
        return
    lines = [f"- {error.message} {error.mend}" for error in errors.itertuples()]
    count = "1 fault" if len(lines) == 1 else f"{len(lines)} faults"
    raise DataError(f"the rows cannot make a panel, {count}:\n" + "\n".join(lines), findings)
