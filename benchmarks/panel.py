"""A million rows made into a panel, lagged, centred and paired, against the plain pandas recipe.

Usage: python -m benchmarks.panel [--dyads N]

Both jobs start from the same shuffled frame, end with the same columns (this is checked) and run in
fresh interpreters, in turn. The recipe is what people write: sort, look for duplicates, shift within
groups, subtract the mean of each person, merge the frame with itself. It looks for duplicates only;
the panel also answers every question of `check_panel`.
"""

import argparse
import json
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pandas as pd

from benchmarks._machine import store

DAYS, BEEPS = 25, 4
REPEATS = 3
MEMORY_GOAL = 6.0
ROLES = {"dyad": "dyad", "person": "person", "role": "role", "day": "day", "beep": "beep"}
TOLERANCE = 1e-9


def make_frame(n_dyads):
    """Return the shuffled rows of a full design with a few missing answers."""
    rng = np.random.default_rng(7)
    rows = n_dyads * 2 * DAYS * BEEPS
    dyad, member, day, beep = (part.ravel() for part in np.indices((n_dyads, 2, DAYS, BEEPS)))
    frame = pd.DataFrame(
        {
            "dyad": dyad + 1,
            "person": dyad * 2 + member + 1,
            "role": pd.Categorical.from_codes(member, ["female", "male"]),
            "day": day + 1,
            "beep": beep + 1,
            "x": rng.normal(size=rows).round(2),
            "y": rng.normal(size=rows).round(2),
        }
    )
    frame.loc[rng.random(rows) < 0.1, ["x", "y"]] = np.nan
    return frame.iloc[rng.permutation(rows)].reset_index(drop=True)


def by_reldyn(frame):
    """Return the panel's frame with lag, parts and partner columns."""
    import reldyn as rd

    panel = rd.DyadPanel(frame, **ROLES)
    return panel.lag(["y"]).within_between(["x"]).actor_partner(["x_within", "y_lag1"]).frame


def by_pandas(frame):
    """Return the same columns by the plain recipe."""
    frame = frame.sort_values(["dyad", "person", "day", "beep"])
    if frame.duplicated(["dyad", "person", "day", "beep"]).any():
        raise SystemExit("the benchmark made duplicated occasions")
    frame["y_lag1"] = frame.groupby(["dyad", "person", "day"])["y"].shift(1)
    mean = frame.groupby("person")["x"].transform("mean")
    frame["x_within"] = frame["x"] - mean
    frame["x_between"] = mean - frame.groupby("person")["x"].mean().mean()
    keys = ["dyad", "day", "beep"]
    paired = frame.merge(frame[[*keys, "person", "x_within", "y_lag1"]], on=keys, suffixes=("_actor", "_partner"))
    return paired[paired["person_actor"] != paired["person_partner"]]


JOBS = {"reldyn": by_reldyn, "pandas": by_pandas}


def run_job(name, measure, n_dyads):
    """Print what one job cost, as JSON: CPU seconds, or the peak of allocated bytes over the frame."""
    frame = make_frame(n_dyads)
    size = int(frame.memory_usage(deep=True).sum())
    if name == "reldyn":
        import reldyn as rd

        # First use imports what the verbs need; that is not a cost per row.
        rd.DyadPanel(make_frame(2), **ROLES).lag(["y"]).within_between(["x"]).actor_partner(["x"])
    if measure == "memory":
        tracemalloc.start()
        JOBS[name](frame)
        # The input frame was made before tracing began; it is there all the time.
        print(json.dumps({"peak": (tracemalloc.get_traced_memory()[1] + size) / size}))
        return
    began = time.process_time()
    result = JOBS[name](frame)
    seconds = time.process_time() - began
    columns = ["x_within_partner", "y_lag1_partner", "y_lag1_actor", "x_between"]
    sums = [float((result[column] ** 2).sum()) for column in columns]
    print(json.dumps({"seconds": seconds, "rows": len(result), "sums": sums, "bytes": size}))


def fresh(name, measure, n_dyads):
    command = [sys.executable, "-m", "benchmarks.panel", "--job", name, "--measure", measure, "--dyads", str(n_dyads)]
    return json.loads(subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout)


def compare(n_dyads):
    runs = {name: [] for name in JOBS}
    for _ in range(REPEATS):
        for name, done in runs.items():
            done.append(fresh(name, "time", n_dyads))
    ours, theirs = runs["reldyn"][0], runs["pandas"][0]
    if ours["rows"] != theirs["rows"] or not np.allclose(ours["sums"], theirs["sums"], rtol=TOLERANCE, atol=0):
        raise SystemExit(f"the two jobs disagree: {ours} and {theirs}")
    seconds = {name: min(run["seconds"] for run in done) for name, done in runs.items()}
    peak = {name: fresh(name, "memory", n_dyads)["peak"] for name in JOBS}
    ratio = seconds["reldyn"] / seconds["pandas"]
    store(
        "panel",
        title="A panel of a million rows",
        says=(
            f"{n_dyads:,} dyads x 2 x {DAYS * BEEPS} occasions ({ours['bytes'] / 1e6:.0f} MB): validated, lagged, "
            f"centred and paired. CPU seconds, the least of {REPEATS} fresh interpreters; memory is the peak of "
            "what was allocated, the input frame included, over the size of the input frame."
        ),
        figures=[
            {"figure": "reldyn, CPU seconds", "measured": seconds["reldyn"], "goal": "", "met": "no goal"},
            {"figure": "plain pandas recipe, CPU seconds", "measured": seconds["pandas"], "goal": "", "met": "no goal"},
            {"figure": "reldyn over recipe", "measured": ratio, "goal": "at most 1", "met": ratio <= 1.0},
            {
                "figure": "reldyn, peak memory over the frame",
                "measured": peak["reldyn"],
                "goal": f"at most {MEMORY_GOAL:g}",
                "met": peak["reldyn"] <= MEMORY_GOAL,
            },
            {"figure": "recipe, peak memory over the frame", "measured": peak["pandas"], "goal": "", "met": "no goal"},
        ],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dyads", type=int, default=5000)
    parser.add_argument("--job", choices=list(JOBS), help=argparse.SUPPRESS)
    parser.add_argument("--measure", choices=["time", "memory"], default="time", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        run_job(options.job, options.measure, options.dyads)
    else:
        compare(options.dyads)


if __name__ == "__main__":
    main()
