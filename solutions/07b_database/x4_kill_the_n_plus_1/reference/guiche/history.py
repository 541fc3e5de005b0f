"""My orders: what a customer bought, with items and notes."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from guiche.models import Order

#: Orders whose items are read by one statement; SQLAlchemy's own 500 would be two for a
#: box office.
MANY = 10_000


def orders_of(session: Session, user_id: int) -> list[dict[str, Any]]:
    """The customer's orders, newest first: three statements, however many there are."""
    orders = session.scalars(
        select(Order)
        .where(Order.user_id == user_id)
        .order_by(Order.created_at.desc(), Order.id.desc())
        .options(
            selectinload(Order.items, chunksize=MANY),
            selectinload(Order.notes, chunksize=MANY),
        )
    )
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
                for item in order.items
            ],
            "notes": [note.body for note in order.notes],
        }
        for order in orders
    ]
