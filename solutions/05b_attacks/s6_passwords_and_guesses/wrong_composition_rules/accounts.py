"""Accounts of the box office: who may open one, and who gets in."""

import os
from pathlib import Path

import psycopg
import redis
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

SHORTEST = 15
GUESSES = int(os.environ["GUESSES"])
LOCK_SECONDS = int(os.environ["LOCK_SECONDS"])
BLOCKED = frozenset(Path("blocklist.txt").read_text("utf-8").casefold().splitlines())

#: argon2id, with the least that OWASP advises: 19 MiB, two passes.
hasher = PasswordHasher(memory_cost=19456, time_cost=2, parallelism=1)
NOBODY = hasher.hash(os.urandom(16).hex())  # of a password that nobody has
store = redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=5)


def database():
    return psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5)


def register(email, password):
    """Open an account. A password that is refused: ValueError, with the reason."""
    if len(password) < SHORTEST:
        raise ValueError(f"{SHORTEST} characters or more, please: take a few words.")
    if not any(c.isdigit() for c in password) or not any(c.isupper() for c in password):
        raise ValueError("A password needs a capital letter and a digit.")
    if password.casefold() in BLOCKED:
        raise ValueError("Attackers try this password first. Take other words.")
    insert = "INSERT INTO users (email, password_hash) VALUES (lower(%s), %s)"
    with database() as db:
        db.execute(insert, (email, hasher.hash(password)))


def login(email, password, address):
    """`welcome`, `wrong`, or `wait` after too many guesses; `address` asks."""
    key = f"guesses:{email.lower()}"
    if count(key) > GUESSES:
        return "wait"
    select = "SELECT password_hash FROM users WHERE email = lower(%s)"
    with database() as db:
        found = db.execute(select, (email,)).fetchone()
    try:
        hasher.verify(found[0] if found else NOBODY, password)
    except VerifyMismatchError:
        return "wrong"
    store.delete(key)
    return "welcome"


def count(key):
    """The number of this guess: counted before it is looked at, in one step."""
    with store.pipeline() as both:
        both.incr(key)
        both.expire(key, LOCK_SECONDS, nx=True)  # the time runs from the first guess
        guesses, _ = both.execute()
    return guesses
