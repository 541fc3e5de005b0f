"""What was sold, for the staff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from guiche.models import PAID, Event, Order, OrderItem, Tier


@dataclass(frozen=True)
class Sold:
    """Paid seats of one event; `cents` before discounts."""

    slug: str
    title: str
    starts_at: datetime
    orders: int
    seats: int
    cents: int


def sales(session: Session) -> tuple[Sold, ...]:
    """Every event with paid seats, the best sold first."""
    cents = func.sum(OrderItem.qty * OrderItem.unit_cents)
    rows = session.execute(
        select(
            Event.slug,
            Event.title,
            Event.starts_at,
            func.count(Order.id.distinct()).label("orders"),
            func.sum(OrderItem.qty).label("seats"),
            cents.label("cents"),
        )
        .join(Tier, Tier.event_id == Event.id)
        .join(OrderItem, OrderItem.tier_id == Tier.id)
        .join(Order, Order.id == OrderItem.order_id)
        .where(Order.status == PAID)
        .group_by(Event.id)
        .order_by(cents.desc(), Event.id)
    )
    return tuple(Sold(**row._mapping) for row in rows)
