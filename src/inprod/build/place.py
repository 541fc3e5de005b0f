"""Answers in and out of notebooks: `json` alone, so that a kernel and a check may import this."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from inprod.course import Course
from inprod.errors import InprodError
from inprod.messages import _

#: Of a notebook's metadata: what it was built from, and what it is for.
METADATA = "inprod"
LESSON, SOLUTION, WORK = "lesson", "solution", "work"

_ANSWER_LINE = re.compile(r"\s*%%answer[ \t]+(\S+)(?:[ \t]+([^\s-]\S*))?[^\n]*\n?")


def lessons(course: Course) -> tuple[str, ...]:
    """The names of the lessons, in the order of their files."""
    return tuple(sorted(path.stem for path in course.notebooks.glob("*.md") if not path.name.startswith(("_", "."))))


def learner_notebook(course: Course, lesson: str, answers: Mapping[tuple[str, str], str]) -> str:
    """The built lesson with `answers` in its answer cells; a cell without one keeps its starter.

    Raises:
        InprodError: the lesson was never built, or there is no such lesson.
    """
    path = course.notebooks / f"{lesson}.ipynb"
    if not path.is_file():
        raise InprodError(
            _("The notebook of the lesson {lesson} was not found.").format(lesson=lesson),
            looked=str(path),
            do=_("name one of {lessons}, or run `inprod build`").format(lessons=", ".join(lessons(course)) or "–"),
        )
    notebook = read(path.read_text(encoding="utf-8"), looked=str(path))
    notebook["metadata"].setdefault(METADATA, {})["kind"] = WORK
    return write(fill(notebook, answers))


def fill(notebook: Mapping[str, Any], answers: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """`notebook` with these texts in its answer cells; answer cells come without outputs."""
    cells = []
    for cell in notebook["cells"]:
        found = _answer(cell)
        if found is not None:
            exercise, file, body = found
            text = _lookup(answers, exercise, file)
            source = answer_source(exercise, file, body if text is None else text)
            cell = {**cell, "source": as_lines(source), "outputs": [], "execution_count": None}
        cells.append(cell)
    return {**notebook, "cells": cells}


def answer_source(exercise: str, file: str, text: str) -> str:
    """The source of an answer cell; `file` is empty where the exercise has one file."""
    return f"%%answer {exercise} {file}".rstrip() + "\n" + text.rstrip("\n")


def answer_cells(text: str) -> dict[tuple[str, str], str]:
    """The answers in a notebook's text by exercise and file; of several cells for one file the last wins.

    Raises:
        InprodError: the text is no notebook.
    """
    found: dict[tuple[str, str], str] = {}
    for cell in read(text)["cells"]:
        answer = _answer(cell)
        if answer is not None:
            exercise, file, body = answer
            found.pop((exercise, file), None)
            found[exercise, file] = body.rstrip("\n") + "\n"
    return found


def own_cells(text: str, built: str) -> list[dict[str, Any]]:
    """The cells that the learner added: not in the built notebook, and not empty.

    Raises:
        InprodError: one of the texts is no notebook.
    """
    cells = list(_cells(read(built)))
    ids = {cell["id"] for cell in cells if "id" in cell}
    sources = {source_of(cell) for cell in cells}
    return [
        cell
        for cell in _cells(read(text))
        if source_of(cell).strip() and cell.get("id") not in ids and source_of(cell) not in sources
    ]


def read(text: str, *, looked: str = "") -> dict[str, Any]:
    """The notebook in `text` as plain data; `looked` names where the text came from.

    Raises:
        InprodError: the text is not JSON, or has no list of cells.
    """
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise InprodError(
            _("The notebook is not JSON (line {line}).").format(line=line),
            looked=f"{looked}:{line}" if looked else "",
            do=_("restore it from a copy, or remove it and run `inprod lab` again"),
        ) from error
    if not isinstance(data, dict) or not isinstance(data.get("cells"), list):
        raise InprodError(
            _("The notebook has no list of cells."),
            looked=looked,
            do=_("save it as a notebook of format 4, as JupyterLab does"),
        )
    data["cells"] = [cell for cell in data["cells"] if isinstance(cell, dict)]
    if not isinstance(data.get("metadata"), dict):
        data["metadata"] = {}
    return data


def write(notebook: Mapping[str, Any]) -> str:
    """The notebook's text; the same data gives the same bytes, in nbformat's own layout."""
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False, separators=(",", ": ")) + "\n"


def source_of(cell: Mapping[str, Any]) -> str:
    """A cell's source as one text; nbformat allows a list of lines as well."""
    source = cell.get("source", "")
    return "".join(str(line) for line in source) if isinstance(source, list) else str(source)


def as_lines(source: str) -> list[str]:
    """A source as nbformat writes it: lines that keep their ends."""
    return source.splitlines(keepends=True)


def _cells(notebook: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from notebook["cells"]


def _answer(cell: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Exercise, file and text of an answer cell; None for every other cell."""
    if cell.get("cell_type") != "code":
        return None
    source = source_of(cell)
    line = _ANSWER_LINE.match(source)
    if line is None:
        return None
    return line[1].upper(), line[2] or "", source[line.end() :]


def _lookup(answers: Mapping[tuple[str, str], str], exercise: str, file: str) -> str | None:
    """An answer by exercise and file; where a cell names no file, the exercise's only file by any name."""
    if (exercise, file) in answers:
        return answers[exercise, file]
    others = [text for (other, _file), text in answers.items() if other == exercise]
    return others[0] if not file and len(others) == 1 else None
