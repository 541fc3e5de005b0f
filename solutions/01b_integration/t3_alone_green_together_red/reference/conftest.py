"""Fixtures of all tests."""

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
    """Makes the application's sessions, all in one transaction that nobody commits."""
    with engine.connect() as connection:
        around = connection.begin()
        yield sessionmaker(
            connection, expire_on_commit=False, join_transaction_mode="create_savepoint"
        )
        around.rollback()


@pytest.fixture
def session(sessions):
    """One of them, for tests that need no more."""
    with sessions() as session:
        yield session
