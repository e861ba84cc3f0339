"""Write the tables of stored calibrations: what was measured, how often, and what was not run."""

import importlib.util
import json

MISSING_TITLES = {
    "none": "no beep missed",
    "random": "30 % of beeps missed at random",
    "bursts": "30 % of beeps missed in bursts",
}
# Rates of *intermittent* that are aimed at: at most, where there are no cycles; at least, where there are.
MOST, MOST_SKEWED = 0.065, 0.10
LEAST = {"cycle": {100: 0.15, 200: 0.60, 400: 0.95}, "alternation": {100: 0.30, 200: 0.60, 400: 0.95}}


def tables(root, table):
    """Return the page's tables as text; ``table`` renders columns and rows."""
    tool = tool_of(root / "tools" / "calibrate_cycles.py")
    stored = {path.stem: read(path) for path in sorted((root / "tools" / "results" / "cycles").glob("*.json"))}
    parts = []
    for claim, title in (
        ("intermittent", "How often *intermittent* is claimed"),
        ("rhythm", "How often a rhythm gets the verdict *rhythm*"),
        ("directed", "How often *directed* is claimed"),
    ):
        parts += [f"**{title}**", ""]
        for missing in MISSING_TITLES:
            parts += [f"{MISSING_TITLES[missing].capitalize()}:", "", _rates(tool, stored, claim, missing, table), ""]
    parts += _shared(root, table) + _decoding(root, table) + _prevalence(root)
    return "\n".join(parts)


def tool_of(path):
    spec = importlib.util.spec_from_file_location("calibrate_cycles", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def _rates(tool, stored, claim, missing, table):
    lengths = sorted(tool.OCCASIONS)
    rows = []
    for kind, (_, role) in tool.KINDS.items():
        if (claim == "rhythm") != (role == "rhythm") and claim != "intermittent":
            continue
        row = {"series": kind, "aim": _aim(kind, role, claim)}
        for length in lengths:
            found = stored.get(f"{kind}__{length}__{missing}")
            row[f"{length} beeps"] = "not run" if found is None else _rate(found, claim)
        rows.append(row)
    return table(["series", "aim", *(f"{length} beeps" for length in lengths)], rows)


def _aim(kind, role, claim):
    if claim == "rhythm":
        return "at least .95"
    if claim == "directed":
        return "at most .065" if kind != "cycle" and not kind.startswith("cycle_") else "power"
    if role != "power":
        return f"at most {MOST_SKEWED if kind == 'skewed_shocks' else MOST:.3f}".replace("0.", ".")
    return "at least " + "/".join(f"{value:.2f}".lstrip("0") for value in LEAST[kind].values()) if kind in LEAST else ""


def _rate(found, claim):
    rates = found["summary"]
    error = rates[f"{claim}_mcse"]
    spread = f" ± {error:.3f}" if error else f" (at most {rates[f'{claim}_high']:.3f})"
    return f"{rates[claim]:.3f}{spread}, n = {rates['n']}"


def _shared(root, table):
    rows = []
    for path in sorted((root / "tools" / "results" / "cycles_shared").glob("*__*.json")):
        found = read(path)
        kind, mix, length = found["cell"].split(":")
        summary = found["summary"]
        rows.append(
            {
                "without cycles": f"{found['n_null']} of {found['n_dyads']}: {kind}",
                "beeps": length,
                "samples": f"{summary['samples']}, shared in {summary['shared']}",
                "claimed in vain": _with_error(summary, "null_intermittent"),
                "found": _with_error(summary, "cycle_intermittent") if mix != "all" else "none to find",
            }
        )
    text = (
        'Samples of fifty dyads with ``pooling="auto"``; the others are cycles whose effect is drawn evenly from 1 to '
        "2. Errors are over samples; a rate from one sample has none, and is rough. Cells that are not listed were not "
        "run."
    )
    columns = ["without cycles", "beeps", "samples", "claimed in vain", "found"]
    return ["**Phases shared between dyads**", "", text, "", table(columns, rows) if rows else "Not run.", ""]


def _with_error(summary, name):
    if name not in summary:
        return ""
    error = summary[f"{name}_mcse"]
    return f"{summary[name]:.3f}" + ("" if error is None else f" ± {error:.3f}")


def _decoding(root, table):
    path = root / "tools" / "results" / "cycles_decoding.json"
    if not path.is_file():
        return ["**Decoding of phases**", "", "Not run.", ""]
    rows = [
        {
            "beeps": cell["n_occasions"],
            "missed": MISSING_TITLES[cell["missing"]],
            "right phase": f"{cell['accuracy']:.3f} ± {cell['accuracy_mcse']:.3f}",
            "slope of calibration": f"{cell['slope']:.2f} ± {cell['slope_mcse']:.2f}",
            "n": cell["n"],
        }
        for cell in read(path)["cells"]
    ]
    text = (
        "Share of beeps of a planted cycle whose most probable phase is the true one (aim: .78, .82 and .87 at 100, "
        "200 and 400 beeps), and the slope of being in a phase on its probability (aim: .9 to 1.1). Below one, the "
        "probabilities of phases are too sure of themselves."
    )
    columns = ["beeps", "missed", "right phase", "slope of calibration", "n"]
    return ["**Decoding of phases**", "", text, "", table(columns, rows), ""]


def _prevalence(root):
    path = root / "tools" / "results" / "cycles_shared" / "prevalence.json"
    if not path.is_file():
        return ["**Interval of the prevalence**", "", "Not run.", ""]
    found = read(path)
    return [
        "**Interval of the prevalence**",
        "",
        f"Over {len(found['cells'])} settings of {found['replications']} samples each (true shares 0, .1, .3 and .5), "
        f"the 95 % interval covers in {found['least_coverage']:.3f} of samples or more (aim: .93).",
        "",
    ]
