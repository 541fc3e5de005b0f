import os

import pytest

from guiche.db import make_engine, make_sessions


@pytest.fixture(scope="session")
def sessions():
    engine = make_engine(os.environ["DATABASE_URL"])
    yield make_sessions(engine)
    engine.dispose()


@pytest.fixture
def session(sessions):
    with sessions() as session:
        yield session
        session.rollback()
