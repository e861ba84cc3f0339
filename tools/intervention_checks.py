"""Measure false positives and power of `interrupted_series`, as shipped, on daily diaries without and with a change.

Usage: python tools/intervention_checks.py [--replications 2000]
Series are autoregressions of 28 days before and 28 days after a start, continuous or rounded to seven points with an
SD of 1.3. The two members of a dyad are drawn independently, so that every series is a replication. Power of a
continuous series is read from the same fits: estimate and limits move with a planted change, and nothing else does.
Finished cells are kept in benchmarks/results/intervention_checks.json: a run that was stopped goes on where it was;
delete the file to begin anew.
"""

import argparse
import json
import platform
import subprocess
import time
import warnings
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import reldyn as rd

ROOT = Path(__file__).resolve().parents[1]
STORED = ROOT / "benchmarks" / "results" / "intervention_checks.json"
SEED = 20261123
PHASES = (28, 28)
PHIS = (0.3, 0.5, 0.7)
# Changes of level, in SD of a person's days, whose power is told.
SIZES = (0.5, 1.0, 1.5, 2.0)
CELLS = [
    *product(("bootstrap",), ("level-and-slope", "level"), PHIS, ("continuous", "seven points")),
    *product(("kenward-roger",), ("level-and-slope", "level"), PHIS, ("continuous",)),
]
KEYS = ("inference", "change", "phi", "scale")


def draw(phi, scale, replications, seed):
    """Panel of half as many dyads as replications, and its values (replications, days)."""
    generator, days = np.random.default_rng(seed), sum(PHASES)
    shocks = generator.standard_normal((replications, days))
    values = shocks.copy()
    for day in range(1, days):
        values[:, day] = phi * values[:, day - 1] + np.sqrt(1 - phi**2) * shocks[:, day]
    if scale == "seven points":
        values = np.clip(np.rint(4 + 1.3 * values), 1, 7)
    person = np.repeat(np.arange(replications), days)
    day = np.tile(np.arange(days), replications)
    rows = pd.DataFrame({"dyad": person // 2, "person": person, "role": np.where(person % 2, "b", "a"), "day": day})
    rows = rows.assign(phase=np.where(day < PHASES[0], "before", "since"), y=values.ravel())
    return rd.DyadPanel(rows, dyad="dyad", person="person", role="role", time="day"), values


def cell(inference, change, phi, scale, replications):
    seed = np.random.SeedSequence([SEED, round(100 * phi), scale == "continuous"])
    panel, values = draw(phi, scale, replications, seed)
    n_boot = 999 if inference == "bootstrap" else 99
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = rd.intervention.interrupted_series(
            panel, outcome="y", phase="phase", change=change, inference=inference, n_boot=n_boot, seed=SEED
        )
    seconds = time.process_time() - start
    told = fit.tidy()
    level = told[told["effect"] == "level change"]
    reach = ((level["conf_high"] - level["conf_low"]) / 2).to_numpy()
    estimate = level["estimate"].to_numpy()
    naive = stats.ttest_ind(values[:, : PHASES[0]], values[:, PHASES[0] :], axis=1, equal_var=False).pvalue
    found = {
        **dict(zip(KEYS, (inference, change, phi, scale), strict=True)),
        "replications": replications,
        "n_boot": n_boot,
        "not_fitted": int(level["p_value"].isna().sum()),
        "false_positives_level": rate(level["p_value"] <= 0.05),
        "false_positives_slope": rate(told.loc[told["effect"] == "slope change", "p_value"] <= 0.05),
        "false_positives_welch_t": rate(naive <= 0.05),
        "mcse": float(np.sqrt(0.05 * 0.95 / replications)),
        "median_phi": float(fit.models["phi"].median()),
        "phi_identified": rate(fit.models["phi_identified"]),
        "commit": commit(),
        "cpu_seconds": round(seconds, 1),
    }
    if scale == "continuous":
        found["power"] = {str(size): rate(np.abs(estimate + size) > reach) for size in SIZES}
    if scale == "continuous" and inference == "bootstrap":
        stated = fit.models["detectable"].to_numpy()
        found["median_detectable"] = float(np.median(stated))
        found["power_at_median_detectable"] = rate(np.abs(estimate + np.median(stated)) > reach)
        # Each series states a change of its own; what holds of a reader's series is the mean over them.
        found["power_at_stated_change"] = float(np.mean([rate(np.abs(estimate + one) > reach) for one in stated]))
    return found


def rate(flags):
    flags = np.asarray(flags, dtype=float)
    return float(flags.mean()) if len(flags) else None


def commit():
    asked = ["git", "rev-parse", "HEAD"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def about():
    return {
        "seed": SEED,
        "days": PHASES,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "scipy", "pandas")},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=2000)
    replications = parser.parse_args().replications
    stored = json.loads(STORED.read_text(encoding="utf-8")) if STORED.is_file() else {"cells": []}
    for key in CELLS:  # the bootstrap first: it is the default, and ten times as fast
        done = {tuple(told[name] for name in KEYS) for told in stored["cells"] if told["replications"] >= replications}
        if key in done:
            continue
        told = cell(*key, replications)
        kept = [other for other in stored["cells"] if tuple(other[name] for name in KEYS) != key]
        stored = {**about(), "cells": [*kept, told]}
        STORED.parent.mkdir(parents=True, exist_ok=True)
        STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8", newline="\n")
        print(
            f"{', '.join(map(str, key))}: level {told['false_positives_level']:.4f}, "
            f"slope {told['false_positives_slope']}, {told['cpu_seconds']} s"
        )


if __name__ == "__main__":
    main()
