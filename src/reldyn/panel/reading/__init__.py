"""Files of the field become frames and panels: text, workbooks, statistics formats, wide, parquet, the sample."""
