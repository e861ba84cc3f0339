"""Write the counts of the stored calibration into the package, where verdicts look up the power of a design.

Usage: python tools/ship_calibration.py [check]
Reads every cell in tools/results/cycles and writes src/reldyn/cycles/calibration.json; ``check`` exits 1 if that
file is not what the cells say. Cells with fewer than 100 replications are left out.
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


def main(arguments):
    text = shipped_text()
    if arguments == ["check"]:
        agrees = SHIPPED.is_file() and SHIPPED.read_text(encoding="utf-8") == text
        print("the shipped calibration agrees with its cells" if agrees else "run python tools/ship_calibration.py")
        return 0 if agrees else 1
    SHIPPED.write_text(text, encoding="utf-8", newline="\n")
    print(f"wrote {SHIPPED.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
