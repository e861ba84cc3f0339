"""Measure how often the 95 % intervals of `stats.pool` cover the mean over dyads, and how far its estimate is off.

Usage: python -m tools.calibration.pooling [--replications 4000] [--results FILE]
Estimates of 5, 10 or 30 dyads whose true values vary with an SD of 0, half or once the usual standard error, of kinds

equal      normal estimates with standard errors of 1
unequal    normal estimates with standard errors from .4 to 1.6, root mean square 1
log odds   of tables of 20 answers (.5 added to every cell: added to tables with a zero only, it leaves the log odds
           themselves too large by .2), around a true mean of 1.5: estimates that are tied to their standard errors
paired     two directions of a dyad with the same true value and sampling errors that correlate by -.5, 0 or .5

The goal is .93 to .97 without variance between dyads and at half the standard error, for both estimators in normal
estimates, and for the plain mean in log odds and pairs. The random-effects mean is measured in two more ways: without
the floor under its standard error (Hartung and Knapp alone), and with the wider of that interval and the normal one of
the model. Cells that are done are kept: a run that was stopped goes on where it was; delete the file to begin anew.
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from reldyn.stats import pool, reml_variance
from tools import stored_cells

STORED = stored_cells.ROOT / "tools" / "results" / "pooling.json"
COMMAND = "python -m tools.calibration.pooling"
SEED = 20261129
REPLICATIONS = 4000
GOAL = (0.93, 0.97)
N_DYADS, SPREADS, WAYS = (5, 10, 30), (0.0, 0.5, 1.0), ("mean", "reml")
KINDS = ("equal", "unequal", "log odds", "paired -0.5", "paired 0", "paired 0.5")
KEYS = ("kind", "n_dyads", "spread", "by")
TRUE_LOG_ODDS, ANSWERS = 1.5, 20
# Usual standard error of the log odds at 20 answers: what the spread between dyads is a multiple of.
USUAL_LOG_ODDS = 1.0


def all_cells():
    return list(product(KINDS, N_DYADS, SPREADS, WAYS))


def in_goal(kind, spread, by):
    if spread > 0.5:
        return False
    return kind in ("equal", "unequal") or by == "mean"


def draw(kind, n, spread, replications):
    """Estimates and standard errors (rows, replications), the dyad of each row, and the true mean."""
    generator = np.random.default_rng([SEED, KINDS.index(kind), n, round(100 * spread)])
    if kind == "log odds":
        return *log_odds(generator, n, spread, replications), np.arange(n), TRUE_LOG_ODDS
    shape = (n, replications)
    truth = spread * generator.standard_normal(shape)
    if not kind.startswith("paired"):
        size = np.ones(shape) if kind == "equal" else generator.uniform(0.4, 1.6, shape)
        size = size / np.sqrt((0.4**2 + 0.4 * 1.6 + 1.6**2) / 3) if kind == "unequal" else size
        return truth + size * generator.standard_normal(shape), size, np.arange(n), 0.0
    together = float(kind.split()[1])
    first, other = generator.standard_normal((2, *shape))
    second = together * first + np.sqrt(1 - together**2) * other
    return np.vstack([truth + first, truth + second]), np.ones((2 * n, replications)), np.tile(np.arange(n), 2), 0.0


def log_odds(generator, n, spread, replications):
    shape = (n, replications)
    theta = TRUE_LOG_ODDS + spread * USUAL_LOG_ODDS * generator.standard_normal(shape)
    given = generator.binomial(ANSWERS, 0.5, shape)
    present = generator.binomial(given, 1 / (1 + np.exp(-theta / 2)))
    absent = generator.binomial(ANSWERS - given, 1 / (1 + np.exp(theta / 2)))
    table = np.stack([present, given - present, absent, ANSWERS - given - absent]).astype(float)
    table = table + 0.5
    log = np.log(table)
    return log[0] - log[1] - log[2] + log[3], np.sqrt((1 / table).sum(axis=0))


def measure(kind, n, spread, by, replications):
    """Which intervals cover, the estimates, and the shares of other intervals that do."""
    values, errors, dyad, truth = draw(kind, n, spread, replications)
    found = pool(values, errors, dyad, by)
    covered = (found.conf_low <= truth) & (truth <= found.conf_high)
    if by == "mean":
        return covered, found, {}
    rows = len(values) // n
    values, variances = values.reshape(rows, n, -1).mean(axis=0), (errors**2).reshape(rows, n, -1).sum(axis=0) / rows**2
    weight = 1 / (variances + reml_variance(values, variances))
    mean = (weight * values).sum(axis=0) / weight.sum(axis=0)
    alone = np.sqrt((weight * (values - mean) ** 2).sum(axis=0) / (n - 1) / weight.sum(axis=0))
    widths = {"coverage_without_floor": student.ppf(0.975, n - 1) * alone}
    widths["coverage_wider_of_t_and_z"] = np.maximum(
        widths["coverage_without_floor"], norm.ppf(0.975) / np.sqrt(weight.sum(axis=0))
    )
    return covered, found, {name: float((np.abs(mean - truth) <= width).mean()) for name, width in widths.items()}


def name_of(key):
    kind, n, spread, by = key
    return f"{kind}, {n} dyads, spread {spread:g}, {by}"


def cell(key, replications):
    kind, n, spread, by = key
    covered, found, others = measure(kind, n, spread, by, replications)
    truth = TRUE_LOG_ODDS if kind == "log odds" else 0.0
    shares = {"coverage": float(covered.mean())} | others
    return {
        "done": replications,
        **dict(zip(KEYS, key, strict=True)),
        "rates": {name: stored_cells.as_proportion(share, replications) for name, share in shares.items()}
        | {"bias": stored_cells.average(found.estimate - truth)},
        "mean_half_width": float((found.conf_high - found.conf_low).mean() / 2),
        "mean_between_sd": float(found.between_sd.mean()),
        "goal": list(GOAL) if in_goal(kind, spread, by) else None,
        "first_covered": covered[:20].astype(int).tolist(),
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--results", type=Path, default=STORED)
    options = parser.parse_args(arguments)
    cells = {name_of(key): key for key in all_cells()}
    stored_cells.run(options.results, cells, options.replications, seed=SEED, command=COMMAND, measure=cell)


if __name__ == "__main__":
    main()
