"""What ``reldyn import`` does: read an export, write a CSV beside it, and say what was done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldyn._format import counted
from reldyn.errors import DataError
from reldyn.results import write_text
from reldyn.study.exports._exports import read_export

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["import_file"]


def import_file(
    preset: str, file: Path, *, dyads: Path | None = None, mapping: Path | None = None, output: Path | None = None
) -> list[str]:
    """Write the rows of an export as CSV, UTF-8, and return what was done, line by line.

    Raises
    ------
    DataError, DesignError
        As `read_export`; or the file to write is there already, or its folder is not.
    """
    if not file.name:
        raise DataError(f"{file} is no file: name the export.")
    target = output if output is not None else file.with_name(f"{file.stem}-panel.csv")
    if target.exists():
        raise DataError(f"{target}: there is such a file already; name another with --output, or move it away.")
    if target.suffix.lower() != ".csv":
        raise DataError(f"{target}: the rows are written as CSV; give a name that ends in .csv.")
    if not target.parent.is_dir():
        raise DataError(f"{target}: there is no folder {target.parent}; make it first.")
    frame = read_export(file, preset=preset, mapping=mapping, dyads=dyads)
    write_text(target, frame.to_csv(index=False, lineterminator="\n"))
    return [*_said(frame, file), f"Rows: {target}"]


def _said(frame: pd.DataFrame, file: Path) -> list[str]:
    report: dict[str, Any] = frame.attrs["import"]
    lines = [
        f"{file}: {report['rows']:,} of {counted(report['rows_read'], 'row')}, "
        f"{counted(frame['person'].nunique(), 'person')}, {counted(frame['dyad'].nunique(), 'dyad')}"
    ]
    lines += [f"Dropped {counted(n, 'row')}: {reason}" for reason, n in report["dropped"].items()]
    lines += [f"Recoded {n:,} cells: {what}" for what, n in report["recoded"].items()]
    lines += [f"Column {new}: from {old}" for new, old in report["columns"].items() if new != old]
    if report["left_out"]:
        lines.append(f"Left out: {', '.join(report['left_out'])}")
    named = ", ".join(f'{kind}="{name}"' for kind, name in report["panel"].items())
    return [*lines, f"Panel: rd.DyadPanel(frame, {named})"]
