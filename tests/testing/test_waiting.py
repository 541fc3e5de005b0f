"""wait_until asks until a deadline."""

from __future__ import annotations

import time

from inprod.testing import wait_until


def test_true_at_once_costs_nothing() -> None:
    """What is true already is seen even without any time."""
    assert wait_until(lambda: True, timeout=0) is True


def test_comes_true_later() -> None:
    """It asks again until it is true."""
    answers = iter([0, 0, "yes"])
    assert wait_until(lambda: next(answers), timeout=5, what="the third answer") is True


def test_false_at_the_deadline() -> None:
    """What never comes true ends at the deadline."""
    start = time.monotonic()
    assert wait_until(lambda: False, timeout=0.1) is False
    assert 0.1 <= time.monotonic() - start < 2
