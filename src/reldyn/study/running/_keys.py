"""The key of an analysis: a hash of all that its result hangs on. Equal keys, equal results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reldyn._kernels import chosen_kernels
from reldyn.study._config import StudyFile
from reldyn.study._manifest import fingerprint
from reldyn.study.asking import Request, in_order

__all__ = ["data_keys", "step_keys", "versions_of"]

# Libraries that numbers and figures come from.
_LIBRARIES = ("reldyn", "numpy", "scipy", "pandas", "statsmodels", "pingouin", "seaborn", "matplotlib")
# What the files of an analysis look like; another number when that changes.
_FORM = 3
_SECTIONS = {"data", "columns", "wide", "schedule", "scales", "prepare"}


def versions_of(packages: Mapping[str, str]) -> dict[str, str]:
    """Versions and kernels that results hang on."""
    kernels = chosen_kernels()
    named = {name: packages[name] for name in _LIBRARIES}
    return named | {"kernels": kernels} | ({"numba": packages["numba"]} if kernels == "numba" else {})


def data_keys(file: StudyFile, data_sha256: str, numbers: str | None = None) -> dict[str, Any]:
    """What all analyses hang on: the data and what is done to them first."""
    return {
        "sections": _in_order(file.model_dump(include=_SECTIONS)),
        "data": data_sha256,
        "anonymised": file.report.anonymise,
        "numbers": numbers,
        "dyads": file.report.dyads,
    }


def step_keys(requests: Sequence[Request], common: Mapping[str, Any], versions: Mapping[str, str]) -> dict[str, str]:
    """The key of each analysis, which holds the keys of those that it refers to."""
    keys: dict[str, str] = {}
    for one in in_order(requests):
        keys[one.name] = fingerprint(
            {
                "form": _FORM,
                "verb": one.verb,
                "options": {option: _in_order(value) for option, value in one.options.items()},
                "references": {option: keys[name] for option, name in one.references.items()},
                "versions": versions,
                **common,
            }
        )
    return keys


def _in_order(value: Any) -> Any:
    """A value with its tables as lists: terms come in the order in which a table names them."""
    if isinstance(value, Mapping):
        return {"table": [[name, _in_order(item)] for name, item in value.items()]}
    return list(map(_in_order, value)) if isinstance(value, (list, tuple)) else value
