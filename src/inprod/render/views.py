"""What the renderers are given besides a report: plain data, read from disk by the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class NextExercise:
    """The door behind the one that was just opened."""

    id: str
    title: str
    minutes: int


@dataclass(frozen=True)
class Around:
    """What stands around an exercise and belongs on its card."""

    others: int = 0  #: right answers that the course ships
    next: NextExercise | None = None
    after_pass: str = ""  #: Markdown, in the reader's language
    servers: bool = True  #: whether the exercise asks for any
    notes: tuple[str, ...] = ()  #: sentences that must not get lost, such as "your answer was not saved"


#: A card on its own.
ALONE = Around()


@dataclass(frozen=True)
class HintView:
    """One of the three hints."""

    exercise: str
    title: str
    level: int  #: 1 to 3
    text: str  #: Markdown


@dataclass(frozen=True)
class AnswerView:
    """One right answer with its trade-offs."""

    name: str  #: `reference`, or what follows `right_`
    why: str  #: Markdown
    files: tuple[tuple[str, str], ...]  #: name and content
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class SolutionView:
    """The right answers of an exercise; empty while they stay closed, and then `closed` says until when."""

    exercise: str
    title: str
    answers: tuple[AnswerView, ...] = ()
    closed: str = ""


@dataclass(frozen=True)
class PredictionView:
    """What was predicted, and what happened (None: not yet known)."""

    name: str
    fields: tuple[str, ...]
    predicted: Mapping[str, Any] = field(default_factory=dict)
    reality: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ParsonsView:
    """Lines put in order, and what they did."""

    name: str
    letters: tuple[str, ...]
    promised: tuple[str, ...]
    order: str | None  #: None: nothing was said, and nothing ran
    source: str = ""
    output: str = ""
    code: int | None = None  #: None: it was ended
    missing: tuple[str, ...] = ()  #: the promised lines that did not come

    @property
    def kept(self) -> bool:
        """Whether it ended well, and every promised line came."""
        return self.code == 0 and not self.missing


@dataclass(frozen=True)
class ResetView:
    """The starter files that are back in place."""

    exercise: str
    title: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SavedView:
    """One file of an answer that has several; its check waits for the last of them."""

    exercise: str
    title: str
    file: str
    last: str  #: the file whose cell runs the check
    notes: tuple[str, ...] = ()


class Finding(Protocol):
    """One thing that the doctor looked at."""

    @property
    def name(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def saw(self) -> str: ...
    @property
    def do(self) -> str: ...
