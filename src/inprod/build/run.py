"""Build every lesson's two notebooks, and prove without executing that they are fresh."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inprod.build import overview
from inprod.build.answers import lint_answers
from inprod.build.checks import lint_check
from inprod.build.execute import execute
from inprod.build.lesson import Kind, Lesson, read_lesson
from inprod.build.lint import Finding, lint
from inprod.build.notebook import Notebook, carry_outputs, code_hash, compose
from inprod.build.place import LESSON, SOLUTION, lessons, read, source_of, write
from inprod.course import Course
from inprod.errors import InprodError
from inprod.exercises import discover
from inprod.messages import _

RUFF_SECONDS = 60
Say = Callable[[str], None]


@dataclass(frozen=True)
class Built:
    """What a build wrote, and what was already as it should be."""

    written: tuple[Path, ...]
    unchanged: tuple[Path, ...]


@dataclass(frozen=True)
class Stale:
    """A built notebook that is not what its sources say."""

    path: Path
    why: str

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"


def product(course: Course, lesson: str, kind: str) -> Path:
    """Where a lesson's notebook of this kind lies."""
    return (course.notebooks if kind == LESSON else course.solutions) / f"{lesson}.ipynb"


def build(course: Course, only: Sequence[str], say: Say) -> Built:
    """Compose and execute the notebooks of `only` these lessons, or of all.

    Raises:
        InprodError: an unknown lesson, a malformed source, or a cell that failed.
    """
    known = lessons(course)
    if unknown := sorted(set(only) - set(known)):
        raise InprodError(
            _("There is no lesson {name}.").format(name=unknown[0]),
            looked=_("{folder}: {names}").format(folder=course.notebooks, names=", ".join(known) or "–"),
            do=_("name one of these"),
        )
    exercises = {exercise.id: exercise for exercise in discover(course)}
    written, unchanged = [], []
    for name in [name for name in known if not only or name in only]:
        lesson = read_lesson(course.notebooks / f"{name}.md")
        for kind in (LESSON, SOLUTION):
            path = product(course, name, kind)
            say(_("running {path}").format(path=path.relative_to(course.root)))
            path.parent.mkdir(parents=True, exist_ok=True)
            notebook = compose(lesson, exercises, kind)
            text = write(execute(course, notebook, folder=path.parent, name=str(path.relative_to(course.root))))
            if _text(path) == text:
                unchanged.append(path)
            else:
                path.write_text(text, encoding="utf-8", newline="\n")
                written.append(path)
    if (table := _overview(course)) is not None and table != _text(overview.path(course)):
        overview.path(course).write_text(table, encoding="utf-8", newline="\n")
        written.append(overview.path(course))
    return Built(tuple(written), tuple(unchanged))


def check(course: Course) -> tuple[Stale | Finding, ...]:
    """What is stale and what a source lacks; nothing is executed. That saved outputs are true is nbval's to say."""
    try:
        exercises = {exercise.id: exercise for exercise in discover(course)}
    except InprodError as error:
        return (_finding(error, course.exercises),)
    found: list[Stale | Finding] = []
    for exercise in exercises.values():
        found += [*lint_check(exercise), *lint_answers(exercise)]
    for name in lessons(course):
        path = course.notebooks / f"{name}.md"
        try:
            lesson = read_lesson(path)
            composed = {kind: compose(lesson, exercises, kind) for kind in (LESSON, SOLUTION)}
        except InprodError as error:
            found.append(_finding(error, path))
            continue
        found += lint(lesson, exercises, saved=_saved(product(course, name, LESSON)))
        found += _ruff(course, lesson, composed[LESSON])
        for kind, notebook in composed.items():
            found += _stale(product(course, name, kind), notebook)
    return (*found, *_strays(course), *_old_overview(course))


def _stale(path: Path, composed: Notebook) -> list[Stale]:
    text = _text(path)
    if text is None:
        return [Stale(path, _("was never built; run `inprod build`"))]
    try:
        old = read(text, looked=str(path))
    except InprodError as error:
        return [Stale(path, error.what)]
    if code_hash(old) != code_hash(composed):
        return [Stale(path, _("its code or a check has changed since it was run; run `inprod build`"))]
    if write(carry_outputs(composed, old)) != text:
        return [Stale(path, _("its text has changed since it was built; run `inprod build`"))]
    return []


def _overview(course: Course) -> str | None:
    """The README with its table of lessons; None without a place for one, or while a source can't be read."""
    try:
        exercises = {exercise.id: exercise for exercise in discover(course)}
        read_ones = tuple(read_lesson(course.notebooks / f"{name}.md") for name in lessons(course))
    except InprodError:  # told where it stands
        return None
    try:
        return overview.updated(course, read_ones, exercises)
    except KeyError:  # a lesson places an exercise that is not there; that is told where it stands
        return None


def _old_overview(course: Course) -> list[Stale]:
    try:
        table = _overview(course)
    except InprodError as error:
        return [Stale(overview.path(course), error.what)]
    if table is None or table == _text(overview.path(course)):
        return []
    return [Stale(overview.path(course), _("its table of lessons or its badges are old; run `inprod build`"))]


def _strays(course: Course) -> list[Stale]:
    """Built notebooks whose lesson is gone."""
    names = lessons(course)
    return [
        Stale(path, _("no lesson {name}.md stands behind it; remove it").format(name=path.stem))
        for folder in (course.notebooks, course.solutions)
        for path in sorted(folder.glob("*.ipynb"))
        if path.stem not in names
    ]


def _saved(path: Path) -> frozenset[str] | None:
    """The ids of the cells with a saved output; None where there is no notebook to look at."""
    text = _text(path)
    try:
        cells = read(text)["cells"] if text is not None else None
    except InprodError:
        return None
    return None if cells is None else frozenset(str(cell.get("id")) for cell in cells if cell.get("outputs"))


def _finding(error: InprodError, path: Path) -> Finding:
    """An error about a source as a finding; `looked` reads `file:line` where the source is to blame."""
    file, _colon, line = error.looked.rpartition(":")
    if line.isdigit():
        return Finding(Path(file), int(line), error.what)
    return Finding(path, 1, f"{error.what} ({error.looked})" if error.looked else error.what)


def _ruff(course: Course, lesson: Lesson, notebook: Notebook) -> list[Finding]:
    """Ruff over the demo cells, with the course's own configuration; cells with a `%%` magic it skips whole."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=json", "--exit-zero"]
    name = product(course, lesson.name, LESSON).relative_to(course.root)
    done = subprocess.run(
        [*command, f"--stdin-filename={name}", "-"],
        input=write(notebook),
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=course.root,
        timeout=RUFF_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise InprodError(
            _("Ruff could not look at {name}: {said}").format(name=name, said=done.stderr.strip()),
            looked=f"{lesson.path}:1",
            do=_("run `ruff check {name}` and mend what it says").format(name=name),
        )
    lines = {block.id: block.line for block in lesson.of_kind(Kind.CODE)}
    return [_complaint(lesson, notebook, lines, item) for item in json.loads(done.stdout)]


def _complaint(lesson: Lesson, notebook: Notebook, lines: Mapping[str, int], item: Mapping[str, Any]) -> Finding:
    # Ruff counts all cells from 1, and rows from 1 within the cell.
    cell = notebook["cells"][int(item["cell"]) - 1] if item.get("cell") else {"id": "–", "source": ""}
    row = int(item["location"]["row"]) - 1
    shown = source_of(cell).split("\n")
    return Finding(
        lesson.path,
        lines.get(cell["id"], 1) + row,
        _("{code} in the cell {id}: {message} ({text})").format(
            code=item["code"],
            id=cell["id"],
            message=item["message"],
            text=shown[row].strip() if row < len(shown) else "",
        ),
    )


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
