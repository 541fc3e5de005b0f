"""Two kernels at once and kill -9: no text of an answer is lost, no file is half written."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from inprod.answers import Answers
from inprod.exercises import Exercise
from inprod.progress import Progress
from tests.support import make_exercise


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    """One file, answer.py."""
    return make_exercise(tmp_path / "course", "")


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    """The history's file, not there yet."""
    return Progress(tmp_path / "work")


@pytest.fixture
def answers(tmp_path: Path, progress: Progress) -> Answers:
    """A work folder that is not there yet."""
    return Answers(tmp_path / "work", progress)


def _write_many(work: Path, folder: Path, name: str, count: int) -> None:
    from inprod.exercises import load

    answers = Answers(work, Progress(work))
    exercise = load(folder, folder)
    for number in range(count):
        answers.write(exercise, "answer.py", f"{name} = {number}\n", why="run")


def test_two_kernels_lose_no_text(tmp_path: Path, exercise: Exercise, answers: Answers, progress: Progress) -> None:
    """Two processes write the same file at once: every text is in the history or in the file."""
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_write_many, args=(tmp_path / "work", exercise.folder, name, 25)) for name in "ab"
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    texts = {k.content for k in progress.kept("W0")} | set(answers.read(exercise).values())
    assert texts == {f"{name} = {number}\n" for name in "ab" for number in range(25)}


def test_a_killed_kernel_leaves_a_whole_file(
    tmp_path: Path, exercise: Exercise, answers: Answers, progress: Progress
) -> None:
    """kill -9 in the middle of writing: the file is one of the texts, whole, and the next writer is not held up."""
    answers.write(exercise, "answer.py", "b = 0\n", why="run")
    for _round in range(3):
        writer = multiprocessing.get_context("spawn").Process(
            target=_write_many, args=(tmp_path / "work", exercise.folder, "b", 100_000)
        )
        writer.start()
        before = len(progress.kept("W0"))
        end = time.monotonic() + 30
        while len(progress.kept("W0")) < before + 5:
            assert time.monotonic() < end
        assert writer.pid
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(10)
        text = answers.read(exercise)["answer.py"]
        assert text.startswith("b = ")
        assert text.endswith("\n")
        assert answers.write(exercise, "answer.py", "after = 1\n", why="run")
        assert progress.kept("W0")[0].content == text
    assert progress.take_notices() == ()
