"""The base of every table of a study file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Section"]


class Section(BaseModel):
    """A table of the study file: unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
