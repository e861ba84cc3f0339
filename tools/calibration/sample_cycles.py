"""Which planted cycles of the sample study `detect_cycles` finds with its defaults, before and after adjustment.

Usage: python -m tools.calibration.sample_cycles [--couples 40] [--jobs 2] [--result FILE]

The first couples of the sample study are tested with 999 surrogates; a direction with a planted cycle or alternation
should be supported, one of the others should not. ``--result`` counts what a file holds that an earlier run wrote with
``to_json``, in place of testing anew, which takes twenty minutes of processor time and more.
"""

import argparse
from pathlib import Path

import reldyn as rd
from reldyn.study._demo import INTERMITTENT, with_truth
from tools.stored_cells import ROOT, proportion, save

STORED = ROOT / "tools" / "results" / "sample_cycles.json"
COMMAND = "python -m tools.calibration.sample_cycles"
SEED = 1
COUPLES = 40


def detection(couples, n_jobs):
    """Test the first couples with the defaults."""
    panel = rd.load_sample().select(dyads=list(range(1, couples + 1)))
    return rd.detect_cycles(panel, warmth="warmth_received", response="longing", seed=SEED, n_jobs=n_jobs)


def cells_of(found):
    """A cell for planted cycles and one for the others: how many are supported."""
    raw, adjusted = (with_truth(found.verdicts(adjusted=way)) for way in (False, True))
    cells = []
    for name, planted in (("planted cycles", True), ("others", False)):
        mine = raw["planted"].isin(INTERMITTENT) == planted
        n = int(mine.sum())
        rates = {
            f"supported, {way}": proportion(int((table.loc[mine, "verdict"] == "supported").sum()), n)
            for way, table in (("raw", raw), ("adjusted", adjusted))
        }
        kinds = {
            str(kind): rows["verdict"].value_counts().to_dict() for kind, rows in adjusted[mine].groupby("planted")
        }
        cells.append({"cell": name, "wanted": n, "done": n, "rates": rates, "adjusted verdicts": kinds})
    return cells


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--couples", type=int, default=COUPLES)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--result", type=Path, help="count what this file holds")
    options = parser.parse_args()
    found = rd.from_json(options.result) if options.result else detection(options.couples, options.jobs)
    cells = cells_of(found)
    save(STORED, cells, seed=SEED, command=COMMAND)
    for cell in cells:
        print(cell["cell"], cell["done"], {name: rate["value"] for name, rate in cell["rates"].items()})


if __name__ == "__main__":
    main()
