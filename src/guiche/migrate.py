"""Bring a database to the newest schema; several instances may start it together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from guiche.db import make_engine

WAIT_SECONDS = 60.0
_PAUSE = 0.1
_TRY = text("SELECT pg_try_advisory_lock(hashtext('guiche migrations'))")
_UNLOCK = text("SELECT pg_advisory_unlock(hashtext('guiche migrations'))")


class MigrationBusy(Exception):
    """Somebody else has been migrating this database for longer than we wait."""


def upgrade(database_url: str) -> None:
    """Run what is missing, one instance after the other.

    Raises:
        MigrationBusy: another instance did not end in time.
    """
    engine = make_engine(database_url, pool_size=2)
    config = Config()
    config.set_main_option("script_location", "guiche:migrations")
    try:
        with _lock(engine), engine.connect() as connection:
            # A rewrite of a large table takes its time; a lock that others wait behind must not.
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("SET lock_timeout = '5s'"))
            connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


@contextmanager
def _lock(engine: Engine) -> Iterator[None]:
    """Hold the right to migrate; it ends with the connection, so a killed instance leaves nothing behind."""
    deadline = time.monotonic() + WAIT_SECONDS
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard:
        # Asked again and again: a statement that waits has a snapshot, and CREATE INDEX CONCURRENTLY waits for those.
        while not guard.scalar(_TRY):
            if time.monotonic() > deadline:
                raise MigrationBusy(f"another instance has been migrating for {WAIT_SECONDS:.0f} s")
            time.sleep(_PAUSE)
        try:
            yield
        finally:
            guard.execute(_UNLOCK)
