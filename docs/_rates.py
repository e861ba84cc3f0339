"""Put the stored calibrations into sentences: every number of the page comes from a stored file."""

from _calibration import MOST, MOST_SKEWED, read, tool_of

MISSING_WORDS = {"none": "no prompt missed", "random": "30 % missed at random", "bursts": "30 % missed in bursts"}
# What the verdict *not supported* asks of a design.
ENOUGH_POWER = 0.80
POWER = (("cycle", "three phases in a preferred order"), ("alternation", "two phases without an order"))


def sentences(root):
    """Return a Markdown list: false positives, power, and what sharing phases adds."""
    tool = tool_of(root / "tools" / "calibrate_cycles.py")
    single = [read(path) for path in sorted((root / "tools" / "results" / "cycles").glob("*.json"))]
    shared = [read(path) for path in sorted((root / "tools" / "results" / "cycles_shared").glob("*__*.json"))]
    items = [
        false_positives(single),
        power(single, lengths=sorted(tool.OCCASIONS), missing=list(tool.MISSING)),
        decisive(single),
        not_run(single, tool.all_cells()),
        shared_phases(shared),
    ]
    return "".join(f"- {item}\n" for item in items if item)


def false_positives(cells):
    """Say how often *intermittent*, and *regimes* alone, were claimed where there are no cycles."""
    nulls = [cell for cell in cells if cell["role"] != "power"]
    if not nulls:
        return "**False positives.** No rate is stored."
    worst = max(nulls, key=lambda cell: cell["summary"]["intermittent"])
    above = [cell for cell in nulls if cell["summary"]["intermittent"] > _aim(cell)]
    open_ = [cell for cell in nulls if cell not in above and cell["summary"]["intermittent_high"] > _aim(cell)]
    text = (
        f"**False positives.** {len(nulls)} combinations of a kind of series without cycles, a length and a pattern of "
        f"missed prompts have a stored rate. The largest rate of *intermittent* is {_share(worst, 'intermittent')} "
        f"({_where(worst)}). {_count(above, nulls)} above the aim ({_number(MOST)}; {_number(MOST_SKEWED)} for skewed "
        f"shocks)."
    )
    if open_:
        text += (
            f" Among the rest, the exact 95 % interval reaches above the aim in {len(open_)}: there the stored "
            "replications do not rule out a rate beyond it."
        )
    plain = [cell for cell in nulls if cell["role"] == "null"]
    if plain:
        most = max(plain, key=lambda cell: cell["summary"]["regimes"])
        text += (
            f" *Regimes* alone was claimed in up to {_share(most, 'regimes')} of series without regimes "
            f"({_where(most)})."
        )
    return text


def power(cells, *, lengths, missing):
    """Say how often *intermittent* was found where there are cycles, by length and by missed prompts."""
    stored = {cell["cell"]: cell for cell in cells}
    parts = []
    for kind, words in POWER:
        for pattern in missing:
            found = [(length, stored.get(f"{kind}:{length}:{pattern}")) for length in lengths]
            rates = [f"{_share(cell, 'intermittent')} at {length} prompts" for length, cell in found if cell]
            if rates:
                parts.append(f"{words.capitalize()}, {MISSING_WORDS[pattern]}: {', '.join(rates)}")
    if not parts:
        return "**Power.** No rate is stored."
    return (
        "**Power.** Share of simulated directions with cycles of the simulator's usual size (`effect=1.5`, about "
        f"sixteen prompts to a cycle) in which *intermittent* was found, each tested by itself. {'. '.join(parts)}."
    )


def decisive(cells):
    """Name the designs whose stored power is enough for *not supported*."""
    enough = [c for c in cells if c["cell"].startswith("cycle:") and c["summary"]["intermittent"] >= ENOUGH_POWER]
    text = f"**Enough power for *not supported*** (a stored rate of {_number(ENOUGH_POWER)} or more, three phases): "
    if not enough:
        return text + "no stored design."
    named = (c["cell"].split(":")[1:] for c in enough)
    designs = [f"{length} prompts or more, {MISSING_WORDS[pattern]}" for length, pattern in named]
    return text + f"{'; '.join(designs)}. Other designs need `rd.cycles.calibrate`."


def not_run(cells, every):
    """Count the cells without a stored rate."""
    stored = {cell["cell"] for cell in cells}
    absent = sum(name not in stored for name in every)
    return f"**Not run.** {absent} of the {len(every)} combinations that the script knows have no stored rate." * (
        absent > 0
    )


def shared_phases(cells):
    """Say what was claimed and found with phases learned from other dyads."""
    if not cells:
        return "**Shared phases.** No rate is stored."
    worst = max(cells, key=lambda cell: cell["summary"]["null_intermittent"])
    samples = [cell["summary"]["samples"] for cell in cells]
    kind, _, length = worst["cell"].split(":")
    text = (
        f"**Shared phases.** {len(cells)} mixtures of fifty dyads are stored, {_range(min(samples), max(samples))} "
        f"simulated samples each: these rates are rough. *Intermittent* was claimed in up to "
        f"{_number(worst['summary']['null_intermittent'])} of the dyads without cycles (`{kind}`, {worst['n_null']} of "
        f"{worst['n_dyads']} dyads, {length} prompts)."
    )
    halves = [cell for cell in cells if cell["cell"].split(":")[1] == "half"]
    found = []
    for length in sorted({int(cell["cell"].split(":")[2]) for cell in halves}):
        rates = [c["summary"]["cycle_intermittent"] for c in halves if int(c["cell"].split(":")[2]) == length]
        found.append(f"{_range(_number(min(rates)), _number(max(rates)))} with {length} prompts")
    if found:
        text += (
            " Where half of the dyads hold cycles of different sizes (from two thirds to four thirds of the usual "
            f"one), it was found in this share of them, depending on what the other half is: {'; '.join(found)}."
        )
    return text


def _aim(cell):
    return MOST_SKEWED if cell["cell"].startswith("skewed_shocks") else MOST


def _where(cell):
    kind, length, pattern = cell["cell"].split(":")
    return f"`{kind}`, {length} prompts, {MISSING_WORDS[pattern]}, {cell['summary']['n']} series"


def _share(cell, claim):
    return _number(cell["summary"][claim])


def _number(value):
    return f"{value:.2f}".removeprefix("0") if round(value, 2) == round(value, 3) else f"{value:.3f}".removeprefix("0")


def _count(some, every):
    if not some:
        return "No rate lies"
    return f"{len(some)} of {len(every)} rates {'lies' if len(some) == 1 else 'lie'}"


def _range(low, high):
    return str(low) if low == high else f"{low} to {high}"
