"""The demo on two workers, with numpy alone and with compiled kernels: what ``python dev.py demo`` computes.

Usage: python -m benchmarks.demo

Processor seconds of the whole process with its workers, and wall seconds. On a machine that does other work at the
same time wall seconds say little; processor seconds are also divided by the two workers. Compiled kernels are cached by
an unmeasured detection before, as they are for everybody after the first run.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._machine import store

WORKERS = 2
GOAL_SECONDS = 180.0


def run_demo(kernels, folder):
    """Return processor and wall seconds of a fresh demo, and what it prints without the last line."""
    environment = {**os.environ, "RELDYN_KERNELS": kernels, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "reldyn", "demo", "--output", str(Path(folder) / kernels)]
    before, began = _children(), time.perf_counter()
    done = subprocess.run(command, env=environment, check=True, capture_output=True, encoding="utf-8")
    wall = time.perf_counter() - began
    return _children() - before, wall, done.stdout.splitlines()[:-1]


def _children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compile_kernels():
    """Let every kernel be compiled, and cached on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        run_demo("numba", folder)


def main():
    compile_kernels()
    figures, seconds = [], {}
    plain = {"goal": "", "met": "no goal"}
    for kernels in ("numba", "numpy"):
        with tempfile.TemporaryDirectory() as folder:
            seconds[kernels], wall, lines = run_demo(kernels, folder)
        figures.append({"figure": f"{kernels}, processor seconds", "measured": seconds[kernels], **plain})
        share = seconds[kernels] / WORKERS
        row = {"figure": f"{kernels}, processor seconds per core of {WORKERS}", "measured": share}
        figures.append({**row, "goal": f"at most {GOAL_SECONDS:g}", "met": bool(share <= GOAL_SECONDS)})
        figures.append({"figure": f"{kernels}, wall seconds", "measured": wall, "lines": lines, **plain})
    row = {"figure": "numpy over numba, processor seconds", "measured": seconds["numpy"] / seconds["numba"]}
    figures.append({**row, **plain})
    store(
        "demo",
        title="The demo",
        says="reldyn demo on 10 couples of the sample study: affect, synchrony, actor-partner model, cycles, report.",
        figures=figures,
    )


if __name__ == "__main__":
    main()
