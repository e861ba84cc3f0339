"""Reading a table from a file: one door for the formats of the field, one kind of error.

Text tables are read in `_read_text`, Excel workbooks in `_read_excel`; the column stores (parquet, feather)
and the statistics packages (SPSS, Stata) here, by pyarrow and pyreadstat.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DataWarning, check_option
from reldyn.panel.reading._packages import require_io

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_parquet_table", "read_table"]

_SUFFIXES = (".csv", ".tsv", ".parquet", ".feather", ".xlsx", ".sav", ".dta")


def read_table(
    path: str | Path,
    *,
    missing: Sequence[Any] = ("", " ", "NA", "."),
    decimal: str | None = None,
    encoding: str | None = None,
) -> pd.DataFrame:
    r"""Read a table from a file, by its suffix.

    Parameters
    ----------
    path : str or Path
        A .csv, .tsv, .parquet, .feather, .xlsx (first sheet), .sav (SPSS) or .dta (Stata) file.
    missing : sequence, default ("", " ", "NA", ".")
        What stands for a missing answer: blanks as spreadsheets write them, ``NA`` as R does, ``.`` as SPSS
        and SAS do. Numbers are allowed too (-99).
    decimal : {".", ","}, optional
        The decimal mark of a text table. None: a point; a comma where fields are separated by semicolons or
        tabs and every number with a fraction is written so, as in files exported under a European locale.
    encoding : str, optional
        Of a text table or .sav file. None: UTF-8, with or without a byte order mark.

    Returns
    -------
    pandas.DataFrame
        A header that appears twice is kept as ``X``, ``X.1`` with a `DataWarning`; the frame remembers it in
        ``frame.attrs["duplicated_columns"]``, so that using either column is an error until one is renamed.
        Times stay text, as what they mean depends on the study.

    Raises
    ------
    DataError
        The file is absent, empty, without rows, of another kind than its suffix says, separated by something
        else, ragged, not in the encoding, or a reader is not installed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "diary.csv"
    ...     _ = path.write_text("couple;mood\n1;3,5\n1;NA\n", encoding="utf-8")
    ...     read_table(path)["mood"].tolist()
    [3.5, nan]
    """
    if not isinstance(path, (str, PathLike)):
        raise DataError(f"read_table takes the path of a file, not a {type(path).__name__}.")
    path = Path(path)
    check_option(decimal, (None, ".", ","), "decimal")
    codes = (missing,) if isinstance(missing, (str, int, float)) else tuple(missing)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise DataError(f"{path}: unknown kind of file {path.suffix!r}; readable are {', '.join(_SUFFIXES)}.")
    _check_file(path)
    if suffix in (".csv", ".tsv"):
        from reldyn.panel.reading._read_text import read_text

        frame, headers = read_text(path, codes, decimal, encoding)
    elif suffix == ".xlsx":
        from reldyn.panel.reading._read_excel import read_excel

        frame, headers = read_excel(path)
    else:
        frame, headers = _READERS[suffix](path, encoding)
    if suffix not in (".csv", ".tsv"):
        frame = blank_codes(frame, codes)
    if not len(frame):
        raise DataError(f"{path}: the file has a header but no rows.")
    return _named(frame, headers, path)


def read_parquet_table(path: str | Path) -> Any:
    """Read a parquet file as a pyarrow table, with its metadata.

    Raises
    ------
    DataError
        The file is absent, empty or no parquet file, or pyarrow is not installed.
    """
    path = Path(path)
    _check_file(path)
    parquet = require_io("pyarrow.parquet")
    with _faults_of(path, "parquet file"):
        return parquet.read_table(path)


def blank_codes(frame: pd.DataFrame, missing: Sequence[Any]) -> pd.DataFrame:
    """Set the codes for missing to missing: texts in columns of text, numbers in columns of numbers."""
    import pandas as pd

    texts = {str(code) for code in missing}
    numbers = [value for code in missing if (value := _as_number(code)) is not None]
    columns = {}
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        if pd.api.types.is_object_dtype(column.dtype) or pd.api.types.is_string_dtype(column.dtype):
            columns[place] = column.mask(column.astype(object).isin([*texts, *numbers])).infer_objects()
        elif numbers and pd.api.types.is_numeric_dtype(column.dtype) and column.isin(numbers).any():
            columns[place] = column.astype(float).mask(column.isin(numbers))
        else:
            columns[place] = column
    blanked = pd.DataFrame(columns)
    blanked.columns = frame.columns
    return blanked


def _as_number(code: Any) -> float | None:
    try:
        return float(code)
    except (TypeError, ValueError):
        return None


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path}: this is a folder, not a file.")
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except FileNotFoundError:
        near = sorted(other.name for other in path.parent.glob("*") if other.suffix.lower() in _SUFFIXES)[:5]
        hint = f" The folder holds {', '.join(near)}." if near else ""
        raise DataError(f"{path}: there is no such file.{hint}") from None
    except OSError as problem:
        raise DataError(f"{path}: the file cannot be opened ({problem.strerror}).") from None
    if not size:
        raise DataError(f"{path}: the file is empty.")


@contextmanager
def _faults_of(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a reader raises into one sentence about the file."""
    try:
        yield
    except Exception as problem:
        if isinstance(problem, (DataError, MemoryError)):
            raise
        raise DataError(f"{path}: this is no readable {kind}; export it again.") from None


def _read_parquet(path: Path, encoding: str | None) -> tuple[pd.DataFrame, list[str]]:  # noqa: ARG001
    return _from_arrow(path, read_parquet_table(path))


def _read_feather(path: Path, encoding: str | None) -> tuple[pd.DataFrame, list[str]]:  # noqa: ARG001
    feather = require_io("pyarrow.feather")
    with _faults_of(path, "feather file"):
        table = feather.read_table(path)
    return _from_arrow(path, table)


def _from_arrow(path: Path, table: Any) -> tuple[pd.DataFrame, list[str]]:
    with _faults_of(path, "column store"):
        frame: pd.DataFrame = table.to_pandas()
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    return frame.reset_index(drop=True), [str(name) for name in frame.columns]


def _read_spss(path: Path, encoding: str | None) -> tuple[pd.DataFrame, list[str]]:
    return _from_statistics(path, "read_sav", "SPSS file", encoding)


def _read_stata(path: Path, encoding: str | None) -> tuple[pd.DataFrame, list[str]]:
    return _from_statistics(path, "read_dta", "Stata file", encoding)


def _from_statistics(path: Path, reader: str, kind: str, encoding: str | None) -> tuple[pd.DataFrame, list[str]]:
    pyreadstat = require_io("pyreadstat")
    with _faults_of(path, kind):
        frame, _ = getattr(pyreadstat, reader)(str(path), encoding=encoding)
    return frame, [str(name) for name in frame.columns]


_READERS: dict[str, Callable[[Path, str | None], tuple[pd.DataFrame, list[str]]]] = {
    ".parquet": _read_parquet,
    ".feather": _read_feather,
    ".sav": _read_spss,
    ".dta": _read_stata,
}


def unique_headers(headers: Sequence[str]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Tell headers apart as ``X``, ``X.1``, and say which stood more than once.

    Examples
    --------
    >>> unique_headers(["x", "x", "x.1"])
    (['x', 'x.2', 'x.1'], {'x': ('x', 'x.2')})
    """
    taken = set(headers)
    names: list[str] = []
    groups: dict[str, list[str]] = {}
    for header in headers:
        name, number = header, 0
        while number or header in groups:
            number += 1
            name = f"{header}.{number}"
            if name not in taken:
                break
        taken.add(name)
        groups.setdefault(header, []).append(name)
        names.append(name)
    return names, {header: tuple(group) for header, group in groups.items() if len(group) > 1}


def _named(frame: pd.DataFrame, headers: Sequence[str], path: Path) -> pd.DataFrame:
    names, twice = unique_headers(headers)
    frame.columns = np.array(names, dtype=object)
    frame.attrs = {"duplicated_columns": twice} if twice else {}
    for header, group in twice.items():
        warnings.warn(
            f"{path}: the header {header!r} stands {len(group)} times; the columns are kept as {', '.join(group)}. "
            "Rename them before using them.",
            DataWarning,
            stacklevel=3,
        )
    return frame
