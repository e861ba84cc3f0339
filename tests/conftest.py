"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def _shared_folder() -> Path:
    return Path(os.environ.get("RELDYN_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real data; tests that use it carry the marker `shared_data`."""
    folder = _shared_folder()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set RELDYN_SHARED_DATA to run this test")
    return folder


def pytest_terminal_summary(terminalreporter, config):
    """Say how many tests read the real data."""
    ran = [
        r
        for key in ("passed", "failed")
        for r in terminalreporter.stats.get(key, [])
        if "shared_data" in getattr(r, "keywords", {})
    ]
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if "shared_data" in getattr(r, "keywords", {})]
    terminalreporter.write_line(f"shared_data tests: {len(ran)} ran, {len(skipped)} skipped")
