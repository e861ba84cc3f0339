"""What every result offers: tidy, glance, summary, plot, warnings and JSON."""

from reldyn._format import format_p, format_table
from reldyn._saved import Withheld
from reldyn.results._base import Result, from_json
from reldyn.results._base import homes as homes
from reldyn.results._base import register as register
from reldyn.results._base import write_text as write_text
from reldyn.results._estimate_result import EstimateResult
from reldyn.results._estimate_result import methods_section as methods_section
from reldyn.results._table_result import TableResult

__all__ = ["EstimateResult", "Result", "TableResult", "Withheld", "format_p", "format_table", "from_json"]
