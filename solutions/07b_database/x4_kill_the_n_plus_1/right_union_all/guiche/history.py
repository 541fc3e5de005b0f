"""My orders: what a customer bought, with items and notes."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

ROWS = text("""
    WITH mine AS (SELECT * FROM orders WHERE user_id = :user_id)
    SELECT 1 AS kind, mine.id AS order_id, NULL::int AS id,
        status AS one, NULL AS two, total_cents AS n,
        NULL::int AS m, created_at FROM mine
    UNION ALL
    SELECT 2, mine.id, i.id, e.title, t.name, i.qty, i.unit_cents, mine.created_at
        FROM mine
        JOIN order_items i ON i.order_id = mine.id JOIN tiers t ON t.id = i.tier_id
        JOIN events e ON e.id = t.event_id
    UNION ALL
    SELECT 3, mine.id, n.id, n.body, NULL, NULL, NULL, mine.created_at FROM mine
        JOIN order_notes n ON n.order_id = mine.id
    ORDER BY created_at DESC, order_id DESC, kind, id
""")


def orders_of(session: Session, user_id: int) -> list[dict[str, Any]]:
    """The customer's orders as JSON has them, newest first."""
    orders: list[dict[str, Any]] = []
    for row in session.execute(ROWS, {"user_id": user_id}):
        if row.kind == 1:
            orders.append(
                {
                    "id": str(row.order_id),
                    "status": row.one,
                    "total_cents": row.n,
                    "created_at": row.created_at.astimezone(UTC).isoformat(),
                    "items": [],
                    "notes": [],
                }
            )
        elif row.kind == 2:
            item = {
                "event": row.one,
                "tier": row.two,
                "qty": row.n,
                "unit_cents": row.m,
            }
            orders[-1]["items"].append(item)
        else:
            orders[-1]["notes"].append(row.one)
    return orders
