"""Simulate the directions of a cell, hand them to `reldyn.detect_cycles` as a user would, and record what it says."""

import functools
import math
import time
import warnings
import zlib

import numpy as np

from tools.calibration.cycles.blocks import Design
from tools.calibration.cycles.cells import CELLS
from tools.calibration.cycles.kinds import KINDS, draw_panel, draw_series, switching
from tools.calibration.cycles.store import ALPHA, CLAIMS, SEED, STREAMS

__all__ = ["DIRECTIONS", "detection_of", "replicate", "replicate_intervals", "replicate_sample", "replicate_shares"]

# Directions of one panel; each is tested by itself.
DIRECTIONS = 10
DYADS = 50
LONG_SERIES = 40
# At most so many surrogates: the test is exact at any number, and more change its power little.
N_SURROGATES = 99
LETTERS = {"supported": "s", "rhythm": "r", "not supported": "n", "not decidable": "d"}


def detection_of(cell, n_surrogates=N_SURROGATES):
    """Arguments of `detect_cycles` beyond the names of the columns; all others are defaults."""
    if cell.unit == "interval":
        return {}
    options = (
        {"n_surrogates": n_surrogates} if cell.unit == "sample" else {"pooling": "none", "n_surrogates": n_surrogates}
    )
    covariates = KINDS[cell.kind].covariates
    return options | ({"covariates": list(covariates)} if covariates else {})


def key_of(cell, stream, index):
    """Seed of one replication: by kind, stream and number. Cells of a kind that differ in design share no series."""
    return [SEED, STREAMS[stream], zlib.crc32(cell.name.encode()), index]


def detect(panel, cell, detection, seed):
    """The shipped call."""
    import reldyn as rd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rd.DataWarning)
        response = "response" if cell.channels == 2 else None
        return rd.detect_cycles(panel, warmth="warmth", response=response, seed=seed, **detection)


def replicate(task):
    """Test one panel of directions; returns their records and the CPU time."""
    name, stream, first, n, detection = task
    started = time.process_time()
    cell = CELLS[name]
    # A panel holds whole dyads: an odd direction is tested with the next and not recorded.
    numbers = range(first, first + n + n % 2)
    drawn = [draw_series(cell.kind, cell.design, seed=key_of(cell, stream, index)) for index in numbers]
    result = detect(draw_panel(drawn, points=cell.design.points), cell, detection, seed=first)
    records = [{"index": index, **record} for index, record in zip(numbers, records_of(result), strict=True)]
    return records[:n], time.process_time() - started


def records_of(result):
    """One record per direction, in the order of receivers."""
    table, verdicts = result.tidy(), result.verdicts(adjusted=False)
    p_values = table.pivot_table(index=["dyad", "giver"], columns="claim", values="p_value", dropna=False)
    out = {}
    for row in verdicts.to_dict("records"):
        found = {name: float(value) for name, value in p_values.loc[(row["dyad"], row["giver"])].items()}
        record = {"verdict": LETTERS[row["verdict"]]}
        for claim in CLAIMS:
            record[f"p_{claim}"] = rounded(found.get(claim, math.nan), 4)
        # The receiver of warmth from b is a, who comes first.
        out[row["dyad"], row["giver"] != "b"] = record
    return [out[key] for key in sorted(out)]


def rounded(value, digits):
    """A number for a file; None where there is none."""
    return None if value is None or math.isnan(value) else round(float(value), digits)


def replicate_intervals(task):
    """Intervals of the prevalence from p-values drawn as tests of a known power give them."""
    from reldyn.cycles._sample_level import prevalence

    name, stream, first, n, _ = task
    started = time.process_time()
    n_dyads, share, power = (float(part) for part in name.split(":")[1:])
    dyads = np.repeat(np.arange(int(n_dyads)), 2).tolist()
    records = []
    for index in range(first, first + n):
        rng = np.random.default_rng(key_of(CELLS[name], stream, index))
        kind = rng.random((int(n_dyads), 2)) < share
        # Half of the dyads have two directions of one kind.
        kind[:, 1] = np.where(rng.random(int(n_dyads)) < 0.5, kind[:, 0], kind[:, 1])
        found = np.where(kind, rng.random(kind.shape) < power, rng.random(kind.shape) < ALPHA).ravel()
        limits = prevalence(np.where(found, 0.01, 0.5), dyads, alpha=ALPHA, power=[power] * len(dyads))
        covered = int(limits.conf_low <= share <= limits.conf_high)
        records.append({"index": index, "covered": covered, "width": rounded(limits.conf_high - limits.conf_low, 3)})
    return records, time.process_time() - started


@functools.cache
def share_between(kind, middle):
    """Share of answers between the levels in long series of a kind, as two phases describe them."""
    from reldyn.cycles.ladder._direction import DirectionFits, direction_seed
    from reldyn.cycles.ladder._fits import fit_loose
    from reldyn.cycles.ladder._splitting import describe_between
    from reldyn.cycles.series._series import DirectionSeries

    design, shares = Design(400, missing=0.0, middle=middle), []
    for index in range(LONG_SERIES):
        values = draw_series(kind, design, seed=[SEED, 0, zlib.crc32(kind.encode()), index]).values
        series = DirectionSeries.from_arrays(values, day=design.day, beep=np.arange(400) % 4)
        direction = DirectionFits(series, direction_seed(1, series))
        fit = fit_loose(direction.standardised.data, direction.regimes(2).fit)
        shares.append(describe_between(values[:, 0], fit.posterior[0], float(fit.dwell_means[0].mean())).share)
    return float(np.mean(shares))


def replicate_shares(task):
    """Whether the interval of the share between the levels covers that of long series, where phases are shown."""
    name, stream, first, n, detection = task
    started = time.process_time()
    cell = CELLS[name]
    numbers = range(first, first + n + n % 2)
    drawn = [draw_series(cell.kind, cell.design, seed=key_of(cell, stream, index)) for index in numbers]
    table = detect(draw_panel(drawn), cell, detection, seed=first).tidy()
    between = table[table["claim"] == "splitting"].sort_values(["dyad", "giver"], ascending=[True, False])
    truth, records = share_between(cell.kind, cell.design.middle), []
    for index, row in zip(numbers, between.to_dict("records"), strict=True):
        known = math.isfinite(row["estimate"])
        width = rounded(row["conf_high"] - row["conf_low"], 3) if known else None
        covered = int(row["conf_low"] <= truth <= row["conf_high"]) if known else None
        records.append({"index": index, "covered": covered, "width": width, "share": rounded(row["estimate"], 3)})
    return records[:n], time.process_time() - started


def replicate_sample(task):
    """Test one sample of dyads that may share phases; returns its record and the CPU time."""
    name, stream, index, _, detection = task
    started = time.process_time()
    cell = CELLS[name]
    root = np.random.SeedSequence(key_of(cell, stream, index))
    n_null = DYADS if cell.mix == "all" else DYADS // 2
    drawn = []
    for dyad, child in enumerate(root.spawn(DYADS)):
        rng = np.random.default_rng(child)
        draw = KINDS[cell.kind].draw if dyad < n_null else switching(rng.uniform(1, 2))
        drawn += [draw(rng, cell.design), draw(rng, cell.design)]
    result = detect(draw_panel(drawn), cell, detection, seed=index)
    found = result.verdicts(adjusted=False)
    supported = (found["verdict"] == "supported").to_numpy()
    null = found["dyad"].to_numpy() < n_null
    prevalence = result.sample().set_index("term").loc["prevalence"]
    low, high, truth = float(prevalence["conf_low"]), float(prevalence["conf_high"]), 1 - n_null / DYADS
    known = math.isfinite(low) and math.isfinite(high)
    record = {
        "index": index,
        "intermittent": round(float(supported[null].mean()), 4),
        "found": None if null.all() else round(float(supported[~null].mean()), 4),
        "covered": int(low <= truth <= high) if known else None,
        "width": rounded(high - low, 4) if known else None,
        "low": rounded(low, 4),
        "high": rounded(high, 4),
        "shared": int(result.setting["phases_from"] == "other dyads"),
    }
    return [record], time.process_time() - started
