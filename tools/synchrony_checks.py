"""Measure how often independent partners are called synchronous, for every test of synchrony and every null world.

Usage: python tools/synchrony_checks.py [--panels 25] [--cells TEXT ...]
Partners are unrelated autoregressions of unit variance: 40 days of 5 beeps with nights of 3 steps, or one session of
200 samples. In some worlds both have the same swing on top, of half their variance again: a rhythm of the day whose
shape everybody shares, or over the session one wave that everybody or only this dyad shares. A panel has 20 dyads;
surrogates are 99, or as many as there are: 39 whole days, 19 other dyads. Every one of these allows p = .05 exactly.
Finished panels are kept in tools/results/synchrony_checks.json: a run that was stopped goes on where it was;
delete the file to begin anew.
"""

import argparse
import functools
import math
import sys
import warnings
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.stored_cells import ROOT, as_average, fill, generator, proportion

STORED = ROOT / "tools" / "results" / "synchrony_checks.json"
COMMAND = "python tools/synchrony_checks.py"
SEED = 20261129
DYADS, SURROGATES, ALPHA = 20, 99, 0.05
DAYS, BEEPS, NIGHT, SAMPLES = 40, 5, 3, 200
AMPLITUDE = 1.0
KINDS = ("circular-shift", "segment-shuffle", "phase", "iaaft", "pseudo-pairs")
TESTS = {
    "cross_correlation": {"max_lag": 2},
    "cross_correlation, lag 0": {"max_lag": 0, "statistic": "lag-0"},
    "cross_correlation, whitened": {"max_lag": 2, "whiten": 1},
    "recurrence": {"radius": 0.5, "max_lag": 2},
    "windowed": {"window": 20, "increment": 10, "max_lag": 2},
    "susy": {"max_lag": 2},
}
# Carry-over of each partner (None: drawn for each from .1 to .9), share missing, what both have on top.
WORLDS = {
    "phi .3": (0.3, 0.0, ""),
    "phi .8": (0.8, 0.0, ""),
    "phi .3, 20 % missing": (0.3, 0.2, ""),
    "phi .8, 20 % missing": (0.8, 0.2, ""),
    "phi from .1 to .9": (None, 0.0, ""),
    "phi .3, rhythm of everybody": (0.3, 0.0, "everybody"),
    "phi .3, swing of the dyad": (0.3, 0.0, "dyad"),
}
# The one kind that takes seconds a panel.
IAAFT = ("diary | phi .8",)
# A largest correlation within two lags cannot tell which phase a rhythm of five beeps has; one lag can.
LAG_0 = ("phi .8", "phi .3, rhythm of everybody", "phi .3, swing of the dyad")
# Worlds of sessions in which the slower tests are run.
SLOW = {
    "recurrence": ("phi .3", "phi .8", "phi .3, rhythm of everybody"),
    "windowed": ("phi .3", "phi .8", "phi .3, rhythm of everybody"),
}


def _cells():
    for design, world, test in product(("diary", "session"), WORLDS, TESTS):
        named = f"{design} | {world}"
        if test == "windowed" and design == "diary":
            continue  # No window fits into a day of five beeps.
        if design == "session" and world not in SLOW.get(test, WORLDS):
            continue
        if test.endswith("lag 0") and world not in LAG_0:
            continue
        for kind in ("segment-shuffle",) if test == "susy" else KINDS:
            if kind != "iaaft" or (test == "cross_correlation" and named in IAAFT):
                yield f"{named} | {test} | {kind}"


CELLS = tuple(_cells())


def series(rng, design, phi, shared):
    """(T, 2): two autoregressions and what they share."""
    n = DAYS * BEEPS if design == "diary" else SAMPLES
    carry = rng.uniform(0.1, 0.9, 2) if phi is None else np.full(2, phi)
    state, values = rng.standard_normal(2), np.empty((n, 2))
    for place in range(n):
        for _ in range(NIGHT if design == "diary" and place % BEEPS == 0 else 1):
            state = carry * state + np.sqrt(1 - carry**2) * rng.standard_normal(2)
        values[place] = state
    if shared:
        wave = BEEPS if design == "diary" and shared == "everybody" else n
        begin = 0.0 if shared == "everybody" else rng.uniform(0, 2 * np.pi)
        values += AMPLITUDE * np.cos(2 * np.pi * np.arange(n) / wave + begin)[:, None]
    return values


@functools.lru_cache(maxsize=64)
def panel(design, world, number):
    """One world, one set of panels: every test and every kind sees the same series."""
    import pandas as pd

    import reldyn as rd

    rng = generator(SEED, f"{design} | {world}", number)
    phi, missing, shared = WORLDS[world]
    parts = []
    for dyad in range(DYADS):
        values = series(rng, design, phi, shared)
        values[rng.random(values.shape) < missing] = np.nan
        place = np.arange(len(values))
        clock = {"day": place // BEEPS, "beep": place % BEEPS} if design == "diary" else {"time": place}
        for member, role in enumerate("ab"):
            who = {"dyad": dyad, "person": f"{dyad}{role}", "role": role}
            parts.append(pd.DataFrame({**who, **clock, "v": values[:, member]}))
    roles = {"day": "day", "beep": "beep"} if design == "diary" else {"time": "time"}
    return rd.DyadPanel(pd.concat(parts, ignore_index=True), dyad="dyad", person="person", role="role", **roles)


def tested(rows, design, test, kind, seed):
    """Run one test on a panel."""
    from reldyn import coupling

    options = TESTS[test]
    if test == "susy":
        segment = BEEPS if design == "diary" else SAMPLES // 10
        return coupling.susy(rows, "v", segment=segment, n_surrogates=SURROGATES, seed=seed, **options)
    call = {"windowed": coupling.windowed_cross_correlation, "recurrence": coupling.recurrence}
    run = call.get(test, coupling.cross_correlation)
    return run(rows, "v", surrogate=coupling.Surrogates(kind, n=SURROGATES), seed=seed, **options)


def shard(name, number):
    """One panel: its dyads with an answer, those with p <= .05, and the p-value of the sample."""
    design, world, test, kind = name.split(" | ")
    rows = panel(design, world, number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = tested(rows, design, test, kind, seed=number)
    p_value = found.tidy()["p_value"].dropna()
    return {
        "dyads": len(p_value),
        "rejected": int((p_value <= ALPHA + 1e-12).sum()),
        "sample_p": float(found.glance()["p_value"].iloc[0]),
    }


def summary(name, shards):
    design, world, test, kind = name.split(" | ")
    n = sum(one["dyads"] for one in shards)
    shares = [one["rejected"] / one["dyads"] for one in shards if one["dyads"]]
    # Dyads of one panel share their surrogates where these are other dyads: the error is that of panels.
    error = float(np.std(shares, ddof=1) / np.sqrt(len(shares))) if len(shares) > 1 else math.nan
    return {
        "design": design,
        "world": world,
        "test": test,
        "surrogates": kind,
        "dyads": n,
        "rates": {
            "rejected": as_average(sum(one["rejected"] for one in shards) / n if n else math.nan, error),
            "rejected of samples": proportion(sum(one["sample_p"] <= ALPHA for one in shards), len(shards)),
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--panels", type=int, default=25)
    parser.add_argument("--cells", nargs="*", default=[""], help="cells whose name contains one of these texts")
    given = parser.parse_args()
    names = [name for name in CELLS if any(text in name for text in given.cells)]
    fill(STORED, names, given.panels, seed=SEED, command=COMMAND, shard=shard, summary=summary)


if __name__ == "__main__":
    main()
