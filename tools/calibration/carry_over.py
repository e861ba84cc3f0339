"""Measure bias and coverage of stability and influence in short series and of a stationary residual process.

Usage: python tools/calibration/carry_over.py [--replications 1000] [--minutes M] [--cells PART ...]

short   200 couples over 3 to 30 waves by the dynamic panel model with a free first wave (`fit_dynamic_panel`), and 800
        over 3 waves, which tells what is too little information from what is wrong. The stable part of persons is 0,
        .3 or .6 of their variance. The first wave deviates from it as all others do (stationary), or with a
        correlation of .3 or -.3 with the stable part (high, low).
var1    60 x 14 and 100 x 7 couples by occasions by REML, random intercepts, `var1` residual (stationary).

Stability is .4, influence .2 for both members; goals: bias within .02, coverage .93 to .97. A shard is 50 replications;
medians are means over shards of the shard's median, because tails matter where information is weak. A run that was
stopped goes on where it was.
"""

import argparse
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
REPLICATIONS, PORTION = 1000, 50
FIRST = {"stationary": 0.0, "high": 0.3, "low": -0.3}
TRANSITION = np.array([[0.4, 0.2], [0.2, 0.4]])
INNOVATION = np.array([[1.0, 0.3], [0.3, 1.0]])
STATIONARY = np.linalg.solve(np.eye(4) - np.kron(TRANSITION, TRANSITION), INNOVATION.ravel()).reshape(2, 2)
EFFECTS = {"stability": [0, 3], "influence": [1, 2]}


def all_cells():
    cells = [("var1", 60, 14, 0.3, "stationary"), ("var1", 100, 7, 0.3, "stationary")]
    cells += [("short", n, 3, share, first) for n in (200, 800) for share, first in starts()]
    cells += [("short", 200, waves, share, first) for waves in (4, 5, 8, 14, 30) for share, first in starts()]
    return {name_of(cell): cell for cell in cells}


def starts():
    return [(share, first) for share in (0.0, 0.3, 0.6) for first in (FIRST if share else ("stationary",))]


def name_of(cell):
    kind, n_dyads, waves, share, first = cell
    return f"{kind}, {n_dyads} dyads, {waves} waves, share {share:g}, {first}"


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


def shard(name, number):
    """Sums over 50 replications, and medians within them."""
    cell, truth = all_cells()[name], TRANSITION.ravel()
    results = [measure(cell, replication) for replication in range(PORTION * number, PORTION * (number + 1))]
    told = {"failed": sum(not good for _, good in results)}
    estimate, error, low, high = (
        np.array([getattr(effects, part) for effects, _ in results])
        for part in ("estimate", "std_error", "conf_low", "conf_high")
    )
    covered, away = (low <= truth) & (truth <= high), estimate - truth
    for effect, at in EFFECTS.items():
        # Two estimates of a replication depend on each other: the error is that of replications.
        share, bias = covered[:, at].mean(axis=1), away[:, at].mean(axis=1)
        told |= {
            f"covered_{effect}": float(share.sum()),
            f"covered_squared_{effect}": float((share**2).sum()),
            f"bias_{effect}": rounded(bias.sum()),
            f"bias_squared_{effect}": rounded((bias**2).sum()),
            f"error_squared_{effect}": rounded((away[:, at] ** 2).sum()),
            f"median_bias_{effect}": rounded(np.median(away[:, at])),
            f"median_half_width_{effect}": rounded(np.median(0.5 * (high - low)[:, at])),
            f"median_std_error_{effect}": rounded(np.nanmedian(error[:, at])),
        }
    return told


def rounded(value):
    return float(f"{value:.6g}")


def summary(name, shards):
    """A cell with bias, coverage and widths."""
    del name
    n = PORTION * len(shards)
    total = {key: sum(part[key] for part in shards) for key in shards[0]}
    rates, figures = {}, {"failed": total["failed"]}
    for effect in EFFECTS:
        for rate, key in (("coverage", "covered"), ("bias", "bias")):
            mean = total[f"{key}_{effect}"] / n
            spread = max(total[f"{key}_squared_{effect}"] / n - mean**2, 0.0)
            rates[f"{rate}, {effect}"] = stored_cells.as_average(mean, float(np.sqrt(spread / (n - 1))))
        mean = total[f"bias_{effect}"] / n
        figures[f"sd_{effect}"] = round(float(np.sqrt(total[f"error_squared_{effect}"] / (2 * n) - mean**2)), 4)
        for key in ("median_bias", "median_half_width", "median_std_error"):
            figures[f"{key}_{effect}"] = round(total[f"{key}_{effect}"] / len(shards), 4)
    return {"rates": rates, "figures": figures}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--cells", nargs="+", default=[""], help="parts of the names of cells")
    parser.add_argument("--results", type=Path, default=STORED)
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    chosen = [name for name in all_cells() if any(part in name for part in options.cells)]
    stored_cells.fill(
        options.results,
        chosen,
        -(-options.replications // PORTION),
        seed=SEED,
        command=COMMAND,
        shard=shard,
        summary=summary,
        size=PORTION,
        minutes=options.minutes,
    )


if __name__ == "__main__":
    main()
