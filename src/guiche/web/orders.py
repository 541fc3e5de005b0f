"""Buying, and what was bought."""

from __future__ import annotations

import logging
from datetime import UTC
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from sqlalchemy import select

from guiche import logs, outbox
from guiche.history import orders_of
from guiche.models import CANCELLED, PENDING, Event, Order, Tier
from guiche.plain import storable
from guiche.repo import KeyTaken, OrderRepo, Placed, SoldOut
from guiche.web.context import customer, db, services, visitor
from guiche.web.errors import Problem
from guiche.web.json_or_html import Sent, reply, see_other
from guiche.web.metrics import metrics
from guiche.web.wants import wants_json

blueprint = Blueprint("orders", __name__)
log = logging.getLogger(__name__)

LONGEST_KEY = 200


@blueprint.get("/me/orders")
def mine() -> Response:
    """All orders of whoever is logged in."""
    return reply({"orders": orders_of(db(), customer().id)}, "orders.html")


@blueprint.post("/orders")
def place() -> Response:
    """Buy seats; the same key again is the same order."""
    sent = Sent()
    slug = sent.text("event", longest=200)
    event = url_for("events.show", slug=slug)
    who = visitor()
    if who is None:
        raise Problem(401, "login_required", "Log in to buy tickets; then choose your seats again.", back=event)
    tier_id, qty = sent.whole("tier"), sent.whole("qty")
    key = request.headers.get("Idempotency-Key") or sent.text("idempotency_key", longest=LONGEST_KEY, default="")
    if not key or len(key) > LONGEST_KEY or not storable(key):
        raise Problem(400, "idempotency_key", f"An order needs an Idempotency-Key of at most {LONGEST_KEY} characters.")
    _check(slug, tier_id)
    try:
        placed = OrderRepo(db()).place(user_id=who.id, tier_id=tier_id, qty=qty, key=key)
    except SoldOut:
        message = "There are not that many seats left. Take fewer, or look at another price."
        raise Problem(409, "sold_out", message, back=event) from None
    except KeyTaken:
        message = "This form was used before. Load the page of the event again, and order there."
        raise Problem(409, "key_taken", message, back=event) from None
    _commit(placed, who.id, qty)
    where = url_for("orders.show", order_id=placed.order.id)
    if not wants_json():
        return see_other(where)
    response = reply({"order": as_json(placed.order)}, "order.html", status=201 if placed.created else 200)
    response.headers["Location"] = where
    return response


@blueprint.get("/orders/<uuid:order_id>")
def show(order_id: UUID) -> Response:
    """One order of one's own."""
    order = OrderRepo(db()).get(order_id, user_id=customer().id)
    if order is None:
        raise _unknown()
    return reply({"order": as_json(order)}, "order.html")


@blueprint.post("/orders/<uuid:order_id>/cancel")
def cancel(order_id: UUID) -> Response:
    """Give the seats back, as long as nothing was paid."""
    who = customer()
    repo = OrderRepo(db())
    cancelled = repo.cancel(order_id, user_id=who.id)
    db().commit()
    order = repo.get(order_id, user_id=who.id)
    if order is None:
        raise _unknown()
    where = url_for("orders.show", order_id=order_id)
    if not cancelled and order.status != CANCELLED:
        raise Problem(409, "not_pending", "Only an order that waits for its payment can be cancelled.", back=where)
    if cancelled:
        metrics().order(CANCELLED)
        log.info("order cancelled", extra={"order_id": str(order_id), "user_id": who.id})
    if wants_json():
        return reply({"order": as_json(order)}, "order.html")
    flash("The order is cancelled.")
    return see_other(where)


def as_json(order: Order) -> dict[str, Any]:
    """One order: as the list has it, and where and when its events are."""
    items = [
        {
            "event": item.tier.event.title,
            "slug": item.tier.event.slug,
            "starts_at": item.tier.event.starts_at.astimezone(UTC).isoformat(),
            "venue": item.tier.event.venue,
            "tier": item.tier.name,
            "qty": item.qty,
            "unit_cents": item.unit_cents,
        }
        for item in order.items
    ]
    return {
        "id": str(order.id),
        "status": order.status,
        "total_cents": order.total_cents,
        "created_at": order.created_at.astimezone(UTC).isoformat(),
        "items": items,
        "notes": [note.body for note in order.notes],
    }


def _check(slug: str, tier_id: int) -> None:
    """A tier of another event is a mistake of a form or a program, and may cost somebody money."""
    known = select(Tier.id).join(Event, Event.id == Tier.event_id).where(Event.slug == slug, Tier.id == tier_id)
    if not storable(slug) or db().scalar(known) is None:
        raise Problem(400, "unknown_tier", "This event has no such tickets.")


def _commit(placed: Placed, user_id: int, qty: int) -> None:
    """The order and the promise to charge it: both or none."""
    order_id = str(placed.order.id)
    if placed.created:
        outbox.write(db(), "charge_order", {"order_id": order_id, "request_id": logs.request_id.get() or ""})
    db().commit()
    if placed.created:
        metrics().order(PENDING)
        total = placed.order.total_cents
        log.info("order placed", extra={"order_id": order_id, "user_id": user_id, "qty": qty, "total_cents": total})
        services().queue.wake_relay()


def _unknown() -> Problem:
    return Problem(
        404, "not_found", "You have no such order. Look at the list of your orders.", back=url_for("orders.mine")
    )
