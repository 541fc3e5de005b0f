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
from inprod.progress.schema import TABLES, cannot_write, sound, writing

_PAGE = 4096
#: The first byte of a page that holds rows.
_LEAF = 13
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
        copy = Path(folder) / "copy.sqlite"
        shutil.copyfile(aside, copy)
        journal = aside.with_name(aside.name + "-journal")
        if journal.exists():
            shutil.copyfile(journal, copy.with_name(copy.name + "-journal"))
        # The copy is ours, so a journal is rolled back by the first read.
        with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(copy)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        data = copy.read_bytes()
        for row in _rows(Path(folder) / "leaf.sqlite", data):
            _take(row, found)
    return found


def _rows(leaf: Path, data: bytes) -> Iterator[tuple[Any, ...]]:
    """The rows of every page that still holds some, whatever became of the tables that led there.

    A page with rows, put in the place of a small table's only page, is that table; long texts go on in
    further pages, which keep their numbers.
    """
    leaf.write_bytes(_first_page(len(data) // _PAGE) + data[_PAGE:])
    for start in range(_PAGE, len(data) - _PAGE + 1, _PAGE):
        if data[start] != _LEAF:
            continue
        with leaf.open("r+b") as handle:
            handle.seek(_PAGE)
            handle.write(data[start : start + _PAGE])
        with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(leaf)) as connection:
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            for order in ("ASC", "DESC"):  # up to the damage, from either side
                with contextlib.suppress(sqlite3.Error):
                    yield from connection.execute(f"SELECT * FROM leaf ORDER BY rowid {order}")  # noqa: S608


def _first_page(pages: int) -> bytes:
    """Header and contents of a file of so many pages whose second one is the table `leaf`."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE leaf (a, b, c, d, e, f)")
        page = bytearray(connection.serialize()[:_PAGE])
    page[28:32] = pages.to_bytes(4, "big")
    return bytes(page)


def _take(row: tuple[Any, ...], found: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Put a row into the table that it fits: the ones that look closer come first."""
    for table in ("attempts", "predictions", "hints", "history", "solutions"):
        columns = TABLES[table]
        with contextlib.suppress(rows.RowError):
            if any(value is not None for value in row[len(columns) :]):
                continue
            good = rows.checked(table, dict(zip(columns, row, strict=False)))
            found[table][good["uuid"]] = good
            return


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
