"""What ``import reldyn`` costs beyond ``import pandas``: the smallest of several fresh interpreters.

Usage: python -m benchmarks.imports
"""

import subprocess
import sys

from benchmarks._machine import store

REPEATS = 9
GOAL = 0.15


def seconds(statement):
    """Return the least CPU time of a statement in a fresh interpreter, the interpreter's start left out."""
    code = f"import time; began = time.process_time(); {statement}; print(time.process_time() - began)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(REPEATS)]
    return min(float(run.stdout) for run in runs)


def main():
    pandas, reldyn = seconds("import pandas"), seconds("import pandas, reldyn")
    alone = seconds("import reldyn")
    over = reldyn - pandas
    store(
        "imports",
        title="Import",
        says=f"CPU seconds, the least of {REPEATS} fresh interpreters.",
        figures=[
            {"figure": "import pandas", "measured": pandas, "goal": "", "met": "no goal"},
            {"figure": "import reldyn alone", "measured": alone, "goal": "", "met": "no goal"},
            {
                "figure": "import reldyn over import pandas",
                "measured": over,
                "goal": f"at most {GOAL} s",
                "met": over <= GOAL,
            },
        ],
    )


if __name__ == "__main__":
    main()
