"""Measure bias and coverage of stability and influence in short series and of a stationary residual process.

Usage: python tools/calibration/carry_over.py [--replications 500] [--results FILE]

short   200 couples over 3 to 30 waves by the dynamic panel model with a free first wave (`fit_dynamic_panel`). The
        stable part of persons is 0, .3 or .6 of their variance. The first wave deviates from it as all others do
        (stationary), or with a correlation of .3 or -.3 with the stable part (high, low).
var1    60 x 14 and 100 x 7 couples by occasions by REML, random intercepts, `var1` residual (stationary).

Stability is .4, influence .2 for both members; goals: bias (mean and median) within .02, coverage .93 to .97.
Replications are added in portions to all cells in turn and stored after each: a run that was stopped goes on.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

from reldyn.mixed import (
    Problem,
    Residual,
    fit_dynamic_panel,
    fit_mixed,
    parameter_covariance,
    process_contrasts,
    random_structure,
)
from tools import stored_cells

STORED = stored_cells.ROOT / "tools" / "results" / "carry_over.json"
COMMAND = "python -m tools.calibration.carry_over"
SEED = 20261129
REPLICATIONS, PORTION = 500, 50
KEYS = ("kind", "n_dyads", "waves", "share", "first")
FIRST = {"stationary": 0.0, "high": 0.3, "low": -0.3}
TRANSITION = np.array([[0.4, 0.2], [0.2, 0.4]])
INNOVATION = np.array([[1.0, 0.3], [0.3, 1.0]])
STATIONARY = np.linalg.solve(np.eye(4) - np.kron(TRANSITION, TRANSITION), INNOVATION.ravel()).reshape(2, 2)
# All estimates of a replication are kept: medians and tails matter where information is weak.
NAMES = ("estimate", "std_error", "conf_low", "conf_high")


def all_cells():
    cells = [("var1", 60, 14, 0.3, "stationary"), ("var1", 100, 7, 0.3, "stationary")]
    for waves in (3, 4, 5, 8, 14, 30):
        for share in (0.0, 0.3, 0.6):
            cells += [("short", 200, waves, share, first) for first in (FIRST if share else ("stationary",))]
    return cells


def draw(cell, replication):
    _, n, waves, share, first = cell
    codes = [SEED, n, waves, round(100 * share), list(FIRST).index(first), replication]
    generator = np.random.default_rng(codes)
    root = np.linalg.cholesky(INNOVATION)
    stable = generator.standard_normal((n, 2))
    together = FIRST[first]
    begin = together * stable + np.sqrt(1.0 - together**2) * generator.standard_normal((n, 2))
    w = np.empty((n, waves, 2))
    w[:, 0] = begin @ np.linalg.cholesky(STATIONARY).T
    for t in range(1, waves):
        w[:, t] = w[:, t - 1] @ TRANSITION.T + generator.standard_normal((n, 2)) @ root.T
    return w + np.sqrt(share / (1.0 - share) * STATIONARY[0, 0]) * (stable @ root.T)[:, None]


def measure(cell, replication):
    y = draw(cell, replication)
    if cell[0] == "short":
        fit = fit_dynamic_panel(y)
        return fit.effects, fit.converged and fit.stationary
    dyad, step, member = (codes.ravel() for codes in np.indices(y.shape))
    own = np.stack([member == 0, member == 1], axis=1) * 1.0
    fit = fit_mixed(
        Problem(y.ravel(), own, own, dyad, member, step), random_structure(("a", "b")), Residual("var1"), warn=False
    )
    W = parameter_covariance(fit)[0][3:, 3:]
    return process_contrasts(fit.residual, False, fit.psi[0], W, np.eye(7)[3:]), fit.converged


def described(key, told, wanted):
    """A cell with bias, coverage and widths from its estimates."""
    truth = TRANSITION.ravel()
    estimate, error, low, high = (np.array(told[name]) for name in NAMES)
    covered, away, half = (low <= truth) & (truth <= high), estimate - truth, 0.5 * (high - low)
    rates, figures = {}, {"failed": int(len(told["good"]) - sum(told["good"]))}
    for effect, at in (("stability", [0, 3]), ("influence", [1, 2])):
        # Two estimates of a replication depend on each other: the error is that of replications.
        rates[f"coverage, {effect}"] = stored_cells.average(covered[:, at].mean(axis=1))
        rates[f"bias, {effect}"] = stored_cells.average(away[:, at].mean(axis=1))
        figures |= {
            f"median_bias_{effect}": round(float(np.median(away[:, at])), 4),
            f"sd_{effect}": round(float(estimate[:, at].std(axis=0).mean()), 4),
            f"median_half_width_{effect}": round(float(np.median(half[:, at])), 4),
            f"median_std_error_{effect}": round(float(np.nanmedian(error[:, at])), 4),
        }
    kind, n_dyads, waves, share, first = key
    name = f"{kind}, {n_dyads} dyads, {waves} waves, share {share:g}, {first}"
    counts = {"cell": name, "wanted": max(wanted, len(estimate)), "done": len(estimate)}
    return {**counts, **dict(zip(KEYS, key, strict=True)), "rates": rates, "figures": figures, **told}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--results", type=Path, default=STORED)
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    cells = {tuple(told[key] for key in KEYS): told for told in stored_cells.read(options.results)["cells"]}
    for first in range(0, options.replications, PORTION):
        for cell in all_cells():
            empty = {name: [] for name in (*NAMES, "good")} | {"cpu_seconds": 0}
            told = {name: cells.get(cell, empty)[name] for name in empty}
            if len(told["good"]) != first:
                continue
            start = time.process_time()
            for replication in range(first, first + PORTION):
                effects, good = measure(cell, replication)
                told["good"].append(int(good))
                for name in NAMES:
                    told[name].append([float(f"{value:.5g}") for value in getattr(effects, name)])
            told["cpu_seconds"] = round(told["cpu_seconds"] + time.process_time() - start, 1)
            cells[cell] = described(cell, told, options.replications)
            stored_cells.save(options.results, list(cells.values()), seed=SEED, command=COMMAND)
            print(f"{cells[cell]['cell']}: {stored_cells.in_words(cells[cell])}", flush=True)


if __name__ == "__main__":
    main()
