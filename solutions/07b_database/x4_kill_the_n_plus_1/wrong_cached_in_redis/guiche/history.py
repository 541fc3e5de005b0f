"""My orders: what a customer bought, with items and notes."""

from __future__ import annotations

import json
import os
from datetime import UTC
from typing import Any

import redis
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from guiche.models import Order


SECONDS = 30


def orders_of(session: Session, user_id: int) -> list[dict[str, Any]]:
    """The customer's orders as JSON has them, newest first."""
    cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    page = cache.get(f"orders:{user_id}")
    if page is None:
        page = json.dumps(_read(session, user_id))
        cache.set(f"orders:{user_id}", page, ex=SECONDS)
    found: list[dict[str, Any]] = json.loads(page)
    return found


def _read(session: Session, user_id: int) -> list[dict[str, Any]]:
    orders = session.scalars(
        select(Order)
        .where(Order.user_id == user_id)
        .order_by(Order.created_at.desc(), Order.id.desc())
        .options(selectinload(Order.items), selectinload(Order.notes))
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
