"""What a notebook shows of answers must be readable there: starters, and the right answers that a learner opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from inprod.build.lint import MAX_WIDTH, Finding
from inprod.exercises import Exercise
from inprod.messages import _


def lint_answers(exercise: Exercise) -> tuple[Finding, ...]:
    """Findings in the lines of an exercise's starter, reference and other right answers."""
    folders = [exercise.starter, exercise.solutions / "reference", *sorted(exercise.solutions.glob("right_*"))]
    return tuple(finding for folder in folders for name in exercise.answer for finding in _wide(folder / name))


def _wide(path: Path) -> Iterator[Finding]:
    if not path.is_file():  # what an answer lacks is for the check to say
        return
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if len(line) > MAX_WIDTH:
            told = _("the line has {n} characters; {most} are the most that a notebook shows")
            yield Finding(path, number, told.format(n=len(line), most=MAX_WIDTH))
