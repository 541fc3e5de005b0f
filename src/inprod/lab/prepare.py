"""The learner's folder: made, brought up to date with the course, and given a start page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inprod.build.place import lessons
from inprod.course import OWN, WORK_MARKER, Course
from inprod.errors import InprodError
from inprod.exercises import discover
from inprod.lab import start
from inprod.lab.files import KEPT, keep_copy, not_written, put, text_of
from inprod.lab.lesson import Texts, Update, source
from inprod.lab.shown import show
from inprod.messages import _
from inprod.progress import Progress
from inprod.progress.salvage import alone
from inprod.progress.store import ANSWERS, FILE
from inprod.synced import Synced

START: Final = "start.md"


@dataclass(frozen=True)
class Prepared:
    """A learner's folder that is ready to be opened."""

    work: Path
    start: Path  #: the page to open first
    notebooks: tuple[Path, ...]  #: in the order of the lessons
    next: Path | None  #: the notebook in which to go on


def prepare(course: Course, work: Path, *, language: str = "en", say: Callable[[str], None]) -> Prepared:
    """Make `work`, or bring it up to date; nothing that the learner wrote is lost, and `say` tells what was moved.

    A second run without a change writes nothing.

    Raises:
        InprodError: the folder holds something else, or cannot be written; or the course was never built.
    """
    names = [name for name in lessons(course) if source(course, name, language).is_file()]
    if not names:
        raise InprodError(
            _("The course has no built notebook."), looked=str(course.notebooks), do=_("run `inprod build`")
        )
    _claim(course, work)
    try:
        with alone(work):
            return _prepare(course, work, names, language, say)
    except BlockingIOError as error:
        raise InprodError(
            _("Another `inprod lab` is preparing this folder."), looked=str(work), do=_("wait for it, then try again")
        ) from error
    except OSError as error:
        raise not_written(work, error) from error


def _prepare(course: Course, work: Path, names: list[str], language: str, say: Callable[[str], None]) -> Prepared:
    exercises = discover(course)
    progress = Progress(work)
    synced = Synced(work)
    texts: Texts = {}
    for name in names:
        texts |= Update(course, work, name, exercises, progress).run(language, synced, say)
    synced.save(texts)
    show(course, work, say)
    page = start.page(course, names, language, exercises, progress)
    _put_start(work, page.text, say)
    for notice in progress.take_notices():
        say(notice)
    notebooks = tuple(work / f"{name}.ipynb" for name in names)
    return Prepared(work, work / START, notebooks, work / f"{page.lesson}.ipynb" if page.lesson else None)


def _claim(course: Course, work: Path) -> None:
    """Make the folder the learner's, unless it is somebody else's."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        ours = (WORK_MARKER, ANSWERS, KEPT, OWN, FILE)
        strange = [p for p in work.iterdir() if not p.name.startswith((*ours, "."))]
        if strange and not (work / WORK_MARKER).is_file() and work.resolve() != (course.root / "work").resolve():
            raise InprodError(
                _("This folder holds other things, so the course does not use it."),
                looked=_("{path}, among others").format(path=strange[0]),
                do=_("name an empty folder, or one that does not exist yet"),
            )
    except OSError as error:
        raise not_written(work, error) from error
    put(work / WORK_MARKER, "")
    put(work / ".gitignore", "*\n")


def _put_start(work: Path, text: str, say: Callable[[str], None]) -> None:
    path, last = work / START, work / OWN / START
    there = text_of(path)
    if there is not None and there not in (text, text_of(last)):
        kept = keep_copy(work, START, there)
        say(_("Your changes to {name} are kept in {kept}.").format(name=START, kept=kept))
    put(path, text)
    put(last, text)
