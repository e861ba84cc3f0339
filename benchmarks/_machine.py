"""What a stored measurement must say to be believed: the machine, the versions, the commit, the date."""

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("numpy", "pandas", "scipy", "statsmodels", "numba", "pyarrow")


def record():
    """Return the machine and the versions of this run."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"Python": platform.python_version(), **_versions()},
        "threads": {name: os.environ.get(name, "unset") for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")},
        "commit": _commit(),
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
    }


def store(name, *, title, says, figures, command=None):
    """Print the figures and write them with the machine to ``benchmarks/results/NAME.json``.

    ``figures`` are mappings with ``figure``, ``measured``, ``goal`` (text) and ``met`` (True, False or
    "no goal"), and may hold more. ``command`` is what was run, where it is not ``python -m benchmarks.NAME``.
    """
    content = {
        "title": title,
        "command": command or f"python -m benchmarks.{name}",
        "says": says,
        "figures": figures,
        "machine": record(),
    }
    for row in figures:
        verdict = {True: "met", False: "NOT MET"}.get(row["met"], row["met"])
        print(f"{row['figure']:<60} {row['measured']:>12.4g}   {row['goal']:<22} {verdict}")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
    print(f"wrote {path.relative_to(ROOT).as_posix()}")


def _versions():
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _processor():
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _commit():
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    return done.stdout.strip() or "unknown"
