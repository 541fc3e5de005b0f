import os

import psycopg
import redis


def name_of(person_id):
    cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    kept = cache.get(f"person:{person_id}")
    if kept is not None:
        return kept
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT name FROM people WHERE id = %s", [person_id]
        ).fetchone()
    return row[0]
