"""Write the counts of the stored calibration into the package, where verdicts look up the power of a design."""

import json

from tools.calibration.cycles import store

__all__ = ["SHIPPED", "faults", "text_of", "write"]

SHIPPED = store.ROOT / "src" / "reldyn" / "cycles" / "calibration.json"
FEWEST = 40
# Abrupt two-phase cycles by size, and what stands for their false alarms.
EFFECTS = {"cycle_10": 1.0, "cycle_15": 1.5, "cycle_20": 2.0, "cycle_30": 3.0}
EFFECTS |= {name.replace("cycle", "warmth"): effect for name, effect in EFFECTS.items()}


def shipped_cell(result):
    """What the package needs of one stored cell."""
    design, rate = result["design"], result["summary"]["intermittent"]
    return {
        "cell": result["cell"],
        "kind": "cycle" if design["kind"] in EFFECTS else design["kind"],
        "effect": EFFECTS.get(design["kind"]),
        **{name: design[name] for name in ("n_occasions", "missing", "pattern", "channels", "points")},
        "alpha": result["alpha"],
        "n": rate["n"],
        "rejected": rate["count"],
        "n_surrogates": result["detection"]["n_surrogates"],
        "procedure": result["procedure"],
        "date": max(result["dates"], default=""),
    }


def text_of(folder=store.FOLDER):
    """The file of the package, from the cells that speak for themselves."""
    cells = [
        shipped_cell(result)
        for _, result in sorted(store.judged(folder).items())
        if result["unit"] == "direction" and result["summary"]["n"] >= FEWEST
    ]
    lines = ",\n".join("  " + json.dumps(cell) for cell in cells)
    return json.dumps({"procedure": store.PROCEDURE})[:-1] + ', "cells": [\n' + lines + "\n]}\n"


def write(folder=store.FOLDER):
    """Write the file of the package."""
    SHIPPED.write_text(text_of(folder), encoding="utf-8", newline="\n")
    print(f"wrote {SHIPPED.relative_to(store.ROOT)}")
    return 0


def faults(folder=store.FOLDER, shipped=SHIPPED):
    """Names of shipped cells whose counts no stored cell backs, or that are of another procedure."""
    cells = store.judged(folder)
    wrong = []
    for cell in json.loads(shipped.read_text(encoding="utf-8"))["cells"]:
        result = cells.get(cell["cell"])
        verdicts = result["records"]["verdict"][: cell["n"]] if result else []
        # A run that goes on adds replications at the end; what was shipped before stays true.
        if (len(verdicts), verdicts.count("s")) != (cell["n"], cell["rejected"]):
            wrong.append(cell["cell"])
    return wrong
