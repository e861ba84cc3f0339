"""Tables as CSV that no spreadsheet runs and no sign without a shape disguises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.study._visible import visible

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_csv"]

# A cell that starts so is a formula to a spreadsheet; the wide forms are to one set up for Chinese or Japanese.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def as_csv(frame: pd.DataFrame) -> str:
    """A table as CSV; texts that a spreadsheet would run as a formula begin with an apostrophe.

    Examples
    --------
    >>> import pandas as pd
    >>> as_csv(pd.DataFrame({"who": ["=1+1", "a"], "x": [-1.0, 2.0]})).splitlines()
    ['who,x', "'=1+1,-1.0", 'a,2.0']
    """
    frame = frame.copy()
    for position, dtype in enumerate(frame.dtypes):
        if dtype.kind not in "biufcM":
            values = [_harmless(value) for value in frame.iloc[:, position].astype(object)]
            frame.isetitem(position, np.array([*values, None], dtype=object)[:-1])
    frame.columns = [_harmless(name) for name in frame.columns]
    return frame.to_csv(index=False, lineterminator="\n")


def _harmless(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # Before signs are made visible: a carriage return in front is a formula's too.
    return f"'{visible(value)}" if value.startswith(_FORMULA) and len(value) > 1 else visible(value)
