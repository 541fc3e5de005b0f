"""Progress as one JSON file, to carry to another machine."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from pathlib import Path
from typing import Any

from inprod.errors import InprodError
from inprod.messages import _
from inprod.progress import rows
from inprod.progress.schema import TABLES, cannot_write

KIND = "inprod-progress"
SCHEMA = 1
_MAX_BYTES = 256 * 1024 * 1024


def write(connection: sqlite3.Connection, target: Path) -> int:
    """Write every row to `target`, readable by its owner alone; the number of rows."""
    tables = {table: _export(connection, table) for table in TABLES}
    text = json.dumps({"kind": KIND, "schema": SCHEMA, **tables}, ensure_ascii=False, indent=1)
    # Beside the target and moved over it: an export that breaks off leaves the older one whole.
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as f:
            f.write(text + "\n")
            f.flush()
            os.fsync(f.fileno())
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise cannot_write(target, error.strerror or str(error)) from error
    return sum(len(table) for table in tables.values())


def read(source: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of an export, every one checked.

    Raises:
        InprodError: the file can't be read or is not an export; `looked` names the table and the row.
    """
    try:
        if source.stat().st_size > _MAX_BYTES:
            raise _bad(source, _("the file is over 256 MB"))
        data = json.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise InprodError(
            _("The file could not be read: {reason}.").format(reason=error.strerror or error),
            looked=str(source),
            do=_("name a file that `inprod progress --export FILE` has written"),
        ) from error
    except (ValueError, RecursionError) as error:
        raise _bad(source, _("it is not JSON: {error}").format(error=error)) from error
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise _bad(source, _('it does not say `"kind": "{kind}"`').format(kind=KIND))
    if data.get("schema") != SCHEMA:
        raise InprodError(
            _("The file was written by another version of the course."),
            looked=_("{file}: schema {theirs}; this course reads schema {ours}").format(
                file=source, theirs=data.get("schema"), ours=SCHEMA
            ),
            do=_("update the course, then import again; nothing was changed"),
        )
    return {table: _import(source, table, data.get(table, [])) for table in TABLES}


def merge(connection: sqlite3.Connection, tables: dict[str, list[dict[str, Any]]]) -> int:
    """Add the rows that are not there yet; how many they were."""
    before = connection.total_changes
    for table, found in tables.items():
        connection.executemany(rows.insert(table), found)
    return connection.total_changes - before


def _export(connection: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    found = connection.execute(f"SELECT {', '.join(TABLES[table])} FROM {table} ORDER BY at, uuid")  # noqa: S608
    return [
        {name: json.loads(row[name]) if name in rows.JSON_COLUMNS else row[name] for name in TABLES[table]}
        for row in found
    ]


def _import(source: Path, table: str, found: Any) -> list[dict[str, Any]]:
    if not isinstance(found, list):
        raise _bad(source, _("`{table}` is not a list").format(table=table))
    good = []
    for number, row in enumerate(found, start=1):
        try:
            if not isinstance(row, dict):
                raise rows.RowError("it is not an object")
            packed = {n: json.dumps(v) if n in rows.JSON_COLUMNS else v for n, v in row.items()}
            good.append(rows.checked(table, packed))
        except rows.RowError as error:
            trouble = _("`{table}`, entry {number}: {error}").format(table=table, number=number, error=error)
            raise _bad(source, trouble) from error
    return good


def _bad(source: Path, trouble: str) -> InprodError:
    return InprodError(
        _("This is not a file of exported progress, so nothing was changed."),
        looked=f"{source}: {trouble}",
        do=_("name a file that `inprod progress --export FILE` has written"),
    )
