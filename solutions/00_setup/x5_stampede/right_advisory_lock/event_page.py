"""The page of one event; Postgres itself says who builds it."""

import json
import os
import time

import psycopg
import redis
from psycopg.rows import dict_row

PAGES = 1  # which kind of lock: Postgres knows them by two numbers


def client():
    return redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True, socket_timeout=1.5)


def find(event_id):
    try:
        return client().get(f"event:{event_id}")
    except redis.RedisError:
        return None


def read(event_id):
    if page := find(event_id):
        return json.loads(page)
    deadline = time.monotonic() + 9
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, row_factory=dict_row) as db:
        while time.monotonic() < deadline:
            if db.execute("SELECT pg_try_advisory_lock(%s, %s) AS mine", (PAGES, event_id)).fetchone()["mine"]:
                break
            time.sleep(0.05)
            if page := find(event_id):
                return json.loads(page)
        return build(db, event_id)  # the lock ends with the connection


def build(db, event_id):
    try:
        cache = client()
        if page := cache.get(f"event:{event_id}"):
            return json.loads(page)
        row = load(db, event_id)
        cache.set(f"event:{event_id}", json.dumps(row), ex=60)
        return row
    except redis.RedisError:
        return load(db, event_id)


def load(db, event_id):
    return db.execute("SELECT id, title, venue FROM events WHERE id = %s", (event_id,)).fetchone()


def rename(event_id, title):
    with psycopg.connect(os.environ["DATABASE_URL"]) as db:
        # Waits for whoever is building the page: it is stored before we remove it.
        db.execute("SELECT pg_advisory_xact_lock(%s, %s)", (PAGES, event_id))
        db.execute("UPDATE events SET title = %s WHERE id = %s", (title, event_id))
    try:
        client().delete(f"event:{event_id}")
    except redis.RedisError:
        pass
