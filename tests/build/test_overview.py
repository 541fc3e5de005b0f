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
    assert "its table of lessons or its badges are old" in " ".join(map(str, check(built)))
    build(built, [], print)
    assert "its table of lessons or its badges are old" not in " ".join(map(str, check(built)))


URL = "https://github.com/an-owner/a-course"
PLACE = f"before\n{overview.BADGES}\nold\n{overview.BADGES_END}\nafter\n"


def with_url(course: Course, url: str) -> Course:
    """The one line that a maintainer fills in."""
    metadata = course.root / "pyproject.toml"
    metadata.write_text(f'[project]\nname = "sums"\n\n[project.urls]\nRepository = "{url}"\n', encoding="utf-8")
    return course


def test_badges_are_made_of_the_one_address(sources: Course) -> None:
    """Binder's opens the start page, CI's shows this workflow; without an address there is none."""
    overview.path(sources).write_text(PLACE, encoding="utf-8")
    assert updated(sources) == f"before\n{overview.BADGES}\n{overview.BADGES_END}\nafter\n"
    text = updated(with_url(sources, URL)) or ""
    place = "gh/an-owner/a-course/HEAD?urlpath=lab%2Ftree%2Fwork%2Fstart.md"
    assert f"[![Open on Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/{place})\n" in text
    assert f"[![CI]({URL}/actions/workflows/ci.yml/badge.svg)]({URL}/actions/workflows/ci.yml)\n" in text
    assert "old" not in text


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://gitlab.com/a-group/below/a-course", "gl/a-group%2Fbelow%2Fa-course/HEAD"),
        ("https://git.example/an-owner/a-course", "git/https%3A%2F%2Fgit.example%2Fan-owner%2Fa-course/HEAD"),
    ],
)
def test_elsewhere_binder_has_another_form_and_there_is_no_workflow(sources: Course, url: str, place: str) -> None:
    """As Binder's own form for links writes them."""
    overview.path(sources).write_text(PLACE, encoding="utf-8")
    text = updated(with_url(sources, url)) or ""
    assert f"/v2/{place}?" in text
    assert "workflows" not in text


@pytest.mark.parametrize("url", ["https://github.com/an-owner", f"{URL}.git", f"{URL}/", "git@github.com:an-owner/x"])
def test_an_address_of_another_form_is_told(sources: Course, url: str) -> None:
    """With the file, the line and the form that is wanted."""
    overview.path(sources).write_text(PLACE, encoding="utf-8")
    with pytest.raises(InprodError) as raised:
        updated(with_url(sources, url))
    assert url in raised.value.looked
    assert "https://HOST/OWNER/NAME" in raised.value.do


def test_badges_of_another_address_are_a_finding(built: Course) -> None:
    """A maintainer changes the line; the build says so until the README follows."""
    overview.path(built).write_text(PLACE, encoding="utf-8")
    with_url(built, URL)
    assert "its badges are old" in " ".join(map(str, check(built)))
    build(built, [], print)
    assert "its badges are old" not in " ".join(map(str, check(built)))
    assert URL in overview.path(built).read_text(encoding="utf-8")
