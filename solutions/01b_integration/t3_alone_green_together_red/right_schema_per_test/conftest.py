import contextlib
import os
from uuid import uuid4

import pytest
from sqlalchemy import text

from guiche.db import make_engine, make_sessions
from guiche.models import Base


@contextlib.contextmanager
def tables_of_its_own():
    url = os.environ["DATABASE_URL"]
    name = f"t{uuid4().hex}"
    engine = make_engine(f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}")
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
            Base.metadata.create_all(connection)
        yield engine
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    finally:
        engine.dispose()


@pytest.fixture
def sessions():
    with tables_of_its_own() as engine:
        yield make_sessions(engine)


@pytest.fixture
def session(sessions):
    with sessions() as session:
        yield session
