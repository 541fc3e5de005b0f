"""The tables of the progress file, and how a connection to it is made."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from inprod.errors import InprodError
from inprod.messages import _

#: Marks the file as ours (`PRAGMA application_id`): "inpr".
APPLICATION = 0x696E7072
VERSION = 1
#: How long a writer waits for another kernel's transaction.
BUSY_SECONDS = 10.0

#: The tables and their columns, in this order, also in an export. `uuid` makes a merge safe to repeat.
TABLES = {
    "attempts": ("uuid", "at", "exercise", "version", "verdict", "report"),
    "hints": ("uuid", "at", "exercise", "level"),
    "solutions": ("uuid", "at", "exercise"),
    "predictions": ("uuid", "at", "name", "guess"),
    "history": ("uuid", "at", "exercise", "file", "content", "why"),
}

_CREATE = """
CREATE TABLE IF NOT EXISTS attempts (
  uuid TEXT NOT NULL UNIQUE, at TEXT NOT NULL, exercise TEXT NOT NULL, version TEXT NOT NULL,
  verdict TEXT NOT NULL, report TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS hints (
  uuid TEXT NOT NULL UNIQUE, at TEXT NOT NULL, exercise TEXT NOT NULL, level INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS solutions (
  uuid TEXT NOT NULL UNIQUE, at TEXT NOT NULL, exercise TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS predictions (
  uuid TEXT NOT NULL UNIQUE, at TEXT NOT NULL, name TEXT NOT NULL, guess TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS history (
  uuid TEXT NOT NULL UNIQUE, at TEXT NOT NULL, exercise TEXT NOT NULL, file TEXT NOT NULL,
  content TEXT NOT NULL, why TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_exercise ON attempts (exercise);
CREATE INDEX IF NOT EXISTS history_file ON history (exercise, file);
"""


class ProgressError(InprodError):
    """The progress file cannot be read or written; whatever was judged is still shown."""


class DamagedError(Exception):
    """The file is not, or no longer, a database of ours."""


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection in one transaction, with the tables there; committed at the end, rolled back on an error.

    A connection lives only as long as one operation: nothing is held when a kernel dies.

    Raises:
        DamagedError: the file is not a database of ours.
        ProgressError: it cannot be written: disk full, read-only, locked, or newer than this course.
    """
    try:
        _make_private(path)
        with closing(_connect(path)) as connection:
            # A write lock from the start: two kernels queue, and none has to start over.
            connection.execute("BEGIN IMMEDIATE")
            if _is_empty(connection, path):
                _create(connection)
            yield connection
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise _translated(error, path) from error
    except OSError as error:
        raise cannot_write(path, error.strerror or str(error)) from error


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to read with; where there is no file yet, to empty tables. Works in a read-only folder.

    Raises:
        DamagedError: the file is not a database of ours.
        ProgressError: it cannot be read, or is newer than this course.
    """
    try:
        if path.exists():
            with closing(_connect(path)) as connection:
                if not _is_empty(connection, path):
                    yield connection
                    return
        with closing(in_memory()) as connection:
            yield connection
    except sqlite3.Error as error:
        raise _translated(error, path) from error
    except OSError as error:
        raise cannot_write(path, error.strerror or str(error)) from error


def sound(path: Path) -> bool:
    """Whether the whole file can be read and is ours; one that is not there yet is, one of 0 bytes was cut off."""
    try:
        if path.stat().st_size == 0:
            return False
    except OSError:  # not there, or not readable: told by whoever reads it
        pass
    try:
        with reading(path) as connection:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except DamagedError:
        return False
    return bool(answer == "ok")


def cannot_write(path: Path, reason: str) -> ProgressError:
    """The error for trouble with the disk."""
    return ProgressError(
        _("Your progress could not be saved: {reason}.").format(reason=reason.rstrip(".")),
        looked=str(path),
        do=_("free some space, or make the folder writable; then run the cell again"),
    )


def _make_private(path: Path) -> None:
    """Have the file there, readable by its owner alone, also before the first row is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make_whole(path)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _make_whole(path: Path) -> None:
    """The file with its tables, or none: so one of 0 bytes is never a new one, it is one that was cut off."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(_connect(draft)) as connection:
            connection.execute("BEGIN")
            _create(connection)
            connection.execute("COMMIT")
        with contextlib.suppress(FileExistsError):  # another kernel was faster
            os.link(draft, path)
    except PermissionError:  # a file system without hard links
        if not path.exists():
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def in_memory() -> sqlite3.Connection:
    """Fresh, empty tables."""
    connection = _connect(":memory:")
    _create(connection)
    return connection


def _connect(path: Path | str) -> sqlite3.Connection:
    # The rollback journal is the default: unlike WAL it works on network and bind mounts, and in one file.
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


def _is_empty(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether there are no tables yet; a file of another program or a newer form is an error."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if (application, version) == (APPLICATION, VERSION):
        return False
    if application != APPLICATION:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise DamagedError(f"{path} belongs to another program")
        return True
    if version > VERSION:
        raise ProgressError(
            _("Your progress was written by a newer version of the course."),
            looked=_("{path}: form {theirs}; this course knows form {ours}").format(
                path=path, theirs=version, ours=VERSION
            ),
            do=_("update the course, then try again; nothing was changed"),
        )
    return True


def _create(connection: sqlite3.Connection) -> None:
    for statement in _CREATE.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute(f"PRAGMA user_version={VERSION}")


def _translated(error: sqlite3.Error, path: Path) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or _is_damage(error):
        return DamagedError(str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ProgressError(
            _("Your progress could not be saved: another program holds the file."),
            looked=str(path),
            do=_("close the other kernels that use this folder, then run the cell again"),
        )
    return cannot_write(path, str(error))


def _is_damage(error: sqlite3.Error) -> bool:
    """Tables that are not there, or text that is none: SQLite gives both the code of a plain error."""
    signs = ("no such", "malformed", "could not decode")
    return isinstance(error, sqlite3.OperationalError) and str(error).lower().startswith(signs)
