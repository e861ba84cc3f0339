"""Draw the figure of README.md and of the landing page, by running the example of the README.

Usage: python tools/readme_figure.py
"""

import re
import tempfile
from contextlib import chdir
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "couple-9.png"


def main():
    (example,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    names = {}
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        exec(compile(example, "README.md", "exec"), names)
    PICTURE.parent.mkdir(exist_ok=True)
    names["figure"].savefig(PICTURE, dpi=110, metadata={"Software": None})
    print(f"wrote {PICTURE.relative_to(ROOT).as_posix()}")


if __name__ == "__main__":
    main()
