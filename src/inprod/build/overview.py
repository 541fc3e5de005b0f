"""What the README has from elsewhere: the table of lessons and the badges are made, never written by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from inprod.build.badges import badges, repository
from inprod.build.lesson import Kind, Lesson
from inprod.course import Course
from inprod.errors import InprodError
from inprod.exercises import Exercise
from inprod.messages import _

FILE = "README.md"
BEGIN, END = "<!-- lessons: written by `inprod build` -->", "<!-- /lessons -->"
BADGES, BADGES_END = "<!-- badges: written by `inprod build` -->", "<!-- /badges -->"
#: What the lesson itself says, at the end of the line with its minutes; what stands in parentheses is for its reader.
_NEEDS = re.compile(r"^\d+ min · .* · needs (.+)$", re.MULTILINE)
_ASIDE = re.compile(r" *\([^)]*\)")


def path(course: Course) -> Path:
    """Where the table stands."""
    return course.root / FILE


def updated(course: Course, lessons: tuple[Lesson, ...], exercises: Mapping[str, Exercise]) -> str | None:
    """The README with table and badges as they should be; None for a course that has no place for either.

    Raises:
        InprodError: a place begins and does not end, or the repository's address is not one.
    """
    readme = path(course)
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    with_table = _filled(readme, text, BEGIN, END, lambda: f"\n{table(lessons, exercises)}")
    whole = _filled(readme, with_table or text, BADGES, BADGES_END, lambda: badges(repository(course)))
    return whole or with_table


def _filled(readme: Path, text: str, begin: str, end: str, content: Callable[[], str]) -> str | None:
    before, begins, rest = text.partition(begin)
    if not begins:
        return None
    _old, ends, after = rest.partition(end)
    if not ends:
        raise InprodError(
            _("A place that is filled by `inprod build` has a beginning and no end: {begin}").format(begin=begin),
            looked=str(readme),
            do=_("write {end} below it").format(end=end),
        )
    return f"{before}{begin}\n{content()}{end}{after}"


def table(lessons: tuple[Lesson, ...], exercises: Mapping[str, Exercise]) -> str:
    """A row a lesson: its title, its exercises with their minutes, the minutes of all, and what it needs."""
    rows = [f"| {_('Lesson')} | {_('Exercises')} | {_('Minutes')} | {_('Needs')} |", "|---|---|---:|---|"]
    for lesson in lessons:
        placed = [exercises[block.source] for block in lesson.of_kind(Kind.EXERCISE)]
        listed = "<br>".join(f"{one.id} {one.title} ({one.minutes} min)" for one in placed)
        rows.append(
            f"| {lesson.name[:3].strip('_')} · {lesson.title} | {listed} | {lesson.minutes} | {_needs(lesson)} |"
        )
    minutes = sum(lesson.minutes for lesson in lessons)
    count = sum(len(lesson.of_kind(Kind.EXERCISE)) for lesson in lessons)
    rows.append(f"| **{_('Together')}** | {count} | {minutes} | |")
    return "\n".join(rows) + "\n\n"


def _needs(lesson: Lesson) -> str:
    said = "\n".join(block.source for block in lesson.of_kind(Kind.PROSE) if block.part == "objectives")
    found = _NEEDS.search(said)
    return _ASIDE.sub("", found[1]) if found and found[1] != "no server" else "–"
