"""Hints, right answers, a fresh start, a look at the machine: what notebook and terminal ask for, as views."""

from __future__ import annotations

import contextlib

from inprod.exercises import Exercise, Solution, solutions
from inprod.kernel import Kernel
from inprod.messages import _
from inprod.progress import ProgressError
from inprod.progress.summary import TRIES_UNTIL_SOLUTION
from inprod.render.views import AnswerView, HintView, ResetView, SolutionView
from inprod.results import Report, Verdict
from inprod.running import walls
from inprod.services import doctor
from inprod.services.machine import Finding


def record(kernel: Kernel, exercise: Exercise, report: Report) -> int:
    """Keep the verdict; how many tries there are now. To run the starter as it came is to look, not to try.

    Raises:
        ProgressError: the disk refuses.
    """
    if report.verdict is Verdict.PASS or not kernel.answers.untouched(exercise):
        kernel.progress.record(report)
    return kernel.progress.tries(exercise.id)


def hint(kernel: Kernel, exercise: Exercise) -> HintView:
    """The next of three hints; the last one stays."""
    try:
        level = kernel.progress.show_hint(exercise.id, len(exercise.hints))
    except ProgressError:  # a full disk keeps nobody from help; it is only not counted
        level = min(_seen(kernel, exercise) + 1, len(exercise.hints))
    return HintView(exercise.id, _(exercise.title), level, _(exercise.hints[level - 1]))


def _seen(kernel: Kernel, exercise: Exercise) -> int:
    with contextlib.suppress(ProgressError):
        return kernel.progress.standing(exercise.id).hints
    return 0


def reset(kernel: Kernel, exercise: Exercise) -> ResetView:
    """The starter is back, the earlier text in the history.

    Raises:
        NotSavedError, ProgressError: the disk refuses; nothing was lost.
    """
    files = kernel.answers.reset(exercise)
    return ResetView(exercise.id, _(exercise.title), tuple(files.items()))


def solution(kernel: Kernel, exercise: Exercise, *, ask_hint: str) -> SolutionView:
    """The right answers, where they are open; `ask_hint` is how a hint is asked for here, such as `%hint T2`."""
    standing = kernel.progress.standing(exercise.id)
    if not standing.may_see_solution:
        closed = _("It opens after a pass, or after {most} tries; you have made {n}. `{hint}` helps now.")
        closed = closed.format(most=TRIES_UNTIL_SOLUTION, n=standing.tries, hint=ask_hint)
        return SolutionView(exercise.id, _(exercise.title), closed=closed)
    right = tuple(_answer(exercise, found) for found in solutions(exercise) if found.right)
    with contextlib.suppress(ProgressError):
        kernel.progress.open_solution(exercise.id)
    return SolutionView(exercise.id, _(exercise.title), right)


def _answer(exercise: Exercise, of: Solution) -> AnswerView:
    files = tuple((name, (of.folder / name).read_text(encoding="utf-8")) for name in exercise.answer)
    return AnswerView(of.name, _(of.text), files, tuple(sorted(of.needs)))


def examine() -> tuple[Finding, ...]:
    """What this machine has and lacks for the course; nothing is started or changed."""
    return (*doctor.examine(), _walls())


def _walls() -> Finding:
    name = _("Walls around answers")
    standing = walls.probe()
    if any(wall.startswith("landlock") for wall in standing):
        return Finding(name, True, ", ".join(standing))
    saw = ", ".join(standing) or _("none on this system")
    do = _("your own answers run all the same; check other people's only on Linux 5.13 or newer")
    return Finding(name, True, saw, do)
