"""Files of the field become frames and panels: text, workbooks, statistics formats, wide, parquet, the sample."""

from reldyn.panel.reading._lines import lines_of

__all__ = ["lines_of"]
