"""Measure how well the phases of a planted cycle are decoded, and whether their probabilities mean what they say.

    python tools/decoding_cycles.py [--replications 200]

Three phases are fitted as a result reports them, to directions with a cycle of effect 1.5. Accuracy: share of occasions
whose most probable phase is the true one, labels matched as well as they can be. Slope: of being in a phase on its
probability, over all occasions and phases, through their common mean; 1 where probabilities are calibrated. Errors are
over directions. Stored in ``tools/results/cycles_decoding.json``.
"""

import argparse
import os
import sys
from itertools import permutations
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.stored_cells import ROOT, as_average, average, run  # noqa: E402

STORED = ROOT / "tools" / "results" / "cycles_decoding.json"
COMMAND = "python tools/decoding_cycles.py"
SEED = 20261205
OCCASIONS = (100, 200, 400)
MISSING = {"none": {}, "random": {"missing": 0.3, "missing_pattern": "random"}}
GOALS = {100: 0.78, 200: 0.82, 400: 0.87}


def decode(n_occasions, missing, index):
    """Fit three phases to one direction; returns accuracy and the sums that the slope is made of."""
    import numpy as np

    from reldyn.cycles.ladder._direction import DirectionFits, direction_seed
    from reldyn.cycles.ladder._regimes import fit_phases
    from reldyn.cycles.series._series import DirectionSeries
    from reldyn.simulate._series import SeriesDesign, simulate_series

    data, starts = np.random.SeedSequence([SEED, n_occasions, index]).spawn(2)
    design = SeriesDesign(n_occasions=n_occasions, kind="cycle", **MISSING[missing])
    batch = simulate_series(design, [np.random.default_rng(data)])
    day = batch.grid.day
    series = DirectionSeries.from_arrays(batch.values[0], day=day, beep=batch.grid.beep, weekend=(day - 1) % 7 >= 5)
    direction = DirectionFits(series, direction_seed(starts, series))
    posterior, truth = fit_phases(direction, n_states=3, seed=starts).posterior, batch.phase[0]
    member = truth[:, None] == np.arange(3)
    best = max(permutations(range(3)), key=lambda order: (posterior[:, order].argmax(axis=1) == truth).sum())
    matched = posterior[:, best]
    accuracy = float((matched.argmax(axis=1) == truth).mean())
    return accuracy, float(((matched - 1 / 3) * (member - 1 / 3)).sum()), float(((matched - 1 / 3) ** 2).sum())


def run_cell(key, replications):
    """Decode every replication of a cell."""
    import numpy as np

    n_occasions, missing = key
    found = np.array([decode(n_occasions, missing, index) for index in range(replications)])
    accuracy, cross, square = found.T
    slope = cross.sum() / square.sum()
    error = (cross - slope * square).std(ddof=1) * np.sqrt(replications) / square.sum()
    rates = {"accuracy": average(accuracy), "slope": as_average(float(slope), float(error))}
    return {"done": replications, "n_occasions": n_occasions, "missing": missing, "rates": rates}


def main(arguments=None):
    """Run all cells and store them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=200)
    parser.add_argument("--results", type=Path, default=STORED)
    options = parser.parse_args(arguments)
    cells = {f"{length} prompts, missing {missing}": (length, missing) for missing in MISSING for length in OCCASIONS}
    run(options.results, cells, options.replications, seed=SEED, command=COMMAND, measure=run_cell)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))
    main()
