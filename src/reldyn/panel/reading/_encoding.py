"""From bytes to text: byte order marks and UTF-16 are recognised, UTF-8 is the rule, anything else must be named."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from reldyn.errors import DataError, DataWarning, warn_caller

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["decoded"]

# UTF-32 is looked for first: its little-endian mark begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The encodings of one byte per letter that exports of the field are written in, in the order to name them.
_SINGLE_BYTE = {"cp1252": "Windows", "mac_roman": "old Macs", "cp850": "DOS"}
_WORD = re.compile(rb"[^\x00-\x26\x28-\x2c\x2e-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+")
_LOOKED_AT = 100_000


def decoded(path: Path, encoding: str | None) -> str:
    """Decode a text file; the text keeps its line ends and has no byte order mark."""
    raw = path.read_bytes()
    used = encoding or _recognised(raw)
    try:
        text = raw.decode(used)
    except LookupError:
        raise DataError(f"{path}: encoding={encoding!r} is not known; try 'utf-8' or 'latin-1'.") from None
    except UnicodeDecodeError as problem:
        # The byte order mark is not counted in the position that the decoder gives.
        place = problem.start + (len(raw) - len(problem.object))
        if encoding is None and b"\0" in raw:
            raise DataError(f"{path}: the file holds binary data, not text; check its suffix.") from None
        raise DataError(_not_decodable(path, raw, place, encoding, used)) from None
    except UnicodeError as problem:
        raise DataError(f"{path}: the file is not {used} ({problem}): pass the right encoding.") from None
    if "\0" in text:
        raise DataError(f"{path}: the file holds binary data, not text; check its suffix.")
    if encoding is not None:
        _warn_if_utf8(path, raw, encoding)
    # Old DOS programs end a text file with this sign.
    return text.removeprefix("\ufeff").removesuffix("\x1a")


def _recognised(raw: bytes) -> str:
    """Recognise UTF-16 and UTF-32 by their mark, and UTF-16 without one by zero bytes at every other place."""
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return name
    head = raw[:_LOOKED_AT]
    half = len(head) // 2
    if half and len(raw) % 2 == 0:
        even, odd = head[0::2].count(0) / half, head[1::2].count(0) / half
        if odd > 0.5 and even < 0.1:
            return "utf-16-le"
        if even > 0.5 and odd < 0.1:
            return "utf-16-be"
    return "utf-8-sig"


def _not_decodable(path: Path, raw: bytes, place: int, encoding: str | None, used: str) -> str:
    line = len(re.findall(rb"\r\n|\r|\n", raw[:place])) + 1
    said = encoding or used.upper().removesuffix("-SIG")
    where = f"{path}: byte {raw[place]:#04x} at position {place} (line {line}) is not {said}"
    if not said.lower().startswith("utf-8"):
        return f"{where}: pass the right encoding."
    readings = _readings(_word_at(raw, place))
    words = ", ".join(f"{word!r} in {name} ({_SINGLE_BYTE[name]})" for name, word in readings.items())
    calls = " or ".join(f'encoding="{name}"' for name in readings)
    if not readings:
        return f"{where}: pass the right encoding."
    return (
        f"{where}. It stands in a word that is {words}. Pass {calls}, whichever gives the right word, or save the file "
        "as UTF-8."
    )


def _readings(word: bytes) -> dict[str, str]:
    """The word in each encoding that can hold it; encodings that agree on it are named once."""
    readings: dict[str, str] = {}
    for name in _SINGLE_BYTE:
        try:
            text = word.decode(name)
        except UnicodeDecodeError:
            continue
        if text.isprintable() and text not in readings.values():
            readings[name] = text
    return readings


def _word_at(raw: bytes, place: int) -> bytes:
    start = max(0, place - 40)
    for found in _WORD.finditer(raw, start, place + 40):
        if found.start() <= place < found.end():
            return found.group()
    return raw[place : place + 1]


def _warn_if_utf8(path: Path, raw: bytes, encoding: str) -> None:
    """Warn where a single-byte encoding was named for a file that is UTF-8: it would be read without any error."""
    if encoding.lower().replace("_", "-").startswith("utf") or raw.isascii():
        return
    try:
        raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    place = next(number for number, byte in enumerate(raw) if byte > 127)
    word = _word_at(raw, place)
    line = len(re.findall(rb"\r\n|\r|\n", raw[:place])) + 1
    right, wrong = word.decode("utf-8-sig", "replace"), word.decode(encoding, "replace")
    if right != wrong:
        warn_caller(
            f"{path}: encoding={encoding!r} reads {wrong!r} on line {line}, but the file is valid UTF-8, where the "
            f"word is {right!r}: leave encoding out if that is right.",
            DataWarning,
        )
