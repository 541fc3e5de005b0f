"""The course engine: it runs checks on answers, and knows no chapter and no application."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

__version__ = version("python-in-production")


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext inprod`: register the course's magics in this kernel."""
    from inprod.magics import load

    load(shell)
