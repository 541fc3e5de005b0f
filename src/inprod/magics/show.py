"""Cards on the screen, live lines, and exceptions that render as a card's text."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from inprod.errors import InprodError
from inprod.kernel import strict
from inprod.messages import _
from inprod.render import html, text
from inprod.running.check import Event

#: A check that is faster needs no line about what it is doing.
LIVE_AFTER: Final = 1.0


class Told(Exception):
    """Ends a cell; what is shown is the text of its card, not a traceback."""

    def _render_traceback_(self) -> list[str]:
        return str(self).split("\n")


class NotYet(Told):
    """A check under strict comparison found a gap."""


class CouldNotJudge(Told):
    """A check under strict comparison could not be made."""


class Stopped(KeyboardInterrupt):
    """The learner interrupted the cell; everything that it started has ended."""

    def _render_traceback_(self) -> list[str]:
        return [_("Stopped.")]


class Handle(Protocol):
    """A display that can change."""

    def update(self, data: Any, *, raw: bool) -> None: ...


def card(rich: str, plain: str, handle: Handle | None = None) -> None:
    """Show a card, or put it in the place of one that stands there already."""
    from IPython.display import display

    bundle = {"text/html": rich, "text/plain": plain}
    if handle is None:
        display(bundle, raw=True)
    else:
        handle.update(bundle, raw=True)


def error(of: InprodError) -> None:
    """Show an error as a card.

    Raises:
        CouldNotJudge: instead, where outputs are compared.
    """
    if strict():
        raise CouldNotJudge(text.error(of))
    card(html.error(of), text.error(of))


def fault(of: Exception) -> InprodError:
    """An error of the course's own, in a form that can be reported."""
    frames = traceback.extract_tb(of.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return InprodError(
        _("The course itself failed: {kind}: {text}").format(kind=type(of).__name__, text=of),
        looked=where,
        do=_("your answer is not at fault; please report these lines"),
    )


class Live:
    """One display for a check: what it is doing, as soon as that takes a second, and its card in the end."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._began = time.monotonic()
        self._doing = _("Starting the check.")
        self._drawn: tuple[str, int] | None = None
        self._handle: Handle | None = None

    def __call__(self, event: Event) -> None:
        """Take in what the check does."""
        if event.kind in ("step", "observing"):
            self._doing = event.text
        seconds = time.monotonic() - self._began
        # A step is one that takes its time: it is said before it begins.
        if event.kind == "step" or seconds >= LIVE_AFTER:
            self._draw(seconds)

    def end(self, rich: str, plain: str) -> None:
        """The card, in the live line's place where there is one."""
        card(rich, plain, self._handle)

    def _draw(self, seconds: float) -> None:
        now = (self._doing, int(seconds))
        if now == self._drawn:
            return
        self._drawn = now
        line = (self._title, self._doing, seconds)
        if self._handle is None:
            from IPython.display import display

            bundle = {"text/html": html.live(*line), "text/plain": text.live(*line)}
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            card(html.live(*line), text.live(*line), self._handle)


def lines(notes: Sequence[InprodError]) -> tuple[str, ...]:
    """Errors that a card mentions beside its verdict."""
    return tuple(f"{e.what} {e.do[:1].upper()}{e.do[1:]}.".replace("..", ".") for e in notes)
