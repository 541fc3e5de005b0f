"""The page of one event, built under redis-py's lock, stored under its version."""

import json
import time

import redis
from redis.exceptions import LockError
from sqlalchemy import update

from guiche.events import load_page
from guiche.models import Event


class EventPages:
    def __init__(self, redis_url, sessions, *, seconds=60):
        self.cache = redis.Redis.from_url(
            redis_url, decode_responses=True, socket_timeout=0.8
        )
        self.sessions, self.seconds = sessions, seconds

    def read(self, slug):
        try:
            return self.cached(slug)
        except redis.RedisError:
            return self.load(slug)

    def cached(self, slug):
        deadline = time.monotonic() + 9
        while time.monotonic() < deadline:
            # Read before the row: what an older row gave lies under an older version.
            version = self.cache.get(f"version:{slug}") or "0"
            key = f"ev:{slug}:v{version}"
            if page := self.cache.get(key):
                return json.loads(page)
            lock = self.cache.lock(f"lock:{key}", timeout=5)
            if lock.acquire(blocking=False):
                try:
                    page = self.cache.get(key)
                    if page is None:
                        page = json.dumps(self.load(slug))
                        self.cache.set(key, page, ex=self.seconds)
                    return json.loads(page)
                finally:
                    try:
                        lock.release()
                    except LockError:
                        pass  # it took longer than the lock lasts: it is another's
            time.sleep(0.05)
        return self.load(slug)

    def load(self, slug):
        with self.sessions() as session:
            return load_page(session, slug)

    def rename(self, slug, title):
        with self.sessions.begin() as session:
            if not session.execute(
                update(Event).where(Event.slug == slug).values(title=title)
            ).rowcount:
                raise LookupError(slug)
        try:
            self.cache.incr(f"version:{slug}")
        except redis.RedisError:
            pass
