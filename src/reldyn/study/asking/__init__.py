"""What a study file asks of each analysis: read, checked against the registry, brought up from older files."""

from reldyn.study.asking._asked import Asked, answer_columns, asked_analyses, column_faults, in_order, seeded
from reldyn.study.asking._upgrade import upgrade_file, upgraded

__all__ = [
    "Asked",
    "answer_columns",
    "asked_analyses",
    "column_faults",
    "in_order",
    "seeded",
    "upgrade_file",
    "upgraded",
]
