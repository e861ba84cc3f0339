"""What every result offers: tidy, glance, summary, plot, warnings and JSON."""

from reldyn._format import format_p, format_table
from reldyn._saved import Withheld
from reldyn.results._base import SCHEMA_VERSION, Result, from_json, register, write_text
from reldyn.results._table_result import TableResult

__all__ = [
    "SCHEMA_VERSION",
    "Result",
    "TableResult",
    "Withheld",
    "format_p",
    "format_table",
    "from_json",
    "register",
    "write_text",
]
