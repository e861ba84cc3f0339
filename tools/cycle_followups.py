"""Measure how often what is read off cycles is called something where there is nothing, and whether intervals cover.

    python tools/cycle_followups.py --minutes 5
    python tools/cycle_followups.py --list

Cells: ``vigilance:PHI:T`` (rated answers that react to falls and to rises of warmth alike, both slow),
``bond_trend:PHI:NOISE`` (attachment without a trend, 112 beeps, irregular warm spells, share of error of measurement),
``bond_moderation:N`` (no product of intermittency and power in N dyads, spread unequal), ``persistence:RUNS`` (a
half-life of three beeps after RUNS warm runs, answers rated), ``triggers:LAW`` (200 beeps of a cycle with fitted
phases; occurrences at random, or in spells, or more often in the evening, that have nothing to do with the end of
warmth). Rates: ``wrong`` is the share of p-values up to .05, ``covered`` that of 95 % intervals with the truth,
``dated`` that of series that get a half-life. One JSON file per cell in ``tools/results/followups``, written as the run
goes on, so that it can be stopped and taken up again.
"""

import argparse
import fnmatch
import math
import os
import sys
import time
from pathlib import Path

# Before numpy is loaded: one process, one thread.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.stored_cells import ROOT, in_words, proportion, read, save  # noqa: E402

RESULTS = ROOT / "tools" / "results" / "followups"
COMMAND = "python tools/cycle_followups.py"
SEED = 20261129
WANTED = 1000
CELLS = (
    *(f"vigilance:{phi}:{n}" for phi in ("0.3", "0.7") for n in (100, 200)),
    *(f"bond_trend:{phi}:{noise}" for phi in ("0.5", "0.8") for noise in ("0.0", "0.4")),
    *(f"bond_moderation:{n}" for n in (20, 60)),
    *(f"persistence:{runs}" for runs in (10, 20)),
    *(f"triggers:{law}" for law in ("random", "spells", "evening")),
)
PER_DAY = 4
HALF_LIFE = 3.0


def slow(rng, n, phi):
    """A first-order autoregression of variance 1."""
    import numpy as np

    values = rng.standard_normal(n)
    for t in range(1, n):
        values[t] = phi * values[t - 1] + math.sqrt(1 - phi**2) * values[t]
    return np.asarray(values)


def rated(values):
    """Answers from 1 to 7."""
    import numpy as np

    return np.clip(np.rint(4 + 1.5 * (values - values.mean()) / values.std()), 1, 7)


def vigilance(rng, phi, n):
    import numpy as np

    from reldyn.cycles.consequences._vigilance import slopes_of_change
    from reldyn.cycles.series._series import DirectionSeries

    phi, n = float(phi), int(n)
    warmth = rated(slow(rng, n, phi))
    change = np.diff(warmth, prepend=warmth[0])
    response = rated(-0.4 * change + 0.2 * warmth + slow(rng, n, phi))
    beep = np.arange(n) % PER_DAY
    found = slopes_of_change(
        DirectionSeries.from_arrays(np.column_stack([warmth, response]), day=np.arange(n) // PER_DAY, beep=beep)
    )
    return {"p_value": round(found["p_value"], 5), "covered": bool(found["conf_low"] <= 0 <= found["conf_high"])}


def bond_trend(rng, phi, noise):
    import numpy as np

    from reldyn.cycles.consequences._bond import _trend
    from reldyn.cycles.series._series import DirectionSeries

    n, share = 112, float(noise)
    # Four daytime beeps and a night of three intervals: errors run on through the night.
    clock = np.arange(n) + 2 * (np.arange(n) // PER_DAY)
    errors = slow(rng, int(clock[-1]) + 1, float(phi))[clock]
    attachment = math.sqrt(1 - share) * errors + math.sqrt(share) * rng.standard_normal(n)
    warm = np.repeat(np.arange(n) % 2, rng.geometric(0.25, size=n))[:n].astype(float)
    series = DirectionSeries.from_arrays(
        np.column_stack([warm, attachment]), day=np.arange(n) // PER_DAY, beep=np.arange(n) % PER_DAY
    )
    found = _trend(series, warm, ())
    return {"p_value": round(found["p_value"], 5), "covered": bool(found["conf_low"] <= 0 <= found["conf_high"])}


def bond_moderation(rng, n):
    import numpy as np
    import pandas as pd

    import reldyn as rd

    n = int(n)
    table = pd.DataFrame({"dyad": np.arange(n), "cv": rng.gamma(4.0, 0.25, n), "gap": rng.standard_normal(n)})
    spread = 0.5 + 0.3 * table["gap"].abs()
    table["bond"] = 0.4 * table["cv"] + 0.3 * table["gap"] + spread * rng.standard_normal(n)
    row = rd.cycles.bond_moderation(table, attachment="bond", intermittency="cv", power="gap").iloc[-1]
    return {"p_value": round(float(row["p_value"]), 5), "covered": bool(row["conf_low"] <= 0 <= row["conf_high"])}


def persistence(rng, runs):
    import numpy as np

    from reldyn.cycles.consequences._persistence import half_life

    elapsed, response, run = [], [], []
    for number in range(int(runs)):
        since = np.arange(1, rng.integers(4, 17), dtype=float)
        decay = 2 * 0.5 ** ((since - 1) / HALF_LIFE)
        elapsed.append(since)
        response.append(np.clip(np.rint(3 + decay + 0.8 * slow(rng, len(since), 0.5)), 1, 7))
        run.append(np.full(len(since), number))
    found = half_life(*map(np.concatenate, (elapsed, response, run)), np.zeros((sum(map(len, run)), 0)))
    dated = math.isfinite(found[0])
    return {"dated": dated, "covered": bool(found[1] <= HALF_LIFE <= found[2]) if dated else None}


def triggers(rng, law):
    import dataclasses

    import numpy as np

    from reldyn.cycles.consequences._triggers import run_trigger
    from reldyn.cycles.ladder._regimes import fit_phases
    from reldyn.cycles.series._series import DirectionSeries
    from reldyn.simulate._series import SeriesDesign, simulate_series

    batch = simulate_series(SeriesDesign("cycle", 200), [rng])
    day, beep = batch.grid.day, batch.grid.beep
    series = DirectionSeries.from_arrays(batch.values[0], day=day, beep=beep)
    if law == "spells":
        occurs = slow(rng, len(day), 0.8) > 0.85
    else:
        chance = np.where(beep == beep.max(), 0.5, 0.1) if law == "evening" else np.full(len(day), 0.2)
        occurs = rng.random(len(day)) < chance
    seed = np.random.SeedSequence(int(rng.integers(2**32)))
    fit = fit_phases(series, n_states=3, n_starts=3, seed=seed)
    told = dataclasses.replace(series, triggers=occurs[:, None].astype(float))
    found = run_trigger(told, fit, 0, "conflict", n_surrogates=99, seed=seed)
    tested = math.isfinite(found.p_value)
    covered = bool(found.conf_low <= 0 <= found.conf_high) if tested else None
    return {"p_value": round(found.p_value, 5) if tested else None, "covered": covered}


KINDS = {one.__name__: one for one in (vigilance, bond_trend, bond_moderation, persistence, triggers)}


def replicate(cell, index):
    """One record of a cell."""
    import numpy as np

    kind, *arguments = cell.split(":")
    return KINDS[kind](np.random.default_rng([SEED, CELLS.index(cell), index]), *arguments)


def summarise(records):
    """Shares with their Monte Carlo errors, over records that have an answer."""
    shares = {
        "wrong": [one["p_value"] <= 0.05 for one in records if one.get("p_value") is not None],
        "covered": [one["covered"] for one in records if one["covered"] is not None],
        "dated": [one["dated"] for one in records if "dated" in one],
    }
    return {name: proportion(sum(hits), len(hits)) for name, hits in shares.items() if hits}


def path_of(cell, folder):
    """Give the file of a cell."""
    return folder / (cell.replace(":", "__") + ".json")


def load(cell, folder):
    """Read what there is of a cell, or begin it."""
    stored = read(path_of(cell, folder))["cells"]
    return stored[0] if stored else {"records": [], "cpu_seconds": 0.0}


def run_cell(cell, *, many, deadline, folder):
    """Take a cell up where it was left, for so many records more."""
    before = load(cell, folder)
    records, started = before["records"], time.process_time()
    done = len(records)
    for index in range(done, min(done + many, WANTED)):
        if time.monotonic() > deadline:
            break
        records.append(replicate(cell, index))
    if len(records) == done:
        return
    seconds = round(before["cpu_seconds"] + time.process_time() - started, 2)
    counts = {"cell": cell, "wanted": WANTED, "done": len(records), "rates": summarise(records)}
    result = {**counts, "cpu_seconds": seconds, "records": records}
    save(path_of(cell, folder), [result], seed=SEED, command=COMMAND)


def tell(cells, folder):
    """Print one line per cell."""
    for cell in cells:
        found = load(cell, folder)
        print(f"{cell:24s} {in_words(found) if found['records'] else 'not run'}")


def main(arguments=None):
    """Run or list cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", default=["*"])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--most", type=int, default=10_000, help="replications per cell, where fewer are wanted")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args(arguments)
    cells = [cell for cell in CELLS if any(fnmatch.fnmatchcase(cell, pattern) for pattern in options.cells)]
    if not cells:
        raise SystemExit(f"no cell matches; cells are {', '.join(CELLS)}.")
    deadline = time.monotonic() + 60 * options.minutes
    if not options.list:
        # A tenth at a time, so that a short run leaves something in every cell.
        for _ in range(10):
            for cell in cells:
                many = math.ceil(min(WANTED, options.most) / 10)
                run_cell(cell, many=many, deadline=deadline, folder=options.results)
    tell(cells, options.results)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))
    main()
