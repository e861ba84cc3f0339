"""One column of a study read as times, by what the study says of its times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reldyn.panel.timing._formats import TimeFormat, TimeOptions, declared_format
from reldyn.panel.timing._times import read_times

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel.timing._times import Times

__all__ = ["read_column"]

# Numbers below these are no seconds and milliseconds since 1970 after 1973, and no days since 1927.
_SMALLEST = {"s": 1e8, "ms": 1e11, "excel": 1e4, "number": -np.inf}


def read_column(column: pd.Series, name: str, options: TimeOptions, *, serials: bool = False) -> Times:
    """Read one column; one form for all columns holds for those of which any value has it."""
    how = options.format_of(name)
    if isinstance(options.dates, str) and name not in options.known:
        general = declared_format(options.dates, options.timezone)
        if _applies(column, general):
            how = general
    return read_times(column, how.order, form=how.form, unit=how.unit, zone=how.zone, serials=serials)


def _applies(column: pd.Series, general: TimeFormat) -> bool:
    import pandas as pd

    if general.unit is not None:
        if not pd.api.types.is_numeric_dtype(column):
            return False
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        known = numbers[np.isfinite(numbers) & (numbers != 0)]
        return bool(len(known)) and float(known.min()) >= _SMALLEST[general.unit]
    if column.dtype.kind in "mM" or isinstance(column.dtype, (pd.DatetimeTZDtype, pd.PeriodDtype)):
        return False
    return bool(np.isfinite(read_times(column, form=general.form).local).any())
