"""A panel in one parquet file: the rows, and beside them roles, schedule, scales and compositions."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from reldyn.errors import DataError
from reldyn.panel._border import as_pandas
from reldyn.panel._compositions import composition_labels
from reldyn.panel._schedule import Schedule
from reldyn.panel.reading._packages import require_io
from reldyn.panel.reading._read import read_parquet_table
from reldyn.panel.timing._formats import TimeOptions

if TYPE_CHECKING:
    from reldyn.panel._panel import DyadPanel

__all__ = ["read_panel", "write_panel"]

_METADATA = b"reldyn"


def write_panel(panel: DyadPanel, path: str | Path) -> None:
    """Write the file of `DyadPanel.to_parquet`, whole or not at all."""
    pyarrow, parquet = require_io("pyarrow"), require_io("pyarrow.parquet")
    compositions = panel.composition_of_dyad
    about = {
        "columns": dict(panel.columns),
        "schedule": asdict(panel.schedule) if panel.schedule is not None else None,
        "scales": {name: list(limits) for name, limits in panel.scales.items()},
        "compositions": None if compositions == composition_labels(panel.index) else list(compositions),
        "exchangeable": sorted(panel._exchangeable),
        "times": panel._time_options.to_dict(),
    }
    table = pyarrow.Table.from_pandas(panel._frame, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _METADATA: json.dumps(about).encode()})
    target = Path(path)
    draft = target.with_name(target.name + ".part")
    try:
        parquet.write_table(table, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def read_panel(kind: type[DyadPanel], path: str | Path) -> DyadPanel:
    """Read the file of `DyadPanel.to_parquet` and check the rows again."""
    table = read_parquet_table(path)
    stored = (table.schema.metadata or {}).get(_METADATA)
    if stored is None:
        raise DataError(
            f"{path} is a plain parquet file without roles: read it with rd.read_table and make a DyadPanel."
        )
    about = json.loads(stored)
    schedule = Schedule(**about["schedule"]) if about["schedule"] is not None else None
    scales = {name: (limits[0], limits[1]) for name, limits in about["scales"].items()}
    panel = object.__new__(kind)
    options = TimeOptions.from_dict(about.get("times", {}))
    panel._settle(as_pandas(table.to_pandas()), about["columns"], schedule, scales, options)
    if about["compositions"] is not None:
        panel = panel._with(compositions=tuple(about["compositions"]))
    return panel._with(exchangeable=frozenset(about["exchangeable"]))
