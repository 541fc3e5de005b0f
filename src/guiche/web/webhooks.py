"""What the payment provider tells us: signed, and perhaps more than once."""

from __future__ import annotations

import json
import logging
import time
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request
from sqlalchemy.dialects.postgresql import insert

from guiche.jobs import settle
from guiche.models import PAID, Order, WebhookEvent
from guiche.plain import storable
from guiche.signatures import HEADER, BadSignature, verify
from guiche.web.context import db, services
from guiche.web.metrics import metrics

blueprint = Blueprint("webhooks", __name__)
log = logging.getLogger(__name__)

LONGEST_ID = 200


@blueprint.post("/webhooks/payments")
def payments() -> tuple[Response, int]:
    """Take a message once; the second time it is known, and that is fine."""
    body = request.get_data()
    try:
        verify(services().settings.webhook_keys, body, request.headers.get(HEADER, ""), time.time())
    except BadSignature as error:
        log.warning("webhook refused", extra={"reason": str(error)})
        return jsonify(error={"code": "bad_signature", "message": str(error)}), 403
    try:
        event_id, charge = _read(body)
    except (ValueError, KeyError, TypeError) as error:
        log.warning("webhook not understood", extra={"reason": type(error).__name__})
        return jsonify(error={"code": "bad_event", "message": "This event can't be read."}), 400
    new = insert(WebhookEvent).values(id=event_id).on_conflict_do_nothing().returning(WebhookEvent.id)
    if db().scalar(new) is None:
        return jsonify(status="known"), 200
    paid = charge is not None and _settle(charge)
    db().commit()  # the event and what it changed: both or none
    if paid:
        services().queue.wake_relay()
    return jsonify(status="taken"), 200


def _settle(charge: dict[str, Any]) -> bool:
    order = db().get(Order, charge["order_id"])
    if order is not None and order.total_cents != charge["amount_cents"]:
        # Not ours to guess which one is right; people look at it.
        log.error("charge of another amount", extra={"order_id": str(order.id), "provider_ref": charge["id"]})
        return False
    settled = settle(db(), charge["order_id"], charge["id"])
    if settled and order is not None and order.status == PAID:
        metrics().order(PAID)
    return settled


def _read(body: bytes) -> tuple[str, dict[str, Any] | None]:
    """The id of the event and, when it tells of one, the charge."""
    event = json.loads(body)
    event_id = event["id"]
    if not isinstance(event_id, str) or not 0 < len(event_id) <= LONGEST_ID or not storable(event_id):
        raise ValueError("id")
    if event["type"] != "charge.succeeded":
        return event_id, None
    data = event["data"]
    amount, reference = data["amount_cents"], str(data["id"])
    if not isinstance(amount, int) or not storable(reference):
        raise ValueError("data")
    return event_id, {"id": reference, "order_id": UUID(data["order_id"]), "amount_cents": amount}
