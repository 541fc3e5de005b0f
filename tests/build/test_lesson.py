"""A lesson is read with its lines, and what is malformed names its file and line."""

from __future__ import annotations

import pytest

from inprod.build.lesson import Kind, read_lesson
from inprod.course import Course
from inprod.errors import InprodError
from tests.build.conftest import edit, lesson_path


def test_every_block_knows_where_it_stands(sources: Course) -> None:
    """Each block's line is the line of the file that holds the block's first words."""
    path = lesson_path(sources)
    lines = path.read_text(encoding="utf-8").split("\n")
    blocks = read_lesson(path).blocks
    assert {block.kind for block in blocks} == set(Kind)
    for block in blocks:
        first = f"{{exercise}} {block.source}" if block.kind is Kind.EXERCISE else block.source.split("\n")[0]
        assert lines[block.line - 1] == first


def test_front_matter_and_options_arrive(sources: Course) -> None:
    """The fields of the file, and a cell's id, tags and reason."""
    lesson = read_lesson(lesson_path(sources))
    assert (lesson.name, lesson.title, lesson.chapter, lesson.minutes) == ("01_sums", "Sums", 1, 20)
    assert (lesson.languages, lesson.form) == (("en",), "full")
    (cell,) = [block for block in lesson.blocks if block.id == "demo-process"]
    assert (cell.tags, cell.reason, cell.part) == (
        ("nbval-ignore-output",),
        "every process has another number",
        "demo",
    )


def test_an_exercise_in_a_code_fence_is_text(sources: Course) -> None:
    """What stands in a fence is an example, not a place."""
    edit(lesson_path(sources), "Nothing about sums.", "```\n{exercise} A1\n```")
    assert [b.source for b in read_lesson(lesson_path(sources)).of_kind(Kind.EXERCISE)] == ["A1"]


@pytest.mark.parametrize(
    ("old", "new", "offset", "says"),
    [
        ("title: Sums", "title: [Sums", 1, "not YAML"),
        ("minutes: 20", "minutes: long", 0, "`minutes` must be a whole number"),
        ("chapter: 1", "chapter: one", 0, "`chapter` must be"),
        ("languages: [en]", "languages: [pt_BR]", 0, "`languages` must name en"),
        ("languages: [en]", "languages: [en]\nform: short", 1, "`form` must be one of"),
        ("title: Sums", "title: Sums\nauthor: me", 1, "`author` is not a field"),
        (":id: hook-run\n", "", -1, "has no :id:"),
        (":id: hook-run", ":id: hook run!", -1, "is no id"),
        (":id: hook-run", ":id: load", -1, "stands twice"),
        (":id: hook-run", ":id: hook-run\n:colour: red", -1, "no option colour"),
        (":id: hook-run", ":id: [", -1, "cannot be read"),
        ("{exercise} A1", "{exercise} a1", 0, "place of an exercise"),
        ("{exercise} A1", "Now: {exercise} A1", 0, "place of an exercise"),
        ("{exercise} A1", "- {exercise} A1", 0, "place of an exercise"),
    ],
)
def test_what_is_malformed_names_its_line(sources: Course, old: str, new: str, offset: int, says: str) -> None:
    """The error says what is wrong, and where it looked ends in the right line."""
    path = lesson_path(sources)
    line = edit(path, old, new) + offset
    with pytest.raises(InprodError) as caught:
        read_lesson(path)
    assert says in caught.value.what
    assert caught.value.looked == f"{path}:{line}"
