"""The README's table of lessons is what the lessons say."""

from __future__ import annotations

import pytest

from inprod.build import overview
from inprod.build.lesson import read_lesson
from inprod.build.run import build, check
from inprod.course import Course
from inprod.errors import InprodError
from inprod.exercises import discover
from tests.build.conftest import edit, lesson_path


def updated(course: Course) -> str | None:
    exercises = {exercise.id: exercise for exercise in discover(course)}
    return overview.updated(course, (read_lesson(lesson_path(course)),), exercises)


def test_a_course_without_a_place_for_it_has_none(sources: Course) -> None:
    """No README, or one without the marks."""
    assert updated(sources) is None
    overview.path(sources).write_text("# Sums\n", encoding="utf-8")
    assert updated(sources) is None


def test_the_table_says_what_the_lesson_says(sources: Course) -> None:
    """Title, exercises with their minutes, the sum, and what it needs; the text around it stays."""
    overview.path(sources).write_text(f"before\n{overview.BEGIN}\nold\n{overview.END}\nafter\n", encoding="utf-8")
    edit(
        lesson_path(sources),
        "20 min · 1 exercise",
        "20 min · 1 exercise · needs Redis (it starts by itself); a pen\n\n",
    )
    text = updated(sources) or ""
    assert "| 01 · Sums | A1 Add up (" in text
    assert "| 20 | Redis; a pen |" in text
    assert "| **Together** | 1 | 20 | |" in text
    assert (text.startswith("before\n"), text.endswith("\nafter\n"), "old" in text) == (True, True, False)


def test_a_place_without_an_end_is_told(sources: Course) -> None:
    """With the file, and what to write."""
    overview.path(sources).write_text(overview.BEGIN, encoding="utf-8")
    with pytest.raises(InprodError) as raised:
        updated(sources)
    assert raised.value.looked == str(overview.path(sources))
    assert overview.END in raised.value.do


def test_an_old_table_is_a_finding(built: Course) -> None:
    """Built, it is found fresh; when a lesson's minutes change, it is not."""
    overview.path(built).write_text(f"{overview.BEGIN}\n{overview.END}\n", encoding="utf-8")
    assert "its table of lessons is old" in " ".join(map(str, check(built)))
    build(built, [], print)
    assert "its table of lessons is old" not in " ".join(map(str, check(built)))
