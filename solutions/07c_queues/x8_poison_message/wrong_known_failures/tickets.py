"""Tickets by e-mail: the worker's job, and a table of those that were given up."""

import os
import random
from typing import Any

import psycopg
from celery import Celery, Task
from psycopg.rows import dict_row

import mailer

TABLE = """
CREATE TABLE IF NOT EXISTS parked (
    ticket bigint PRIMARY KEY, address text NOT NULL, reason text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
)
"""
PARK = (
    "INSERT INTO parked (ticket, address, reason) VALUES (%s, %s, %s)"
    " ON CONFLICT (ticket) DO NOTHING"
)
TRIES = 6

app = Celery("tickets", broker=os.environ["REDIS_URL"])


def connect() -> psycopg.Connection[dict[str, Any]]:
    """A connection; the table is there."""
    connection = psycopg.connect(os.environ["DATABASE_URL"], row_factory=dict_row)
    connection.execute(TABLE)
    return connection


@app.task(bind=True, max_retries=None)
def send_ticket(self: Task, ticket: int, address: str) -> None:
    """Send one ticket, in a few tries, or park it."""
    tries = self.request.retries + 1
    try:
        mailer.send(ticket, address)
    except (mailer.Down, mailer.Refused) as error:
        if isinstance(error, mailer.Down) and tries < TRIES:
            pause = 2**tries * random.uniform(0.5, 1.5)
            raise self.retry(exc=error, countdown=pause) from error
        with connect() as connection:
            connection.execute(PARK, (ticket, address, f"{error!r} after {tries} tries"))


def parked() -> list[dict[str, Any]]:
    """The jobs that were given up: `ticket`, `address` and `reason` of each."""
    with connect() as connection:
        return connection.execute("SELECT ticket, address, reason FROM parked ORDER BY at").fetchall()


def metrics() -> str:
    """What Prometheus reads."""
    return f"tickets_parked {len(parked())}\n"
