"""Affect dynamics of a thousand persons, against the plain pandas recipe.

Usage: python -m benchmarks.dynamics [--persons N]

Both jobs start from the same frame and end with the same mean, sd, rmssd, inertia and n_pairs (this is checked); they
run in fresh interpreters, in turn. The recipe is what people write: sort, group by person, and apply a function that
shifts, drops and computes. It computes those five columns only; the other computes all of `affect_dynamics`.
"""

import argparse
import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd

from benchmarks._machine import store

DAYS, BEEPS, VARIABLES = 50, 10, ("calm", "tense", "happy", "sad")
REPEATS = 3
GOAL = 1.0
COLUMNS = ("mean", "sd", "rmssd", "inertia", "n_pairs")
TOLERANCE = 1e-9


def make_frame(n_persons):
    """Return the rows of a full design with a fifth of the answers missing."""
    rng = np.random.default_rng(11)
    person, day, beep = (part.ravel() for part in np.indices((n_persons, DAYS, BEEPS)))
    frame = pd.DataFrame({"dyad": person // 2, "person": person, "day": day + 1, "beep": beep + 1})
    for name in VARIABLES:
        frame[name] = np.clip(np.rint(rng.normal(50, 15, len(frame))), 0, 100)
        frame.loc[rng.random(len(frame)) < 0.2, name] = np.nan
    return frame


def make_panel(frame):
    import reldyn as rd

    scales = dict.fromkeys(VARIABLES, (0, 100))
    return rd.DyadPanel(frame, dyad="dyad", person="person", day="day", beep="beep", scales=scales)


def by_reldyn(panel):
    """Return the whole table of a panel."""
    import reldyn as rd

    table = rd.affect_dynamics(panel, VARIABLES)
    return table.sort_values(["variable", "person"])[list(COLUMNS)].to_numpy(dtype=float)


def by_pandas(frame):
    """Return the same columns by group and apply."""
    frame = frame.sort_values(["person", "day", "beep"])
    tables = []
    for name in sorted(VARIABLES):
        tables.append(frame.groupby("person").apply(_one_person, name, include_groups=False))
    return pd.concat(tables)[list(COLUMNS)].to_numpy(dtype=float)


def _one_person(rows, name):
    pairs = pd.DataFrame({"x": rows.groupby("day")[name].shift(1), "y": rows[name]}).dropna()
    return pd.Series(
        {
            "mean": rows[name].mean(),
            "sd": rows[name].std(),
            "rmssd": np.sqrt(((pairs["y"] - pairs["x"]) ** 2).mean()),
            "inertia": pairs["x"].cov(pairs["y"]) / pairs["x"].var(),
            "n_pairs": len(pairs),
        }
    )


def run_job(name, n_persons):
    """Print what one job cost in CPU seconds, as JSON."""
    frame = make_frame(n_persons)
    if name == "reldyn":
        panel = make_panel(frame)
        by_reldyn(make_panel(make_frame(4)))
        began = time.process_time()
        table = by_reldyn(panel)
    else:
        by_pandas(make_frame(4))
        began = time.process_time()
        table = by_pandas(frame)
    print(json.dumps({"seconds": time.process_time() - began, "sums": (table**2).sum(axis=0).tolist()}))


def fresh(name, n_persons):
    command = [sys.executable, "-m", "benchmarks.dynamics", "--job", name, "--persons", str(n_persons)]
    return json.loads(subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout)


def compare(n_persons):
    runs = {"reldyn": [], "pandas": []}
    for _ in range(REPEATS):
        for name, done in runs.items():
            done.append(fresh(name, n_persons))
    ours, theirs = runs["reldyn"][0], runs["pandas"][0]
    if not np.allclose(ours["sums"], theirs["sums"], rtol=TOLERANCE, atol=0):
        raise SystemExit(f"the two jobs disagree: {ours} and {theirs}")
    seconds = {name: min(run["seconds"] for run in done) for name, done in runs.items()}
    store(
        "dynamics",
        title="Affect dynamics of a thousand persons",
        says=(
            f"{n_persons:,} persons x {DAYS * BEEPS} occasions x {len(VARIABLES)} variables, a fifth missing: every "
            f"column of affect_dynamics, beside a group-and-apply recipe that computes five of them. CPU seconds, the "
            f"least of {REPEATS} fresh interpreters in turn; the panel is made before."
        ),
        figures=[
            {
                "figure": "reldyn, all columns, CPU seconds",
                "measured": seconds["reldyn"],
                "goal": f"at most {GOAL:g}",
                "met": seconds["reldyn"] <= GOAL,
            },
            {
                "figure": "pandas group and apply, five columns, CPU seconds",
                "measured": seconds["pandas"],
                "goal": "",
                "met": "no goal",
            },
            {
                "figure": "recipe over reldyn",
                "measured": seconds["pandas"] / seconds["reldyn"],
                "goal": "",
                "met": "no goal",
            },
        ],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--persons", type=int, default=1000)
    parser.add_argument("--job", choices=["reldyn", "pandas"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        run_job(options.job, options.persons)
    else:
        compare(options.persons)


if __name__ == "__main__":
    main()
