"""`ambivalence`: warm and cold towards the partner at once, or by turns.

Indices of the positive and the negative evaluation P and N, with C the smaller and D the larger of the two: Griffin's
(P + N) / 2 - |P - N| = (3 C - D) / 2 (Thompson, Zanna and Griffin, 1995), Kaplan's (1972) P + N - |P - N| = 2 C, and
Jamieson's (1993) C squared over D.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Column, Ints
from reldyn.errors import DataError, DesignError, check_option, describe_rows
from reldyn.panel import analysis
from reldyn.perception._people import mean_cells, perceivers_of, role_groups, with_sample_rows
from reldyn.perception._slopes_of_one import is_constant, mean_over
from reldyn.results import TableResult

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel, PersonSeries

__all__ = ["AmbivalenceByOccasion", "AmbivalenceResult", "ambivalence", "ambivalence_index"]


class AmbivalenceResult(TableResult):
    """What `ambivalence` found: a row per person and the rows of the sample."""


class AmbivalenceByOccasion(AmbivalenceResult):
    """What `ambivalence` found with ``by="occasion"``: a row per answered occasion.

    JSON without rows leaves the table out.
    """

    row_fields: ClassVar[tuple[str, ...]] = ("table",)


Index = Literal["griffin", "kaplan", "jamieson"]
INDICES = ("griffin", "kaplan", "jamieson")
_FEWEST_PAIRS = 3
_MEASURES = ["mean", "sd", "of_means", "alternation", "rmssd", "inertia", "r_positive_negative"]
_COLUMNS = [
    *("dyad", "person", "role", "n_obs", "n_pairs", *_MEASURES),
    *("std_error", "statistic", "df", "p_value", "conf_low", "conf_high", "note"),
]


@analysis
def ambivalence(
    panel: DyadPanel,
    *,
    positive: Column,
    negative: Column,
    index: Index = "griffin",
    by: Literal["person", "occasion"] = "person",
    minimum: float | None = None,
) -> AmbivalenceResult:
    """Compute ambivalence towards the partner, and tell mixture from alternation.

    Parameters
    ----------
    panel : DyadPanel
    positive, negative : str
        Columns with the positive and the negative evaluation of the partner, each from none to very, on one scale.
    index : {"griffin", "kaplan", "jamieson"}, default "griffin"
        ``(P + N) / 2 - |P - N|``, high when both are strong and alike, the one most used; ``P + N - |P - N|``, twice
        the weaker one; ``min(P, N) ** 2 / max(P, N)``, 0 where both are 0. On a scale of width W (P and N from 0 to W)
        they run from -W / 2 to W, from 0 to 2 W and from 0 to W: -50 to 100 for Griffin's on sliders from 0 to 100.
        Griffin's is below 0 where the stronger evaluation is more than three times the weaker one, -W / 2 where one
        is W and the other 0, and W where both are W; it is not rescaled, so that values of studies with other scales
        can be compared only after division by W.
    by : {"person", "occasion"}, default "person"
        One row per person, or per row of the panel.
    minimum : float, optional
        What "none" is called, which is taken off both. Default: the lower end of the scale declared for the columns
        when making the panel, else the smallest answer. Only Griffin's index without declared scales is the same up to
        a constant wherever the scale begins.

    Returns
    -------
    AmbivalenceResult
        A table that is used like a data frame.
        By occasion: the identifying columns of the panel and ``ambivalence``, ``note``. By person: ``n_obs``
        (occasions with both), ``n_pairs`` (neighbouring occasions of one day), ``mean`` and ``sd`` of the index,
        ``of_means`` (the index of the person's mean P and mean N), ``alternation`` (``of_means`` minus ``mean``: for
        Griffin's and Kaplan's index never negative, and large where warm and cold come by turns and not together),
        ``rmssd`` and ``inertia`` (least-squares slope) of the index from occasion to occasion, three or more pairs,
        ``r_positive_negative`` (correlation over time), ``note``; then rows with ``dyad`` "sample" per role and over
        all, with ``std_error``, ``statistic``, ``df``, ``p_value``, ``conf_low``, ``conf_high`` of the mean
        ``alternation``.

    Raises
    ------
    DataError
        A column does not exist or holds text, or an answer lies below ``minimum``.
    DesignError
        An option is not known.

    References
    ----------
    Kaplan (1972), Psychological Bulletin 77, 361-372. Thompson, Zanna and Griffin (1995), in Petty and Krosnick
    (eds.), Attitude Strength. Zoppolat, Faure, Alonso-Ferres and Righetti (2022), Emotion 22.

    Examples
    --------
    Together, and by turns:

    >>> import pandas as pd, reldyn as rd
    >>> frame = pd.DataFrame({"dyad": 1, "who": ["a"] * 4 + ["b"] * 4, "t": [1, 2, 3, 4] * 2})
    >>> frame["warm"], frame["cold"] = [3] * 4 + [6, 0, 6, 0], [3] * 4 + [0, 6, 0, 6]
    >>> panel = rd.DyadPanel(frame, dyad="dyad", person="who", time="t")
    >>> found = rd.perception.ambivalence(panel, positive="warm", negative="cold")
    >>> found[["mean", "of_means", "alternation"]].iloc[:2].values.tolist()
    [[3.0, 3.0, 0.0], [-3.0, 3.0, 6.0]]
    """
    check_option(index, INDICES, "index")
    check_option(by, ("person", "occasion"), "by")
    if positive == negative:
        raise DesignError(f"positive and negative are both {positive!r}: name two columns.")
    warm, cold = panel.values(positive), panel.values(negative)
    zero = _zero(panel, (positive, negative), (warm, cold), minimum)
    warm, cold = warm - zero, cold - zero
    values = ambivalence_index(warm, cold, index)
    if by == "occasion":
        return AmbivalenceByOccasion.of(table=_by_occasion(panel, values))
    people = perceivers_of(panel, positive)
    before = _before(panel, values)
    rows = [one.identity | _person(one, warm, cold, values, before, index) for one in people]
    dyad = np.array([one.code for one in people])
    return AmbivalenceResult.of(table=with_sample_rows(rows, _sample(rows, dyad), _COLUMNS))


def ambivalence_index(positive: Array, negative: Array, index: str) -> Array:
    """Ambivalence of each pair of evaluations.

    Parameters
    ----------
    positive, negative : (n,) arrays
        From 0 up.
    index : {"griffin", "kaplan", "jamieson"}

    Returns
    -------
    (n,) array
    """
    smaller, larger = np.minimum(positive, negative), np.maximum(positive, negative)
    if index == "griffin":
        return np.asarray((3 * smaller - larger) / 2)
    if index == "kaplan":
        return np.asarray(2 * smaller)
    out = np.where(np.isfinite(larger), 0.0, np.nan)
    np.divide(smaller**2, larger, out=out, where=larger > 0)
    return out


def _zero(panel: DyadPanel, names: tuple[str, str], values: tuple[Array, Array], minimum: float | None) -> float:
    declared = [panel.scales[name][0] for name in names if name in panel.scales]
    seen = np.concatenate([part[np.isfinite(part)] for part in values])
    if minimum is None:
        if len(set(declared)) > 1:
            raise DesignError(
                f"the scales of {names[0]!r} and {names[1]!r} begin at {declared[0]:g} and {declared[1]:g}: an index "
                "of both needs one scale; rescale one of them."
            )
        return float(declared[0]) if declared else float(seen.min(initial=0.0) if not len(seen) else seen.min())
    if not math.isfinite(minimum):
        raise DesignError(f"minimum={minimum!r} is no end of a scale: give a number.")
    for name, part in zip(names, values, strict=True):
        below = np.flatnonzero(part < minimum)
        if len(below):
            raise DataError(
                f"{name!r} has answers below minimum={minimum:g} ({describe_rows(below.tolist())}): correct them, or "
                "give the scale's own lower end."
            )
    return float(minimum)


def _before(panel: DyadPanel, values: Array) -> Array:
    """The same person's value one scheduled occasion earlier on the same day."""
    row = panel.index.earlier_row(1)
    return np.where(row >= 0, values[np.maximum(row, 0)], np.nan)


def _by_occasion(panel: DyadPanel, values: Array) -> pd.DataFrame:
    names = dict.fromkeys(name for name in panel.columns.values() if name is not None)
    table = panel.frame[list(names)].copy()
    table["ambivalence"] = values
    table["note"] = np.where(np.isfinite(values), "", "an evaluation is missing").astype(object)
    return table.reset_index(drop=True)


def _person(one: PersonSeries, warm: Array, cold: Array, values: Array, before: Array, index: str) -> dict[str, Any]:
    now, then = values[one.row], before[one.row]
    kept = np.isfinite(now)
    p, n, found = warm[one.row][kept], cold[one.row][kept], now[kept]
    pairs = kept & np.isfinite(then)
    x, y = then[pairs], now[pairs]
    cells: dict[str, Any] = dict.fromkeys(_COLUMNS[5:-1], math.nan)
    cells |= {"n_obs": len(found), "n_pairs": len(x), "note": "", "role": one.role}
    if not len(found):
        return cells | {"note": "no occasion with both evaluations"}
    cells["mean"] = float(found.mean())
    cells["of_means"] = float(ambivalence_index(p[:1] * 0 + p.mean(), n[:1] * 0 + n.mean(), index)[0])
    cells["alternation"] = cells["of_means"] - cells["mean"]
    if len(found) > 1:
        cells["sd"] = float(found.std(ddof=1))
    if len(x):
        cells["rmssd"] = math.sqrt(float(((y - x) ** 2).mean()))
    notes = []
    if len(x) < _FEWEST_PAIRS:
        notes.append(f"{counted(len(x), 'pair')} of neighbouring occasions, below {_FEWEST_PAIRS}: no inertia")
    elif is_constant(x):
        notes.append("ambivalence never varies: no inertia")
    else:
        centred = x - x.mean()
        cells["inertia"] = float((centred * y).sum() / (centred**2).sum())
    if len(found) < _FEWEST_PAIRS or is_constant(p) or is_constant(n):
        notes.append("an evaluation never varies, or too few: no correlation")
    else:
        cells["r_positive_negative"] = float(np.clip(np.corrcoef(p, n)[0, 1], -1.0, 1.0))
    return cells | {"note": "; ".join(notes)}


def _sample(rows: list[dict[str, Any]], dyad: Ints) -> list[dict[str, Any]]:
    answers = []
    columns = {name: np.array([row[name] for row in rows], dtype=float) for name in _MEASURES}
    for role, mine in role_groups([row["role"] for row in rows]):
        cells: dict[str, Any] = {"dyad": "sample", "person": "", "role": role}
        for name in ("n_obs", "n_pairs"):
            cells[name] = sum(row[name] for row, kept in zip(rows, mine, strict=True) if kept)
        for name, values in columns.items():
            seen = values[mine][np.isfinite(values[mine])]
            cells[name] = float(seen.mean()) if len(seen) else math.nan
        found = mean_over(columns["alternation"][mine], dyad[mine])
        cells["alternation"] = found.row()["estimate"]
        answers.append(cells | mean_cells(found))
    return answers
