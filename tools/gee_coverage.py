"""Measure how often 95 % intervals of marginal actor-partner models hold the truth, at 30 and at 100 dyads.

Usage: python tools/gee_coverage.py [--replications 400]
Outcomes are drawn so that their marginal model is the fitted one exactly: correlated normal deviates of the two
members become uniform, and those the outcome at its own mean. Finished cells are kept in
tools/results/gee_coverage.json: a run that was stopped goes on where it was; delete the file to begin anew.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special, stats

import reldyn as rd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.stored_cells import ROOT, as_proportion, average, run

STORED = ROOT / "tools" / "results" / "gee_coverage.json"
COMMAND = "python tools/gee_coverage.py"
FAMILIES = ("binomial", "poisson", "negative-binomial", "ordinal")
SIZES = (30, 100)
SEED = 20261123
EFFECTS = ("actor a", "actor b", "partner a", "partner b")
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


def cell(key, replications):
    family, n = key
    seeds = np.random.SeedSequence([SEED, FAMILIES.index(family), n]).spawn(replications)
    found = [result for seed in seeds if (result := one(family, n, seed)) is not None]
    inside, away, std_error = (np.array([result[k] for result in found]) for k in range(3))
    rates = {"coverage": as_proportion(inside.mean(), inside.size), "bias": average(away.mean(axis=1))}
    for at, effect in enumerate(EFFECTS):
        rates[f"coverage, {effect}"] = as_proportion(inside[:, at].mean(), len(inside))
    return {
        "done": replications,
        "family": family,
        "n_dyads": n,
        "not_converged": replications - len(found),
        "rates": rates,
        "std_error_ratio": float(std_error.mean() / away.std(ddof=1)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=400)
    cells = {f"{family} at {n} dyads": (family, n) for family in FAMILIES for n in SIZES}
    replications = parser.parse_args().replications
    run(STORED, cells, replications, seed=SEED, command=COMMAND, measure=cell)


if __name__ == "__main__":
    main()
