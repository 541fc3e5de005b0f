"""The start page: where to go on, how to ask for help, and the way through the course."""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inprod.build import place
from inprod.build.lesson import read_lesson
from inprod.course import Course
from inprod.errors import InprodError
from inprod.exercises import Exercise
from inprod.lab.files import text_of
from inprod.lab.lesson import source
from inprod.messages import _, ngettext
from inprod.progress import ExerciseState, LessonState, Progress, State

_HEADING: Final = re.compile(r"^# +(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """The page's Markdown, and the lesson that it leads to; "" when all is done."""

    text: str
    lesson: str


@dataclass(frozen=True)
class _Row:
    lesson: str
    title: str
    minutes: int
    state: LessonState | None


def page(
    course: Course, lessons: Sequence[str], language: str, exercises: Sequence[Exercise], progress: Progress
) -> Page:
    """The page for where this learner stands."""
    summary = progress.summary(exercises)
    states = {state.lesson: state for state in summary.lessons}
    rows = [_row(course, lesson, language, states.get(lesson)) for lesson in lessons]
    following = _next(rows, progress)
    began = any(e.state is not State.OPEN for e in summary.exercises)
    parts = [
        "# " + (_("Welcome back") if began else _("Welcome")),
        _greeting(course, began=began),
        *_door(rows, following, began=began),
        *([] if began else [_how()]),
        "## " + _("The way"),
        "\n".join(_way(rows, following[0] if following else None)),
        "## " + _("When you need something"),
        _help(following[1].id if following and following[1] else _first_id(rows)),
        _("Your answers are plain files in `answers/`. This page is made anew at every start."),
    ]
    return Page("\n\n".join(part for part in parts if part) + "\n", following[0].lesson if following else "")


def _row(course: Course, lesson: str, language: str, state: LessonState | None) -> _Row:
    cells = place.read(text_of(source(course, lesson, language)) or "")["cells"]
    headings = (_HEADING.search(place.source_of(cell)) for cell in cells if cell.get("cell_type") == "markdown")
    title = next((found[1] for found in headings if found), lesson)
    minutes = 0
    # A source with a fault is its author's trouble, found by `inprod build --check`.
    with contextlib.suppress(InprodError):
        minutes = read_lesson(course.notebooks / f"{lesson}.md").minutes
    return _Row(lesson, title, minutes, state)


def _next(rows: Sequence[_Row], progress: Progress) -> tuple[_Row, ExerciseState | None] | None:
    """Where to go on: from what was tried last, the first that is not passed, else the first of all."""
    steps = [(row, exercise) for row in rows for exercise in (row.state.exercises if row.state else ())]
    tried = [(report.at, n) for n, (_r, e) in enumerate(steps) if e.tries and (report := progress.last_report(e.id))]
    last = max(tried)[1] if tried else 0
    for row, exercise in (*steps[last:], *steps[:last]):
        if exercise.state is not State.PASSED:
            # The first lesson may begin without an exercise; nobody who has done nothing skips it.
            return (row, exercise) if tried else (rows[0], _first(rows[0]))
    return None if steps else (rows[0], None)


def _first(row: _Row) -> ExerciseState | None:
    return row.state.exercises[0] if row.state else None


def _first_id(rows: Sequence[_Row]) -> str:
    return next((e.id for row in rows if (e := _first(row))), "ID")


def _greeting(course: Course, *, began: bool) -> str:
    if began:
        return ""
    with contextlib.suppress(OSError, ValueError):
        project = tomllib.loads((course.root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        if description := project.get("description"):
            return str(_(description))
    return ""


def _door(rows: Sequence[_Row], following: tuple[_Row, ExerciseState | None] | None, *, began: bool) -> Iterator[str]:
    done = sum(row.state.passed for row in rows if row.state)
    total = sum(len(row.state.exercises) for row in rows if row.state)
    if following is None:
        yield _("**You have passed all {n} exercises.**").format(n=total)
        yield _("`%solution ID` in any notebook shows the other right answers, and what each one costs.")
        return
    row, exercise = following
    if not began:
        yield _("**Begin here: {link}**").format(link=_link(row)) + _facts(row)
        return
    yield _("**Go on here: {link}**").format(link=_link(row))
    if exercise is not None:
        line = _("Next is {id} · {title}.") if not exercise.tries else _("You were at {id} · {title}.")
        yield (
            line.format(id=exercise.id, title=_(exercise.title))
            + " "
            + ngettext(
                "{done} of {total} exercise is passed.", "{done} of {total} exercises are passed.", total
            ).format(done=done, total=total)
        )


def _how() -> str:
    return _(
        "Run a cell with <kbd>Shift</kbd> + <kbd>Enter</kbd>. A cell that begins with `%%answer` is yours to write: "
        "running it saves your answer and checks it. A wrong answer costs nothing."
    )


def _way(rows: Sequence[_Row], here: _Row | None) -> Iterator[str]:
    for row in rows:
        link = f"**{_link(row)}**" if row is here else _link(row)
        yield f"- {link}{_facts(row)}"


def _help(exercise: str) -> str:
    rows = (
        (f"%hint {exercise}", _("the next of three hints")),
        ("%progress", _("the map: what you passed, what is open")),
        (f"%solution {exercise}", _("the right answers, after a pass or three tries")),
        (f"%reset {exercise}", _("the exercise as it was; your text is kept")),
        ("%doctor", _("a look at this machine, when a server does not start")),
    )
    return _("Write one of these in a cell and run it:") + "\n\n" + "\n".join(f"- `{m}` – {what}" for m, what in rows)


def _facts(row: _Row) -> str:
    facts = [_("{n} min").format(n=row.minutes)] if row.minutes else []
    if row.state:
        n, passed = len(row.state.exercises), row.state.passed
        if passed == n:
            facts.append(_("all passed ✓"))
        elif passed:
            facts.append(_("{passed} of {n} passed").format(passed=passed, n=n))
        else:
            facts.append(ngettext("{n} exercise", "{n} exercises", n).format(n=n))
    return "".join(f" · {fact}" for fact in facts)


def _link(row: _Row) -> str:
    title = row.title.replace("[", "\\[").replace("]", "\\]").replace("|", "\\|")
    return f"[{title}]({Path(row.lesson).name}.ipynb)"
