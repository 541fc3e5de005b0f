"""Postgres and Redis in containers: private leases, deaths that are told, and nothing left however we end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker
import psycopg
import pytest
import redis

from inprod.errors import ServiceError
from inprod.services import doctor, engine, images, leftovers, settings
from inprod.services.base import Lease
from inprod.services.containers import Containers
from inprod.testing import wait_until
from tests.services import engines

BOTH = frozenset({"postgres", "redis"})
REDIS = frozenset({"redis"})
POSTGRES = frozenset({"postgres"})
OWNER = """\
import sys, time
from inprod.services.containers import Containers
services = Containers()
services.start(frozenset({"postgres", "redis"}))
with services.lease(frozenset({"postgres", "redis"}), "owner"):
    print(*services._all, flush=True)
    sys.stdin.readline()
"""


def url() -> str:
    """The engine of this machine."""
    return engine.resolve().url


def exists(name: str) -> bool:
    """Whether the engine knows this container."""
    return engine.get(url(), f"/containers/{name}/json") is not None


def named(services: Containers, product: str) -> str:
    """The name of one container of `services`."""
    return next(name for name, server in services._all.items() if server.startswith(product))


def client(lease: Lease) -> redis.Redis:
    """A client of the lease's Redis."""
    assert lease.redis
    return redis.Redis.from_url(lease.redis.url, decode_responses=True, socket_timeout=5)


@pytest.fixture(scope="module")
def usable(request: pytest.FixtureRequest) -> None:
    """An engine with the images; where the docker tests were asked for by name, its absence is a failure."""
    try:
        doctor.require("docker")
    except ServiceError as error:
        if request.config.getoption("-m") == "docker":
            raise
        pytest.skip(error.what)


@pytest.fixture(scope="module")
def services(usable: None) -> Iterator[Containers]:
    """One set of servers for this module."""
    containers = Containers()
    yield containers
    containers.close()


@pytest.fixture
def fresh(usable: None) -> Iterator[Containers]:
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
    found = engine.get(url(), f"/containers/{named(services, 'PostgreSQL')}/json")
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
    assert not exists(name)


@pytest.mark.docker
def test_a_container_that_somebody_removed_is_told(fresh):
    """`docker rm -f` or a cleaning job."""
    fresh.start(REDIS)
    assert engine.remove(url(), named(fresh, ""))
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
    assert not [name for name in names if exists(name)]
    assert fresh.servers() == {}
    assert fresh.deaths() == ()
    with fresh.lease(REDIS, "later") as lease:
        assert client(lease).ping()


@pytest.mark.docker
@pytest.mark.parametrize("end", ["exit", signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_its_owner(usable, end):
    """Whichever way the process ends, its containers go."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as owner:
        assert owner.stdin
        assert owner.stdout
        names = owner.stdout.readline().split()
        assert len(names) == 2
        assert all(map(exists, names))
        if end == "exit":
            owner.stdin.close()
        else:
            owner.send_signal(end)
        owner.wait(timeout=20)
        assert wait_until(lambda: not any(map(exists, names)), timeout=10)


@pytest.mark.docker
def test_an_interrupt_while_it_starts_leaves_nothing(usable):
    """Ctrl-C in the second that Postgres takes."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as owner:
        prefix = f"inprod-postgres-{owner.pid}-"

        def ours() -> list[str]:
            found = engine.get(url(), "/containers/json?all=1")
            return [name for one in found for name in one["Names"] if name.startswith(f"/{prefix}")]

        assert wait_until(ours, timeout=20)
        owner.send_signal(signal.SIGINT)
        owner.wait(timeout=20)
        assert wait_until(lambda: not ours(), timeout=10)


@pytest.fixture
def leave(usable: None) -> Iterator[object]:
    """Makes a container with these labels; all are gone after the test."""
    made: list[str] = []

    def make(**changes: str) -> str:
        labels = {**leftovers.labels(), **{f"inprod.owner-{key}": value for key, value in changes.items()}}
        with_client = docker.from_env()
        made.append(str(with_client.containers.create(images.images().redis, labels=labels).name))
        with_client.close()
        return made[-1]

    yield make
    for name in made:
        engine.remove(url(), name)


@pytest.mark.docker
def test_the_next_start_sweeps_what_dead_owners_left(leave, fresh):
    """Where the supervisor was killed as well; a pid that was given out again is no owner."""
    gone = subprocess.Popen(["true"])
    gone.wait(timeout=5)
    dead, reused = leave(pid=str(gone.pid)), leave(start="1")
    living, foreign = leave(), leave(pid=str(gone.pid), host="another machine")
    neighbours = leave(pid=str(gone.pid), uid="12345")
    fresh.start(REDIS)
    assert [exists(name) for name in (dead, reused)] == [False, False]
    assert [exists(name) for name in (living, foreign, neighbours)] == [True, True, True]


@pytest.mark.docker
def test_cleanup_names_what_it_removed(leave):
    """And touches only what dead owners left."""
    dead, living = leave(start="1"), leave()
    told: list[str] = []
    assert dead in doctor.cleanup(told.append)
    assert f"removed {dead}" in told
    assert exists(living)


@pytest.mark.docker
def test_an_image_that_is_no_postgres_fails_with_its_last_words(usable, monkeypatch):
    """Within seconds, and nothing stays."""
    monkeypatch.setenv("INPROD_POSTGRES_IMAGE", images.images().redis)
    before = {one["Id"] for one in engine.get(url(), "/containers/json?all=1")}
    containers = Containers()
    with pytest.raises(ServiceError) as caught:
        containers.start(POSTGRES)
    assert images.images().redis in caught.value.what
    assert "postgres" in caught.value.what
    assert "--backend embedded" in caught.value.do
    assert {one["Id"] for one in engine.get(url(), "/containers/json?all=1")} <= before
    containers.close()


@pytest.mark.docker
def test_a_server_that_ends_while_it_starts_is_noticed_at_once(usable, monkeypatch):
    """A setting that Postgres refuses: no waiting for the deadline, and its own last line."""
    monkeypatch.setattr(settings, "postgres_arguments", lambda: ["-c", "max_connections=-1"])
    containers = Containers()
    with pytest.raises(ServiceError) as caught:
        containers.start(POSTGRES)
    containers.close()
    assert "max_connections" in caught.value.what


@pytest.mark.docker
def test_docker_host_is_left_as_it_was(fresh, monkeypatch):
    """testcontainers sets it; our children must not inherit that."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    fresh.start(REDIS)
    assert "DOCKER_HOST" not in os.environ


def test_no_engine_is_told_in_a_sentence(tmp_path, monkeypatch):
    """Not in a hundred lines of traceback."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(ServiceError) as caught:
        Containers().start(REDIS)
    assert str(caught.value).count("\n") == 2
    assert "No Docker engine" in caught.value.what
    assert caught.value.exit_code == 3


def test_a_hung_engine_is_told_within_seconds(tmp_path, monkeypatch):
    """And not after the minute that the client library waits."""
    failures: list[ServiceError] = []

    def start() -> None:
        try:
            Containers().start(REDIS)
        except ServiceError as error:
            failures.append(error)

    with engines.hung(tmp_path) as hung:
        monkeypatch.setenv("DOCKER_HOST", hung)
        thread = threading.Thread(target=start, daemon=True)
        thread.start()
        thread.join(5)
    assert [error.what for error in failures]
    assert "no answer" in failures[0].what


def test_a_failed_download_is_told(tmp_path, monkeypatch):
    """Docker was demanded, and no registry is in reach."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    told: list[str] = []
    script = engines.Script(pull_refusal="lookup registry.example: no such host")
    with engines.scripted(tmp_path, script) as scripted:
        monkeypatch.setenv("DOCKER_HOST", scripted)
        with pytest.raises(ServiceError) as caught:
            Containers(pull=True).start(REDIS, told.append)
    assert "no such host" in caught.value.what
    assert "INPROD_IMAGE_PREFIX" in caught.value.do
    assert told == [f"pulling {images.images().redis}"]


def test_a_container_that_can_not_be_made_is_told(tmp_path, monkeypatch):
    """The engine has the image and refuses the container."""
    script = engines.Script(images={images.images().redis}, pull_refusal="no space left on device")
    with engines.scripted(tmp_path, script) as scripted:
        monkeypatch.setenv("DOCKER_HOST", scripted)
        containers = Containers()
        with pytest.raises(ServiceError) as caught:
            containers.start(REDIS)
        containers.close()
    assert "no space left" in caught.value.what
    assert "docker system df" in caught.value.do
    assert [request for request in script.asked if request.startswith("DELETE /containers/inprod-redis-")]
