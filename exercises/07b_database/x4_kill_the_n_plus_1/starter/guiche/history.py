"""My orders: what a customer bought, with items and notes."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from guiche.models import Order


def orders_of(session: Session, user_id: int) -> list[dict[str, Any]]:
    """The customer's orders as JSON has them, newest first."""
    orders = session.scalars(
        select(Order)
        .where(Order.user_id == user_id)
        .order_by(Order.created_at.desc(), Order.id.desc())
    ).all()
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
