"""The words of the sample study: codebook, description and README."""

from __future__ import annotations

import json
from typing import Any

NAME = "reldyn sample study of couples"
SUMMARY = (
    "Simulated experience-sampling study: 140 couples (120 female-male, 10 female-female, 10 male-male), 56 days with "
    "four beeps a day. No real person answered. A third of the couples were given intermittent cycles of warmth."
)
LIKERT = {"minValue": 1, "maxValue": 7, "unitText": "rating"}
SLIDER = {"minValue": 0, "maxValue": 100, "unitText": "points"}
LAST = "asked at the last beep of a day only"

# name: (description, type, further properties)
VARIABLES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "dyad": ("Couple", "integer", {"minValue": 1, "maxValue": 140}),
    "person": ("Person; the couple's number followed by 1 or 2", "integer", {}),
    "role": ("Gender, which is the role in female-male couples", "string", {"levels": ["female", "male"]}),
    "day": ("Day of the study; day 1 is a Monday", "integer", {"minValue": 1, "maxValue": 56}),
    "beep": ("Beep of the day", "integer", {"minValue": 1, "maxValue": 4}),
    "scheduled": ("When both partners were beeped, local time", "datetime", {"format": "YYYY-MM-DDThh:mm"}),
    "answered": (
        "When the person answered, within 30 minutes; empty if missed",
        "datetime",
        {"format": "YYYY-MM-DDThh:mm"},
    ),
    "warmth_given": ("How warm have I been to my partner since the last beep?", "integer", LIKERT),
    "warmth_received": ("How warm has my partner been to me since the last beep?", "integer", LIKERT),
    "longing": ("How much do I long for my partner's closeness right now?", "integer", LIKERT),
    "stress": ("How stressed am I right now?", "integer", SLIDER),
    "positive_affect": ("How good do I feel right now?", "integer", SLIDER),
    "negative_affect": ("How bad do I feel right now?", "integer", SLIDER),
    "satisfaction": (f"How satisfied was I with our relationship today? ({LAST})", "integer", LIKERT),
    "conflict": (f"Did we have a conflict today? 0 no, 1 yes ({LAST})", "integer", {"levels": [0, 1]}),
    "attachment_anxiety": ("Attachment anxiety of the person, asked once before the study", "number", LIKERT),
    "attachment_avoidance": ("Attachment avoidance of the person, asked once before the study", "number", LIKERT),
}

README = """# Sample study

Simulated; no real person answered. 140 couples (120 female-male, 10 female-female, 10 male-male) were beeped
four times a day for 56 days, both partners at the same minute (about 10, 14, 18 and 22 o'clock). A missed beep
keeps its row with empty answers; about a fifth was missed: more in the evening, on days the couple shares, when
feeling bad, in bursts, and after a few persons stopped early.

| where | what |
|---|---|
| `dataset_description.json` | JSON-LD description (Psych-DS layout); lists every column |
| `data/study-couples_data.csv` | one row per person and beep (62,720 rows) |
| `documentation/study-couples_codebook.csv` | the columns, with wording and range |
| `truth/study-couples_truth.json` | planted effects and settings |
| `truth/study-couples_laws.csv` | per couple and giver: the kind of series planted, its period, dispersion and effect |
| `truth/study-couples_sojourns.csv` | the true phases: first occasion (1-224), length in beeps, phase |

`reldyn.load_sample()` reads the data as a panel, `reldyn.load_sample_truth()` what was planted. The files are
made, byte for byte, by `python tools/make_sample.py`. Public domain (CC0 1.0).

The giver is the person whose warmth it is; the partner rates it as `warmth_received`. Planted kinds: `cycle` and
`alternation` (intermittent; 47 couples, 20 of them in both directions), `rhythm` and `jittered_rhythm` (8 couples
each), and without phases `linear`, `noisy_linear`, `skewed_shocks`, `level_shift`, `floor`.
"""


def description() -> str:
    """Write the JSON-LD description that Psych-DS asks for."""
    variables = []
    for name, (text, kind, properties) in VARIABLES.items():
        variables.append({"@type": "PropertyValue", "name": name, "description": text, "dataType": kind, **properties})
    content = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": NAME,
        "description": SUMMARY,
        "license": "https://creativecommons.org/publicdomain/zero/1.0/",
        "creator": [{"@type": "Organization", "name": "The reldyn developers"}],
        "keywords": ["simulated", "dyadic data", "experience sampling", "couples"],
        "variableMeasured": variables,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
