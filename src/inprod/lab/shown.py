"""What course.toml shows: copies of the course's own code in the learner's folder, to read."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable
from pathlib import Path

from inprod import recipes
from inprod.course import Course
from inprod.lab.files import keep_copy, not_written, put, text_of
from inprod.messages import _

_READ_ONLY = 0o444
_SKIPPED = ("__pycache__", ".pyc")


def show(course: Course, work: Path, say: Callable[[str], None]) -> None:
    """Bring the copies up to date; a second run without a change writes nothing.

    What a learner changed in a copy is kept before the course's text comes back, and files of the learner's own stay.

    Raises:
        InprodError: course.toml is malformed, or the folder cannot be written.
    """
    for source in recipes.load(course).show:
        target = work / source.name
        if target.is_symlink():  # writing through it would change the course
            target.unlink()
        wanted = {path.relative_to(source): path for path in _files(source)}
        try:
            for name, path in wanted.items():
                _copy(work, path, target / name, say)
            _remove_former(target, set(wanted))
        except OSError as error:
            raise not_written(target, error) from error


def _files(source: Path) -> list[Path]:
    return [p for p in sorted(source.rglob("*")) if p.is_file() and not {*p.parts, p.suffix} & {*_SKIPPED}]


def _copy(work: Path, source: Path, target: Path, say: Callable[[str], None]) -> None:
    new, old = text_of(source) or "", text_of(target)
    if old is not None and old != new and target.stat().st_mode & stat.S_IWUSR:
        name = target.relative_to(work).as_posix()
        kept = keep_copy(work, target.name, old)
        say(_("Your changes to {name} are kept in {kept}.").format(name=name, kept=kept))
    put(target, new, mode=_READ_ONLY)


def _remove_former(target: Path, wanted: set[Path]) -> None:
    """Files that the course no longer has; what may be written is the learner's."""
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_dir():
            with contextlib.suppress(OSError):  # not empty
                path.rmdir()
        elif path.relative_to(target) not in wanted and not path.stat().st_mode & stat.S_IWUSR:
            path.unlink()
