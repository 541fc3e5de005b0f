"""Fixtures for your tests: a real Postgres, and a world in it that is new for each test."""

import os
import sys

import pytest
from sqlalchemy import text
from world import furnish

from guiche.db import make_engine, make_sessions

TABLES = "order_items, order_notes, payments, reviews, outbox, webhook_events, orders, tiers, events, users"


def _no_sqlite(event, _args):
    if event == "sqlite3.connect":
        raise RuntimeError("SQLite is not Postgres: it has no time zones, and another opinion about capitals")


sys.addaudithook(_no_sqlite)


@pytest.fixture(scope="session")
def pg():
    """The address of a real Postgres with Guichê's tables."""
    return os.environ["DATABASE_URL"]


@pytest.fixture
def session(pg):
    """A session on that Postgres, whose tables are empty when the test begins."""
    engine = make_engine(pg)
    with make_sessions(engine)() as session:
        session.execute(text(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE"))
        session.commit()
        yield session
    engine.dispose()


@pytest.fixture
def world(session):
    """A customer, an event and ten seats."""
    return furnish(session)
