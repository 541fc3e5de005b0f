"""A Parsons problem: lettered lines, put in order by the learner and run as they were put."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inprod import workshop
from inprod.errors import InprodError
from inprod.messages import _
from inprod.workshop import Ran

SECONDS: Final = 20.0
FILE: Final = "parsons.py"
USAGE: Final = "%%parsons NAME [file] [--in folder]"

_PIECE = re.compile(r"([A-Z]):(?: (.*))?")
_SETTING = re.compile(r"(promise|run):\s*(.+)")
_ORDER = re.compile(r"order\s*=\s*(.*)")


@dataclass(frozen=True)
class Line:
    """What the magic's own line says."""

    name: str  #: under which the order is kept
    file: str = FILE  #: as which the lines are saved
    beside: str = ""  #: an expression: the folder whose files lie beside it


@dataclass(frozen=True)
class Puzzle:
    """The pieces, what stands above them in any case, and what the right order prints."""

    pieces: Mapping[str, str]
    head: tuple[str, ...] = ()
    command: str = ""
    promised: tuple[str, ...] = ()
    order: str | None = None  #: None while nothing was said

    def source(self) -> str:
        """The file that the order makes."""
        chosen = (self.pieces[letter] for letter in self.order or "")
        return "\n".join((*self.head, *chosen)) + "\n"


def missing(ran: Ran, promised: Iterable[str]) -> tuple[str, ...]:
    """The promised lines that did not come, in the order in which they were promised."""
    lines = iter([line.strip() for line in ran.said.splitlines()])
    return tuple(wanted for wanted in promised if wanted not in lines)


def line(text: str) -> Line:
    """What a `%%parsons` line says.

    Raises:
        InprodError: it has no name, or more than the magic takes.
    """
    words = text.split()
    beside = ""
    if "--in" in words:
        at = words.index("--in")
        beside = " ".join(words[at + 1 :])
        words = words[:at] if beside else []
    if not 1 <= len(words) <= 2 or Path(words[-1]).name != words[-1]:
        raise InprodError(
            _("This line has more in it, or less, than the command takes."),
            looked=f"%%parsons {text.strip()}",
            do=_("write `{usage}`").format(usage=USAGE),
        )
    return Line(words[0], words[1] if len(words) == 2 else FILE, beside)


def read(cell: str) -> Puzzle:
    """The puzzle in a `%%parsons` cell.

    Raises:
        InprodError: a line of the cell is none of a puzzle's, or the order names a piece that is not there.
    """
    pieces: dict[str, str] = {}
    head: list[str] = []
    settings: dict[str, list[str]] = {"promise": [], "run": []}
    order = None
    for text in cell.splitlines():
        if piece := _PIECE.fullmatch(text):
            pieces[piece[1]] = piece[2] or ""
        elif setting := _SETTING.fullmatch(text):
            settings[setting[1]].append(setting[2].strip())
        elif said := _ORDER.fullmatch(text.strip()):
            order = _order(said[1], pieces)
        elif not pieces:
            head.append(text)
        elif text.strip() and not text.lstrip().startswith("#"):
            raise InprodError(
                _("This line has no letter."),
                looked=text.strip(),
                do=_("put the letter and its colon back, as in `A: …`; your answer is the last line"),
            )
    if not pieces:
        raise InprodError(
            _("There are no lines to put in order."),
            looked=_("lines that begin with a letter and a colon"),
            do=_("open the lesson again, or copy the cell from the course's own notebook"),
        )
    while head and not head[0].strip():
        del head[0]
    return Puzzle(pieces, tuple(head), " ".join(settings["run"]), tuple(settings["promise"]), order)


def run(puzzle: Puzzle, file: str, *, beside: Path | None, environment: Mapping[str, str]) -> Ran:
    """Run the puzzle's file in a new folder and a new process; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="inprod-parsons-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if beside is not None:
            shutil.copytree(beside, folder, dirs_exist_ok=True)
        (folder / file).write_text(puzzle.source(), encoding="utf-8")
        return workshop.run(puzzle.command or f"python {file}", folder, seconds=SECONDS, extra=environment)


def _order(text: str, pieces: Mapping[str, str]) -> str | None:
    letters = re.sub(r"[\s,;'\"\[\]()]|#.*", "", text).upper()
    if letters in ("", "?", "…", "..."):
        return None
    if unknown := [letter for letter in letters if letter not in pieces]:
        raise InprodError(
            _("There is no line {letter}.").format(letter=unknown[0]),
            looked=text.strip(),
            do=_('write the letters of the lines that you need, from top to bottom, as in `order = "{first}…"`').format(
                first="".join(list(pieces)[1::-1])
            ),
        )
    return letters
