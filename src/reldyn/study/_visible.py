"""Signs that change how a text reads without being seen, made visible."""

from __future__ import annotations

import re

__all__ = ["visible"]

# Marks, embeddings, overrides and isolates of the writing direction, and control characters that no cell needs.
_HIDDEN = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f-\x9f]")


def visible(text: str) -> str:
    r"""The text with such signs by their number.

    Examples
    --------
    >>> visible("abc\u202ecba")
    'abc[U+202E]cba'
    """
    return _HIDDEN.sub(lambda found: f"[U+{ord(found.group()):04X}]", text)
