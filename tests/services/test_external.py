"""Servers of the learner's own: used, and left as they were."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import redis

from inprod.errors import ServiceError
from inprod.services import settings
from inprod.services.embedded import Embedded
from inprod.services.external import POSTGRES_VARIABLE, REDIS_VARIABLE, External

BOTH = frozenset({"postgres", "redis"})


@pytest.fixture(scope="module")
def theirs() -> Iterator[tuple[str, str]]:
    """The URLs of a Postgres superuser and of a Redis, as a learner would have them."""
    services = Embedded()
    with services.lease(BOTH, "theirs") as lease:
        assert lease.redis
        assert services._databases
        yield services._databases._url, lease.redis.url
    services.close()


def _numbered(url: str, number: int) -> redis.Redis:
    return redis.Redis.from_url(f"{url.rpartition('/')[0]}/{number}")


@pytest.fixture
def services(theirs: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> External:
    """The backend that the environment names."""
    monkeypatch.setenv(POSTGRES_VARIABLE, theirs[0])
    monkeypatch.setenv(REDIS_VARIABLE, theirs[1])
    return External()


def test_a_lease_works_and_leaves_nothing(services: External, theirs: tuple[str, str]) -> None:
    """Database, roles, keys and claim are gone afterwards."""
    with services.lease(BOTH, "ext") as lease:
        assert lease.postgres
        assert lease.redis
        with psycopg.connect(lease.postgres.url) as connection:
            connection.execute("CREATE TABLE mine (id int)")
        with redis.Redis.from_url(lease.redis.url) as client:
            client.set("mine", 1)
    with psycopg.connect(theirs[0]) as admin:
        assert admin.execute("SELECT 1 FROM pg_database WHERE datname LIKE 'ext%'").fetchall() == []
        assert admin.execute("SELECT 1 FROM pg_roles WHERE rolname LIKE 'ext%'").fetchall() == []
    with redis.Redis.from_url(theirs[1]) as client:
        assert client.info("keyspace") == {}


def test_a_redis_database_that_holds_something_is_never_taken(services: External, theirs: tuple[str, str]) -> None:
    """Their keys stay, whatever number they lie in, and two leases never share one."""
    kept = {number: _numbered(theirs[1], number) for number in (0, 1, 3)}
    for number, client in kept.items():
        client.set("theirs", number)
    with services.lease(frozenset({"redis"}), "one") as one, services.lease(frozenset({"redis"}), "two") as two:
        assert one.redis
        assert two.redis
        assert [one.redis.url.rpartition("/")[2], two.redis.url.rpartition("/")[2]] == ["2", "4"]
    assert {number: client.get("theirs") for number, client in kept.items()} == {0: b"0", 1: b"1", 3: b"3"}
    for client in kept.values():
        client.flushdb()
        client.close()


def test_a_redis_without_an_empty_database_is_refused(services: External, theirs: tuple[str, str]) -> None:
    """Nothing is emptied to make room."""
    clients = [_numbered(theirs[1], number) for number in range(1, 15)]
    for client in clients:
        client.set("theirs", 1)
    with pytest.raises(ServiceError, match="no empty database"), services.lease(frozenset({"redis"}), "none"):
        pass
    for client in clients:
        assert client.get("theirs") == b"1"
        client.flushdb()
        client.close()


def test_a_variable_that_is_missing_is_named(services: External, monkeypatch: pytest.MonkeyPatch) -> None:
    """One URL is set, the other needed."""
    monkeypatch.delenv(REDIS_VARIABLE)
    with pytest.raises(ServiceError) as caught:
        services.start(frozenset({"redis"}))
    assert REDIS_VARIABLE in caught.value.do


@pytest.mark.parametrize(("need", "variable", "url"), [
    ("postgres", POSTGRES_VARIABLE, "postgresql://postgres@127.0.0.1:1/postgres"),
    ("redis", REDIS_VARIABLE, "redis://127.0.0.1:1/0"),
    ("redis", REDIS_VARIABLE, "http://127.0.0.1:1/0"),
])  # fmt: skip
def test_a_server_that_does_not_answer_is_told(
    services: External, monkeypatch: pytest.MonkeyPatch, need: str, variable: str, url: str
) -> None:
    """Refused and malformed URLs end in an error with a remedy, within seconds."""
    monkeypatch.setenv(variable, url)
    with pytest.raises(ServiceError, match="refused"):
        services.start(frozenset({need}))


def test_an_old_server_is_refused(services: External, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its version and the one that is needed stand in the message."""
    monkeypatch.setattr(settings, "OLDEST_POSTGRES", 99)
    with pytest.raises(ServiceError, match="too old") as caught:
        services.start(frozenset({"postgres"}))
    assert "99" in caught.value.do
