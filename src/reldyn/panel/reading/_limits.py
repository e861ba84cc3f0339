"""Limits of a file, held before it is read: what unpacks to far more than any study is refused by name.

Sizes are those that the file declares; column stores and archives allocate what they declare.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reldyn.errors import DataError

__all__ = ["check_arrow", "check_bytes", "check_kind", "check_parquet", "check_shape"]

# The largest diary that was seen has some ten million rows of fifty columns: 4 GB of numbers.
MOST_BYTES = 4_000_000_000
MOST_ROWS = 100_000_000
MOST_COLUMNS = 20_000
MOST_CELLS = 500_000_000
_FIX = "split it into parts, or leave out the columns that no analysis needs"


def check_kind(path: Path) -> int:
    """The size of a file; pipes and devices, whose reading might never end, are refused.

    Raises
    ------
    DataError
    OSError
        The file is absent or cannot be looked at.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise DataError(f"{path}: this is a pipe or a device, not a file: save the data to a file first.")
    return about.st_size


def check_bytes(path: Path, size: int, what: str = "the file has") -> None:
    """Refuse what is larger than any study."""
    if size > MOST_BYTES:
        raise DataError(
            f"{path}: {what} {size / 1e6:,.0f} MB, more than the {MOST_BYTES / 1e6:,.0f} MB that are read: {_FIX}."
        )


def check_shape(path: Path, rows: int, columns: int) -> None:
    """Refuse tables of more rows, columns or cells than any study has."""
    for count, most, what in (
        (columns, MOST_COLUMNS, "columns"),
        (rows, MOST_ROWS, "rows"),
        (rows * columns, MOST_CELLS, "cells"),
    ):
        if count > most:
            raise DataError(f"{path}: the file has {count:,} {what}, more than the {most:,} that are read: {_FIX}.")


def check_parquet(path: Path, parquet: Any) -> None:
    """Hold the limits by the footer of a parquet file."""
    about = parquet.read_metadata(path)
    check_shape(path, about.num_rows, about.num_columns)
    groups = range(about.num_row_groups)
    check_shape(path, sum(about.row_group(place).num_rows for place in groups), about.num_columns)
    check_bytes(path, sum(about.row_group(place).total_byte_size for place in groups), "the file claims to unpack to")


def check_arrow(path: Path, pyarrow: Any) -> None:
    """Hold the limits by the messages of an Arrow (feather) file: rows, and what compressed buffers unpack to."""
    rows = size = 0
    with pyarrow.memory_map(str(path)) as source:
        if source.read(6) != b"ARROW1":
            # The first version of the format is not compressed: its size is that of the file.
            return
        columns = len(pyarrow.ipc.open_file(source).schema)
        source.seek(8)
        for message in pyarrow.ipc.MessageReader.open_stream(source):
            if message.type == "record batch":
                batch = _Batch(message.metadata.to_pybytes())
                rows += batch.length
                size += batch.unpacked(message.body)
                check_shape(path, rows, columns)
                check_bytes(path, size, "the file claims to unpack to")


class _Batch:
    """What the metadata of an Arrow record batch say; a table of the FlatBuffers format, read by offsets.

    Parameters
    ----------
    raw : bytes
        The message; see Message.fbs of the Arrow format.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        message = self._follow(0)
        self._header = self._follow(self._field(message, 2))
        place = self._field(self._header, 0)
        self.length = struct.unpack_from("<q", raw, place)[0] if place else 0
        self._compressed = bool(self._field(self._header, 3))

    def unpacked(self, body: Any) -> int:
        """Bytes of all buffers, unpacked: each compressed one begins with its size."""
        total = 0
        for offset, length in self._buffers():
            size = length
            if self._compressed and length >= 8:
                declared = struct.unpack("<q", body[offset : offset + 8].to_pybytes())[0]
                # -1: this buffer is stored as it is.
                size = max(declared, length - 8)
            total += size
        return total

    def _buffers(self) -> Iterator[tuple[int, int]]:
        place = self._field(self._header, 2)
        if not place:
            return
        start = self._follow(place)
        (count,) = struct.unpack_from("<I", self._raw, start)
        for number in range(count):
            yield struct.unpack_from("<qq", self._raw, start + 4 + 16 * number)

    def _follow(self, place: int) -> int:
        return place + int(struct.unpack_from("<I", self._raw, place)[0])

    def _field(self, table: int, number: int) -> int:
        """Where a field of a table stands; 0 where it has its default."""
        vtable = table - int(struct.unpack_from("<i", self._raw, table)[0])
        (size,) = struct.unpack_from("<H", self._raw, vtable)
        place = 4 + 2 * number
        offset = int(struct.unpack_from("<H", self._raw, vtable + place)[0]) if place < size else 0
        return table + offset if offset else 0
