"""The declared bounds are those with which tests passed."""

import json

from packaging.version import Version

from tools.lowest import STORED, TESTS, declared


def test_the_declared_bounds_were_tested():
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    assert stored["bounds"] == declared(), "run python tools/lowest.py"
    assert stored["exit"] == stored["failed"] == 0
    assert stored["tests"] == list(TESTS)
    assert stored["passed"] > 150
    for name, version in stored["bounds"].items():
        assert Version(stored["installed"][name]) == Version(version), name
