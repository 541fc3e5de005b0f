"""Tickets by e-mail: the worker's job, and those that were given up."""

import json
import os
from typing import Any

import redis
from celery import Celery, Task

import mailer

PARKED = "tickets:parked"

app = Celery("tickets", broker=os.environ["REDIS_URL"])
store = redis.Redis.from_url(os.environ["REDIS_URL"])


class Parking(Task):
    """A task whose job is parked when it will not be tried again."""

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Keep what is needed to send the ticket again, and why it was not sent."""
        job = dict(zip(("ticket", "address"), args, strict=False)) | kwargs
        store.rpush(PARKED, json.dumps({**job, "reason": f"{type(exc).__name__}: {exc}"}))


@app.task(
    base=Parking,
)
def send_ticket(ticket: int, address: str) -> None:
    """Send one ticket."""
    mailer.send(ticket, address)


def parked() -> list[dict[str, Any]]:
    """The jobs that were given up: `ticket`, `address` and `reason` of each."""
    return [json.loads(entry) for entry in store.lrange(PARKED, 0, -1)]


def metrics() -> str:
    """What Prometheus reads."""
    return f"# TYPE tickets_parked gauge\ntickets_parked {store.llen(PARKED)}\n"
