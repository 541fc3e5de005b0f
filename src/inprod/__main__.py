"""`python -m inprod` is the command `inprod`."""

import sys

from inprod.cli import main

sys.exit(main())
