"""One row of a table, looked at before it is believed: from an export, or from a damaged file."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from typing import Any

from inprod.progress.schema import TABLES
from inprod.results import Report, Verdict

_NUMBERS = frozenset({"level"})
#: Columns that hold JSON: as text in the file, as data in an export.
JSON_COLUMNS = frozenset({"report", "guess"})
_MAX_TEXT = 4_000_000


class RowError(ValueError):
    """A row is not what its table holds; the text says why."""


def stamp() -> dict[str, str]:
    """The first two columns of a new row."""
    return {"uuid": uuid.uuid4().hex, "at": dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")}


def insert(table: str) -> str:
    """The statement that adds a row once: what is there already, by uuid, stays as it is."""
    columns = TABLES[table]
    marks = ", ".join(f":{name}" for name in columns)
    return f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our own names


def checked(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """`row` as it may be inserted into `table`.

    Raises:
        RowError: a column is missing, of another type, or does not say what it should.
    """
    found: dict[str, Any] = {}
    for column in TABLES[table]:
        value = row.get(column)
        kind = int if column in _NUMBERS else str
        if type(value) is not kind or (isinstance(value, str) and len(value) > _MAX_TEXT):
            raise RowError(f"{column} is not {'a number' if kind is int else 'text'}")
        found[column] = value
    _check_values(table, found)
    return found


def _check_values(table: str, row: Mapping[str, Any]) -> None:
    try:
        if uuid.UUID(row["uuid"]).hex != row["uuid"]:
            raise RowError("uuid is not one")
        if dt.datetime.fromisoformat(row["at"]).tzinfo is None:
            raise RowError("at is not a time with its zone")
        for column in JSON_COLUMNS & row.keys():
            if not isinstance(json.loads(row[column]), dict):
                raise RowError(f"{column} is not an object")
        if table == "attempts":
            report = Report.from_dict(json.loads(row["report"]))
            if (report.exercise, report.verdict) != (row["exercise"], Verdict(row["verdict"])):
                raise RowError("report and verdict differ")
    except RowError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RowError(f"{type(error).__name__}: {error}") from error
