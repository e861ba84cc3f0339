"""One sentence per analysis in the manner of the American Psychological Association, made from the result's numbers.

Every result with a table has one; some analyses have a better one of their own. No sentence speaks of a single dyad.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reldyn._format import counted, equals_p
from reldyn.study.running._few import FEW
from reldyn.study.running._over_dyads import FEWEST, Spread

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["MAIN", "estimate_words", "sentence_of"]

_MOST = 4
Row = Mapping[Any, Any]


def sentence_of(verb: str, result: Any, rows: pd.DataFrame | None, spread: Sequence[Spread]) -> str:
    """The sentence about a result.

    Parameters
    ----------
    verb : str
        Name of the analysis.
    result : Result
        What was found.
    rows : pandas.DataFrame or None
        Rows of `tidy` that stand for the sample.
    spread : sequence of Spread
        How the others are spread over dyads.
    """
    own = _OWN.get(verb)
    said = own(result, rows, spread) if own is not None and rows is not None else ""
    return said or _default(rows, spread, MAIN.get(verb, "estimate"))


def estimate_words(row: Row, symbol: str = "b") -> str:
    """An estimate with interval, test and p-value, as far as the row has them."""
    digits = _digits(row)
    parts = [f"{symbol} = {_number(row.get('estimate'), digits)}"]
    if _finite(row.get("conf_low")) and _finite(row.get("conf_high")):
        parts.append(f"95% CI [{_number(row['conf_low'], digits)}, {_number(row['conf_high'], digits)}]")
    return ", ".join([*parts, *_test(row, "t" if _finite(row.get("df")) else "z")])


def _test(row: Row, symbol: str) -> list[str]:
    """Statistic and p-value."""
    parts = []
    if _finite(row.get("statistic")):
        df = row.get("df")
        degrees = f"({_degrees(df)})" if _finite(df) else ""
        parts.append(f"{symbol}{degrees} = {_number(row['statistic'])}")
    if _finite(row.get("p_value")):
        parts.append(f"p {equals_p(float(row['p_value']))}")
    return parts


def _default(rows: pd.DataFrame | None, spread: Sequence[Spread], main: str) -> str:
    """From the table alone: the first estimates of the sample, else the spread over dyads."""
    if rows is not None and len(rows):
        named = rows.rename(columns={main: "estimate"}) if "estimate" not in rows else rows
        found = [row for row in named.to_dict("records") if _tells(row)]
        found = [row for row in found if row.get("effect") != "intercept"] or found
        said = [_of_row(row, main) for row in found[:_MOST]]
        if said:
            more = len(found) - len(said)
            return f"{'; '.join(said)}{f' (and {more} more in the table)' if more else ''}."
    known = [one for one in spread if one.n >= FEWEST][:_MOST]
    if known:
        return f"Over dyads, {'; '.join(map(_of_spread, known))}."
    hidden = rows is not None and "note" in rows and bool((rows["note"] == FEW).any())
    if spread or hidden:
        return f"Fewer than {FEWEST} dyads have an estimate, so that nothing is said of their mean."
    return "There is no estimate to report."


def _tells(row: Row) -> bool:
    return any(_finite(row.get(name)) for name in ("estimate", "statistic", "p_value"))


def _of_row(row: Row, main: str) -> str:
    role = row.get("role")
    term = str(row.get("term") or (f"for {role}" if isinstance(role, str) and role else "for all"))
    if _finite(row.get("estimate")):
        return f"{term}, {estimate_words(row, main.replace('_', ' '))}"
    return f"{term}, {', '.join(_test(row, 'statistic'))}"


def _of_spread(one: Spread) -> str:
    sd = f", SD = {_number(one.sd)}" if _finite(one.sd) else ""
    return f"{one.label}, M = {_number(one.mean)}{sd}, n = {one.n}"


def _apim(result: Any, rows: pd.DataFrame, _: Sequence[Spread]) -> str:
    """Actor and partner effect of the first predictor, for each role."""
    slopes = rows[rows["effect"].isin(["actor", "partner"])] if "effect" in rows else rows[:0]
    if slopes.empty:
        return ""
    first = slopes.iloc[0]
    level = str(first.get("level") or "")
    slopes = slopes[(slopes["variable"] == first["variable"]) & (slopes["level"].fillna("") == level)]
    outcome = str(getattr(getattr(result, "design", None), "outcome", "") or "the outcome")
    said = []
    groups = [name for name in ("composition", "role") if name in slopes]
    whose = slopes[groups].fillna("").astype(str).agg(lambda labels: ", ".join(filter(None, labels)), axis=1)
    for label in dict.fromkeys(whose):
        mine = {row["effect"]: row for row in slopes[whose == label].to_dict("records")}
        parts = [f"{effect} effect {estimate_words(mine[effect])}" for effect in ("actor", "partner") if effect in mine]
        said.append(f"{f'for {label}, ' if label else ''}{' and '.join(parts)}")
    where = {"within": " within persons", "between": " between persons"}.get(level, "")
    return f"Of {first['variable']} on {outcome}{where}: {'; '.join(said)}."


def _over_time(_: Any, rows: pd.DataFrame, __: Sequence[Spread]) -> str:
    """Stability and influence, for each role."""
    if "effect" not in rows:
        return ""
    words = {"stability": "stability", "actor": "stability", "influence": "influence", "partner": "influence"}
    said = []
    for row in rows.to_dict("records"):
        if row["effect"] in words and _finite(row["estimate"]):
            role = row.get("role")
            whom = f" for {role}" if isinstance(role, str) and role else ""
            said.append(f"{words[row['effect']]}{whom} was {estimate_words(row)}")
    return f"From one occasion to the next, {'; '.join(said)}." if said else ""


def _asymmetry(result: Any, rows: pd.DataFrame, _: Sequence[Spread]) -> str:
    """Both influences and their difference, over dyads."""
    known = rows[rows["model"] == "observed"] if "model" in rows else rows[:0]
    both = known[known["effect"] == "influence"].to_dict("records")
    difference = known[known["effect"] == "difference"].to_dict("records")
    if len(both) != 2 or not difference or not _finite(difference[0]["estimate"]):
        return ""
    one, other = (f"{row['source']} to {row['target']} was {estimate_words(row)}" for row in both)
    return (
        f"Over dyads, influence from {one}, and from {other}; the difference in {result.variable} was "
        f"{estimate_words(difference[0])}."
    )


def _synchrony(result: Any, _: pd.DataFrame, __: Sequence[Spread]) -> str:
    """The mean over dyads beside that of surrogates: by itself a largest correlation says nothing."""
    row = result.glance().iloc[0].to_dict()
    if not _finite(row.get("estimate")) or not _finite(row.get("surrogate_mean")) or row["n_tested"] < FEWEST:
        return ""
    said = ", ".join(_test({"p_value": row.get("p_value")}, ""))
    return (
        f"Over {int(row['n_tested'])} dyads, synchrony was M = {_number(row['estimate'])}, and by chance "
        f"{_number(row['surrogate_mean'])}{f', {said}' if said else ''}."
    )


def _affect(_: Any, __: pd.DataFrame, spread: Sequence[Spread]) -> str:
    """Level, variability, instability and inertia of each variable."""
    words = {"mean": "M", "sd": "SD within persons", "rmssd": "RMSSD", "inertia": "inertia"}
    said = []
    for group in dict.fromkeys(one.of for one in spread):
        found = {one.number: one for one in spread if one.of == group and one.n >= FEWEST}
        numbers = [f"{word} = {_number(found[name].mean)}" for name, word in words.items() if name in found]
        if numbers:
            said.append(f"{group + ': ' if group else ''}{', '.join(numbers)}")
    return f"On average over dyads, {'; '.join(said)}." if said else ""


def _cycles(result: Any, _: pd.DataFrame, __: Sequence[Spread]) -> str:
    """Counts of verdicts and the prevalence."""
    verdicts = result.verdicts()
    counts = verdicts["verdict"].value_counts()
    order = ("supported", "rhythm", "not supported", "not decidable")
    listed = ", ".join(f"{int(counts.get(verdict, 0))} {verdict}" for verdict in order)
    share = result.sample().set_index("term").loc["prevalence"]
    known = (
        f"the prevalence of intermittent warmth was {estimate_words(dict(share), 'share')}"
        if _finite(share["estimate"])
        else f"the prevalence was not estimated ({share['note']})"
    )
    of = f"{counted(len(verdicts), 'direction')} of {counted(verdicts['dyad'].nunique(), 'dyad')}"
    return f"Of {of}, {listed}; {known}."


# What the interval of a table without a column "estimate" is of.
MAIN = {
    "cycles.persistence": "half_life",
    "cycles.vigilance": "difference",
    "perception.ambivalence": "alternation",
    "perception.contagion": "contagion",
    "perception.empathic_accuracy": "accuracy",
}
_OWN: dict[str, Callable[[Any, Any, Any], str]] = {
    "apim": _apim,
    "actor_partner.over_time": _over_time,
    "affect_dynamics": _affect,
    "coupling.asymmetry": _asymmetry,
    "coupling.cross_correlation": _synchrony,
    "coupling.recurrence": _synchrony,
    "coupling.susy": _synchrony,
    "coupling.windowed_cross_correlation": _synchrony,
    "detect_cycles": _cycles,
}


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _digits(row: Row) -> int:
    """Decimals that show two digits of the standard error, or of a quarter of the interval: two to six."""
    error = row.get("std_error")
    if not _finite(error) and _finite(row.get("conf_low")) and _finite(row.get("conf_high")):
        error = (row["conf_high"] - row["conf_low"]) / 4
    if not _finite(error) or float(error) <= 0:  # type: ignore[arg-type]
        return 2
    return min(6, max(2, 1 - math.floor(math.log10(float(error)))))  # type: ignore[arg-type]


def _number(value: Any, digits: int | None = None) -> str:
    """Two decimals; more for a number that would be nothing but zeros."""
    if not _finite(value):
        return "not estimated"
    number = float(value)
    if digits is None:
        digits = 2 if number == 0 or abs(number) >= 0.005 else min(6, 1 - math.floor(math.log10(abs(number))))
    return f"{round(number, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _degrees(value: Any) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"
