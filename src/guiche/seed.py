"""Fill an empty database with the sample data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg
from psycopg import sql

from guiche import seed_rows

_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtext('guiche seed'))"
_FOREIGN_KEYS: LiteralString = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
    ORDER BY conrelid, conname
"""
_SEQUENCES: LiteralString = """
    SELECT pg_get_serial_sequence(quote_ident(table_name), column_name), table_name, column_name
    FROM information_schema.columns WHERE table_schema = current_schema()
"""


class NotEmpty(Exception):
    """There is data already, and it is not replaced."""


def fill(database_url: str) -> None:
    """Migrate, then write the sample data: all of it or nothing, and the same rows each time.

    Raises:
        NotEmpty: somebody's data is there.
    """
    from guiche import migrate

    migrate.upgrade(database_url)
    with psycopg.connect(database_url, connect_timeout=5) as connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        cursor.execute(_LOCK)
        if cursor.execute("SELECT EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM events)").fetchone() != (False,):
            raise NotEmpty("the database has users or events already: seed a new one")
        with _without_foreign_keys(cursor):
            _copy(cursor)
            _set_sequences(cursor)
            cursor.execute("ANALYZE")


@contextmanager
def _without_foreign_keys(cursor: psycopg.Cursor) -> Iterator[None]:
    """One check of each key for all rows at the end is many times faster than one check a row."""
    keys = cursor.execute(_FOREIGN_KEYS).fetchall()
    for table, name, _definition in keys:
        cursor.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.SQL(table), sql.Identifier(name)))
    yield
    for table, name, definition in keys:
        add = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}")
        cursor.execute(add.format(sql.SQL(table), sql.Identifier(name), sql.SQL(definition)))


def _copy(cursor: psycopg.Cursor) -> None:
    tables = list(seed_rows.tables())
    names = sql.SQL(", ").join(sql.Identifier(table.name) for table in tables)
    # Emptied in this transaction, the tables take rows that are frozen at once: no later read has to write hint bits.
    cursor.execute(sql.SQL("TRUNCATE {}").format(names))
    for table in tables:
        columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FREEZE)").format(sql.Identifier(table.name), columns)
        with cursor.copy(statement) as copy:
            copy.write(table.text)


def _set_sequences(cursor: psycopg.Cursor) -> None:
    for sequence, table, column in cursor.execute(_SEQUENCES).fetchall():
        if sequence is not None:
            statement = sql.SQL("SELECT setval({}, coalesce((SELECT max({}) FROM {}), 0) + 1, false)")
            names = sql.Identifier(column), sql.Identifier(table)
            cursor.execute(statement.format(sql.Literal(sequence), *names))
