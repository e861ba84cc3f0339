"""Which planted cycles of the sample study `detect_cycles` finds with its defaults, before and after adjustment.

Usage: python -m tools.calibration.sample_cycles [--jobs 2]

The first couples of the sample study are tested with 999 surrogates; a direction with a planted cycle or alternation
should be supported, one of the others should not. This takes twenty minutes of processor time and more.
"""

import argparse

import reldyn as rd
from reldyn.study._demo import INTERMITTENT, with_truth
from tools.stored_cells import ROOT, proportion, save

STORED = ROOT / "tools" / "results" / "sample_cycles.json"
COMMAND = "python -m tools.calibration.sample_cycles"
SEED = 1
COUPLES = 40


def detection(n_jobs):
    """Test the first couples with the defaults."""
    panel = rd.load_sample().select(dyads=list(range(1, COUPLES + 1)))
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
    parser.add_argument("--jobs", type=int, default=2)
    cells = cells_of(detection(parser.parse_args().jobs))
    save(STORED, cells, seed=SEED, command=COMMAND)
    for cell in cells:
        print(cell["cell"], cell["done"], {name: rate["value"] for name, rate in cell["rates"].items()})


if __name__ == "__main__":
    main()
