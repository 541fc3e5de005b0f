"""Tickets by e-mail: the worker's job, and those that were given up."""

import json
import os
from typing import Any

import redis
from celery import Celery

import mailer

PARKED = "tickets:parked"

app = Celery("tickets", broker=os.environ["REDIS_URL"])
store = redis.Redis.from_url(os.environ["REDIS_URL"])


@app.task(
    autoretry_for=(mailer.Down,),  # the one failure that time heals
    max_retries=7,
    retry_backoff=True,
    retry_backoff_max=120,
    retry_jitter=True,
)
def send_ticket(ticket: int, address: str) -> None:
    """Send one ticket."""
    try:
        mailer.send(ticket, address)
    except Exception as error:
        entry = {"ticket": ticket, "address": address, "reason": f"{type(error).__name__}: {error}"}
        store.hset(PARKED, str(ticket), json.dumps(entry))
        raise


def parked() -> list[dict[str, Any]]:
    """The jobs that were given up: `ticket`, `address` and `reason` of each."""
    return [json.loads(entry) for entry in store.hvals(PARKED)]


def metrics() -> str:
    """What Prometheus reads."""
    return f"# TYPE tickets_parked gauge\ntickets_parked {store.hlen(PARKED)}\n"
