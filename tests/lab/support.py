"""A miniature course whose notebook is composed, not run; and a learner who works in it."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inprod.answers import Answers
from inprod.build.lesson import read_lesson
from inprod.build.notebook import compose
from inprod.build.place import LESSON, as_lines, source_of, write
from inprod.course import Course
from inprod.exercises import discover, find
from inprod.lab import Prepared, prepare
from inprod.progress import Progress

SAMPLE = Path(__file__).parents[1] / "samples" / "course"
LAUNCH = """
import sys
from pathlib import Path
from inprod.course import Course
from inprod.lab import launch
launch(Course(Path(sys.argv[1])), Path(sys.argv[2]), port=int(sys.argv[3]), browser=False, extra=sys.argv[4:])
"""


@dataclass
class Desk:
    """A course, a learner's folder in it, and what the learner was told."""

    course: Course
    said: list[str] = field(default_factory=list)

    @property
    def work(self) -> Path:
        return self.course.root / "work"

    @property
    def path(self) -> Path:
        return self.work / "01_sums.ipynb"

    @property
    def answers(self) -> Answers:
        return Answers(self.work, Progress(self.work))

    def prepare(self, language: str = "en") -> Prepared:
        """One start of the lab."""
        self.said.clear()
        return prepare(self.course, self.work, language=language, say=self.said.append)

    def publish(self) -> None:
        """Build the notebook anew, without running it."""
        exercises = {e.id: e for e in discover(self.course)}
        for lesson in sorted(self.course.notebooks.glob("*.md")):
            notebook = compose(read_lesson(lesson), exercises, LESSON)
            lesson.with_suffix(".ipynb").write_text(write(notebook), encoding="utf-8")

    def new_version(self) -> None:
        """The course's text changes, as after `git pull`."""
        source = self.course.notebooks / "01_sums.md"
        text = source.read_text(encoding="utf-8")
        assert "ordered nothing" in text
        source.write_text(text.replace("ordered nothing", "ordered no thing"), encoding="utf-8")
        self.publish()

    def cells(self) -> list[dict[str, Any]]:
        """The cells of the learner's notebook."""
        cells: list[dict[str, Any]] = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        return cells

    def source(self, cell_id: str) -> str:
        """One cell's text."""
        return source_of(next(cell for cell in self.cells() if cell["id"] == cell_id))

    def write_cell(self, cell_id: str, source: str) -> None:
        """Type into a cell, and save the notebook as JupyterLab does."""

        def change(cells: list[dict[str, Any]]) -> None:
            next(cell for cell in cells if cell["id"] == cell_id)["source"] = as_lines(source)

        self.change(change)

    def add_cell(self, source: str) -> None:
        """Add a code cell of one's own."""
        own = {"cell_type": "code", "id": "own", "metadata": {}, "source": source, "outputs": [], "execution_count": 1}
        self.change(lambda cells: cells.insert(2, own))

    def change(self, how: Callable[[list[dict[str, Any]]], None]) -> None:
        """Change the cells and save."""
        data = json.loads(self.path.read_text(encoding="utf-8"))
        how(data["cells"])
        self.path.write_text(json.dumps(data, indent=1), encoding="utf-8")

    def file(self, exercise: str, file: str) -> str:
        """An answer's file."""
        return (self.work / "answers" / exercise / file).read_text(encoding="utf-8")

    def write_file(self, exercise: str, file: str, text: str) -> None:
        """Edit an answer's file outside the notebook."""
        (self.work / "answers" / exercise / file).write_text(text, encoding="utf-8")

    def run_cell(self, exercise: str, file: str, text: str) -> None:
        """What running an answer cell leaves: the same text in cell and file."""
        found = find(self.course, exercise)
        named = file if len(found.answer) > 1 else ""
        cell = next(c for c in self.cells() if source_of(c).startswith(f"%%answer {exercise} {named}".rstrip() + "\n"))
        self.write_cell(str(cell["id"]), f"%%answer {exercise} {named}".rstrip() + "\n" + text.rstrip("\n"))
        self.answers.write(found, file, text, why="run")

    def history(self, exercise: str) -> list[tuple[str, str]]:
        """What the history holds: texts, and why they were replaced."""
        return [(kept.content, kept.why) for kept in Progress(self.work).kept(exercise)]

    def kept(self) -> list[str]:
        """The names of the kept copies."""
        return sorted(path.name for path in (self.work / "kept").glob("*"))


def make_desk(folder: Path) -> Desk:
    """A built course in `folder`, where nobody has worked yet."""
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("work", "*.ipynb"))
    desk = Desk(Course(folder))
    desk.publish()
    return desk


def files_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder with its bytes and the time of its last change."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and "exercises" not in path.relative_to(folder).parts
    }


class Lab:
    """`inprod lab` in a process of its own."""

    def __init__(self, desk: Desk, port: int, *extra: str) -> None:
        command = [sys.executable, "-c", LAUNCH, str(desk.course.root), str(desk.work), str(port), *extra]
        environment = {**os.environ, "JUPYTER_CONFIG_DIR": "/nonexistent", "JUPYTER_TOKEN": "of-somebody-else"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
        self.said = ""
        self._wait_for("Ctrl-C")

    @property
    def url(self) -> str:
        """The printed address, with its token."""
        return next(word for word in self.said.split() if word.startswith("http"))

    def _wait_for(self, word: str) -> None:
        assert self.process.stdout is not None
        deadline = time.monotonic() + 60
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                piece = os.read(self.process.stdout.fileno(), 65536)
                self.said += piece.decode()
                if word in self.said:
                    return
                if not piece:
                    break
        self.process.kill()
        raise AssertionError(f"no {word!r} in: {self.said}")

    def stop(self, number: int) -> int:
        """Send a signal, wait for the end, take in the last words; the exit code."""
        self.process.send_signal(number)
        try:
            rest, _nothing = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.said += rest.decode()
        return self.process.returncode


def wait_until_gone(pids: set[int], seconds: float = 10) -> set[int]:
    """Those of `pids` that are alive at the end of the wait."""
    deadline = time.monotonic() + seconds
    left = {pid for pid in pids if _alive(pid)}
    while left and time.monotonic() < deadline:
        time.sleep(0.05)  # polling processes that end by themselves
        left = {pid for pid in left if _alive(pid)}
    return left


def _alive(pid: int) -> bool:
    """A zombie has ended: it waits for a parent, not for us."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
