"""How an answer can fail to give a result, and what the learner is told where a check says nothing of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inprod.messages import _
from inprod.testing.saw import NotYet


@dataclass(frozen=True)
class Frame:
    """A line of the answer that an exception passed through."""

    file: str
    line: int
    code: str

    def __str__(self) -> str:
        place = _("{file}, line {line}").format(file=self.file, line=self.line)
        return f"{place}: {self.code}" if self.code else place


class AnswerFailed(Exception):
    """A call of the answer gave no result.

    Attributes:
        kind: `raised`, `syntax`, `missing`, `died`, `timeout`, `memory`, `processes`, `output`, `killed`.
        type: the exception's class name, for `raised` and `syntax`.
        bases: the names of its classes, so that `"ValueError" in failed.bases` works.
        message: the exception's message, or how the process ended.
        frames: the answer's own lines, outermost first.
        printed: the end of what it printed.
    """

    def __init__(
        self,
        kind: str,
        did: str,
        *,
        type: str = "",
        bases: tuple[str, ...] = (),
        message: str = "",
        frames: tuple[Frame, ...] = (),
        printed: str = "",
        timeout: float = 0.0,
    ) -> None:
        super().__init__(f"{kind}: {type} {message}".strip())
        self.kind = kind
        self.did = did
        self.type = type
        self.bases = bases
        self.message = message
        self.frames = frames
        self.printed = printed
        self.timeout = timeout

    @property
    def where(self) -> str:
        """The answer's last line that took part: `pricing.py, line 5: return 1 / y`."""
        return str(self.frames[-1]) if self.frames else ""

    @property
    def said(self) -> str:
        """One line: what happened, and where."""
        if self.kind in ("raised", "syntax"):
            text = f"{self.type}: {self.message}" if self.message else self.type
            # A dash, not brackets: the line of code may end in one.
            return f"{text} – {self.where}" if self.where else text
        return self.message

    def not_yet(self) -> NotYet:
        """The card of a failure that the check did not expect."""
        return _card(self)


def from_error(did: str, error: dict[str, Any], printed: str = "") -> AnswerFailed:
    """The failure behind what the answer's process said of an exception."""
    frames = tuple(Frame(f["file"], f["line"], f["code"]) for f in error["frames"])
    bases = tuple(error["bases"])
    kind = "missing" if error.get("ours") else "syntax" if "SyntaxError" in bases else "raised"
    return AnswerFailed(
        kind, did, type=error["type"], bases=bases, message=error["message"], frames=frames, printed=printed
    )


#: Card by kind: key, and what was seen, what production needs, why, what to try.
_CARDS = {
    "raised": (
        "answer-raised",
        "`{said}`",
        "a result",
        "An exception that nobody expects ends the request, and the customer sees an error page.",
        "Read that line with the input above in mind.",
    ),
    "syntax": (
        "answer-syntax",
        "`{said}`",
        "a file that Python can read",
        "Python reads the whole file before it runs the first line of it.",
        "Mend that line, or the one above it; then run the cell again.",
    ),
    "missing": (
        "answer-missing",
        "{message}",
        "the name that the task asks for",
        "Others call it by that name.",
        "Compare the names in your file with the task.",
    ),
    "died": (
        "answer-died",
        "The process ended before it gave a result ({message})",
        "a result",
        "A process that ends takes every request it was serving with it.",
        "Look for `os._exit`, `sys.exit`, or a crash inside a library.",
    ),
    "timeout": (
        "too-slow",
        "No result after {timeout} s; the process was ended",
        "an answer in bounded time",
        "Whoever waits for you waits for what you wait for.",
        "Look for a loop without an end, or a wait without a timeout.",
    ),
    "memory": (
        "too-much-memory",
        "The process used more than 1.5 GB; it was ended",
        "memory that does not grow with time",
        "The machine ends the largest process, and it may be another one than yours.",
        "Look for a list that only grows.",
    ),
    "processes": (
        "too-many-processes",
        "More than 128 processes at once; they were ended",
        "a bounded number of processes",
        "A machine that cannot start a process can't be repaired from a shell either.",
        "Look for a process that starts itself again.",
    ),
    "output": (
        "too-much-output",
        "More output than a check takes (16 MB printed, or a value of 4 MB)",
        "output in proportion to the work",
        "A full disk stops the log, the database and the deploy.",
        "Remove the print inside the loop.",
    ),
    "killed": (
        "answer-killed",
        "The process was ended by the check before it gave a result",
        "a result",
        "The check waits for what the process said before.",
        "Run the cell again.",
    ),
}


def _card(failed: AnswerFailed) -> NotYet:
    key, *texts = _CARDS[failed.kind]
    values = {"said": failed.said, "message": failed.message, "timeout": f"{failed.timeout:g}"}
    seen, needs, why, try_ = (_(text).format(**values) for text in texts)
    did = failed.did
    if failed.kind == "syntax" and failed.frames:
        did = _("Loaded `{file}`.").format(file=failed.frames[-1].file)
    return NotYet(key, did=did, saw=seen, needs=needs, why=why, try_=try_)
