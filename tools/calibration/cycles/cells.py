"""What is to be measured: goals, the cells that they need, and the tiers in which cells are run.

A cell is a kind of series at one length and one share of missed prompts, or a sample of dyads that may share phases. A
goal bounds the rate of one claim in one cell; goals without a bound are reported.
"""

import dataclasses
import fnmatch

from tools.calibration.cycles.blocks import Design
from tools.calibration.cycles.kinds import CYCLES, KINDS, NULLS

__all__ = ["CELLS", "CYCLES", "GOALS", "KINDS", "NULLS", "Cell", "Goal", "matching"]

# Of one-sided 95 % limits: a cell with a bound may stop once this lies outside them.
STOP_AT = 0.08
MOST, MOST_SKEWED = 0.065, 0.08
SKEWED = ("skewed_shocks", "events_5", "events_10")
REPORTED = (
    *("schedule_unentered", "schedule_entered", "bad_days", "straight_lining_warmth", "straight_lining_top"),
    "slow_two_humps",
)
REGULAR = tuple(name for name in NULLS if name.startswith("regular_"))
# Kinds that stand for the claim of volatility; as nulls of *intermittent* they belong to the others.
VOLATILE = ("variance_regimes", "variance_regimes_8", "variance_mild", "variance_mild_8")
STEADY = ("plain", "floor", "cycle_15", "cycle_30", "level_shift", "daytime_variance", "straight_lining")
POWER = {
    ("cycle_10", 200): None,
    ("cycle_15", 200): 0.65,
    ("cycle_20", 200): 0.90,
    ("cycle_30", 200): 0.92,
    ("cycle_15", 100): 0.25,
    ("cycle_20", 100): 0.40,
    ("cycle_30", 100): 0.65,
    ("cycle_15", 400): 0.95,
    ("clinical", 200): 0.90,
    ("clinical_warmth", 200): 0.80,
    ("two_sds", 200): 0.60,
    ("gradual_3_15", 200): 0.20,
    ("gradual_3_20", 200): 0.45,
    ("gradual_3_30", 200): 0.80,
    ("gradual_5_30", 200): 0.40,
    ("lognormal_8", 200): 0.55,
    ("weibull_6", 200): 0.45,
    ("unequal", 200): 0.50,
    ("three", 200): 0.50,
}
INTERVAL, BETWEEN = "prevalence", "splitting"
SHARED_NULLS = ("linear", "volatility_9", "scale_use", "straight_lining", "noisy_linear_9_5", "rhythm")


@dataclasses.dataclass(frozen=True)
class Cell:
    """One thing to simulate many times.

    Attributes
    ----------
    kind : str
        Of series; of the dyads without cycles in a sample that may share phases.
    design : Design
    tier : int
        1 to 4; 5 is run later.
    wanted : int
        Replications: directions, or samples.
    mix : str
        "" for single directions; "half" or "all" of the dyads of a sample are of this kind; of the kind "prevalence"
        the number of dyads, the share with cycles and the power of each test; "splitting" where the estimate of the
        share between the levels is compared with that of long series.
    """

    kind: str
    design: Design
    tier: int
    wanted: int
    mix: str = ""

    @property
    def name(self):
        """KIND:PROMPTS:MISSED, with the number of points where it is not 7, or shared:KIND:MIX:PROMPTS."""
        if self.kind == INTERVAL:
            return f"{INTERVAL}:{self.mix}"
        if self.mix == BETWEEN:
            return f"{BETWEEN}:{self.kind}:{self.design.n_occasions}"
        if self.mix:
            return f"shared:{self.kind}:{self.mix}:{self.design.n_occasions}"
        design = self.design
        pattern = f"{round(100 * design.missing)}" + ("bursts" if design.pattern == "bursts" else "")
        points = "" if design.points == 7 else f":{design.points}points"
        return f"{self.kind}:{design.n_occasions}:{pattern}{points}"

    @property
    def unit(self):
        """What a replication is: a direction, a sample of dyads, an interval from p-values, or one of a share."""
        if self.mix == BETWEEN:
            return "share"
        return "direction" if not self.mix else "interval" if self.kind == INTERVAL else "sample"

    @property
    def channels(self):
        """How many channels a detection is given."""
        return KINDS[self.kind].channels if self.kind in KINDS else 2

    @property
    def text(self):
        """What is simulated, in words."""
        if self.kind == INTERVAL:
            return "intervals of the share of directions with cycles, from p-values of tests of this power"
        return KINDS[self.kind].text

    @property
    def bounds(self):
        """Largest rate aimed at, by claim, that the stop rule watches."""
        return {goal.claim: goal.value for goal in GOALS if goal.cell == self.name and goal.relation == "at most"}


@dataclasses.dataclass(frozen=True)
class Goal:
    """What the rate of a claim in a cell should be: ``relation`` "at most", "at least" or "reported"."""

    cell: str
    claim: str
    relation: str
    value: float | None = None


def null_cells():
    """Tiers 1 and 2: every kind without cycles."""
    bounded = [name for name in NULLS if name not in REPORTED]
    for name in (*bounded, *REPORTED):
        yield Cell(name, Design(), 1 if name in bounded else 2, 1000 if name in bounded else 300)
    for design in (Design(100), Design(400), Design(missing=0.0)):
        yield from (Cell(name, design, 2, 300) for name in bounded)


def power_cells():
    """Tier 3: kinds with cycles."""
    for name, length in POWER:
        yield Cell(name, Design(length), 3, 400)
    yield Cell("cycle_15", Design(points=5), 3, 400)
    # Where *not supported* takes its power from.
    for length in (100, 200, 400):
        for missing in (0.0, 0.3):
            yield Cell("cycle_15", Design(length, missing), 3, 200)


def shared_cells():
    """Tier 4: samples of fifty dyads that may share phases."""
    for length in (100, 200):
        yield from (Cell(name, Design(length), 4, 20, "half") for name in SHARED_NULLS)
    yield from (Cell(name, Design(100), 5, 20, "all") for name in SHARED_NULLS)


def interval_cells():
    """Tier 4: the interval of the prevalence by itself."""
    for n_dyads in (20, 50, 100):
        for share in (0.0, 0.1, 0.3, 0.5):
            yield from (Cell(INTERVAL, Design(), 4, 1000, f"{n_dyads}:{share}:{power}") for power in (0.65, 0.9))


def between_cells():
    """Tier 3: the interval of the share between the levels, without and with a middle phase."""
    for name in ("cycle_20", "cycle_30", "middle_20", "middle_30"):
        yield Cell(name, Design(middle=4.0), 3, 200, BETWEEN)


def later_cells():
    """Tier 5: what is to be run when there is time."""
    bursts = Design(missing=0.3, pattern="bursts")
    yield from (Cell(name, bursts, 5, 300) for name in ("plain", "straight_lining", "cycle_15"))
    yield from (Cell(name, Design(points=5), 5, 300) for name in ("plain", "floor", "extreme"))
    yield from (Cell(name, Design(), 5, 400) for name in ("short", "long", "warmth_15", "warmth_30"))
    yield from (Cell(name, Design(length), 5, 400) for name in ("warmth_15", "warmth_30") for length in (100, 400))


def all_goals():
    """Every goal in the order of the page."""
    cells = [cell for cell in CELLS.values() if not cell.mix]
    for cell in cells:
        if cell.kind in NULLS:
            relation = "reported" if cell.kind in REPORTED else "at most"
            value = MOST_SKEWED if cell.kind in SKEWED else MOST
            yield Goal(cell.name, "intermittent", relation, None if relation == "reported" else value)
        if cell.kind in REGULAR:
            yield Goal(cell.name, "irregular", "at most", MOST)
    for (kind, length), least in POWER.items():
        relation = "reported" if least is None else "at least"
        yield Goal(Cell(kind, Design(length), 3, 0).name, "intermittent", relation, least)
    yield Goal(Cell("cycle_15", Design(points=5), 3, 0).name, "intermittent", "at least", 0.55)
    yield from (Goal(Cell(name, Design(), 1, 0).name, "volatility", "at most", MOST) for name in STEADY)
    yield from (Goal(Cell(name, Design(), 1, 0).name, "volatility", "at least", 0.60) for name in VOLATILE)
    yield from shared_goals()


def shared_goals():
    """Goals of samples that may share phases, and of the interval of the prevalence."""
    for cell in (one for one in CELLS.values() if one.mix):
        if cell.unit in ("interval", "share"):
            yield Goal(cell.name, "covered", "at least", 0.93 if cell.unit == "interval" else 0.90)
            continue
        yield Goal(cell.name, "intermittent", "at most", 0.05)
        if cell.mix == "half":
            yield Goal(cell.name, "found", "at least", 0.65 if cell.design.n_occasions == 100 else 0.90)
        yield Goal(cell.name, "covered", "at least", 0.93)
        wide = 0.25 if cell.mix == "all" else 0.50 if cell.design.n_occasions == 200 else None
        yield Goal(cell.name, "width", "reported" if wide is None else "at most", wide)


def all_cells():
    """Every cell by name, in the order in which they are run."""
    cells = [*null_cells(), *power_cells(), *shared_cells(), *interval_cells(), *between_cells(), *later_cells()]
    return {cell.name: cell for cell in sorted(cells, key=lambda cell: cell.tier)}


def matching(patterns=("*",), tiers=(1, 2, 3, 4, 5)):
    """Cells of these tiers whose names match a pattern; a pattern without a cell is refused."""
    for pattern in patterns:
        if not fnmatch.filter(CELLS, pattern):
            raise SystemExit(f"no cell matches {pattern!r}; cells are KIND:PROMPTS:MISSED, e.g. {next(iter(CELLS))}.")
    return [
        cell
        for cell in CELLS.values()
        if cell.tier in tiers and any(fnmatch.fnmatchcase(cell.name, pattern) for pattern in patterns)
    ]


CELLS = all_cells()
GOALS = tuple(all_goals())
