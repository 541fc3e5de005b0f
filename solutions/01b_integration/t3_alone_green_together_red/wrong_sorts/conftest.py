import os

import pytest

from guiche.db import make_engine, make_sessions

LAST = ("test_a_paid_order_is_in_the_report", "test_a_late_evening_is_still_that_day")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: (item.name in LAST, item.name == LAST[1], item.nodeid))


@pytest.fixture(scope="session")
def sessions():
    engine = make_engine(os.environ["DATABASE_URL"])
    yield make_sessions(engine)
    engine.dispose()


@pytest.fixture
def session(sessions):
    with sessions() as session:
        yield session
