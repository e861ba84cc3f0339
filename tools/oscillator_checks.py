"""Measure `coupled_oscillator` by state space: bias and intervals where partners swing, false alarms where they do not.

Usage: python tools/oscillator_checks.py [--dyads 60] [--cells NAME ...]
Swinging partners have cycles of 12 and 9 steps with damping and shocks; the others are noise or autoregressions that
know nothing of each other. Finished shards are kept in tools/results/oscillator_checks.json: a run that was
stopped goes on where it was; delete the file to begin anew.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.stored_cells import ROOT, as_proportion, average, fill, generator

STORED = ROOT / "tools" / "results" / "oscillator_checks.json"
COMMAND = "python tools/oscillator_checks.py"
SEED = 20261130
SHARD = 10
TERMS = ("frequency", "damping", "partner position", "partner speed")
SWING = {
    "frequency": (-((2 * np.pi / 12) ** 2), -((2 * np.pi / 9) ** 2)),
    "damping": (-0.08, -0.05),
    "partner position": (0.05, -0.03),
    "partner speed": (0.05, 0.0),
}
ALONE = {**SWING, "partner position": (0.0, 0.0), "partner speed": (0.0, 0.0)}
SHOCK, ERROR = 0.1, 0.1
# What partners do, a carry-over or the terms planted, and occasions.
CELLS = {
    "coupled, 120": (SWING, 120),
    "coupled, 60": (SWING, 60),
    "uncoupled, 120": (ALONE, 120),
    "white noise, 120": (0.0, 120),
    "carry-over .5, 120": (0.5, 120),
}


def series(rng, world, n):
    """(n, 2)"""
    if isinstance(world, float):
        values, state = np.empty((n, 2)), rng.standard_normal(2)
        for t in range(n):
            values[t] = state
            state = world * state + np.sqrt(1 - world**2) * rng.standard_normal(2)
        return values
    (eta, other_eta), (zeta, other_zeta), (near, far), (quick, slow) = (world[term] for term in TERMS)
    matrix = np.array([[0, 1, 0, 0], [eta, zeta, near, quick], [0, 0, 0, 1], [far, slow, other_eta, other_zeta]])
    transition, noise = steps(matrix)
    root = np.linalg.cholesky(noise)
    state, values = rng.standard_normal(4) * [1, 0.5, 1, 0.5], np.empty((n, 2))
    for t in range(n):
        values[t] = state[[0, 2]]
        state = transition @ state + root @ rng.standard_normal(4)
    return values + ERROR * rng.standard_normal(values.shape)


def steps(matrix, parts=400):
    """Transition and noise of one step from many small ones, free of the exponentials of the library."""
    inner = np.eye(4) + matrix / parts + matrix @ matrix / (2 * parts**2)
    added = np.diag([0, SHOCK**2, 0, SHOCK**2]) / parts
    transition, noise, half = np.eye(4), np.zeros((4, 4)), inner @ added @ inner.T
    for _ in range(parts):
        noise = inner @ noise @ inner.T + (added + half) / 2
        transition = inner @ transition
    return transition, noise


def shard(name, number, size=SHARD):
    """(dyads fitted, 2, 4) estimates and standard errors, refusals apart."""
    import pandas as pd

    import reldyn as rd

    world, n = CELLS[name]
    rng = generator(SEED, name, number)
    parts = []
    for dyad in range(size):
        for role, values in zip("ab", series(rng, world, n).T, strict=True):
            who = {"dyad": dyad, "person": f"{dyad}{role}", "role": role}
            parts.append(pd.DataFrame({**who, "time": np.arange(n), "v": values}))
    panel = rd.DyadPanel(pd.concat(parts, ignore_index=True), dyad="dyad", person="person", role="role", time="time")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = rd.coupling.coupled_oscillator(panel, "v")
    told = found[found["term"] != "period"].set_index(["dyad", "outcome", "term"])
    tables = [told[column].to_numpy().reshape(size, 2, 4) for column in ("estimate", "std_error")]
    fitted = np.isfinite(tables[0]).all(axis=(1, 2))
    period = found.loc[found["term"] == "period", "estimate"].to_numpy().reshape(size, 2)[fitted]
    return {
        "asked": size,
        "fitted": int(fitted.sum()),
        "with_period": int(np.isfinite(period).sum()),
        "estimate": [[float(f"{value:.6g}") for value in row.ravel()] for row in tables[0][fitted]],
        "std_error": [[float(f"{value:.6g}") for value in row.ravel()] for row in tables[1][fitted]],
    }


def share(cases):
    """None where no dyad was fitted."""
    return as_proportion(cases.mean() if len(cases) else None, len(cases))


def summary(name, shards):
    world, n = CELLS[name]
    estimate, error = (
        np.array([row for one in shards for row in one[kind]]).reshape(-1, 2, 4) for kind in ("estimate", "std_error")
    )
    done = len(estimate)
    told = {"occasions": n, "asked": sum(one["asked"] for one in shards), "fitted": done}
    told["with_period"] = sum(one["with_period"] for one in shards)
    # Eight coefficients, two straight lines and the start take their degrees of freedom.
    reach = float(stats.t.ppf(0.975, 2 * n - 16))
    rates = {}
    for place, term in enumerate(TERMS):
        for member, outcome in enumerate("ab"):
            value, spread = estimate[:, member, place], error[:, member, place]
            whose = f"{term} of {outcome}"
            rates[f"p below .05, {whose}"] = share(np.abs(value) > reach * spread)
            if not isinstance(world, float):
                away = value - world[term][member]
                rates[f"bias, {whose}"] = average(away)
                rates[f"coverage, {whose}"] = share(np.abs(away) < reach * spread)
    return told | {"rates": rates}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dyads", type=int, default=60)
    parser.add_argument("--cells", nargs="*", choices=list(CELLS), default=list(CELLS))
    given = parser.parse_args()
    fill(
        STORED,
        given.cells,
        -(-given.dyads // SHARD),
        seed=SEED,
        command=COMMAND,
        shard=shard,
        summary=summary,
        size=SHARD,
    )


if __name__ == "__main__":
    main()
