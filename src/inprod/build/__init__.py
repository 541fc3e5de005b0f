"""Lessons and exercise folders become notebooks, one way: sources are edited, notebooks are built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from inprod.course import Course

if TYPE_CHECKING:
    from inprod.build.lint import Finding
    from inprod.build.run import Built, Stale


def build(course: Course, *, lessons: Sequence[str] = (), say: Callable[[str], None]) -> Built:
    """Write notebooks/<lesson>.ipynb and solutions/<lesson>.ipynb, executed; all lessons where none is named.

    Raises:
        InprodError: an unknown lesson, a malformed source (file and line are named), or a cell that failed.
    """
    # Here and below, not above: a kernel imports `inprod.build.place`, and must not pay for the rest.
    from inprod.build import run

    return run.build(course, lessons, say)


def check(course: Course) -> tuple[Stale | Finding, ...]:
    """What is stale or against the template; nothing is executed, and nothing is written."""
    from inprod.build import run

    return run.check(course)
