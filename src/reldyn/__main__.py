"""``python -m reldyn``: the same as the command ``reldyn``."""

import sys

from reldyn.study.cli import main

if __name__ == "__main__":
    sys.exit(main())
