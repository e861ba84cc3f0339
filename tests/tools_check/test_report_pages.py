"""The stored pages of reports: no serious fault of accessibility, nothing from outside, nothing wider than the page."""

import json
from pathlib import Path

import pytest

from tools.report_pages import SCHEMES, SERIOUS, WIDTHS

STORED = json.loads(Path("tools/results/checks/report_pages.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", STORED)
def test_pages_are_whole_and_without_serious_faults(name):
    pages = STORED[name]["pages"]
    assert set(pages) == {f"{width} {scheme}" for width in WIDTHS for scheme in SCHEMES}
    for page in pages.values():
        assert [one for one in page["violations"] if one["impact"] in SERIOUS] == []
        assert page["passes"] > 30
        assert page["complaints"] == page["outside"] == []
        assert page["overflow"] == 0
        assert page["smallest_text"] >= 12
