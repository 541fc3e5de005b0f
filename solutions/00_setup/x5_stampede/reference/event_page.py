"""The page of one event: from Redis if it is there, else built by one reader for all."""

from __future__ import annotations

import json
import os
import secrets
import time
from typing import Any

import psycopg
import redis
from psycopg.rows import dict_row

KEPT_MS = 60_000
LOCK_MS = 5_000  # longer than a page takes to build, shorter than a reader waits
PATIENCE = 9.0
PAUSE = 0.05

#: Stores the page only for the owner of the lock: whom a rename has overtaken, or who came too late, stores nothing.
STORE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return redis.call('DEL', KEYS[1])
"""


def read(event_id: int) -> dict[str, Any]:
    try:
        return _cached(event_id)
    except redis.RedisError:
        return _load(event_id)


def rename(event_id: int, title: str) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as db:
        db.execute("UPDATE events SET title = %s WHERE id = %s", (title, event_id))
    try:
        _cache().delete(_page(event_id), _lock(event_id))
    except redis.RedisError:
        return  # the page ends by itself, within a minute


def _cached(event_id: int) -> dict[str, Any]:
    cache = _cache()
    token = secrets.token_hex(8)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        page = cache.get(_page(event_id))
        if page is None and cache.set(_lock(event_id), token, nx=True, px=LOCK_MS):
            # It may have been stored since we looked.
            page = cache.get(_page(event_id)) or json.dumps(_load(event_id))
            cache.eval(STORE, 2, _lock(event_id), _page(event_id), token, page, KEPT_MS)
        if page is not None:
            return json.loads(page)
        time.sleep(PAUSE)
    return _load(event_id)


def _load(event_id: int) -> dict[str, Any]:
    with psycopg.connect(os.environ["DATABASE_URL"], row_factory=dict_row) as db:
        return db.execute("SELECT id, title, venue FROM events WHERE id = %s", (event_id,)).fetchone()


def _cache() -> redis.Redis:
    return redis.Redis.from_url(
        os.environ["REDIS_URL"], decode_responses=True, socket_timeout=1, socket_connect_timeout=1
    )


def _page(event_id: int) -> str:
    return f"event:{event_id}"


def _lock(event_id: int) -> str:
    return f"event:{event_id}:lock"
