"""Measure false positives and power of `interrupted_series`, as shipped, on daily diaries without and with a change.

Usage: python tools/intervention_checks.py [--replications 2000]
Series are autoregressions of 28 days before and 28 days after a start, continuous or rounded to seven points with an
SD of 1.3. The two members of a dyad are drawn independently, so that every series is a replication. Power of a
continuous series is read from the same fits: estimate and limits move with a planted change, and nothing else does.
Finished cells are kept in tools/results/intervention_checks.json: a run that was stopped goes on where it was;
delete the file to begin anew.
"""

import argparse
import sys
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import reldyn as rd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.stored_cells import ROOT, as_proportion, run

STORED = ROOT / "tools" / "results" / "intervention_checks.json"
COMMAND = "python tools/intervention_checks.py"
SEED = 20261123
PHASES = (28, 28)
PHIS = (0.3, 0.5, 0.7)
# Changes of level, in SD of a person's days, whose power is told.
SIZES = (0.5, 1.0, 1.5, 2.0)
CELLS = [
    *product(("bootstrap",), ("level-and-slope", "level"), PHIS, ("continuous", "seven points")),
    *product(("kenward-roger",), ("level-and-slope", "level"), PHIS, ("continuous",)),
]
KEYS = ("inference", "change", "phi", "scale")


def draw(phi, scale, replications, seed):
    """Panel of half as many dyads as replications, and its values (replications, days)."""
    generator, days = np.random.default_rng(seed), sum(PHASES)
    shocks = generator.standard_normal((replications, days))
    values = shocks.copy()
    for day in range(1, days):
        values[:, day] = phi * values[:, day - 1] + np.sqrt(1 - phi**2) * shocks[:, day]
    if scale == "seven points":
        values = np.clip(np.rint(4 + 1.3 * values), 1, 7)
    person = np.repeat(np.arange(replications), days)
    day = np.tile(np.arange(days), replications)
    rows = pd.DataFrame({"dyad": person // 2, "person": person, "role": np.where(person % 2, "b", "a"), "day": day})
    rows = rows.assign(phase=np.where(day < PHASES[0], "before", "since"), y=values.ravel())
    return rd.DyadPanel(rows, dyad="dyad", person="person", role="role", time="day"), values


def name_of(key):
    inference, change, phi, scale = key
    return f"{inference}, {change}, phi {phi:g}, {scale}"


def cell(key, replications):
    inference, change, phi, scale = key
    seed = np.random.SeedSequence([SEED, round(100 * phi), scale == "continuous"])
    panel, values = draw(phi, scale, replications, seed)
    n_boot = 999 if inference == "bootstrap" else 99
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = rd.intervention.interrupted_series(
            panel, outcome="y", phase="phase", change=change, inference=inference, n_boot=n_boot, seed=SEED
        )
    told = fit.tidy()
    level, slope = (told[told["effect"] == f"{what} change"] for what in ("level", "slope"))
    reach = ((level["conf_high"] - level["conf_low"]) / 2).to_numpy()
    estimate = level["estimate"].to_numpy()
    naive = stats.ttest_ind(values[:, : PHASES[0]], values[:, PHASES[0] :], axis=1, equal_var=False).pvalue
    rates = {"false positives, level": as_proportion((level["p_value"] <= 0.05).mean(), len(level))}
    if len(slope):
        rates["false positives, slope"] = as_proportion((slope["p_value"] <= 0.05).mean(), len(slope))
    rates["false positives, Welch's t"] = as_proportion((naive <= 0.05).mean(), replications)
    if scale == "continuous":
        powers = {f"power, {size:g} SD": (np.abs(estimate + size) > reach).mean() for size in SIZES}
        rates |= {name: as_proportion(power, len(level)) for name, power in powers.items()}
    found = {
        "done": replications,
        **dict(zip(KEYS, key, strict=True)),
        "n_boot": n_boot,
        "not_fitted": int(level["p_value"].isna().sum()),
        "rates": rates,
        "median_phi": float(fit.models["phi"].median()),
        "phi_identified": float(np.mean(fit.models["phi_identified"].astype(float))),
    }
    if scale == "continuous" and inference == "bootstrap":
        stated = fit.models["detectable"].to_numpy()
        found["median_detectable"] = float(np.median(stated))
        found["power_at_median_detectable"] = float((np.abs(estimate + np.median(stated)) > reach).mean())
        # Each series states a change of its own; what holds of a reader's series is the mean over them.
        found["power_at_stated_change"] = float(np.mean([(np.abs(estimate + one) > reach).mean() for one in stated]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=2000)
    replications = parser.parse_args().replications
    # The bootstrap first: it is the default, and ten times as fast.
    run(STORED, {name_of(key): key for key in CELLS}, replications, seed=SEED, command=COMMAND, measure=cell)


if __name__ == "__main__":
    main()
