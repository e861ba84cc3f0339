"""Write the goldens, or hold two of them side by side.

``python -m tools.goldens write FILE`` computes every analysis of `calls` and writes one row per number; ``python -m
tools.goldens compare OLD NEW`` says what differs, bit for bit; with ``--relative 1e-10`` up to rounding. Values that
may differ are named in ``expected_changes.toml``.
"""

from __future__ import annotations

import argparse
import sys
import time
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reldyn.results import TableResult
from tools.goldens.calls import CALLS

HERE = Path(__file__).parent
STORED = HERE / "goldens.csv.gz"
COLUMNS = ["analysis", "table", "key", "column", "value"]


def tables(found: Any) -> dict[str, pd.DataFrame]:
    """Name the tables of an answer: a frame is one by itself."""
    if isinstance(found, pd.DataFrame):
        return {"tidy": found}
    if isinstance(found, TableResult):
        return {"tidy": found.tidy()}
    return {"tidy": found.tidy(), "glance": found.glance()}


def rows(analysis: str, found: Any) -> Iterator[tuple[str, str, str, str, str]]:
    """One row per number; text is left out, since words may be mended."""
    for table, frame in tables(found).items():
        for column in frame.columns:
            values = frame[column]
            if not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)):
                continue
            numbers = values.to_numpy(dtype=float, na_value=np.nan)
            for place, value in enumerate(numbers):
                yield analysis, table, f"{place:04d}", str(column), repr(float(value))


def compute(names: list[str] | None = None) -> pd.DataFrame:
    """Every number of the chosen analyses, or of all."""
    found = []
    for name in names or list(CALLS):
        began = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found += list(rows(name, CALLS[name]()))
        took = time.process_time() - began
        if took > 3:
            print(f"{name}: {took:.1f} s", file=sys.stderr)
    return pd.DataFrame(found, columns=COLUMNS).sort_values(COLUMNS[:4], ignore_index=True)


def read(path: Path = STORED) -> pd.DataFrame:
    """The rows of a golden file."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def expected() -> list[dict[str, str]]:
    """What may differ: analysis, and where given table and column."""
    changes: list[dict[str, str]] = tomllib.loads((HERE / "expected_changes.toml").read_text(encoding="utf-8")).get(
        "change", []
    )
    return changes


def tolerances() -> dict[str, float]:
    """How far numbers of searched optima may differ between machines, by analysis."""
    found: dict[str, float] = tomllib.loads((HERE / "expected_changes.toml").read_text(encoding="utf-8")).get(
        "searched", {}
    )
    return found


def differences(old: pd.DataFrame, new: pd.DataFrame, relative: float = 0.0, *, searched: bool = False) -> pd.DataFrame:
    """Rows of which only one file has a number, or whose numbers differ.

    ``searched`` allows for the machine: where a search stops depends on the last digits of its linear algebra.
    """
    both = old.merge(new, on=COLUMNS[:4], how="outer", suffixes=("_old", "_new"))
    first, second = (pd.to_numeric(both[f"value_{side}"], errors="coerce").to_numpy() for side in ("old", "new"))
    same = (both["value_old"] == both["value_new"]).to_numpy()
    if relative:
        # A number that is zero but for rounding is compared on the scale of one.
        allowed = both["analysis"].map(tolerances()).fillna(relative).to_numpy(float) if searched else relative
        with np.errstate(invalid="ignore"):
            near = np.abs(first - second) <= allowed * np.maximum(1e-2, np.maximum(np.abs(first), np.abs(second)))
        same = same | near
    unlike = both[~same]
    for change in expected():
        allowed = pd.Series(True, index=unlike.index)
        for field in COLUMNS[:4]:
            if field in change:
                allowed &= unlike[field] == change[field]
        unlike = unlike[~allowed]
    return unlike


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["write", "compare"])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--relative", type=float, default=0.0)
    parser.add_argument("--searched", action="store_true", help="allow for where searches stop on another machine")
    given = parser.parse_args()
    if given.verb == "write":
        target = given.files[0] if given.files else STORED
        compute().to_csv(target, index=False, lineterminator="\n", compression={"method": "gzip", "mtime": 0})
        return 0
    new = read(given.files[1]) if len(given.files) > 1 else compute()
    unlike = differences(read(given.files[0] if given.files else STORED), new, given.relative, searched=given.searched)
    print(unlike.to_string(max_rows=200) if len(unlike) else "no number differs")
    return int(len(unlike) > 0)


if __name__ == "__main__":
    sys.exit(main())
