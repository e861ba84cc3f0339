"""One schema for stored simulations: this module writes, reads and checks the files of every tool but `cycles`.

A file holds ``schema`` ("simulation"), ``schema_version``, ``command`` (what runs it), ``seed``, ``versions``,
``commits`` (under which its cells were run) and ``cells``. A cell holds ``cell`` (its name, unique in the file),
``wanted`` and ``done`` (replications asked for and run), ``rates`` and whatever else its tool needs (design, figures
without an error, the records of its replications). A rate is a mapping: ``value``, ``mcse`` (its Monte Carlo error)
and, for a share of trials, their number ``n``.

`run` measures a whole cell at once. `fill` adds shards: parts that depend on the seed, the cell's name and their number
only, so that a stopped run goes on where it was; each tool says what a shard does and how the shards of a cell add up.
"""

import functools
import json
import math
import platform
import subprocess
import time
import zlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SCHEMA, SCHEMA_VERSION = "simulation", 1
HEAD = {
    **{"schema": str, "schema_version": int, "command": str, "seed": int, "versions": dict, "commits": list},
    "cells": list,
}
CELL = {"cell": str, "wanted": int, "done": int, "rates": dict}
_PACKAGES = ("numpy", "scipy", "pandas", "statsmodels", "numba", "reldyn")


def generator(seed, name, number):
    """Random numbers of one shard."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), number])


@functools.cache
def versions():
    """Versions of everything that could move a number."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "source" if name == "reldyn" else "absent"
    return found


@functools.cache
def commit():
    """The commit of the code, marked where the sources differ from it."""

    def git(*arguments):
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
        return done.stdout.strip()

    # The stored results themselves may differ from the commit.
    changed = git("status", "--porcelain", "--", "src", "tools/*.py", "tools/calibration/*.py")
    return (git("rev-parse", "HEAD") or "unknown") + ("-dirty" if changed else "")


# --- rates ----------------------------------------------------------------------------------------


def proportion(count, n):
    """A share of n trials, from how many there were."""
    return as_proportion(float(count) / n if n else None, n)


def as_proportion(value, n):
    """A share of n trials; the error is that of independent ones."""
    if value is None or not n:
        return {"value": None, "mcse": None, "n": int(n)}
    return {"value": float(value), "mcse": math.sqrt(max(value * (1 - value), 0.0) / n), "n": int(n)}


def average(values):
    """A mean over replications."""
    numbers = np.asarray(values, dtype=float)
    spread = numbers.std(ddof=1) / math.sqrt(len(numbers)) if len(numbers) > 1 else math.nan
    return as_average(float(numbers.mean()) if len(numbers) else math.nan, float(spread))


def as_average(value, mcse):
    """A mean whose error is known."""
    return {"value": value if math.isfinite(value) else None, "mcse": mcse if math.isfinite(mcse) else None}


# --- files ----------------------------------------------------------------------------------------


def read(path):
    """A stored file; one without cells where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"commits": [], "cells": []}


def load(path):
    """Shards by cell, for a tool that keeps them; empty where nothing is stored."""
    return {cell["cell"]: shards_of(cell) for cell in read(path)["cells"]}


def shards_of(cell):
    """The shards of a cell, one mapping each."""
    return [dict(zip(cell["shards"], row, strict=True)) for row in zip(*cell["shards"].values(), strict=True)]


def save(path, cells, *, seed, command):
    """Write a file in one step, a line per cell; commits and versions of what was stored before stay."""
    before = read(path)
    content = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "seed": seed,
        "versions": versions(),
        "commits": list(dict.fromkeys([*before["commits"], commit()])),
    }
    write(path, content | {"cells": cells})


def write(path, content):
    """Write the content of a file as it is."""
    head = json.dumps({name: value for name, value in content.items() if name != "cells"}, indent=1)[:-2]
    text = head + ',\n "cells": [\n' + ",\n".join(json.dumps(cell) for cell in content["cells"]) + "\n]}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(text, encoding="utf-8", newline="\n")
    draft.replace(path)


# --- runs -----------------------------------------------------------------------------------------


def run(path, cells, wanted, *, seed, command, measure):
    """Measure every cell that has not its replications yet, and write the file after each.

    ``cells`` maps names to whatever ``measure`` needs of them; ``measure(key, wanted)`` gives ``done``, ``rates`` and
    anything else. ``wanted`` is a number, or a function of the key. Cells that are no longer named stay.
    """
    stored = {cell["cell"]: cell for cell in read(path)["cells"]}
    commit()  # of the code as it is now, whatever is edited while this runs
    for name, key in cells.items():
        n = wanted(key) if callable(wanted) else wanted
        if name in stored and stored[name]["wanted"] >= n:
            continue
        start = time.process_time()
        told = measure(key, n)
        stored[name] = {"cell": name, "wanted": n, **told, "cpu_seconds": round(time.process_time() - start, 2)}
        save(path, list(stored.values()), seed=seed, command=command)
        print(f"{name}: {in_words(stored[name])}", flush=True)


def fill(path, names, wanted, *, seed, command, shard, summary, size=1, minutes=None):
    """Run every missing shard of the cells named, and write the file after each.

    ``wanted`` is the number of shards of every cell, each of ``size`` replications; ``shard(name, number)`` gives a
    dict of sums, ``summary(name, shards)`` the ``rates`` and other figures of a cell.
    """
    begun, cells = time.monotonic(), load(path)
    commit()
    for name in names:
        shards = cells.setdefault(name, [])
        while len(shards) < wanted and (minutes is None or time.monotonic() - begun < 60 * minutes):
            start = time.process_time()
            found = shard(name, len(shards))
            shards.append({**found, "cpu_seconds": round(time.process_time() - start, 2)})
            kept = [added_up(one, done, wanted, summary, size) for one, done in cells.items() if done]
            save(path, kept, seed=seed, command=command)
        print(f"{name}: {len(shards)} shards, {sum(one['cpu_seconds'] for one in shards):.0f} s", flush=True)


def added_up(name, shards, wanted, summary, size=1):
    """A cell from its shards."""
    done = len(shards)
    sums = {key: [one[key] for one in shards] for key in shards[0]}
    counts = {"wanted": size * max(wanted, done), "done": size * done}
    return {"cell": name, **counts, **summary(name, shards), "shards": sums}


def in_words(cell):
    """The rates of a cell on a line."""
    told = [
        f"{name} {rate['value']:.4f}" + (f" (+- {rate['mcse']:.4f})" if rate["mcse"] is not None else "")
        for name, rate in cell["rates"].items()
        if rate["value"] is not None
    ]
    return f"{', '.join(told[:4])}; {cell['done']} of {cell['wanted']}"


# --- checks ---------------------------------------------------------------------------------------


def faults(content):
    """What is wrong with a stored file, in words; empty where nothing is."""
    found = _faults_of_fields(content, HEAD, "the file")
    if found:
        return found
    if (content["schema"], content["schema_version"]) != (SCHEMA, SCHEMA_VERSION):
        found.append(f"schema {content['schema']!r} {content['schema_version']} is not {SCHEMA!r} {SCHEMA_VERSION}")
    if not {"python", "numpy"} <= set(content["versions"]):
        found.append("versions lack python or numpy")
    if not content["commits"] or not all(isinstance(one, str) and len(one) >= 12 for one in content["commits"]):
        found.append("a commit is missing")
    if not content["cells"]:
        found.append("no cell is stored")
    names = [cell.get("cell") for cell in content["cells"]]
    found += [f"{name} is stored twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    return found + [fault for cell in content["cells"] for fault in _faults_of_cell(cell)]


def _faults_of_cell(cell):
    name = str(cell.get("cell"))
    found = _faults_of_fields(cell, CELL, name)
    if found:
        return found
    if not 0 < cell["done"] <= cell["wanted"]:
        found.append(f"{name}: {cell['done']} replications of {cell['wanted']}")
    if not cell["rates"]:
        found.append(f"{name}: no rate")
    return found + [f"{name}: {fault}" for rate, said in cell["rates"].items() for fault in _faults_of_rate(rate, said)]


def _faults_of_rate(name, rate):
    if not {"value", "mcse"} <= set(rate) <= {"value", "mcse", "n"}:
        return [f"the rate {name!r} has {sorted(rate)}"]
    value, error, n = rate["value"], rate["mcse"], rate.get("n")
    if value is None or n is None:
        return [] if error is None or error >= 0 else [f"the error of {name!r} is negative"]
    if not 0 <= value <= 1:
        return [f"the share {name!r} is {value}"]
    right = error is not None and math.isclose(error, math.sqrt(value * (1 - value) / n), rel_tol=1e-6, abs_tol=1e-9)
    return [] if right else [f"the error of {name!r} is not that of {n} trials"]


def _faults_of_fields(given, fields, whose):
    found = [f"{whose}: {name} is missing" for name in fields if name not in given]
    return found + [
        f"{whose}: {name} is a {type(given[name]).__name__}, not a {kind.__name__}"
        for name, kind in fields.items()
        if name in given and not isinstance(given[name], kind)
    ]
