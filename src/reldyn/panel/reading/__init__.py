"""Files of the field become frames and panels: text, workbooks, statistics formats, wide, parquet, the sample.

What importers of other rooms need of it is handed on here.
"""

from reldyn.panel._border import as_pandas
from reldyn.panel._identity import spellings
from reldyn.panel._lines import describe_lines, lines_of
from reldyn.panel.reading._read_dates import with_dates
from reldyn.panel.reading._read_tables import blank_codes
from reldyn.panel.reading._stamps import (
    StampColumns,
    holds_dates,
    holds_hours,
    read_hours,
    read_stamps,
    stamp_moments,
)
from reldyn.panel.reading._text_columns import comma_numbers, id_columns

__all__ = [
    "StampColumns",
    "as_pandas",
    "blank_codes",
    "comma_numbers",
    "describe_lines",
    "holds_dates",
    "holds_hours",
    "id_columns",
    "lines_of",
    "read_hours",
    "read_stamps",
    "spellings",
    "stamp_moments",
    "with_dates",
]
