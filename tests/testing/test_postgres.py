"""The database as a check sees it: contents, counts and locks."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from inprod.services.base import Lease
from inprod.testing import CouldNotJudge, wait_until
from inprod.testing.postgres import Postgres
from tests.testing.servers import leased


@pytest.fixture(scope="module")
def lease() -> Iterator[Lease]:
    """One database for this module."""
    with leased("postgres") as found:
        yield found


@pytest.fixture
def postgres(lease: Lease) -> Iterator[Postgres]:
    """The check's side of it, with two events."""
    assert lease.postgres is not None
    found = Postgres(lease.postgres)
    found.execute("DROP TABLE IF EXISTS events")
    found.execute("CREATE TABLE events (id int PRIMARY KEY, title text NOT NULL)")
    found.execute("INSERT INTO events VALUES (%s, %s), (%s, %s)", 1, "a", 2, "b")
    yield found
    found.close()


def test_statements_take_parameters_in_both_forms(postgres: Postgres) -> None:
    """One by one, or as the one list that psycopg takes."""
    assert postgres.rows("SELECT title FROM events WHERE id = %s", 1) == [{"title": "a"}]
    assert postgres.rows("SELECT title FROM events WHERE id = %s", [2]) == [{"title": "b"}]
    assert postgres.rows("SELECT id FROM events WHERE title LIKE 'b%'") == [{"id": 2}]
    assert postgres.execute("UPDATE events SET title = 'c'") == 2


def test_the_answer_may_use_what_the_check_made(postgres: Postgres) -> None:
    """Its role reads and writes the check's tables."""
    with psycopg.connect(postgres.url) as answer:
        answer.execute("UPDATE events SET title = 'new' WHERE id = 1")
    assert postgres.rows("SELECT title FROM events WHERE id = 1") == [{"title": "new"}]


def test_reads_are_counted_exactly(postgres: Postgres) -> None:
    """Sequential scans and index scans, of many sessions, none lost and none twice."""
    before = postgres.reads("events")
    for _n in range(5):
        with psycopg.connect(postgres.url) as answer:
            answer.execute("SELECT count(*) FROM events")
            answer.execute("SET enable_seqscan = off")
            answer.execute("SELECT title FROM events WHERE id = 2")
    postgres.until_quiet()
    assert postgres.reads("events") - before == 10


def test_writes_are_no_reads(postgres: Postgres) -> None:
    """An INSERT leaves the count as it is."""
    before = postgres.reads("events")
    with psycopg.connect(postgres.url) as answer:
        answer.execute("INSERT INTO events VALUES (3, 'c')")
    postgres.until_quiet()
    assert postgres.reads("events") == before


def test_statements_are_the_answers_alone(postgres: Postgres) -> None:
    """What the check asks is not counted."""
    before = postgres.statements()
    postgres.rows("SELECT * FROM events")
    with psycopg.connect(postgres.url, autocommit=True) as answer:
        for number in range(7):
            answer.execute("SELECT title FROM events WHERE id = %s", [number])
    assert postgres.statements() - before == 7


def test_a_busy_session_is_not_quiet(postgres: Postgres) -> None:
    """`until_quiet` waits for open transactions, and says so when they don't end."""
    with psycopg.connect(postgres.url) as answer:
        answer.execute("SELECT 1 FROM events")
        with pytest.raises(CouldNotJudge) as caught:
            postgres.until_quiet(timeout=0.3)
        assert caught.value.looked == "idle in transaction"
        assert postgres.sessions() == 1
    postgres.until_quiet(timeout=5)
    assert postgres.sessions() == 0


def test_a_locked_table_lets_nobody_read(postgres: Postgres) -> None:
    """Readers wait for the lock, are counted meanwhile, and read when it is released."""
    read: list[object] = []

    def reader() -> None:
        with psycopg.connect(postgres.url) as answer:
            read.append(answer.execute("SELECT title FROM events WHERE id = 1").fetchone())

    readers = [threading.Thread(target=reader, daemon=True) for _n in range(3)]
    with postgres.lock("events"):
        for thread in readers:
            thread.start()
        assert wait_until(lambda: postgres.waiting("events") == 3, timeout=10, what="three that wait")
        assert read == []
        assert postgres.busy() == postgres.blocked() == 3
    for thread in readers:
        thread.join(10)
    assert read == [("a",)] * 3
    assert postgres.waiting("events") == postgres.blocked() == postgres.busy() == 0


def test_statements_are_counted_by_what_they_are(postgres: Postgres) -> None:
    """Calls, rows and blocks of each, alike ones as one; nothing that steers a transaction, nothing of the check."""
    postgres.forget_statements()
    with psycopg.connect(postgres.url) as answer:
        for number in (1, 2, 3):
            answer.execute("SELECT title FROM events WHERE id = %s", [number])
        answer.execute("SET LOCAL work_mem = '8MB'")
        answer.execute("-- by the way\nSAVEPOINT here")
        answer.execute("INSERT INTO events VALUES (7, 'g'), (8, 'h')")
        answer.execute("ROLLBACK TO SAVEPOINT here")
    postgres.rows("SELECT title FROM events")
    found = {statement.query: statement for statement in postgres.statement_stats()}
    assert sorted(found) == ["INSERT INTO events VALUES ($1, $2), ($3, $4)", "SELECT title FROM events WHERE id = $1"]
    selected = found["SELECT title FROM events WHERE id = $1"]
    assert (selected.calls, selected.rows) == (3, 2)
    assert selected.shared_blks_hit + selected.shared_blks_read > 0
    assert found["INSERT INTO events VALUES ($1, $2), ($3, $4)"].rows == 2


def test_forgotten_statements_count_from_zero(postgres: Postgres) -> None:
    """What comes afterwards is the difference, also of a statement that was sent before."""
    with psycopg.connect(postgres.url) as answer:
        answer.execute("SELECT count(*) FROM events")
        answer.execute("SELECT max(id) FROM events")
    postgres.forget_statements()
    assert postgres.statement_stats() == []
    with psycopg.connect(postgres.url) as answer:
        answer.execute("SELECT count(*) FROM events")
    (found,) = postgres.statement_stats()
    assert (found.query, found.calls, found.rows) == ("SELECT count(*) FROM events", 1, 1)


def test_what_the_answer_makes_is_the_checks_too(postgres: Postgres) -> None:
    """Tables, what fills their keys, and schemas."""
    with psycopg.connect(postgres.url) as answer:
        answer.execute("CREATE TABLE made (id serial PRIMARY KEY, title text)")
        answer.execute("CREATE SCHEMA own CREATE TABLE made (id int)")
    assert postgres.execute("INSERT INTO made (title) VALUES (%s)", "a") == 1
    assert postgres.rows("SELECT id, title FROM made") == [{"id": 1, "title": "a"}]
    assert postgres.rows("SELECT * FROM own.made") == []
