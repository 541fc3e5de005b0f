"""What the web needs of the queue: a nudge, which may get lost."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING

from guiche import logs

if TYPE_CHECKING:
    from celery import Celery

log = logging.getLogger(__name__)

RELAY = "guiche.relay_outbox"


class Queue:
    """Sends to the queue at `redis_url`."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url

    @cached_property
    def _app(self) -> Celery:
        # Imported at first need: most requests send nothing.
        from guiche import broker

        app = broker.make_app(self._redis_url)
        app.conf.broker_transport_options = {
            **app.conf.broker_transport_options,
            "socket_timeout": 1.0,  # a customer waits; a worker may wait for its next message without end
            "max_retries": 0,
        }
        return app

    def wake_relay(self) -> None:
        """Ask for the outbox to be relayed now; without Redis the worker's clock does it a few seconds later."""
        try:
            self._app.send_task(
                RELAY, retry=False, ignore_result=True, expires=30, headers={"request_id": logs.request_id.get() or ""}
            )
        except Exception as error:  # whatever it is: the order is safe in the outbox, and its customer has waited
            log.warning("relay not woken", extra={"reason": type(error).__name__})
