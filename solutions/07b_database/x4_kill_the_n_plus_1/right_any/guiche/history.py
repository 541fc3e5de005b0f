"""My orders: what a customer bought, with items and notes."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from psycopg.rows import dict_row
from sqlalchemy.orm import Session

ORDERS = """
    SELECT id, status, total_cents, created_at FROM orders WHERE user_id = %s
    ORDER BY created_at DESC, id DESC
"""
ITEMS = """
    SELECT i.order_id, e.title AS event, t.name AS tier, i.qty, i.unit_cents
    FROM order_items i JOIN tiers t ON t.id = i.tier_id
    JOIN events e ON e.id = t.event_id
    WHERE i.order_id = ANY(%s) ORDER BY i.id
"""
NOTES = "SELECT order_id, body FROM order_notes WHERE order_id = ANY(%s) ORDER BY id"


def orders_of(session: Session, user_id: int) -> list[dict[str, Any]]:
    """The customer's orders as JSON has them, newest first."""
    connection = session.connection().connection.driver_connection
    with connection.cursor(row_factory=dict_row) as cursor:
        orders = cursor.execute(ORDERS, [user_id]).fetchall()
        ids = [order["id"] for order in orders]
        items = cursor.execute(ITEMS, [ids]).fetchall()
        notes = cursor.execute(NOTES, [ids]).fetchall()
    found = {order["id"]: {**order, "items": [], "notes": []} for order in orders}
    for item in items:
        found[item.pop("order_id")]["items"].append(item)
    for note in notes:
        found[note["order_id"]]["notes"].append(note["body"])
    for order in found.values():
        order["id"] = str(order["id"])
        order["created_at"] = order["created_at"].astimezone(UTC).isoformat()
    return list(found.values())
