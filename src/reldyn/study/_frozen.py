"""Whether everything that an earlier run was made of is still the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reldyn.errors import DataError
from reldyn.study._output import MANIFEST, files_of

__all__ = ["check_frozen"]

_COMPARED = {
    "data_sha256": "the data file",
    "study_sha256": "the study file",
    "numbers": "the key of the running numbers",
}


def check_frozen(target: Path, about: Mapping[str, Any]) -> None:
    """Refuse a run that would not be made of the same.

    Raises
    ------
    DataError
        There is no earlier run, or the data, the study file, the kernels or a version changed: all changes are named.
    """
    if files_of(target) is None:
        raise DataError(f"{target} holds no finished run that a frozen one could be held against: run without frozen.")
    earlier = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    changed = [f"{words} is another" for name, words in _COMPARED.items() if earlier.get(name) != about[name]]
    # The same function by compiled and by plain kernels differs in its last digits.
    was, now = (
        {"python": said.get("python"), "kernels": said.get("kernels"), **said.get("packages", {})}
        for said in (earlier, about)
    )
    changed += [
        f"{name} {was.get(name, 'not installed')} is now {now.get(name, 'not installed')}"
        for name in dict.fromkeys((*was, *now))
        if was.get(name) != now.get(name)
    ]
    if changed:
        raise DataError(
            f"{target}: the run is frozen, and not all is as it was: {'; '.join(changed)}. "
            "Restore it, or run without frozen."
        )
