"""Sample databases: filled once, copied for each lease, and out of an answer's reach."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from inprod.errors import ServiceError
from inprod.recipes import Recipe
from inprod.services import templates
from inprod.services.base import PostgresLease
from inprod.services.containers import Containers
from inprod.services.databases import Databases
from inprod.services.embedded import Embedded
from inprod.services.external import POSTGRES_VARIABLE, External

POSTGRES = frozenset({"postgres"})
MAKE = """\
import os, psycopg
print("filling")
with psycopg.connect(os.environ["DATABASE_URL"]) as db:
    db.execute("CREATE TABLE events (id int PRIMARY KEY, title text NOT NULL)")
    db.execute("INSERT INTO events SELECT n, repeat('x', 100) FROM generate_series(1, %d) AS n")
    db.execute("CREATE SEQUENCE tickets")
    db.execute("CREATE EXTENSION pg_trgm")
"""
FAILS = """\
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as db:
    db.execute("CREATE TABLE half (id int)")
raise SystemExit("the seats ran out")
"""


def recipe(root: Path, text: str = MAKE % 1000, name: str = "sample") -> Recipe:
    """One that runs this text."""
    source = root / f"{name}.py"
    source.write_text(text, encoding="utf-8")
    return Recipe(name, ("python", source.name), (source,), root)


@pytest.fixture(scope="module")
def servers() -> Iterator[Embedded]:
    """One set of servers for this module."""
    services = Embedded()
    yield services
    services.close()


def admin(servers: Embedded) -> Databases:
    """Its administrator's side."""
    servers.start(POSTGRES)
    assert servers._databases is not None
    return servers._databases


def names(servers: Embedded) -> list[str]:
    """All templates and their roles on the server."""
    with admin(servers)._connect() as db:
        rows = db.execute(
            "SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles ORDER BY 1"
        ).fetchall()
    return [name for (name,) in rows if name.startswith("inprod_tpl")]


def test_a_lease_is_a_copy_that_belongs_to_answer_and_judge(servers: Embedded, tmp_path: Path) -> None:
    """Both may read, write, alter and drop what is in it, and use its sequences; the statistics are there."""
    with servers.lease(POSTGRES, "test", recipe(tmp_path)) as lease:
        assert lease.postgres is not None
        for url, column in ((lease.postgres.url, "a"), (lease.postgres.judge_url, "b")):
            with psycopg.connect(url) as db:
                assert db.execute("SELECT count(*) FROM events").fetchone() == (1000,)
                db.execute(f"ALTER TABLE events ADD COLUMN {column} int")
                db.execute("UPDATE events SET title = 'new' WHERE id = nextval('tickets')")
                db.execute(f"CREATE INDEX ON events ({column})")
                db.execute("SELECT similarity('a', 'ab')")
                assert db.execute("SELECT reltuples FROM pg_class WHERE relname = 'events'").fetchone() == (1000,)
        with psycopg.connect(lease.postgres.url, autocommit=True) as db:
            db.execute("VACUUM ANALYZE events")
            db.execute("DROP TABLE events")
    with servers.lease(POSTGRES, "test", recipe(tmp_path)) as lease, psycopg.connect(_url(lease.postgres)) as db:
        assert db.execute("SELECT count(*), max(title) = min(title) FROM events").fetchone() == (1000, True)


def test_it_is_filled_once_and_said_so_once(servers: Embedded, tmp_path: Path) -> None:
    """The second start finds it; changed contents are another template, and the former one goes."""
    said: list[str] = []
    once = recipe(tmp_path, MAKE % 5, "once")
    for _n in range(2):
        servers.start(POSTGRES, said.append, once)
    assert said.count("filling the sample data") == 1
    changed = recipe(tmp_path, MAKE % 6, "once")
    assert changed.digest != once.digest
    with servers.lease(POSTGRES, "test", changed) as lease, psycopg.connect(_url(lease.postgres)) as db:
        assert db.execute("SELECT count(*) FROM events").fetchone() == (6,)
    found = [name for name in names(servers) if "_once_" in name]
    assert found == [templates.name_of(changed), templates.owner_of(changed)]


def test_a_command_that_fails_is_told_and_leaves_nothing(servers: Embedded, tmp_path: Path) -> None:
    """The last line of its output; the half made database and its roles are gone; the next try may succeed."""
    broken = recipe(tmp_path, FAILS, "broken")
    with pytest.raises(ServiceError, match="the seats ran out") as caught:
        servers.start(POSTGRES, None, broken)
    assert "broken.py" in caught.value.looked
    assert [name for name in names(servers) if "_broken_" in name] == []
    missing = dataclasses.replace(broken, make=("no-such-program-of-ours",))
    with pytest.raises(ServiceError, match="no-such-program-of-ours"):
        servers.start(POSTGRES, None, missing)


def test_a_half_made_one_of_somebody_who_was_killed_is_made_again(servers: Embedded, tmp_path: Path) -> None:
    """It lies there under its name, and is no template yet."""
    half = recipe(tmp_path, MAKE % 7, "half")
    with admin(servers)._connect() as db:
        db.execute(f"CREATE DATABASE {templates.name_of(half)}")
        db.execute(f"CREATE ROLE {templates.owner_of(half)}")
    with servers.lease(POSTGRES, "test", half) as lease, psycopg.connect(_url(lease.postgres)) as db:
        assert db.execute("SELECT count(*) FROM events").fetchone() == (7,)


ATTACKS = {
    "open the template": "ALTER DATABASE {template} ALLOW_CONNECTIONS true",
    "unmake the template": "ALTER DATABASE {template} IS_TEMPLATE false",
    "rename the template": "ALTER DATABASE {template} RENAME TO mine",
    "drop the template": "DROP DATABASE {template}",
    "copy the template": "CREATE DATABASE mine TEMPLATE {template}",
    "take over the group": "ALTER ROLE {owner} LOGIN PASSWORD 'x'",
    "hand out the group": "GRANT {owner} TO CURRENT_USER WITH ADMIN OPTION",
    "become superuser": "ALTER ROLE CURRENT_USER SUPERUSER",
    "read files": "SELECT pg_read_file('/etc/passwd')",
    "run programs": "COPY events FROM PROGRAM 'id'",
    "end the judge": "SELECT 1 / pg_terminate_backend(pid)::int FROM pg_stat_activity WHERE usename LIKE '%judge'",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_answer_does_not_gain_by_it(servers: Embedded, tmp_path: Path, attack: str) -> None:
    """The template, its group and the server stay out of reach of the answer's role."""
    sample = recipe(tmp_path)
    statement = ATTACKS[attack].format(template=templates.name_of(sample), owner=templates.owner_of(sample))
    with servers.lease(POSTGRES, "test", sample) as lease:
        assert lease.postgres is not None
        with (
            psycopg.connect(lease.postgres.judge_url),
            psycopg.connect(lease.postgres.url, autocommit=True) as db,
            pytest.raises(psycopg.Error) as caught,
        ):
            db.execute(statement)
        assert isinstance(caught.value, psycopg.errors.InsufficientPrivilege), caught.value


def test_neither_the_template_nor_another_copy_can_be_entered(servers: Embedded, tmp_path: Path) -> None:
    """Two leases of one template share a group, and no door."""
    sample = recipe(tmp_path)
    with servers.lease(POSTGRES, "one", sample) as one, servers.lease(POSTGRES, "two", sample) as two:
        url = _url(one.postgres)
        assert one.postgres
        assert two.postgres
        for other in (two.postgres.database, templates.name_of(sample), "postgres", "template1", "inprod_template"):
            with pytest.raises(psycopg.OperationalError, match=r"permission denied|not currently accepting"):
                psycopg.connect(f"{url.rpartition('/')[0]}/{other}")


def test_copies_of_a_big_one_are_quick(servers: Embedded, tmp_path: Path) -> None:
    """Fifty megabytes; what it takes is printed."""
    big = recipe(tmp_path, MAKE % 350_000, "big")
    began = time.monotonic()
    servers.start(POSTGRES, None, big)
    print(f"\nfilled in {time.monotonic() - began:.2f} s")
    with ExitStack() as stack:
        took = []
        for number in range(5):
            began = time.monotonic()
            lease = stack.enter_context(servers.lease(POSTGRES, f"copy{number}", big))
            took.append(time.monotonic() - began)
        with psycopg.connect(_url(lease.postgres)) as db:
            row = db.execute("SELECT pg_database_size(current_database())").fetchone()
            assert row is not None
            assert row[0] > 40_000_000
            assert db.execute("SELECT count(*) FROM events").fetchone() == (350_000,)
    print(f"{row[0] / 1e6:.0f} MB: " + ", ".join(f"{seconds * 1000:.0f} ms" for seconds in took))
    assert sorted(took)[2] < 5


def test_a_server_of_the_learners_keeps_it_for_the_next_time(
    servers: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second kernel finds what the first has filled."""
    monkeypatch.setenv(POSTGRES_VARIABLE, admin(servers)._url)
    said: list[str] = []
    theirs = recipe(tmp_path, MAKE % 9, "theirs")
    for _n in range(2):
        services = External()
        services.start(POSTGRES, said.append, theirs)
        with services.lease(POSTGRES, "ext", theirs) as lease, psycopg.connect(_url(lease.postgres)) as db:
            assert db.execute("SELECT count(*) FROM events").fetchone() == (9,)
        services.close()
    assert said == ["asking Postgres", "filling the sample data", "asking Postgres"]


@pytest.mark.docker
def test_in_a_container_it_is_the_same(tmp_path: Path) -> None:
    """Filled from outside, copied inside."""
    services = Containers()
    try:
        with services.lease(POSTGRES, "docker", recipe(tmp_path)) as lease, psycopg.connect(_url(lease.postgres)) as db:
            assert db.execute("SELECT count(*) FROM events").fetchone() == (1000,)
    finally:
        services.close()


def _url(lease: PostgresLease | None) -> str:
    assert lease is not None
    return lease.url
