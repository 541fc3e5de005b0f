"""Accounts of the box office: who may open one, and who gets in."""

import hashlib
import hmac
import os
import secrets
from base64 import b64decode, b64encode
from pathlib import Path

import psycopg

COST = {
    "n": 2**14,
    "r": 8,
    "p": 5,
    "maxmem": 64 * 1024 * 1024,
}  # OWASP: 16 MiB, five times
GUESSES_TABLE = """
CREATE TABLE IF NOT EXISTS guesses (
    email text PRIMARY KEY, n int NOT NULL, until timestamptz NOT NULL
)
"""
#: One statement counts: a row whose time is over begins anew.
COUNT = """
INSERT INTO guesses AS g VALUES (lower(%s), 1, now() + %s * interval '1 s')
ON CONFLICT (email) DO UPDATE SET
    n = CASE WHEN g.until < now() THEN 1 ELSE g.n + 1 END,
    until = CASE WHEN g.until < now() THEN excluded.until ELSE g.until END
RETURNING n
"""


class Accounts:
    """Everything in Postgres: a backup has it, and Redis may go away."""

    def __init__(self, url, guesses, seconds):
        self._url, self._guesses, self._seconds = url, guesses, seconds
        with self._connect() as db:
            db.execute(
                "SELECT pg_advisory_xact_lock(66)"
            )  # two processes may begin at once
            db.execute(GUESSES_TABLE)

    def _connect(self):
        return psycopg.connect(self._url, connect_timeout=5)

    def add(self, email, password):
        with self._connect() as db:
            db.execute(
                "INSERT INTO users VALUES (lower(%s), %s)",
                (email, made(password, secrets.token_bytes(16))),
            )

    def enter(self, email, password):
        with self._connect() as db:
            (number,) = db.execute(COUNT, (email, self._seconds)).fetchone()
            found = db.execute(
                "SELECT password_hash FROM users WHERE email = lower(%s)", (email,)
            ).fetchone()
        if number > self._guesses:
            return "wait"
        kept = (
            found[0] if found else "scrypt$" + b64encode(bytes(16)).decode() + "$nobody"
        )
        right = hmac.compare_digest(kept, made(password, b64decode(kept.split("$")[1])))
        if not right:
            return "wrong"
        with self._connect() as db:
            db.execute("DELETE FROM guesses WHERE email = lower(%s)", (email,))
        return "welcome"


def made(password, salt):
    digest = hashlib.scrypt(password.encode(), salt=salt, **COST)
    return f"scrypt${b64encode(salt).decode()}${b64encode(digest).decode()}"


accounts = Accounts(
    os.environ["DATABASE_URL"],
    int(os.environ["GUESSES"]),
    float(os.environ["LOCK_SECONDS"]),
)


def register(email, password):
    """Open an account. A password that is refused: ValueError, with the reason."""
    if len(password) < 15:
        raise ValueError("Fifteen characters or more, please.")
    with Path("blocklist.txt").open(encoding="utf-8") as lines:
        if any(line.rstrip("\n").lower() == password.lower() for line in lines):
            raise ValueError("This password is known to everybody.")
    accounts.add(email, password)


def login(email, password, address):
    """`welcome`, `wrong`, or `wait` after too many guesses."""
    return accounts.enter(email, password)
