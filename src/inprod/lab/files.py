"""Files of the learner's folder: written whole or not at all, and only where they change."""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
from pathlib import Path
from typing import Final

from inprod.errors import InprodError
from inprod.messages import _

KEPT: Final = "kept"


def text_of(path: Path) -> str | None:
    """A file's text; None where there is none. Bytes that are no UTF-8 stay visible as escapes."""
    try:
        return path.read_bytes().decode("utf-8", "backslashreplace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InprodError(
            _("A file of your folder could not be read: {reason}.").format(reason=error.strerror or error),
            looked=str(path),
            do=_("move it away or make it readable for you, then run `inprod lab` again"),
        ) from error


def put(path: Path, text: str, *, mode: int | None = None) -> bool:
    """Write `text` unless the file holds it already; whether it was written. `mode`: its permissions, if not the usual.

    Raises:
        InprodError: disk full, folder read-only; the file is as it was.
    """
    content = text.encode()
    draft = path.parent / f".draft-{secrets.token_hex(8)}"
    try:
        if path.is_file() and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("xb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        if mode is not None:
            draft.chmod(mode)
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise not_written(path, error) from error
    return True


def keep_copy(work: Path, name: str, text: str) -> str:
    """Put `text` into the kept copies under a new name with today's date; the name below the learner's folder."""
    target = _free(work, name)
    put(target, text)
    return target.relative_to(work).as_posix()


def move_aside(work: Path, path: Path) -> str:
    """Move a file as it is to the kept copies; its new name below the learner's folder."""
    target = _free(work, f"{path.stem}-damaged{path.suffix}")
    try:
        target.parent.mkdir(exist_ok=True)
        path.replace(target)
    except OSError as error:
        raise not_written(target, error) from error
    return target.relative_to(work).as_posix()


def not_written(path: Path, error: OSError) -> InprodError:
    """What a learner is told when the disk refuses."""
    return InprodError(
        _("Your folder could not be written: {reason}.").format(reason=error.strerror or error),
        looked=str(path),
        do=_("free some space, or make the folder writable for you; then run `inprod lab` again. Nothing was lost"),
    )


def _free(work: Path, name: str) -> Path:
    stem, suffix = Path(name).stem, Path(name).suffix
    today = datetime.date.today().isoformat()
    number = 1
    target = work / KEPT / f"{stem}-{today}{suffix}"
    while target.exists() or target.is_symlink():
        number += 1
        target = work / KEPT / f"{stem}-{today}-{number}{suffix}"
    return target
