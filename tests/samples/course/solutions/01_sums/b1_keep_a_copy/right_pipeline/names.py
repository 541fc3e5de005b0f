import os

import psycopg
import redis
from settings import SECONDS


def name_of(person_id):
    cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    kept = cache.get(f"person:{person_id}")
    if kept is not None:
        return kept
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT name FROM people WHERE id = %s", [person_id]
        ).fetchone()
    with cache.pipeline() as both:
        both.set(f"person:{person_id}", row[0]).expire(
            f"person:{person_id}", SECONDS
        ).execute()
    return row[0]
