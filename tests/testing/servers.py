"""Servers for the tests of what a check uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from inprod.services import open_services
from inprod.services.base import Lease


@contextmanager
def leased(*needs: str) -> Iterator[Lease]:
    """What `needs` names, from embedded servers of one's own."""
    services = open_services("embedded")
    try:
        with services.lease(frozenset(needs), "testing") as lease:
            yield lease
    finally:
        services.close()
