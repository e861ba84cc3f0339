"""Write the tables of stored calibrations: every goal with its figure, or that it was not run."""

import importlib
import json
import sys

SIGNS = {"at most": "at most ", "at least": "at least ", "reported": ""}
CLAIMS = {
    "intermittent": "intermittent",
    "irregular": "irregular (among the directions in which it was tested)",
    "volatility": "volatility",
    "found": "intermittent in the dyads with cycles",
    "covered": "the interval of the prevalence covers",
    "width": "its width",
}
LENGTHS = (100, 200, 400)


def calibration(root):
    """The package that runs the calibration: its cells, goals and stored files."""
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return importlib.import_module("tools.calibration.cycles.cells"), importlib.import_module(
        "tools.calibration.cycles.store"
    )


def tables(root, table, folder=None):
    """Return the page's tables as text; ``table`` renders columns and rows."""
    cells, store = calibration(root)
    folder = store.FOLDER if folder is None else folder
    stored, again = store.judged(folder), {cell["cell"]: cell for cell in store.stored(folder, "rerun")}
    parts = [_when(stored, cells, store), ""]
    parts += ["**Series without cycles: how often** *intermittent* **is claimed**", ""]
    parts += [_nulls(cells, stored, again, table), ""]
    parts += ["**Series with cycles: how often** *intermittent* **is found**", "", _power(cells, stored, table), ""]
    for claim in ("irregular", "volatility"):
        parts += [f"**The claim** *{claim}*", "", _goals(cells, stored, table, claim), ""]
    parts += ["**Samples of fifty dyads that may share phases**", "", _shared(cells, stored, table), ""]
    parts += ["**Splitting: how often the interval covers the share between the levels of long series**", ""]
    parts += [_between(cells, stored, table), ""]
    parts += ["**The interval of the prevalence by itself**", "", _intervals(cells, stored, table), ""]
    parts += _decoding(root, table)
    return "\n".join(parts)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def _when(stored, cells, store):
    """Procedure, dates, and how much was run."""
    n_run = sum(name in stored for name in cells.CELLS)
    dates = sorted({date for cell in stored.values() for date in cell["dates"]})
    text = f"Procedure {store.PROCEDURE}. {n_run} of {len(cells.CELLS)} cells have stored rates"
    if not dates:
        return text + "; nothing has been run with this procedure yet."
    between = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    building = sum(cell["stream"] == "building" for cell in stored.values())
    seeds = f", {building} of them from seeds that were looked at while the procedure was made" if building else ""
    return f"{text}, run {between}{seeds}. The others are marked *not run*."


def _nulls(cells, stored, again, table):
    """One row per kind without cycles: rates by length, and with nothing missed."""
    columns = {f"{length} prompts": f"{length}:17" for length in LENGTHS} | {"200, none missed": "200:0"}
    aims = {goal.cell: goal for goal in cells.GOALS if goal.claim == "intermittent"}
    rows = []
    for name, kind in cells.KINDS.items():
        if name not in cells.NULLS:
            continue
        row = {"series": f"``{name}``: {kind.text}", "aim": _aim(aims[f"{name}:200:17"])}
        for title, design in columns.items():
            cell = f"{name}:{design}"
            row[title] = _rate(stored, cell, "intermittent", again) if cell in cells.CELLS else ""
        rows.append(row)
    return table(["series", "aim", *columns], rows)


def _power(cells, stored, table):
    goals = [goal for goal in cells.GOALS if goal.claim == "intermittent" and goal.cell.split(":")[0] in cells.CYCLES]
    named = {goal.cell for goal in goals}
    others = [
        name
        for name, cell in cells.CELLS.items()
        if cell.kind in cells.CYCLES and cell.unit == "direction" and name not in named
    ]
    rows = [_row(cells, stored, goal.cell, "intermittent", _aim(goal)) for goal in goals]
    rows += [_row(cells, stored, name, "intermittent", "") for name in others]
    return table(["series", "prompts", "missed", "aim", "rate"], rows)


def _goals(cells, stored, table, claim):
    """Goals about one claim: levels, and power."""
    goals = [goal for goal in cells.GOALS if goal.claim == claim]
    return table(
        ["series", "prompts", "missed", "aim", "rate"],
        [_row(cells, stored, goal.cell, claim, _aim(goal)) for goal in goals],
    )


def _row(cells, stored, name, claim, aim):
    cell = cells.CELLS[name]
    design = cell.design
    points = "" if design.points == cells.Design().points else f"; {design.points} points"
    pattern = ", in bursts" if design.pattern == "bursts" else ""
    return {
        "series": f"``{cell.kind}``: {cell.text}{points}",
        "prompts": design.n_occasions,
        "missed": f"{design.missing:.0%}{pattern}",
        "aim": aim,
        "rate": _rate(stored, name, claim),
    }


def _shared(cells, stored, table):
    rows = []
    for goal in cells.GOALS:
        cell = cells.CELLS[goal.cell]
        if cell.unit != "sample":
            continue
        share = "all" if cell.mix == "all" else "half"
        what = "intermittent in the dyads without cycles" if goal.claim == "intermittent" else CLAIMS[goal.claim]
        rows.append(
            {
                "without cycles": f"{share} of the dyads: ``{cell.kind}``",
                "prompts": cell.design.n_occasions,
                "what": what,
                "aim": _aim(goal),
                "rate": _rate(stored, goal.cell, goal.claim),
            }
        )
    return table(["without cycles", "prompts", "what", "aim", "rate"], rows)


def _between(cells, stored, table):
    rows = [
        _row(cells, stored, goal.cell, "covered", ".900 to .970") | {"width": _rate(stored, goal.cell, "width")}
        for goal in cells.GOALS
        if cells.CELLS[goal.cell].unit == "share"
    ]
    return table(["series", "prompts", "missed", "aim", "rate", "width"], rows)


def _intervals(cells, stored, table):
    rows = []
    for goal in cells.GOALS:
        cell = cells.CELLS[goal.cell]
        if cell.unit == "interval":
            n_dyads, share, power = cell.mix.split(":")
            rows.append(
                {
                    "dyads": n_dyads,
                    "with cycles": share,
                    "power of a test": power,
                    "aim": _aim(goal),
                    "covered": _rate(stored, goal.cell, "covered"),
                    "width": _rate(stored, goal.cell, "width"),
                }
            )
    return table(["dyads", "with cycles", "power of a test", "aim", "covered", "width"], rows)


def _aim(goal):
    return SIGNS[goal.relation] + (number(goal.value) if goal.value is not None else "reported")


def _rate(stored, name, claim, again=None):
    """A rate with its Monte Carlo error and number; the upper limit where nothing happened."""
    if name not in stored:
        return "not run"
    rate = stored[name]["summary"].get(claim)
    if rate is None:
        return "not tested"
    spread = f" ± {number(rate['mcse'])}" if rate["mcse"] else f" (at most {number(rate['high'])})"
    if rate["count"] is None and not rate["mcse"]:
        spread = ""
    text = f"{number(rate['rate'])}{spread}, n = {rate['n']}"
    if again and name in again:
        second = again[name]["summary"][claim]
        text += f"; run once more {number(second['rate'])}, n = {second['n']}"
    return text


def number(value):
    """A share as the page writes it: three digits, no leading zero."""
    return f"{value:.3f}".removeprefix("0") if value < 1 else f"{value:.2f}"


def _decoding(root, table):
    path = root / "tools" / "results" / "cycles_decoding.json"
    if not path.is_file():
        return ["**Decoding of phases**", "", "Not run.", ""]
    rows = [
        {
            "beeps": cell["n_occasions"],
            "missed": {"none": "none", "random": "30 % at random"}[cell["missing"]],
            "right phase": "{value:.3f} ± {mcse:.3f}".format(**cell["rates"]["accuracy"]),
            "slope of calibration": "{value:.2f} ± {mcse:.2f}".format(**cell["rates"]["slope"]),
            "n": cell["done"],
        }
        for cell in read(path)["cells"]
    ]
    text = (
        "Share of prompts of a planted cycle of three phases whose most probable phase is the true one (aim: .78, .82 "
        "and .87 at 100, 200 and 400 prompts), and the slope of being in a phase on its probability (aim: .9 to 1.1). "
        "Below one, the probabilities of phases are too sure of themselves."
    )
    columns = ["beeps", "missed", "right phase", "slope of calibration", "n"]
    return ["**Decoding of phases**", "", text, "", table(columns, rows), ""]
