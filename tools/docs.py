"""Build the documentation: run the notebooks once, then Sphinx on what they showed.

Usage: python tools/docs.py
Needs the extra ``dev``. The pages are in docs/_build/html; a warning of Sphinx is an error.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEPS = (
    ("tools/notebooks.py", "check"),
    ("tools/notebooks.py", "copy", "docs/notebooks"),
    ("-m", "pytest", "-q", "-n", "2", "--nbmake", "--nbmake-timeout=600", "--overwrite", "docs/notebooks"),
    ("tools/notebooks.py", "figures", "docs/notebooks"),
    ("-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build/html"),
)


def main():
    for step in STEPS:
        print("$ python", *step, flush=True)
        code = subprocess.run([sys.executable, *step], cwd=ROOT, check=False).returncode
        if code:
            return code
    print("the pages are in docs/_build/html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
