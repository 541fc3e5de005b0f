"""python -m guiche"""

from __future__ import annotations

import sys

from guiche.cli import main

if __name__ == "__main__":
    sys.exit(main())
