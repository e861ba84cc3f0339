"""Make the sample study: ``python tools/make_sample.py [FOLDER]`` writes data/sample/, byte for byte the same.

The numbers come from `sample_study`, the words from `sample_texts`; `psych_ds` checks the layout.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import sample_study as study
import sample_texts as texts
from psych_ds import check_psych_ds

ROOT = Path(__file__).resolve().parents[1]


def write_sample(folder: Path) -> None:
    """Write every file of the sample study below ``folder``."""
    couples = [study.make_couple(number) for number in range(len(study.COMPOSITIONS))]
    rows = pd.concat([couple.rows for couple in couples], ignore_index=True)
    _write(folder / "data" / "study-couples_data.csv", table_text(rows[list(texts.VARIABLES)]))
    _write(folder / "dataset_description.json", texts.description())
    _write(folder / "README.md", texts.README)
    _write(folder / "documentation" / "study-couples_codebook.csv", table_text(codebook()))
    _write(folder / "truth" / "study-couples_truth.json", json.dumps(settings(), indent=2) + "\n")
    _write(folder / "truth" / "study-couples_laws.csv", table_text(pd.concat([couple.laws for couple in couples])))
    sojourns = pd.concat([couple.sojourns for couple in couples if len(couple.sojourns)])
    _write(folder / "truth" / "study-couples_sojourns.csv", table_text(sojourns))


def table_text(frame: pd.DataFrame) -> str:
    """Render a frame as CSV with the same line ends everywhere."""
    return frame.to_csv(index=False, lineterminator="\n")


def codebook() -> pd.DataFrame:
    """Tabulate the columns: name, description, type, range and levels."""
    rows = []
    for name, (description, kind, more) in texts.VARIABLES.items():
        levels = "|".join(map(str, more.get("levels", [])))
        edges = {"min": more.get("minValue", ""), "max": more.get("maxValue", "")}
        rows.append({"name": name, "description": description, "type": kind, **edges, "levels": levels})
    return pd.DataFrame(rows)


def settings() -> dict[str, Any]:
    """Gather the planted effects and what else a reader of the truth needs."""
    return {
        "seed": study.SEED,
        "n_dyads": len(study.COMPOSITIONS),
        "n_days": study.N_DAYS,
        "beeps_per_day": study.BEEPS_PER_DAY,
        "answer_window_minutes": study.ANSWER_WINDOW,
        "effects": _effects(),
        "note": (
            "Within effects are per point of deviation from the person's mean over all scheduled beeps, answered or "
            "not; between effects are of that mean, centred at 35. random_sd is the SD of the effect over persons."
        ),
    }


def _effects() -> list[dict[str, Any]]:
    effects = []

    def add(outcome: str, effect: str, variable: str, level: str, value: float, **more: Any) -> None:
        row = {
            "outcome": outcome,
            "effect": effect,
            "variable": variable,
            "level": level,
            "composition": "",
            "role": "",
        }
        effects.append({**row, "estimate": value, "random_sd": 0.0, **more})

    for (composition, role), pair in study.STRESS_EFFECTS.items():
        for effect, value, spread in zip(("actor", "partner"), pair, study.STRESS_SLOPE_SD, strict=True):
            group = {"composition": composition, "role": role, "random_sd": spread}
            add("positive_affect", effect, "stress", "within", value, **group)
    for effect, value in zip(("actor", "partner"), study.STRESS_BETWEEN, strict=True):
        add("positive_affect", effect, "stress", "between", value)
    add("positive_affect", "actor", "warmth_received", "within", study.WARMTH_ON_POSITIVE)
    add("negative_affect", "actor", "warmth_received", "within", study.WARMTH_ON_NEGATIVE)
    add("negative_affect", "actor", "stress", "", study.STRESS_ON_NEGATIVE)
    # Traits act per SD; here per point of the trait's scale.
    add("longing", "actor", "attachment_anxiety", "", round(study.ANXIETY_ON_LONGING / study.ANXIETY[1], 4))
    add(
        "warmth_given",
        "actor",
        "attachment_avoidance",
        "",
        round(study.AVOIDANCE_ON_WARMTH_GIVEN / study.AVOIDANCE[1], 4),
    )
    return effects


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "data" / "sample"
    write_sample(target)
    problems = check_psych_ds(target)
    print("\n".join(problems) if problems else f"wrote {target}, Psych-DS layout checked")
    sys.exit(bool(problems))
