"""Reading a column as numbers, and the findings about cells that are none.

Text counts as a column of numbers when at least four fifths of its cells are written like numbers,
when a scale is declared for it, or when it was asked for.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reldyn._types import Array, Ints
from reldyn.panel._grouped import fix_for_commas, is_grouped
from reldyn.panel._identity import spellings
from reldyn.panel.checks._codes_for_missing import named_when_reading
from reldyn.panel.checks._finding_codes import Finding

if TYPE_CHECKING:
    from reldyn.panel.checks._findings_layout import Layout

_NUMBER = re.compile(r"[+-]?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_MISSING = frozenset({"", ".", "-", "--", "na", "n/a", "#n/a", "nan", "null", "none", "missing", "<na>"})
# One of up to a hundred answers to choose from, and a list of three or more that were chosen.
_OPTION = re.compile(r"0|[1-9]\d?")
_LIST = re.compile(r"\d+(?:\s*,\s*\d+){2,}")
_MOSTLY = 0.8
_SAMPLE = 1_000


def value_columns(layout: Layout) -> tuple[str, ...]:
    """Columns whose values are checked: those asked for or with a scale, else all of numbers that are not named."""
    present = {str(name) for name in layout.frame.columns}
    if layout.variables is not None:
        return tuple(name for name in dict.fromkeys((*layout.variables, *layout.scales)) if name in present)
    named = set(layout.names.values())
    return tuple(
        str(name)
        for name in layout.frame.columns
        if name not in named and (name in layout.scales or _numeric(layout, name))
    )


def read_values(layout: Layout, name: str) -> tuple[Array, list[Finding]]:
    """One column as floats (NaN where missing or no number) and what stood in the way."""
    column = layout.frame[name]
    if _stores_numbers(column):
        return column.to_numpy(dtype=float, na_value=np.nan), []
    codes, texts = spellings(column)
    kinds = np.array([_kind(text) for text in texts], dtype=object)
    numbers = np.array([_number(text, kind) for text, kind in zip(texts, kinds, strict=True)], dtype=float)
    values = np.append(numbers, np.nan)[codes]
    declared = name in layout.scales or (layout.variables is not None and name in layout.variables)
    found = _text_findings(name, codes, texts, kinds)
    return values, list(found) if declared else [_maybe_lists(finding, texts, kinds) for finding in found]


def _maybe_lists(finding: Finding, texts: npt.NDArray[np.object_], kinds: npt.NDArray[np.object_]) -> Finding:
    """A decimal comma that may as well divide two chosen answers is a question, and keeps nobody from a panel."""
    whole = all(_OPTION.fullmatch(text) for text in texts[kinds == "number"])
    pairs = all(_may_be_two_answers(text) for text in texts[kinds == "decimal-comma"])
    if finding.code != "decimal-comma" or not (whole and pairs):
        return finding
    message = finding.message.replace("writes numbers with a decimal comma", "holds decimal commas or lists of answers")
    fix = "Read the file with rd.read_table(path, decimal=',') if these are numbers; lists of answers may stay text."
    return dataclasses.replace(finding, severity="warning", message=message, fix=fix)


def _may_be_two_answers(text: str) -> bool:
    first, _, second = text.partition(",")
    return _OPTION.fullmatch(first) is not None and _OPTION.fullmatch(second) is not None and int(first) < int(second)


def _text_findings(
    name: str, codes: Ints, texts: npt.NDArray[np.object_], kinds: npt.NDArray[np.object_]
) -> Iterator[Finding]:
    wordings = (
        ("non-numeric", f"{name!r} holds text among its numbers"),
        ("decimal-comma", f"{name!r} writes numbers with a decimal comma"),
        ("missing-code", f"{name!r} writes missing values as text"),
    )
    clean = True
    for kind, wording in wordings:
        labels = np.flatnonzero(kinds == kind)
        if not len(labels):
            continue
        clean = False
        shown = ", ".join(repr(texts[label]) for label in labels[:3])
        # All of them, as the reader would write them: a fix that is typed as it stands mends the file.
        fix = named_when_reading(", ".join(repr(texts[label]) for label in labels)) if kind == "missing-code" else None
        found = [str(texts[label]) for label in labels]
        if kind == "decimal-comma" or (kind == "non-numeric" and all(map(is_grouped, found))):
            fix = fix_for_commas(found)
            wording = wording.replace("a decimal comma", "a comma") if "thousands" in fix else wording
            fix = f"{fix[0].upper()}{fix[1:]}."
        yield Finding(kind, name, f"{wording} ({shown})", np.flatnonzero(np.isin(codes, labels)), fix=fix)
    if clean and len(texts):
        yield Finding("numbers-as-text", name, f"{name!r} stores its numbers as text", n=int((codes >= 0).sum()))


def _numeric(layout: Layout, name: Any) -> bool:
    """Whether a column holds numbers, perhaps as text; judged on a sample, as most text is plainly none."""
    column = layout.frame[name]
    if not isinstance(column, pd.Series):
        return False
    if pd.api.types.is_bool_dtype(column.dtype):
        return False
    if pd.api.types.is_numeric_dtype(column.dtype):
        return not pd.api.types.is_complex_dtype(column.dtype)
    if not _is_text(column):
        return False
    step = max(1, len(column) // _SAMPLE)
    if not _mostly_numbers(column.iloc[::step]):
        return False
    return step == 1 or _mostly_numbers(column)


def _mostly_numbers(column: pd.Series[Any]) -> bool:
    codes, texts = spellings(column)
    if any(_LIST.fullmatch(text) for text in texts):
        return False
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    kinds = np.array([_kind(text) for text in texts], dtype=object)
    written = counts[kinds != "missing-code"].sum()
    numbers = counts[(kinds == "number") | (kinds == "decimal-comma")].sum()
    return bool(numbers) and bool(numbers >= _MOSTLY * written)


def _stores_numbers(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype)


def _is_text(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_string_dtype(column.dtype) or pd.api.types.is_object_dtype(column.dtype)


def _kind(text: str) -> str:
    if _NUMBER.fullmatch(text) or text.lower().lstrip("+-") in {"inf", "infinity"}:
        return "number"
    if _COMMA.fullmatch(text):
        return "decimal-comma"
    return "missing-code" if text.lower() in _MISSING else "non-numeric"


def _number(text: str, kind: str) -> float:
    if kind == "number":
        return float(text)
    return float(text.replace(",", ".")) if kind == "decimal-comma" else np.nan
