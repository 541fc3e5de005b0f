"""From an answer cell to its card: save, judge, record, show."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

from inprod import tutor
from inprod.answers import NotSavedError
from inprod.errors import InprodError
from inprod.exercises import Exercise, solutions
from inprod.kernel import Kernel, strict
from inprod.magics import show
from inprod.messages import _
from inprod.progress import ProgressError, Standing
from inprod.render import html, text
from inprod.render.views import Around, NextExercise, SavedView
from inprod.results import Report, Verdict
from inprod.running.check import run_check

_NOTHING = Standing()


class Checks:
    """Judges answers for one kernel; a text that the disk refuses is kept here and judged all the same."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._unsaved: dict[str, dict[str, str]] = {}

    def answer(self, exercise: Exercise, file: str, content: str) -> None:
        """Save one file of the answer; with the last one, judge it."""
        trouble: list[InprodError] = []
        try:
            self._kernel.answers.write(exercise, file, content, why="run")
            self._unsaved.get(exercise.id, {}).pop(file, None)
        except (NotSavedError, ProgressError) as error:
            self._unsaved.setdefault(exercise.id, {})[file] = content
            trouble.append(error)
        last = exercise.answer[-1]
        if file == last:
            self.check(exercise, trouble=trouble)
        elif trouble:
            show.error(trouble[0])
        else:
            view = SavedView(exercise.id, _(exercise.title), file, last, self._notices())
            show.card(html.saved(view), text.saved(view))

    def check(self, exercise: Exercise, *, seed: int | None = None, trouble: list[InprodError] | None = None) -> None:
        """Judge the answer as it is, record the verdict and show its card.

        Raises:
            Stopped: the learner interrupted it.
            NotYet, CouldNotJudge: where outputs are compared.
        """
        troubles = list(trouble or ())
        title = f"{exercise.id} · {_(exercise.title)}"
        live = show.Live(title)
        try:
            with self._folder(exercise) as folder:
                services = self._kernel.services
                report = run_check(exercise, folder, services, seed, on_event=None if strict() else live)
        except KeyboardInterrupt:
            live.end(html.stopped(title), text.stopped(title))
            raise show.Stopped from None
        tries = self._record(exercise, report, troubles)
        notes = (*show.lines(troubles), *self._notices())
        around = surroundings(self._kernel, exercise, report, notes)
        if strict():
            _tell_strictly(report, around)
        else:
            live.end(html.report(report, around=around, tries=tries), text.report(report, around=around, tries=tries))

    def forget(self, exercise: Exercise) -> None:
        """What the disk once refused does not count any more."""
        self._unsaved.pop(exercise.id, None)

    def _record(self, exercise: Exercise, report: Report, troubles: list[InprodError]) -> int:
        """Keep the verdict; how many were judged so far. A disk that is full must not hide the verdict."""
        try:
            return tutor.record(self._kernel, exercise, report)
        except ProgressError as error:
            if not troubles:
                troubles.append(error)
            return 0

    def _notices(self) -> tuple[str, ...]:
        notices = self._kernel.progress.take_notices()
        return () if strict() else notices

    @contextlib.contextmanager
    def _folder(self, exercise: Exercise) -> Iterator[Path]:
        """Where the answer lies; where the disk refused a part of it, a copy that has it."""
        unsaved = self._unsaved.get(exercise.id)
        if not unsaved:
            yield self._kernel.answers.folder(exercise)
            return
        with tempfile.TemporaryDirectory(prefix="inprod-answer-") as folder:
            for file, content in {**self._kernel.answers.read(exercise), **unsaved}.items():
                path = Path(folder) / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8", newline="\n")
            yield Path(folder)


def _tell_strictly(report: Report, around: Around) -> None:
    # Another exercise's title is no part of this one's outcome, and would make its saved card stale.
    around = dataclasses.replace(around, next=None)
    plain = text.report(report, around=around, strict=True)
    if report.verdict is Verdict.NOT_YET:
        raise show.NotYet(plain)
    if report.verdict is not Verdict.PASS:
        raise show.CouldNotJudge(plain)
    show.card(html.report(report, around=around, strict=True), plain)


def surroundings(kernel: Kernel, exercise: Exercise, report: Report, notes: tuple[str, ...]) -> Around:
    """What a report's card says besides the report: servers, other answers, what comes next."""
    servers = bool(exercise.needs & {"postgres", "redis"})
    if report.verdict is not Verdict.PASS:
        return Around(servers=servers, notes=notes)
    others = 0
    # A fault in a shipped answer is found by `inprod verify`; it must not hide a learner's pass.
    with contextlib.suppress(InprodError):
        others = sum(s.right and s.name != "reference" for s in solutions(exercise))
    return Around(others, _next(kernel, exercise), _(exercise.after_pass), servers, notes)


def _next(kernel: Kernel, exercise: Exercise) -> NextExercise | None:
    exercises = kernel.exercises()
    at = [e.id for e in exercises].index(exercise.id)
    standings: dict[str, Standing] = {}
    with contextlib.suppress(ProgressError):  # then the next one in order
        standings = kernel.progress.standings()
    # From here on, then from the top: what was skipped is still a door.
    following = [e for e in (*exercises[at + 1 :], *exercises[:at]) if not standings.get(e.id, _NOTHING).passed]
    return NextExercise(following[0].id, _(following[0].title), following[0].minutes) if following else None
