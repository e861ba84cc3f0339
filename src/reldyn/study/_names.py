"""Names of analyses as names of files: on every system one file for one analysis."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["file_name", "name_faults"]

# Devices of Windows, which opens no file of such a name, whatever its ending.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])", re.IGNORECASE)
_LONGEST = 80


def file_name(name: str, names: Sequence[str]) -> str:
    """A file name for an analysis: its own where that is safe, else its number.

    Examples
    --------
    >>> file_name("mood", ["warmth", "mood"]), file_name("w\u00e4rme", ["w\u00e4rme", "mood"])
    ('mood', 'analysis-1')
    """
    safe = name.isascii() and all(sign.isalnum() or sign in "-_" for sign in name) and not _DEVICE.fullmatch(name)
    return name if safe and name and len(name) <= _LONGEST else f"analysis-{list(names).index(name) + 1}"


def name_faults(names: Sequence[str]) -> dict[str, str]:
    """What keeps names from being names of files, by name.

    Parameters
    ----------
    names : sequence of str
        Of all analyses of a file, in its order.

    Examples
    --------
    >>> name_faults(["Con", "mood", "Mood"])["Mood"]
    "'mood' and 'Mood' are one name of a file on Windows and macOS: rename one"
    """
    faults: dict[str, str] = {}
    first: dict[str, str] = {}
    files: dict[str, str] = {}
    for name in names:
        # Windows leaves dots and blanks at the end out, and takes what stands before the first dot.
        stem = name.partition(".")[0].strip()
        same = first.setdefault(_folded(name), name)
        file = file_name(name, names).casefold()
        taken = files.setdefault(file, name)
        if not name.strip():
            faults[name] = "an analysis needs a name: [analyses.NAME]"
        elif _DEVICE.fullmatch(stem):
            faults[name] = f"Windows opens no file called {stem!r}: choose another name, such as {stem + '_'!r}"
        elif name != name.strip() or name.endswith("."):
            faults[name] = f"a name neither begins nor ends with a blank, nor ends with a dot: {name.strip(' .')!r}"
        elif same != name:
            faults[name] = f"{same!r} and {name!r} are one name of a file on Windows and macOS: rename one"
        elif taken != name:
            faults[name] = f"the files of {taken!r} are called {file}, too: rename one"
    return faults


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
