"""CPU seconds of `reldyn.detect_cycles` on the first dyads of the sample study, with and without compiled kernels.

Usage: python -m benchmarks.cycles_sample [--pairs 5] [--against TREE]

Defaults of the detection, 99 surrogates, one core, in a process of its own each time; a first run on two dyads compiles
the kernels or reads them from the cache. ``--against`` names another checkout, which is measured in turn with this one:
the ratio is the median over pairs. ``--whole`` measures all dyads with compiled kernels, and the first sixteen without,
once each. Figures that a run does not measure stay as they are stored.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks._machine import RESULTS, ROOT, record, store

ALL, DYADS, FEW = 140, 16, 2
GOAL, GOAL_OF_ALL, GOAL_WITHOUT_NUMBA = 20.0, 150.0, 900.0
RUN = """
import sys, time, warnings
warnings.simplefilter("ignore")
import reldyn as rd
sample = rd.load_sample()
names = list(sample.frame["dyad"].unique())
roles = {role: name for role, name in sample.columns.items() if name is not None}
def seconds(n):
    frame = sample.frame[sample.frame["dyad"].isin(names[:n])]
    panel = rd.DyadPanel(frame, **roles, scales=sample.scales)
    began = time.process_time()
    rd.detect_cycles(panel, warmth="warmth_received", response="longing", n_surrogates=99, seed=1)
    return time.process_time() - began
first = seconds(2)
print(seconds(int(sys.argv[1])))
"""


def measured(tree, n_dyads, kernels="numba"):
    """CPU seconds of one detection by the library of a checkout."""
    surroundings = {
        **os.environ,
        "PYTHONPATH": str(Path(tree) / "src"),
        "RELDYN_KERNELS": kernels,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", RUN, str(n_dyads)]
    done = subprocess.run(command, env=surroundings, capture_output=True, encoding="utf-8", check=True)
    return float(done.stdout.split()[-1])


def bounded(figure, seconds, goal):
    """A figure with the seconds that are wanted at most."""
    return {"figure": figure, "measured": seconds, "goal": f"at most {goal:g}", "met": bool(seconds <= goal)}


def whole():
    """Measure and store what takes minutes."""
    every = measured(ROOT, ALL)
    plain = measured(ROOT, DYADS, "numpy")
    keep(
        bounded(f"all {ALL} dyads, compiled kernels, CPU seconds", every, GOAL_OF_ALL),
        bounded(f"the first {DYADS} dyads, without numba, CPU seconds", plain, GOAL_WITHOUT_NUMBA),
    )


def keep(*figures):
    """Store figures, each with its commit and date, beside those of other runs."""
    made = {name: value for name, value in record().items() if name in ("commit", "date")}
    names = {one["figure"] for one in figures}
    file = RESULTS / "cycles_sample.json"
    others = json.loads(file.read_text(encoding="utf-8"))["figures"] if file.is_file() else []
    store(
        "cycles_sample",
        title="Detection of cycles in dyads of the sample study",
        says=(
            "rd.detect_cycles as called by a user, 99 surrogates, one core. Sixteen dyads with compiled kernels: the "
            "median of the runs; all others: one run."
        ),
        figures=[*({**one, **made} for one in figures), *(one for one in others if one["figure"] not in names)],
    )


def in_turn(pairs, against):
    """Measure this checkout and another in turn, and store the medians."""
    here, there = [], []
    for _ in range(pairs):
        here.append(measured(ROOT, DYADS))
        if against:
            there.append(measured(against, DYADS))
    plain = {"goal": "", "met": "no goal"}
    figures = [bounded(f"the first {DYADS} dyads, compiled kernels, CPU seconds", statistics.median(here), GOAL)]
    if there:
        ratio = statistics.median(other / own for own, other in zip(here, there, strict=True))
        figures.append({"figure": "CPU seconds of the other checkout over these", "measured": ratio, **plain})
    slow = measured(ROOT, FEW, "numpy")
    figures.append({"figure": f"the first {FEW} dyads, without numba, CPU seconds", "measured": slow, **plain})
    keep(*figures)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--against")
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    if options.whole:
        whole()
    else:
        in_turn(options.pairs, options.against)


if __name__ == "__main__":
    main()
