"""The magics themselves: each reads its line, does one thing, and shows one card."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inprod import tutor
from inprod.errors import InprodError
from inprod.exercises import Exercise
from inprod.kernel import Kernel, strict
from inprod.magics import guesses, parsons, show
from inprod.magics.checks import Checks
from inprod.messages import _
from inprod.render import html, text
from inprod.render.views import ParsonsView, PredictionView


class Magics:
    """The course's magics for one shell; `kernel` is asked for at the first one that is used."""

    def __init__(self, shell: Any, kernel: Callable[[], Kernel]) -> None:
        self._shell = shell
        self._current = kernel

    @functools.cached_property
    def _kernel(self) -> Kernel:
        return self._current()

    @functools.cached_property
    def _checks(self) -> Checks:
        return Checks(self._kernel)

    def register(self) -> None:
        """Make the magics known to the shell."""
        from IPython.core.inputtransformer2 import classic_prompt
        from IPython.core.magic import no_var_expand

        for cell_magic in (self.answer, self.predict):
            self._shell.register_magic_function(_guarded(cell_magic), "cell", cell_magic.__name__)
        for line_magic in (self.check, self.hint, self.reset, self.solution, self.progress, self.doctor):
            self._shell.register_magic_function(_guarded(line_magic), "line", line_magic.__name__)
        # Their lines are Python: braces and dollars in them are not the shell's.
        self._shell.register_magic_function(no_var_expand(_guarded(self.reality)), "line", "reality")
        self._shell.register_magic_function(no_var_expand(_guarded(self.parsons)), "cell", "parsons")
        transformers = self._shell.input_transformers_cleanup
        if _with_body not in transformers:
            transformers.insert(0, _with_body)
        # It takes each `>>>` out of a cell, also out of a string or an answer that is a page of examples.
        transformers[:] = [one for one in transformers if one is not classic_prompt]

    def answer(self, line: str, cell: str) -> None:
        """Save this cell as the answer to an exercise, and judge it: %%answer ID [file]"""
        words = line.split()
        exercise = self._exercise("%%answer ID [file]", words, most=2)
        if len(words) == 1 and len(exercise.answer) > 1:
            raise InprodError(
                _("{id} has several files; which one is this?").format(id=exercise.id),
                looked=", ".join(exercise.answer),
                do=_("write `%%answer {id} {file}`").format(id=exercise.id, file=exercise.answer[0]),
            )
        self._checks.answer(exercise, words[1] if len(words) > 1 else exercise.answer[0], cell)

    def check(self, line: str) -> None:
        """Judge an answer as it lies in its files: %check ID [--seed N]"""
        words = line.replace("--seed=", "--seed ").split()
        seed = None
        if "--seed" in words:
            at = words.index("--seed")
            number = "".join(words[at + 1 : at + 2])
            if not (number.isascii() and number.isdigit()):
                raise _usage("%check ID [--seed N]", line)
            seed = int(number)
            del words[at : at + 2]
        self._checks.check(self._exercise("%check ID [--seed N]", words), seed=seed)

    def hint(self, line: str) -> None:
        """Show the next of three hints: %hint ID"""
        exercise = self._exercise("%hint ID", line.split())
        view = tutor.hint(self._kernel, exercise)
        show.card(html.hint(view), text.hint(view))

    def reset(self, line: str) -> None:
        """Put the starter back; your text goes into the history: %reset ID"""
        exercise = self._exercise("%reset ID", line.split())
        view = tutor.reset(self._kernel, exercise)
        self._checks.forget(exercise)
        show.card(html.reset(view), text.reset(view))

    def solution(self, line: str) -> None:
        """Show the right answers, after a pass or three tries: %solution ID"""
        exercise = self._exercise("%solution ID", line.split())
        view = tutor.solution(self._kernel, exercise, ask_hint=f"%hint {exercise.id}")
        show.card(html.solution(view), text.solution(view))

    def progress(self, line: str) -> None:
        """Draw the map of the course: %progress"""
        if line.strip():
            raise _usage("%progress", line)
        summary = self._kernel.progress.summary(self._kernel.exercises())
        notes = self._kernel.progress.take_notices()
        show.card(html.progress(summary, notes=notes), text.progress(summary, notes=notes))

    def doctor(self, line: str) -> None:
        """Look at this machine: %doctor"""
        if line.strip():
            raise _usage("%doctor", line)
        found = tutor.examine()
        show.card(html.doctor(found), text.doctor(found))

    def predict(self, line: str, cell: str) -> None:
        """Keep what you expect: %%predict NAME FIELD, FIELD"""
        name, fields = guesses.fields(line)
        guess = guesses.read(fields, cell)
        if guess:
            self._kernel.progress.predict(name, guess)
        view = PredictionView(name, fields, guess)
        show.card(html.prediction(view), text.prediction(view))

    def reality(self, line: str) -> None:
        """Show what happened beside what you expected: %reality NAME field=expression, field=expression"""
        name, was = guesses.reality(line, self._shell.user_ns)
        said = self._kernel.progress.prediction(name) or {}
        view = PredictionView(name, tuple(was), said, was)
        show.card(html.prediction(view), text.prediction(view))

    def parsons(self, line: str, cell: str) -> None:
        """Put lettered lines in order, and run them: %%parsons NAME [file] [--in folder]"""
        about, puzzle = parsons.line(line), parsons.read(cell)
        view = ParsonsView(about.name, tuple(puzzle.pieces), puzzle.promised, puzzle.order)
        if puzzle.order is not None:
            self._kernel.progress.predict(about.name, {"order": puzzle.order})
            beside = Path(guesses.worked_out("--in", about.beside, self._shell.user_ns)) if about.beside else None
            ran = parsons.run(puzzle, about.file, beside=beside, environment=self._kernel.addresses())
            missing = parsons.missing(ran, puzzle.promised)
            view = dataclasses.replace(view, source=puzzle.source(), output=ran.said, code=ran.code, missing=missing)
            if strict() and not view.kept:
                raise show.NotYet(text.parsons(view))
        show.card(html.parsons(view), text.parsons(view))

    def _exercise(self, usage: str, words: list[str], most: int = 1) -> Exercise:
        if len(words) > most:
            raise _usage(usage, " ".join(words))
        return self._kernel.exercise(words[0] if words else "")


def _with_body(lines: list[str]) -> list[str]:
    """IPython refuses a cell magic without a body; an empty answer, or no guess yet, is one of ours to read."""
    filled = [line for line in lines if line.strip()]
    ours = len(filled) == 1 and filled[0].split()[0] in ("%%answer", "%%predict", "%%parsons")
    return [filled[0].rstrip("\n") + "\n", "\n"] if ours else lines


def _usage(usage: str, line: str) -> InprodError:
    return InprodError(
        _("This line has more in it, or less, than the command takes."),
        looked=line.strip() or _("an empty line"),
        do=_("write `{usage}`").format(usage=usage),
    )


def _guarded(magic: Callable[..., None]) -> Callable[..., None]:
    """`magic` with its errors as cards."""

    @functools.wraps(magic)
    def run(*args: str) -> None:
        try:
            magic(*args)
        except InprodError as error:
            show.error(error)
        except KeyboardInterrupt as error:
            raise (error if isinstance(error, show.Stopped) else show.Stopped()) from None
        except show.Told:
            raise
        except Exception as error:
            show.error(show.fault(error))

    return run
