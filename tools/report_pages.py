"""Show reports in Chromium, wide and narrow, light and dark, and run axe on each: pictures and a stored result.

Usage: ``python tools/report_pages.py NAME=REPORT.html ... [--pictures DIR] [--output FILE.json]``, by a Python with
``playwright`` and ``axe-playwright-python`` and with Chromium installed by the system (``apt-get install chromium``;
``--chromium PATH`` for another place). Pages that are stored already for the same file are not shown again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from pathlib import Path
from typing import Any

WIDTHS, SCHEMES = (1200, 400), ("light", "dark")
SERIOUS = ("serious", "critical")


def main() -> None:
    """Show what is not stored yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="+", help="NAME=REPORT.html")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results" / "checks" / "report_pages.json"
    )
    asked = parser.parse_args()
    stored = json.loads(asked.output.read_text(encoding="utf-8")) if asked.output.exists() else {}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=asked.chromium, args=["--no-sandbox"])
        for given in asked.reports:
            name, _, path = given.partition("=")
            stored[name] = _all_pages(browser, Path(path), stored.get(name), asked.pictures, name)
            asked.output.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
        browser.close()
    worst = sum(len(_serious(page)) for one in stored.values() for page in one["pages"].values())
    wide = [f"{name} {at}" for name, one in stored.items() for at, page in one["pages"].items() if page["overflow"]]
    print(f"{worst} serious violations; wider than the page: {wide or 'none'}")


def _all_pages(browser: Any, path: Path, before: Any, pictures: Path | None, name: str) -> dict[str, Any]:
    """Every width and scheme of a report."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    one = before if before and before["sha256"] == digest else {"sha256": digest, "pages": {}}
    one["chromium"] = browser.version
    for width in WIDTHS:
        for scheme in SCHEMES:
            at = f"{width} {scheme}"
            if at not in one["pages"] or pictures is not None:
                picture = pictures / f"{name}-{width}-{scheme}.png" if pictures else None
                one["pages"][at] = _page(browser, path, width, scheme, picture)
    return one


def _page(browser: Any, path: Path, width: int, scheme: str, picture: Path | None) -> dict[str, Any]:
    """What axe finds on one page, what the browser complains of, and whether anything is wider than the page."""
    from axe_playwright_python.sync_playwright import Axe

    # axe is a script of its own, which the report's policy would not let in: its own reports are counted before.
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=False)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.resolve().as_uri())
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    small = page.evaluate(
        "Math.min(...[...document.querySelectorAll('p,td,th,li,figcaption,span,code')]"
        ".filter(e => e.offsetParent).map(e => parseFloat(getComputedStyle(e).fontSize)))"
    )
    if picture is not None:
        picture.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(picture), full_page=True)
    context.close()
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(path.resolve().as_uri())
    found = Axe().run(page).response
    context.close()
    return {
        "axe": found["testEngine"]["version"],
        "passes": len(found["passes"]),
        "violations": [
            {
                **{key: one[key] for key in ("id", "impact")},
                "nodes": len(one["nodes"]),
                "first": _brief(one["nodes"][0]),
            }
            for one in found["violations"]
        ],
        "complaints": said,
        "outside": [url for url in requests if not re.match(r"file:|data:", url)],
        "overflow": overflow,
        "smallest_text": small,
    }


def _brief(node: dict[str, Any]) -> str:
    return re.sub(r"\s+", " ", node["html"])[:160]


def _serious(page: dict[str, Any]) -> list[Any]:
    return [one for one in page["violations"] if one["impact"] in SERIOUS]


if __name__ == "__main__":
    main()
