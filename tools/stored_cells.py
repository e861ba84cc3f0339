"""Keep cells of a simulation in a file: shards that were run once are never run again, and a stopped run goes on.

A shard depends on the seed, its cell's name and its number only. Each tool says what a shard does and how the shards of
a cell add up.
"""

import functools
import json
import platform
import subprocess
import time
import zlib
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def generator(seed, name, number):
    """Random numbers of one shard."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), number])


@functools.cache
def about(seed, packages=("numpy", "scipy", "pandas")):
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    versions = {name: version(name) for name in packages}
    return {"seed": seed, "commit": commit, "python": platform.python_version(), "versions": versions}


def load(path):
    """Shards by cell; empty where nothing is stored."""
    if not path.is_file():
        return {}
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {cell["cell"]: [dict(zip(cell["shards"], row, strict=True)) for row in _rows(cell)] for cell in cells}


def _rows(cell):
    return zip(*cell["shards"].values(), strict=True)


def fill(path, names, wanted, *, seed, shard, summary, minutes=None):
    """Run every missing shard of the cells named, and write the file after each.

    ``wanted`` is the number of shards of every cell; ``shard(name, number)`` gives a dict of sums, ``summary(name,
    shards)`` the figures of a cell. Commits are those under which the shards of a cell were run.
    """
    begun, cells = time.monotonic(), load(path)
    for name in names:
        shards = cells.setdefault(name, [])
        while len(shards) < wanted and (minutes is None or time.monotonic() - begun < 60 * minutes):
            start = time.process_time()
            told = shard(name, len(shards))
            shards.append({**told, "cpu_seconds": round(time.process_time() - start, 2)})
            write(path, {one: done for one, done in cells.items() if done}, seed=seed, summary=summary)
        print(f"{name}: {len(shards)} shards, {sum(one['cpu_seconds'] for one in shards):.0f} s", flush=True)


def write(path, cells, *, seed, summary):
    told = [
        {"cell": name, **summary(name, shards), "shards": {key: [one[key] for one in shards] for key in shards[0]}}
        for name, shards in cells.items()
    ]
    head = json.dumps(about(seed), indent=1)[:-2]
    # A line per cell: shards laid out in full would be thousands of lines.
    text = head + ',\n "cells": [\n' + ",\n".join(json.dumps(cell) for cell in told) + "\n]}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def share(count, n):
    """A rate with its Monte Carlo error."""
    rate = count / n if n else float("nan")
    return rate, float(np.sqrt(rate * (1 - rate) / n)) if n else float("nan")
