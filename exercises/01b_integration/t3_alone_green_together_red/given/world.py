"""A customer, an event and ten seats: enough of a world to buy a ticket in."""

from dataclasses import dataclass
from datetime import UTC, datetime

from guiche.models import Event, Tier, User
from guiche.repo import OrderRepo

SEATS = 10


@dataclass
class World:
    """Who buys, and what there is to buy."""

    customer: User
    event: Event
    tier: Tier


def furnish(session, who):
    """Write a world into Postgres, named after its customer, and commit, as the application does."""
    customer = User(email=f"{who}@example.com", name=who, password_hash="none", role="customer")
    starts_at = datetime(2026, 12, 4, 21, tzinfo=UTC)
    event = Event(slug=who, title="Nona Sinfonia", description="", venue="", starts_at=starts_at)
    tier = Tier(event=event, name="Plateia", price_cents=9_000, capacity=SEATS, sold=0)
    session.add_all([customer, event, tier])
    session.commit()
    return World(customer, event, tier)


def buy(session, world, qty=1, key="", **more):
    """Place an order and commit, as the application does."""
    repo = OrderRepo(session)
    key = key or world.customer.email
    placed = repo.place(user_id=world.customer.id, tier_id=world.tier.id, qty=qty, key=key, **more)
    session.commit()
    return placed
