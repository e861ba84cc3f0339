"""Check that what unpacks to far more than any study is refused before it is unpacked, and pipes are not waited for."""

import os
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DataError, ReldynError
from reldyn.panel.reading import _limits
from reldyn.panel.reading._read import unique_headers

pyarrow = pytest.importorskip("pyarrow")


def frame(n):
    return pd.DataFrame({"dyad": np.arange(n) // 2, "person": np.arange(n), "y": np.zeros(n), "note": ["a"] * n})


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet", ".feather", ".sav", ".dta"])
def test_pipes_are_not_waited_for(tmp_path, suffix):
    path = tmp_path / f"pipe{suffix}"
    os.mkfifo(path)
    with pytest.raises(DataError, match="this is a pipe or a device, not a file"):
        rd.read_table(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs the device")
def test_devices_are_refused(tmp_path):
    (tmp_path / "endless.csv").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="this is a pipe or a device, not a file"):
        rd.read_table(tmp_path / "endless.csv")


@pytest.mark.parametrize("compression", [None, "lz4", "zstd", "uncompressed"])
@pytest.mark.parametrize("n", [1, 7, 5_000])
def test_feather_files_say_what_they_unpack_to(tmp_path, compression, n):
    from pyarrow import feather

    table = frame(n)
    feather.write_feather(table, tmp_path / "a.feather", compression=compression, chunksize=2_000)
    assert len(rd.read_table(tmp_path / "a.feather")) == n


@pytest.mark.parametrize("compression", ["lz4", "zstd", "uncompressed"])
def test_the_declared_size_is_that_of_the_buffers(tmp_path, compression, monkeypatch):
    from pyarrow import feather

    n = 50_000
    feather.write_feather(pd.DataFrame({"y": np.zeros(n)}), tmp_path / "a.feather", compression=compression)
    monkeypatch.setattr(_limits, "MOST_BYTES", 8 * n)
    _limits.check_arrow(tmp_path / "a.feather", pyarrow)
    monkeypatch.setattr(_limits, "MOST_BYTES", 8 * n - 1)
    with pytest.raises(DataError, match=r"a\.feather: the file claims to unpack to"):
        _limits.check_arrow(tmp_path / "a.feather", pyarrow)
    monkeypatch.setattr(_limits, "MOST_ROWS", n - 1)
    monkeypatch.setattr(_limits, "MOST_BYTES", 10**9)
    with pytest.raises(DataError, match=r"the file has 50,000 rows, more than the 49,999 that are read"):
        rd.read_table(tmp_path / "a.feather")


@pytest.mark.filterwarnings("ignore:Feather V1:DeprecationWarning")
def test_the_first_feather_format_is_read(tmp_path):
    from pyarrow import feather

    feather.write_feather(frame(10), tmp_path / "a.feather", version=1)
    assert len(rd.read_table(tmp_path / "a.feather")) == 10


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet", ".feather", ".sav", ".dta"])
@pytest.mark.parametrize(
    ("limit", "most", "words"),
    [("MOST_ROWS", 9, "10 rows"), ("MOST_COLUMNS", 3, "4 columns"), ("MOST_CELLS", 39, "40 cells")],
)
def test_every_kind_of_file_is_held_to_the_limits(tmp_path, monkeypatch, suffix, limit, most, words):
    path = tmp_path / f"a{suffix}"
    table = frame(10)
    if suffix == ".csv":
        table.to_csv(path, index=False)
    elif suffix == ".xlsx":
        table.to_excel(path, index=False)
    elif suffix in (".sav", ".dta"):
        pyreadstat = pytest.importorskip("pyreadstat")
        getattr(pyreadstat, f"write_{suffix[1:]}")(table, str(path))
    else:
        getattr(table, f"to_{suffix[1:]}")(path)
    assert len(rd.read_table(path)) == 10
    # The header of a text or a sheet is a row of its own.
    monkeypatch.setattr(_limits, limit, most)
    with pytest.raises(DataError, match=rf"{'(' + words + '|11 rows|44 cells)'}, more than the"):
        rd.read_table(path)


def test_a_workbook_that_unpacks_to_much_is_refused(tmp_path):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"<c/>" * 10_000_000)
    with pytest.raises(DataError, match="claims to unpack to more than"):
        rd.read_table(path)


def test_a_cell_far_to_the_right_is_no_wide_table(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["dyad", "person"])
    for row in range(2, 40):
        book.active.cell(row, 1, row)
    book.active.cell(3, 16_384, "far")
    book.save(tmp_path / "far.xlsx")
    with pytest.raises(DataError, match="row 3 has 16384 cells where the header has 2"):
        rd.read_table(tmp_path / "far.xlsx")


def test_headers_are_told_apart_in_one_go():
    began = time.perf_counter()
    names, twice = unique_headers(["x"] * 20_000 + ["x.7"])
    assert time.perf_counter() - began < 1
    assert names[:3] == ["x", "x.1", "x.2"]
    assert len(set(names)) == len(names) == 20_001
    assert len(twice["x"]) == 20_000


@pytest.mark.slow
def test_checks_grow_with_the_columns_and_not_with_their_square():
    def seconds(k):
        draws = np.random.default_rng(1)
        table = pd.DataFrame({f"x{number}": draws.integers(1, 8, 24) for number in range(k)})
        table.insert(0, "d", np.repeat(np.arange(4), 6))
        table.insert(1, "p", np.repeat(np.arange(8), 3))
        table.insert(2, "t", np.tile(np.arange(3), 8))
        began = time.process_time()
        rd.check_panel(table, dyad="d", person="p", time="t")
        return time.process_time() - began

    seconds(50)
    assert seconds(3_200) < 3 * 4 * seconds(800)


MUTATIONS = 40


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet", ".feather", ".sav", ".dta"])
@pytest.mark.filterwarnings("ignore")
def test_broken_files_end_in_an_error_of_the_library(tmp_path, suffix):
    pyreadstat = pytest.importorskip("pyreadstat")
    path = tmp_path / f"a{suffix}"
    table = frame(30)
    write = {
        ".csv": lambda: table.to_csv(path, index=False),
        ".xlsx": lambda: table.to_excel(path, index=False),
        ".parquet": lambda: table.to_parquet(path),
        ".feather": lambda: table.to_feather(path),
        ".sav": lambda: pyreadstat.write_sav(table, str(path), compress=True),
        ".dta": lambda: pyreadstat.write_dta(table, str(path)),
    }[suffix]
    write()
    whole = path.read_bytes()
    draws = np.random.default_rng(5)
    for number in range(MUTATIONS):
        broken = bytearray(whole)
        if number % 4 == 0:
            broken = broken[: int(draws.integers(1, len(broken)))]
        else:
            for place in draws.integers(0, len(broken), 1 + number % 7):
                broken[place] = int(draws.integers(0, 256))
        path.write_bytes(bytes(broken))
        try:
            rd.read_table(path)
        except ReldynError as problem:
            assert str(path) in str(problem)
