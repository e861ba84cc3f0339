"""Reading a table from a file: one door for the formats of the field, one kind of error.

Text tables are read in `_read_text`, Excel workbooks in `_read_excel`, files of SPSS and Stata in `_statistics`;
the column stores (parquet, feather) here, by pyarrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DataWarning, DesignError, check_option, warn_caller
from reldyn.panel._lines import line_steps
from reldyn.panel.reading._header_rows import check_skip, header_places
from reldyn.panel.reading._limits import check_arrow, check_bytes, check_kind, check_parquet
from reldyn.panel.reading._packages import faults_of, require_io
from reldyn.panel.reading._read_dates import check_dates, with_dates
from reldyn.panel.reading._read_tables import Options, Read, blank_codes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_parquet_table", "read_table", "unique_headers"]

_TEXT = (".csv", ".tsv", ".txt")
_SUFFIXES = (*_TEXT, ".parquet", ".feather", ".xlsx", ".sav", ".dta")
# Blanks as spreadsheets write them; NA as R does; a point as SPSS and SAS do.
USUAL_CODES = ("", " ", "NA", ".")
# Options that only some kinds of file have.
_ONLY_FOR = {
    "delimiter": (_TEXT, "text files"),
    "skip": ((*_TEXT, ".xlsx"), "text files and workbooks"),
    "header": ((*_TEXT, ".xlsx"), "text files and workbooks"),
    "sheet": ((".xlsx",), "workbooks"),
}


def read_table(
    path: str | Path,
    *,
    missing: Sequence[Any] = USUAL_CODES,
    decimal: str | None = None,
    encoding: str | None = None,
    dates: str | Mapping[str, str] | None = None,
    skip: int = 0,
    header: int | Sequence[int] | None = None,
    sheet: str | None = None,
    delimiter: str | None = None,
    labels: bool | Sequence[str] = True,
) -> pd.DataFrame:
    r"""Read a table from a file, by its suffix.

    What can be recognised with certainty is read as it stands; where two readings are possible, the table says
    so and names the argument that decides.

    Parameters
    ----------
    path : str or Path
        A .csv, .tsv, .txt, .parquet, .feather, .xlsx, .sav (SPSS) or .dta (Stata) file.
    missing : sequence, default ("", " ", "NA", ".")
        What stands for a missing answer: blanks as spreadsheets write them, ``NA`` as R does, ``.`` as SPSS
        and SAS do. Numbers are allowed too (-99). Codes that are named replace these; ``...`` among them stands for
        these, as in ``(..., -99)``. Codes declared as missing in an SPSS file are missing anyway.
    decimal : {".", ","}, optional
        The decimal mark of a text table. None: a point; a comma where fields are not separated by commas, no
        number has a point, and some column cannot be lists of chosen answers (``2,3`` can, ``3,05`` cannot). A
        column that may be either stays text, with a `DataWarning`.
    encoding : str, optional
        Of a text table or .sav file. None: UTF-8, or UTF-16 where the file shows it. Other encodings differ in
        letters only and cannot be recognised: the error shows what the first such word would be in each.
    dates : str or mapping of str to str, optional
        A strptime format (``"%d.%m.%Y %H:%M"``) or ``"iso"``: all columns of text whose values all fit become
        datetimes. A mapping names the columns, and a value that does not fit is an error. None: times stay text,
        as what they mean depends on the study.
    skip : int, default 0
        Lines (rows of a sheet) above the header to leave out, counted as an editor counts them.
    header : int or sequence of int, optional
        The row of names, counted from 0 after `skip`, blank lines not counted. Several rows: the first holds the
        names, the others are question texts or ids that are left out of the data and stored in
        ``frame.attrs["column_labels"]``; a Qualtrics export has ``header=(0, 1, 2)``. None: the first row.
    sheet : str, optional
        The sheet of a workbook. None: the first, with a `DataWarning` where there are more.
    delimiter : str, optional
        The character between fields; ``" "`` for any number of blanks. None: what the first line ``sep=;`` says,
        else what splits all records evenly. A .csv file may be separated by commas, semicolons or blanks.
    labels : bool or sequence of str, default True
        Whether value labels of SPSS and Stata become the values, in columns where every observed value has its
        own label (1 = woman, 2 = man). A scale with labels at its ends keeps its numbers, and so does an ordinal
        variable. False: all codes stay. Names of columns: only these take their labels.

    Returns
    -------
    pandas.DataFrame
        Ids with leading zeros or more than 15 digits are text. ``frame.attrs`` may hold

        - ``"lines"``: the line, or sheet row, of each row; see `reldyn.panel.reading.lines_of`;
        - ``"duplicated_columns"``: a header that appears twice is kept as ``X``, ``X.1`` with a `DataWarning`, and
          using either column is an error until one is renamed;
        - ``"unnamed_columns"``: columns without a name in the header, which are called ``Unnamed: 2`` after their
          place, with the line of the header and their number; `check_panel` names them;
        - ``"column_labels"``: question texts and variable labels by column;
        - ``"value_labels"``: the label of each code by column, for SPSS and Stata.

    Raises
    ------
    DataError
        The file is absent, empty, without rows, of another kind than its suffix says, separated by something
        else, not in the encoding, a record has more fields than the header, a value is no date of the form, or a
        reader is not installed.
    DesignError
        An argument cannot be meant, or this kind of file does not have it.

    Warns
    -----
    DataWarning
        Records shorter than the header (their last fields are missing), question texts below the names, title
        lines, more sheets than one, columns that may be numbers or lists.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "diary.csv"
    ...     _ = path.write_text("couple;mood\n001;3,05\n001;NA\n", encoding="utf-8")
    ...     frame = read_table(path)
    >>> frame["couple"].tolist(), frame["mood"].tolist()
    (['001', '001'], [3.05, nan])
    """
    path, suffix = _known(path)
    options = Options(
        missing=_checked_missing(missing),
        decimal=decimal,
        encoding=_checked_encoding(encoding),
        dates=check_dates(dates),
        skip=check_skip(skip),
        header=header_places(header),
        sheet=_checked_sheet(sheet),
        delimiter=delimiter,
        labels=_checked_labels(labels),
    )
    check_option(decimal, (None, ".", ","), "decimal")
    _check_options(path, suffix, options)
    _check_file(path)
    read = _reader(suffix)(path, options)
    if suffix not in (*_TEXT, ".sav", ".dta"):
        read.frame = blank_codes(read.frame, options.missing)
    if not len(read.frame):
        raise DataError(f"{path}: the file has a header but no rows.")
    frame = _named(read, path)
    return with_dates(frame, options.dates, str(path), read.lines, read.unit)


def _checked_missing(missing: Any) -> tuple[Any, ...]:
    if isinstance(missing, (str, int, float)):
        return (missing,)
    if isinstance(missing, (bytes, Mapping)) or not isinstance(missing, Iterable):
        raise DesignError(f"missing: give the codes as a list of texts and numbers, not a {type(missing).__name__}.")
    return tuple(chain.from_iterable(USUAL_CODES if code is ... else (code,) for code in missing))


def _checked_encoding(encoding: Any) -> str | None:
    if encoding is not None and not isinstance(encoding, str):
        raise DesignError(f"encoding: give the name of an encoding, such as 'utf-8', not a {type(encoding).__name__}.")
    return encoding


def _known(path: Any) -> tuple[Path, str]:
    if not isinstance(path, (str, PathLike)):
        raise DataError(f"read_table takes the path of a file, not a {type(path).__name__}.")
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise DataError(f"{path}: unknown kind of file {path.suffix!r}; readable are {', '.join(_SUFFIXES)}.")
    return path, suffix


def _checked_sheet(sheet: Any) -> str | None:
    if sheet is not None and not isinstance(sheet, str):
        raise DesignError(f"sheet={sheet!r}: give the name of the sheet.")
    return sheet


def _checked_labels(labels: Any) -> bool | tuple[str, ...]:
    if isinstance(labels, bool):
        return labels
    if isinstance(labels, str):
        return (labels,)
    if isinstance(labels, Sequence) and all(isinstance(name, str) for name in labels):
        return tuple(labels)
    raise DesignError(f"labels={labels!r}: give True, False, or the names of columns.")


def _check_options(path: Path, suffix: str, options: Options) -> None:
    for name, (suffixes, kinds) in _ONLY_FOR.items():
        value = getattr(options, name)
        if value not in (None, 0) and suffix not in suffixes:
            raise DesignError(f"{name}={value!r} is for {kinds}, not for {path.name}: leave it out.")


def _reader(suffix: str) -> Callable[[Path, Options], Read]:
    """The reader of a kind of file, imported when one is read."""
    if suffix in _TEXT:
        from reldyn.panel.reading._read_text import read_text

        return read_text
    if suffix == ".xlsx":
        from reldyn.panel.reading._read_excel import read_excel

        return read_excel
    if suffix in (".sav", ".dta"):
        from reldyn.panel.reading._statistics import read_spss, read_stata

        return read_spss if suffix == ".sav" else read_stata
    return _read_parquet if suffix == ".parquet" else _read_feather


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
    with faults_of(path, "parquet file"):
        check_parquet(path, parquet)
        return parquet.read_table(path)


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path}: this is a folder, not a file.")
    try:
        size = check_kind(path)
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
    check_bytes(path, size)


def _read_parquet(path: Path, options: Options) -> Read:  # noqa: ARG001
    return _from_arrow(path, read_parquet_table(path))


def _read_feather(path: Path, options: Options) -> Read:  # noqa: ARG001
    feather = require_io("pyarrow.feather")
    pyarrow = require_io("pyarrow")
    with faults_of(path, "feather file"):
        check_arrow(path, pyarrow)
        table = feather.read_table(path)
    return _from_arrow(path, table)


def _from_arrow(path: Path, table: Any) -> Read:
    with faults_of(path, "column store"):
        frame: pd.DataFrame = table.to_pandas()
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    return Read(frame.reset_index(drop=True), [str(name) for name in frame.columns])


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
    last: dict[str, int] = {}
    for header in headers:
        # Going on from the last number: a header that stands ten thousand times is not counted through each time.
        name, number = header, last.get(header, 0)
        while number or header in groups:
            number += 1
            name = f"{header}.{number}"
            if name not in taken:
                break
        taken.add(name)
        last[header] = number
        groups.setdefault(header, []).append(name)
        names.append(name)
    return names, {header: tuple(group) for header, group in groups.items() if len(group) > 1}


def _named(read: Read, path: Path) -> pd.DataFrame:
    """Name the columns, and remember beside the frame what the file says about rows and columns."""
    frame = read.frame
    names, twice = unique_headers(read.headers)
    frame.columns = np.array(names, dtype=object)
    about: dict[Any, Any] = {}
    if twice:
        about["duplicated_columns"] = twice
    if read.lines is not None:
        about["lines"] = {"n": len(frame), "steps": line_steps(read.lines)}
    if read.texts:
        about["column_labels"] = {names[place]: text for place, text in read.texts.items() if place < len(names)}
    if read.value_labels:
        about["value_labels"] = read.value_labels
    if read.unnamed:
        places = read.unnamed.items()
        about["unnamed_columns"] = {names[place]: (f"{read.unit} {line}", place + 1) for place, line in places}
    frame.attrs = about
    for header, group in twice.items():
        warn_caller(
            f"{path}: the header {header!r} stands {len(group)} times; the columns are kept as {', '.join(group)}. "
            "Rename them before using them.",
            DataWarning,
        )
    return frame
