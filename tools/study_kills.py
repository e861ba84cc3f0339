"""Kill runs of a study file at random moments and at every change of a name, and hold what follows against a whole run.

Usage: ``python tools/study_kills.py [--random 50] [--output tools/results/checks/study_kills.json]``. A run is killed
by SIGKILL in a process of its own; the next run must write the same bytes as one that nobody disturbed, and nothing may
be left beside the output.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import reldyn as rd

STUDY = """[data]
path = "diary.csv"
[columns]
dyad = "dyad"
person = "person"
role = "role"
time = "time"
[[prepare]]
step = "derive"
name = "change"
value = "y - x"
[analyses.carry]
verb = "coupling.inertia_coordination"
variable = "y"
[analyses.together]
verb = "coupling.cross_correlation"
variable = "change"
surrogate = { n = 19 }
[analyses.past]
verb = "coupling.granger"
variable = "y"
[analyses.other]
verb = "coupling.inertia_coordination"
variable = "x"
"""
RENAMES = ("rename", "replace")
CHANGES = (*RENAMES, "unlink", "rmdir", "mkdir", "open")


def make_study(folder: Path) -> Path:
    """Write a small diary and a study file."""
    panel = rd.simulate.apim(n_dyads=4, n_occasions=16, actor=0.3, partner=0.1, seed=1).panel
    panel.frame.to_csv(folder / "diary.csv", index=False)
    path = folder / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    # Every folder has the same key, so that the running numbers are the same.
    key = folder / "study.key"
    key.write_text(f"{'5' * 64}\n", encoding="ascii")
    key.chmod(0o600)
    return path


def contents(output: Path) -> dict[str, bytes]:
    """All that equal runs have in common."""
    found = {path.relative_to(output).as_posix(): path.read_bytes() for path in output.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if name != "log.json"}


def in_child(work: Callable[[], Any], after: float | None = None) -> bool:
    """Run something in a forked process, killed after some seconds; whether it came to its end."""
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0


def run_killed_at(study: Path, step: int, names: tuple[str, ...] = RENAMES) -> bool:
    """Run a study that kills itself before its step-th call of one of these functions; whether it came to its end."""

    def work() -> None:
        count = -1

        def counted(real: Callable[..., Any]) -> Callable[..., Any]:
            def change(*arguments: Any, **options: Any) -> Any:
                nonlocal count
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **options)

            return change

        for name in names:
            setattr(os, name, counted(getattr(os, name)))
        rd.run_study(study)

    return in_child(work)


def faults_after(study: Path, wanted: dict[str, bytes]) -> tuple[list[str], int]:
    """What the next run leaves different from a whole one, and how many analyses it kept."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rd.DataWarning)
        run = rd.run_study(study)
    found = contents(run.output)
    faults = [name for name in sorted({*wanted, *found}) if wanted.get(name) != found.get(name)]
    allowed = {"diary.csv", "study.toml", "study.key", run.output.name}
    strays = [path for path in study.parent.iterdir() if path.name not in allowed]
    # The draft of a file that was not on record yet may be anybody's, and its folder stays with it.
    own = [item.name for path in strays for item in (path.rglob("*") if path.is_dir() else [path]) if item.is_file()]
    faults += [name for name in own if not (name.endswith(".part") or name.startswith(f"{run.output.name}.lock-"))]
    return faults, len(run.kept)


def main() -> None:
    """Run both series and store them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--random", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results" / "checks" / "study_kills.json"
    )
    asked = parser.parse_args()
    moments = random.Random(asked.seed)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        study = make_study(Path(folder))
        output = rd.run_study(study).output
        wanted = contents(output)
        start = time.perf_counter()
        rd.run_study(study, fresh=True)
        whole = time.perf_counter() - start
    for number in range(asked.random):
        share = moments.random()

        def kill(study: Path, after: float = share * whole) -> bool:
            return in_child(lambda: rd.run_study(study), after)

        rows.append(_one("random", number, wanted, kill, share))
    step, finished = 0, False
    while not finished:

        def kill_there(study: Path, at: int = step) -> bool:
            return run_killed_at(study, at)

        row = _one("rename", step, wanted, kill_there)
        finished = row["finished"]
        rows.append(row)
        step += 1
    bad = [row for row in rows if row["faults"]]
    summary = {kind: sum(row["kind"] == kind for row in rows) for kind in ("random", "rename")}
    table = {"runs": summary, "different": len(bad), "kept": sum(row["kept"] for row in rows), "rows": rows}
    asked.output.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    print(f"{summary}: {len(bad)} differ from a whole run")


def _one(
    kind: str, number: int, wanted: dict[str, bytes], kill: Callable[[Path], bool], share: float | None = None
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        study = make_study(Path(folder))
        finished = kill(study)
        faults, kept = faults_after(study, wanted)
    at = {} if share is None else {"share": round(share, 3)}
    return {"kind": kind, "number": number, **at, "finished": finished, "kept": kept, "faults": faults}


if __name__ == "__main__":
    main()
