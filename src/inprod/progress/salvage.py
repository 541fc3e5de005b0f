"""A damaged progress file is moved aside, and what can still be read goes into a new one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inprod.messages import _
from inprod.progress import rows
from inprod.progress.schema import TABLES, cannot_write, in_memory, sound, writing

_PAGE = 4096
_HEADER = 100
#: Row ids that are tried one by one where the table can't be walked.
_MAX_PROBES = 20_000
_LOCK_SECONDS = 10.0


@dataclass(frozen=True)
class Salvaged:
    """What a repair found."""

    aside: Path
    kept: int  #: rows of all tables
    answers: int  #: files of answers/ that went into the history again

    @property
    def notice(self) -> str:
        """The sentence for the learner."""
        return _(
            "Your progress file was damaged, so it was built anew: {kept} of its records could still be read, "
            "and your {answers} saved answer files are untouched. The damaged file is kept as `{name}`."
        ).format(kept=self.kept, answers=self.answers, name=self.aside.name)


def repair(path: Path, answers: Path) -> Salvaged | None:
    """Replace a damaged file; None where another kernel has done it meanwhile.

    Raises:
        ProgressError: the folder cannot be written.
    """
    try:
        with alone(path.parent):
            if sound(path):
                return None
            aside = _move_aside(path)
            found = _readable(aside)
            return Salvaged(aside, _restore(path, found), _keep_answers(path, answers))
    except OSError as error:
        raise cannot_write(path, error.strerror or str(error)) from error


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """The only one at work in this folder, of all processes: a lock on the folder itself needs no further file."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)  # polling a lock that its holder drops within milliseconds
            except OSError:  # some network file systems lock no folders; renaming is atomic all the same
                break
        yield
    finally:
        os.close(handle)


def _move_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    # The journal first: beside a new file of the old name it would be rolled back into it.
    for suffix in ("-journal", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
    path.replace(aside)
    return aside


def _readable(aside: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Every row that makes sense, by table and uuid; the damaged file itself is only read."""
    found: dict[str, dict[str, dict[str, Any]]] = {table: {} for table in TABLES}
    with tempfile.TemporaryDirectory(prefix="inprod-salvage-") as folder:
        for first_page in (None, _fresh_first_page()):
            copy = Path(folder) / "copy.sqlite"
            shutil.copyfile(aside, copy)
            journal = aside.with_name(aside.name + "-journal")
            if journal.exists():
                shutil.copyfile(journal, copy.with_name(copy.name + "-journal"))
            if first_page:
                _replace_first_page(copy, first_page)
            # The copy is ours, so the journal is rolled back by the first read.
            with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(copy)) as connection:
                for table in TABLES:
                    found[table] |= _rows(connection, table)
    return found


def _fresh_first_page() -> bytes:
    """Header and table of contents of an empty file: ours are laid out alike, so it fits every one of them."""
    with closing(in_memory()) as connection:
        return connection.serialize()[:_PAGE]


def _replace_first_page(copy: Path, page: bytes) -> None:
    data = bytearray(copy.read_bytes())
    data[: len(page)] = page
    # Size in pages and its stamp: zero makes SQLite go by the file's own length. The free list is forgotten.
    for start, end in ((28, 40), (92, 96)):
        data[start:end] = bytes(end - start)
    copy.write_bytes(data)


def _rows(connection: sqlite3.Connection, table: str) -> dict[str, dict[str, Any]]:
    """What can be read of one table: from the front, from the back, then id by id between the two."""
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    found: dict[str, dict[str, Any]] = {}
    last = _walk(connection, table, "ASC", found)
    first = _walk(connection, table, "DESC", found)
    if last is None and first is None and not found:
        return found
    start = (last or 0) + 1
    for rowid in range(start, min(first or start + _MAX_PROBES, start + _MAX_PROBES)):
        with contextlib.suppress(sqlite3.Error):
            _take(connection.execute(_select(table, "WHERE rowid = ?"), (rowid,)).fetchone(), table, found)
    return found


def _walk(connection: sqlite3.Connection, table: str, order: str, found: dict[str, dict[str, Any]]) -> int | None:
    """Take rows until the damage; the last row id that was read."""
    rowid = None
    with contextlib.suppress(sqlite3.Error):
        # Without the index: damage in it must not hide rows.
        for row in connection.execute(_select(table, f"NOT INDEXED ORDER BY rowid {order}")):
            rowid = row[0]
            _take(row, table, found)
    return rowid


def _select(table: str, rest: str) -> str:
    return f"SELECT rowid, {', '.join(TABLES[table])} FROM {table} {rest}"  # noqa: S608 - our own names


def _take(row: tuple[Any, ...] | None, table: str, found: dict[str, dict[str, Any]]) -> None:
    if row is None:
        return
    with contextlib.suppress(rows.RowError):
        good = rows.checked(table, dict(zip(TABLES[table], row[1:], strict=True)))
        found[good["uuid"]] = good


def _restore(path: Path, found: dict[str, dict[str, dict[str, Any]]]) -> int:
    with writing(path) as connection:
        for table, by_uuid in found.items():
            ordered = sorted(by_uuid.values(), key=lambda row: row["at"])
            connection.executemany(rows.insert(table), ordered)
    return sum(len(by_uuid) for by_uuid in found.values())


def _keep_answers(path: Path, answers: Path) -> int:
    """The answers as they lie on disk, into the history again; what is not text is left where it is."""
    count = 0
    with writing(path) as connection:
        for file in sorted(answers.glob("*/**/*")) if answers.is_dir() else ():
            if file.is_symlink() or not file.is_file():
                continue
            with contextlib.suppress(UnicodeDecodeError):
                exercise, *name = file.relative_to(answers).parts
                row = {
                    **rows.stamp(),
                    "exercise": exercise,
                    "file": "/".join(name),
                    "content": file.read_text(encoding="utf-8"),
                    "why": "import",
                }
                connection.execute(rows.insert("history"), row)
                count += 1
    return count
