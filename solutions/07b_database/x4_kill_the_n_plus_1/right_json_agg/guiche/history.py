"""My orders: what a customer bought, with items and notes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

PAGE = text("""
    WITH mine AS MATERIALIZED (
        SELECT id, status, total_cents, created_at FROM orders WHERE user_id = :user_id
    ), items AS (
        SELECT i.order_id, json_agg(json_build_object(
            'event', e.title, 'tier', t.name, 'qty', i.qty, 'unit_cents', i.unit_cents)
            ORDER BY i.id) AS list
        FROM mine JOIN order_items i ON i.order_id = mine.id
        JOIN tiers t ON t.id = i.tier_id JOIN events e ON e.id = t.event_id
        GROUP BY i.order_id
    ), notes AS (
        SELECT n.order_id, json_agg(n.body ORDER BY n.id) AS list
        FROM mine JOIN order_notes n ON n.order_id = mine.id
        GROUP BY n.order_id
    )
    SELECT json_build_object(
        'id', mine.id, 'status', status, 'total_cents', total_cents,
        'created_at',
        to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00'),
        'items', coalesce(items.list, '[]'), 'notes', coalesce(notes.list, '[]'))
    FROM mine LEFT JOIN items ON items.order_id = mine.id
    LEFT JOIN notes ON notes.order_id = mine.id
    ORDER BY mine.created_at DESC, mine.id DESC
""")


def orders_of(session: Session, user_id: int) -> list[dict[str, Any]]:
    """The customer's orders as JSON has them, newest first."""
    return list(session.scalars(PAGE, {"user_id": user_id}))
