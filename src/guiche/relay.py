"""From the outbox to the queue: each row at least once."""

from __future__ import annotations

import logging

from celery import Celery
from sqlalchemy.orm import Session, sessionmaker

from guiche import logs, outbox

log = logging.getLogger(__name__)

#: Which task a topic is for: nothing else that lies in the outbox is ever called.
TASKS = {"charge_order": "guiche.charge_order", "send_ticket_email": "guiche.send_ticket_email"}
_BATCH = 50


def run(sessions: sessionmaker[Session], app: Celery) -> int:
    """Send what is unsent; how many there were."""
    relayed = 0
    while True:
        with sessions.begin() as session:
            messages = outbox.take(session, _BATCH)
            for message in messages:
                _send(app, message.topic, dict(message.payload), message.id)
                outbox.mark_sent(session, message)
        # Committed only now: who dies before sends these again, and the tasks take that.
        relayed += len(messages)
        if len(messages) < _BATCH:
            return relayed


def _send(app: Celery, topic: str, payload: dict[str, str], number: int) -> None:
    # The line belongs to the request that asked for the work, as the task will.
    token = logs.request_id.set(payload.pop("request_id", "") or None)
    try:
        if topic not in TASKS:
            log.error("unknown topic in the outbox", extra={"topic": topic, "outbox_id": number})
            return
        app.send_task(TASKS[topic], kwargs=payload, headers={"request_id": logs.request_id.get() or ""}, retry=False)
        log.info("outbox relayed", extra={"topic": topic, "outbox_id": number})
    finally:
        logs.request_id.reset(token)
