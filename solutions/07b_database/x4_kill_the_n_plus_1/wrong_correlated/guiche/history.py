"""My orders: what a customer bought, with items and notes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

PAGE = text("""
    SELECT json_build_object(
        'id', o.id, 'status', o.status, 'total_cents', o.total_cents,
        'created_at', to_char(o.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00'),
        'items', (
            SELECT coalesce(json_agg(json_build_object(
                'event', e.title, 'tier', t.name, 'qty', i.qty, 'unit_cents', i.unit_cents) ORDER BY i.id), '[]')
            FROM order_items i JOIN tiers t ON t.id = i.tier_id
    JOIN events e ON e.id = t.event_id
            WHERE i.order_id = o.id
        ),
        'notes', (
            SELECT coalesce(json_agg(n.body ORDER BY n.id), '[]') FROM order_notes n WHERE n.order_id = o.id
        )
    )
    FROM orders o WHERE o.user_id = :user_id ORDER BY o.created_at DESC, o.id DESC
""")


def orders_of(session: Session, user_id: int) -> list[dict[str, Any]]:
    """The customer's orders as JSON has them, newest first."""
    return list(session.scalars(PAGE, {"user_id": user_id}))
