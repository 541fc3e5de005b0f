from __future__ import annotations

import random

import pytest

from inprod.testing import Answer, saw
from inprod.testing.postgres import Postgres
from inprod.testing.redis_ import Redis


@pytest.fixture
def name(answer: Answer, postgres: Postgres, redis: Redis, rng: random.Random) -> str:
    chosen = f"Zoë {rng.randint(100, 999)}"
    # One database and one Redis serve all observations of a check.
    redis.client.delete("person:1")
    postgres.execute("DROP TABLE IF EXISTS people")
    postgres.execute("CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL)")
    postgres.execute("INSERT INTO people VALUES (1, %s)", [chosen])
    return chosen


def read(answer: Answer, postgres: Postgres, redis: Redis) -> object:
    return answer.call("names.py:name_of", 1, env={"DATABASE_URL": postgres.url, "REDIS_URL": redis.url})


def test_name_is_right(answer: Answer, postgres: Postgres, redis: Redis, name: str) -> None:
    """The name is the one in Postgres."""
    value = read(answer, postgres, redis)
    if value != name:
        raise saw(
            "wrong-name",
            did="Wrote {name} to Postgres, then asked for it.",
            saw="{value}",
            needs="{name}",
            why="Nobody likes to be called by another name.",
            try_="Read it where it lies.",
            name=name,
            value=value,
        )


def test_copy_is_kept(answer: Answer, postgres: Postgres, redis: Redis, name: str) -> None:
    """After the first reader, Redis holds a copy."""
    read(answer, postgres, redis)
    kept = redis.client.get("person:1")
    if kept != name:
        raise saw(
            "no-copy",
            did="Asked for the name, then looked at `person:1` in Redis.",
            saw="{kept}",
            needs="{name}",
            why="Each reader costs a query.",
            try_="Write the copy before you return.",
            kept=kept,
            name=name,
        )


def test_copy_ends(answer: Answer, postgres: Postgres, redis: Redis, name: str) -> None:
    """The copy ends within a minute."""
    read(answer, postgres, redis)
    left = redis.client.ttl("person:1")
    if not 0 < left <= 60:
        raise saw(
            "copy-stays",
            did="Asked Redis how long `person:1` lives.",
            saw="{left}",
            needs="1 to 60 seconds",
            why="A name that changes must show one day.",
            try_="Give the copy an end.",
            left=left,
        )
