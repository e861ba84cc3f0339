"""What belongs to rows and has no coefficient: an offset and prior weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DesignError, describe_rows

if TYPE_CHECKING:
    from reldyn._types import Array
    from reldyn.mixed import Estimation
    from reldyn.panel import DyadPanel

__all__ = ["check_row_terms", "offset_of", "row_term_sentences", "weights_of"]


def check_row_terms(offset: Any, weights: Any, used: Sequence[str], estimation: Estimation) -> None:
    """Refuse what is no name of a column, stands in the model already, or has no place in the estimation.

    Raises
    ------
    DesignError
    """
    for what, name in (("offset", offset), ("weights", weights)):
        if name is None:
            continue
        if not isinstance(name, str):
            raise DesignError(
                f"{what} takes the name of a column of the panel, and what was given is of type "
                f"{type(name).__name__}: enter its values as a column first."
            )
        if name in used:
            raise DesignError(
                f"{what}={name!r} is in the model already, with a coefficient of its own: leave it out of one of them."
            )
        if estimation.missing == "model":
            raise DesignError(
                f"missing='model' has no {what}: its joint likelihood gives every row the same variance and takes no "
                "known term. Use missing='available'."
            )


def offset_of(panel: DyadPanel, name: str | None) -> Array | None:
    """Values that are added to the linear predictor, (n,); None where there are none."""
    return None if name is None else panel.values(name)


def weights_of(panel: DyadPanel, name: str | None) -> Array | None:
    """Prior weights, (n,); None where there are none.

    Raises
    ------
    DataError
        A weight is zero or negative.
    """
    if name is None:
        return None
    values = panel.values(name)
    bad = np.flatnonzero(values <= 0)
    if len(bad):
        raise DataError(
            f"weights={name!r} is {values[bad[0]]:g} in {describe_rows(bad.tolist())}, and a weight is above zero: "
            "leave rows that are to count for nothing out, with panel.select(where=...)."
        )
    return values


def row_term_sentences(offset: str | None, weights: str | None) -> list[str]:
    """What the methods paragraph says of them."""
    found = []
    if offset is not None:
        found.append(f"Offset: {offset}, with a coefficient of 1.")
    if weights is not None:
        found.append(f"Prior weights: {weights}; a row's variance is that of weight 1 over its weight.")
    return found
