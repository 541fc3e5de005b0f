import os

import pytest
from sqlalchemy import text

from guiche.db import make_engine, make_sessions


@pytest.fixture(scope="session")
def engine():
    engine = make_engine(os.environ["DATABASE_URL"])
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine):
    yield make_sessions(engine)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM orders"))


@pytest.fixture
def session(sessions):
    with sessions() as session:
        yield session
