"""Waiting for something to become true, with a deadline, never for a time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable

_POLL = 0.01


def wait_until(predicate: Callable[[], object], *, timeout: float, what: str = "") -> bool:
    """Whether `predicate` became true within `timeout` seconds; `what` says for the reader of the code what that is."""
    deadline = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True
