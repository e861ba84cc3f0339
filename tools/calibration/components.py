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
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import reldyn as rd
from tools import stored_cells

COMMAND = "python -m tools.calibration.components"
STORED = stored_cells.ROOT / "tools" / "results" / "actor_partner" / "components.json"
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


def described(cell, rows, wanted):
    """Share of yes among replications with an interval, and how many had none, per row."""
    rates, without = {}, {}
    for term in dict.fromkeys(term for row in rows for term in row):
        values = [row[term] for row in rows if row.get(term) is not None]
        rates[term], without[term] = stored_cells.proportion(sum(values), len(values)), len(rows) - len(values)
    counts = {"cell": cell, "wanted": max(wanted, len(rows)), "done": len(rows)}
    return {**counts, "rates": rates, "without": without, "rows": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=300)
    parser.add_argument("--results", type=Path, default=STORED)
    parser.add_argument("--cells", nargs="*", choices=CELLS, default=CELLS)
    chosen = parser.parse_args()
    stored = {cell["cell"]: cell for cell in stored_cells.read(chosen.results)["cells"]}
    for cell in chosen.cells:
        rows = stored.get(cell, {}).get("rows", [])
        while len(rows) < chosen.replications:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rows.append(replicate(cell, len(rows)))
            if len(rows) % 20 == 0 or len(rows) == chosen.replications:
                stored[cell] = described(cell, rows, chosen.replications)
                stored_cells.save(chosen.results, list(stored.values()), seed=SEED, command=COMMAND)


if __name__ == "__main__":
    main()
