"""Measure how often the intervals of within-person effects cover under four default random structures.

Usage: python tools/calibration/random_structure.py [--replications 1000] [--candidates NAME ...] [--results FILE]
Diaries of 30, 60 or 100 dyads over 7, 14 or 28 occasions, with 1 or 3 predictors whose actor and partner effects vary
between dyads with an SD of 0, .05, .1 or .2 (independently; residual SD 1, predictors' SD within persons 1, intercept
SD .5, correlations between partners .3). Every model has within and between parts of each predictor, per role, and a
free 2 x 2 residual covariance within an occasion; by REML. Candidates, the cheapest first:

intercepts-kr   random intercepts, correlated between partners; Kenward-Roger
intercepts-cr2  the same fit; CR2 with Bell-McCaffrey degrees of freedom
diagonal-kr     intercepts correlated, and uncorrelated slopes of the within parts; a slope whose variance is estimated
                as zero leaves the model; Kenward-Roger
full-kr         one free covariance matrix of all intercepts and slopes; Kenward-Roger

The rule: the cheapest candidate whose within effects cover at least .935 in every cell. Replications are added in
portions to all cells in turn and stored after each: a run that was stopped goes on where it was.
"""

import argparse
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np

from reldyn.mixed import Problem, RandomStructure, Residual, fit_mixed, infer, random_structure
from tools import stored_cells

STORED = stored_cells.ROOT / "tools" / "results" / "random_structure.json"
COMMAND = "python -m tools.calibration.random_structure"
SEED = 20261129
REPLICATIONS, PORTION = 1000, 25
GOAL = 0.935
N_DYADS, N_OCCASIONS, SLOPE_SD, N_PREDICTORS = (30, 60, 100), (7, 14, 28), (0.2, 0.1, 0.05, 0.0), (1, 3)
CANDIDATES = ("intercepts-kr", "intercepts-cr2", "diagonal-kr", "full-kr")
KEYS = ("n_dyads", "n_occasions", "slope_sd", "n_predictors")
ACTOR, PARTNER = 0.3, 0.15


def all_cells():
    return list(product(N_DYADS, N_OCCASIONS, SLOPE_SD, N_PREDICTORS))


def paired(generator, shape, sd=1.0):
    """Values of both partners with a correlation of .3."""
    first, second = generator.standard_normal((2, *shape))
    return sd * np.stack([first, 0.3 * first + np.sqrt(0.91) * second], axis=-1)


def draw(cell, replication):
    """Arrays of one diary: outcome, fixed design, slopes' design, dyad, member, step; within effects come first."""
    n, occasions, slope_sd, predictors = cell
    generator = np.random.default_rng([SEED, n, occasions, round(1000 * slope_sd), predictors, replication])
    intercepts = paired(generator, (n,), 0.5)
    y = paired(generator, (n, occasions)) + intercepts[:, None]
    own = np.eye(2)
    within_columns, between_columns = [], []
    for _ in range(predictors):
        x = paired(generator, (n, occasions)) + paired(generator, (n,), 0.7)[:, None]
        means = x.mean(axis=1)
        within, between = x - means[:, None], means - means.mean()
        for effect, turned in ((ACTOR, within), (PARTNER, within[..., ::-1])):
            slopes = effect + slope_sd * generator.standard_normal((n, 2))
            y += slopes[:, None] * turned
            within_columns += [turned * own[k] for k in (0, 1)]
        for effect, turned in ((ACTOR, between), (PARTNER, between[..., ::-1])):
            y += effect * turned[:, None]
            between_columns += [np.broadcast_to(turned[:, None], y.shape) * own[k] for k in (0, 1)]
    intercept = [np.broadcast_to(own[k], y.shape) for k in (0, 1)]
    flat = [np.stack(columns, axis=-1).reshape(y.size, -1) for columns in (within_columns, between_columns, intercept)]
    dyad, step, member = (codes.ravel() for codes in np.indices(y.shape))
    return y.ravel(), np.hstack(flat), np.hstack([flat[2], flat[0]]), dyad, member, step


def structures(predictors):
    """The random structures: intercepts, intercepts with uncorrelated slopes, everything correlated."""
    slopes = 4 * predictors
    labels = tuple(f"term {k}" for k in range(2 + slopes))
    intercepts = random_structure(labels[:2])
    block = type(intercepts.blocks[0])
    blocks = (block(((0, 1),)), *(block(((2 + k,),)) for k in range(slopes)))
    return {
        "intercepts": intercepts,
        "diagonal": RandomStructure(labels, blocks, np.eye(2 + slopes)),
        "full": random_structure(labels),
    }


def measure(cell, replication, candidates):
    """Covered within effects, half-widths, errors, and seconds of each candidate in one diary."""
    y, X, Z, dyad, member, step = draw(cell, replication)
    predictors = cell[3]
    truth = np.tile([ACTOR, ACTOR, PARTNER, PARTNER], predictors)
    fits, results = {}, {}
    for name in candidates:
        kind, inference = name.rsplit("-", 1)
        start = time.process_time()
        if kind not in fits:
            structure = structures(predictors)[kind]
            problem = Problem(y, X, Z[:, : structure.q], dyad, member, step)
            fits[kind] = fit_mixed(problem, structure, Residual(), warn=False)
            fits[kind, "seconds"] = time.process_time() - start
            start = time.process_time()
        fit = fits[kind]
        table = infer(fit, "kenward-roger" if inference == "kr" else "cr2").contrasts()
        within = slice(0, 4 * predictors)
        low, high = table.conf_low[within], table.conf_high[within]
        results[name] = {
            "covered": ((low <= truth) & (truth <= high)).astype(int),
            "half_width": 0.5 * (high - low),
            "error": table.estimate[within] - truth,
            "converged": int(fit.converged),
            "singular": int(fit.at_boundary),
            "seconds": fits[kind, "seconds"] + time.process_time() - start,
        }
    return results


def add(told, results):
    """Add what one replication gave to the sums of a cell."""
    for name, found in results.items():
        sums = told["candidates"].setdefault(name, {"replications": 0})
        sums["replications"] += 1
        for key, value in found.items():
            value = np.asarray(value, dtype=float)
            total = np.asarray(sums.get(key, np.zeros_like(value))) + value
            sums[key] = total.tolist()
        squared = np.asarray(found["error"]) ** 2
        sums["squared_error"] = (np.asarray(sums.get("squared_error", np.zeros_like(squared))) + squared).tolist()


def described(key, candidates, wanted):
    """A cell with the coverage of its candidates: the mean over within effects, of as many replications."""
    shares = {name: (float(np.mean(sums["covered"])), sums["replications"]) for name, sums in candidates.items()}
    done = max(n for _, n in shares.values())
    named = ", ".join(f"{name} {value:g}" for name, value in zip(KEYS, key, strict=True))
    rates = {f"coverage, {name}": stored_cells.proportion(total, n) for name, (total, n) in shares.items()}
    counts = {"cell": named, "wanted": max(wanted, done), "done": done}
    return {**counts, **dict(zip(KEYS, key, strict=True)), "rates": rates, "candidates": candidates}


def verdict(cells):
    """Coverage per candidate: the lowest cell, and how many lie below the goal."""
    lines = []
    for name in CANDIDATES:
        rates = {cell["cell"]: cell["rates"].get(f"coverage, {name}") for cell in cells}
        shares = [(rate["value"], rate["n"], cell) for cell, rate in rates.items() if rate]
        if shares:
            below = sum(share < GOAL for share, _, _ in shares)
            lines.append(f"{name:15s} {len(shares)} cells, lowest {min(shares)}, {below} below {GOAL}")
    return "\n".join(lines)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--candidates", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    parser.add_argument("--results", type=Path, default=STORED)
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    cells = {tuple(told[key] for key in KEYS): told for told in stored_cells.read(options.results)["cells"]}
    for first in range(0, options.replications, PORTION):
        for cell in all_cells():
            told = {"candidates": cells.get(cell, {}).get("candidates", {})}
            done = {name: told["candidates"].get(name, {}).get("replications", 0) for name in options.candidates}
            todo = [name for name in options.candidates if done[name] == first]
            if not todo:
                continue
            for replication in range(first, first + PORTION):
                add(told, measure(cell, replication, todo))
            cells[cell] = described(cell, told["candidates"], options.replications)
            stored_cells.save(options.results, list(cells.values()), seed=SEED, command=COMMAND)
        print(f"{first + PORTION} replications\n{verdict(cells.values())}", flush=True)


if __name__ == "__main__":
    main()
