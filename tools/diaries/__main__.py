"""Check random diaries written in every way, and store the counts: ``python -m tools.diaries --n 2000``.

The run is cut into blocks of seeds that are stored as they are done; a second run goes on where the first stopped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tools.diaries.forms import DESIGNS, differences, forms, make_diary

STORED = Path(__file__).parents[1] / "results" / "checks" / "diaries.json"
_BLOCK = 50


def main() -> int:
    """Run what is not stored yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2000, help="diaries in all designs together")
    parser.add_argument("--output", type=Path, default=STORED)
    asked = parser.parse_args()
    stored = json.loads(asked.output.read_text(encoding="utf-8")) if asked.output.exists() else {}
    stored.setdefault("ways", sorted(forms(make_diary(0, DESIGNS[0]))))
    for design in DESIGNS:
        record = stored.setdefault("designs", {}).setdefault(design, {"n": 0, "differences": {}})
        wanted = asked.n // len(DESIGNS) + 1
        while record["n"] < wanted:
            seeds = range(record["n"], min(record["n"] + _BLOCK, wanted))
            for seed in seeds:
                wrong = differences(seed, design)
                if wrong:
                    record["differences"][str(seed)] = wrong
            record["n"] = seeds.stop
            draft = asked.output.with_suffix(".part")
            draft.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            draft.replace(asked.output)
    n_wrong = sum(len(record["differences"]) for record in stored["designs"].values())
    print(f"{sum(record['n'] for record in stored['designs'].values()):,} diaries, {n_wrong} with differences")
    return int(n_wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
