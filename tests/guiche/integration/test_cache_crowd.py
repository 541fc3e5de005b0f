"""Pages in the cache: 48 readers in 4 processes, a killed builder, a Redis that takes its time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
import redis
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from inprod.testing import wait_until
from inprod.testing.proxy import ProxyMaker
from tests.guiche.integration.test_events import reads
from tests.guiche.rows import add_event

SLUG, TITLE = "nona-sinfonia", "Nona Sinfonia, de Beethoven"
BOUND = 10.0
BUILD = 3.0  #: what building a page may take on a bad day

READERS = """
import json, sys, threading
from concurrent.futures import ThreadPoolExecutor
from guiche.cache import EventPages
from guiche.db import make_engine, make_sessions
database_url, redis_url, slug, readers = sys.argv[1:]
pages = EventPages(redis_url, make_sessions(make_engine(database_url)))
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(int(readers)) as pool:
    for page in pool.map(pages.read, [slug] * int(readers)):
        print(json.dumps(page), flush=True)
"""

Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def begin(database_url: str, redis_url: str, engine: Engine, session: Session) -> Iterator[Begin]:
    """Starts a process whose readers stand ready."""
    add_event(session, cents=[4_000, 2_000])
    session.commit()
    session.close()
    engine.dispose()
    started: list[subprocess.Popen[str]] = []

    def one(readers: int, url: str = redis_url) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", READERS, database_url, url, SLUG, str(readers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield one
    for process in started:
        process.kill()
        process.communicate(timeout=BOUND)


def go(*processes: subprocess.Popen[str]) -> None:
    """Let them read, all at once."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def titles(process: subprocess.Popen[str]) -> list[str]:
    """What its readers got."""
    output, _errors = process.communicate(timeout=2 * BOUND)
    assert process.returncode == 0
    return [json.loads(line)["title"] for line in output.splitlines()]


def waiting(connection: psycopg.Connection) -> int:
    """How many sessions wait for the table."""
    row = connection.execute(
        "SELECT count(*) FROM pg_locks WHERE relation = 'events'::regclass AND NOT granted"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_48_readers(begin: Begin, database_url: str, redis_url: str, proxy: ProxyMaker) -> None:
    """Redis takes 100 ms for a reply, the page takes 3 s: one of them reads the table, and all have the page."""
    slow = proxy(redis_url)
    processes = [begin(12, slow.url) for _n in range(4)]
    slow.delay = 0.1
    before = reads(database_url)
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        go(*processes)
        assert not wait_until(lambda: waiting(holder) > 1, timeout=BUILD)
        assert waiting(holder) == 1
    got = [title for process in processes for title in titles(process)]
    assert time.monotonic() - began < BOUND
    assert got == [TITLE] * 48
    assert reads(database_url) - before == 1


def test_builder_is_killed(begin: Begin, database_url: str, redis_url: str) -> None:
    """kill -9 while it reads the row: the others have the page within 10 s, and it is cached again."""
    builder, one, two = begin(1), begin(4), begin(4)
    before = reads(database_url)
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        go(builder)
        assert wait_until(lambda: waiting(holder) == 1, timeout=BOUND)
        builder.kill()
        builder.wait(BOUND)
    with redis.Redis.from_url(redis_url) as keys:
        assert keys.exists(f"lock:ev:{SLUG}")
        began = time.monotonic()
        go(one, two)
        assert titles(one) + titles(two) == [TITLE] * 8
        assert time.monotonic() - began < BOUND
        assert keys.exists(f"ev:{SLUG}")
    assert reads(database_url) - before <= 2
