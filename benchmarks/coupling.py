"""Synchrony: windows against a loop over windows, phase surrogates of many dyads, recurrence of long series.

Usage: python -m benchmarks.coupling

CPU seconds of one core, the least of a few runs in one interpreter after a first run that imports what is needed.
Windows and loop start from the same two series and end with the same matrix (this is checked).
"""

import time
import tracemalloc

import numpy as np
import pandas as pd

from benchmarks._machine import store

REPEATS = 3
SAMPLES, WINDOW, INCREMENT, MAX_LAG = 600, 40, 10, 15
DYADS, OCCASIONS, SURROGATES, SURROGATE_LAGS = 200, 100, 5000, 5
POINTS, DELAY, DIMENSIONS, RADIUS = 5000, 2, 3, 0.5
GOALS = {"windows": 20.0, "surrogates": 10.0, "recurrence": 2.0, "memory": 200.0}


def least(job):
    """Return the CPU seconds of the quickest of some runs, and what the last one gave."""
    seconds = []
    for _ in range(REPEATS):
        began = time.process_time()
        given = job()
        seconds.append(time.process_time() - began)
    return min(seconds), given


def series(rng, n):
    """Return a slowly swinging series of mean 0 and SD 1."""
    noise = rng.standard_normal(n + 50)
    values = np.convolve(noise, np.ones(8) / 8, mode="valid")[:n]
    return (values - values.mean()) / values.std()


def by_loop(x, y, starts, lags):
    """Return the matrix of windows by lags as people write it."""
    rows = []
    for start in starts:
        row = []
        for lag in lags:
            at_x, at_y = start + min(lag, 0), start - max(lag, 0)
            row.append(np.corrcoef(x[at_x : at_x + WINDOW], y[at_y : at_y + WINDOW])[0, 1])
        rows.append(row)
    return np.array(rows)


def windows():
    """Time one matrix by cumulative sums and by the loop."""
    from reldyn.coupling.synchrony._windows import window_starts, windowed_correlations

    rng = np.random.default_rng(1)
    x, y = series(rng, SAMPLES), series(rng, SAMPLES)
    starts = window_starts([slice(0, SAMPLES)], WINDOW, INCREMENT, MAX_LAG)
    lags = np.arange(-MAX_LAG, MAX_LAG + 1)
    # Too quick to time once.
    many = 20

    def ours():
        for _ in range(many):
            found = np.concatenate(list(windowed_correlations(x, y[None], starts, WINDOW, lags)))
        return found.T

    quick, matrix = least(ours)
    slow, expected = least(lambda: by_loop(x, y, starts, lags))
    if not np.allclose(matrix, expected, atol=1e-9):
        raise SystemExit("the two matrices disagree")
    return quick / many, slow


def surrogates():
    """Time the whole call: panel in, result with per-dyad and sample p-values out."""
    import reldyn as rd

    rng = np.random.default_rng(2)
    t = np.tile(np.arange(OCCASIONS), 2 * DYADS)
    member = np.repeat(np.arange(2 * DYADS), OCCASIONS)
    values = np.concatenate([series(rng, OCCASIONS) for _ in range(2 * DYADS)])
    frame = pd.DataFrame({"dyad": member // 2, "person": member, "role": member % 2, "time": t, "v": values})
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time")
    null = rd.coupling.Surrogates("phase", n=SURROGATES)

    def job():
        return rd.coupling.cross_correlation(panel, "v", max_lag=SURROGATE_LAGS, surrogate=null, seed=1)

    seconds, result = least(job)
    if result.tidy()["n_surrogates"].tolist() != [SURROGATES] * DYADS:
        raise SystemExit("not every dyad was tested against every surrogate")
    return seconds


def recurrence():
    """Time the lines of a long plot of numbers and of categories, and trace what is allocated."""
    from reldyn.coupling.synchrony._recurrence_lines import count_lines, embedded, measures

    rng = np.random.default_rng(3)
    follows = np.arange(POINTS + (DIMENSIONS - 1) * DELAY) > 0
    x, y = (embedded(series(rng, len(follows)), follows, DELAY, DIMENSIONS) for _ in range(2))
    codes = rng.integers(0, 4, (2, POINTS, 1)).astype(float)
    on = follows[:POINTS]

    def numbers():
        return measures(count_lines(x, y, on, on, RADIUS), 2)

    def categories():
        return measures(count_lines(codes[0], codes[1], on, on, 0.0), 2)

    seconds = least(numbers)[0], least(categories)[0]
    tracemalloc.start()
    numbers()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return *seconds, peak


def at_most(figure, measured, goal):
    return {"figure": figure, "measured": measured, "goal": f"at most {goal:g}", "met": measured <= goal}


def main():
    quick, slow = windows()
    drawn = surrogates()
    numbers, categories, peak = recurrence()
    store(
        "coupling",
        title="Synchrony of two series",
        says=(
            f"Windows: {SAMPLES} samples, windows of {WINDOW} every {INCREMENT}, lags up to {MAX_LAG}. Surrogates: "
            f"{SURROGATES:,} random phases x {DYADS} dyads of {OCCASIONS} occasions x {2 * SURROGATE_LAGS + 1} lags, "
            f"from panel to result. Recurrence: 2 x {POINTS:,} points. CPU seconds of one core, numpy, the least of "
            f"{REPEATS} runs; memory is the peak of what was allocated."
        ),
        figures=[
            {"figure": "windowed correlation, CPU seconds", "measured": quick, "goal": "", "met": "no goal"},
            {"figure": "loop over windows, CPU seconds", "measured": slow, "goal": "", "met": "no goal"},
            {
                "figure": "loop over windowed correlation",
                "measured": slow / quick,
                "goal": f"at least {GOALS['windows']:g}",
                "met": slow / quick >= GOALS["windows"],
            },
            at_most("phase surrogates, CPU seconds", drawn, GOALS["surrogates"]),
            at_most("recurrence of numbers, CPU seconds", numbers, GOALS["recurrence"]),
            at_most("recurrence of categories, CPU seconds", categories, GOALS["recurrence"]),
            at_most("recurrence of numbers, peak MB", peak, GOALS["memory"]),
        ],
    )


if __name__ == "__main__":
    main()
