"""My orders: what a customer bought, with items and notes."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from guiche.models import Order, OrderItem, OrderNote


def orders_of(session: Session, user_id: int) -> list[dict[str, Any]]:
    """The customer's orders as JSON has them, newest first."""
    orders = session.scalars(
        select(Order).where(Order.user_id == user_id).order_by(Order.created_at.desc(), Order.id.desc())
    ).all()
    items: dict[Any, list[OrderItem]] = {order.id: [] for order in orders}
    notes: dict[Any, list[str]] = {order.id: [] for order in orders}
    for start in range(0, len(orders), 10):
        ids = [order.id for order in orders[start : start + 10]]
        for item in session.scalars(select(OrderItem).where(OrderItem.order_id.in_(ids)).order_by(OrderItem.id)):
            items[item.order_id].append(item)
        for note in session.scalars(select(OrderNote).where(OrderNote.order_id.in_(ids)).order_by(OrderNote.id)):
            notes[note.order_id].append(note.body)
    return [
        {
            "id": str(order.id),
            "status": order.status,
            "total_cents": order.total_cents,
            "created_at": order.created_at.astimezone(UTC).isoformat(),
            "items": [
                {
                    "event": item.tier.event.title,
                    "tier": item.tier.name,
                    "qty": item.qty,
                    "unit_cents": item.unit_cents,
                }
                for item in items[order.id]
            ],
            "notes": notes[order.id],
        }
        for order in orders
    ]
