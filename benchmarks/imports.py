"""What ``import reldyn`` costs beyond ``import pandas``, and how soon the first answers come: fresh interpreters.

Usage: python -m benchmarks.imports
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import reldyn as rd
from benchmarks._machine import store

REPEATS = 4
GOAL, HELP_GOAL, CHECK_GOAL, FIRST_GOAL = 0.15, 0.5, 1.0, 1.0
STUDY = """[data]
path = "diary.csv"
[columns]
dyad = "dyad"
person = "person"
role = "role"
time = "time"
[analyses.mood]
verb = "apim"
outcome = "y"
predictors = ["x"]
"""
PANEL = (
    "import reldyn as rd; panel = rd.simulate.apim(n_dyads=40, n_occasions=12, actor=0.4, partner=0.2, seed=5).panel"
)


def seconds(statement, setup="pass"):
    """Return the least CPU time of a statement in a fresh interpreter, what comes before it left out."""
    code = (
        f"import sys, time; {setup}; began = time.process_time()\n{statement}\n"
        "sys.stderr.write(f'\\n{time.process_time() - began}')"
    )
    # Compiled files as an installed package has them.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        environment["PYTHONPYCACHEPREFIX"] = folder
        runs = [
            subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment)
            for _ in range(REPEATS)
        ]
    return min(float(run.stderr.split()[-1]) for run in runs)


def command(*arguments):
    """Return the CPU time of the command line."""
    return seconds(f"from reldyn.study.cli import main; main({list(arguments)!r})")


def figure(name, measured, goal=None):
    """One line of the table."""
    met = "no goal" if goal is None else measured <= goal
    return {"figure": name, "measured": measured, "goal": "" if goal is None else f"at most {goal} s", "met": met}


def main():
    pandas, reldyn = seconds("import pandas"), seconds("import pandas, reldyn")
    with tempfile.TemporaryDirectory() as folder:
        made = rd.simulate.apim(n_dyads=40, n_occasions=12, actor=0.4, partner=0.2, seed=5).panel
        made.frame.to_csv(Path(folder) / "diary.csv", index=False)
        study = Path(folder) / "study.toml"
        study.write_text(STUDY, encoding="utf-8")
        helped, checked = command("--help"), command("check", str(study))
    store(
        "imports",
        title="Import and first answers",
        says=f"CPU seconds, the least of {REPEATS} fresh interpreters.",
        figures=[
            figure("import pandas", pandas),
            figure("import reldyn alone", seconds("import reldyn")),
            figure("import reldyn over import pandas", reldyn - pandas, GOAL),
            figure("reldyn --help", helped, HELP_GOAL),
            figure("reldyn check of a study with a model", checked, CHECK_GOAL),
            figure(
                "first apim of a process", seconds("rd.apim(panel, outcome='y', predictors=['x'])", PANEL), FIRST_GOAL
            ),
            figure("load_sample in a fresh process", seconds("import reldyn as rd; rd.load_sample()"), FIRST_GOAL),
        ],
    )


if __name__ == "__main__":
    main()
