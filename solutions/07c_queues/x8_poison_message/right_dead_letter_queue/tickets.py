"""Tickets by e-mail: the worker's job, and those that were given up."""

import base64
import json
import os
from typing import Any

import redis
from celery import Celery, Task

import mailer

app = Celery("tickets", broker=os.environ["REDIS_URL"])
store = redis.Redis.from_url(os.environ["REDIS_URL"])

DEAD = "dead"
MOST = 5


@app.task(
    bind=True,
    autoretry_for=(Exception,),
    retry_backoff=2,
    retry_backoff_max=300,
    max_retries=MOST,
)
def send_ticket(self: Task, ticket: int, address: str) -> None:
    """Send one ticket; what fails is tried again, then goes to the dead letters."""
    try:
        mailer.send(ticket, address)
    except Exception as error:
        if self.request.retries < MOST:
            raise
        # The same job: a worker that is started with `-Q dead` sends all of them again.
        self.apply_async((ticket, address), queue=DEAD, headers={"reason": repr(error)})


def parked() -> list[dict[str, Any]]:
    """The jobs that were given up: `ticket`, `address` and `reason` of each."""
    found = []
    for message in map(json.loads, store.lrange(DEAD, 0, -1)):
        ticket, address = json.loads(base64.b64decode(message["body"]))[0]
        found.append(
            {
                "ticket": ticket,
                "address": address,
                "reason": message["headers"]["reason"],
            }
        )
    return found


def metrics() -> str:
    """What Prometheus reads."""
    return f"# TYPE tickets_parked gauge\ntickets_parked {store.llen(DEAD)}\n"
