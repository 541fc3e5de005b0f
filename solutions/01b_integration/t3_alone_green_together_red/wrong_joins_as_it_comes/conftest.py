import os

import pytest
from sqlalchemy.orm import sessionmaker

from guiche.db import make_engine


@pytest.fixture(scope="session")
def engine():
    engine = make_engine(os.environ["DATABASE_URL"])
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine):
    with engine.connect() as connection:
        around = connection.begin()
        yield sessionmaker(connection, expire_on_commit=False)
        around.rollback()


@pytest.fixture
def session(sessions):
    with sessions() as session:
        yield session
