"""Sessions on a database of the test's own, and a count of what is sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, sessionmaker

from guiche.db import make_engine, make_sessions


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The engine that the application would have."""
    made = make_engine(database_url, pool_size=20)
    yield made
    made.dispose()


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    """Makes sessions."""
    return make_sessions(engine)


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """One session."""
    with sessions() as made:
        yield made


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """The statements that are sent until the end of the block."""
    sent: list[str] = []

    def remember(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", remember)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", remember)
