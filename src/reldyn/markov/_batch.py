"""Records whose arrays have one row for every member of a batch."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

__all__ = ["Batch"]


class Batch:
    """Base of dataclasses of arrays whose first axis counts the members of a batch."""

    __slots__ = ()

    def take(self, index: Any) -> Self:
        """Members by position, repeats allowed, or by a mask."""
        record: Any = self
        return type(self)(*(getattr(record, field.name)[index] for field in dataclasses.fields(record)))
