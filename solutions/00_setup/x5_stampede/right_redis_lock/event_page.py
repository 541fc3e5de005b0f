"""The page of one event, built under redis-py's own lock, and stored under its version."""

import json
import os
import time

import psycopg
import redis
from psycopg.rows import dict_row
from redis.exceptions import LockError


def client():
    return redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True, socket_timeout=1.5)


def load(event_id):
    with psycopg.connect(os.environ["DATABASE_URL"], row_factory=dict_row) as db:
        return db.execute("SELECT id, title, venue FROM events WHERE id = %s", (event_id,)).fetchone()


def read(event_id):
    try:
        return cached(client(), event_id)
    except redis.RedisError:
        return load(event_id)


def cached(cache, event_id):
    deadline = time.monotonic() + 9
    while time.monotonic() < deadline:
        # Read before the row: a page built from an older row then lies under an older version.
        version = cache.get(f"event:{event_id}:version") or "0"
        key = f"event:{event_id}:v{version}"
        if page := cache.get(key):
            return json.loads(page)
        lock = cache.lock(f"{key}:lock", timeout=5)
        if lock.acquire(blocking=False):
            try:
                page = cache.get(key)
                if page is None:
                    page = json.dumps(load(event_id))
                    cache.set(key, page, ex=60)
                return json.loads(page)
            finally:
                release(lock)
        time.sleep(0.05)
    return load(event_id)


def release(lock):
    try:
        lock.release()
    except LockError:
        pass  # it took longer than the lock lasts; somebody else owns it now


def rename(event_id, title):
    with psycopg.connect(os.environ["DATABASE_URL"]) as db:
        db.execute("UPDATE events SET title = %s WHERE id = %s", (title, event_id))
    try:
        client().incr(f"event:{event_id}:version")
    except redis.RedisError:
        pass
