"""What a study file does to its rows before the analyses: steps in order, and what each of them dropped."""

from reldyn.study.prepare._apply import Prepared, aligned_rows, columns_after, prepare
from reldyn.study.prepare._expressions import Expression
from reldyn.study.prepare._steps import AlignStep, PrepareStep

__all__ = ["AlignStep", "Expression", "PrepareStep", "Prepared", "aligned_rows", "columns_after", "prepare"]
