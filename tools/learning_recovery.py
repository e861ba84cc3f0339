"""Measure what fits of learning models recover: rates of directions, the population, and which model it was.

    python tools/learning_recovery.py --samples 20 --minutes 10
    python tools/learning_recovery.py --list

A cell is MODEL:STRENGTH:OCCASIONS:ITEM. A sample holds 30 dyads with two directions each, four beeps a day, 10 % of
warmth missed. Warmth is a slow series whose shocks come in calm and in stormy spells of five days, so that the models
differ. The response follows the planted model by a loop of its own, written from the definitions and not from the
library's code; learning rates have the median .30 and an SD of .7 on the logit scale. STRENGTH says how much of the
response the drives make (``strong``: -.8 and 1.0 against shocks of SD 1, ``moderate`` half, ``weak`` a quarter of
that); ITEM whether both are ``exact`` or rated from 1 to 7, in which case learning is about the warmth as rated. Every
sample is fitted with all four models as `reldyn.cycles.learning` does. Results are kept in ``tools/results/learning``,
one JSON file per cell, written after every sample, so that a run can be stopped and taken up again. Errors are over
samples.
"""

import argparse
import fnmatch
import json
import math
import os
import sys
import time
from pathlib import Path

# Before numpy is loaded: one process, one thread.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.calibration.cycles.store import ROOT, commit, versions  # noqa: E402

RESULTS = ROOT / "tools" / "results" / "learning"
SCHEMA_VERSION = 1
SEED = 20261128
MODELS = ("none", "rescorla-wagner", "pearce-hall", "volatile-kalman")
STRENGTHS = {"none": (0.0, 0.0), "weak": (-0.2, 0.25), "moderate": (-0.4, 0.5), "strong": (-0.8, 1.0)}
OCCASIONS = (100, 200)
ITEMS = ("rated", "exact")
N_DYADS, PER_DAY, MISSING = 30, 4, 0.1
RATE, SPREAD, DRIVE_SD = 0.30, 0.7, 0.1
# How fast associability and volatility follow; both lie on the grid of the fits.
COMMON = {"pearce-hall": 0.3, "volatile-kalman": 0.15}
FIELDS = {
    "schema_version",
    "cell",
    "n_dyads",
    "n_occasions",
    "planted",
    "seed",
    "samples",
    "summary",
    "versions",
    "commits",
    "cpu_seconds",
}


def all_cells():
    """Name every cell, rated items and longer series first."""
    cells = []
    for item in ITEMS:
        for length in OCCASIONS[::-1]:
            for strength in ("strong", "moderate", "weak") if item == "rated" else ("strong",):
                cells += [f"{model}:{strength}:{length}:{item}" for model in MODELS[1:]]
            cells.append(f"none:none:{length}:{item}")
    return cells


def respond(model, warmth, rate, drives, rng):
    """Response of one direction to warmth in SD of its own, occasion by occasion."""
    import numpy as np

    usual = np.nanmean(np.abs(warmth))
    expected, size, now = 0.0, usual, 0.0
    variance, volatility, noise = rate * (1 - rate), rate**2, 1 - rate
    response = np.empty(len(warmth))
    for t, felt in enumerate(warmth):
        response[t] = now
        error = 0.0
        if np.isfinite(felt):
            error = felt - expected
            if model == "pearce-hall":
                expected += min(1.0, rate * size / usual) * error
                size += COMMON[model] * (abs(error) - size)
            elif model == "volatile-kalman":
                gain = (variance + volatility) / (variance + volatility + noise)
                expected += gain * error
                posterior = (1 - gain) * (variance + volatility)
                covariance = (1 - gain) * variance
                volatility += COMMON[model] * ((gain * error) ** 2 + variance + posterior - 2 * covariance - volatility)
                variance = posterior
            else:
                expected += rate * error
        uncertainty = {"pearce-hall": size, "volatile-kalman": math.sqrt(variance + volatility)}.get(model, 0.0)
        drive = 0.0 if model == "none" else drives[0] * error + drives[1] * uncertainty
        shared = 0.3 * now + 0.4 * (felt if np.isfinite(felt) else 0.0) + 0.1 * (t % PER_DAY)
        now = shared + drive + rng.standard_normal()
    return response


def simulate(cell, index):
    """Simulate the panel of one sample; returns it, the rates of its directions, and what turns drives into SD."""
    import numpy as np
    import pandas as pd

    import reldyn as rd

    model, strength, length, item = cell.split(":")
    n = int(length)
    code = [MODELS.index(model), list(STRENGTHS).index(strength), n, ITEMS.index(item)]
    rng = np.random.default_rng([SEED, *code, index])
    frames, rates, spreads = [], [], []
    for dyad in range(N_DYADS):
        for who in ("a", "b"):
            rate = 1 / (1 + math.exp(-(math.log(RATE / (1 - RATE)) + SPREAD * rng.standard_normal())))
            drives = np.array(STRENGTHS[strength]) + DRIVE_SD * rng.standard_normal(2) * (strength != "none")
            storm = np.exp(0.7 * np.repeat(rng.standard_normal(n // 20 + 1), 20)[:n])
            warmth = np.zeros(n)
            for t in range(1, n):
                warmth[t] = 0.7 * warmth[t - 1] + storm[t] * rng.standard_normal()
            if item == "rated":
                warmth = np.clip(np.rint(4 + 1.5 * (warmth - warmth.mean()) / warmth.std()), 1, 7)
            warmth[rng.random(n) < MISSING] = np.nan
            felt = (warmth - np.nanmean(warmth)) / np.nanstd(warmth)
            response = respond(model, felt, rate, drives, rng)
            spreads.append(1 / response.std())
            if item == "rated":
                response = np.clip(np.rint(4 + 1.5 * (response - response.mean()) / response.std()), 1, 7)
            day, beep = np.divmod(np.arange(n), PER_DAY)
            frames.append(
                pd.DataFrame(
                    {"dyad": dyad, "who": who, "day": day, "beep": beep, "warmth": warmth, "longing": response}
                )
            )
            rates.append(rate)
    panel = rd.DyadPanel(pd.concat(frames), dyad="dyad", person="who", role="who", day="day", beep="beep")
    # Directions go from the giver, and warmth is told by the receiver: the rates stand in the other order.
    return panel, np.array(rates).reshape(-1, 2)[:, ::-1].ravel(), float(np.mean(spreads))


def replicate(cell, index):
    """Fit every model to one sample; returns the record."""
    import numpy as np

    from reldyn.cycles.learning_models._fit import fit_model
    from reldyn.cycles.learning_models._learning import sample_of
    from reldyn.cycles.series._arrange import CycleColumns, arrange

    model, strength = cell.split(":")[:2]
    panel, rates, scale = simulate(cell, index)
    sample, _ = sample_of(arrange(panel, CycleColumns("warmth", "longing")))
    if len(sample.warmth) != len(rates):
        raise SystemExit("a direction was left out: the planted rates have no order any more.")
    fits = {name: fit_model(sample, name, errors=name in (model, "pearce-hall")) for name in MODELS}
    record = {
        "index": index,
        "chosen": min(fits.values(), key=lambda fit: fit.bic).model,
        "bic_above": {name: round(fit.bic - fits[model].bic, 2) for name, fit in fits.items()},
        "converged": all(fit.converged for fit in fits.values()),
    }
    if model == "none":
        # Without learning the tests of Pearce and Hall's drives are the ones that may cry in vain.
        other = fits["pearce-hall"]
        errors = np.sqrt(np.diag(other.covariance)[1:])
        return record | {"ratio": [round(float(value), 3) for value in other.drive / errors]}
    own = fits[model]
    errors = np.sqrt(np.diag(own.covariance))
    planted = np.array(STRENGTHS[strength])[: len(own.drive)] * scale
    centre = math.log(RATE / (1 - RATE))
    return record | {
        "correlation": round(0.0 if np.ptp(own.rate) < 1e-9 else float(np.corrcoef(rates, own.rate)[0, 1]), 4),
        "bias": round(float((own.rate - rates).mean()), 4),
        "rmse": round(float(np.sqrt(((own.rate - rates) ** 2).mean())), 4),
        "coverage": round(float(((own.low <= rates) & (rates <= own.high)).mean()), 4),
        "population_bias": round(float(1 / (1 + math.exp(-own.centre))) - RATE, 4),
        "population_covered": bool(abs(own.centre - centre) <= 1.96 * errors[0]),
        "drive_bias": [round(float(value), 4) for value in own.drive - planted],
        "drive_covered": (np.abs(own.drive - planted) <= 1.96 * errors[1:]).tolist(),
        "has_intervals": bool(np.isfinite(errors).all()),
    }


def summarise(records, model):
    """Means over samples with their Monte Carlo errors, and the share in which each model has the lowest BIC."""
    n = len(records)
    summary = {"n": n, "chosen": {name: sum(one["chosen"] == name for one in records) / n for name in MODELS}}
    summary["recognised"], summary["recognised_mcse"] = mean([float(one["chosen"] == model) for one in records])
    if model == "none":
        for place, name in enumerate(("error", "uncertainty")):
            hits = [float(abs(one["ratio"][place]) > 1.96) for one in records]
            summary[f"rejects_{name}"], summary[f"rejects_{name}_mcse"] = mean(hits)
        return summary
    for name in ("correlation", "bias", "rmse", "coverage", "population_bias", "population_covered", "has_intervals"):
        summary[name], summary[f"{name}_mcse"] = mean([float(one[name]) for one in records])
    for place, name in enumerate(("error", "uncertainty")[: len(records[0]["drive_bias"])]):
        for what in ("bias", "covered"):
            values = [float(one[f"drive_{what}"][place]) for one in records]
            summary[f"{name}_{what}"], summary[f"{name}_{what}_mcse"] = mean(values)
    return summary


def mean(values):
    """Mean and its standard error over samples."""
    centre = sum(values) / len(values)
    spread = sum((value - centre) ** 2 for value in values) / max(len(values) - 1, 1)
    return round(centre, 4), round(math.sqrt(spread / len(values)), 4)


def path_of(cell, folder):
    """Give the file of a cell."""
    return folder / (cell.replace(":", "__") + ".json")


def load(cell, folder):
    """Read what there is of a cell, or begin it."""
    path = path_of(cell, folder)
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    model, strength, length, _ = cell.split(":")
    return {
        "schema_version": SCHEMA_VERSION,
        "cell": cell,
        "n_dyads": N_DYADS,
        "n_occasions": int(length),
        "planted": {
            "rate": RATE,
            "spread": SPREAD,
            "drives": list(STRENGTHS[strength]),
            "drive_sd": DRIVE_SD,
            "common": COMMON.get(model, 0.0),
            "missing": MISSING,
        },
        "seed": SEED,
        "samples": [],
        "summary": {},
        "versions": versions(),
        "commits": [],
        "cpu_seconds": 0.0,
    }


def save(result, folder):
    """Write a cell in one step, one sample per line."""
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(result["cell"], folder)
    lines = ",\n".join("  " + json.dumps(record) for record in result["samples"])
    text = json.dumps(result | {"samples": []}, indent=1).replace('"samples": []', f'"samples": [\n{lines}\n ]', 1)
    draft = path.with_suffix(".tmp")
    draft.write_text(text + "\n", encoding="utf-8", newline="\n")
    draft.replace(path)


def run_cell(cell, *, samples, deadline, folder):
    """Take a cell up where it was left."""
    result = load(cell, folder)
    here = commit()
    while len(result["samples"]) < samples and time.monotonic() < deadline:
        started = time.process_time()
        result["samples"].append(replicate(cell, len(result["samples"])))
        result["cpu_seconds"] = round(result["cpu_seconds"] + time.process_time() - started, 2)
        result["summary"] = summarise(result["samples"], cell.split(":")[0])
        result["commits"] = sorted({*result["commits"], here})
        result["versions"] = versions()
        save(result, folder)


def tell(cells, folder):
    """Print one line per cell."""
    for cell in cells:
        path = path_of(cell, folder)
        if not path.exists():
            print(f"{cell:36s} not run")
            continue
        found = json.loads(path.read_text(encoding="utf-8"))["summary"]
        names = ("recognised", "correlation", "bias", "coverage", "rejects_error", "rejects_uncertainty")
        shown = "  ".join(f"{name} {found[name]:.3f} ({found[name + '_mcse']:.3f})" for name in names if name in found)
        print(f"{cell:36s} n {found['n']:3d}  {shown}")


def main(arguments=None):
    """Run or list cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", default=["*"])
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args(arguments)
    cells = [cell for cell in all_cells() if any(fnmatch.fnmatchcase(cell, pattern) for pattern in options.cells)]
    if not cells:
        raise SystemExit(f"no cell matches; cells are MODEL:STRENGTH:OCCASIONS:ITEM, e.g. {all_cells()[0]}.")
    deadline = time.monotonic() + 60 * options.minutes
    if not options.list:
        # Turn by turn, so that a short run leaves something in every cell.
        for samples in range(1, options.samples + 1):
            for cell in cells:
                run_cell(cell, samples=samples, deadline=deadline, folder=options.results)
    tell(cells, options.results)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))
    main()
