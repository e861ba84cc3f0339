"""Measure how often 95 % intervals of marginal actor-partner models hold the truth, at 30 and at 100 dyads.

Usage: python tools/gee_coverage.py [--replications 400]
Outcomes are drawn so that their marginal model is the fitted one exactly: correlated normal deviates of the two
members become uniform, and those the outcome at its own mean. Finished cells are kept in
benchmarks/results/gee_coverage.json: a run that was stopped goes on where it was; delete the file to begin anew.
"""

import argparse
import json
import platform
import subprocess
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special, stats

import reldyn as rd

ROOT = Path(__file__).resolve().parents[1]
STORED = ROOT / "benchmarks" / "results" / "gee_coverage.json"
FAMILIES = ("binomial", "poisson", "negative-binomial", "ordinal")
SIZES = (30, 100)
SEED = 20261123
# Effects per role, a first: actor and partner differ, and so do the roles.
ACTOR, PARTNER = np.array([0.4, 0.3]), np.array([0.2, 0.1])
INTERCEPT = {"binomial": 0.0, "poisson": 0.7, "negative-binomial": 0.7, "ordinal": 0.0}
CORRELATION, ALPHA, CUTS = 0.4, 0.4, (-1.0, 0.0, 1.2)


def draw(family, n, generator):
    """One data set of n dyads."""
    x = generator.multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], size=n)
    eta = INTERCEPT[family] + ACTOR * x + PARTNER * x[:, ::-1]
    latent = generator.multivariate_normal([0, 0], [[1, CORRELATION], [CORRELATION, 1]], size=n)
    uniform = stats.norm.cdf(latent)
    if family == "binomial":
        y = (uniform < special.expit(eta)).astype(float)
    elif family == "poisson":
        y = stats.poisson.ppf(uniform, np.exp(eta))
    elif family == "negative-binomial":
        y = stats.nbinom.ppf(uniform, 1 / ALPHA, 1 / (1 + ALPHA * np.exp(eta)))
    else:
        y = np.digitize(eta + stats.logistic.ppf(uniform), CUTS).astype(float)
    rows = pd.DataFrame({"dyad": np.repeat(np.arange(n), 2), "role": np.tile(["a", "b"], n)})
    return rd.DyadPanel(rows.assign(x=x.ravel(), y=y.ravel()), dyad="dyad", person="role", role="role")


def one(family, n, seed):
    """Whether each of the four intervals holds its truth, and how wide they are; None where the fit was refused."""
    panel = draw(family, n, np.random.default_rng(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = rd.apim(panel, outcome="y", predictors=["x"], family=family)
    if not fit.estimates.converged:
        return None
    tidy = (
        fit.tidy()
        .set_index(["effect", "role"])
        .loc[[("actor", "a"), ("actor", "b"), ("partner", "a"), ("partner", "b")]]
    )
    truth = np.concatenate([ACTOR, PARTNER])
    inside = (tidy["conf_low"].to_numpy() <= truth) & (truth <= tidy["conf_high"].to_numpy())
    return inside, tidy["estimate"].to_numpy() - truth, tidy["std_error"].to_numpy()


def cell(family, n, replications):
    seeds = np.random.SeedSequence([SEED, FAMILIES.index(family), n]).spawn(replications)
    start = time.process_time()
    found = [result for seed in seeds if (result := one(family, n, seed)) is not None]
    inside, away, std_error = (np.array([result[k] for result in found]) for k in range(3))
    return {
        "family": family,
        "n_dyads": n,
        "replications": replications,
        "not_converged": replications - len(found),
        "coverage": float(inside.mean()),
        "coverage_by_effect": dict(
            zip(("actor a", "actor b", "partner a", "partner b"), inside.mean(axis=0).tolist(), strict=True)
        ),
        "mcse": float(np.sqrt(inside.mean() * (1 - inside.mean()) / inside.size)),
        "bias": float(away.mean()),
        "std_error_ratio": float(std_error.mean() / away.std(ddof=1)),
        "cpu_seconds": round(time.process_time() - start, 1),
    }


def about():
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "seed": SEED,
        "commit": commit,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "scipy", "pandas", "statsmodels")},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=400)
    replications = parser.parse_args().replications
    stored = json.loads(STORED.read_text(encoding="utf-8")) if STORED.is_file() else {"cells": []}
    done = {(told["family"], told["n_dyads"]) for told in stored["cells"] if told["replications"] >= replications}
    for family in FAMILIES:
        for n in SIZES:
            if (family, n) in done:
                continue
            told = cell(family, n, replications)
            kept = [other for other in stored["cells"] if (other["family"], other["n_dyads"]) != (family, n)]
            stored = {**about(), "cells": [*kept, told]}
            STORED.parent.mkdir(parents=True, exist_ok=True)
            STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8", newline="\n")
            print(f"{family} at {n} dyads: {told['coverage']:.3f} (+- {told['mcse']:.3f}), {told['cpu_seconds']} s")


if __name__ == "__main__":
    main()
