"""Files of SPSS and Stata: value labels become values, codes declared as missing become missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reldyn.errors import DataError, DataWarning, check_columns, warn_caller
from reldyn.panel.reading._limits import check_shape
from reldyn.panel.reading._packages import faults_of, require_io
from reldyn.panel.reading._read_tables import Options, Read, blank_codes

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

__all__ = ["read_spss", "read_stata"]

# Four or more labelled codes in a row may be a rating scale that the researcher wants as numbers.
_SCALE = 4
_MOST_EXACT = 2**53
# How labels of codes begin that stand for no answer, in the languages in which they were met.
_NO_ANSWER = re.compile(
    r"\W*(?:no answer|no response|not answered|unanswered|missing|refus|prefer not|do(?:n['\u2019]?t| not) know\b"
    r"|skipped|not applicable|not asked|n/a\b|na$|keine? (?:angabe|antwort)|k\.? ?a\.?$|wei(?:\u00df|ss) (?:ich )?nicht"
    r"|nicht beantwortet|verweiger|fehlend|entf\u00e4llt|geen antwoord|weet (?:ik )?niet|sans r\u00e9ponse"
    r"|ne sai[st] pas|non r\u00e9ponse|no contesta|no sabe|ns/nc)",
    re.IGNORECASE,
)
_CODES_SHOWN = 5


def read_spss(path: Path, options: Options) -> Read:
    """Read a .sav file."""
    return _read(path, "read_sav", "SPSS file", options)


def read_stata(path: Path, options: Options) -> Read:
    """Read a .dta file."""
    return _read(path, "read_dta", "Stata file", options)


def _read(path: Path, reader: str, kind: str, options: Options) -> Read:
    pyreadstat = require_io("pyreadstat")
    with faults_of(path, kind):
        read = getattr(pyreadstat, reader)
        _, about = read(str(path), encoding=options.encoding, metadataonly=True)
        # A compressed file of one value may hold a thousand times its size; some files do not say their rows.
        check_shape(path, about.number_rows or 0, about.number_columns or 0)
        frame, about = read(str(path), encoding=options.encoding)
    names = [str(name) for name in frame.columns]
    # Codes for missing are codes: they are blanked before labels take their place.
    frame = blank_codes(frame, options.missing)
    labels = {str(name): _plain(codes) for name, codes in about.variable_value_labels.items() if codes}
    measures = about.variable_measure or {}
    chosen = _chosen(options.labels, names, labels, str(path))
    columns: dict[int, pd.Series] = {}
    scales: list[str] = []
    for place, name in enumerate(names):
        column = _whole(frame.iloc[:, place])
        if name in chosen and _all_labelled(column, labels[name]):
            if options.labels is True and measures.get(name) == "ordinal" and len(labels[name]) > 2:
                columns[place] = column
                continue
            if options.labels is True and measures.get(name) != "nominal" and _is_scale(column, labels[name]):
                scales.append(name)
            column = _labelled(column, labels[name])
        elif name in chosen and options.labels is not True:
            _check_labels(column, labels[name], f"{path}: labels names {name!r}, but")
        columns[place] = column
    _warn_scales(path, scales)
    _warn_no_answer(path, {names[place]: column for place, column in columns.items()}, labels)
    texts = {place: str(text) for place, text in enumerate(about.column_labels or ()) if text}
    return Read(_framed(columns), names, None, texts, labels)


def _framed(columns: Mapping[int, pd.Series]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(dict(columns))


def _chosen(labels: bool | tuple[str, ...], names: list[str], known: Mapping[str, Any], where: str) -> set[str]:
    """The columns whose labels become values."""
    if isinstance(labels, bool):
        return set(known) if labels else set()
    check_columns(names, labels, where)
    without = [name for name in labels if name not in known]
    if without:
        raise DataError(f"{where}: labels names {', '.join(map(repr, without))}, which the file gives no value labels.")
    return set(labels)


def _plain(codes: Mapping[Any, str]) -> dict[Any, str]:
    """Codes as whole numbers where they are whole."""
    return {
        int(code) if isinstance(code, float) and code.is_integer() else code: str(label).strip()
        for code, label in codes.items()
    }


def _whole(column: pd.Series) -> pd.Series:
    """Whole numbers without a fraction; a column with missing values stays as it is, like one of a text file."""
    if column.dtype.kind != "f" or not len(column) or column.isna().any():
        return column
    if (column % 1 == 0).all() and column.abs().max() < _MOST_EXACT:
        return column.astype("int64")
    return column


def _all_labelled(column: pd.Series, labels: Mapping[Any, str]) -> bool:
    """Whether every observed value has a label of its own."""
    seen = column.dropna().unique().tolist()
    used = [labels[value] for value in seen if labels.get(value)]
    return bool(seen) and len(used) == len(seen) and len(set(used)) == len(used)


def _check_labels(column: pd.Series, labels: Mapping[Any, str], intro: str) -> None:
    """Raise a `DataError` for values without a label, or with the label of another."""
    code_of: dict[str, Any] = {}
    for value in column.dropna().unique().tolist():
        label = labels.get(value)
        if not label:
            raise DataError(f"{intro} its value {value!r} has no label: label it, or leave the column out of labels.")
        if label in code_of:
            raise DataError(
                f"{intro} its values {code_of[label]!r} and {value!r} have the same label {label!r}: give each its "
                "own, or leave the column out of labels."
            )
        code_of[label] = value


def _is_scale(column: pd.Series, labels: Mapping[Any, str]) -> bool:
    codes = sorted(code for code in labels if isinstance(code, int))
    return column.dtype.kind in "if" and len(codes) >= _SCALE and codes == list(range(codes[0], codes[0] + len(codes)))


def _labelled(column: pd.Series, labels: Mapping[Any, str]) -> pd.Series:
    import pandas as pd

    return pd.Series([labels.get(value) for value in column.tolist()], index=column.index, dtype="str")


def _warn_scales(path: Path, names: list[str]) -> None:
    if names:
        listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        warn_caller(
            f"{path}: every value of {listed} has a label, and the labels are read. If these are rating scales, pass "
            "labels=False, or name the columns whose labels are wanted: labels=('sex', ...).",
            DataWarning,
        )


def _warn_no_answer(path: Path, columns: Mapping[str, pd.Series], labels: Mapping[str, Mapping[Any, str]]) -> None:
    """Warn of numbers that stay numbers although their label says that there is no answer."""
    found = []
    for name in labels.keys() & columns.keys():
        column = columns[name]
        if column.dtype.kind not in "if":
            continue
        seen = set(column.dropna().unique().tolist())
        found += [
            (name, code, label) for code, label in labels[name].items() if code in seen and _NO_ANSWER.match(label)
        ]
    if not found:
        return
    found.sort(key=lambda one: (list(columns).index(one[0]), str(one[1])))
    shown = ", ".join(f"{name} {code} {label!r}" for name, code, label in found[:_CODES_SHOWN])
    more = f" and {len(found) - _CODES_SHOWN} more" if len(found) > _CODES_SHOWN else ""
    name, code, _ = found[0]
    warn_caller(
        f"{path}: values whose labels say that there is no answer are read as numbers: {shown}{more}. Declare them "
        f"missing in the file, or blank them: frame.loc[frame[{name!r}] == {code}, {name!r}] = float('nan').",
        DataWarning,
    )
