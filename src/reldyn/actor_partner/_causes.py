"""What in the rows makes a model fail or mislead, named before the engine meets it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DesignError

if TYPE_CHECKING:
    from reldyn._types import Flags
    from reldyn.panel import DyadPanel

__all__ = ["check_passed_on", "one_sided_notes", "two_valued_note"]

# Values on the row of one partner only are no accident where they stand almost always on the same side, or where both
# partners have one far more seldom than independent gaps would have it.
_ONE_SIDE = 0.95
_FAR_FEWER = 0.5


def one_sided_notes(
    panel: DyadPanel,
    outcome: str,
    names: Iterable[str],
    what: str = "covariates",
    traits: Mapping[str, Flags] | None = None,
) -> tuple[str, ...]:
    """Columns that are filled in on one partner's row only, which leaves the other's row out.

    Rows without an outcome are left out anyway: of studies with one perceiver per dyad nothing is said. ``traits``
    has, of columns that hold for a person on every row, asked there or not, the rows on which they do.

    Raises
    ------
    DesignError
        At no occasion do both partners have a value.
    """
    notes = []
    answered = _filled(panel, outcome)
    for name in names:
        if name not in panel._frame.columns:
            continue
        filled = (traits or {}).get(name)
        filled = _filled(panel, name) if filled is None else filled
        if filled.all():
            continue
        one, both = _counts(filled, answered, panel)
        if not one:
            continue
        keys = [key for part in ("dyad", "time", "day", "beep") if (key := panel.columns.get(part)) is not None]
        by = repr(keys[0]) if len(keys) == 1 else repr(keys)
        text = (
            f"{what}: {name!r} is filled in on one partner's row only in {one:,} of {one + both:,} pairs of partners' "
            f"rows, and the other's row is left out. If it belongs to both, give it to both first: "
            f"frame[{name!r}] = frame.groupby({by})[{name!r}].transform('first')."
        )
        if not both:
            raise DesignError(text)
        notes.append(text)
    return tuple(notes)


def _filled(panel: DyadPanel, name: str) -> Flags:
    """Whether each row has a value of a column, be it numbers or text."""
    try:
        return np.asarray(~np.isnan(panel.values(name)))
    except DataError:
        return np.asarray(panel._frame[name].notna().to_numpy())


def _counts(filled: Flags, answered: Flags, panel: DyadPanel) -> tuple[int, int]:
    """Pairs of partners' rows with one value and with two; no pair where missing by chance would do as much."""
    index = panel.index
    partner = index.partner_row
    paired = partner >= 0
    other = filled[np.maximum(partner, 0)] & paired
    alone = filled & paired & ~other & answered[np.maximum(partner, 0)]
    one, both = int(np.count_nonzero(alone)), int(np.count_nonzero(filled & other)) // 2
    share = float(filled[paired].mean()) if paired.any() else 0.0
    expected = share**2 * np.count_nonzero(paired) / 2
    side = index.role if len(index.roles) == 2 else index.member
    same = max(np.bincount(side[alone] + 1)) if one else 0
    deliberate = same >= _ONE_SIDE * one or both < _FAR_FEWER * expected
    return (one, both) if one > both and deliberate else (0, both)


def two_valued_note(panel: DyadPanel, outcome: str, elsewhere: bool = False) -> tuple[str, ...]:
    """Whether a normal model was asked for an outcome of two values; ``elsewhere`` where the analysis has no other."""
    values = panel.values(outcome)
    seen = values[np.isfinite(values)]
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 0.0)
    if low == high or not np.all((seen == low) | (seen == high)):
        return ()
    other = "rd.apim(..., family='binomial')" if elsewhere else "family='binomial'"
    return (
        f"{outcome} has two values ({low:g} and {high:g}): {other}? A normal model of a yes/no outcome "
        "estimates differences in probability, and its predictions can leave the range from 0 to 1.",
    )


def check_passed_on(analysis: str, given: Mapping[str, Any], target: Callable[..., Any], taken: Iterable[str]) -> None:
    """Refuse keywords that the function they are handed on to does not have.

    Parameters
    ----------
    analysis : str
        What the caller called.
    given : mapping
        Its further keywords.
    target : callable
        What they are handed on to.
    taken : iterable of str
        Arguments of ``target`` that the analysis sets itself.

    Raises
    ------
    DesignError
    """
    import difflib
    import inspect

    allowed = [name for name in inspect.signature(target).parameters if name != "panel" and name not in set(taken)]
    unknown = [name for name in given if name not in allowed]
    if not unknown:
        return
    close = difflib.get_close_matches(unknown[0], allowed, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise DesignError(
        f"{analysis} takes no argument {', '.join(map(repr, unknown))}; besides its own it takes those of "
        f"rd.{target.__name__}: {', '.join(allowed)}.{hint}"
    )
