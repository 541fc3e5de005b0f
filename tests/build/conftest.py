"""A course of one lesson and one exercise without servers: as sources, and built once for the session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inprod.build import build
from inprod.course import Course

SAMPLE = Path(__file__).parents[1] / "samples" / "course"


def lesson_path(course: Course) -> Path:
    """The source of the course's only lesson."""
    return course.notebooks / "01_sums.md"


def edit(path: Path, old: str, new: str) -> int:
    """Replace the one place of `old` in a file; the line on which it began."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def copy_of_sample(folder: Path) -> Course:
    """The miniature course without its exercise that needs servers."""
    shutil.copytree(SAMPLE, folder)
    course = Course(folder)
    shutil.rmtree(course.exercises / "01_sums" / "b1_keep_a_copy")
    shutil.rmtree(course.solutions / "01_sums" / "b1_keep_a_copy")
    edit(lesson_path(course), "\n{exercise} B1\n", "")
    edit(lesson_path(course), "2 exercises", "1 exercise")
    return course


@pytest.fixture
def sources(tmp_path: Path) -> Course:
    """The course, never built."""
    return copy_of_sample(tmp_path / "course")


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The course, built; not to be changed."""
    course = copy_of_sample(tmp_path_factory.mktemp("built") / "course")
    build(course, say=lambda _line: None)
    return course


@pytest.fixture
def built(built_once: Course, tmp_path: Path) -> Course:
    """A copy of the built course, to be changed at will."""
    shutil.copytree(built_once.root, tmp_path / "course")
    return Course(tmp_path / "course")
