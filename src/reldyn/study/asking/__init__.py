"""What a study file asks of each analysis: read, checked against the registry, brought up from older files."""

from reldyn.study.asking._requests import (
    Request,
    absent_faults,
    answer_columns,
    column_faults,
    in_order,
    read_requests,
    seeded,
)
from reldyn.study.asking._upgrade import upgrade_file, upgraded

__all__ = [
    "Request",
    "absent_faults",
    "answer_columns",
    "read_requests",
    "column_faults",
    "in_order",
    "seeded",
    "upgrade_file",
    "upgraded",
]
