"""Measure how often intervals of averaged influence functions hold the truth.

Usage: python tools/influence_checks.py [--replications 200]
Dyads take turns with bilinear influence; inertia and both slopes differ between dyads with an SD of .1 (uniform, so
that no dyad runs away), or not at all. Every dyad is fitted by itself and the parameters of the first speaker are
averaged. Finished shards are kept in tools/results/influence_checks.json: a run that was stopped goes on where it
was; delete the file to begin anew.
"""

import argparse
import sys
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.stored_cells import ROOT, as_average, fill, generator, proportion

STORED = ROOT / "tools" / "results" / "influence_checks.json"
COMMAND = "python tools/influence_checks.py"
SEED = 20261201
SHARD = 50
PLANTED = {"constant": 0.2, "inertia": 0.35, "positive": 0.2, "negative": 0.35}
OTHER = {"constant": 0.1, "inertia": 0.3, "positive": 0.25, "negative": 0.3}
WAYS = ("mean", "random-effects")
CELLS = {
    f"{n_dyads} dyads x {n} turns, SD {spread}": (n_dyads, n, spread)
    for n_dyads, n, spread in ((20, 100, 0.1), (20, 300, 0.1), (20, 100, 0.0), (40, 100, 0.1))
}


def turns(rng, n_dyads, n, spread):
    """(n, n_dyads, 2): the second reacts to the first one's new score; errors have SD 1."""
    constant, inertia, positive, negative = (
        np.array([PLANTED[name], OTHER[name]])
        + (0 if name == "constant" else spread) * np.sqrt(3) * rng.uniform(-1, 1, (n_dyads, 2))
        for name in PLANTED
    )
    values = np.zeros((n + 20, n_dyads, 2))

    def reaction(member, own, partner):
        up, down = np.maximum(partner, 0), np.minimum(partner, 0)
        mean = constant[:, member] + inertia[:, member] * own + positive[:, member] * up + negative[:, member] * down
        return mean + rng.standard_normal(n_dyads)

    for t in range(1, len(values)):
        values[t, :, 0] = reaction(0, values[t - 1, :, 0], values[t - 1, :, 1])
        values[t, :, 1] = reaction(1, values[t - 1, :, 1], values[t, :, 0])
    return values[20:]


def one(name, rng):
    """(2 ways, 4 parameters, estimate minus truth and whether the interval holds it)"""
    import pandas as pd

    from reldyn.coupling.influence._average import averaged
    from reldyn.coupling.influence._fit import Shape, fit

    values = turns(rng, *CELLS[name])
    rows = []
    for dyad in range(values.shape[1]):
        own, partner = values[:, dyad].T
        found = fit(own[1:], own[:-1], partner[:-1], Shape("bilinear"))
        for parameter, error in zip(found.names, np.sqrt(np.diag(found.covariance)), strict=True):
            who = {"dyad": dyad, "receiver": "a", "parameter": parameter}
            rows.append({**who, "estimate": getattr(found.equation, parameter), "std_error": error})
    told = []
    for way in WAYS:
        table = averaged(pd.DataFrame(rows), ["a", "b"], way).query("receiver == 'a'").set_index("parameter")
        table = table.loc[list(PLANTED)]
        truth = np.array(list(PLANTED.values()))
        inside = (table["conf_low"].to_numpy() <= truth) & (truth <= table["conf_high"].to_numpy())
        told.append([table["estimate"].to_numpy(dtype=float) - truth, inside])
    return np.array(told, dtype=float).transpose(0, 2, 1)


def shard(name, number, size=SHARD):
    rng = generator(SEED, name, number)
    done = np.array([one(name, rng) for _ in range(size)])
    away = done[..., 0]
    return {
        "replications": size,
        "inside": done[..., 1].sum(axis=0).astype(int).tolist(),
        "away": [[float(f"{value:.8g}") for value in row] for row in away.sum(axis=0)],
        "away_squared": [[float(f"{value:.8g}") for value in row] for row in (away**2).sum(axis=0)],
    }


def summary(name, shards):
    n = sum(one["replications"] for one in shards)
    inside, away, squared = (np.sum([one[key] for one in shards], axis=0) for key in ("inside", "away", "away_squared"))
    rates = {}
    for (row, way), (column, parameter) in product(enumerate(WAYS), enumerate(PLANTED)):
        bias = float(away[row, column] / n)
        error = float(np.sqrt(max(squared[row, column] / n - bias**2, 0.0) / n))
        rates[f"coverage, {parameter}, {way}"] = proportion(int(inside[row, column]), n)
        rates[f"bias, {parameter}, {way}"] = as_average(bias, error)
    n_dyads, n_turns, spread = CELLS[name]
    return {"dyads": n_dyads, "turns": n_turns, "between_sd": spread, "rates": rates}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=200)
    wanted = -(-parser.parse_args().replications // SHARD)
    fill(STORED, CELLS, wanted, seed=SEED, command=COMMAND, shard=shard, summary=summary, size=SHARD)


if __name__ == "__main__":
    main()
