"""The page of one event: from Redis if it is there, else built by one reader for all."""

import json
import os
import threading

import psycopg
import redis
from psycopg.rows import dict_row

building = threading.Lock()


def client():
    return redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True, socket_timeout=1)


def load(event_id):
    with psycopg.connect(os.environ["DATABASE_URL"], row_factory=dict_row) as db:
        return db.execute("SELECT id, title, venue FROM events WHERE id = %s", (event_id,)).fetchone()


def read(event_id):
    try:
        return cached(client(), event_id)
    except redis.RedisError:
        return load(event_id)


def cached(cache, event_id):
    key = f"event:{event_id}"
    with building:
        page = cache.get(key)
        if page is None:
            page = json.dumps(load(event_id))
            cache.set(key, page, px=60_000)
    return json.loads(page)


def rename(event_id, title):
    with psycopg.connect(os.environ["DATABASE_URL"]) as db:
        db.execute("UPDATE events SET title = %s WHERE id = %s", (title, event_id))
    try:
        client().delete(f"event:{event_id}")
    except redis.RedisError:
        pass
