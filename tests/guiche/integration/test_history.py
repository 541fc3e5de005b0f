"""My orders: what comes, and how many statements it takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from guiche import seed_data
from guiche.db import make_engine
from guiche.history import orders_of
from guiche.models import Order, OrderItem, OrderNote, User
from tests.guiche.integration.conftest import statements
from tests.guiche.rows import add_event, add_orders, add_user


def test_shape(session: Session) -> None:
    """Plain JSON, newest first; items and notes in the order in which they were written; UTC."""
    ana, bruno = add_user(session), add_user(session, "bruno@example.com")
    plateia, balcao = add_event(session, cents=[4_000, 2_500]).tiers
    first, second = (
        Order(
            user_id=ana.id, total_cents=cents, idempotency_key=key, created_at=datetime(2026, 11, 20, hour, tzinfo=UTC)
        )
        for cents, key, hour in ((6_500, "a", 20), (4_000, "b", 21))
    )
    session.add_all([first, second])
    session.flush()
    for tier in (balcao, plateia):
        session.add(OrderItem(order_id=first.id, tier_id=tier.id, qty=1, unit_cents=tier.price_cents))
        session.flush()
    for body in ("retira na bilheteria", "cadeira de rodas"):
        session.add(OrderNote(order_id=first.id, body=body))
        session.flush()
    add_orders(session, bruno, plateia, orders=1)
    session.commit()
    found = orders_of(session, ana.id)
    assert json.loads(json.dumps(found)) == found
    assert [order["id"] for order in found] == [str(second.id), str(first.id)]
    title = "Nona Sinfonia, de Beethoven"
    assert found[1] == {
        "id": str(first.id),
        "status": "pending",
        "total_cents": 6_500,
        "created_at": "2026-11-20T20:00:00+00:00",
        "items": [
            {"event": title, "tier": "Setor 2", "qty": 1, "unit_cents": 2_500},
            {"event": title, "tier": "Setor 1", "qty": 1, "unit_cents": 4_000},
        ],
        "notes": ["retira na bilheteria", "cadeira de rodas"],
    }
    assert (found[0]["items"], found[0]["notes"]) == ([], [])


def test_the_same_moment(session: Session) -> None:
    """Orders of one moment have a fixed order, too: by id, the highest first."""
    user = add_user(session)
    at = datetime(2026, 11, 20, tzinfo=UTC)
    session.add_all(Order(user_id=user.id, total_cents=0, idempotency_key=str(n), created_at=at) for n in range(9))
    session.commit()
    ids = [order["id"] for order in orders_of(session, user.id)]
    assert ids == sorted(ids, reverse=True)


@pytest.mark.parametrize("orders", [0, 1, 10, 600])
def test_statements(engine: Engine, sessions: sessionmaker[Session], session: Session, orders: int) -> None:
    """At most three, however many orders there are."""
    user = add_user(session)
    add_orders(session, user, add_event(session).tiers[0], orders=orders)
    session.commit()
    with sessions() as fresh, statements(engine) as sent:
        assert len(orders_of(fresh, user.id)) == orders
    assert len(sent) == (3 if orders else 1)


def naive(session: Session, user_id: int) -> int:
    """What somebody writes who does not count statements."""
    seen = 0
    for order in session.scalars(select(Order).where(Order.user_id == user_id)):
        seen += sum(len(item.tier.event.title) > 0 for item in order.items) + len([note.body for note in order.notes])
    return seen


@pytest.mark.parametrize("orders", [1, 10, 25])
def test_naive_statements(engine: Engine, sessions: sessionmaker[Session], session: Session, orders: int) -> None:
    """The loop over items and notes sends 1 + 2 N statements: tier and event come with the item."""
    user = add_user(session)
    add_orders(session, user, add_event(session).tiers[0], orders=orders, items=4, notes=3)
    session.commit()
    with sessions() as fresh, statements(engine) as sent:
        assert naive(fresh, user.id) == 7 * orders
    assert len(sent) == 1 + 2 * orders


def test_sample_data(seeded_url: str) -> None:
    """The customers that exercises know: 10 and 50 orders of 20 items and 20 notes; and the banner stays away."""
    engine = make_engine(seeded_url)
    with Session(engine) as session:
        for email, orders in seed_data.KNOWN_ORDERS.items():
            user_id = session.scalars(select(User.id).where(User.email == email)).one()
            with statements(engine) as sent:
                found = orders_of(session, user_id)
            assert [(len(order["items"]), len(order["notes"])) for order in found] == [(20, 20)] * orders
            assert len(sent) == 3
            assert not any("banner," in statement for statement in sent)
            session.expunge_all()
            with statements(engine) as sent:
                assert naive(session, user_id) == 40 * orders
            assert len(sent) == 1 + 2 * orders
    engine.dispose()
