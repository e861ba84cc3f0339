"""What the report says of the sample: flow, compliance, descriptives, small cells."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._types import Array, Ints
from reldyn.panel import finding_codes
from reldyn.study._wording import in_study_words

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["compliance_rows", "correlations", "descriptives", "findings", "icc1", "is_small_share", "small_cells"]

# Fewer dyads in a cell may be known to a reader who knows one of them.
FEWEST = 5
_MOST_VARIABLES = 12


def findings(panel: DyadPanel, *, single: bool) -> list[dict[Hashable, Any]]:
    """The findings, those of one code and column together.

    Parameters
    ----------
    panel : DyadPanel
    single : bool
        Whether messages may name dyads and persons; else what the code means stands in their place.
    """
    table = panel.findings
    keys = ["severity", "code", "column"]
    grouped = table.groupby(keys, sort=False)
    size, total = grouped.size(), grouped["n"].sum()
    known = finding_codes().set_index("code")
    rows = table.drop_duplicates(keys)[[*keys, "message", "fix"]].to_dict("records")
    for row in rows:
        key = tuple(row[name] for name in keys)
        row["alike"], row["n"] = int(size.loc[key]) - 1, int(total.loc[key])
        if not single:
            row["message"] = known.loc[row["code"], "meaning"] if row["code"] in known.index else ""
            row["fix"] = known.loc[row["code"], "fix"] if row["code"] in known.index else ""
        row |= {name: in_study_words(row[name]) for name in ("message", "fix")}
    return rows


def compliance_rows(panel: DyadPanel, answers: Sequence[str] | None) -> tuple[list[dict[Hashable, Any]], Any]:
    """Compliance overall and by role, and the table by day and prompt."""
    table = panel.compliance(answers)
    return table[table["level"].isin(["overall", "role"])].to_dict("records"), table


def descriptives(panel: DyadPanel, names: Sequence[str]) -> list[dict[str, Any]]:
    """Mean, spread, ICC and floor of each variable, by role; without numbers of fewer than five persons of a role."""
    names = [name for name in names if name in panel.frame.columns and panel.frame[name].dtype.kind in "biuf"]
    if not names:
        return []
    rows: list[dict[str, Any]] = []
    whole = panel.describe(names[:_MOST_VARIABLES]).to_dict("records")
    share = {name: icc1(panel.values(name), panel.index.person) for name in names[:_MOST_VARIABLES]}
    for row in whole:
        few = row["n_persons"] < FEWEST
        own = {key: row[key] for key in ("mean", "sd", "sd_within", "sd_between", "floor_share", "ceiling_share")}
        shown = dict.fromkeys(own, math.nan) if few else own
        first = not rows or rows[-1]["variable"] != row["variable"]
        icc = share[row["variable"]] if first and panel.n_occasions > 1 else math.nan
        scaled = row["variable"] in panel.scales
        rows.append(
            {
                "variable": str(row["variable"]),
                "role": str(row["role"]),
                "n_obs": int(row["n_obs"]),
                "n_persons": int(row["n_persons"]),
                "missing_share": float(row["missing_share"]),
                **shown,
                "icc": icc,
                "scaled": scaled,
                "few": few,
            }
        )
    return rows


def icc1(values: Array, person: Ints) -> float:
    """ICC(1) of occasions within persons from mean squares; persons may have any number of answers.

    (MSB - MSW) / (MSB + (k - 1) MSW), with k the mean number of answers corrected for its spread (Shrout and Fleiss,
    1979; Snijders and Bosker, 2012).
    """
    seen = np.isfinite(values)
    x, who = values[seen], np.unique(person[seen], return_inverse=True)[1]
    n = np.bincount(who)
    groups, total = len(n), len(x)
    if groups < 2 * FEWEST or total <= groups:
        return math.nan
    means = np.bincount(who, weights=x) / n
    between = float(n @ (means - x.mean()) ** 2) / (groups - 1)
    within = float(((x - means[who]) ** 2).sum()) / (total - groups)
    k = (total - float(n @ n) / total) / (groups - 1)
    bottom = between + (k - 1) * within
    return (between - within) / bottom if bottom > 0 else math.nan


def correlations(panel: DyadPanel, names: Sequence[str]) -> dict[str, Any] | None:
    """Correlations within persons (below the diagonal) and of person means (above it).

    Returns
    -------
    dict or None
        ``labels`` and ``rows``; None for fewer than two numeric variables or ten persons.
    """
    names = [name for name in names if name in panel.frame.columns and panel.frame[name].dtype.kind in "biuf"]
    names = names[:_MOST_VARIABLES]
    if len(names) < 2 or panel.n_persons < 2 * FEWEST:
        return None
    person = panel.index.person
    within, means = [], []
    for name in names:
        values = panel.values(name)
        seen = np.isfinite(values)
        counts = np.bincount(person[seen], minlength=panel.n_persons).astype(float)
        total = np.bincount(person[seen], weights=values[seen], minlength=panel.n_persons)
        mean = np.divide(total, counts, out=np.full(panel.n_persons, np.nan), where=counts > 0)
        means.append(mean)
        within.append(values - mean[person])
    size = len(names)
    rows: list[list[float | None]] = [[None] * size for _ in range(size)]
    for i in range(size):
        for j in range(size):
            if i != j:
                source = within if i > j else means
                rows[i][j] = _correlation(source[i], source[j])
    return {"labels": list(map(str, names)), "rows": rows, "time": panel.n_occasions > 1}


def _correlation(x: Array, y: Array) -> float | None:
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < FEWEST:
        return None
    a, b = x[both] - x[both].mean(), y[both] - y[both].mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    # A series that never varies has no correlation.
    return float(a @ b) / size if size > 1e-12 * len(a) else None


def is_small_share(number: str, n: int, mean: float | None) -> bool:
    """Whether a share of dyads, or what is left of it, stands for one to four of them."""
    if not number.startswith("share ") or mean is None:
        return False
    return any(0 < round(part * n, 6) < FEWEST for part in (mean, 1 - mean))


def small_cells(
    panel: DyadPanel, table: Any, records: Mapping[str, Mapping[str, Any]], flow: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str, int]]:
    """Counts below five that the report shows: where, of what, how many."""
    found = [("Sample", "dyads", panel.n_dyads)] if panel.n_dyads < FEWEST else []
    if len(panel.compositions) > 1:
        found += [("Sample", f"{label} dyads", int(n)) for label, n in panel.compositions.items() if 0 < n < FEWEST]
    for step in flow:
        dropped = int(step["dyads_dropped"])
        if 0 < dropped < FEWEST:
            found.append(("Flow of the sample", f"dyads dropped: {step['what']}", dropped))
    days = table[table["level"] == "day"]
    thin = days[(days["expected"] > 0) & (days["expected"] < 2 * FEWEST * max(1, panel.index.n_beeps))]
    if len(thin):
        found.append(("Compliance", "days on which prompts were due for so few dyads", len(thin)))
    for name, record in records.items():
        for counts in record["counts"]:
            for row in counts["rows"]:
                found += [
                    (f"Analysis {name}", f"{row[0]}, {head}", value)
                    for head, value in zip(counts["heads"][1:], row[1:], strict=True)
                    if type(value) is int and 0 < value < FEWEST
                ]
        spread = record["spread"]
        few = [row[2] for row in spread["rows"] if row[2] < FEWEST] if spread else []
        if few:
            found.append((f"Analysis {name}", "groups of dyads whose numbers are left out", len(few)))
        shares = [row for row in spread["rows"] if is_small_share(*row[1:4])] if spread else []
        if shares:
            found.append((f"Analysis {name}", "shares that stand for one to four dyads", len(shares)))
    return found
