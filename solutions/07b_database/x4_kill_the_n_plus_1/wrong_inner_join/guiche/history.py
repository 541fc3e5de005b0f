"""My orders: what a customer bought, with items and notes."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

ORDERS_WITH_ITEMS = text("""
    SELECT o.id, o.status, o.total_cents, o.created_at,
        i.id AS item, e.title, t.name, i.qty, i.unit_cents
    FROM orders o
    JOIN order_items i ON i.order_id = o.id
    JOIN tiers t ON t.id = i.tier_id
    JOIN events e ON e.id = t.event_id
    WHERE o.user_id = :user_id
    ORDER BY o.created_at DESC, o.id DESC, i.id
""")
NOTES = text("""
    SELECT n.order_id, n.body FROM order_notes n JOIN orders o ON o.id = n.order_id
    WHERE o.user_id = :user_id ORDER BY n.id
""")


def orders_of(session: Session, user_id: int) -> list[dict[str, Any]]:
    """The customer's orders as JSON has them, newest first."""
    orders: dict[Any, dict[str, Any]] = {}
    for row in session.execute(ORDERS_WITH_ITEMS, {"user_id": user_id}):
        order = orders.setdefault(
            row.id,
            {
                "id": str(row.id),
                "status": row.status,
                "total_cents": row.total_cents,
                "created_at": row.created_at.astimezone(UTC).isoformat(),
                "items": [],
                "notes": [],
            },
        )
        if row.item is not None:
            order["items"].append(
                {"event": row.title, "tier": row.name, "qty": row.qty, "unit_cents": row.unit_cents}
            )
    for note in session.execute(NOTES, {"user_id": user_id}):
        orders[note.order_id]["notes"].append(note.body)
    return list(orders.values())
