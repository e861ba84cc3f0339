"""Measure how often `asymmetry` finds what is not there, and what is.

Usage: python tools/coupling_checks.py [--replications 300]
Pairs follow a first-order vector autoregression that runs on through a night of three steps, four beeps a day, each on
a daily rhythm of amplitude .6; in the cells called "lagged rhythm" the second member lives it one beep later. Finished
shards of 100 pairs are kept in tools/results/coupling_checks.json: a run that was stopped goes on where it was;
delete the file to begin anew.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import reldyn as rd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.stored_cells import ROOT, fill, proportion

STORED = ROOT / "tools" / "results" / "coupling_checks.json"
COMMAND = "python tools/coupling_checks.py"
SEED = 20261123
SHARD = 100
BEEPS, NIGHT = 4, 3
INERTIA, CORRELATION, AMPLITUDE = 0.3, 0.3, 0.6
RHYTHM = {"cross": (0.0, 0.0), "lag": 1}
# Planted: effects first to second and back, beeps by which the second's rhythm lags, share missing, reliability.
CELLS = {
    "power, 30 % missing": {"cross": (0.25, 0.0), "missing": 0.3, "occasions": (400, 200)},
    "lagged rhythm": {**RHYTHM, "occasions": (400, 200, 100, 56)},
    "lagged rhythm, 30 % missing": {**RHYTHM, "missing": 0.3, "occasions": (400, 100)},
    "power": {"cross": (0.25, 0.0), "occasions": (400, 200)},
    "lagged rhythm left in": {**RHYTHM, "time_of_day": False, "occasions": (400,)},
    "second member with reliability .6": {
        "cross": (0.2, 0.2),
        "reliability": (1.0, 0.6),
        "check": True,
        "occasions": (400, 200),
    },
    "second member with reliability .6, known": {
        "cross": (0.2, 0.2),
        "reliability": (1.0, 0.6),
        "known": {"a": 1.0, "b": 0.6},
        "occasions": (400,),
    },
    "power with error in both, checked": {
        "cross": (0.4, 0.0),
        "reliability": (0.8, 0.8),
        "check": True,
        "occasions": (400,),
    },
}


LENGTHS = {f"{name}, {n} occasions": (name, n) for name, setting in CELLS.items() for n in setting["occasions"]}


def draw(generator, n_occasions, *, cross, lag=0, missing=0.0, reliability=(1.0, 1.0)):
    """One pair, (n_occasions, 2)."""
    matrix = np.array([[INERTIA, cross[1]], [cross[0], INERTIA]])
    root = np.linalg.cholesky([[1, CORRELATION], [CORRELATION, 1]])
    state, values = np.zeros(2), np.empty((n_occasions, 2))
    for place in range(-30, n_occasions):
        for _ in range(NIGHT if place % BEEPS == 0 else 1):
            state = matrix @ state + root @ generator.standard_normal(2)
        if place >= 0:
            values[place] = state
    spread = np.sqrt(np.diag(_stationary(matrix, root @ root.T)))
    share = np.asarray(reliability)
    values += generator.standard_normal(values.shape) * spread * np.sqrt((1 - share) / share)
    beep = np.arange(n_occasions) % BEEPS
    values += AMPLITUDE * np.cos(2 * np.pi * (beep[:, None] - np.array([0, lag])) / BEEPS)
    values[generator.random(values.shape) < missing] = np.nan
    return values


def _stationary(matrix, noise):
    return np.linalg.solve(np.eye(4) - np.kron(matrix, matrix), noise.ravel()).reshape(2, 2)


def shard(cell, number):
    """Counts over SHARD pairs: fitted, p < .05, p < .05 towards the first member, p < .05 and the check holds."""
    name, n_occasions = LENGTHS[cell]
    setting = {key: value for key, value in CELLS[name].items() if key != "occasions"}
    known, check = setting.pop("known", None), setting.pop("check", False)
    time_of_day = setting.pop("time_of_day", True)
    generator = np.random.default_rng([SEED, list(CELLS).index(name), n_occasions, number])
    place = np.arange(n_occasions)
    frames = []
    for dyad in range(SHARD):
        values = draw(generator, n_occasions, **setting)
        for member, role in enumerate("ab"):
            cells = {"dyad": dyad, "role": role, "person": f"{dyad}{role}", "y": values[:, member]}
            frames.append(pd.DataFrame({"day": place // BEEPS, "beep": place % BEEPS, **cells}))
    roles = {"dyad": "dyad", "person": "person", "role": "role", "day": "day", "beep": "beep"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        panel = rd.DyadPanel(pd.concat(frames, ignore_index=True), **roles)
        found = rd.coupling.asymmetry(panel, "y", trend=False, check=check, reliability=known, time_of_day=time_of_day)
    rows = found.tidy()
    rows = rows[(rows["effect"] == "difference") & (rows["model"] != "latent") & (rows["dyad"] != "sample")]
    sure = (rows["p_value"] < 0.05).to_numpy()
    told = {
        "fitted": int(rows["p_value"].notna().sum()),
        "rejected": int(sure.sum()),
        "first_leads": int((sure & (rows["estimate"] > 0).to_numpy()).sum()),
        "estimate_sum": float(rows["estimate"].sum()),
    }
    if check:
        told["held"] = int((found.checks["verdict"] == "holds").sum())
        told["vanished"] = int((found.checks["verdict"] == "vanishes").sum())
    return told


def summary(cell, shards):
    """Add up the shards of one cell."""
    total = {key: sum(one[key] for one in shards) for key in shards[0]}
    n, counts = total["fitted"], {"rejected": "rejected", "first leads": "first_leads"}
    if "held" in total:
        counts |= {"rejected, and the check holds": "held", "rejected, and vanishes": "vanished"}
    rates = {name: proportion(total[key], n) for name, key in counts.items()}
    mean = {"mean_difference": total["estimate_sum"] / n}
    return {"setting": LENGTHS[cell][0], "n_occasions": LENGTHS[cell][1], "pairs": n, "rates": rates, **mean}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=300)
    wanted = -(-parser.parse_args().replications // SHARD)
    fill(STORED, LENGTHS, wanted, seed=SEED, command=COMMAND, shard=shard, summary=summary, size=SHARD)


if __name__ == "__main__":
    main()
