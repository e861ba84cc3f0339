"""Check that a folder follows the Psych-DS layout: names, description, and columns that are all described."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

_KEYWORDS = ("study", "site", "subject", "session", "task", "condition", "trial", "stimulus", "description")
_DATA_NAME = re.compile(rf"^(?:(?:{'|'.join(_KEYWORDS)})-[A-Za-z0-9]+_)+data\.csv$")


def check_psych_ds(folder: str | Path) -> list[str]:
    """List every departure from the layout, each a sentence; an empty list means none was found."""
    folder = Path(folder)
    described, problems = _described(folder / "dataset_description.json")
    files = sorted((folder / "data").rglob("*.csv")) if (folder / "data").is_dir() else []
    if not files:
        problems.append("data/ holds no CSV file.")
    seen: set[str] = set()
    for path in files:
        columns, found = _data_file(path)
        problems += found
        problems += [
            f"{path.name}: column {name!r} is not in variableMeasured." for name in columns if name not in described
        ]
        seen.update(columns)
    problems += [
        f"variableMeasured names {name!r}, which no data file has." for name in described if files and name not in seen
    ]
    return problems


def _described(path: Path) -> tuple[list[str], list[str]]:
    if not path.is_file():
        return [], ["dataset_description.json is missing."]
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        return [], [f"dataset_description.json is not JSON in UTF-8: {error}."]
    problems = []
    if "schema.org" not in str(content.get("@context", "")):
        problems.append("dataset_description.json: @context does not name schema.org.")
    if content.get("@type") != "Dataset":
        problems.append("dataset_description.json: @type is not 'Dataset'.")
    problems += [
        f"dataset_description.json: {key} is missing."
        for key in ("name", "description", "variableMeasured")
        if not content.get(key)
    ]
    variables = content.get("variableMeasured") or []
    names = [item.get("name", "") if isinstance(item, dict) else str(item) for item in variables]
    problems += [f"variableMeasured names {name!r} twice." for name in sorted({n for n in names if names.count(n) > 1})]
    return names, problems


def _data_file(path: Path) -> tuple[list[str], list[str]]:
    problems = []
    if not _DATA_NAME.match(path.name):
        problems.append(f"{path.name}: not named key-value_..._data.csv with the keywords {', '.join(_KEYWORDS)}.")
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            table = csv.reader(lines)
            header = next(table, [])
            ragged = [number for number, row in enumerate(table, start=2) if len(row) != len(header)]
    except UnicodeDecodeError:
        return [], [*problems, f"{path.name}: not UTF-8."]
    if not header:
        problems.append(f"{path.name}: empty.")
    if ragged:
        problems.append(f"{path.name}: {len(ragged)} lines do not have {len(header)} fields, first line {ragged[0]}.")
    problems += [
        f"{path.name}: column {name!r} occurs twice." for name in sorted({n for n in header if header.count(n) > 1})
    ]
    return header, problems


if __name__ == "__main__":
    found = check_psych_ds(sys.argv[1])
    print("\n".join(found) if found else "follows the Psych-DS layout")
    sys.exit(bool(found))
