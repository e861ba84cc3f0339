"""Measure how often the claims of `reldyn.detect_cycles` are made where they are false, and where they are true.

    python -m tools.calibration.cycles run --tiers 1 --minutes 60
    python -m tools.calibration.cycles run --cells "cycle_15:*" --replications 400
    python -m tools.calibration.cycles list | check | ship

``run`` takes every cell up where it was left and saves it after each panel: it can be stopped at any time. A cell with
a bound stops once the one-sided 95 % limit of each bounded rate lies below .08, or one lower limit above it, after at
least 200 replications; a cell that ends above a bound is run once more with seeds of its own, and both are stored.
``list`` prints rates and what was not run, ``check`` looks for faults in the files, ``ship`` writes the counts that
verdicts look up into the package.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# Before numpy is loaded: one process, one thread.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from tools.calibration.cycles import store  # noqa: E402
from tools.calibration.cycles.cells import CELLS, STOP_AT, matching  # noqa: E402
from tools.calibration.cycles.replicate import (  # noqa: E402
    DIRECTIONS,
    detection_of,
    replicate,
    replicate_intervals,
    replicate_sample,
    replicate_shares,
)

FEWEST = 200
WORK = {
    "direction": (replicate, DIRECTIONS),
    "sample": (replicate_sample, 1),
    "interval": (replicate_intervals, 250),
    "share": (replicate_shares, DIRECTIONS),
}


def settled(cell, result):
    """Why a cell needs no more replications; empty where it does."""
    rates = [result["summary"].get(claim) for claim in cell.bounds]
    if cell.mix or not rates or result["summary"]["n"] < FEWEST or None in rates:
        return ""
    if all(rate["high"] < STOP_AT for rate in rates):
        return f"upper limits below {STOP_AT}"
    if any(rate["low"] > STOP_AT for rate in rates):
        return f"a lower limit above {STOP_AT}"
    return ""


def above(cell, result):
    """Whether a rate of a finished cell lies above its bound."""
    rates = result["summary"]
    return any(claim in rates and rates[claim]["rate"] > bound for claim, bound in cell.bounds.items())


def open_file(cell, stream, folder, n_surrogates):
    """What there is of a cell, or its beginning."""
    path, detection = store.path_of(cell.name, stream, folder), detection_of(cell, n_surrogates)
    if not path.is_file():
        return store.begin(cell, stream, detection)
    result = store.load(path)
    if result["procedure"] != store.PROCEDURE:
        raise SystemExit(f"{path.name} is of procedure {result['procedure']}: move it to the archive.")
    if result["detection"] != detection:
        raise SystemExit(f"{path.name} was run with {result['detection']}: move it to the archive.")
    return result


def run_cell(cell, *, stream, wanted, n_surrogates, deadline, folder, run):
    """Take a cell up where it was left; returns it, and whether it is done."""
    result = open_file(cell, stream, folder, n_surrogates)
    result["wanted"] = wanted
    work, size = WORK[cell.unit]
    panels = 1 if cell.unit == "sample" else 4
    while (n := result["summary"]["n"]) < wanted and not settled(cell, result):
        if time.monotonic() > deadline:
            return result, False
        starts = range(n, min(n + panels * size, wanted), size)
        tasks = [(cell.name, stream, at, min(size, wanted - at), result["detection"]) for at in starts]
        for records, seconds in run(work, tasks):
            store.append(result, records, seconds)
        result["stopped"] = settled(cell, result)
        store.save(result, folder)
    return result, True


def run_cells(cells, options, run):
    """Run cells in order, each that ends above a bound once more with other seeds."""
    deadline = time.monotonic() + 60 * options.minutes
    settings = {"n_surrogates": options.surrogates, "deadline": deadline, "folder": options.results, "run": run}
    for cell in cells:
        wanted = options.replications or cell.wanted
        result, done = run_cell(cell, stream=options.stream, wanted=wanted, **settings)
        if done and options.stream == "fresh" and above(cell, result):
            run_cell(cell, stream="rerun", wanted=wanted, **settings)
        print(line_of(cell, result), flush=True)


def line_of(cell, result):
    """One line about a cell."""
    rates = {name: rate for name, rate in result["summary"].items() if name != "n"}
    shown = "  ".join(
        f"{name} {rate['rate']:.3f} [{rate['low']:.3f}, {rate['high']:.3f}]" for name, rate in rates.items()
    )
    n = result["summary"]["n"]
    return f"{cell.name:32s} {result['stream']:8s} n {n:4d}  {shown}  {result['cpu_seconds'] / max(n, 1):.2f} s each"


def list_cells(cells, folder):
    """Print rates, and the cells without any."""
    files = store.stored(folder)
    for cell in cells:
        own = [result for result in files if result["cell"] == cell.name]
        for result in own:
            print(line_of(cell, result))
    absent = [cell.name for cell in cells if all(result["cell"] != cell.name for result in files)]
    print(f"not run ({len(absent)} of {len(cells)}): {', '.join(absent) or 'none'}")


def check(folder):
    """Print what is wrong with stored cells; returns their number."""
    wrong = 0
    for path in sorted(folder.glob("*.json")):
        result = store.load(path)
        found = store.faults(result)
        if not found and path != store.path_of(result["cell"], result["stream"], folder):
            found = ["the name of the file is that of another cell"]
        if not found and result["cell"] not in CELLS:
            found = ["the cell is unknown"]
        wrong += bool(found)
        for fault in found:
            print(f"{path.name}: {fault}")
    return wrong


def main(arguments=None):
    """Run, list, check or ship."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("run", "list", "check", "ship"))
    parser.add_argument("--cells", nargs="+", default=["*"])
    parser.add_argument("--tiers", nargs="+", type=int, default=[1, 2, 3, 4])
    parser.add_argument("--stream", choices=("building", "fresh"), default="fresh")
    parser.add_argument("--replications", type=int, help="instead of those that a cell wants")
    parser.add_argument("--surrogates", type=int, default=99)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--processes", type=int, choices=(1, 2), default=1)
    parser.add_argument("--results", type=Path, default=store.FOLDER)
    options = parser.parse_args(arguments)
    if options.action == "check":
        return int(check(options.results) > 0)
    if options.action == "ship":
        from tools.calibration.cycles import ship

        return ship.write(options.results)
    cells = matching(options.cells, options.tiers)
    if options.action == "list":
        list_cells(cells, options.results)
    elif options.processes == 1:
        run_cells(cells, options, map)
    else:
        with ProcessPoolExecutor(options.processes) as pool:
            run_cells(cells, options, pool.map)
    return 0


if __name__ == "__main__":
    sys.exit(main())
