"""The page of one event: from Redis if it is there, else from Postgres."""

import json
import os

import psycopg
import redis
from psycopg.rows import dict_row

KEPT_MS = 60_000


def read(event_id: int) -> dict:
    cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    page = cache.get(f"event:{event_id}")
    if page is None:
        page = json.dumps(load(event_id))
        cache.set(f"event:{event_id}", page, px=KEPT_MS)
    return json.loads(page)


def rename(event_id: int, title: str) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as db:
        db.execute("UPDATE events SET title = %s WHERE id = %s", (title, event_id))
    cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    cache.delete(f"event:{event_id}")


def load(event_id: int) -> dict:
    with psycopg.connect(os.environ["DATABASE_URL"], row_factory=dict_row) as db:
        return db.execute("SELECT id, title, venue FROM events WHERE id = %s", (event_id,)).fetchone()
