"""Measure how often the test behind `dynamics.shrinkage` finds a trend in series that have none.

Usage: python tools/trend_checks.py [--replications 1000]
Measures of diversity are stood in for by Gaussian autoregressions; numbers of contacts by Poisson counts around 5 whose
log mean is an autoregression with an SD of .5, so that they vary more than Poisson counts and forget faster than their
means. Finished cells are kept in benchmarks/results/trend_checks.json: a run that was stopped goes on where it was;
delete the file to begin anew.
"""

import argparse
import json
import platform
import time
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
from intervention_checks import commit, rate

from reldyn.dynamics._trend import trend

ROOT = Path(__file__).resolve().parents[1]
STORED = ROOT / "benchmarks" / "results" / "trend_checks.json"
SEED = 20261128
CELLS = list(product(("numbers", "counts"), (14, 28, 56), (0.0, 0.3, 0.6, 0.8)))
KEYS = ("kind", "windows", "phi")


def draw(kind, n, phi, replications, generator):
    values = generator.standard_normal((replications, n))
    for place in range(1, n):
        values[:, place] = phi * values[:, place - 1] + np.sqrt(1 - phi**2) * values[:, place]
    return values if kind == "numbers" else generator.poisson(5 * np.exp(0.5 * values)).astype(float)


def cell(kind, n, phi, replications):
    generator = np.random.default_rng([SEED, n, round(100 * phi), kind == "counts"])
    design = np.column_stack([np.ones(n), np.arange(n) - (n - 1) / 2])
    offset = np.zeros(n) if kind == "counts" else None
    start = time.process_time()
    found = [trend(y, design, np.arange(float(n)), offset=offset) for y in draw(kind, n, phi, replications, generator)]
    return {
        **dict(zip(KEYS, (kind, n, phi), strict=True)),
        "replications": replications,
        "false_positives": rate([one.p_value <= 0.05 for one in found]),
        "mcse": float(np.sqrt(0.05 * 0.95 / replications)),
        "mean_autocorrelation": float(np.mean([one.autocorrelation for one in found])),
        "commit": commit(),
        "cpu_seconds": round(time.process_time() - start, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=1000)
    replications = parser.parse_args().replications
    stored = json.loads(STORED.read_text(encoding="utf-8")) if STORED.is_file() else {"cells": []}
    for key in CELLS:
        done = {tuple(told[name] for name in KEYS) for told in stored["cells"] if told["replications"] >= replications}
        if key in done:
            continue
        told = cell(*key, replications)
        kept = [other for other in stored["cells"] if tuple(other[name] for name in KEYS) != key]
        about = {
            "seed": SEED,
            "python": platform.python_version(),
            "versions": {name: version(name) for name in ("numpy", "scipy", "statsmodels")},
        }
        stored = {**about, "cells": [*kept, told]}
        STORED.parent.mkdir(parents=True, exist_ok=True)
        STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8", newline="\n")
        print(f"{kind_of(told)}: {told['false_positives']:.4f}, {told['cpu_seconds']} s")


def kind_of(told):
    return f"{told['kind']}, {told['windows']} windows, phi {told['phi']}"


if __name__ == "__main__":
    main()
