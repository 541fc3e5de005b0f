"""The jobs as Celery tasks: each may run twice, none may run without end."""

from __future__ import annotations

import logging
import random
import secrets
import time
from typing import Any
from uuid import UUID

from celery import Celery, Task
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import OperationalError

from guiche import broker, jobs, logs, relay
from guiche.payments import PaymentsDown
from guiche.wiring import Services

log = logging.getLogger(__name__)

#: With pauses of 5 to 10 seconds: as long as an order waits for its payment; and an hour for the mail.
CHARGE_RETRIES = 120
MAIL_RETRIES = 480


def make_celery(services: Services) -> Celery:
    """The application with all tasks and their clock."""
    app = broker.make_app(services.settings.redis_url)

    def charge_order(self: Task, order_id: str) -> None:
        try:
            jobs.charge_order(services, UUID(order_id), logs.request_id.get() or "")
        except (PaymentsDown, OperationalError, SoftTimeLimitExceeded) as error:
            _again(self, error, order_id)
        services.queue.wake_relay()  # for the ticket

    def send_ticket_email(self: Task, order_id: str) -> None:
        try:
            jobs.send_ticket(services, UUID(order_id))
        except (OSError, OperationalError, SoftTimeLimitExceeded) as error:
            _again(self, error, order_id)

    def relay_outbox() -> None:
        relay.run(services.sessions, app)

    def expire_unpaid() -> None:
        jobs.expire_unpaid(services)

    def rebuild_sales_report() -> list[dict[str, Any]]:
        return jobs.sales_report(services)

    for function, options in (
        (charge_order, {"bind": True, "max_retries": CHARGE_RETRIES}),
        (send_ticket_email, {"bind": True, "max_retries": MAIL_RETRIES}),
        (relay_outbox, {}),
        (expire_unpaid, {}),
        (rebuild_sales_report, {"ignore_result": False}),
    ):
        app.task(name=f"guiche.{function.__name__}", base=Traced, **options)(function)

    # A tick that nobody took is worth nothing once the next one comes.
    app.conf.beat_schedule = {
        "relay": {"task": "guiche.relay_outbox", "schedule": 5.0, "options": {"expires": 5}},
        "expire": {"task": "guiche.expire_unpaid", "schedule": 30.0, "options": {"expires": 30}},
    }
    return app


class Traced(Task):  # type: ignore[misc]
    """A task that works under the request id of whoever asked for it, and tells how long it took."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run with the id from the message's headers; a tick of the clock gets one of its own."""
        asked = self.request.get("request_id")
        # Not reset: Celery's own line about a failure comes after this, and the next task sets its own.
        logs.request_id.set(asked or secrets.token_hex(8))
        began = time.perf_counter()
        result = self.run(*args, **kwargs)
        told = {"task": self.name, "ms": round((time.perf_counter() - began) * 1000, 1)}
        log.log(logging.INFO if asked else logging.DEBUG, "task done", extra=told)
        return result


def pause(attempt: int) -> float:
    """Seconds until the next attempt: doubling, bounded, and never the same for many at once."""
    return min(float(2 ** min(attempt, 10)), broker.LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311


def _again(task: Task, error: Exception, order_id: str) -> None:
    tries = task.request.retries
    told = {"order_id": order_id, "task": task.name, "attempt": tries + 1, "reason": str(error)[:200]}
    if tries >= task.max_retries:
        log.error("task given up", extra=told)
        raise error
    log.warning("task failed, will be tried again", extra=told)
    raise task.retry(exc=error, countdown=pause(tries), headers={"request_id": logs.request_id.get()})
