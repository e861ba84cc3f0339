"""Expectation-maximisation of a hidden Markov model for a whole sample, against hmmlearn.

Usage: python -m benchmarks.markov [--dyads N]

The same data, the same start, the same number of iterations, hmmlearn's priors at one and its variance
floor at zero; the log-likelihoods at the end must agree to 1e-10 or nothing is stored. hmmlearn is measured with
its default recursions (logarithms) and with its faster ones (scaling); the goals are about the default.
"""

import argparse
import os
import time
import warnings

import numpy as np

from benchmarks._machine import store

OCCASIONS, CHANNELS, STATES, ITERATIONS = 100, 2, 3, 50
REPEATS = 7
TOLERANCE = 1e-10
GOALS = {"numpy": 10.0, "numba": 60.0}
MEANS = np.array([[-2.0, 0.0], [0.0, 2.0], [2.0, -1.0]])


def make_series(n_dyads):
    """Return series from a sticky chain of three states."""
    rng = np.random.default_rng(12)
    stay = rng.random((n_dyads, OCCASIONS)) < 0.85
    states = rng.integers(STATES, size=(n_dyads, OCCASIONS))
    for t in range(1, OCCASIONS):
        states[:, t] = np.where(stay[:, t], states[:, t - 1], states[:, t])
    values = MEANS[states] + rng.normal(size=(n_dyads, OCCASIONS, CHANNELS))
    return list(values)


def make_start():
    """Return parameters at some distance from the truth."""
    return {
        "initial": np.array([0.5, 0.25, 0.25]),
        "transition": 0.1 + 0.7 * np.eye(STATES),
        "means": 0.7 * MEANS + 0.1,
        "covariances": np.tile(np.eye(CHANNELS), (STATES, 1, 1)),
    }


def by_reldyn(series, covariance):
    """Return the log-likelihood after all iterations."""
    from reldyn.errors import ConvergenceWarning
    from reldyn.markov import fit_hmm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = fit_hmm(series, n_states=STATES, covariance=covariance, start=make_start(), max_iter=ITERATIONS, tol=-1.0)
    return fit.log_likelihood


def by_hmmlearn(series, covariance, implementation):
    """Return the fitted model of hmmlearn."""
    from hmmlearn.hmm import GaussianHMM

    start = make_start()
    model = GaussianHMM(
        STATES,
        covariance_type={"shared": "tied", "separate": "full"}[covariance],
        n_iter=ITERATIONS,
        tol=-np.inf,
        init_params="",
        min_covar=0.0,
        startprob_prior=1.0,
        transmat_prior=1.0,
        means_weight=0.0,
        covars_prior=0.0,
        covars_weight=0.0,
        implementation=implementation,
    )
    model.startprob_, model.transmat_, model.means_ = start["initial"], start["transition"], start["means"]
    model.covars_ = start["covariances"][0] if covariance == "shared" else start["covariances"]
    return model.fit(np.concatenate(series), [len(part) for part in series])


def seconds(job, repeats):
    """Return the least CPU seconds and what the job returned."""
    least = np.inf
    for _ in range(repeats):
        began = time.process_time()
        result = job()
        least = min(least, time.process_time() - began)
    return least, result


def measure(series, covariance):
    """Return the seconds of every way, having checked that all reach the same likelihood."""
    found, values = {}, {}
    for kernels in GOALS:
        os.environ["RELDYN_KERNELS"] = kernels
        by_reldyn(series, covariance)
        found[kernels], values[kernels] = seconds(lambda: by_reldyn(series, covariance), REPEATS)
    for implementation in ("scaling", "log"):
        repeats = 3 if implementation == "scaling" else 1
        found[implementation], model = seconds(lambda way=implementation: by_hmmlearn(series, covariance, way), repeats)
        values[implementation] = model.score(np.concatenate(series), [len(part) for part in series])
    for name, value in values.items():
        if abs(value - values["log"]) > TOLERANCE * abs(values["log"]):
            raise SystemExit(f"the log-likelihoods disagree ({covariance}, {name}): {values}")
    return found


def figures_of(covariance, found):
    """Return one row per way and per goal."""
    plain = {"goal": "", "met": "no goal"}
    rows = [
        {"figure": f"{covariance}: reldyn, numpy, CPU seconds", "measured": found["numpy"], **plain},
        {"figure": f"{covariance}: reldyn, numba, CPU seconds", "measured": found["numba"], **plain},
        {"figure": f"{covariance}: hmmlearn, CPU seconds", "measured": found["log"], **plain},
        {"figure": f"{covariance}: hmmlearn by scaling, CPU seconds", "measured": found["scaling"], **plain},
    ]
    for kernels, goal in GOALS.items():
        ratio = found["log"] / found[kernels]
        row = {"figure": f"{covariance}: hmmlearn over reldyn, {kernels}", "measured": ratio}
        rows.append({**row, "goal": f"at least {goal:g}", "met": bool(ratio >= goal)})
    for kernels in GOALS:
        row = {"figure": f"{covariance}: hmmlearn by scaling over reldyn, {kernels}"}
        rows.append({**row, "measured": found["scaling"] / found[kernels], **plain})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dyads", type=int, default=200)
    options = parser.parse_args()
    series = make_series(options.dyads)
    figures = []
    for covariance in ("shared", "separate"):
        figures += figures_of(covariance, measure(series, covariance))
    store(
        "markov",
        title="Fifty iterations of a hidden Markov model",
        says=(
            f"{options.dyads} series x {OCCASIONS} occasions x {CHANNELS} channels, {STATES} states, {ITERATIONS} "
            f"iterations from one start, fit_hmm as called by a user. CPU seconds, the least of {REPEATS} calls; "
            "hmmlearn once with its default recursions, three times by scaling. All log-likelihoods agree to 1e-10."
        ),
        figures=figures,
    )


if __name__ == "__main__":
    main()
