"""The page of one event: from Redis if it is there, else built by one reader for all."""

from __future__ import annotations

import json
import logging
import secrets
import time
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from guiche.events import load_page
from guiche.models import Event

log = logging.getLogger(__name__)

LOCK_MS = 5_000  # longer than a page takes to build, shorter than a reader waits
ABSENT_MS = 1_000  # of a page that does not exist: a crowd at a wrong address is a crowd, too
PATIENCE = 9.0
PAUSE = 0.05
TIMEOUT = 1.0  # a silent Redis must not stop the page

#: Stores a page and lets go of the lock, for its owner alone: whom a rename has overtaken, or who came late, does not.
STORE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
return redis.call('DEL', KEYS[1])
"""

Page = dict[str, Any] | None


class EventPages:
    """Pages of events, kept in Redis for `seconds`; all processes share them."""

    def __init__(self, redis_url: str, sessions: sessionmaker[Session], *, seconds: int = 60) -> None:
        self._cache = redis.Redis.from_url(
            redis_url,
            decode_responses=True,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 0),  # Postgres is the second try
        )
        self._sessions = sessions
        self._kept_ms = seconds * 1000

    def read(self, slug: str) -> Page:
        """The page as `load_page` builds it."""
        try:
            return self._cached(slug)
        except (redis.RedisError, ValueError) as error:  # ValueError: what lies there is no page of ours
            log.warning("page not cached", extra={"slug": slug, "reason": type(error).__name__})
            return self._load(slug)

    def rename(self, slug: str, title: str) -> None:
        """Change the title for every reader; without Redis, a cached page shows the old one until it ends.

        Raises:
            LookupError: there is no such event.
        """
        with self._sessions.begin() as session:
            changed = update(Event).where(Event.slug == slug).values(title=title).returning(Event.id)
            if session.scalar(changed) is None:
                raise LookupError(f"there is no event {slug}")
        # Committed: who builds the page from now on reads the new title. Who has the lock may have read the old one.
        try:
            self._cache.delete(*_keys(slug))
        except redis.RedisError as error:
            log.warning("page not removed", extra={"slug": slug, "reason": type(error).__name__})

    def close(self) -> None:
        """Close the connections to Redis; the next reader opens new ones."""
        self._cache.close()

    def _cached(self, slug: str) -> Page:
        (lock, key), token = _keys(slug), secrets.token_hex(8)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            page = self._cache.get(key)
            if page is None and self._cache.set(lock, token, nx=True, px=LOCK_MS):
                # It may have been stored since we looked.
                page = self._cache.get(key)
                if page is None:
                    return self._built(slug, token)
                self._leave(slug, token)
            if page is not None:
                return json.loads(page)  # type: ignore[no-any-return] # we stored a page
            time.sleep(PAUSE)
        return self._load(slug)

    def _built(self, slug: str, token: str) -> Page:
        try:
            page = self._load(slug)
        except Exception:
            self._leave(slug, token)  # the next one need not wait until the lock ends
            raise
        try:
            stored = self._leave(slug, token, json.dumps(page), ABSENT_MS if page is None else self._kept_ms)
        except redis.RedisError as error:
            log.warning("page not stored", extra={"slug": slug, "reason": type(error).__name__})
            return page  # built a moment ago, and building it again takes too long
        # Not stored: somebody renamed the event meanwhile, or we were slow. Our page may be the old one.
        return page if stored else self._load(slug)

    def _leave(self, slug: str, token: str, page: str = "", kept_ms: int = 0) -> bool:
        return bool(self._cache.eval(STORE, 2, *_keys(slug), token, page, kept_ms))

    def _load(self, slug: str) -> Page:
        with self._sessions() as session:
            return load_page(session, slug)


def _keys(slug: str) -> tuple[str, str]:
    """Of the lock, and of the page."""
    return f"lock:ev:{slug}", f"ev:{slug}"
