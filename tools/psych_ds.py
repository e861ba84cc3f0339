"""Check a folder against the rules of Psych-DS: its files, their names, the description, and the columns.

The rules stand in `psych_ds_rules.json`: what schema 1.5.0 of the standard (psych-DS, CC BY 4.0) says of required and
recommended elements, names of data files, keywords and fields of the description. `rules_of` takes them from the
schema itself. Keywords that the standard does not list are allowed, and are warnings.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RULES = Path(__file__).with_name("psych_ds_rules.json")
_DESCRIPTION = "dataset_description.json"
_NAMED = re.compile(r"([^-_.]+)-")


@dataclass(frozen=True, slots=True)
class Departure:
    """One departure from the standard: its code and level there, and a sentence."""

    code: str
    level: str
    message: str


def rules_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The rules that this check follows, from the schema of the standard."""
    files = schema["rules"]["files"]
    data = files["tabular_data"]["data"]["Datafile"]
    words = schema["objects"]["common_principles"]["keywords"]["description"].split("Keys are limited")[1]
    elements = {
        name: {
            "level": rule["level"],
            "code": rule["code"],
            "names": [rule["path"].strip("/")]
            if "path" in rule
            else [rule["stem"] + ending for ending in rule["extensions"]],
        }
        for name, rule in files["common"]["core"].items()
    }
    levels = {rule["code"]: rule["level"].strip(",") for rule in schema["rules"]["errors"].values() if "code" in rule}
    return {
        "elements": elements,
        "data": {key: data[key] for key in ("baseDir", "code", "extensions", "fileRegex", "level", "suffix")},
        "fields": schema["rules"]["compiled_metadata"]["CompiledMetadata"]["fields"],
        "keywords": re.findall(r"^\s*- (\w+)$", words, flags=re.MULTILINE),
        "levels": dict(sorted(levels.items())),
    }


def examine(folder: str | Path, rules: Mapping[str, Any] | None = None) -> list[Departure]:
    """List every departure of a folder from the rules, errors and warnings in the order of the standard's elements."""
    folder = Path(folder)
    rules = json.loads(RULES.read_text(encoding="utf-8")) if rules is None else rules
    found = list(_elements(folder, rules))
    described, more = _described(folder / _DESCRIPTION, rules)
    found += more
    base = folder / rules["data"]["baseDir"]
    files = sorted(path for path in base.rglob("*") if path.is_file()) if base.is_dir() else []
    tables = [path for path in files if path.suffix in rules["data"]["extensions"]]
    if not tables:
        found.append(Departure(rules["data"]["code"], rules["data"]["level"], "data/ holds no CSV file."))
    found += [
        _departure(rules, "FILE_NOT_CHECKED", f"{path.name}: no CSV file, so it is not checked.")
        for path in files
        if path not in tables and path.suffix != ".json"
    ]
    seen: set[str] = set()
    for path in tables:
        found += _file_name(path, rules)
        columns, more = _columns(path, rules)
        found += more
        found += [
            _departure(
                rules, "CSV_COLUMN_MISSING_FROM_METADATA", f"{path.name}: column {name!r} is not in variableMeasured."
            )
            for name in dict.fromkeys(columns)
            if name and name not in described
        ]
        seen.update(columns)
    found += [
        _departure(
            rules, "VARIABLE_MISSING_FROM_CSV_COLUMNS", f"variableMeasured names {name!r}, which no data file has."
        )
        for name in described
        if tables and name not in seen
    ]
    return found


def check_psych_ds(folder: str | Path) -> list[str]:
    """The errors of `examine`, each a sentence; an empty list means that the folder follows the standard."""
    return [departure.message for departure in examine(folder) if departure.level == "error"]


def _departure(rules: Mapping[str, Any], code: str, message: str) -> Departure:
    return Departure(code, rules["levels"][code], message)


def _elements(folder: Path, rules: Mapping[str, Any]) -> Iterator[Departure]:
    for name, rule in rules["elements"].items():
        if name != "data" and not any((folder / each).exists() for each in rule["names"]):
            yield Departure(rule["code"], rule["level"], f"{' or '.join(rule['names'])} is missing.")


def _described(path: Path, rules: Mapping[str, Any]) -> tuple[list[str], list[Departure]]:
    """Names of the variables in the description, and what is wrong with it."""
    if not path.is_file():
        return [], []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        return [], [_departure(rules, "JSON_ENCODING_ERROR", f"{path.name} is not UTF-8.")]
    except ValueError as error:
        return [], [_departure(rules, "INVALID_JSON_FORMATTING", f"{path.name} is not JSON: {error}.")]
    if not isinstance(content, dict):
        return [], [_departure(rules, "INVALID_JSON_FORMATTING", f"{path.name} holds no object.")]
    found = []
    if "schema.org" not in str(content.get("@context", "")):
        found.append(_departure(rules, "UNKNOWN_NAMESPACE", f"{path.name}: @context does not name schema.org."))
    kind = str(content.get("@type", ""))
    if kind.rpartition("/")[2] != "Dataset":
        code = "INCORRECT_DATASET_TYPE" if kind else "MISSING_DATASET_TYPE"
        found.append(_departure(rules, code, f"{path.name}: @type is not 'Dataset'."))
    for key, need in rules["fields"].items():
        if not content.get(key):
            code = "JSON_KEY_REQUIRED" if need == "required" else "JSON_KEY_RECOMMENDED"
            found.append(_departure(rules, code, f"{path.name}: {key} is missing."))
    variables = content.get("variableMeasured") or []
    names = [item.get("name", "") if isinstance(item, dict) else str(item) for item in variables]
    found += [
        Departure("VARIABLE_NAMED_TWICE", "error", f"variableMeasured names {name!r} twice.")
        for name in sorted({n for n in names if names.count(n) > 1})
    ]
    return names, found


def _file_name(path: Path, rules: Mapping[str, Any]) -> Iterator[Departure]:
    keywords = ", ".join(rules["keywords"])
    if not re.fullmatch(rules["data"]["fileRegex"], path.name):
        message = f"{path.name}: not named key-value_..._data.csv with keywords such as {keywords}."
        yield _departure(rules, "FILENAME_KEYWORD_FORMATTING_ERROR", message)
        return
    for keyword in _NAMED.findall(path.stem):
        if keyword not in rules["keywords"]:
            message = f"{path.name}: {keyword!r} is none of the official keywords ({keywords})."
            yield _departure(rules, "FILENAME_UNOFFICIAL_KEYWORD_WARNING", message)


def _columns(path: Path, rules: Mapping[str, Any]) -> tuple[list[str], list[Departure]]:
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            table = csv.reader(lines)
            header = next(table, [])
            rows = list(enumerate(table, start=2))
    except (UnicodeDecodeError, csv.Error):
        return [], [_departure(rules, "CSV_FORMATTING_ERROR", f"{path.name}: no CSV file in UTF-8.")]
    found = []
    if not header:
        found.append(_departure(rules, "CSV_HEADER_MISSING", f"{path.name}: empty."))
    if "" in header:
        found.append(_departure(rules, "CSV_HEADER_MISSING", f"{path.name}: a column has no name."))
    ragged = [number for number, row in rows if len(row) != len(header)]
    if ragged:
        message = f"{path.name}: {len(ragged)} lines do not have {len(header)} fields, first line {ragged[0]}."
        found.append(_departure(rules, "CSV_HEADER_LENGTH_MISMATCH", message))
    found += [
        _departure(rules, "CSV_HEADER_REPEATED", f"{path.name}: column {name!r} occurs twice.")
        for name in sorted({n for n in header if n and header.count(n) > 1})
    ]
    if "row_id" in header:
        place = header.index("row_id")
        ids = [row[place] for _, row in rows if len(row) > place]
        if len(set(ids)) < len(ids):
            found.append(_departure(rules, "ROWID_VALUES_NOT_UNIQUE", f"{path.name}: row_id is not unique."))
    return header, found


if __name__ == "__main__":
    departures = examine(sys.argv[1])
    for departure in departures:
        print(f"{departure.level}: {departure.message} [{departure.code}]")
    faults = [departure for departure in departures if departure.level == "error"]
    print("follows Psych-DS" if not faults else f"{len(faults)} errors")
    sys.exit(bool(faults))
