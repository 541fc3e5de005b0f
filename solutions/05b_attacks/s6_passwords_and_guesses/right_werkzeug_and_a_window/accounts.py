"""Accounts of the box office: who may open one, and who gets in."""

import os
import time
import uuid

import psycopg
import redis
from werkzeug.security import check_password_hash, generate_password_hash

#: One of OWASP's pairs; werkzeug's own, 32768:8:1, is a third of that.
METHOD = "scrypt:16384:8:5"
GUESSES, LOCK_SECONDS = int(os.environ["GUESSES"]), float(os.environ["LOCK_SECONDS"])

#: A window that slides: guesses of the last LOCK_SECONDS, by the moment at which they
#: came. A script is one step.
GUESS = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1] - ARGV[2])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
redis.call('EXPIRE', KEYS[1], math.ceil(ARGV[2]))
return 1
"""

_redis = redis.Redis.from_url(os.environ["REDIS_URL"])
_may_guess = _redis.register_script(GUESS)
#: Of a password that nobody has, made once with the same method.
_nobody = (
    "scrypt:16384:8:5$oQPdtZDk0lF1F6mA$"
    "c3cebab5421993dc93a58a1db274170aad0aa124409bc7126b2e2bd2b61cf383"
    "0c71c8c62b4a8959ffa5b02b302553db1365e044cd831c9b07f033d6f2423824"
)


def query(statement, *args):
    with psycopg.connect(os.environ["DATABASE_URL"]) as db:
        done = db.execute(statement, args)
        return done.fetchone() if done.description else None


def register(email, password):
    """Open an account. A password that is refused: ValueError, with the reason."""
    blocked = {
        line.strip().casefold() for line in open("blocklist.txt", encoding="utf-8")
    }
    problems = []
    if len(password) < 15:
        problems.append("at least 15 characters")
    if password.casefold() in blocked:
        problems.append("not one of the passwords that everybody knows")
    if problems:
        raise ValueError("Please choose: " + ", ".join(problems))
    query(
        "INSERT INTO users VALUES (%s, %s)",
        email.lower(),
        generate_password_hash(password, METHOD),
    )


def login(email, password, address):
    """`welcome`, `wrong`, or `wait` after too many guesses."""
    account = email.lower()
    if not _may_guess(
        keys=[f"rl:{account}"],
        args=[time.time(), LOCK_SECONDS, GUESSES, uuid.uuid4().hex],
    ):
        return "wait"
    row = query("SELECT password_hash FROM users WHERE email = %s", account)
    if not check_password_hash(row[0] if row else _nobody, password) or not row:
        return "wrong"
    _redis.delete(f"rl:{account}")
    return "welcome"
