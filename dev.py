"""Two commands for a fresh clone: ``python dev.py demo`` and ``python dev.py test``.

Each makes a virtual environment in the checkout, installs reldyn into it and runs its job. Only
the standard library is used, every command is printed before it runs, and a second run installs
nothing unless pyproject.toml, this file or the Python version changed. ``--dry-run`` prints the
commands and runs none; what follows the job's name goes on to it (``python dev.py test -k panel``).
"""

import hashlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
JOBS = {
    "demo": (".venv-demo", ".", ["-m", "reldyn", "demo"]),
    "test": (".venv-test", ".[test]", ["-m", "pytest", "-n", "2"]),
}
USAGE = "usage: python dev.py demo|test [--dry-run] [arguments of the job]"


def show(command):
    """Return the command as a shell of this platform would take it."""
    words = [str(word) for word in command]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def run(command, dry_run):
    """Print the command; run it in the checkout; return its exit code."""
    print(f"$ {show(command)}", flush=True)
    return 0 if dry_run else subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode


def environment():
    """Return the environment of every command."""
    env = dict(os.environ)
    # Two test workers with one thread each: more threads than cores only slow each other down.
    env.setdefault("OMP_NUM_THREADS", "1")
    env.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Jobs run the code of the checkout. An editable installation would write its path to a file that
    # Python before 3.13 reads in the local code page, which fails where a folder has an accent.
    env["PYTHONPATH"] = str(ROOT / "src")
    return env


def python_of(folder):
    """Return the interpreter inside a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def stamp_text(target):
    """Return what an installation depends on: metadata, this file, extras, place, Python."""
    metadata = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + Path(__file__).read_bytes()).hexdigest()
    return f"{target}\n{ROOT}\n{sys.version}\n{metadata}\n"


def prepare(folder, target, dry_run):
    """Make the environment and install into it, unless its stamp says that this was done."""
    stamp, wanted = folder / "installed.txt", stamp_text(target)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return 0
    steps = [
        [sys.executable, "-m", "venv", "--clear", folder.name],
        [python_of(folder), "-m", "pip", "install", "--disable-pip-version-check", target],
    ]
    for step in steps:
        if code := run(step, dry_run):
            return code
    if not dry_run:
        stamp.write_text(wanted, encoding="utf-8", newline="\n")
    return 0


def main(arguments):
    """Run one job and return the exit code of whatever stopped it."""
    if sys.version_info < (3, 11):  # noqa: UP036
        print(f"reldyn needs Python 3.11 or newer; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 2
    if not arguments or arguments[0] not in JOBS:
        print(USAGE, file=sys.stderr)
        return 2
    dry_run = "--dry-run" in arguments
    rest = [word for word in arguments[1:] if word != "--dry-run"]
    name, target, job = JOBS[arguments[0]]
    folder = ROOT / name
    return prepare(folder, target, dry_run) or run([python_of(folder), *job, *rest], dry_run)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter of the path
    sys.exit(main(sys.argv[1:]))
