"""Write the counts of the stored calibration into the package, where verdicts look up the power of a design.

Usage: python tools/ship_calibration.py [check]
Reads every cell in tools/results/cycles and writes src/reldyn/cycles/calibration.json; ``check`` exits 1 if that
file holds counts that the cells do not. Cells with fewer than 100 replications are left out.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CELLS = ROOT / "tools" / "results" / "cycles"
SHIPPED = ROOT / "src" / "reldyn" / "cycles" / "calibration.json"
FEWEST = 100
# What the simulator does when the cell names nothing else.
EFFECT, N_CHANNELS = 1.5, 2


def intermittent(record, alpha):
    return record["p_regimes"] <= alpha and record["p_irregular"] is not None and record["p_irregular"] <= alpha


def shipped_cell(stored):
    kind, _, missing = stored["cell"].split(":")
    records = stored["replications"]
    return {
        "kind": kind,
        "missing_pattern": missing,
        "missing": stored["simulator"].get("missing", 0.0),
        "n_occasions": stored["n_occasions"],
        "n_channels": N_CHANNELS,
        "effect": stored["simulator"].get("effect", EFFECT),
        "alpha": stored["alpha"],
        "n": len(records),
        "rejected": sum(intermittent(record, stored["alpha"]) for record in records),
        "n_surrogates": stored["n_surrogates"],
        "seed": stored["seed"],
    }


def shipped_text(folder=CELLS):
    stored = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    cells = [shipped_cell(one) for one in stored if len(one["replications"]) >= FEWEST]
    lines = ",\n".join("  " + json.dumps(cell) for cell in cells)
    return '{"cells": [\n' + lines + "\n]}\n"


def faults(folder=CELLS, shipped=SHIPPED):
    """Name the shipped cells that are not the count of the first replications of a stored cell."""
    found = []
    for cell in json.loads(shipped.read_text(encoding="utf-8"))["cells"]:
        path = folder / f"{cell['kind']}__{cell['n_occasions']}__{cell['missing_pattern']}.json"
        stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"replications": []}
        # A run that goes on adds replications at the end; what was shipped before stays true.
        first = stored["replications"][: cell["n"]]
        counted = sum(intermittent(record, cell["alpha"]) for record in first)
        if (len(first), counted) != (cell["n"], cell["rejected"]):
            found.append(path.name)
    return found


def main(arguments):
    if arguments == ["check"]:
        wrong = faults()
        print(
            f"not what the cells say: {', '.join(wrong)}" if wrong else "the shipped calibration agrees with its cells"
        )
        return 1 if wrong else 0
    text = shipped_text()
    SHIPPED.write_text(text, encoding="utf-8", newline="\n")
    print(f"wrote {SHIPPED.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
