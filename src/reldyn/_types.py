"""Aliases for arrays and for names of columns, defined once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Column", "Columns", "Constructs", "Flags", "Ints", "Terms"]

Array = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

# An option with one of these annotations names columns of the panel: study files check that they are there.
Column: TypeAlias = str
Columns: TypeAlias = str | Sequence[str]
# Columns, or `reldyn.shared` of columns.
Terms: TypeAlias = Sequence[Any]
# Constructs by name, and the columns of their items.
Constructs: TypeAlias = Mapping[str, Sequence[str]]
