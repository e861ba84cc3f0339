"""Values of the right kind that no analysis can use: numbers out of range, empty lists, names that are not known.

Analyses refuse them as well, but only once they run; here they are refused before anything is computed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reldyn._spec import option_object
from reldyn.errors import DesignError, is_count, is_number

__all__ = ["value_fault"]

_LEAST = {
    "bin_width": 1,
    "delay": 1,
    "embed": 1,
    "embedding": 3,
    "increment": 1,
    "lag": 1,
    "lag_increment": 1,
    "lags": 1,
    "max_changes": 1,
    "max_lag": 0,
    "min_length": 3,
    "min_line": 2,
    "n_boot": 0,
    "n_draws": 1,
    "n_permutations": 0,
    "n_recovery": 1,
    "n_replications": 1,
    "n_surrogates": 1,
    "seed": 0,
    "segment": 3,
    "spacing": 1,
    "steps": 1,
    "whiten": 0,
    "window": 1,
}
# Where an analysis needs more than others do.
_LEAST_OF = {
    **dict.fromkeys((("detect_cycles", "n_surrogates"), ("cycles.calibrate", "n_surrogates")), 19),
    **dict.fromkeys((("cycles.compare_reports", "n_surrogates"), ("intervention.event_response", "n_surrogates")), 19),
    **dict.fromkeys((("intervention.event_response", "n_boot"), ("intervention.interrupted_series", "n_boot")), 99),
    **dict.fromkeys((("intervention.reliable_change", "n_boot"), ("dynamics.correlations", "n_boot")), 99),
    ("intervention.recovery", "n_boot"): 19,
    ("actor_partner.mediation", "n_boot"): 2,
    **dict.fromkeys((("perception.dissociation", "n_boot"), ("perception.indirect_accuracy", "n_boot")), 1),
    ("coupling.windowed_cross_correlation", "window"): 3,
}
# Numbers from a lower to an upper end, and whether the ends belong to it.
_RANGES = {
    "alpha": (0, 1, False),
    "band": (0, None, True),
    "bandwidth": (1, None, False),
    "effect": (0, 10, False),
    "max_rating": (0, None, False),
    "occasions": (1, None, True),
    "radius": (0, None, True),
    "time_exponent": (0, 1, True),
}
# Lists that name what an analysis is about.
_ABOUT = frozenset(
    "contacts indices items judged mediator models phases predictor sizes starts variables".split()  # noqa: SIM905
)
# Its models stand without predictors, too.
_WITHOUT_PREDICTORS = frozenset({"actor_partner.dyad_individual"})
# Options that a text may stand for, where the text is the first value of an option object.
_SHORT = re.compile(r"\bstr \| (Residual|Surrogates)\b")
_CENTERINGS = ("within-between", "three-level", "grand", "none")


def value_fault(verb: str, option: str, value: Any, annotation: str) -> str | None:
    """What is wrong with a value of the right kind, or None.

    Parameters
    ----------
    verb, option : str
        Names of the analysis and of the option.
    value : object
        As TOML or JSON gives it.
    annotation : str
        Of the parameter.

    Examples
    --------
    >>> value_fault("affect_dynamics", "variables", [], "Columns")
    'the list is empty: name at least one'
    >>> value_fault("detect_cycles", "n_surrogates", -1, "int")
    'give a whole number of at least 19, not -1'
    """
    if isinstance(value, Mapping):
        return next((f"{name}: {fault}" for name, fault in _inner_faults(value)), None)
    if isinstance(value, (list, tuple)):
        return _list_fault(verb, option, value, annotation)
    if isinstance(value, str):
        return _text_fault(option, value, annotation)
    return _number_fault(verb, option, value)


def _inner_faults(table: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Faults of a seed inside the table of an option object, which passes it on unread."""
    fault = _number_fault("", "seed", table["seed"]) if "seed" in table else None
    return [("seed", fault)] if fault else []


def _list_fault(verb: str, option: str, value: Any, annotation: str) -> str | None:
    predictors = option == "predictors" and annotation == "Columns" and verb not in _WITHOUT_PREDICTORS
    if not len(value) and (option in _ABOUT or predictors):
        return "the list is empty: name at least one"
    twice = [one for number, one in enumerate(value) if one in value[:number]]
    if twice and annotation.startswith("Columns"):
        return f"{twice[0]!r} stands twice: name each column once"
    return None


def _text_fault(option: str, value: str, annotation: str) -> str | None:
    if option == "seed":
        return f"give a whole number of at least 0, not {value!r}"
    if option == "centering" and value not in _CENTERINGS:
        return f"wanted is {' or '.join(map(repr, _CENTERINGS))}, for all predictors or in a table by predictor"
    short = _SHORT.search(annotation)
    if short is None:
        return None
    try:
        option_object(short[1])(value)
    except DesignError as problem:
        return str(problem).rstrip(".")
    return None


def _number_fault(verb: str, option: str, value: Any) -> str | None:
    if option == "n_jobs":
        return None if value == -1 or is_count(value, 1) else f"give a count of at least 1, or -1, not {value}"
    if option in _LEAST:
        least = _LEAST_OF.get((verb, option), _LEAST[option])
        return None if is_count(value, least) else f"give a whole number of at least {least}, not {value}"
    if option in _RANGES and is_number(value):
        low, high, ends = _RANGES[option]
        inside = (low <= value if ends else low < value) and (high is None or (value <= high if ends else value < high))
        said = f"between {low} and {high}" if high is not None else f"{'of at least' if ends else 'above'} {low}"
        return None if inside else f"give a number {said}, not {value}"
    return None
