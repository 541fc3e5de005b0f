"""Pages in the cache: built once, never old, and there without Redis; inside one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import redis
from sqlalchemy.orm import Session, sessionmaker

from guiche import cache, events
from guiche.cache import LOCK_MS, EventPages
from guiche.models import Event
from inprod.testing import wait_until
from inprod.testing.proxy import Proxy, ProxyMaker
from tests.guiche.rows import add_event

SLUG, OLD, NEW = "nona-sinfonia", "Nona Sinfonia, de Beethoven", "Nona Sinfonia, com coro"
ALONE = 4.0  #: seconds for whoever has no Redis
WAIT = 10.0


class Gate:
    """Stands behind load_page: whoever has read the row waits here while the gate is closed."""

    def __init__(self) -> None:
        self.loads = 0
        self.waiting = threading.Semaphore(0)
        self.open = threading.Event()
        self.open.set()
        self.error: Exception | None = None

    def load_page(self, session: Session, slug: str) -> dict[str, Any] | None:
        """As events.load_page, and then wait."""
        page = events.load_page(session, slug)
        self.loads += 1
        self.waiting.release()
        assert self.open.wait(WAIT)
        if self.error is not None:
            raise self.error
        return page


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Behind every load_page of a cache."""
    made = Gate()
    monkeypatch.setattr(cache, "load_page", made.load_page)
    return made


@pytest.fixture
def keys(redis_url: str) -> Iterator[redis.Redis]:
    """The test's own look into Redis."""
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    yield client
    client.close()


@pytest.fixture
def between(redis_url: str, proxy: ProxyMaker) -> Proxy:
    """Between a cache and its Redis."""
    return proxy(redis_url)


@pytest.fixture
def make(sessions: sessionmaker[Session], session: Session) -> Iterator[Callable[[str], EventPages]]:
    """Caches as several processes would have them; the event is there."""
    add_event(session)
    session.commit()
    made: list[EventPages] = []

    def one(url: str) -> EventPages:
        made.append(EventPages(url, sessions))
        return made[-1]

    yield one
    for pages in made:
        pages.close()


@pytest.fixture
def pages(make: Callable[[str], EventPages], redis_url: str) -> EventPages:
    """One cache."""
    return make(redis_url)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Readers."""
    with ThreadPoolExecutor(12) as threads:
        yield threads


def title(pages: EventPages) -> str | None:
    """What a reader sees."""
    page = pages.read(SLUG)
    return str(page["title"]) if page else None


def in_table(sessions: sessionmaker[Session]) -> str:
    """What stands in the table."""
    with sessions() as session:
        return session.query(Event).filter_by(slug=SLUG).one().title


def building(gate: Gate, pool: ThreadPoolExecutor, pages: EventPages) -> Future[str | None]:
    """A reader who has read the row and has not stored its page."""
    gate.open.clear()
    reader = pool.submit(title, pages)
    assert gate.waiting.acquire(timeout=WAIT)
    return reader


def test_kept(
    gate: Gate, make: Callable[[str], EventPages], redis_url: str, keys: redis.Redis, session: Session
) -> None:
    """What one has read, others read from Redis for a minute; it is what load_page gives."""
    wanted = events.load_page(session, SLUG)
    assert make(redis_url).read(SLUG) == make(redis_url).read(SLUG) == wanted
    assert gate.loads == 1
    assert 50_000 < keys.pttl(f"ev:{SLUG}") <= 60_000
    assert not keys.exists(f"lock:ev:{SLUG}")


def test_one_builds(gate: Gate, pages: EventPages, pool: ThreadPoolExecutor, keys: redis.Redis) -> None:
    """Eleven others wait for the first one, who has a lock that ends by itself, and later than a page is built."""
    first = building(gate, pool, pages)
    others = [pool.submit(title, pages) for _n in range(11)]
    assert 3_000 < keys.pttl(f"lock:ev:{SLUG}") <= LOCK_MS
    assert not wait_until(lambda: gate.loads > 1, timeout=1.0)
    gate.open.set()
    assert {reader.result(WAIT) for reader in (first, *others)} == {OLD}
    assert gate.loads == 1


def test_stored_meanwhile(
    gate: Gate, make: Callable[[str], EventPages], redis_url: str, keys: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a reader's look and its lock another one has built the page: it is not built again."""
    late, quick = make(redis_url), make(redis_url)
    set_lock = redis.Redis.set

    def set_after_the_other(self: redis.Redis, *args: Any, **options: Any) -> Any:
        if not keys.exists(f"ev:{SLUG}"):
            monkeypatch.setattr(redis.Redis, "set", set_lock)
            assert title(quick) == OLD
        return set_lock(self, *args, **options)

    monkeypatch.setattr(redis.Redis, "set", set_after_the_other)
    assert title(late) == OLD
    assert gate.loads == 1
    assert not keys.exists(f"lock:ev:{SLUG}")


def test_rename(make: Callable[[str], EventPages], redis_url: str, sessions: sessionmaker[Session]) -> None:
    """The next reader of another process has the new title."""
    one, other = make(redis_url), make(redis_url)
    assert title(one) == OLD
    other.rename(SLUG, NEW)
    assert title(one) == title(other) == in_table(sessions) == NEW
    with pytest.raises(LookupError):
        one.rename("nowhere", NEW)


def test_removed_after_the_commit(
    pages: EventPages, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the page is removed, everybody already reads the new title."""
    seen: list[str] = []
    delete = redis.Redis.delete

    def watched(self: redis.Redis, *names: str) -> Any:
        seen.append(in_table(sessions))
        return delete(self, *names)

    monkeypatch.setattr(redis.Redis, "delete", watched)
    pages.rename(SLUG, NEW)
    assert seen == [NEW]


def test_renamed_while_somebody_builds(
    gate: Gate, pages: EventPages, pool: ThreadPoolExecutor, keys: redis.Redis
) -> None:
    """The builder stores nothing, and has the new title itself."""
    builder = building(gate, pool, pages)
    pages.rename(SLUG, NEW)
    gate.open.set()
    assert builder.result(WAIT) == NEW
    assert not keys.exists(f"ev:{SLUG}", f"lock:ev:{SLUG}")
    assert title(pages) == NEW


def test_old_builder_and_the_next_ones_lock(
    gate: Gate,
    make: Callable[[str], EventPages],
    redis_url: str,
    between: Proxy,
    pool: ThreadPoolExecutor,
    keys: redis.Redis,
) -> None:
    """A builder that a rename has overtaken neither stores its page nor takes the lock of the next builder."""
    late, pages = make(between.url), make(redis_url)
    old = building(gate, pool, late)
    pages.rename(SLUG, NEW)
    next_one = building(gate, pool, pages)
    lock = keys.get(f"lock:ev:{SLUG}")
    assert late._leave(SLUG, "0" * 16, '{"title": "old"}', 60_000) is False
    assert keys.get(f"lock:ev:{SLUG}") == lock
    gate.open.set()
    assert (old.result(WAIT), next_one.result(WAIT)) == (NEW, NEW)
    assert title(pages) == NEW


def test_a_lock_that_nobody_owns(pages: EventPages, keys: redis.Redis) -> None:
    """The builder is gone: the next one builds when its lock has ended, and the page is cached again."""
    keys.set(f"lock:ev:{SLUG}", "dead", px=700)
    began = time.monotonic()
    assert title(pages) == OLD
    assert 0.5 < time.monotonic() - began < 3
    assert keys.exists(f"ev:{SLUG}")


def test_patience_ends(pages: EventPages, keys: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock without an end, whoever set it, does not keep the page from a reader."""
    monkeypatch.setattr(cache, "PATIENCE", 0.5)
    keys.set(f"lock:ev:{SLUG}", "for ever")
    assert title(pages) == OLD


def test_building_fails(gate: Gate, pages: EventPages, pool: ThreadPoolExecutor, keys: redis.Redis) -> None:
    """Without Postgres the reader is told, and the next one tries at once."""
    builder = building(gate, pool, pages)
    gate.error = ConnectionError("no Postgres")
    gate.open.set()
    with pytest.raises(ConnectionError):
        builder.result(WAIT)
    assert not keys.exists(f"lock:ev:{SLUG}", f"ev:{SLUG}")
    gate.error = None
    assert title(pages) == OLD


@pytest.mark.parametrize("trouble", ["cut", "freeze"])
def test_without_redis(
    make: Callable[[str], EventPages], between: Proxy, keys: redis.Redis, sessions: sessionmaker[Session], trouble: str
) -> None:
    """Redis refuses, or takes connections and says nothing: everything works within 4 s, and Redis is used again."""
    warm, cold = make(between.url), make(between.url)
    assert title(warm) == OLD
    keys.delete(f"ev:{SLUG}")
    getattr(between, trouble)()
    for pages, name in ((warm, "Um"), (cold, "Outro")):
        for call, wanted in ((lambda p=pages, n=name: p.rename(SLUG, n), None), (lambda p=pages: title(p), name)):
            began = time.monotonic()
            assert call() == wanted
            assert time.monotonic() - began < ALONE
        assert in_table(sessions) == name
    between.heal()
    assert wait_until(lambda: title(warm) == title(cold) == "Outro" and bool(keys.exists(f"ev:{SLUG}")), timeout=WAIT)


@pytest.mark.parametrize("trouble", ["cut", "freeze"])
def test_redis_goes_while_somebody_builds(
    gate: Gate, make: Callable[[str], EventPages], between: Proxy, pool: ThreadPoolExecutor, trouble: str
) -> None:
    """The reader gets what it has built, a second later at most, and Postgres is not asked again."""
    builder = building(gate, pool, make(between.url))
    getattr(between, trouble)()
    began = time.monotonic()
    gate.open.set()
    assert builder.result(WAIT) == OLD
    assert time.monotonic() - began < 2
    assert gate.loads == 1


@pytest.mark.parametrize("rubbish", ["{", "", b"\xff\xfe"])
def test_rubbish_in_the_cache(pages: EventPages, keys: redis.Redis, rubbish: str | bytes) -> None:
    """What is no page of ours is not shown to anybody."""
    keys.set(f"ev:{SLUG}", rubbish)
    assert title(pages) == OLD


def test_key_of_another_type(pages: EventPages, keys: redis.Redis) -> None:
    """Nor is it a reason to fail."""
    keys.lpush(f"ev:{SLUG}", "a")
    assert title(pages) == OLD
    pages.rename(SLUG, NEW)
    assert title(pages) == NEW


def test_no_such_event(gate: Gate, pages: EventPages, pool: ThreadPoolExecutor, keys: redis.Redis) -> None:
    """None, told to a crowd in one breath, and kept for a second at most."""
    readers = [pool.submit(pages.read, "nowhere") for _n in range(12)]
    assert [reader.result(WAIT) for reader in readers] == [None] * 12
    assert gate.loads <= 3  # one, and whoever came a second later on a busy machine
    assert 0 < keys.pttl("ev:nowhere") <= 1_000
    assert pages.read("\udc80") is pages.read("a\0") is None
