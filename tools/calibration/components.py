"""Measure coverage of the 95 % intervals of variance components, and of tests with categories and weights.

Usage: python tools/calibration/components.py [--replications 300] [--results FILE] [--cells CELL ...]
Cells

components-30x8, components-60x4
           two roles, intercept variances 1 and .8 that correlate .5, residual variances 1 and 1.5 that correlate .3,
           no predictors: intervals of `tidy("random")`, `tidy("residual")` and `icc()`
categories-60
           one occasion, three sites that differ in nothing: how often `joint_test` rejects at 5 %, per question
weights-60 one occasion, residual variances 1 / w with w from 1 to 4: coverage of actor and partner effects

Goals: .93 to .97 of intervals, .03 to .07 of tests. Replications that are done are kept: a run that was stopped goes on
where it was; delete the file to begin anew.
"""

import argparse
import json
import platform
import subprocess
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

import reldyn as rd

ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "tools" / "results" / "actor_partner" / "components.json"
SEED = 20261129
CELLS = ("components-60x4", "components-30x8", "categories-60", "weights-60")
Z = rd.Estimation(inference="z")


def panel_of(frame, **time):
    return rd.DyadPanel(frame, dyad="dyad", person="role", role="role", **time)


def layout(n, T):
    dyad, time, member = (part.ravel() for part in np.meshgrid(range(n), range(T), [0, 1], indexing="ij"))
    return pd.DataFrame({"dyad": dyad, "time": time, "role": np.array(["f", "m"])[member]})


def components(r, n, T):
    tau, sigma = np.diag([1.0, 0.8]), np.diag([1.0, 1.5])
    tau[0, 1] = tau[1, 0] = 0.5 * np.sqrt(0.8)
    sigma[0, 1] = sigma[1, 0] = 0.3 * np.sqrt(1.5)
    y = r.multivariate_normal([0, 0], tau, size=(n, 1)) + r.multivariate_normal([0, 0], sigma, size=(n, T))
    panel = panel_of(layout(n, T).assign(y=y.ravel()), time="time")
    fit = rd.apim(panel, outcome="y", predictors=(), random=["intercept"], estimation=Z)
    whole = np.diag(tau + sigma)
    scale = np.sqrt(whole.prod())
    truths = [
        (fit.tidy("random"), [1.0, 0.8, 0.5]),
        (fit.tidy("residual"), [1.0, 1.5, 0.3]),
        (fit.icc(), [1 / 2, 0.8 / 2.3, tau[0, 1] / scale, (tau + sigma)[0, 1] / scale]),
    ]
    return {
        row["term"]: None if np.isnan(row["conf_low"]) else bool(row["conf_low"] <= true <= row["conf_high"])
        for table, values in truths
        for (_, row), true in zip(table.iterrows(), values, strict=True)
    }


def categories(r, n):
    x, y = r.normal(size=(2, n, 2))
    site = np.repeat(np.array(["Bern", "Oslo", "Turin"])[np.arange(n) % 3], 2)
    frame = layout(n, 1).assign(x=x.ravel(), y=(0.3 * x + y).ravel(), site=site)
    fit = rd.apim(panel_of(frame), outcome="y", predictors=["x"], covariates=["site"])
    return {row["term"]: bool(row["p_value"] < 0.05) for _, row in fit.joint_test("site").iterrows()}


def weighted(r, n):
    w = r.integers(1, 5, size=(n, 2))
    x, e = r.normal(size=(2, n, 2))
    y = 0.3 * x + 0.2 * x[:, ::-1] + e / np.sqrt(w)
    frame = layout(n, 1).assign(x=x.ravel(), y=y.ravel(), w=w.ravel())
    fit = rd.apim(panel_of(frame), outcome="y", predictors=["x"], weights="w")
    truth = {"actor": 0.3, "partner": 0.2}
    rows = fit.tidy().query("effect != 'intercept'")
    return {
        row["term"]: bool(row["conf_low"] <= truth[row["effect"]] <= row["conf_high"]) for _, row in rows.iterrows()
    }


def replicate(cell, index):
    r = np.random.default_rng([SEED, CELLS.index(cell), index])
    kind, size = cell.split("-")
    if kind == "components":
        n, T = map(int, size.split("x"))
        return components(r, n, T)
    return (categories if kind == "categories" else weighted)(r, int(size))


def figures(rows):
    """Share of yes among replications with an interval, and how many had none, per row."""
    terms = list(dict.fromkeys(term for row in rows for term in row))
    found = {}
    for term in terms:
        values = [row[term] for row in rows if row.get(term) is not None]
        share = float(np.mean(values)) if values else None
        mcse = float(np.sqrt(share * (1 - share) / len(values))) if values else None
        found[term] = {"share": share, "mcse": mcse, "without": len(rows) - len(values)}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=300)
    parser.add_argument("--results", type=Path, default=STORED)
    parser.add_argument("--cells", nargs="*", choices=CELLS, default=CELLS)
    chosen = parser.parse_args()
    stored = json.loads(chosen.results.read_text(encoding="utf-8")) if chosen.results.exists() else {"cells": {}}
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    packages = ("numpy", "pandas", "scipy")
    stored |= {"seed": SEED, "commit": commit.stdout.strip(), "python": platform.python_version()}
    stored["versions"] = {name: version(name) for name in packages}
    for cell in chosen.cells:
        rows = stored["cells"].get(cell, {}).get("rows", [])
        while len(rows) < chosen.replications:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rows.append(replicate(cell, len(rows)))
            if len(rows) % 20 == 0 or len(rows) == chosen.replications:
                stored["cells"][cell] = {"done": len(rows), "figures": figures(rows), "rows": rows}
                chosen.results.write_text(json.dumps(stored) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
