"""Accounts of the box office: who may open one, and who gets in."""

import hashlib
import os
import re

import psycopg

SALT = "guiche"
LIMIT = int(os.environ["GUESSES"])
wrong = {}  # how many wrong guesses there were, by e-mail


def digest(password):
    return hashlib.sha256((SALT + password).encode()).hexdigest()


def database():
    return psycopg.connect(os.environ["DATABASE_URL"])


def register(email, password):
    """Open an account. A password that is refused: ValueError, with the reason."""
    if len(password) < 8 or not re.search(r"(?=.*[A-Z])(?=.*\d)(?=.*\W)", password):
        raise ValueError("8 characters, a capital letter, a digit and a special one")
    insert = "INSERT INTO users (email, password_hash) VALUES (%s, %s)"
    with database() as db:
        db.execute(insert, (email, digest(password)))


def login(email, password, address):
    """`welcome`, `wrong`, or `wait` after too many guesses; `address` asks."""
    if wrong.get(email, 0) >= LIMIT:
        return "wait"
    select = "SELECT password_hash FROM users WHERE lower(email) = lower(%s)"
    with database() as db:
        found = db.execute(select, (email,)).fetchone()
    if found and found[0] == digest(password):
        return "welcome"
    wrong[email] = wrong.get(email, 0) + 1
    return "wrong"
