"""My orders: what a customer bought, with items and notes."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

ORDERS = text("SELECT * FROM orders WHERE user_id = :user_id ORDER BY created_at DESC, id DESC")
ITEMS = text("""
    SELECT *, i.id AS item_id FROM orders o JOIN order_items i ON i.order_id = o.id
    JOIN tiers t ON t.id = i.tier_id JOIN events e ON e.id = t.event_id
    WHERE o.user_id = :user_id ORDER BY i.id
""")
NOTES = text("""
    SELECT n.* FROM orders o JOIN order_notes n ON n.order_id = o.id WHERE o.user_id = :user_id ORDER BY n.id
""")


def orders_of(session: Session, user_id: int) -> list[dict[str, Any]]:
    """The customer's orders as JSON has them, newest first."""
    who = {"user_id": user_id}
    orders = {
        row["id"]: {
            "id": str(row["id"]),
            "status": row["status"],
            "total_cents": row["total_cents"],
            "created_at": row["created_at"].astimezone(UTC).isoformat(),
            "items": [],
            "notes": [],
        }
        for row in session.execute(ORDERS, who).mappings()
    }
    for row in session.execute(ITEMS, who).mappings():
        item = {"event": row["title"], "tier": row["name"], "qty": row["qty"], "unit_cents": row["unit_cents"]}
        orders[row["order_id"]]["items"].append(item)
    for row in session.execute(NOTES, who).mappings():
        orders[row["order_id"]]["notes"].append(row["body"])
    return list(orders.values())
