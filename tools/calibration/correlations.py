"""Measure how often the 95 % intervals of `dynamics.correlations` hold the truth.

Usage: python -m tools.calibration.correlations [--replications 1000] [--results FILE]
Two variables of partners in 10, 20, 50 or 150 dyads over 30 occasions. Within persons they correlate by .3, are
autoregressions of 0 or .4 each, and partners' values of one occasion correlate by .3; between persons they correlate
by .5, and partners' levels by .4. Person levels have a variance of .5, occasions of 1. The truth of correlations
between persons and of the ICC is that of means and mean squares of so many occasions.
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

import reldyn as rd
from tools import stored_cells

STORED = stored_cells.ROOT / "tools" / "results" / "correlations.json"
COMMAND = "python -m tools.calibration.correlations"
SEED = 20261129
REPLICATIONS = 1000
GOAL = (0.93, 0.97)
N_OCCASIONS, N_BOOT = 30, 199
WITHIN, BETWEEN, SHARED, LEVELS_SHARED, LEVEL_VARIANCE = 0.3, 0.5, 0.3, 0.4, 0.5
CELLS = {f"{n} dyads, phi {phi:g}": (n, phi) for n, phi in product((10, 20, 50, 150), (0.0, 0.4))}


def draw(rng, n_dyads, phi):
    """(n_dyads, 2 members, occasions, 2 variables)"""
    variables = np.array([[1.0, WITHIN], [WITHIN, 1.0]])
    partners = np.array([[1.0, SHARED], [SHARED, 1.0]])
    root = np.linalg.cholesky(np.kron(partners, variables))
    shocks = rng.standard_normal((N_OCCASIONS, n_dyads, 4)) @ root.T
    values = np.empty_like(shocks)
    values[0] = shocks[0]
    for t in range(1, N_OCCASIONS):
        values[t] = phi * values[t - 1] + np.sqrt(1 - phi**2) * shocks[t]
    levels = np.kron([[1.0, LEVELS_SHARED], [LEVELS_SHARED, 1.0]], [[1.0, BETWEEN], [BETWEEN, 1.0]])
    level = np.sqrt(LEVEL_VARIANCE) * rng.standard_normal((n_dyads, 4)) @ np.linalg.cholesky(levels).T
    return (values + level).transpose(1, 0, 2).reshape(n_dyads, N_OCCASIONS, 2, 2).swapaxes(1, 2)


def truths(phi):
    """What each row of the table estimates."""
    lags = np.arange(1, N_OCCASIONS)
    of_mean = (1 + 2 * ((1 - lags / N_OCCASIONS) * phi**lags).sum()) / N_OCCASIONS
    between = (LEVEL_VARIANCE * BETWEEN + of_mean * WITHIN) / (LEVEL_VARIANCE + of_mean)
    mean_between = N_OCCASIONS * (LEVEL_VARIANCE + of_mean)
    mean_within = (1 - of_mean) * N_OCCASIONS / (N_OCCASIONS - 1)
    icc = (mean_between - mean_within) / (mean_between + (N_OCCASIONS - 1) * mean_within)
    return {"within": WITHIN, "between": between, "icc x": icc, "icc y": icc}


def panel_of(values):
    dyad, member, time = (part.ravel() for part in np.indices(values.shape[:3]))
    frame = pd.DataFrame({"dyad": dyad, "person": 2 * dyad + member, "time": time})
    frame[["x", "y"]] = values.reshape(-1, 2)
    return rd.DyadPanel(frame, dyad="dyad", person="person", time="time")


def measure(key, replications):
    n_dyads, phi = key
    seeds = np.random.SeedSequence([SEED, n_dyads, round(100 * phi)]).spawn(replications)
    true = truths(phi)
    covered, away, width = [], [], []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        panel = panel_of(draw(rng, n_dyads, phi))
        table = rd.dynamics.correlations(panel, ["x", "y"], n_boot=N_BOOT, seed=rng).tidy()
        low, high = table["conf_low"].to_numpy(), table["conf_high"].to_numpy()
        truth = np.array(list(true.values()))
        covered.append((low <= truth) & (truth <= high))
        away.append(table["estimate"].to_numpy() - truth)
        width.append(high - low)
    rates = {}
    for at, name in enumerate(true):
        rates[f"coverage {name}"] = stored_cells.proportion(sum(row[at] for row in covered), replications)
        rates[f"bias {name}"] = stored_cells.average([row[at] for row in away])
    return {
        "done": replications,
        "n_dyads": n_dyads,
        "phi": phi,
        "rates": rates,
        "mean_width": np.mean(width, axis=0).tolist(),
        "first_covered": [[int(one) for one in row] for row in covered[:5]],
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--results", type=Path, default=STORED)
    options = parser.parse_args(arguments)
    stored_cells.run(options.results, CELLS, options.replications, seed=SEED, command=COMMAND, measure=measure)


if __name__ == "__main__":
    main()
