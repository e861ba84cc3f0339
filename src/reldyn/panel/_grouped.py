"""Numbers written with marks between thousands (1,024), which are easily taken for decimal commas."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["fix_for_commas", "is_grouped"]

_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?P<mark>[,.'\u2019 \u00a0\u202f])\d{3}(?:(?P=mark)\d{3})*(?:[.,]\d+)?")
_COMMA = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_DECIMAL = "read the file with rd.read_table(path, decimal=',')"


def is_grouped(text: str) -> bool:
    """Whether a text can only be a number with marks between thousands.

    Examples
    --------
    >>> [is_grouped(text) for text in ("1,024,500", "1,024.5", "1'024", "1,024", "1.024", "12 5")]
    [True, True, True, False, False, False]
    """
    found = _GROUPED.fullmatch(text)
    if found is None:
        return False
    rest = text.lstrip("+-").replace(found["mark"], "", 1)
    return not rest.isdigit() or found["mark"] not in ",."


def fix_for_commas(texts: Sequence[str]) -> str:
    """What to do about numbers with commas: they separate thousands, are decimal marks, or may be either.

    Examples
    --------
    >>> fix_for_commas(["1,5", "1,024"])
    "read the file with rd.read_table(path, decimal=',')"
    >>> fix_for_commas(["1,024", "1,024,500"])
    "write them without marks between thousands, as in 1024 for '1,024'"
    """
    commas = [text for text in texts if not is_grouped(text)]
    if not all(map(_COMMA.fullmatch, commas)):
        return _DECIMAL
    plain = f"{_plain(texts[0])} for {texts[0]!r}"
    if len(commas) < len(texts):
        return f"write them without marks between thousands, as in {plain}"
    return f"where the comma separates thousands, write {plain}; where it is a decimal comma, {_DECIMAL}"


def _plain(text: str) -> str:
    found = _GROUPED.fullmatch(text)
    return text if found is None else text.replace(found["mark"], "")
