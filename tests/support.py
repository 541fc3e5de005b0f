"""What several tests use: exercises made on the spot, and services that have nothing to serve."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from inprod.exercises import Exercise, load
from inprod.recipes import Recipe
from inprod.services.base import Lease, Progress, ServerDeath

TASK = """\
---
id: {id}
title: {title}
level: apply
minutes: 5
needs: [{needs}]
answer: [{answer}]
seconds: {seconds}
---
Do it.

## Hint 1
One.

## Hint 2
Two.

## Hint 3
Three.

## After a pass
Well.
"""


class NoServices:
    """For exercises that need no server."""

    backend = "none"

    def start(self, needs: frozenset[str], progress: Progress | None = None, template: Recipe | None = None) -> None:
        assert not needs

    def servers(self) -> Mapping[str, str]:
        return {}

    def lease(self, needs: frozenset[str], name: str, template: Recipe | None = None) -> AbstractContextManager[Lease]:
        return contextlib.nullcontext(Lease())

    def deaths(self) -> tuple[ServerDeath, ...]:
        return ()

    def close(self) -> None:
        return


def make_exercise(
    root: Path,
    check: str,
    *,
    starter: str = "def answer():\n    return None\n",
    name: str = "W0",
    needs: str = "",
    seconds: int = 5,
    given: Mapping[str, str] | None = None,
) -> Exercise:
    """An exercise in `root` whose answer is one file, answer.py, judged by the text `check`."""
    folder = root / "exercises" / "00_sample" / f"{name.lower()}_sample"
    (folder / "starter").mkdir(parents=True)
    (root / "pyproject.toml").touch()
    task = TASK.format(id=name, title="Sample", needs=needs, answer="answer.py", seconds=seconds)
    (folder / "task.md").write_text(task, encoding="utf-8")
    (folder / "check.py").write_text(textwrap.dedent(check), encoding="utf-8")
    (folder / "starter" / "answer.py").write_text(textwrap.dedent(starter), encoding="utf-8")
    for file, text in (given or {}).items():
        (folder / "given").mkdir(exist_ok=True)
        (folder / "given" / file).write_text(textwrap.dedent(text), encoding="utf-8")
    return load(folder, root / "solutions")


def write_answer(root: Path, text: str) -> Path:
    """A folder with answer.py."""
    folder = root / "answers"
    folder.mkdir(exist_ok=True)
    (folder / "answer.py").write_text(textwrap.dedent(text), encoding="utf-8")
    return folder
