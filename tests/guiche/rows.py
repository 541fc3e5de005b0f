"""Rows for tests: as few as a test needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy.orm import Session

from guiche.models import PENDING, Event, Order, OrderItem, OrderNote, Tier, User

STARTS = datetime(2026, 12, 12, 23, tzinfo=UTC)


def add_user(session: Session, email: str = "ana@example.com", *, role: str = "customer") -> User:
    """A user whose password nobody knows."""
    user = User(email=email, name=email.partition("@")[0].title(), password_hash="none", role=role)
    session.add(user)
    session.flush()
    return user


def add_event(
    session: Session,
    slug: str = "nona-sinfonia",
    *,
    title: str = "Nona Sinfonia, de Beethoven",
    venue: str = "Sala Anísio Leão",
    cents: Sequence[int] = (4_000,),
    capacity: int = 10,
    starts_at: datetime = STARTS,
    banner: bytes | None = None,
) -> Event:
    """An event with one tier for each price."""
    event = Event(slug=slug, title=title, description="Em três atos.", venue=venue, starts_at=starts_at, banner=banner)
    event.tiers = [Tier(name=f"Setor {n}", price_cents=price, capacity=capacity) for n, price in enumerate(cents, 1)]
    session.add(event)
    session.flush()
    return event


def add_orders(session: Session, user: User, tier: Tier, *, orders: int, items: int = 3, notes: int = 2) -> list[Order]:
    """Orders as the sample data has them: several items and notes each; the seats are not counted."""
    made = []
    for number in range(orders):
        order = Order(
            user_id=user.id,
            status=PENDING,
            total_cents=items * tier.price_cents,
            idempotency_key=str(uuid4()),
            created_at=STARTS - timedelta(days=number + 1),
        )
        order.items = [OrderItem(tier_id=tier.id, qty=1, unit_cents=tier.price_cents) for _n in range(items)]
        order.notes = [OrderNote(body=f"nota {n}") for n in range(notes)]
        made.append(order)
    session.add_all(made)
    session.flush()
    return made
