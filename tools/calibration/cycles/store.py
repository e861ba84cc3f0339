"""Stored calibrations of cycle claims: one file per cell and stream of seeds, in one schema.

``schema_version``, ``procedure`` (raised when the tests change), ``cell``, ``stream``, ``tier``, ``text`` (what the
series are), ``design``, ``unit`` ("direction", "sample", "interval" or "share"), ``wanted``, ``stopped`` (why no more
were run, or ""), ``detection`` (the arguments that are not defaults), ``alpha``, ``seed``, ``summary`` (n and, per
claim, count, n, rate, mcse, low, high: the limits are one-sided 95 %), ``versions``, ``commits``, ``dates``,
``cpu_seconds``, ``records`` (one list per field, one entry per replication).

Records of directions are raw p-values of the claims, null where a
claim was not tested, and the first letter of the verdict by raw p-values: s (supported), r (rhythm), n (not supported),
d (not decidable). *irregular* is counted among the directions in which it was tested, the other claims among all in
which anything was.
"""

import datetime
import json
import math
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "tools" / "results" / "cycle_claims"
SCHEMA_VERSION = 3
# Raised whenever a change of the tests makes stored rates those of another procedure.
PROCEDURE = 9
ALPHA = 0.05
# Building: what was looked at while the procedure was made. Fresh: looked at once. Rerun: of cells above their bound.
STREAMS = {"building": 1, "fresh": 2, "rerun": 3}
SEED = 20261205
CLAIMS = ("regimes", "irregular", "periodic", "volatility")
MEANS = ("found", "covered", "width")
FIELDS = {
    **{"schema_version": int, "procedure": int, "cell": str, "stream": str, "tier": int, "text": str, "design": dict},
    **{"unit": str, "wanted": int, "stopped": str, "detection": dict, "alpha": float, "seed": list, "summary": dict},
    **{"versions": dict, "commits": list, "dates": list, "cpu_seconds": float, "records": dict},
}
RATE = {"count", "n", "rate", "mcse", "low", "high"}


def versions():
    """Versions of everything that could move a number."""
    names = {"python": platform.python_version()}
    for name in ("numpy", "scipy", "pandas", "numba", "reldyn"):
        try:
            names[name] = version(name)
        except PackageNotFoundError:
            names[name] = "source" if name == "reldyn" else "absent"
    return names


def commit():
    """The commit of the code, marked when the sources differ from it."""

    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--", "src", "tools/calibration")
    return (git("rev-parse", "HEAD") or "unknown") + ("+changes" if changed else "")


def proportion(count, n):
    """A rate with its Monte Carlo error and one-sided 95 % limits (Clopper and Pearson, 1934)."""
    from scipy.stats import beta

    rate = count / n if n else math.nan
    return {
        "count": count,
        "n": n,
        "rate": round(rate, 5),
        "mcse": round(math.sqrt(rate * (1 - rate) / n), 5) if n else math.nan,
        "low": round(float(beta.ppf(0.05, count, n - count + 1)), 5) if count else 0.0,
        "high": round(float(beta.ppf(0.95, count + 1, n - count)), 5) if count < n else 1.0,
    }


def average(values):
    """A mean over samples with its error; limits are normal."""
    n = len(values)
    mean = sum(values) / n if n else math.nan
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / max(n - 1, 1) / max(n, 1))
    return {
        "count": None,
        "n": n,
        "rate": round(mean, 5),
        "mcse": round(spread, 5) if n > 1 else None,
        "low": round(mean - 1.645 * spread, 5),
        "high": round(mean + 1.645 * spread, 5),
    }


def summarise(records, unit):
    """The summary of a cell from its records."""
    n = len(records["index"])
    if unit != "direction":
        names = [name for name in records if name in ("intermittent", *MEANS)]
        # Samples without cycles have none to find.
        known = {name: [value for value in records[name] if value is not None] for name in names}
        return {"n": n, **{name: average(values) for name, values in known.items() if values}}
    hits = {"intermittent": [int(verdict == "s") for verdict in records.get("verdict", [])]}
    hits["undecidable"] = [int(p_value is None) for p_value in records.get("p_regimes", [])]
    for name in CLAIMS:
        hits[name] = [int(p_value <= ALPHA) for p_value in records.get(f"p_{name}", []) if p_value is not None]
    return {"n": n, **{name: proportion(sum(column), len(column)) for name, column in hits.items() if column}}


def begin(cell, stream, detection):
    """An empty file of a cell."""
    design = cell.design
    return {
        "schema_version": SCHEMA_VERSION,
        "procedure": PROCEDURE,
        "cell": cell.name,
        "stream": stream,
        "tier": cell.tier,
        "text": cell.text,
        "design": {
            "kind": cell.kind,
            "mix": cell.mix,
            "n_occasions": design.n_occasions,
            "missing": design.missing,
            "pattern": design.pattern,
            "points": design.points,
            "channels": cell.channels,
        },
        "unit": cell.unit,
        "wanted": cell.wanted,
        "stopped": "",
        "detection": detection,
        "alpha": ALPHA,
        "seed": [SEED, STREAMS[stream]],
        "summary": {"n": 0},
        "versions": versions(),
        "commits": [],
        "dates": [],
        "cpu_seconds": 0.0,
        "records": {"index": []},
    }


def path_of(cell, stream, folder=FOLDER):
    """The file of a cell."""
    return folder / f"{cell.replace(':', '__')}__{stream}.json"


def load(path):
    """A stored cell."""
    return json.loads(path.read_text(encoding="utf-8"))


def stored(folder=FOLDER, stream=None):
    """Every stored cell of the present procedure, of one stream or of all."""
    cells = [load(path) for path in sorted(folder.glob("*.json"))]
    return [cell for cell in cells if cell["procedure"] == PROCEDURE and (stream is None or cell["stream"] == stream)]


def judged(folder=FOLDER):
    """By name, the cell that speaks for itself: fresh seeds where there are any, never those of a rerun."""
    found = {}
    for stream in ("building", "fresh"):
        found |= {cell["cell"]: cell for cell in stored(folder, stream)}
    return found


def append(result, records, seconds):
    """Add replications to a cell: a list of mappings with equal keys."""
    table = result["records"]
    for record in records:
        for name, value in record.items():
            table.setdefault(name, []).append(value)
    result["summary"] = summarise(table, result["unit"])
    result["versions"] = versions()
    result["commits"] = sorted({*result["commits"], commit()})
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    result["dates"] = sorted({*result["dates"], today})
    result["cpu_seconds"] = round(result["cpu_seconds"] + seconds, 2)


def save(result, folder=FOLDER):
    """Write a cell in one step, a line per field of the records."""
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(result["cell"], result["stream"], folder)
    draft = path.with_suffix(".tmp")
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(values)}" for name, values in result["records"].items())
    head = json.dumps(result | {"records": {}}, indent=1)
    draft.write_text(
        head.replace('"records": {}', f'"records": {{\n{lines}\n }}') + "\n", encoding="utf-8", newline="\n"
    )
    draft.replace(path)
    return path


def faults(result):
    """What is wrong with a stored cell, in words; empty where nothing is."""
    found = [f"{name} is missing" for name in FIELDS if name not in result]
    found += [f"{name} is unknown" for name in result if name not in FIELDS]
    found += [
        f"{name} is a {type(result[name]).__name__}"
        for name, kind in FIELDS.items()
        if name in result and not isinstance(result[name], kind)
    ]
    if found:
        return found
    n = len(result["records"]["index"])
    found += [f"records of {name} are not {n}" for name, column in result["records"].items() if len(column) != n]
    if result["records"]["index"] != list(range(n)):
        found.append("replications are not numbered")
    if result["summary"] != summarise(result["records"], result["unit"]):
        found.append("the summary is not that of the records")
    found += [
        f"{name} lacks part of its rate"
        for name, rate in result["summary"].items()
        if name != "n" and set(rate) != RATE
    ]
    if not result["stopped"] and n > result["wanted"]:
        found.append("more replications than wanted")
    return found
