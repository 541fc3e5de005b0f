"""My orders: what a customer bought, with items and notes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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
    engine = session.get_bind()

    def entry(order: Order) -> dict[str, Any]:
        with Session(engine) as mine:
            items = mine.scalars(select(OrderItem).where(OrderItem.order_id == order.id).order_by(OrderItem.id)).all()
            notes = mine.scalars(select(OrderNote).where(OrderNote.order_id == order.id).order_by(OrderNote.id)).all()
            return {
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
                    for item in items
                ],
                "notes": [note.body for note in notes],
            }

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(entry, orders))
