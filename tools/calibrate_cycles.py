"""Measure how often the claims of the cycle ladder are made where they are false, and where they are true.

    python tools/calibrate_cycles.py --cells "linear:200:none" "cycle:*:none" --replications 400 --minutes 30

A cell is KIND:OCCASIONS:MISSING; ``*`` stands for all. Every replication is one simulated direction with its own
seed, so a run can be stopped and taken up again: results are kept in ``tools/results/cycles``, one JSON file per
cell, written after every few replications. Without ``--cells`` all cells are run, in order of importance, each to
``--replications``, until ``--minutes`` are over. ``--list`` tells which cells have results.

A direction counts as intermittent when the p-values of regimes and of irregular timing are both at most .05, as
directed when those of regimes and of direction are. Irregular timing and direction are tested only where regimes
are found (their p-values are null otherwise), irregular timing also for the rhythms, of which the verdict *rhythm*
is wanted too. A test stops at the exceedance that puts its p-value above .05 for good: rates at .05 are those of a run
that goes on, p-values above .05 are rougher. Results carry the number of the procedure; those of an older one are not
taken up.
"""

import argparse
import fnmatch
import json
import math
import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Before numpy is loaded: one process, one thread.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "tools" / "results" / "cycles"
SCHEMA_VERSION = 2
# Raised whenever a change of the tests makes stored rates those of another procedure.
PROCEDURE = 2
ALPHA = 0.05
SEED = 20261124
CHUNK = 10

# Arguments of the simulator, and whether rejecting is an error, a success, or whether the verdict is a rhythm.
KINDS = {
    "linear": ({"kind": "linear"}, "null"),
    "floor": ({"kind": "floor"}, "null"),
    "oscillator": ({"kind": "oscillator"}, "null"),
    "noisy_linear_8_6": ({"kind": "noisy_linear", "phi": 0.8, "reliability": 0.6}, "null"),
    "noisy_linear_9_5": ({"kind": "noisy_linear", "phi": 0.9, "reliability": 0.5}, "null"),
    "level_shift": ({"kind": "level_shift"}, "null"),
    "skewed_shocks": ({"kind": "skewed_shocks"}, "null"),
    "rhythm": ({"kind": "rhythm"}, "rhythm"),
    "jittered_15": ({"kind": "jittered_rhythm", "sojourn_cv": 0.15}, "rhythm"),
    "jittered_25": ({"kind": "jittered_rhythm", "sojourn_cv": 0.25}, "rhythm"),
    "drifting_16_4": ({"kind": "drifting_rhythm"}, "rhythm"),
    "drifting_weekly": ({"kind": "drifting_rhythm", "period": 28.0}, "rhythm"),
    "drifting_sine": ({"kind": "drifting_rhythm", "shape": "sine"}, "rhythm"),
    "cycle": ({"kind": "cycle"}, "power"),
    "alternation": ({"kind": "alternation"}, "power"),
    "cycle_8": ({"kind": "cycle", "period": 8.0}, "power"),
    "cycle_28": ({"kind": "cycle", "period": 28.0}, "power"),
    "cycle_ar_6": ({"kind": "cycle", "phi": 0.6}, "power"),
}
OCCASIONS = (200, 100, 400)
MISSING = {
    "none": {},
    "random": {"missing": 0.3, "missing_pattern": "random"},
    "bursts": {"missing": 0.3, "missing_pattern": "bursts"},
}
FIELDS = {
    "schema_version",
    "procedure",
    "cell",
    "role",
    "simulator",
    "n_occasions",
    "alpha",
    "n_surrogates",
    "seed",
    "replications",
    "summary",
    "versions",
    "commits",
    "cpu_seconds",
}


def all_cells():
    """Name every cell, the important ones first."""
    return [f"{kind}:{length}:{missing}" for missing in MISSING for length in OCCASIONS for kind in KINDS]


def chosen_cells(patterns):
    """Match patterns such as ``cycle:*:none``; complain about those that match nothing."""
    cells = all_cells()
    chosen = [cell for cell in cells if any(fnmatch.fnmatchcase(cell, pattern) for pattern in patterns)]
    for pattern in patterns:
        if not fnmatch.filter(cells, pattern):
            raise SystemExit(f"no cell matches {pattern!r}; cells are KIND:OCCASIONS:MISSING, e.g. {cells[0]}.")
    return chosen


def decisive(n_surrogates):
    """Exceedances after which no p-value can be .05 or less."""
    return max(math.floor(ALPHA * (n_surrogates + 1) + 1e-9), 1)


def replicate(task):
    """Simulate one direction and test it; returns the record and the CPU time."""
    import numpy as np

    from reldyn.cycles.ladder._directed import assess_directed
    from reldyn.cycles.ladder._irregular import assess_irregular
    from reldyn.cycles.ladder._periodic import assess_periodic
    from reldyn.cycles.ladder._regimes import assess_regimes
    from reldyn.cycles.series._series import DirectionSeries
    from reldyn.simulate import SeriesDesign, simulate_series

    cell, index, n_surrogates = task
    stop_after = decisive(n_surrogates)
    started = time.process_time()
    kind, length, missing = cell.split(":")
    arguments, role = KINDS[kind]
    design = SeriesDesign(n_occasions=int(length), **arguments, **MISSING[missing])
    # The same dyads under every missing pattern, other dyads in every kind and length.
    root = np.random.SeedSequence([SEED, list(KINDS).index(kind), int(length), index])
    data, regimes, irregular, periodic, directed = root.spawn(5)
    batch = simulate_series(design, [np.random.default_rng(data)])
    day = batch.grid.day
    series = DirectionSeries.from_arrays(batch.values[0], day=day, beep=batch.grid.beep, weekend=(day - 1) % 7 >= 5)
    first = assess_regimes(series, n_surrogates=n_surrogates, seed=regimes, stop_after=stop_after)
    record = {
        "index": index,
        "p_regimes": first.p_value,
        "null_order": first.detail["null_order"],
        "dwell_regimes": first.detail["shortest_dwell"],
        "p_irregular": None,
        "p_periodic": None,
        "p_directed": None,
        "n_phases": None,
        "shortest_dwell": None,
        "cv_high": None,
    }
    if first.p_value <= ALPHA or role == "rhythm":
        second = assess_irregular(series, n_surrogates=n_surrogates, seed=irregular, stop_after=stop_after)
        record |= {
            "p_irregular": second.p_value,
            "n_phases": second.detail["n_states"],
            "shortest_dwell": second.detail["shortest_dwell"],
            "cv_high": second.conf_high,
        }
    if first.p_value <= ALPHA and role != "rhythm":
        record["p_directed"] = assess_directed(
            series, n_surrogates=n_surrogates, seed=directed, stop_after=stop_after
        ).p_value
    if role == "rhythm":
        record["p_periodic"] = assess_periodic(
            series, n_surrogates=n_surrogates, seed=periodic, stop_after=stop_after
        ).p_value
    return record, time.process_time() - started


def intermittent(record):
    """Both claims at once."""
    return record["p_regimes"] <= ALPHA and record["p_irregular"] is not None and record["p_irregular"] <= ALPHA


def directed(record):
    """Phases, and a direction among three."""
    return record["p_regimes"] <= ALPHA and record["p_directed"] is not None and record["p_directed"] <= ALPHA


def rhythmic(record):
    """Regimes or a period, no irregular timing, sojourns surely regular."""
    found = record["p_regimes"] <= ALPHA or record["p_periodic"] <= ALPHA
    return found and not intermittent(record) and record["cv_high"] < 0.40


def summarise(records, role):
    """Rates with their Monte Carlo errors; an upper limit where nothing happened."""
    summary = {"n": len(records)}
    rates = {
        "regimes": [record["p_regimes"] <= ALPHA for record in records],
        "intermittent": [intermittent(record) for record in records],
    }
    if role == "rhythm":
        rates["rhythm"] = [rhythmic(record) for record in records]
    else:
        rates["directed"] = [directed(record) for record in records]
    for name, hits in rates.items():
        rate = sum(hits) / max(len(hits), 1)
        summary[name] = rate
        summary[f"{name}_mcse"] = math.sqrt(rate * (1 - rate) / max(len(hits), 1))
        summary[f"{name}_high"] = upper_limit(sum(hits), len(hits))
    return summary


def upper_limit(hits, n):
    """Upper end of the exact 95 % interval of a proportion (Clopper & Pearson, 1934)."""
    from scipy.stats import beta

    return 1.0 if hits >= n else float(beta.ppf(0.975, hits + 1, n - hits))


def versions():
    """Versions of everything that could move a number."""
    found = {"python": platform.python_version()}
    for name in ("numpy", "scipy", "numba", "reldyn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "source" if name == "reldyn" else "absent"
    return found


def commit():
    """Name the commit of the code, marked when the sources differ from it."""

    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    return (git("rev-parse", "HEAD") or "unknown") + ("+changes" if git("status", "--porcelain", "--", "src") else "")


def path_of(cell, folder):
    """Give the file of a cell."""
    return folder / (cell.replace(":", "__") + ".json")


def load(cell, folder, n_surrogates):
    """Read what there is of a cell, or begin it."""
    path = path_of(cell, folder)
    if path.exists():
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored.get("procedure") != PROCEDURE:
            raise SystemExit(f"{path.name} is of another procedure: remove it.")
        if stored["n_surrogates"] == n_surrogates:
            return stored
        raise SystemExit(f"{path.name} was run with {stored['n_surrogates']} surrogates: remove it or use as many.")
    kind, length, missing = cell.split(":")
    arguments, role = KINDS[kind]
    return {
        "schema_version": SCHEMA_VERSION,
        "procedure": PROCEDURE,
        "cell": cell,
        "role": role,
        "simulator": arguments | MISSING[missing],
        "n_occasions": int(length),
        "alpha": ALPHA,
        "n_surrogates": n_surrogates,
        "seed": SEED,
        "replications": [],
        "summary": {},
        "versions": versions(),
        "commits": [],
        "cpu_seconds": 0.0,
    }


def save(result, folder):
    """Write a cell in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(result["cell"], folder)
    draft = path.with_suffix(".tmp")
    # One replication per line: a longer run then changes few lines.
    lines = ",\n".join("  " + json.dumps(record) for record in result["replications"])
    text = json.dumps(result | {"replications": []}, indent=1).replace(
        '"replications": []', f'"replications": [\n{lines}\n ]'
    )
    draft.write_text(text + "\n", encoding="utf-8", newline="\n")
    draft.replace(path)


def run_cell(cell, *, replications, n_surrogates, deadline, folder, run):
    """Take a cell up where it was left."""
    result = load(cell, folder, n_surrogates)
    here = commit()
    while len(result["replications"]) < replications and time.monotonic() < deadline:
        start = len(result["replications"])
        tasks = [(cell, index, n_surrogates) for index in range(start, min(start + CHUNK, replications))]
        for record, seconds in run(replicate, tasks):
            result["replications"].append(record)
            result["cpu_seconds"] = round(result["cpu_seconds"] + seconds, 2)
        result["summary"] = summarise(result["replications"], result["role"])
        result["commits"] = sorted({*result["commits"], here})
        result["versions"] = versions()
        save(result, folder)
    return result


def tell(cells, folder):
    """Print one line per cell."""
    for cell in cells:
        path = path_of(cell, folder)
        if not path.exists():
            print(f"{cell:32s} not run")
            continue
        result = json.loads(path.read_text(encoding="utf-8"))
        rates = result["summary"]
        shown = "  ".join(
            f"{name} {rates[name]:.3f} (<= {rates[name + '_high']:.3f})"
            for name in ("regimes", "intermittent", "rhythm", "directed")
            if name in rates
        )
        seconds = result["cpu_seconds"] / max(rates["n"], 1)
        print(f"{cell:32s} n {rates['n']:4d}  {shown}  {seconds:.2f} s each")


def main(arguments=None):
    """Run or list cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", default=["*"])
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--surrogates", type=int, default=199)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--processes", type=int, choices=(1, 2), default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args(arguments)
    cells = chosen_cells(options.cells)
    if options.list:
        tell(cells, options.results)
        return
    settings = {
        "replications": options.replications,
        "n_surrogates": options.surrogates,
        "deadline": time.monotonic() + 60 * options.minutes,
        "folder": options.results,
    }
    if options.processes == 1:
        for cell in cells:
            run_cell(cell, run=map, **settings)
    else:
        with ProcessPoolExecutor(options.processes) as pool:
            for cell in cells:
                run_cell(cell, run=pool.map, **settings)
    tell(cells, options.results)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))
    main()
