"""Measure how often 95 % intervals of `truth_and_bias` hold the truth, in diaries of 14 days.

Usage: python tools/perception_checks.py [--replications 1000] [--cells NAME ...]
Diaries are those of `rd.simulate.perception`, centred within perceivers; effects differ between the roles, and where
slopes vary they do so with SDs of .15 (truth force) and .12 (bias force). Finished shards are kept in
tools/results/perception_checks.json: a run that was stopped goes on where it was; delete the file to begin anew.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.stored_cells import ROOT, as_average, as_proportion, fill, generator, proportion

STORED = ROOT / "tools" / "results" / "perception_checks.json"
COMMAND = "python tools/perception_checks.py"
SEED = 20261128
SHARD = 50
DAYS, SIZES = 14, (60, 30)
PLANTED = {"directional_bias": (0.5, -0.3), "truth_force": (0.6, 0.4), "bias_force": (0.1, 0.3)}
# Changes per day, where there are any.
DRIFT = {"drift": (0.02, 0.0), "truth_force_drift": (0.0, -0.01)}
SAME = {"sd_truth_force": 0.0, "sd_bias_force": 0.0}
# World, then model.
WORLDS = {
    "slopes vary": ({}, {}),
    "slopes vary, 20 % missing": ({"missing": 0.2}, {}),
    "slopes vary, change over time": (DRIFT, {"over_time": "time"}),
    "slopes vary, not in the model": ({}, {"random": ("intercept",)}),
    "slopes the same": (SAME, {"random": ("intercept",)}),
    "slopes the same, let vary": (SAME, {}),
}
CELLS = {f"{name}, {n} dyads": (n, *setting) for n in SIZES for name, setting in WORLDS.items()}
SUMS = ("inside", "away", "away_squared", "std_error")


def truths(name):
    """(effect, moderator, role) -> planted value."""
    _, world, _ = CELLS[name]
    found = {(effect, "", role): PLANTED[effect][at] for effect in PLANTED for at, role in enumerate("ab")}
    if world is DRIFT:
        changes = {"directional_bias": DRIFT["drift"], "truth_force": DRIFT["truth_force_drift"], "bias_force": (0, 0)}
        found |= {(effect, "time", role): changes[effect][at] for effect in changes for at, role in enumerate("ab")}
    return {(effect.replace("_", " "), moderator, role): value for (effect, moderator, role), value in found.items()}


def one(name, rng):
    """Estimate minus truth, standard error and whether the interval holds the truth, per effect; None if refused."""
    import reldyn as rd

    n_dyads, world, model = CELLS[name]
    drawn = rd.simulate.perception(n_dyads=n_dyads, n_occasions=DAYS, **PLANTED, **world, seed=int(rng.integers(2**62)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = rd.perception.truth_and_bias(
            drawn.panel.actor_partner(["mood"]),
            judgment="perceived",
            truth="mood_partner",
            bias="mood_actor",
            center="person_truth",
            bias_center="own",
            **model,
        )
    if not bool(fit.glance()["converged"].iloc[0]):
        return None
    known = truths(name)
    table = fit.tidy().set_index(["effect", "moderator", "role"]).loc[list(known)]
    value = np.array(list(known.values()))
    inside = (table["conf_low"].to_numpy() <= value) & (value <= table["conf_high"].to_numpy())
    away = table["estimate"].to_numpy() - value
    return np.array([inside, away, away**2, table["std_error"].to_numpy()], dtype=float)


def shard(name, number, size=SHARD):
    """Sums over the replications of one shard, one figure per effect."""
    rng = generator(SEED, name, number)
    done = [found for _ in range(size) if (found := one(name, rng)) is not None]
    total = np.sum(done, axis=0) if done else np.zeros((len(SUMS), len(truths(name))))
    return {"asked": size, "fitted": len(done)} | {
        kind: [float(f"{value:.8g}") for value in row] for kind, row in zip(SUMS, total, strict=True)
    }


def summary(name, shards):
    n = sum(one["fitted"] for one in shards)
    total = {kind: np.sum([one[kind] for one in shards], axis=0) for kind in SUMS}
    rates = {"coverage": as_proportion(total["inside"].mean() / n, n)}
    ratios = {}
    for at, parts in enumerate(truths(name)):
        whose = ", ".join(filter(None, parts))
        bias = float(total["away"][at] / n)
        spread = float(np.sqrt(max(total["away_squared"][at] / n - bias**2, 0.0)))
        rates[f"coverage, {whose}"] = proportion(total["inside"][at], n)
        rates[f"bias, {whose}"] = as_average(bias, spread / float(np.sqrt(n)))
        ratios[whose] = float(total["std_error"][at] / n / spread)
    asked = sum(one["asked"] for one in shards)
    return {"asked": asked, "fitted": n, "rates": rates, "std_error_ratio": ratios}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--cells", nargs="*", choices=list(CELLS), default=list(CELLS))
    given = parser.parse_args()
    fill(
        STORED,
        given.cells,
        -(-given.replications // SHARD),
        seed=SEED,
        command=COMMAND,
        shard=shard,
        summary=summary,
        size=SHARD,
    )


if __name__ == "__main__":
    main()
