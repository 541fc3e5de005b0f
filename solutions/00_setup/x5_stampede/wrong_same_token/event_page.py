"""The page of one event: from Redis if it is there, else built by one reader for all."""

import json
import os
import time

import psycopg
import redis
from psycopg.rows import dict_row

TOKEN = "building"
STORE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return redis.call('DEL', KEYS[1])
"""


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
    key, lock = f"event:{event_id}", f"event:{event_id}:lock"
    while True:
        page = cache.get(key)
        if page is None and cache.set(lock, TOKEN, nx=True, px=5_000):
            page = cache.get(key) or json.dumps(load(event_id))
            cache.eval(STORE, 2, lock, key, TOKEN, page, 60_000)
        if page is not None:
            return json.loads(page)
        time.sleep(0.05)


def rename(event_id, title):
    with psycopg.connect(os.environ["DATABASE_URL"]) as db:
        db.execute("UPDATE events SET title = %s WHERE id = %s", (title, event_id))
    try:
        client().delete(f"event:{event_id}", f"event:{event_id}:lock")
    except redis.RedisError:
        pass
