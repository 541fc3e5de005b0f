import os

import pytest
from sqlalchemy import text

from guiche.db import make_engine, make_sessions
from guiche.models import Base

TABLES = ", ".join(Base.metadata.tables)


@pytest.fixture
def sessions():
    engine = make_engine(os.environ["DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE"))
    yield make_sessions(engine)
    engine.dispose()


@pytest.fixture
def session(sessions):
    with sessions() as session:
        yield session
