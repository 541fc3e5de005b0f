"""My orders: what a customer bought, with items and notes."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy.orm import Session

ORDERS = "SELECT id, status, total_cents, created_at FROM orders WHERE user_id = %s ORDER BY created_at DESC, id DESC"
ITEMS = """
    SELECT e.title, t.name, i.qty, i.unit_cents
    FROM order_items i JOIN tiers t ON t.id = i.tier_id
    JOIN events e ON e.id = t.event_id
    WHERE i.order_id = %s ORDER BY i.id
"""
NOTES = "SELECT body FROM order_notes WHERE order_id = %s ORDER BY id"


def orders_of(session: Session, user_id: int) -> list[dict[str, Any]]:
    """The customer's orders as JSON has them, newest first."""
    connection = session.connection().connection.driver_connection
    orders = connection.execute(ORDERS, [user_id]).fetchall()
    with connection.pipeline():
        items = [connection.execute(ITEMS, [order[0]]) for order in orders]
        notes = [connection.execute(NOTES, [order[0]]) for order in orders]
    return [
        {
            "id": str(order_id),
            "status": status,
            "total_cents": total_cents,
            "created_at": created_at.astimezone(UTC).isoformat(),
            "items": [dict(zip(("event", "tier", "qty", "unit_cents"), row, strict=True)) for row in of_items],
            "notes": [body for (body,) in of_notes],
        }
        for (order_id, status, total_cents, created_at), of_items, of_notes in zip(orders, items, notes, strict=True)
    ]
