"""Exercises as they lie on disk: discovery by sorted folders, front matter validated, errors with file and line."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from inprod import recipes
from inprod.course import Course
from inprod.errors import ExerciseError, InprodError
from inprod.front_matter import Fields, front_matter
from inprod.messages import _
from inprod.recipes import Recipe

NEEDS = frozenset({"postgres", "redis", "celery", "http", "docker", "browser"})
FIELDS = frozenset({"id", "title", "level", "minutes", "needs", "answer", "seconds", "database"})
MAX_SECONDS = 30
_ID = re.compile(r"[A-Z]{1,2}\d{1,2}")
_FILE_NAME = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
#: A place in a lesson, as `{exercise} T2`.
_PLACE = re.compile(r"^\{exercise\} (\w+) *$", re.MULTILINE)
_SECTION = re.compile(r"^## (Hint [123]|After a pass)\s*$", re.MULTILINE)
_SECTIONS = ("Hint 1", "Hint 2", "Hint 3", "After a pass")


class Level(StrEnum):
    """What the learner is asked to do, from easy to hard."""

    RECALL = "recall"
    APPLY = "apply"
    DEBUG = "debug"
    DESIGN = "design"

    @property
    def points(self) -> int:
        return {Level.RECALL: 5, Level.APPLY: 10, Level.DEBUG: 10, Level.DESIGN: 15}[self]


@dataclass(frozen=True)
class Exercise:
    """One graded exercise: its folder and what its task.md says."""

    id: str
    title: str
    level: Level
    minutes: int
    needs: frozenset[str]
    answer: tuple[str, ...]  #: file names, relative to the answer's folder
    seconds: int  #: what a check may take, at most 30
    task: str  #: Markdown, without title
    hints: tuple[str, str, str]
    after_pass: str
    folder: Path  #: exercises/<lesson>/<slug>
    solutions: Path  #: solutions/<lesson>/<slug>
    database: str = ""  #: the sample database in course.toml that the check's Postgres starts with

    @property
    def lesson(self) -> str:
        return self.folder.parent.name

    @property
    def points(self) -> int:
        return self.level.points

    @property
    def check(self) -> Path:
        return self.folder / "check.py"

    @property
    def recipe(self) -> Recipe | None:
        """How its sample database is filled, as course.toml says now; None where it starts empty."""
        return recipes.load(_course_of(self.folder)).databases[self.database] if self.database else None

    @property
    def fixtures(self) -> Path:
        """What the checks of all exercises share; a course may have none."""
        return self.folder.parents[1] / "conftest.py"

    @property
    def starter(self) -> Path:
        return self.folder / "starter"

    @property
    def given(self) -> Path:
        return self.folder / "given"

    @cached_property
    def version(self) -> str:
        """Twelve hex digits over task, given files and check: a verdict belongs to one version."""
        digest = hashlib.sha256()
        files = [self.folder / "task.md", self.check]
        if self.given.is_dir():
            files += sorted(p for p in self.given.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        for path in files:
            digest.update(f"{path.relative_to(self.folder).as_posix()}\0".encode())
            digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
        return digest.hexdigest()[:12]


@dataclass(frozen=True)
class Solution:
    """One shipped answer beside an exercise, right or wrong, with its why.md."""

    name: str  #: `reference`, `right_…` or `wrong_…`
    folder: Path
    text: str  #: why.md without its front matter
    rejected_by: str = ""
    because: str = ""
    needs: frozenset[str] = frozenset()

    @property
    def right(self) -> bool:
        return not self.name.startswith("wrong_")


def discover(course: Course) -> tuple[Exercise, ...]:
    """Every exercise of the course: lesson by lesson, each in the order of its text; a broken folder is an error.

    Raises:
        ExerciseError: a file is missing or malformed (file and line are named), or an id stands twice.
    """
    found: dict[str, Exercise] = {}
    for task in sorted(course.exercises.glob("*/*/task.md")):
        exercise = load(task.parent, course.solutions)
        if exercise.id in found:
            raise ExerciseError(
                _("The id {id} stands twice.").format(id=exercise.id),
                looked=f"{found[exercise.id].folder}, {exercise.folder}",
                do=_("give one of them an id of its own; ids are permanent, so change the newer one"),
            )
        found[exercise.id] = exercise
    for folder in sorted(p for p in course.exercises.glob("*/*") if p.is_dir()):
        if not (folder / "task.md").is_file() and not folder.name.startswith(("_", ".")):
            raise ExerciseError(
                _("An exercise folder has no task.md."),
                looked=f"{folder}/task.md:1",
                do=_("write the task, or remove the folder; CONTRIBUTING.md shows the form"),
            )
    places = {lesson: _placed(course, lesson) for lesson in {exercise.lesson for exercise in found.values()}}
    # What has no place yet comes last, in the order of the folders.
    return tuple(sorted(found.values(), key=lambda e: (e.lesson, places[e.lesson].get(e.id, len(found)))))


def _placed(course: Course, lesson: str) -> dict[str, int]:
    text = course.notebooks / f"{lesson}.md"
    ids = _PLACE.findall(text.read_text(encoding="utf-8")) if text.is_file() else []
    return {exercise_id: number for number, exercise_id in enumerate(ids)}


def find(course: Course, exercise_id: str) -> Exercise:
    """The exercise with this id, in any case; an unknown id is an error that lists the ids there are."""
    exercises = discover(course)
    for exercise in exercises:
        if exercise.id == exercise_id.strip().upper():
            return exercise
    raise InprodError(
        _("There is no exercise {id}.").format(id=exercise_id),
        looked=_("{folder}: {ids}").format(folder=course.exercises, ids=", ".join(e.id for e in exercises) or "–"),
        do=_("name one of these"),
    )


def load(folder: Path, solutions_root: Path) -> Exercise:
    """The exercise in `folder`."""
    path = folder / "task.md"
    front, body, first_line = front_matter(path)
    field = Fields(path, front)
    level = field.text("level")
    if level not in [str(known) for known in Level]:
        raise field.error("level", _("must be one of recall, apply, debug, design, not {level!r}").format(level=level))
    exercise_id = field.text("id")
    if not _ID.fullmatch(exercise_id):
        raise field.error("id", _("must look like T2 or X5, not {id!r}").format(id=exercise_id))
    needs = frozenset(field.names("needs"))
    if unknown := sorted(needs - NEEDS):
        raise field.error(
            "needs",
            _("knows {known}, not {unknown}").format(known=", ".join(sorted(NEEDS)), unknown=", ".join(unknown)),
        )
    answer = field.names("answer")
    if not answer:
        raise field.error("answer", _("must name at least one file"))
    for name in answer:
        if not _FILE_NAME.fullmatch(name) or ".." in name.split("/"):
            raise field.error(
                "answer", _("must be file names inside the answer's folder, not {name!r}").format(name=name)
            )
        if (folder / "given" / name).exists():
            raise field.error("answer", _("names {name}, and given/{name} would take its place").format(name=name))
        if not (folder / "starter" / name).is_file():
            raise field.error("answer", _("names {name}, but starter/{name} is missing").format(name=name))
    seconds = field.number("seconds")
    if seconds > MAX_SECONDS:
        raise field.error("seconds", _("must be at most {most}").format(most=MAX_SECONDS))
    if not (folder / "check.py").is_file():
        raise ExerciseError(
            _("An exercise has no check.py."),
            looked=f"{folder / 'check.py'}:1",
            do=_("write it; CONTRIBUTING.md shows the form"),
        )
    if extra := sorted(set(front) - FIELDS):
        raise field.error(extra[0], _("is not a field of an exercise"))
    task, sections = _sections(path, body, first_line)
    return Exercise(
        id=exercise_id,
        title=field.text("title"),
        level=Level(level),
        minutes=field.number("minutes"),
        needs=needs,
        answer=answer,
        seconds=seconds,
        task=task,
        hints=(sections["Hint 1"], sections["Hint 2"], sections["Hint 3"]),
        after_pass=sections["After a pass"],
        folder=folder,
        solutions=solutions_root / folder.parent.name / folder.name,
        database=_database(field, needs) if "database" in front else "",
    )


def _database(field: Fields, needs: frozenset[str]) -> str:
    name = field.text("database")
    known = recipes.load(_course_of(field.path.parent)).databases
    if name not in known:
        names = ", ".join(known) or "–"
        raise field.error(
            "database", _("must be one of course.toml ({known}), not {name}").format(known=names, name=name)
        )
    if "postgres" not in needs:
        raise field.error("database", _("needs Postgres: add it to `needs`"))
    return name


def _course_of(folder: Path) -> Course:
    """The course around exercises/<lesson>/<slug>."""
    return Course(folder.parents[2])


def solutions(exercise: Exercise) -> tuple[Solution, ...]:
    """The shipped answers of an exercise: the reference first, then right_*, then wrong_*.

    Raises:
        ExerciseError: the reference is missing, a why.md is missing or lacks its fields.
    """
    root = exercise.solutions
    if not (root / "reference").is_dir():
        raise ExerciseError(
            _("{id} has no reference answer.").format(id=exercise.id),
            looked=f"{root / 'reference'}",
            do=_("put the right answer there, with its why.md"),
        )
    folders = [root / "reference", *sorted(root.glob("right_*")), *sorted(root.glob("wrong_*"))]
    return tuple(_solution(folder) for folder in folders if folder.is_dir())


def _solution(folder: Path) -> Solution:
    front, body, _line = front_matter(folder / "why.md", optional=not folder.name.startswith("wrong_"))
    field = Fields(folder / "why.md", front)
    wrong = folder.name.startswith("wrong_")
    return Solution(
        name=folder.name,
        folder=folder,
        text=body.strip(),
        rejected_by=field.text("rejected_by") if wrong else "",
        because=field.text("because") if wrong else "",
        needs=frozenset(field.names("needs")) if "needs" in front else frozenset(),
    )


def _sections(path: Path, body: str, first_line: int) -> tuple[str, dict[str, str]]:
    """The task, and the three hints and the words after a pass by heading."""
    parts = _SECTION.split(body)
    found = {title: text.strip() for title, text in zip(parts[1::2], parts[2::2], strict=True)}
    for title in _SECTIONS:
        if not found.get(title):
            raise ExerciseError(
                _("The section `## {title}` is missing or empty.").format(title=title),
                looked=f"{path}:{first_line}",
                do=_("write it at the end of the file"),
            )
    task = parts[0].strip()
    if not task:
        raise ExerciseError(_("The task is empty."), looked=f"{path}:{first_line}", do=_("write what is asked"))
    return task, found
