"""A customer, an event and ten seats: enough of a world to place an order in."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from guiche.models import Event, Tier, User

SEATS = 10


@dataclass
class World:
    customer: User
    event: Event
    tier: Tier


def furnish(session: Session) -> World:
    """Write the world into Postgres; it is there when this returns, and so the session may be rolled back."""
    customer = User(email="ana@example.com", name="Ana", password_hash="none", role="customer")
    event = Event(
        slug="nona-sinfonia",
        title="Nona Sinfonia, de Beethoven",
        description="",
        venue="Sala São Paulo",
        starts_at=datetime(2026, 12, 4, 21, tzinfo=UTC),
    )
    tier = Tier(event=event, name="Plateia", price_cents=9_000, capacity=SEATS, sold=0)
    session.add_all([customer, event, tier])
    session.commit()
    return World(customer, event, tier)
