"""Measure false positives of `event_response` and `reliable_change`, and coverage of `multiple_baseline`, as shipped.

Usage: python tools/intervention_sizes.py [--share 1.0]
Daily diaries of 56 days whose errors are autoregressions. For `event_response` and `reliable_change` nothing happens
and the two members of a dyad are drawn independently, so that every series is a replication. For `multiple_baseline`
the level changes by 1 SD on average, by an SD of .5 from dyad to dyad, at starts spread over days 14 to 42, and the
panel is the replication. `--share` asks for that share of the replications. Finished cells are kept in
tools/results/intervention_sizes.json: a run that was stopped goes on where it was; delete the file to begin anew.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import reldyn as rd
from reldyn.stats import pool

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.stored_cells import ROOT, as_proportion, proportion, run

STORED = ROOT / "tools" / "results" / "intervention_sizes.json"
COMMAND = "python tools/intervention_sizes.py"
SEED = 20261128
DAYS = 56
POOLED = 12
CHANGE, SPREAD = 1.0, 0.5
CELLS = [
    *({"call": "event_response", "phi": phi, "scale": "continuous", "events": "weekly"} for phi in (0.3, 0.7)),
    *({"call": "reliable_change", "phi": phi, "scale": "continuous", "before": 28} for phi in (0.3, 0.7)),
    {"call": "reliable_change", "phi": 0.5, "scale": "continuous", "before": 14},
    {"call": "event_response", "phi": 0.5, "scale": "continuous", "events": "irregular"},
    {"call": "reliable_change", "phi": 0.7, "scale": "seven points", "before": 28},
    {"call": "event_response", "phi": 0.7, "scale": "seven points", "events": "weekly"},
    *({"call": "multiple_baseline", "phi": phi, "dyads": n} for phi, n in ((0.6, 4), (0.3, 8), (0.6, 8), (0.3, 4))),
]
REPLICATIONS = {"reliable_change": 1000, "event_response": 500, "multiple_baseline": 120}


def draw(phi, scale, n_series, before, generator, events="weekly"):
    """Panel of half as many dyads as series; check-ins are shared by the members of a dyad."""
    values = generator.standard_normal((n_series, DAYS))
    for day in range(1, DAYS):
        values[:, day] = phi * values[:, day - 1] + np.sqrt(1 - phi**2) * values[:, day]
    if scale == "seven points":
        values = np.clip(np.rint(4 + 1.3 * values), 1, 7)
    day = np.tile(np.arange(DAYS), n_series)
    person = np.repeat(np.arange(n_series), DAYS)
    drawn = generator.random((n_series // 2, DAYS)) < 2 / 7
    happened = np.isin(day % 7, (2, 5)) if events == "weekly" else drawn[person // 2, day]
    frame = pd.DataFrame({"dyad": person // 2, "person": person, "role": np.where(person % 2, "b", "a"), "day": day})
    frame = frame.assign(phase=np.where(day < before, "before", "since"), y=values.ravel())
    frame["event"] = (happened & (day >= before)).astype(int)
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="day")


def reliable_change(cell, n, generator):
    panel = draw(cell["phi"], cell["scale"], n, cell["before"], generator)
    found = rd.intervention.reliable_change(panel, outcome="y", phase="phase", n_boot=499, seed=SEED)
    p_value = found["p_value"].dropna()
    return {"rates": {"false positives": as_proportion((p_value <= 0.05).mean(), len(p_value))}}


def event_response(cell, n, generator):
    panel = draw(cell["phi"], cell["scale"], n, DAYS // 2, generator, cell["events"])
    fit = rd.intervention.event_response(
        panel, outcome="y", event="event", phase="phase", n_boot=499, n_surrogates=199, seed=SEED
    )
    joint, redrawn = fit.models["p_joint"].dropna(), fit.models["p_redrawn"].dropna()
    told = fit.tidy()
    days = told[told["dyad"].astype(str) != "sample"]
    rates = {
        "false positives, joint": as_proportion((joint <= 0.05).mean(), len(joint)),
        "false positives, redrawn": as_proportion((redrawn <= 0.05).mean(), len(redrawn)),
    }
    for lag, rows in days.groupby("lag"):
        rates[f"false positives, day {lag}"] = as_proportion((rows["p_value"] <= 0.05).mean(), len(rows))
    return {"not_fitted": int(n - len(joint)), "rates": rates, **pooled(days)}


def pooled(days):
    """False positives of means over samples of twelve series, each series in one sample."""
    hits, count = [], 0
    for _, rows in days.dropna(subset=["estimate"]).groupby("lag"):
        samples = len(rows) // POOLED
        shape = (samples, POOLED)
        parts = (rows[name].to_numpy()[: samples * POOLED].reshape(shape) for name in ("estimate", "std_error"))
        hits.append([pool(*sample, by="reml").p_value[0] <= 0.05 for sample in zip(*parts, strict=True)])
        count = samples
    return {"pooled_series": POOLED, "pooled_samples": count, "false_positives_pooled": float(np.mean(hits))}


def multiple_baseline(cell, n, generator):
    """Coverage of the changes of each partner, of both and of their difference."""
    starts = np.linspace(14, 42, cell["dyads"]).astype(int)
    truth = {"level change": {"difference": 0.0}, "slope change": {}}
    inside, failed = {}, 0
    for _ in range(n):
        world = rd.simulate.intervention(
            n_dyads=cell["dyads"], n_before=starts, level=CHANGE, spread=SPREAD, phi=cell["phi"], seed=generator
        )
        fit = rd.intervention.multiple_baseline(world.panel, outcome="closeness", phase="phase")
        failed += int((~fit.models["converged"].astype(bool)).any())
        for row in fit.tidy().itertuples():
            if row.effect in truth:
                at = truth[row.effect].get(row.role, CHANGE if row.effect == "level change" else 0.0)
                inside.setdefault(f"{row.effect}, {row.role}", []).append(row.conf_low <= at <= row.conf_high)
    rates = {f"coverage, {name}": proportion(sum(flags), len(flags)) for name, flags in inside.items()}
    return {"rates": rates, "panels_with_a_model_not_converged": failed}


def name_of(cell):
    return ", ".join(str(value) if isinstance(value, str) else f"{key} {value:g}" for key, value in cell.items())


def measured(cell, n):
    """One cell, its seed its own place in the list."""
    generator = np.random.default_rng([SEED, CELLS.index(cell)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = globals()[cell["call"]](cell, n, generator)
    return {"done": n, **cell, **found}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0)
    share = parser.parse_args().share

    def wanted(cell):
        return max(24, round(share * REPLICATIONS[cell["call"]]))

    cells = {name_of(cell): cell for cell in CELLS}
    run(STORED, cells, wanted, seed=SEED, command=COMMAND, measure=measured)


if __name__ == "__main__":
    main()
