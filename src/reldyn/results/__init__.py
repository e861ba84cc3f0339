"""What every result offers: tidy, glance, summary, plot, notes and JSON."""

from reldyn._format import equals_p as equals_p
from reldyn._format import format_p, format_table
from reldyn._saved import Withheld
from reldyn.results._base import Result, from_json
from reldyn.results._base import homes as homes
from reldyn.results._base import register as register
from reldyn.results._base import write_text as write_text
from reldyn.results._estimate_result import EstimateResult
from reldyn.results._parts import InState, InTables, MaybeInTables
from reldyn.results._table_result import TableResult
from reldyn.results._template import Section as Section

__all__ = [
    "EstimateResult",
    "InState",
    "InTables",
    "MaybeInTables",
    "Result",
    "TableResult",
    "Withheld",
    "format_p",
    "format_table",
    "from_json",
]
