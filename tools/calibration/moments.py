"""Measure how often the 95 % intervals of moment models and moderated response surfaces cover, and their bias.

Usage: python tools/calibration/moments.py [--replications 1000] [--cells PART ...] [--results FILE]
Kinds of cells, each at several numbers of dyads, of roles and of exchangeable members

mediation    two predictors, two mediators, an own covariate and one of the dyad; percentile intervals of 499 samples of
             whole dyads, and of 4,999 Monte Carlo draws: a simple indirect effect, a total indirect effect, an indirect
             effect whose first path is zero, and k of the mediator's paths
incomplete   an actor-partner model whose predictor is missing for 30 % of the persons, more often where the partner's
             outcome is high (at random given what is observed): full information, and complete dyads alone
latent       an actor-partner model between factors of four items: actor, partner, k
surface      a response surface with a covariate that changes with a trait of the dyad: its a4, and the change of a4

Replications are done in rounds over all cells, so that a run that was stopped has measured all of them with fewer; it
goes on where it was. Each replication has a stream of its own. The goal is .93 to .97, but for complete dyads alone,
which are there for comparison.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import reldyn as rd
from tools import stored_cells

STORED = stored_cells.ROOT / "tools" / "results" / "moments.json"
COMMAND = "python -m tools.calibration.moments"
SEED = 20261130
ROUND = 25
GOAL = (0.93, 0.97)
SIZES = (100, 50, 200)
MEMBERS = ("distinguishable", "exchangeable")
KINDS = ("incomplete", "latent", "mediation", "surface")


def all_cells():
    return [(kind, members, n) for n in SIZES for kind in KINDS for members in MEMBERS]


def panel_of(columns, members):
    """A panel from (n, 2) arrays by name."""
    n = len(next(iter(columns.values())))
    frame = pd.DataFrame({"dyad": np.repeat(np.arange(n), 2), "member": np.tile(["a", "b"], n)})
    for name, values in columns.items():
        frame[name] = np.asarray(values, dtype=float).ravel()
    return rd.DyadPanel(frame, dyad="dyad", person="member", role="member" if members == "distinguishable" else None)


def pair(generator, n, rho=0.3):
    """Standard normal values of two members that correlate."""
    return np.sqrt(rho) * generator.normal(size=(n, 1)) + np.sqrt(1 - rho) * generator.normal(size=(n, 2))


def swap(values):
    return values[:, ::-1]


def intervals(table, **where):
    row = table
    for name, value in where.items():
        row = row[row[name] == value]
    row = row.iloc[0]
    return float(row["estimate"]), float(row["conf_low"]), float(row["conf_high"])


def mediation(generator, n, members):
    age, years = pair(generator, n), generator.normal(size=(n, 1)) * np.ones((1, 2))
    x, w = pair(generator, n) + 0.3 * age, pair(generator, n) + 0.2 * years
    m = 0.4 * x + 0.2 * swap(x) + 0.2 * w + 0.3 * age + 0.2 * years + pair(generator, n)
    k = 0.3 * w + 0.2 * swap(w) + 0.2 * age + pair(generator, n)
    y = 0.4 * m + 0.2 * swap(m) + 0.3 * k + 0.1 * x + 0.2 * age + 0.2 * years + pair(generator, n)
    panel = panel_of({"x": x, "w": w, "m": m, "k": k, "y": y, "age": age, "years": years}, members)
    first = {"role": "a"} if members == "distinguishable" else {}
    measured = {}
    for interval, draws in (("bootstrap", 499), ("monte-carlo", 4999)):
        fit = rd.actor_partner.mediation(
            panel,
            outcome="y",
            predictor=["x", "w"],
            mediator=["m", "k"],
            covariates=["age", "years"],
            interval=interval,
            n_boot=draws,
            seed=generator.integers(2**31),
        )
        table = fit.tidy()
        own = "a" if first else "own"
        simple = {"effect": "indirect", "kind": "actor-actor", "from": own, **first}
        measured |= {
            f"indirect, {interval}": (*intervals(table, predictor="x", mediator="m", **simple), 0.16),
            f"indirect through a zero path, {interval}": (
                *intervals(table, predictor="x", mediator="k", **simple),
                0.0,
            ),
            f"total indirect, {interval}": (
                *intervals(table, predictor="x", effect="total indirect", **{"from": own}, **first),
                0.4 * 0.4 + 0.2 * 0.2,
            ),
            f"k, {interval}": (*intervals(fit.k, source="m", outcome="y", **first), 0.5),
        }
    return measured


def incomplete(generator, n, members):
    x = pair(generator, n)
    y = 0.4 * x + 0.2 * swap(x) + 0.9 * pair(generator, n)
    # Logistic in the partner's outcome; 30 % on average.
    gone = generator.random((n, 2)) < 1 / (1 + np.exp(1.1 - 1.5 * swap(y)))
    panel = panel_of({"x": np.where(gone, np.nan, x), "y": y}, members)
    first = {"role": "a"} if members == "distinguishable" else {}
    measured = {}
    for missing, words in (("model", "full information"), ("available", "complete dyads alone")):
        table = rd.actor_partner.apim_sem(panel, outcome="y", predictors="x", missing=missing).tidy()
        for effect, truth in (("actor", 0.4), ("partner", 0.2)):
            measured[f"{effect}, {words}"] = (*intervals(table, effect=effect, **first), truth)
    return measured


def latent(generator, n, members):
    x = pair(generator, n)
    y = 0.4 * x + 0.2 * swap(x) + pair(generator, n)
    columns = {}
    for name, factor in (("x", x), ("y", y)):
        for k, loading in enumerate((0.8, 1.0, 0.9, 0.7)):
            columns[f"{name}{k}"] = loading * factor + 0.7 * pair(generator, n, 0.2)
    items = {name: [f"{name}{k}" for k in range(4)] for name in "xy"}
    fit = rd.actor_partner.latent_apim(
        panel_of(columns, members), outcome={"y": items["y"]}, predictors={"x": items["x"]}
    )
    first = {"role": "a"} if members == "distinguishable" else {}
    truths = {"actor": 0.4, "partner": 0.2, "k": 0.5}
    return {effect: (*intervals(fit.tidy(), effect=effect, **first), truth) for effect, truth in truths.items()}


def surface(generator, n, members):
    x, age = pair(generator, n), pair(generator, n)
    years = generator.normal(size=(n, 1)) * np.ones((1, 2))
    y = (0.1 * years - 0.2) * (x - swap(x)) ** 2 + 0.2 * x + 0.2 * age + 0.1 * years + pair(generator, n)
    fit = rd.actor_partner.response_surface(
        panel_of({"x": x, "y": y, "age": age, "years": years}, members),
        outcome="y",
        predictor="x",
        covariates=["age"],
        moderators={"years": "dyad"},
        midpoint=0.0,
    )
    table, first = fit.tidy(), {"role": "a"} if members == "distinguishable" else {}
    mean = fit.centres["dyad years"]
    a4 = {"parameter": "a4", **first}
    return {
        "a4 at the mean": (*intervals(table, effect="surface", moderator="", **a4), 4 * (0.1 * mean - 0.2)),
        "change of a4": (*intervals(table, effect="change", **a4), 0.4),
    }


MEASURES = {"mediation": mediation, "incomplete": incomplete, "latent": latent, "surface": surface}


def add_round(told, key):
    """Measure another round of a cell."""
    kind, members, n = key
    start = time.process_time()
    for replication in range(told["done"], told["done"] + ROUND):
        generator = np.random.default_rng([SEED, KINDS.index(kind), MEMBERS.index(members), n, replication])
        try:
            measured = MEASURES[kind](generator, n, members)
        except rd.ReldynError:
            told["refused"] += 1
            continue
        for target, (estimate, low, high, truth) in measured.items():
            sums = told["sums"].setdefault(target, {"n": 0, "covered": 0, "bias": 0.0, "square": 0.0, "width": 0.0})
            sums["n"] += 1
            sums["covered"] += int(low <= truth <= high)
            sums["bias"] += estimate - truth
            sums["square"] += (estimate - truth) ** 2
            sums["width"] += high - low
    told["done"] += ROUND
    told["wanted"] = max(told["wanted"], told["done"])
    told["cpu_seconds"] = round(told["cpu_seconds"] + time.process_time() - start, 1)
    for target, sums in told["sums"].items():
        n, bias = sums["n"], sums["bias"] / sums["n"]
        error = float(np.sqrt(max(sums["square"] / n - bias**2, 0.0) / n))
        told["rates"][f"coverage, {target}"] = stored_cells.proportion(sums["covered"], n)
        told["rates"][f"bias, {target}"] = stored_cells.as_average(bias, error)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--cells", nargs="+", default=[""], help="parts of the names of cells")
    parser.add_argument("--results", type=Path, default=STORED)
    options = parser.parse_args(arguments)
    stored = stored_cells.read(options.results)["cells"]
    cells = {(told["kind"], told["members"], told["n_dyads"]): told for told in stored}
    for key in all_cells():
        kind, members, n = key
        counts = {"cell": f"{kind}, {members}, {n} dyads", "wanted": options.replications, "done": 0}
        design = {"kind": kind, "members": members, "n_dyads": n, "refused": 0, "cpu_seconds": 0.0}
        cells.setdefault(key, {**counts, **design, "rates": {}, "sums": {}})
    warnings.simplefilter("ignore")
    chosen = [key for key, told in cells.items() if any(part in told["cell"] for part in options.cells)]
    while any(cells[key]["done"] < options.replications for key in chosen):
        key = min(chosen, key=lambda each: cells[each]["done"])
        add_round(cells[key], key)
        begun = [told for told in cells.values() if told["done"]]
        stored_cells.save(options.results, begun, seed=SEED, command=COMMAND)
        print(f"{cells[key]['cell']}: {stored_cells.in_words(cells[key])}", flush=True)


if __name__ == "__main__":
    main()
