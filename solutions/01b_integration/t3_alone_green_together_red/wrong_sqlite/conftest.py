import pytest
from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import BigInteger

from guiche.models import Base


@compiles(JSONB, "sqlite")
def json_there(*_args, **_options):
    return "JSON"


@compiles(BigInteger, "sqlite")
def integer_there(*_args, **_options):
    return "INTEGER"


@pytest.fixture
def sessions():
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    yield sessionmaker(engine, expire_on_commit=False)
    engine.dispose()


@pytest.fixture
def session(sessions):
    with sessions() as session:
        yield session
