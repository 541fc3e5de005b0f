"""Buying: an order, its page, and all of mine."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from guiche import metrics, outbox
from guiche.history import orders_of
from guiche.logs import request_id
from guiche.models import Event, Order, Tier
from guiche.repo import KeyTaken, OrderRepo, SoldOut
from guiche.web.parts import Refused, after_post, logged_in, page, sent, services, wants_json

log = logging.getLogger("guiche.web")
blueprint = Blueprint("orders", __name__)

MOST_SEATS = 10
LONGEST_KEY = 100


@blueprint.get("/me/orders")
def mine() -> ResponseReturnValue:
    """Every order of the customer."""
    who = logged_in()
    with services().sessions() as session:
        found = orders_of(session, who.id)
    return page("orders.html", {"orders": found})


@blueprint.post("/orders")
def place() -> ResponseReturnValue:
    """Take seats and promise to charge for them, in one transaction; the same key twice is one order."""
    who = logged_in()
    slug, tier_id, qty, key = _wanted()
    with services().sessions.begin() as session:
        belongs = select(Tier.id).join(Event, Tier.event_id == Event.id).where(Tier.id == tier_id, Event.slug == slug)
        if session.scalar(belongs) is None:
            raise Refused(400, "bad_tier", "This event has no such seats.")
        try:
            placed = OrderRepo(session).place(user_id=who.id, tier_id=tier_id, qty=qty, key=key)
        except SoldOut as error:
            raise Refused(409, "sold_out", "There are not that many seats left.") from error
        except KeyTaken as error:
            raise Refused(409, "key_taken", "This order was sent by somebody else.") from error
        order = placed.order
        if placed.created:
            payload = {"order_id": str(order.id), "request_id": request_id.get() or ""}
            outbox.write(session, "charge_order", payload)
    if placed.created:
        log.info("order placed", extra={"order_id": str(order.id), "user_id": who.id, "total_cents": order.total_cents})
        metrics.saw_order("placed")
        services().queue.wake_relay()
    where = url_for("orders.show", order_id=order.id)
    if not wants_json():
        return redirect(where, code=303)
    return jsonify(order=_brief(order)), 201 if placed.created else 200, {"Location": where}


@blueprint.get("/orders/<uuid:order_id>")
def show(order_id: UUID) -> ResponseReturnValue:
    """One order of the customer's own."""
    who = logged_in()
    with services().sessions() as session:
        order = OrderRepo(session).get(order_id, user_id=who.id)
        if order is None:
            abort(404)
        items = [
            {
                "event": item.tier.event.title,
                "slug": item.tier.event.slug,
                "starts_at": item.tier.event.starts_at.isoformat(),
                "venue": item.tier.event.venue,
                "tier": item.tier.name,
                "qty": item.qty,
                "unit_cents": item.unit_cents,
            }
            for item in order.items
        ]
        notes = [note.body for note in order.notes]
        told = _brief(order)
    return page("order.html", {"order": told | {"items": items, "notes": notes}})


@blueprint.post("/orders/<uuid:order_id>/cancel")
def cancel(order_id: UUID) -> ResponseReturnValue:
    """Give the seats back, as long as nothing was paid."""
    who = logged_in()
    with services().sessions.begin() as session:
        repo = OrderRepo(session)
        if repo.get(order_id, user_id=who.id) is None:
            abort(404)
        if not repo.cancel(order_id, user_id=who.id):
            raise Refused(409, "not_pending", "This order can't be cancelled any more.")
    log.info("order cancelled", extra={"order_id": str(order_id), "user_id": who.id})
    metrics.saw_order("cancelled")
    return after_post({"order": {"id": str(order_id), "status": "cancelled"}}, "orders.show", order_id=order_id)


def _brief(order: Order) -> dict[str, Any]:
    return {
        "id": str(order.id),
        "status": order.status,
        "total_cents": order.total_cents,
        "created_at": order.created_at.isoformat(),
    }


def _wanted() -> tuple[str, int, int, str]:
    """Event, tier, seats and key as they were sent; 400 for what can't be an order."""
    key = (request.headers.get("Idempotency-Key") or sent("idempotency_key")).strip()
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Refused(400, "no_key", f"Send an Idempotency-Key of at most {LONGEST_KEY} characters.")
    tier, qty = sent("tier"), sent("qty")
    if not (tier.isascii() and tier.isdigit() and len(tier) < 10):
        raise Refused(400, "bad_tier", "tier is the number of a tier.")
    if not (qty.isascii() and qty.isdigit() and 1 <= int(qty) <= MOST_SEATS):
        raise Refused(400, "bad_qty", f"qty is a number from 1 to {MOST_SEATS}.")
    return sent("event"), int(tier), int(qty), key
