"""Detection of cycles: surrogates of one direction, a whole sample of linear ones, and the sample study.

Usage: python -m benchmarks.cycles [--sample-surrogates 199]

No peer tests these claims, so nothing stands beside them; the fits inside are measured against hmmlearn by
`benchmarks.markov`. One direction: CPU seconds of 199 surrogates of *regimes*, two and three phases with three starts
each, early stopping off, on one core. Whole samples: wall seconds on two workers, 999 surrogates with early stopping,
a quarter of the sample first, so that growth with the number of dyads can be seen.
"""

import argparse
import os
import time
import warnings

import numpy as np

from benchmarks._machine import store

OCCASIONS, SURROGATES, N_DYADS, WORKERS = 200, 199, 100, 2
GOALS = {"numpy": 12.0, "numba": 3.0}
GOAL_MINUTES = 10.0


def one_direction():
    """Return a linear direction."""
    from reldyn.cycles.series._series import DirectionSeries
    from reldyn.simulate._series import SeriesDesign, simulate_series

    batch = simulate_series(SeriesDesign(n_occasions=OCCASIONS, kind="linear"), [np.random.default_rng(5)])
    day = batch.grid.day
    return DirectionSeries.from_arrays(batch.values[0], day=day, beep=batch.grid.beep, weekend=(day - 1) % 7 >= 5)


def surrogate_seconds(kernels):
    """Return CPU seconds of a test of regimes with all its surrogates."""
    from reldyn.cycles.ladder._direction import DirectionFits, direction_seed
    from reldyn.cycles.ladder._regimes import assess_regimes

    os.environ["RELDYN_KERNELS"] = kernels
    series = one_direction()
    assess_regimes(DirectionFits(series, direction_seed(1, series)), n_surrogates=19)
    began = time.process_time()
    assess_regimes(DirectionFits(series, direction_seed(1, series)), n_surrogates=SURROGATES, go_on=True)
    return time.process_time() - began


def detection_seconds(panel, n_surrogates, **columns):
    """Return wall seconds of detect_cycles on two workers."""
    import reldyn as rd

    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rd.detect_cycles(panel, n_surrogates=n_surrogates, seed=1, n_jobs=WORKERS, **columns)
    return time.perf_counter() - began


def main():
    import reldyn as rd

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample-surrogates", type=int, default=199)
    options = parser.parse_args()
    plain = {"goal": "", "met": "no goal"}
    figures = []
    for kernels, goal in GOALS.items():
        seconds = surrogate_seconds(kernels)
        row = {"figure": f"{SURROGATES} surrogates of one direction, {kernels}, CPU seconds", "measured": seconds}
        figures.append({**row, "goal": f"at most {goal:g}", "met": bool(seconds <= goal)})
    columns = {"warmth": "warmth", "response": "response"}
    minutes = {}
    for n_dyads in (N_DYADS // 4, N_DYADS):
        panel = rd.simulate.cycles("linear", n_dyads=n_dyads, n_occasions=OCCASIONS, seed=7).panel
        minutes[n_dyads] = detection_seconds(panel, 999, **columns) / 60
    row = {"figure": f"{N_DYADS} linear dyads, both directions, 999 surrogates, minutes", "measured": minutes[N_DYADS]}
    figures.append({**row, "goal": f"at most {GOAL_MINUTES:g}", "met": bool(minutes[N_DYADS] <= GOAL_MINUTES)})
    growth = minutes[N_DYADS] / minutes[N_DYADS // 4]
    figures.append({"figure": f"time of {N_DYADS} dyads over that of {N_DYADS // 4}", "measured": growth, **plain})
    sample = rd.load_sample()
    columns = {"warmth": "warmth_received", "response": "longing"}
    seconds = detection_seconds(sample, options.sample_surrogates, **columns)
    label = f"the sample study, {sample.n_dyads} dyads, {options.sample_surrogates} surrogates, minutes"
    figures.append({"figure": label, "measured": seconds / 60, **plain})
    store(
        "cycles",
        title="Detection of cycles",
        says=(
            f"One direction of {OCCASIONS} occasions x 2 channels, linear; two and three phases, three starts each, "
            f"one core. Samples: rd.detect_cycles as called by a user, wall time on {WORKERS} workers, compiled "
            "kernels, early stopping."
        ),
        figures=figures,
    )


if __name__ == "__main__":
    main()
