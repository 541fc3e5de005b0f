"""Notebooks as data: from a lesson's blocks and its exercises to cells with stable ids."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inprod.answers import lf
from inprod.build.lesson import Block, Kind, Lesson, error_at
from inprod.build.place import LESSON, METADATA, SOLUTION, answer_source, as_lines, source_of
from inprod.exercises import Exercise, solutions
from inprod.messages import _

Cell = dict[str, Any]
Notebook = dict[str, Any]

# The texts below are the English notebook's own: they stay English whatever the builder's language is.
_SERVERS = {"postgres": "Postgres", "redis": "Redis", "celery": "Celery", "http": "HTTP", "docker": "Docker"}
_SLUG = re.compile(r"[^A-Za-z0-9]+")
_ASKED = re.compile(r"^order = \?$", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)


def compose(lesson: Lesson, exercises: Mapping[str, Exercise], kind: str) -> Notebook:
    """The notebook of a lesson, not executed: starters in a LESSON, reference answers in a SOLUTION.

    Raises:
        LessonError: a place names an exercise that is not this lesson's, or names it twice.
    """
    placed: dict[str, Exercise] = {}
    cells: list[Cell] = []
    names = _Names(block.id for block in lesson.of_kind(Kind.CODE))
    for block in lesson.blocks:
        if block.kind is Kind.EXERCISE:
            exercise = _exercise_at(lesson, block, exercises, placed)
            placed[exercise.id] = exercise
            cells += _exercise_cells(exercise, kind)
        elif block.kind is Kind.CODE:
            source = _ordered(block) if kind == SOLUTION else block.source
            cells.append(code_cell(block.id, source, tags=block.tags))
        else:
            previous = str(cells[-1]["id"]) if cells else lesson.name
            cells.append(markdown_cell(names.of(block, previous), block.source))
    about: dict[str, Any] = {"kind": kind, "lesson": lesson.name, "language": "en"}
    if kind == SOLUTION:
        # A check that changed makes the saved cards stale, although no cell of the notebook changed.
        about["exercises"] = {exercise.id: exercise.version for exercise in placed.values()}
    return {
        "cells": cells,
        "metadata": {
            METADATA: about,
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def markdown_cell(cell_id: str, source: str) -> Cell:
    """A Markdown cell in nbformat 4.5."""
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": as_lines(source)}


def code_cell(cell_id: str, source: str, *, tags: tuple[str, ...] = ()) -> Cell:
    """A code cell in nbformat 4.5 that was not run."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": cell_id,
        "metadata": {"tags": list(tags)} if tags else {},
        "outputs": [],
        "source": as_lines(source),
    }


def code_hash(notebook: Mapping[str, Any]) -> str:
    """What outputs depend on: ids, sources and tags of the code cells, and the checks' versions."""
    about = notebook["metadata"].get(METADATA, {})
    code = [
        [cell.get("id"), source_of(cell), cell.get("metadata", {}).get("tags", [])]
        for cell in notebook["cells"]
        if cell.get("cell_type") == "code"
    ]
    return hashlib.sha256(json.dumps([code, about.get("exercises")], sort_keys=True).encode()).hexdigest()


def carry_outputs(built: Notebook, old: Mapping[str, Any]) -> Notebook:
    """`built` with the outputs and counts that `old` has for the same cell ids."""
    saved = {cell.get("id"): cell for cell in old["cells"] if cell.get("cell_type") == "code"}
    cells = []
    for cell in built["cells"]:
        if cell["cell_type"] == "code" and cell["id"] in saved:
            before = saved[cell["id"]]
            cell = {
                **cell,
                "outputs": before.get("outputs", []),
                "execution_count": before.get("execution_count"),
            }
        cells.append(cell)
    return {**built, "cells": cells}


def answer_id(exercise: Exercise, file: str) -> str:
    """The permanent id of an answer cell, from the exercise's id and the file's name."""
    return exercise.id if len(exercise.answer) == 1 else f"{exercise.id}-{_slug(file)}"


def _exercise_at(
    lesson: Lesson, block: Block, exercises: Mapping[str, Exercise], placed: Mapping[str, Exercise]
) -> Exercise:
    exercise = exercises.get(block.source)
    if exercise is None or exercise.lesson != lesson.name:
        here = ", ".join(e.id for e in exercises.values() if e.lesson == lesson.name) or "–"
        raise error_at(
            lesson.path,
            block.line,
            _("{id} is no exercise of this lesson.").format(id=block.source),
            _("name one of {here}, or move its folder to exercises/{lesson}/").format(here=here, lesson=lesson.name),
        )
    if exercise.id in placed:
        raise error_at(
            lesson.path, block.line, _("{id} is placed twice.").format(id=exercise.id), _("remove one of the two lines")
        )
    return exercise


def _ordered(block: Block) -> str:
    """The cell of a Parsons problem with its right order; every other cell as it is."""
    return _ASKED.sub(lambda _asked: f'order = "{block.order}"', block.source) if block.order else block.source


def _exercise_cells(exercise: Exercise, kind: str) -> Iterator[Cell]:
    yield markdown_cell(f"{exercise.id}-task", _task(exercise))
    folder = exercise.starter if kind == LESSON else exercise.solutions / "reference"
    for file in exercise.answer:
        text = _file(folder / file)
        named = "" if len(exercise.answer) == 1 else file
        yield code_cell(answer_id(exercise, file), answer_source(exercise.id, named, text))
    if kind == SOLUTION:
        yield markdown_cell(f"{exercise.id}-why", _why(exercise))


def _file(path: Path) -> str:
    try:
        return lf(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise error_at(
            path, 1, _("A file of an answer is missing, or is not UTF-8 text."), _("write it, and save it as UTF-8")
        ) from error


def _task(exercise: Exercise) -> str:
    facts = f"*{exercise.level} · {exercise.minutes} min · {exercise.points} points · {_needs(exercise.needs)}*"
    text = f"### {exercise.id} · {exercise.title}\n{facts}\n\n{exercise.task}"
    if given := _given(exercise):
        # notebooks/, solutions/ and work/ lie beside exercises/, so one link serves all three.
        base = f"../exercises/{exercise.lesson}/{exercise.folder.name}/given"
        links = ", ".join(f"[`{file}`]({base}/{file})" for file in given)
        text += f"\n\nGiven, to read: {links}"
    return text


def _needs(needs: frozenset[str]) -> str:
    names = [name for need, name in _SERVERS.items() if need in needs]
    if not names:
        return "needs no server"
    return "needs " + (names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}")


def _given(exercise: Exercise) -> list[str]:
    if not exercise.given.is_dir():
        return []
    files: list[Path] = sorted(p for p in exercise.given.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return [path.relative_to(exercise.given).as_posix() for path in files]


def _why(exercise: Exercise) -> str:
    """The reference's trade-offs, then the other right answers; what follows a pass stands on the card above."""
    right = [solution for solution in solutions(exercise) if solution.right]
    paragraphs = [f"**Why this answer.** {right[0].text}".rstrip()]
    others = [
        f"- **{solution.name.removeprefix('right_').replace('_', ' ')}**: " + " ".join(solution.text.split())
        for solution in right[1:]
    ]
    if others:
        paragraphs.append("Also right:\n\n" + "\n".join(others))
    return "\n\n".join(paragraphs)


def _slug(text: str) -> str:
    return _SLUG.sub("-", text).strip("-").lower()[:40] or "text"


class _Names:
    """Ids for Markdown cells: from the heading, else from the cell before; never one that is taken."""

    def __init__(self, taken: Iterator[str]) -> None:
        self._taken = set(taken)

    def of(self, block: Block, previous: str) -> str:
        heading = _HEADING.search(block.source)
        base = _slug(heading[1]) if heading else f"{previous[:40]}-after"
        name, number = base, 2
        while name in self._taken:
            name, number = f"{base}-{number}", number + 1
        self._taken.add(name)
        return name
