"""The base of every table of a study file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Section", "ascending"]


class Section(BaseModel):
    """A table of the study file: unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def ascending(pair: tuple[float, float]) -> tuple[float, float]:
    """The ends of a range, lower end first, or a `ValueError` that says so."""
    if not pair[0] < pair[1]:
        raise ValueError("the lower end comes first: [1, 7].")
    return pair
