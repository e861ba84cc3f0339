"""Small-sample inference of long series: CPU time and memory of the default fit with a serial residual.

Usage: python -m benchmarks.long_series

20 dyads, 10,000 occasions, one predictor, 5 % of the answers missing, `residual="ar1"`, random intercepts with
Kenward-Roger inference. The fit runs in a fresh interpreter after a small one that compiles or loads the kernels; the
time is that from the panel to the table, the memory the highest of the process, the panel included.
"""

import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd

from benchmarks._machine import store

N_DYADS, OCCASIONS = 20, 10_000
SECONDS, GIGABYTES = 20.0, 1.0


def make_panel(n_dyads, occasions):
    import reldyn as rd

    generator = np.random.default_rng(7)
    y = generator.normal(size=(n_dyads, occasions, 2))
    x = generator.normal(size=y.shape)
    for t in range(1, occasions):
        y[:, t] += 0.5 * y[:, t - 1]
    y += 0.3 * x + generator.normal(size=(n_dyads, 1, 2))
    y[generator.random(y.shape) < 0.05] = np.nan
    dyad, time_, member = (codes.ravel() for codes in np.indices(y.shape))
    frame = pd.DataFrame(
        {"dyad": dyad, "time": time_, "role": np.array(["a", "b"])[member], "x": x.ravel(), "y": y.ravel()}
    )
    return rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="time")


def fit(panel):
    import reldyn as rd

    return rd.apim(panel, outcome="y", predictors=["x"], residual="ar1", random="intercept")


def measure():
    """Seconds of CPU, gigabytes, smallest and largest degrees of freedom, and the inference, on the last line."""
    import resource

    fit(make_panel(4, 30))
    panel = make_panel(N_DYADS, OCCASIONS)
    start = time.process_time()
    result = fit(panel)
    df = result.tidy()["df"]
    seconds = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps([seconds, memory, df.min(), df.max(), result.estimates.inference, result.converged]))


def main():
    if sys.argv[1:] == ["measure"]:
        measure()
        return
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.long_series", "measure"], capture_output=True, text=True, check=True
    ).stdout
    seconds, memory, low, high, inference, converged = json.loads(told.splitlines()[-1])
    assert inference == "kenward-roger" and converged
    what = f"{N_DYADS} dyads x {OCCASIONS:,} occasions, ar1, Kenward-Roger"
    store(
        "long_series",
        title="Long series with a serial residual",
        says=(
            f"{what}, 5 % missing: from the panel to the table of fixed effects. Degrees of freedom {low:.1f} to "
            f"{high:,.0f}. Memory is that of the whole process."
        ),
        figures=[
            {"figure": f"{what}, CPU s", "measured": seconds, "goal": f"<= {SECONDS:g} s", "met": seconds <= SECONDS},
            {"figure": f"{what}, GB", "measured": memory, "goal": f"<= {GIGABYTES:g} GB", "met": memory <= GIGABYTES},
        ],
    )


if __name__ == "__main__":
    main()
