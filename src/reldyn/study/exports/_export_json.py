"""Exports as JSON: a list of records, one per row, as formr writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldyn.errors import DataError
from reldyn.panel.reading import blank_codes, id_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_records"]

# From here on a float does not hold every whole number.
_INEXACT = 10**15


def read_records(path: Path, missing: Sequence[Any]) -> pd.DataFrame:
    """Read a list of flat records; null and the missing codes are missing, text that is numbers throughout is numbers.

    Raises
    ------
    DataError
        The file is absent, no JSON in UTF-8, no list of records, or a value is itself a list or a record.
    """
    import pandas as pd

    try:
        records = json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file.") from None
    except OSError as problem:
        raise DataError(f"{path}: the file cannot be opened ({problem.strerror}).") from None
    except UnicodeDecodeError as problem:
        raise DataError(f"{path}: the file is not UTF-8 text (byte {problem.start}): save it as UTF-8.") from None
    except (json.JSONDecodeError, RecursionError) as problem:
        raise DataError(f"{path}: the file is no valid JSON ({problem}).") from None
    if not isinstance(records, list) or not records or not all(isinstance(record, dict) for record in records):
        raise DataError(f"{path}: wanted is a list of records, one per row: [{{...}}, {{...}}].")
    for row, record in enumerate(records):
        nested = [name for name, value in record.items() if isinstance(value, (list, dict))]
        if nested:
            raise DataError(
                f"{path}: record {row} holds a list or a record as {nested[0]!r}; wanted are single values."
            )
    frame = blank_codes(_exact(pd.DataFrame.from_records(records), records), missing)
    texts = [name for name in frame.columns if pd.api.types.infer_dtype(frame[name], skipna=True) == "string"]
    ids = {texts[place] for place in id_columns(frame[texts])} if texts else set()
    for name in texts:
        numbers = pd.to_numeric(frame[name], errors="coerce")
        if name not in ids and bool(numbers.notna().eq(frame[name].notna()).all()):
            frame[name] = numbers
    return frame


def _exact(frame: pd.DataFrame, records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The table with whole numbers of more digits than a float holds as text, where a missing one made them floats."""
    for name in [name for name in frame.columns if frame[name].dtype.kind == "f"]:
        values = [record.get(name) for record in records]
        if any(isinstance(value, int) and abs(value) >= _INEXACT for value in values):
            frame[name] = [None if value is None else str(value) for value in values]
    return frame
