"""Put the stored calibrations into sentences: every number of the page comes from a stored file."""

from _calibration import calibration, number

# What the verdict *not supported* asks of a design: the lower limit of its power.
ENOUGH_POWER = 0.80
NOT_COVERED = (
    "**Not covered.** No simulation stands for everything that can happen to a series. Among cells without a bound: "
    "schedules from outside that nobody entered, bad days as a whole, careless answers to one item alone or always at "
    "one end of the scale, slow moods on items with two humps. Not simulated at all: several items in one score, "
    "reactions to being measured, prompts that follow events, and partners whose series are tied to each other."
)


def sentences(root, folder=None):
    """Return a Markdown list: what was run, false positives, power, sharing, and what is not covered."""
    cells, store = calibration(root)
    folder = store.FOLDER if folder is None else folder
    stored = store.judged(folder)
    items = [
        when(stored, cells.CELLS, store.PROCEDURE),
        false_positives(stored, {cell["cell"]: cell for cell in store.stored(folder, "rerun")}, cells.GOALS),
        power(stored, cells),
        decisive(stored, cells.CELLS),
        shared_phases(stored),
        volatility(stored, cells.GOALS),
        NOT_COVERED,
    ]
    return "".join(f"- {item}\n" for item in items if item)


def when(stored, every, procedure):
    """Say which procedure was run when, and how much of it."""
    dates = sorted({date for cell in stored.values() for date in cell["dates"]})
    absent = sum(name not in stored for name in every)
    if not dates:
        return f"**Procedure {procedure}.** No rate is stored yet: nothing below has a figure."
    between = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    which, run = (f"{absent} of the", "not run") if absent else ("all", "run")
    return (
        f"**Procedure {procedure}**, simulated {between}: {which} {len(every)} cells that the script knows were {run}."
    )


def false_positives(stored, again, goals):
    """Say how often *intermittent* was claimed where there are no cycles; ``again`` are cells run once more."""
    bounded = {goal.cell: goal.value for goal in goals if (goal.claim, goal.relation) == ("intermittent", "at most")}
    single = {name: cell for name, cell in stored.items() if name in bounded and cell["unit"] == "direction"}
    if not single:
        return "**False positives.** No rate is stored."
    rates = {name: cell["summary"]["intermittent"] for name, cell in single.items()}
    worst = max(rates, key=lambda name: rates[name]["rate"])
    above = [name for name, rate in rates.items() if rate["rate"] > bounded[name]]
    open_ = [name for name, rate in rates.items() if name not in above and rate["high"] > bounded[name]]
    text = (
        f"**False positives.** {len(rates)} combinations of a kind of series without cycles, a length and a share of "
        f"missed prompts have a stored rate. The largest rate of *intermittent* is {number(rates[worst]['rate'])} "
        f"({where(single[worst])}). "
    )
    text += f"{len(above)} of {len(rates)} rates lie above the aim" if above else "No rate lies above the aim"
    text += " (.065; .080 for skewed shocks and for events that wear off)."
    repeated = [again[name]["summary"]["intermittent"]["rate"] <= bounded[name] for name in above if name in again]
    if repeated:
        text += f" Run once more with other seeds, {sum(repeated)} of {len(repeated)} of these lie within it."
    if open_:
        text += (
            f" Among the rest, the one-sided 95 % limit lies above the aim in {len(open_)}: there the stored "
            "replications do not rule out a rate beyond it."
        )
    return text


def power(stored, cells):
    """Say how often *intermittent* was found where there are cycles: a line per kind of series."""
    lines, usual = {}, cells.Design().points
    for goal in cells.GOALS:
        cell = cells.CELLS[goal.cell]
        if goal.claim != "intermittent" or cell.kind not in cells.CYCLES or goal.cell not in stored:
            continue
        rate = stored[goal.cell]["summary"]["intermittent"]
        points = "" if cell.design.points == usual else f" on {cell.design.points} points"
        found = f"{number(rate['rate'])} ({cell.design.n_occasions} prompts{points}, {rate['n']} series)"
        lines.setdefault(cells.KINDS[cell.kind].text, []).append(found)
    if not lines:
        return "**Power.** No rate is stored."
    text = "**Power.** How often *intermittent* was found in series with cycles, each tested by itself:"
    return "".join([text, *(f"\n  - {kind}: {', '.join(found)}" for kind, found in lines.items())])


def decisive(stored, every):
    """Name the designs whose stored power is enough for *not supported*."""
    enough = [
        cell
        for name, cell in stored.items()
        if every[name].unit == "direction"
        and every[name].kind.startswith("cycle_")
        and cell["summary"]["intermittent"]["low"] >= ENOUGH_POWER
    ]
    text = "**Enough power for *not supported*** (a lower 95 % limit of .80 or more, abrupt cycles of two phases): "
    if not enough:
        return text + "no stored design."
    return text + f"{'; '.join(where(cell) for cell in enough)}. Other designs need `rd.cycles.calibrate`."


def shared_phases(stored):
    """Say what was claimed and found in samples that may share phases."""
    samples = [cell for cell in stored.values() if cell["unit"] == "sample"]
    if not samples:
        return "**Shared phases.** No rate is stored."
    worst = max(samples, key=lambda cell: cell["summary"]["intermittent"]["rate"])
    counts = [cell["summary"]["n"] for cell in samples]
    between = f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else f"{counts[0]}"
    many = "sample" if max(counts) == 1 else "samples"
    text = (
        f"**Shared phases.** {len(samples)} mixtures of fifty dyads are stored, {between} simulated {many} each. "
        f"*Intermittent* was claimed in up to {number(worst['summary']['intermittent']['rate'])} of the directions "
        f"without cycles (`{worst['design']['kind']}`, {worst['design']['n_occasions']} prompts)."
    )
    for length in sorted({cell["design"]["n_occasions"] for cell in samples}):
        of_length = [cell["summary"] for cell in samples if cell["design"]["n_occasions"] == length]
        found = [summary["found"]["rate"] for summary in of_length if "found" in summary]
        if found:
            text += (
                f" With {length} prompts, cycles of effects between 1 and 2 were found in {number(min(found))} to "
                f"{number(max(found))} of directions."
            )
    intervals = [cell["summary"]["covered"] for cell in samples if "covered" in cell["summary"]]
    if intervals:
        covered = sum(round(one["rate"] * one["n"]) for one in intervals)
        text += f" The interval of the prevalence covers in {covered} of {sum(one['n'] for one in intervals)} samples."
    return text


def volatility(stored, goals):
    """Say how often the claim *volatility* was made where the size of swings is steady, and where it changes."""
    rates = {"at most": [], "at least": []}
    for goal in goals:
        rate = stored.get(goal.cell, {"summary": {}})["summary"].get("volatility")
        if goal.claim == "volatility" and rate is not None:
            rates[goal.relation].append(rate["rate"])
    if not rates["at most"] or not rates["at least"]:
        return "**Volatility.** No rate is stored."
    return (
        f"**Volatility.** Claimed in up to {number(max(rates['at most']))} of series whose swings are of one size, and "
        f"in {number(min(rates['at least']))} to {number(max(rates['at least']))} of series with calm and turbulent "
        "episodes."
    )


def where(cell):
    """The design of a cell in words."""
    design, n = cell["design"], cell["summary"]["n"]
    missed = "no prompt missed" if not design["missing"] else f"{design['missing']:.0%} of prompts missed"
    return f"`{design['kind']}`, {design['n_occasions']} prompts, {missed}, {n} series"
