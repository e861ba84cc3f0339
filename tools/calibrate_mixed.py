"""Calibrate the dyadic mixed model by simulation; resumable, results stored in tools/results/mixed.

Usage: python tools/calibrate_mixed.py [CELL ...] [--replications N] [--minutes M] [--results DIR]

Cells
-----
coverage-30x14   95 % intervals of every fixed effect at 30 dyads x 14 days (Kenward-Roger), 2000 replications
robust-100x14    six-effect models of 1000 data sets of 100 x 14, where singular G is common: is every optimum verified?
nickell-100x14   own carry-over at T = 14: var1 residual with random intercepts against the within-centred lag

A replication depends on the cell and its number only, so a run that stops is taken up where it stopped.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools import stored_cells
from tools.mixed_worlds import MODEL, ROLES, TERMS, TRUTH, as_panel, diary

RESULTS = Path(__file__).parent / "results" / "mixed"
SEED = 20261123
NAMES = [f"{term}, {role}" for term in TERMS for role in ROLES]
NICKELL = {"n_dyads": 100, "n_occasions": 14, "phi": 0.3}


def generator(cell, replication):
    """Return the random numbers of one replication."""
    return np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(sorted(CELLS).index(cell), replication)))


def coverage(replication):
    """Hits of every interval, the bias of every estimate, and whether the fit stands."""
    import reldyn as rd

    fit = rd.mixed_model(as_panel(diary(30, 14, generator("coverage-30x14", replication))), **MODEL)
    table = fit.tidy().set_index("term")
    row = {"converged": bool(fit.converged), "singular": bool(fit.glance()["at_boundary"].item())}
    for name in NAMES:
        term, role = name.split(", ")
        truth, estimate = TRUTH[role][term], table.loc[name]
        parts = (estimate["estimate"] - truth, estimate["std_error"], estimate["df"])
        row[name] = [float(f"{part:.6g}") for part in parts]
        row[f"hit {name}"] = bool(estimate["conf_low"] <= truth <= estimate["conf_high"])
    return row


def robust(replication):
    """Whether the optimum is verified, and whether small feasible steps away from it find anything better."""
    import reldyn as rd
    from reldyn.mixed import log_likelihood

    rng = generator("robust-100x14", replication)
    result = rd.mixed_model(as_panel(diary(100, 14, rng)), **MODEL, estimation=rd.Estimation(inference="z"))
    fit = result._engine
    best = -np.inf
    for _ in range(10):
        root = np.linalg.cholesky(fit.G + 1e-12 * np.eye(len(fit.G)))
        root = root + 0.01 * rng.standard_normal(root.shape) * np.sqrt(np.diag(fit.G).mean())
        psi = tuple(part * (1.0 + 0.01 * rng.standard_normal(part.shape)) for part in fit.psi)
        best = max(best, log_likelihood(fit.problem, fit.structure, fit.residual, root @ root.T, psi))
    return {
        "converged": bool(fit.converged),
        "singular": fit.at_boundary,
        "iterations": int(fit.trace.iterations),
        "better_nearby": float(best - fit.log_likelihood),
    }


def nickell(replication):
    """Estimated carry-over by the var1 residual and by the within-centred lag of the outcome."""
    import pandas as pd

    import reldyn as rd

    rng = generator("nickell-100x14", replication)
    n, occasions, phi = NICKELL["n_dyads"], NICKELL["n_occasions"], NICKELL["phi"]
    innovation = rng.standard_normal((n, occasions + 50, 2))
    e = innovation.copy()
    for t in range(1, occasions + 50):
        e[:, t] = phi * e[:, t - 1] + innovation[:, t]
    y = e[:, 50:] + rng.standard_normal((n, 1, 2))
    dyad, day, member = (part.ravel() for part in np.indices(y.shape))
    frame = pd.DataFrame({"dyad": dyad, "role": np.array(ROLES)[member], "time": day, "y": y.ravel()})
    panel = as_panel(frame)
    z = rd.Estimation(inference="z")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        latent = rd.apim(panel, outcome="y", predictors=(), residual="var1", estimation=z)
        lagged = rd.apim(panel.lag(["y"]), outcome="y", predictors=("y_lag1",), estimation=z)
    transition = np.asarray(latent.residual_process["transition"], dtype=float)
    table = lagged.tidy()
    own = table[(table["effect"] == "actor") & (table["level"] == "within")]["estimate"].mean()
    return {"converged": bool(latent.converged), "var1": float(np.diag(transition).mean()), "lag": float(own)}


def summarise_coverage(rows):
    """Coverage and bias of each interval."""
    rates, errors = {}, {}
    for name in NAMES:
        bias, error, df = np.array([row[name] for row in rows]).T
        rates[f"coverage, {name}"] = stored_cells.proportion(sum(row[f"hit {name}"] for row in rows), len(rows))
        rates[f"bias, {name}"] = stored_cells.average(bias)
        spread = float(bias.std(ddof=1)) if len(rows) > 1 else None
        errors[name] = {
            "empirical_sd": spread,
            "mean_std_error": float(error.mean()),
            "median_df": float(np.median(df)),
        }
    return {"rates": rates, "errors": errors, "goal": "coverage .935 to .965", **_shares(rows)}


def summarise_robust(rows):
    """How many optima are verified, and the best that was found beside any of them."""
    better = float(max(row["better_nearby"] for row in rows))
    verified = sum(row["converged"] for row in rows)
    return {
        "rates": {"verified": stored_cells.proportion(verified, len(rows))},
        "largest_gain_nearby": better,
        "median_iterations": float(np.median([row["iterations"] for row in rows])),
        "goal": "every optimum verified",
        **_shares(rows),
    }


def summarise_nickell(rows):
    """Bias of both routes."""
    values = {name: np.array([row[name] for row in rows]) - NICKELL["phi"] for name in ("var1", "lag")}
    rates = {f"bias, {name}": stored_cells.average(away) for name, away in values.items()}
    return {"rates": rates, "goal": "absolute bias of var1 at most .01", **_shares(rows)}


def _shares(rows):
    shares = {"converged": sum(row["converged"] for row in rows)}
    if "singular" in rows[0]:
        shares["singular"] = sum(row["singular"] for row in rows)
    return shares


CELLS = {
    "coverage-30x14": (coverage, summarise_coverage, 2000),
    "robust-100x14": (robust, summarise_robust, 1000),
    "nickell-100x14": (nickell, summarise_nickell, 200),
}


def run(cell, replications, minutes, folder):
    """Run what is missing of a cell, saving after every minute, and return its record."""
    one, summarise, wanted = CELLS[cell]
    wanted = replications or wanted
    path = Path(folder) / f"{cell}.json"
    stored = stored_cells.read(path)["cells"]
    rows = stored[0]["rows"] if stored else []
    end = time.monotonic() + 60.0 * minutes
    saved = time.monotonic()
    result = None
    while len(rows) < wanted and time.monotonic() < end:
        rows.append(one(len(rows)))
        if time.monotonic() - saved > 60.0:
            result, saved = save(path, cell, rows, wanted, summarise), time.monotonic()
    return result if result is not None and len(rows) == result["done"] else save(path, cell, rows, wanted, summarise)


def save(path, cell, rows, wanted, summarise):
    """Write the rows and what they say."""
    result = {"cell": cell, "wanted": wanted, "done": len(rows), **summarise(rows), "rows": rows}
    stored_cells.save(path, [result], seed=SEED, command=f"python tools/calibrate_mixed.py {cell}")
    return result


def main():
    """Run the cells named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", nargs="*", default=list(CELLS), metavar="CELL")
    parser.add_argument("--replications", type=int, default=None)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--results", default=RESULTS)
    options = parser.parse_args()
    for cell in options.cells:
        if cell not in CELLS:
            parser.error(f"no cell {cell!r}; there are: {', '.join(CELLS)}")
        result = run(cell, options.replications, options.minutes, options.results)
        print(f"{cell}: {result['done']} of {result['wanted']} replications")
        for name, rate in result["rates"].items():
            print(f"  {name}: {rate['value']:.4f} (+- {rate['mcse']:.4f})")


if __name__ == "__main__":
    main()
