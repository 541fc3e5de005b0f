"""What the payment provider tells us; it may tell it twice."""

from __future__ import annotations

import logging
import time
from typing import Any
from uuid import UUID

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy.dialects.postgresql import insert

from guiche import jobs, signatures
from guiche.models import WebhookEvent
from guiche.web.parts import Refused, services

log = logging.getLogger("guiche.web")
blueprint = Blueprint("webhooks", __name__)


@blueprint.post("/webhooks/payments")
def payments() -> ResponseReturnValue:
    """Take in a signed message once; what is not signed by a known key is not read."""
    raw = request.get_data()
    header = request.headers.get(signatures.HEADER, "")
    try:
        signatures.verify(services().settings.webhook_keys, raw, header, time.time())
    except signatures.BadSignature as error:
        log.warning("webhook refused", extra={"reason": str(error)})
        raise Refused(401, "bad_signature", str(error)) from error
    event_id, kind, order_id, reference = _read()
    with services().sessions.begin() as session:
        first = insert(WebhookEvent).values(id=event_id).on_conflict_do_nothing().returning(WebhookEvent.id)
        if session.execute(first).scalar() is None:
            return jsonify(received=True, again=True)
        if kind == "charge.succeeded":
            jobs.settle(session, order_id, reference)
    services().queue.wake_relay()
    return jsonify(received=True)


def _read() -> tuple[str, str, UUID, str]:
    """Id, type, order and charge of the message; 400 where it has none."""
    event: Any = request.get_json(force=True, silent=True)
    try:
        data = event["data"]
        return str(event["id"]), str(event["type"]), UUID(str(data["order_id"])), str(data["id"])
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(400, "bad_event", "This message is not one of ours.") from error
