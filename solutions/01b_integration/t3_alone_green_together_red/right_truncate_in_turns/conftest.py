import os

import pytest
from sqlalchemy import text

from guiche.db import make_engine, make_sessions
from guiche.models import Base

TABLES = ", ".join(table.name for table in Base.metadata.sorted_tables)
TURN = 20260314


@pytest.fixture(scope="session")
def engine():
    engine = make_engine(os.environ["DATABASE_URL"])
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine):
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as turn:
        turn.execute(text(f"SELECT pg_advisory_lock({TURN})"))
        yield make_sessions(engine)
        turn.execute(text(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE"))
        turn.execute(text(f"SELECT pg_advisory_unlock({TURN})"))


@pytest.fixture
def session(sessions):
    with sessions() as session:
        yield session
