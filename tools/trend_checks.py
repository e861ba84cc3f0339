"""Measure how often the test behind `dynamics.shrinkage` finds a trend in series that have none.

Usage: python tools/trend_checks.py [--replications 1000]
Measures of diversity are stood in for by Gaussian autoregressions; numbers of contacts by Poisson counts around 5 whose
log mean is an autoregression with an SD of .5, so that they vary more than Poisson counts and forget faster than their
means. Finished cells are kept in tools/results/trend_checks.json: a run that was stopped goes on where it was;
delete the file to begin anew.
"""

import argparse
import sys
from itertools import product
from pathlib import Path

import numpy as np

from reldyn.dynamics._trend import trend

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.stored_cells import ROOT, proportion, run

STORED = ROOT / "tools" / "results" / "trend_checks.json"
COMMAND = "python tools/trend_checks.py"
SEED = 20261128
CELLS = list(product(("numbers", "counts"), (14, 28, 56), (0.0, 0.3, 0.6, 0.8)))
KEYS = ("kind", "windows", "phi")


def draw(kind, n, phi, replications, generator):
    values = generator.standard_normal((replications, n))
    for place in range(1, n):
        values[:, place] = phi * values[:, place - 1] + np.sqrt(1 - phi**2) * values[:, place]
    return values if kind == "numbers" else generator.poisson(5 * np.exp(0.5 * values)).astype(float)


def name_of(key):
    kind, n, phi = key
    return f"{kind}, {n} windows, phi {phi:g}"


def cell(key, replications):
    kind, n, phi = key
    generator = np.random.default_rng([SEED, n, round(100 * phi), kind == "counts"])
    design = np.column_stack([np.ones(n), np.arange(n) - (n - 1) / 2])
    offset = np.zeros(n) if kind == "counts" else None
    found = [trend(y, design, np.arange(float(n)), offset=offset) for y in draw(kind, n, phi, replications, generator)]
    return {
        "done": replications,
        **dict(zip(KEYS, key, strict=True)),
        "rates": {"false positives": proportion(sum(one.p_value <= 0.05 for one in found), replications)},
        "mean_autocorrelation": float(np.mean([one.autocorrelation for one in found])),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=1000)
    replications = parser.parse_args().replications
    run(STORED, {name_of(key): key for key in CELLS}, replications, seed=SEED, command=COMMAND, measure=cell)


if __name__ == "__main__":
    main()
