"""Fixtures of all tests."""

import os

import pytest

from guiche.db import make_engine, make_sessions


@pytest.fixture(scope="session")
def sessions():
    """Makes the sessions of the application: `with sessions.begin() as session: ...`"""
    engine = make_engine(os.environ["DATABASE_URL"])
    yield make_sessions(engine)
    engine.dispose()


@pytest.fixture
def session(sessions):
    """One of them, for tests that need no more."""
    with sessions() as session:
        yield session
