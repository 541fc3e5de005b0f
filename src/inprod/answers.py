"""The learner's answers: plain files in `work/answers/<ID>/`, written whole or not at all, and never lost."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from inprod.errors import InprodError
from inprod.exercises import Exercise
from inprod.messages import _
from inprod.progress import Progress
from inprod.progress.salvage import alone
from inprod.progress.store import ANSWERS
from inprod.synced import Synced

#: What a check takes in at most.
MAX_BYTES: Final = 1024 * 1024


class NotSavedError(InprodError):
    """The disk did not take an answer: the file is as it was, and the text is where it came from."""


class Answers:
    """The answers in one learner's folder; a text that is replaced goes into the history of `progress` first.

    Raises:
        NotSavedError: from every method that writes: disk full, folder read-only. Nothing was changed.
        ProgressError: the history could not take the old text, so it was not replaced.
        InprodError: no such file, or something else than a plain file of text lies in its place.
    """

    def __init__(self, work: Path, progress: Progress) -> None:
        self.root = work / ANSWERS
        self._progress = progress
        self._synced = Synced(work)

    def folder(self, exercise: Exercise) -> Path:
        """Where the files of an exercise's answer lie, whether they are there yet or not."""
        return self.root / exercise.id

    def ensure(self, exercise: Exercise) -> Path:
        """The folder with every file in it; missing ones come from the starter."""
        paths = {file: self._path(exercise, file) for file in exercise.answer}
        if not all(path.exists() for path in paths.values()):
            with self._alone(exercise):
                for file, path in paths.items():
                    if not path.exists():
                        self._replace(path, starter(exercise, file).encode())
        return self.folder(exercise)

    def read(self, exercise: Exercise) -> dict[str, str]:
        """The texts by file name, in the exercise's order; where a file is missing, the starter's."""
        found = {}
        for file in exercise.answer:
            path = self._path(exercise, file)
            old = _bytes(path)
            try:
                found[file] = starter(exercise, file) if old is None else lf(old.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise _not_text(path) from error
        return found

    def write(self, exercise: Exercise, file: str, text: str, *, why: str) -> bool:
        """Put `text` into one file of the answer; whether that changed it.

        Args:
            exercise: whose answer.
            file: one of `exercise.answer`.
            text: the new content; line ends become LF, and the last line gets one.
            why: what replaces the old text: `run`, `reset`, `update`, `import` or `restore`.
        """
        path = self._path(exercise, file)
        new = _encoded(text, path)
        with self._alone(exercise):
            path = self._path(exercise, file)
            old = _bytes(path)
            if old == new:
                self._agree(exercise, file, text, why)
                return False
            if old is not None:
                # Bytes that are no text are kept spelled out: a lossy copy would be a loss.
                self._progress.keep(exercise.id, file, lf(old.decode("utf-8", "backslashreplace")), why)
            self._replace(path, new)
            self._agree(exercise, file, text, why)
        return True

    def _agree(self, exercise: Exercise, file: str, text: str, why: str) -> None:
        """Where a cell was run, cell and file are the same: a file that is changed by hand later is the newer one."""
        if why == "run":
            self._synced.save({(exercise.id, file): lf(text)})

    def untouched(self, exercise: Exercise) -> bool:
        """Whether the answer still is the starter, word for word; what can't be read is not."""
        try:
            return all(text == starter(exercise, file) for file, text in self.read(exercise).items())
        except InprodError:
            return False

    def reset(self, exercise: Exercise) -> dict[str, str]:
        """Put the starter back, the old texts into the history; the starter's texts by file name."""
        texts = {file: starter(exercise, file) for file in exercise.answer}
        for file, text in texts.items():
            self.write(exercise, file, text, why="reset")
        return texts

    def restore(self, exercise: Exercise, file: str, uuid: str) -> bool:
        """Put one text of the history back in place; whether that changed the file."""
        self._path(exercise, file)
        kept = self._progress.kept(exercise.id, file)
        for old in kept:
            if old.uuid == uuid:
                return self.write(exercise, file, old.content, why="restore")
        raise InprodError(
            _("The history holds no such text of {file}.").format(file=file),
            looked=_("{uuid}, among {n} kept for {id}").format(uuid=uuid, n=len(kept), id=exercise.id),
            do=_("name one that the history shows"),
        )

    def _path(self, exercise: Exercise, file: str) -> Path:
        """The file, once it is sure that it is one of the exercise's, and a plain file or not there yet."""
        if file not in exercise.answer:
            raise InprodError(
                _("{id} has no answer file {file}.").format(id=exercise.id, file=file),
                looked=_("the files of {id}: {files}").format(id=exercise.id, files=", ".join(exercise.answer)),
                do=_("name one of these"),
            )
        path = self.root
        *folders, name = (exercise.id, *file.split("/"))
        for part in folders:
            path /= part
            if _mode(path) not in (None, stat.S_IFDIR):
                raise _in_the_way(path, _("a folder of its own"))
        path /= name
        if _mode(path) not in (None, stat.S_IFREG):
            raise _in_the_way(path, _("a plain file"))
        return path

    @contextlib.contextmanager
    def _alone(self, exercise: Exercise) -> Iterator[None]:
        """Between reading the old text and replacing it no other kernel may write: its text would be lost."""
        folder = self.folder(exercise)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with alone(folder):
                yield
        except OSError as error:
            raise _not_saved(folder, error) from error

    def _replace(self, path: Path, content: bytes) -> None:
        # Not beside the file: what a killed kernel leaves behind must not look like an answer.
        draft = self.root / f".draft-{secrets.token_hex(8)}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("xb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            draft.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise _not_saved(path, error) from error


def starter(exercise: Exercise, file: str) -> str:
    """One file as the exercise ships it."""
    return lf((exercise.starter / file).read_text(encoding="utf-8"))


def lf(text: str) -> str:
    """`text` with the line ends of Unix."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _encoded(text: str, path: Path) -> bytes:
    text = lf(text)
    if text and not text.endswith("\n"):
        text += "\n"
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise _not_text(path) from error
    if len(content) > MAX_BYTES:
        raise InprodError(
            _("The answer is over 1 MB, so it was not saved."),
            looked=_("{path}: {n} bytes").format(path=path, n=len(content)),
            do=_("shorten it; data belongs into a file that your code makes"),
        )
    return content


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InprodError(
            _("An answer file could not be read: {reason}.").format(reason=error.strerror or error),
            looked=str(path),
            do=_("make it readable for you, then try again"),
        ) from error


def _mode(path: Path) -> int | None:
    """What lies there, links not followed; None for nothing."""
    try:
        return stat.S_IFMT(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InprodError(
            _("The folder of your answers could not be read: {reason}.").format(reason=error.strerror or error),
            looked=str(path),
            do=_("make it readable for you, then try again"),
        ) from error


def _in_the_way(path: Path, wanted: str) -> InprodError:
    kind = _("a link") if path.is_symlink() else _("a folder") if path.is_dir() else _("something else")
    return InprodError(
        _("{kind} lies where {wanted} belongs.").format(kind=kind[:1].upper() + kind[1:], wanted=wanted),
        looked=str(path),
        do=_("move it away, then try again; nothing was changed"),
    )


def _not_text(path: Path) -> InprodError:
    return InprodError(_("The answer is not UTF-8 text."), looked=str(path), do=_("save it as UTF-8, then try again"))


def _not_saved(path: Path, error: OSError) -> NotSavedError:
    return NotSavedError(
        _("Your answer was not saved: {reason}.").format(reason=error.strerror or error),
        looked=str(path),
        do=_("free some space, or make the folder writable; then run the cell again. Your text is still in the cell"),
    )
