"""A scene runs once, whatever comes of it."""

from __future__ import annotations

import pytest

from inprod.testing import CouldNotJudge, Once


def test_the_first_one_runs_it() -> None:
    """The others get the same object, and their own scene is not run."""
    once = Once()
    first = once(lambda: ["seen"])
    assert once(lambda: pytest.fail("it ran again")) is first


def test_nothing_is_a_result() -> None:
    """A scene that returns None has run."""
    once = Once()
    ran: list[int] = []
    for _observation in range(2):
        once(lambda: ran.append(1))
    assert ran == [1]


def test_trouble_is_the_trouble_of_all() -> None:
    """No observation judges by a scene that broke off."""
    once = Once()

    def breaks() -> None:
        raise CouldNotJudge("no disk")

    for scene in (breaks, lambda: None):
        with pytest.raises(CouldNotJudge, match="no disk"):
            once(scene)
