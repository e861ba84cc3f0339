"""The dyadic mixed model beside its peers, on the same rows and in one run.

Usage: python -m benchmarks.mixed [--quick] [--against REV]

From a built panel to inference, CPU seconds on one core, the least of several fits. Peers: statsmodels MixedLM on
the model that it can express (six random effects, one residual variance), and nlme, if Rscript is installed, on the
model itself. ``--against`` times the same fits with an earlier commit of the library as well, in turn with this one,
and stores, under a name of its own, the median ratio of seven such pairs, the largest difference of what both found,
and what goals there are beside: MixedLM, memory, the first compilation, a thousand replications. ``--quick`` leaves
out what takes minutes, and stores nothing with ``--against``: it shows that the script runs.
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np

from benchmarks._machine import ROOT, store
from tools.mixed_worlds import MODEL, as_panel, diary

SEED = 101
SIZES = {"100x14": (100, 14), "100x70": (100, 70), "2000x100": (2000, 100)}
FIT_GOALS = {"numpy": {"100x14": 0.060, "100x70": 0.060, "2000x100": 0.300}}
FIT_GOALS["numba"] = {"100x14": 0.020, "100x70": 0.020, "2000x100": 0.100}
SERIAL_GOALS = {"numpy": 3.0, "numba": 0.5}
PEER_GOALS = {"100x14": 100.0, "100x70": 200.0}
PAIRS = 7
# Task, size and residual: how many times faster than before, with compiled kernels and without.
PAIR_GOALS = {
    ("fit", "100x14", "unstructured"): (2.2, 1.0),
    ("fit", "100x70", "unstructured"): (2.8, 1.0),
    ("fit", "2000x100", "unstructured"): (4.0, 1.0),
    ("fit", "2000x100", "ar1"): (2.5, 1.0),
    ("fit", "2000x100", "var1"): (2.5, 1.0),
    ("cr2", "2000x100", "unstructured"): (1.0, 1.0),
    ("default", "100x14", "unstructured"): (1.0, 1.0),
}
DEFAULT_GOAL = 0.150
REPLICATIONS = 1000
REPLICATION_GOALS = {"numpy": 60.0, "numba": 15.0}


def rows_of(size, phi=0.0):
    """Return the rows of one size, the same in every process."""
    return diary(*SIZES[size], np.random.default_rng(SEED), phi=phi)


def timed(task, repeats):
    """Return the least CPU time of some calls, the first not counted, and the last answer."""
    answer, best = task(), np.inf
    for _ in range(repeats):
        began = time.process_time()
        answer = task()
        best = min(best, time.process_time() - began)
    return best, answer


def work_fit(size, residual="unstructured", repeats=5):
    """Fit from a built panel to inference."""
    import reldyn as rd

    panel = as_panel(rows_of(size, phi=0.3 if residual in {"ar1", "var1"} else 0.0))
    seconds, fit = timed(lambda: rd.mixed_model(panel, **MODEL, residual=residual), int(repeats))
    return {"cpu": seconds, "log_likelihood": fit.log_likelihood, "converged": bool(fit.converged)}


def work_memory(size):
    """Peak of one fit, in units of the frame."""
    import reldyn as rd

    panel = as_panel(rows_of(size))
    small = as_panel(rows_of("100x14"))
    rd.mixed_model(small, **MODEL)
    tracemalloc.start()
    rd.mixed_model(panel, **MODEL)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"ratio": peak / float(panel.frame.memory_usage(index=False, deep=True).sum())}


def work_expressible(size, repeats=5):
    """Fit the model that statsmodels can express."""
    import reldyn as rd

    panel = as_panel(rows_of(size))
    plain = rd.Residual("independent", equal_variances=True)
    seconds, fit = timed(lambda: rd.mixed_model(panel, **MODEL, residual=plain), int(repeats))
    return {"cpu": seconds, "log_likelihood": fit.log_likelihood}


def task_of(task, size, residual):
    """Return a call that does one task on a panel made beforehand."""
    import reldyn as rd

    rows = rows_of(size, phi=0.3 if residual in {"ar1", "var1"} else 0.0)
    if task == "default":
        rng = np.random.default_rng(SEED)
        person = rows.groupby(["dyad", "role"]).ngroup().to_numpy()
        for name in ("x1", "x2", "x3"):
            rows[name] = rng.standard_normal(len(rows)) + rng.standard_normal(person.max() + 1)[person]
        panel = as_panel(rows)
        return lambda: rd.apim(panel, outcome="y", predictors=["x1", "x2", "x3"])
    panel = as_panel(rows)
    estimation = rd.Estimation(inference="cr2" if task == "cr2" else "kenward-roger")
    return lambda: rd.mixed_model(panel, **MODEL, residual=residual, estimation=estimation)


def work_serve():
    """Do the task that a line names, and say how long it took; the first call of each task only warms up."""
    calls = {}
    for line in sys.stdin:
        job = tuple(line.split())
        if job not in calls:
            # One panel at a time, so that no task pays for the memory of another.
            calls = {job: task_of(*job)}
            calls[job]()
        began = time.process_time()
        answer = calls[job]()
        seconds = time.process_time() - began
        print(json.dumps({"cpu": seconds, **found_by(answer.estimates)}), flush=True)
    return {}


def found_by(estimates):
    """Numbers of a fit that two versions of the library must agree on."""
    numbers = [estimates.beta, np.sqrt(np.diag(estimates.cov)), estimates.df, np.diag(estimates.random)]
    numbers += list(estimates.natural)
    return {
        "log_likelihood": float(estimates.log_likelihood),
        "numbers": np.concatenate([np.ravel(part) for part in numbers]).tolist(),
    }


def work_statsmodels(size):
    """Fit the same model by statsmodels, from design matrices to its summary table."""
    import statsmodels.api as sm

    frame = rows_of(size)
    masks = [(frame["role"] == role).to_numpy(dtype=float) for role in ("A", "B")]
    columns = [np.ones(len(frame)), *(frame[name].to_numpy() for name in MODEL["fixed"])]
    x = np.column_stack([mask * column for column in columns for mask in masks])
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = sm.MixedLM(frame["y"].to_numpy(), x, groups=frame["dyad"].to_numpy(), exog_re=x[:, :6]).fit(reml=True)
    return {"cpu": time.process_time() - began, "log_likelihood": float(fit.llf), "converged": bool(fit.converged)}


def work_replications(n_jobs, count=REPLICATIONS):
    """Simulate and fit through the parallel seam; wall-clock seconds."""
    from reldyn.resample import map_seeded

    began = time.perf_counter()
    answers = map_seeded(simulate_and_fit, range(int(count)), seed=SEED, n_jobs=int(n_jobs))
    return {"seconds": time.perf_counter() - began, "converged": int(sum(answers))}


def simulate_and_fit(_, rng):
    """One replication of a later power analysis."""
    import reldyn as rd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(rd.mixed_model(as_panel(diary(100, 14, rng)), **MODEL).converged)


def work_occasions():
    """Time of one evaluation of the likelihood at T = 25, 50, 100, 200, the data pass not counted."""
    import reldyn as rd
    from reldyn.mixed.likelihood._objective import evaluate

    times = {}
    for occasions in (25, 50, 100, 200):
        panel = as_panel(diary(200, occasions, np.random.default_rng(SEED)))
        fit = rd.mixed_model(panel, **MODEL)._engine
        psi = list(fit.psi)
        seconds, _ = timed(
            lambda fit=fit, psi=psi: evaluate(
                fit.statistics, fit.structure, fit.internal_covariance, psi, reml=True, order=1
            ),
            50,
        )
        times[str(occasions)] = seconds
    return times


def work_start():
    """Seconds of a first small fit in a fresh process, imports included, and what is said of compiling meanwhile."""
    import logging

    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger("reldyn").addHandler(handler)
    logging.getLogger("reldyn").setLevel(logging.INFO)
    began, cpu = time.perf_counter(), time.process_time()
    import reldyn as rd

    rd.mixed_model(as_panel(diary(20, 10, np.random.default_rng(SEED))), **MODEL)
    return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu, "said": said}


def ask(kernels, job, *arguments, cache=None):
    """Run one job in a fresh process with the kernels named."""
    env = {**os.environ, "RELDYN_KERNELS": kernels, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if cache is not None:
        env["NUMBA_CACHE_DIR"] = str(cache)
    command = [sys.executable, "-m", "benchmarks.mixed", "--job", job, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, encoding="utf-8", check=True)
    return json.loads(done.stdout.splitlines()[-1])


def serve(kernels, tree):
    """Start a process that waits to be asked for fits with the library of one tree."""
    env = {**os.environ, "RELDYN_KERNELS": kernels, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    env["PYTHONPATH"] = os.pathsep.join([str(tree / "src"), str(ROOT)])
    command = [sys.executable, "-m", "benchmarks.mixed", "--job", "serve"]
    return subprocess.Popen(
        command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )


def ask_for_one(process, job):
    """Ask a waiting process for one fit."""
    process.stdin.write(" ".join(job) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def against(revision, kernels, n_pairs, sizes):
    """Time every task with an earlier commit and with this tree, in turn; yield the rows of each kind of kernels."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        archive = subprocess.run(["git", "archive", revision, "src"], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(tree)], input=archive, check=True)
        for kind in reversed(kernels):
            rows, before, now = [], serve(kind, tree), serve(kind, ROOT)
            for job, goals in PAIR_GOALS.items():
                if job[1] not in sizes:
                    continue
                pairs = [(ask_for_one(before, job), ask_for_one(now, job)) for _ in range(n_pairs)]
                rows += compared(f"{kind}: {' '.join(job)}", job[0], pairs, goals[0 if kind == "numba" else 1])
            for process in (before, now):
                process.stdin.close()
                process.wait()
            yield rows


def compared(name, task, pairs, goal):
    """Return the rows of one task."""
    ratio = float(np.median([old["cpu"] / new["cpu"] for old, new in pairs]))
    before, seconds = (float(np.median([pair[side]["cpu"] for pair in pairs])) for side in (0, 1))
    print(f"{name}: {before:.4f} s before, {seconds:.4f} s now, {ratio:.2f} times as fast", file=sys.stderr, flush=True)
    more = {"log_likelihood": pairs[0][1]["log_likelihood"], "log_likelihood_before": pairs[0][0]["log_likelihood"]}
    limit = DEFAULT_GOAL if task == "default" else None
    rows = [
        figure(f"{name}, times as fast as before", ratio, f"at least {goal:g}", ratio >= goal, **more),
        figure(
            f"{name}, CPU seconds",
            seconds,
            "" if limit is None else f"at most {limit:g}",
            "no goal" if limit is None else seconds <= limit,
            before=before,
        ),
    ]
    # What is the default has changed since: the two fit other models there.
    if task != "default":
        apart = largest_difference(*pairs[0])
        rows.append(figure(f"{name}, largest relative difference", apart, "at most 1e-10", apart <= 1e-10))
    return rows


def largest_difference(old, new):
    """Largest relative difference of the numbers of two fits; beside numbers near zero, relative to their standard."""
    worst = abs(new["log_likelihood"] / old["log_likelihood"] - 1.0)
    first, second = np.array(old["numbers"]), np.array(new["numbers"])
    size = np.maximum(np.abs(first), 1e-3 * np.median(np.abs(first)))
    return float(max(worst, np.max(np.abs(first - second) / size)))


def beside(kernels, sizes, replications):
    """Yield the rows of the other goals: MixedLM, memory, the first compilation, replications."""
    yield peers(kernels, sizes)
    for kind in kernels:
        memory = ask(kind, "memory", "2000x100")["ratio"]
        yield [figure(f"{kind}: peak memory of a fit over the frame, 2000x100", memory, "at most 3", memory <= 3)]
    yield starts(kernels)
    yield [repeated(kind, replications) for kind in reversed(kernels)]


def repeated(kind, count):
    """Return the row of simulating and fitting many times."""
    # What is compiled is in store, as for everybody after the first fit.
    ask(kind, "replications", 1, 1)
    result, goal = ask(kind, "replications", 2, count), REPLICATION_GOALS[kind] * count / REPLICATIONS
    name = f"{kind}: {count} times simulate and fit 100x14, two workers, seconds"
    seconds = result["seconds"]
    return figure(name, seconds, f"at most {goal:g}", seconds <= goal, converged=result["converged"])


def by_nlme(size):
    """Return what nlme says of the same rows, or None without R."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        rows_of(size).to_csv(path, index=False)
        command = ["Rscript", str(Path(__file__).with_name("mixed.R")), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 and done.stdout.strip() else None


def figure(name, measured, goal="", met="no goal", **more):
    """Return one row of the stored table."""
    return {"figure": name, "measured": float(measured), "goal": goal, "met": met, **more}


def fits(kernels):
    """Time of a fit at every size, of serial residuals, and memory."""
    rows = []
    for size, goal in FIT_GOALS[kernels].items():
        fit = ask(kernels, "fit", size)
        more = {"log_likelihood": fit["log_likelihood"], "converged": fit["converged"]}
        rows.append(
            figure(f"{kernels}: {size}, CPU seconds", fit["cpu"], f"at most {goal}", fit["cpu"] <= goal, **more)
        )
    for residual in ("ar1", "var1"):
        fit, goal = ask(kernels, "fit", "2000x100", residual, 1), SERIAL_GOALS[kernels]
        more = {"log_likelihood": fit["log_likelihood"], "converged": fit["converged"]}
        name = f"{kernels}: {residual} residual, 2000x100 with gaps, CPU seconds"
        rows.append(figure(name, fit["cpu"], f"at most {goal}", fit["cpu"] <= goal, **more))
    memory = ask(kernels, "memory", "2000x100")["ratio"]
    rows.append(figure(f"{kernels}: peak memory of a fit over the frame, 2000x100", memory, "at most 3", memory <= 3))
    return rows


def peers(kernels, sizes):
    """Ratios against statsmodels on the model that it can express."""
    rows = []
    for size in sizes:
        own, other = ask(kernels[-1], "expressible", size), ask("numpy", "statsmodels", size)
        plain = own if kernels[-1] == "numpy" else ask("numpy", "expressible", size)
        more = {"log_likelihood": other["log_likelihood"], "converged": other["converged"]}
        rows.append(figure(f"statsmodels MixedLM, one residual variance, {size}, CPU seconds", other["cpu"], **more))
        for label, mine in (("numpy", plain), (kernels[-1], own)) if kernels[-1] != "numpy" else (("numpy", plain),):
            ratio = other["cpu"] / mine["cpu"]
            goal = PEER_GOALS[size]
            more = {"log_likelihood": mine["log_likelihood"]}
            rows.append(
                figure(f"{label}: MixedLM over reldyn, {size}", ratio, f"at least {goal:g}", ratio >= goal, **more)
            )
    return rows


def starts(kernels):
    """Cold start, and the first compilation ever."""
    if "numba" not in kernels:
        return []
    with tempfile.TemporaryDirectory() as cache:
        first = ask("numba", "start", cache=cache)
        cold = min(ask("numba", "start", cache=cache)["seconds"] for _ in range(3))
    bare = min(ask("numpy", "start")["seconds"] for _ in range(3))
    return [
        figure("numpy: import and a first small fit, seconds", bare),
        figure("numba: the same, compiled code cached, seconds", cold, "", "no goal"),
        figure("numba: cold start beyond numpy, cached, seconds", cold - bare, "at most 1", cold - bare <= 1.0),
        figure(
            "numba: the same, first compilation ever, CPU seconds",
            first["cpu"],
            "at most 20, and said",
            first["cpu"] <= 20.0 and any("compiles" in text for text in first["said"]),
            seconds=first["seconds"],
            said=first["said"],
        ),
    ]


def main():
    """Measure everything and store it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--against", metavar="REV", help="an earlier commit to compare with")
    parser.add_argument("--job", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        name, *arguments = options.job
        print(json.dumps(globals()[f"work_{name}"](*arguments)))
        return
    import importlib.util

    kernels = ["numpy", "numba"] if importlib.util.find_spec("numba") else ["numpy"]
    if options.against:
        says = (
            "The fits of `benchmarks.mixed` with this library and with an earlier commit, in turn: the median ratio of "
            "CPU seconds over seven pairs, one thread, and the largest relative difference of log-likelihood, fixed "
            "effects, standard errors, degrees of freedom and variances; then MixedLM on the model that it can "
            "express, memory, the first fit of a process, and simulations through two workers."
        )
        title = f"The dyadic mixed model against commit {options.against}"
        command = f"python -m benchmarks.mixed --against {options.against}"
        sizes = ["100x14"] if options.quick else list(SIZES)
        figures = []
        parts = itertools.chain(
            against(options.against, kernels, 1 if options.quick else PAIRS, sizes),
            beside(kernels, [size for size in sizes if size in PEER_GOALS], 20 if options.quick else REPLICATIONS),
        )
        for rows in parts:
            figures += rows
            if not options.quick:
                # After every part, so that a run that is cut short leaves what it had.
                store("mixed_against", title=title, says=says, figures=figures, command=command)
        for row in figures if options.quick else []:
            print(row["figure"], row["measured"], row["goal"], row["met"])
        return
    rows = [row for kind in kernels for row in fits(kind)]
    rows += peers(kernels, ["100x14"] if options.quick else list(PEER_GOALS))
    for size in [] if options.quick else ["100x14"]:
        nlme = by_nlme(size)
        if nlme is not None:
            more = {"log_likelihood": nlme["log_likelihood"], "version": nlme["version"]}
            rows.append(figure(f"nlme, the model itself, {size}, CPU seconds", nlme["cpu"], **more))
    occasions = ask("numpy", "occasions")
    name = "numpy: an evaluation with its gradient, 200 dyads, T = 200 over T = 25"
    rows.append(figure(name, occasions["200"] / occasions["25"], seconds=occasions))
    rows += starts(kernels)
    rows += [repeated(kind, REPLICATIONS) for kind in ([] if options.quick else kernels)]
    says = (
        "Six random effects, twelve fixed effects, a free 2 x 2 residual, 5 % of rows missing, REML, Kenward-Roger; "
        "from a built panel to inference. CPU seconds of one core, the least of several fits after a first."
    )
    store("mixed", title="The dyadic mixed model beside its peers", says=says, figures=rows)


if __name__ == "__main__":
    main()
