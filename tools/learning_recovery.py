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
import math
import os
import sys
import time
from pathlib import Path

# Before numpy is loaded: one process, one thread.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.stored_cells import ROOT, average, in_words, proportion, read, save  # noqa: E402

RESULTS = ROOT / "tools" / "results" / "learning"
COMMAND = "python tools/learning_recovery.py"
SEED = 20261128
MODELS = ("none", "rescorla-wagner", "pearce-hall", "volatile-kalman")
STRENGTHS = {"none": (0.0, 0.0), "weak": (-0.2, 0.25), "moderate": (-0.4, 0.5), "strong": (-0.8, 1.0)}
OCCASIONS = (100, 200)
ITEMS = ("rated", "exact")
N_DYADS, PER_DAY, MISSING = 30, 4, 0.1
RATE, SPREAD, DRIVE_SD = 0.30, 0.7, 0.1
# How fast associability and volatility follow; both lie on the grid of the fits.
COMMON = {"pearce-hall": 0.3, "volatile-kalman": 0.15}


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
    from reldyn.cycles.series._directions import CycleColumns, build_series

    model, strength = cell.split(":")[:2]
    panel, rates, scale = simulate(cell, index)
    sample, _ = sample_of(build_series(panel, CycleColumns("warmth", "longing")))
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
    """Means over samples with their Monte Carlo errors."""
    rates = {"recognised": average([float(one["chosen"] == model) for one in records])}
    if model == "none":
        for place, name in enumerate(("error", "uncertainty")):
            hits = [abs(one["ratio"][place]) > 1.96 for one in records]
            rates[f"rejects_{name}"] = proportion(sum(hits), len(hits))
        return rates
    for name in ("correlation", "bias", "rmse", "coverage", "population_bias", "population_covered", "has_intervals"):
        rates[name] = average([float(one[name]) for one in records])
    for place, name in enumerate(("error", "uncertainty")[: len(records[0]["drive_bias"])]):
        for what in ("bias", "covered"):
            rates[f"{name}_{what}"] = average([float(one[f"drive_{what}"][place]) for one in records])
    return rates


def path_of(cell, folder):
    """Give the file of a cell."""
    return folder / (cell.replace(":", "__") + ".json")


def load(cell, folder):
    """Read what there is of a cell, or begin it."""
    stored = read(path_of(cell, folder))["cells"]
    return stored[0] if stored else {"wanted": 0, "samples": [], "cpu_seconds": 0.0}


def described(cell, samples, wanted, seconds):
    """A cell as it is stored."""
    model, strength, length, _ = cell.split(":")
    planted = {"rate": RATE, "spread": SPREAD, "drives": list(STRENGTHS[strength]), "drive_sd": DRIVE_SD}
    return {
        "cell": cell,
        "wanted": max(wanted, len(samples)),
        "done": len(samples),
        "n_dyads": N_DYADS,
        "n_occasions": int(length),
        "planted": planted | {"common": COMMON.get(model, 0.0), "missing": MISSING},
        "rates": summarise(samples, model),
        "chosen": {name: sum(one["chosen"] == name for one in samples) / len(samples) for name in MODELS},
        "cpu_seconds": seconds,
        "samples": samples,
    }


def run_cell(cell, *, samples, deadline, folder):
    """Take a cell up where it was left."""
    before = load(cell, folder)
    found, seconds = before["samples"], before["cpu_seconds"]
    while len(found) < samples and time.monotonic() < deadline:
        started = time.process_time()
        found.append(replicate(cell, len(found)))
        seconds = round(seconds + time.process_time() - started, 2)
        result = described(cell, found, max(samples, before["wanted"]), seconds)
        save(path_of(cell, folder), [result], seed=SEED, command=COMMAND)


def tell(cells, folder):
    """Print one line per cell."""
    for cell in cells:
        found = load(cell, folder)
        print(f"{cell:36s} {in_words(found) if found['samples'] else 'not run'}")


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
