"""What happens after an order, without a queue in sight: charge, settle, expire, tell the customer."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from guiche import logs, outbox, sales
from guiche.models import EXPIRED, PAID, PENDING, REFUSED, Order, OrderItem, Payment, Tier, User
from guiche.payments import PaymentRefused
from guiche.wiring import Services

log = logging.getLogger(__name__)

_BATCH = 100


def charge_order(services: Services, order_id: UUID, request_id: str) -> None:
    """Charge a pending order and settle it; asked again, it asks the provider with the same key.

    Raises:
        PaymentsDown: it is unknown whether money moved; do this again.
    """
    with services.sessions() as session:
        order = session.get(Order, order_id)
        if order is None or order.status != PENDING or order.created_at < _oldest(services):
            log.info("charge not needed", extra={"order_id": str(order_id), "status": order and order.status})
            return
        cents = order.total_cents
    # No transaction is open while another service takes its time.
    try:
        charge = services.payments.charge(str(order_id), cents, str(order_id), request_id)
    except PaymentRefused:
        with services.sessions.begin() as session:
            _end(session, order_id, REFUSED)
        return
    with services.sessions.begin() as session:
        settle(session, order_id, charge.id)


def settle(session: Session, order_id: UUID, provider_ref: str) -> bool:
    """Record a charge and mark its order paid, once however often it is told; False when it was known or unheard of.

    Task and webhook both end here, in any order. The caller commits.
    """
    order = _locked(session, order_id)
    if order is None:
        log.error("charge of an unknown order", extra={"order_id": str(order_id), "provider_ref": provider_ref})
        return False
    # Cancelled or expired while the money moved: nobody loses it, people give it back.
    status = "succeeded" if order.status == PENDING else "refund_due"
    row = {"order_id": order_id, "provider_ref": provider_ref, "status": status, "created_at": datetime.now(UTC)}
    added = session.execute(insert(Payment).values(row).on_conflict_do_nothing().returning(Payment.id)).scalar()
    told = {"order_id": str(order_id), "user_id": order.user_id, "provider_ref": provider_ref}
    if added is None:
        known = session.scalar(select(Payment.provider_ref).where(Payment.order_id == order_id))
        if known != provider_ref:
            log.error("order charged twice", extra={**told, "first_ref": known})
        return False
    if status == "refund_due":
        log.error("charge of an order that is over", extra={**told, "status": order.status})
        return True
    order.status = PAID
    outbox.write(session, "send_ticket_email", {"order_id": str(order_id), "request_id": logs.request_id.get() or ""})
    log.info("order paid", extra=told)
    return True


def expire_unpaid(services: Services) -> int:
    """Give the seats of unpaid orders back; how many orders have expired."""
    old = select(Order.id).where(Order.status == PENDING, Order.created_at < _oldest(services))
    with services.sessions() as session:
        found = session.scalars(old.order_by(Order.created_at).limit(_BATCH)).all()
    expired = 0
    for order_id in found:
        # A transaction for each: nobody waits for the seats of all of them, and two workers share the work.
        with services.sessions.begin() as session:
            expired += _end(session, order_id, EXPIRED)
    return expired


def send_ticket(services: Services, order_id: UUID) -> None:
    """Mail the tickets of a paid order; sent again, it is the same message again.

    Raises:
        OSError: the mail was not taken.
    """
    with services.sessions() as session:
        order = session.get(Order, order_id)
        if order is None or order.status != PAID:
            log.warning("no ticket to send", extra={"order_id": str(order_id)})
            return
        user = session.get_one(User, order.user_id)
        lines = [f"{item.qty} × {item.tier.event.title} ({item.tier.name})" for item in order.items]
        total = f"{order.total_cents // 100}.{order.total_cents % 100:02d}"
        to, name = user.email, user.name
    link = f"{services.settings.public_url.rstrip('/')}/orders/{order_id}"
    body = "\n".join([f"Hello {name},", "", "your tickets:", "", *lines, "", f"Paid: R$ {total}", link, ""])
    services.mailer.send(to, "Your tickets", body, key=f"ticket:{order_id}")
    log.info("ticket sent", extra={"order_id": str(order_id)})


def sales_report(services: Services) -> list[dict[str, Any]]:
    """Sales by event, as JSON data: a result that Celery keeps for an hour."""
    with services.sessions() as session:
        return [{**asdict(sold), "starts_at": sold.starts_at.isoformat()} for sold in sales.sales(session)]


def _end(session: Session, order_id: UUID, status: str) -> bool:
    """From pending to `status`, and the seats are free again; False when it is pending no more."""
    order = _locked(session, order_id)
    if order is None or order.status != PENDING:
        return False
    order.status = status
    taken = select(OrderItem.tier_id, OrderItem.qty).where(OrderItem.order_id == order_id).order_by(OrderItem.tier_id)
    for tier_id, qty in session.execute(taken).all():
        tier = session.scalars(select(Tier).where(Tier.id == tier_id).with_for_update(of=Tier)).one()
        tier.sold -= qty
        session.flush()
    log.info(f"order {status}", extra={"order_id": str(order_id), "user_id": order.user_id})
    return True


def _locked(session: Session, order_id: UUID) -> Order | None:
    found = select(Order).where(Order.id == order_id).with_for_update(of=Order)
    return session.scalars(found.execution_options(populate_existing=True)).one_or_none()


def _oldest(services: Services) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=services.settings.order_minutes)
