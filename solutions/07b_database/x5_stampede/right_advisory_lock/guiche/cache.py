"""The page of one event; Postgres itself says who builds it."""

import json
import time

import redis
from sqlalchemy import func, select, update

from guiche.events import load_page
from guiche.models import Event

PAGES = 1  # which kind of lock: Postgres knows them by two numbers


class EventPages:
    def __init__(self, redis_url, sessions, *, seconds=60):
        self.cache = redis.Redis.from_url(
            redis_url, decode_responses=True, socket_timeout=0.4
        )
        self.sessions = sessions
        self.seconds = seconds

    def find(self, slug):
        try:
            return self.cache.get(f"ev:{slug}")
        except redis.RedisError:
            return None

    def read(self, slug):
        if page := self.find(slug):
            return json.loads(page)
        deadline = time.monotonic() + 9
        with self.sessions() as session:
            # The lock ends with the transaction, and so with the connection.
            mine = select(func.pg_try_advisory_xact_lock(PAGES, func.hashtext(slug)))
            while time.monotonic() < deadline and not session.scalar(mine):
                session.rollback()
                time.sleep(0.05)
                if page := self.find(slug):
                    return json.loads(page)
            if page := self.find(slug):
                return json.loads(page)
            page = load_page(session, slug)
            try:
                self.cache.set(f"ev:{slug}", json.dumps(page), ex=self.seconds)
            except redis.RedisError:
                pass
            return page

    def rename(self, slug, title):
        with self.sessions.begin() as session:
            # Waits for whoever is building the page: it is stored before we remove it.
            session.execute(
                select(func.pg_advisory_xact_lock(PAGES, func.hashtext(slug)))
            )
            if not session.execute(
                update(Event).where(Event.slug == slug).values(title=title)
            ).rowcount:
                raise LookupError(slug)
        try:
            self.cache.delete(f"ev:{slug}")
        except redis.RedisError:
            pass
