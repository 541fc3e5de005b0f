"""The page of one event: from Redis if it is there, else built by one for all."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

import redis
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from guiche.events import load_page
from guiche.models import Event

STORE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
return redis.call('DEL', KEYS[1])
"""


class EventPages:
    def __init__(self, redis_url: str, sessions: sessionmaker[Session], *, seconds: int = 60) -> None:
        self.cache = redis.Redis.from_url(redis_url, decode_responses=True, socket_timeout=0.5)
        self.sessions = sessions
        self.seconds = seconds

    def read(self, slug: str) -> dict[str, Any] | None:
        return self.cached(slug)

    def cached(self, slug: str) -> dict[str, Any] | None:
        key, lock, token = f"ev:{slug}", f"lock:ev:{slug}", secrets.token_hex(8)
        while True:
            page = self.cache.get(key)
            if page is None and self.cache.set(lock, token, nx=True, px=5_000):
                page = self.cache.get(key) or json.dumps(self.load(slug))
                self.cache.eval(STORE, 2, lock, key, token, page, self.seconds)
            if page is not None:
                return json.loads(page)
            time.sleep(0.05)

    def rename(self, slug: str, title: str) -> None:
        with self.sessions.begin() as session:
            changed = session.execute(update(Event).where(Event.slug == slug).values(title=title))
            if changed.rowcount == 0:
                raise LookupError(f"there is no event {slug}")
        self.cache.delete(f"ev:{slug}", f"lock:ev:{slug}")

    def load(self, slug: str) -> dict[str, Any] | None:
        with self.sessions() as session:
            return load_page(session, slug)
