"""One lesson in the learner's folder: their answers go back in, their own cells are kept, nothing else is touched."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from inprod.answers import Answers, starter
from inprod.build import place
from inprod.course import OWN, Course
from inprod.errors import InprodError
from inprod.exercises import Exercise
from inprod.lab.files import keep_copy, move_aside, put, text_of
from inprod.messages import _, ngettext
from inprod.progress import Progress
from inprod.synced import Synced

Say = Callable[[str], None]
Texts = dict[tuple[str, str], str]

#: A link of a lesson to a file beside notebooks/.
_UPWARDS: Final = re.compile(r"""(\]\(|(?:src|href)=["'])\.\./([A-Za-z0-9][\w./-]*)""")


def source(course: Course, lesson: str, language: str) -> Path:
    """The built notebook in this language; in English where the lesson has no other."""
    translated = course.notebooks / language / f"{lesson}.ipynb"
    return translated if language != "en" and translated.is_file() else course.notebooks / f"{lesson}.ipynb"


class Update:
    """Brings one lesson's notebook in `work` to what the course has today."""

    def __init__(
        self, course: Course, work: Path, lesson: str, exercises: tuple[Exercise, ...], progress: Progress
    ) -> None:
        self._answers = Answers(work, progress)
        self._progress = progress
        self._course = course
        self._work = work
        self._lesson = lesson
        self._path = work / f"{lesson}.ipynb"
        self._pristine = work / OWN / "built" / f"{lesson}.ipynb"
        self._exercises = {e.id: e for e in exercises if e.lesson == lesson}

    def run(self, language: str, synced: Synced, say: Say) -> Texts:
        """Do it; the texts on which cells and files agree afterwards."""
        built = self._built(language)
        pristine = text_of(self._pristine)
        text = text_of(self._path)
        old = None if text is None else self._read(text, say)
        files = {(e.id, file): text for e in self._exercises.values() for file, text in self._answers.read(e).items()}
        cells = {} if old is None else self._cells(old)
        every = {} if old is None else self._every_cell(old)
        texts = self._agree(files, cells, every, self._starters(pristine), synced, say)
        for exercise in self._exercises.values():
            self._answers.ensure(exercise)
        if old is not None and pristine == built:
            stale = {
                key for key, found in every.items() if not any(_plain(cell) == _plain(texts[key]) for cell in found)
            }
            if stale:
                put(self._path, place.write(self._patched(old, texts, stale)))
            return texts
        if text is not None and old is not None and (own := self._own(old, pristine, built, cells)):
            kept = keep_copy(self._work, self._path.name, text)
            say(
                ngettext(
                    "{name} is new in the course. {n} cell of yours is kept in {kept}.",
                    "{name} is new in the course. {n} cells of yours are kept in {kept}.",
                    own,
                ).format(name=self._path.name, n=own, kept=kept)
            )
        notebook = place.read(built)
        notebook["metadata"].setdefault(place.METADATA, {})["kind"] = place.WORK
        # The notebook first: a run that ends between the two does the same again, and loses nothing.
        put(self._path, place.write(place.fill(notebook, self._keyed(notebook, texts))))
        put(self._pristine, built)
        return texts

    def _built(self, language: str) -> str:
        path = source(self._course, self._lesson, language)
        text = text_of(path)
        if text is None:
            raise InprodError(
                _("The notebook of the lesson {lesson} was not found.").format(lesson=self._lesson),
                looked=str(path),
                do=_("run `inprod build {lesson}`").format(lesson=self._lesson),
            )
        notebook = place.read(text, looked=str(path))
        for cell in notebook["cells"]:
            if cell.get("cell_type") == "markdown":
                cell["source"] = place.as_lines(_UPWARDS.sub(self._copied, place.source_of(cell)))
            elif cell.get("cell_type") == "code":
                # You predict, then you run: a result that stands there already would tell, and look as if it had run.
                cell.update(outputs=[], execution_count=None)
        return place.write(notebook)

    def _copied(self, link: re.Match[str]) -> str:
        """A link past the learner's folder, which JupyterLab does not leave, leads to a copy in it, to read only."""
        source, copy = self._course.root / link[2], self._work / link[2]
        if ".." in link[2].split("/") or not source.is_file():
            return link[0]
        door = self._work / link[2].split("/")[0]
        if door.is_symlink():  # writing through it would change the course
            door.unlink()
        put(copy, text_of(source) or "", mode=0o444)
        return f"{link[1]}{link[2]}"

    def _read(self, text: str, say: Say) -> dict[str, Any] | None:
        """The learner's notebook; one that is damaged is moved aside."""
        try:
            return place.read(text, looked=str(self._path))
        except InprodError:
            kept = move_aside(self._work, self._path)
            say(
                _("{name} was damaged. It is kept as {kept}; a new one has your saved answers.").format(
                    name=self._path.name, kept=kept
                )
            )
            return None

    def _cells(self, notebook: Mapping[str, Any]) -> Texts:
        """The texts of the answer cells that name a file of this lesson's exercises."""
        found: Texts = {}
        for (exercise, file), text in place.answer_cells(place.write(notebook)).items():
            key = self._key(exercise, file)
            if key is not None:
                found.pop(key, None)
                found[key] = text
        return found

    def _key(self, exercise_id: str, file: str) -> tuple[str, str] | None:
        exercise = self._exercises.get(exercise_id)
        if exercise is None:
            return None
        if not file and len(exercise.answer) == 1:
            return exercise.id, exercise.answer[0]
        return (exercise.id, file) if file in exercise.answer else None

    def _keyed(self, notebook: Mapping[str, Any], texts: Texts) -> Texts:
        """`texts` under the names that the notebook's answer cells use."""
        keys = {named: self._key(*named) for named in place.answer_cells(place.write(notebook))}
        return {named: texts[key] for named, key in keys.items() if key is not None}

    def _starters(self, pristine: str | None) -> Texts:
        """The starters as they were at the last update."""
        return {} if pristine is None else self._cells(place.read(pristine))

    def _every_cell(self, notebook: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
        """All texts of answer cells, where an exercise has more than one too."""
        found: dict[tuple[str, str], list[str]] = {}
        for cell in notebook["cells"]:
            for key, text in self._cells({**notebook, "cells": [cell]}).items():
                found.setdefault(key, []).append(text)
        return found

    def _agree(
        self,
        files: Texts,
        cells: Texts,
        every: Mapping[tuple[str, str], list[str]],
        starters: Texts,
        synced: Synced,
        say: Say,
    ) -> Texts:
        """One text for cell and file of each answer. Where both differ, the cell wins and the file enters the history;
        a cell that nobody touched since they last agreed is not a learner's word, so there the file stays."""
        agreed: Texts = {}
        for key, file in files.items():
            exercise = self._exercises[key[0]]
            cell = cells.get(key, file)
            name = "/".join(("answers", *key))
            if not cell.strip() or _plain(cell) == _plain(file):
                text = file
            elif any(_plain(other) == _plain(file) for other in every.get(key, ())):
                text = file
                say(_("{id} has two answer cells; the one that {name} holds counts.").format(id=exercise.id, name=name))
            elif not (self._answers.folder(exercise) / key[1]).exists():
                text = cell
            elif synced.unchanged(*key, cell) or self._older(key, cell):
                text = file
                self._progress.keep(*key, cell, "update")
                say(_("{name} is newer than its cell, so the cell has that text now.").format(name=name))
            else:
                text = cell
                told = _(
                    "{name}: the notebook's text is newer, so it was saved. `inprod restore {id}` has the old one."
                )
                say(told.format(name=name, id=exercise.id))
            if _plain(text) == _plain(starters.get(key, "")):
                text = starter(exercise, key[1])
            if _plain(text) != _plain(file):
                self._answers.write(exercise, key[1], text, why="update")
            agreed[key] = text
        return agreed

    def _older(self, key: tuple[str, str], cell: str) -> bool:
        """Whether the file once held the cell's text and has moved on: a notebook that was not saved, or a `%reset`."""
        return any(_plain(kept.content) == _plain(cell) for kept in self._progress.kept(*key))

    def _patched(self, notebook: Mapping[str, Any], texts: Texts, stale: set[tuple[str, str]]) -> dict[str, Any]:
        """The learner's notebook with new texts in these answer cells alone."""
        cells = list(notebook["cells"])
        left = set(stale)
        # From the end: the last cell of an exercise is its answer, and an earlier one is somebody's notes.
        for number, cell in reversed(list(enumerate(cells))):
            alone = {**notebook, "cells": [cell]}
            if here := self._cells(alone).keys() & left:
                cells[number] = place.fill(alone, self._keyed(alone, texts))["cells"][0]
                left -= here
        return {**notebook, "cells": cells}

    def _own(self, old: Mapping[str, Any], pristine: str | None, built: str, answered: Texts) -> int:
        """How many cells are not the course's: added, or changed."""
        known = {
            place.source_of(cell).strip()
            for text in (pristine, built)
            if text is not None
            for cell in place.read(text)["cells"]
        }
        own = 0
        for cell in old["cells"]:
            its = self._cells({**old, "cells": [cell]})
            # An answer that was just taken over is safe; a second one for the same file is not.
            safe = bool(its) and all(_plain(text) == _plain(answered[key]) for key, text in its.items())
            own += not safe and place.source_of(cell).strip() not in known | {""}
        return own


def _plain(text: str) -> str:
    return text.rstrip("\n")
