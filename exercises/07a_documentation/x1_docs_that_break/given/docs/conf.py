"""Settings of Sphinx: it reads index.rst."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

project = "Tickets"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.doctest"]
