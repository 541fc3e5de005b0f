"""Postgres and Redis in containers: private leases, and deaths that are told and mended."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker
import psycopg
import pytest
import redis

from inprod.results import Verdict
from inprod.running import run_check
from inprod.services import engine, images
from inprod.services.base import Lease
from inprod.services.containers import Containers
from inprod.testing import wait_until
from tests.services import engines
from tests.support import make_exercise, write_answer

BOTH = frozenset({"postgres", "redis"})
REDIS = frozenset({"redis"})
POSTGRES = frozenset({"postgres"})
CHECK = '''
from inprod.testing import saw

def test_both(answer, postgres, redis):
    """The answer counts in both."""
    postgres.execute("CREATE TABLE readers (name text)")
    env = {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
    value = answer.call("answer.py:answer", env=env, timeout=10)
    if value != [1, 1]:
        raise saw("wrong", did="Called it.", saw="{value}", needs="1 and 1", why="w", try_="t", value=value)
'''
ANSWER = """
import os
import psycopg
import redis

def answer():
    with psycopg.connect(os.environ["DATABASE_URL"]) as db:
        db.execute("INSERT INTO readers VALUES ('me')")
        rows = db.execute("SELECT count(*) FROM readers").fetchone()[0]
    return [rows, redis.Redis.from_url(os.environ["REDIS_URL"]).incr("readers")]
"""


def named(services: Containers, product: str) -> str:
    """The name of one container of `services`."""
    return next(name for name, server in services._all.items() if server.startswith(product))


def client(lease: Lease) -> redis.Redis:
    """A client of the lease's Redis."""
    assert lease.redis
    return redis.Redis.from_url(lease.redis.url, decode_responses=True, socket_timeout=5)


@pytest.fixture(scope="module")
def services() -> Iterator[Containers]:
    """One set of servers for this module."""
    containers = Containers()
    yield containers
    containers.close()


@pytest.fixture
def fresh() -> Iterator[Containers]:
    """Servers of a test's own, to break."""
    containers = Containers()
    yield containers
    containers.close()


@pytest.mark.docker
def test_starting_tells_what_it_does(fresh):
    """One line a container; a second start has nothing to say."""
    told: list[str] = []
    fresh.start(BOTH, told.append)
    chosen = images.images()
    assert told == [f"starting {chosen.postgres}", f"starting {chosen.redis}"]
    assert set(fresh.servers()) == BOTH
    assert fresh.servers()["postgres"].startswith("PostgreSQL 18")
    fresh.start(BOTH, told.append)
    assert len(told) == 2


@pytest.mark.docker
def test_threads_that_start_at_once_share_one_postgres(fresh):
    """A notebook and a check may come at the same moment."""
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(fresh.start, POSTGRES) for _ in range(4)]:
            future.result(timeout=60)
    assert len(fresh._all) == 1


@pytest.mark.docker
def test_two_leases_share_nothing(services):
    """Neither tables nor keys, and each login opens its own database only."""
    with services.lease(BOTH, "one") as one, services.lease(BOTH, "two") as two:
        with psycopg.connect(one.postgres.url) as mine:
            mine.execute("CREATE TABLE t (x int)")
        with psycopg.connect(two.postgres.url) as other:
            assert other.execute("SELECT to_regclass('t')").fetchone() == (None,)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(one.postgres.url.replace(f"/{one.postgres.database}", f"/{two.postgres.database}"))
        client(one).set("k", "one")
        assert client(two).keys("*") == []
        assert client(two).info("server")["run_id"] != client(one).info("server")["run_id"]


@pytest.mark.docker
def test_postgres_runs_with_our_settings(services):
    """The same as embedded, so that plans and timings agree."""
    with services.lease(POSTGRES, "settings") as lease, psycopg.connect(lease.postgres.judge_url) as judge:
        wanted = {"fsync": "off", "jit": "off", "shared_buffers": "32MB", "max_connections": "100", "TimeZone": "UTC"}
        assert {name: judge.execute(f"SHOW {name}").fetchone() for name in wanted} == {
            name: (value,) for name, value in wanted.items()
        }
        assert judge.execute("SELECT count(*) > 0 FROM pg_stat_statements").fetchone() == (True,)


@pytest.mark.docker
def test_the_data_is_in_memory(services):
    """Nothing of a database reaches a disk."""
    services.start(POSTGRES)
    found = engine.get(engines.url(), f"/containers/{named(services, 'PostgreSQL')}/json")
    assert "/inprod" in found["HostConfig"]["Tmpfs"]
    assert "PGDATA=/inprod/data" in found["Config"]["Env"]


@pytest.mark.docker
def test_a_redis_is_empty_for_the_next_lease(services):
    """Its keys, scripts, statistics and connections are the lease's own; the server is used again."""
    with services.lease(REDIS, "first") as lease:
        old = client(lease)
        old.set("k", 1)
        old.select(3)
        old.set("k", 3)
        digest = old.script_load("return 1")
        run_id = old.info("server")["run_id"]
        listener: Any = old.pubsub()  # type: ignore[no-untyped-call]
        listener.subscribe("news")
        assert old.pubsub_channels() == ["news"]
    with services.lease(REDIS, "second") as lease:
        new = client(lease)
        assert new.info("server")["run_id"] == run_id
        assert new.info("keyspace") == {}
        assert new.script_exists(digest) == [False]
        assert new.info("stats")["total_commands_processed"] < 10
        assert new.pubsub_channels() == []


@pytest.mark.docker
@pytest.mark.parametrize(
    "change",
    [
        ("CONFIG", "SET", "maxmemory", "10mb"),
        ("ACL", "SETUSER", "guest", "on", "nopass"),
        ("REPLICAOF", "127.0.0.1", "9"),
        ("CONFIG", "SET", "requirepass", "x"),
    ],
)
def test_a_redis_with_changed_settings_is_not_used_again(services, change):
    """What FLUSHALL leaves alone must not reach the next lease."""
    with services.lease(REDIS, "changed") as lease:
        run_id = client(lease).info("server")["run_id"]
        run: Callable[..., Any] = client(lease).execute_command
        run(*change)
    with services.lease(REDIS, "next") as lease:
        assert client(lease).info("server")["run_id"] != run_id
        assert client(lease).config_get("maxmemory") == {"maxmemory": "0"}
    assert services.deaths() == ()


@pytest.mark.docker
def test_a_redis_that_was_shut_down_is_told_and_replaced(fresh):
    """An answer may send SHUTDOWN; its author hears what happened, the next lease has a new server."""
    with fresh.lease(REDIS, "down") as lease:
        client(lease).shutdown(nosave=True)
    assert wait_until(fresh.deaths, timeout=5)
    (death,) = fresh.deaths()
    assert death.server == fresh.servers()["redis"]
    assert death.how == "exit code 0"
    assert death.last_line
    with fresh.lease(REDIS, "up") as lease:
        assert client(lease).ping()
    assert len(fresh.deaths()) == 1


@pytest.mark.docker
def test_a_postgres_that_was_killed_is_told_and_replaced(fresh):
    """`docker kill`, or the system in want of memory."""
    with fresh.lease(POSTGRES, "before"):
        name = named(fresh, "PostgreSQL")
        docker.from_env().containers.get(name).kill("SIGKILL")
    (death,) = fresh.deaths()
    assert death.server.startswith("PostgreSQL 18")
    assert death.how == "signal 9"
    with fresh.lease(POSTGRES, "after") as lease, psycopg.connect(lease.postgres.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not engines.exists(name)


@pytest.mark.docker
def test_a_container_that_somebody_removed_is_told(fresh):
    """`docker rm -f` or a cleaning job."""
    fresh.start(REDIS)
    assert engine.remove(engines.url(), named(fresh, ""))
    assert [death.how for death in fresh.deaths()] == ["removed"]
    with fresh.lease(REDIS, "again") as lease:
        assert client(lease).ping()


@pytest.mark.docker
def test_close_removes_everything_and_can_be_repeated(fresh):
    """And a later need starts anew."""
    fresh.start(BOTH)
    names = tuple(fresh._all)
    fresh.close()
    fresh.close()
    assert not [name for name in names if engines.exists(name)]
    assert fresh.servers() == {}
    assert fresh.deaths() == ()
    with fresh.lease(REDIS, "later") as lease:
        assert client(lease).ping()


@pytest.mark.docker
def test_a_whole_check_runs_on_containers(services, tmp_path):
    """From behind its walls an answer reaches both servers."""
    exercise = make_exercise(tmp_path, CHECK, needs="postgres, redis", seconds=20)
    report = run_check(exercise, write_answer(tmp_path, ANSWER), services)
    assert report.verdict == Verdict.PASS, report
    assert report.backend == "docker"


@pytest.mark.docker
def test_docker_host_is_left_as_it_was(fresh, tmp_path, monkeypatch):
    """testcontainers writes a context's endpoint into it; our children must not inherit that."""
    engines.context(tmp_path, "here", engines.url())
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / ".docker"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    fresh.start(REDIS)
    assert "DOCKER_HOST" not in os.environ
