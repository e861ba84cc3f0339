"""Measure how cycle claims do when dyads share phases, and how often the interval of the prevalence covers.

    python tools/calibrate_shared_cycles.py --cells "linear:half:100" --samples 20 --minutes 30
    python tools/calibrate_shared_cycles.py --prevalence

A cell is KIND:MIX:OCCASIONS. A sample holds 50 dyads with one direction each; MIX says how many are of KIND, a kind
without intermittent cycles: ``half`` (25), ``most`` (30) or ``all`` (50). The others are cycles whose effect is drawn
evenly from 1 to 2. Phases are learned as ``pooling="auto"`` learns them, guard included; where the guard objects, every
dyad is tested by itself. Results are kept in ``tools/results/cycles_shared``, one JSON file per cell, written after
every sample, so that a run can be stopped and taken up again. Errors are over independent samples: the dyads of one
sample share a lesson. ``--list`` tells which cells have results.
"""

import argparse
import fnmatch
import json
import math
import os
import sys
import time
from pathlib import Path

# Before numpy is loaded: one process, one thread.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

sys.path.insert(0, str(Path(__file__).resolve().parent))
from calibrate_cycles import ALPHA, KINDS, ROOT, commit, decisive, versions  # noqa: E402

RESULTS = ROOT / "tools" / "results" / "cycles_shared"
SCHEMA_VERSION = 1
SEED = 20261124
N_DYADS = 50
MIXES = {"half": 25, "most": 30, "all": 50}
MOSTLY = ("skewed_shocks", "noisy_linear_9_5", "rhythm")
NULLS = [kind for kind, (_, role) in KINDS.items() if role in ("null", "rhythm")]
OCCASIONS = (100, 200)
FIRST = ("linear", "skewed_shocks", "noisy_linear_9_5", "rhythm")


def all_cells():
    """Name every cell, the important ones first."""
    kinds = [*FIRST, *(kind for kind in NULLS if kind not in FIRST)]
    cells = [f"{kind}:{mix}:{length}" for length in OCCASIONS for mix in MIXES for kind in kinds]
    return [cell for cell in cells if cell.split(":")[1] != "most" or cell.split(":")[0] in MOSTLY]


def simulate_sample(cell, index):
    """Simulate the directions of one sample: whether each is a cycle, and its series."""
    import numpy as np

    from reldyn.cycles.series._series import DirectionSeries
    from reldyn.simulate._series import SeriesDesign, simulate_series

    kind, mix, length = cell.split(":")
    root = np.random.SeedSequence([SEED, list(KINDS).index(kind), list(MIXES).index(mix), int(length), index])
    found = []
    for place, child in enumerate(root.spawn(N_DYADS)):
        rng = np.random.default_rng(child)
        cyclic = place >= MIXES[mix]
        arguments = {"kind": "cycle", "effect": rng.uniform(1, 2)} if cyclic else KINDS[kind][0]
        batch = simulate_series(SeriesDesign(n_occasions=int(length), **arguments), [rng])
        day = batch.grid.day
        weekend = (day - 1) % 7 >= 5
        series = DirectionSeries.from_arrays(batch.values[0], day=day, beep=batch.grid.beep, weekend=weekend)
        found.append((cyclic, series))
    return found, root


def replicate(cell, index, n_surrogates):
    """Test every dyad of one sample; returns the record."""
    from reldyn.cycles.ladder._irregular import assess_irregular
    from reldyn.cycles.ladder._regimes import assess_regimes
    from reldyn.cycles.ladder._shared import learn
    from reldyn.cycles.ladder._shared_tests import assess_shared_irregular, assess_shared_regimes
    from reldyn.stats import child_seed

    started = time.process_time()
    stop_after = decisive(n_surrogates)
    sample, root = simulate_sample(cell, index)
    series = [one for _, one in sample]
    shared = learn(series, range(len(series)), n_states=(2, 3), seed=child_seed(root, 10_000))
    counts = {"cycle": [0, 0, 0], "null": [0, 0, 0]}
    for place, ((cyclic, one), lesson) in enumerate(zip(sample, shared.lessons, strict=True)):
        seeds = [child_seed(root, 20_000 + place, claim) for claim in (1, 2)]
        if lesson is None:
            first = assess_regimes(one, n_surrogates=n_surrogates, seed=seeds[0], stop_after=stop_after)
        else:
            first = assess_shared_regimes(one, lesson, n_surrogates=n_surrogates, seed=seeds[0], stop_after=stop_after)
        both = first.p_value <= ALPHA
        if both:
            if lesson is None:
                second = assess_irregular(one, n_surrogates=n_surrogates, seed=seeds[1], stop_after=stop_after)
            else:
                second = assess_shared_irregular(
                    one, lesson, n_surrogates=n_surrogates, seed=seeds[1], stop_after=stop_after
                )
            both = second.p_value <= ALPHA
        count = counts["cycle" if cyclic else "null"]
        count[0] += 1
        count[1] += int(first.p_value <= ALPHA)
        count[2] += int(both)
    return {
        "index": index,
        "shared": shared.used,
        "gain": round(shared.gain, 2),
        "n_states": sorted({lesson.phases.n_states for lesson in shared.lessons if lesson is not None}),
        "cycle": counts["cycle"],
        "null": counts["null"],
        "seconds": round(time.process_time() - started, 1),
    }


def summarise(records):
    """Rates per dyad with errors over samples."""
    summary = {"samples": len(records), "shared": sum(record["shared"] for record in records)}
    for name in ("cycle", "null"):
        kept = [record[name] for record in records if record[name][0]]
        if not kept:
            continue
        for place, claim in ((1, "regimes"), (2, "intermittent")):
            rates = [count[place] / count[0] for count in kept]
            mean = sum(rates) / len(rates)
            spread = sum((rate - mean) ** 2 for rate in rates) / max(len(rates) - 1, 1)
            summary[f"{name}_{claim}"] = round(mean, 4)
            summary[f"{name}_{claim}_mcse"] = round(math.sqrt(spread / len(rates)), 4) if len(rates) > 1 else None
    return summary


def path_of(cell, folder):
    """Give the file of a cell."""
    return folder / (cell.replace(":", "__") + ".json")


def load(cell, folder, n_surrogates):
    """Read what there is of a cell, or begin it."""
    path = path_of(cell, folder)
    if path.exists():
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["n_surrogates"] == n_surrogates:
            return stored
        raise SystemExit(f"{path.name} was run with {stored['n_surrogates']} surrogates: remove it or use as many.")
    return {
        "schema_version": SCHEMA_VERSION,
        "cell": cell,
        "n_dyads": N_DYADS,
        "n_null": MIXES[cell.split(":")[1]],
        "alpha": ALPHA,
        "n_surrogates": n_surrogates,
        "seed": SEED,
        "samples": [],
        "summary": {},
        "versions": versions(),
        "commits": [],
    }


def save(path, result, rows):
    """Write a file in one step, one row per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join("  " + json.dumps(row) for row in result[rows])
    text = json.dumps(result | {rows: []}, indent=1).replace(f'"{rows}": []', f'"{rows}": [\n{lines}\n ]', 1)
    draft = path.with_suffix(".tmp")
    draft.write_text(text + "\n", encoding="utf-8", newline="\n")
    draft.replace(path)


def run_cell(cell, *, samples, n_surrogates, deadline, folder):
    """Take a cell up where it was left."""
    result = load(cell, folder, n_surrogates)
    here = commit()
    while len(result["samples"]) < samples and time.monotonic() < deadline:
        result["samples"].append(replicate(cell, len(result["samples"]), n_surrogates))
        result["summary"] = summarise(result["samples"])
        result["commits"] = sorted({*result["commits"], here})
        result["versions"] = versions()
        save(path_of(cell, folder), result, "samples")


def cover(n_dyads, prevalence_, power, agreement, replications, root):
    """Share of intervals that cover a prevalence; two directions per dyad that agree in kind more than by chance."""
    import numpy as np

    from reldyn.cycles._sample_level import prevalence

    rng = np.random.default_rng(root)
    dyads = np.repeat(np.arange(n_dyads), 2).tolist()
    hits = {"with_power": 0, "without_power": 0}
    for _ in range(replications):
        kind = rng.random((n_dyads, 2)) < prevalence_
        kind[:, 1] = np.where(rng.random(n_dyads) < agreement, kind[:, 0], kind[:, 1])
        found = np.where(kind, rng.random((n_dyads, 2)) < power, rng.random((n_dyads, 2)) < ALPHA).ravel()
        p_values = np.where(found, 0.01, 0.5)
        for name, known in (("with_power", [power] * len(dyads)), ("without_power", None)):
            limits = prevalence(p_values, dyads, alpha=ALPHA, power=known)
            hits[name] += int(limits.conf_low <= prevalence_ <= limits.conf_high)
    return {name: count / replications for name, count in hits.items()}


def run_prevalence(folder, replications):
    """Measure the coverage of the interval of the prevalence over sample sizes, powers and agreements."""
    rows = []
    for n_dyads in (20, 50, 100):
        for true in (0.0, 0.1, 0.3, 0.5):
            for power in (0.3, 0.65, 0.9):
                for agreement in (0.0, 0.5):
                    root = [SEED, n_dyads, int(1000 * true), int(1000 * power), int(1000 * agreement)]
                    found = cover(n_dyads, true, power, agreement, replications, root)
                    rows.append(
                        {"n_dyads": n_dyads, "prevalence": true, "power": power, "agreement": agreement} | found
                    )
    least = min(min(row["with_power"], row["without_power"]) for row in rows)
    result = {
        "schema_version": SCHEMA_VERSION,
        "alpha": ALPHA,
        "level": 0.95,
        "seed": SEED,
        "replications": replications,
        "cells": rows,
        "least_coverage": least,
        "mcse_at_95": round(math.sqrt(0.95 * 0.05 / replications), 4),
        "versions": versions(),
        "commits": [commit()],
    }
    save(folder / "prevalence.json", result, "cells")
    print(f"least coverage {least:.3f} over {len(rows)} cells of {replications}")


def tell(cells, folder):
    """Print one line per cell."""
    for cell in cells:
        path = path_of(cell, folder)
        if not path.exists():
            print(f"{cell:32s} not run")
            continue
        print(f"{cell:32s} {json.loads(path.read_text(encoding='utf-8'))['summary']}")


def main(arguments=None):
    """Run or list cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", default=["*"])
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--surrogates", type=int, default=99)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--prevalence", action="store_true", help="measure the interval of the prevalence instead")
    parser.add_argument("--replications", type=int, default=1000, help="of the prevalence")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args(arguments)
    if options.prevalence:
        run_prevalence(options.results, options.replications)
        return
    cells = [cell for cell in all_cells() if any(fnmatch.fnmatchcase(cell, pattern) for pattern in options.cells)]
    if not cells:
        raise SystemExit(f"no cell matches; cells are KIND:MIX:OCCASIONS, e.g. {all_cells()[0]}.")
    deadline = time.monotonic() + 60 * options.minutes
    if not options.list:
        # Turn by turn, so that a short run leaves something in every cell.
        for samples in range(1, options.samples + 1):
            for cell in cells:
                run_cell(
                    cell,
                    samples=samples,
                    n_surrogates=options.surrogates,
                    deadline=deadline,
                    folder=options.results,
                )
    tell(cells, options.results)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))
    main()
