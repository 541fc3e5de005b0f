"""Orders: placed once, with the seats that there are, and seen by their customer alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from guiche.models import CANCELLED, PAID, Order, OrderItem, Tier
from guiche.repo import MOST_SEATS, KeyTaken, OrderRepo, Placed, SoldOut
from tests.guiche.rows import add_event, add_user

MANY = 12


@pytest.fixture
def tier(session: Session) -> Tier:
    """Ten seats at 40 each, committed."""
    tier = add_event(session, cents=[4_000], capacity=10).tiers[0]
    session.commit()
    return tier


@pytest.fixture
def ana(session: Session) -> int:
    """A customer's id."""
    user = add_user(session)
    session.commit()
    return user.id


def sold(sessions: sessionmaker[Session], tier: Tier) -> int:
    """What everybody else sees."""
    with sessions() as other:
        return other.get_one(Tier, tier.id).sold


def count(sessions: sessionmaker[Session]) -> int:
    """Orders that everybody else sees."""
    with sessions() as other:
        return len(other.scalars(select(Order.id)).all())


def test_place(session: Session, sessions: sessionmaker[Session], ana: int, tier: Tier) -> None:
    """The order has its item, its price and its moment; the seats are taken, once it is committed."""
    placed = OrderRepo(session).place(user_id=ana, tier_id=tier.id, qty=3, key="k1")
    assert sold(sessions, tier) == 0
    session.commit()
    order = placed.order
    assert (placed.created, order.status, order.user_id, order.idempotency_key) == (True, "pending", ana, "k1")
    assert [(item.tier_id, item.qty, item.unit_cents) for item in order.items] == [(tier.id, 3, 4_000)]
    # 120.00 is above the sum from which there are 15 % off.
    assert order.total_cents == 10_200
    assert abs(datetime.now(UTC) - order.created_at) < timedelta(minutes=1)
    assert sold(sessions, tier) == 3


def test_price_below_the_discount(session: Session, ana: int, tier: Tier) -> None:
    """Two seats cost what they cost."""
    assert OrderRepo(session).place(user_id=ana, tier_id=tier.id, qty=2, key="k1").order.total_cents == 8_000


def test_at(session: Session, ana: int, tier: Tier) -> None:
    """A moment with a zone is kept as that moment; one without is refused."""
    at = datetime(2026, 11, 20, 23, 30, tzinfo=timezone(timedelta(hours=-3)))
    order = OrderRepo(session).place(user_id=ana, tier_id=tier.id, qty=1, key="k1", at=at).order
    session.commit()
    session.refresh(order)
    assert order.created_at == at
    with pytest.raises(ValueError, match="time zone"):
        OrderRepo(session).place(user_id=ana, tier_id=tier.id, qty=1, key="k2", at=at.replace(tzinfo=None))


@pytest.mark.parametrize(("qty", "key"), [(0, "k"), (-1, "k"), (1, "")])
def test_nonsense(session: Session, ana: int, tier: Tier, qty: int, key: str) -> None:
    """No seats, fewer than none, no key."""
    with pytest.raises(ValueError, match="one seat"):
        OrderRepo(session).place(user_id=ana, tier_id=tier.id, qty=qty, key=key)


def test_the_same_key_again(session: Session, sessions: sessionmaker[Session], ana: int, tier: Tier) -> None:
    """It is the same order, and the seats are taken once; also when no seat is left, or more are asked for."""
    first = OrderRepo(session).place(user_id=ana, tier_id=tier.id, qty=10, key="k1")
    session.commit()
    for qty in (10, 1, 11, MOST_SEATS + 1):
        with sessions.begin() as other:
            again = OrderRepo(other).place(user_id=ana, tier_id=tier.id, qty=qty, key="k1")
            assert (again.created, again.order.id) == (False, first.order.id)
    assert sold(sessions, tier) == 10
    assert count(sessions) == 1


def test_key_of_somebody_else(session: Session, sessions: sessionmaker[Session], ana: int, tier: Tier) -> None:
    """Nobody gets another customer's order by guessing its key."""
    bruno = add_user(session, "bruno@example.com").id
    OrderRepo(session).place(user_id=ana, tier_id=tier.id, qty=1, key="k1")
    session.commit()
    with pytest.raises(KeyTaken):
        OrderRepo(session).place(user_id=bruno, tier_id=tier.id, qty=1, key="k1")
    session.commit()
    assert sold(sessions, tier) == 1


@pytest.mark.parametrize("qty", [11, MOST_SEATS, MOST_SEATS + 1, 2**31, 10**30])
def test_sold_out(session: Session, sessions: sessionmaker[Session], ana: int, tier: Tier, qty: int) -> None:
    """Nothing is left behind, even if the caller commits; the key can be used again, and so can the session."""
    repo = OrderRepo(session)
    with pytest.raises(SoldOut):
        repo.place(user_id=ana, tier_id=tier.id, qty=qty, key="k1")
    session.commit()
    assert (count(sessions), sold(sessions, tier)) == (0, 0)
    assert repo.place(user_id=ana, tier_id=tier.id, qty=10, key="k1").created
    session.commit()
    assert sold(sessions, tier) == 10


def test_unknown_tier_and_customer(session: Session, sessions: sessionmaker[Session], ana: int, tier: Tier) -> None:
    """Neither leaves an order behind."""
    with pytest.raises(LookupError):
        OrderRepo(session).place(user_id=ana, tier_id=tier.id + 1, qty=1, key="k1")
    with pytest.raises(IntegrityError):
        OrderRepo(session).place(user_id=ana + 1, tier_id=tier.id, qty=1, key="k1")
    session.commit()
    assert (count(sessions), sold(sessions, tier)) == (0, 0)


def test_a_rollback_takes_all_of_it(session: Session, sessions: sessionmaker[Session], ana: int, tier: Tier) -> None:
    """The caller decides: without its commit there is neither order nor seat."""
    OrderRepo(session).place(user_id=ana, tier_id=tier.id, qty=1, key="k1")
    session.rollback()
    assert (count(sessions), sold(sessions, tier)) == (0, 0)


def at_once(sessions: sessionmaker[Session], ana: int, tier: Tier, keys: list[str]) -> list[Placed | None]:
    """One customer in a thread for each key; None for whom the seats were gone."""

    def one(key: str) -> Placed | None:
        with sessions.begin() as own:
            try:
                return OrderRepo(own).place(user_id=ana, tier_id=tier.id, qty=1, key=key)
            except SoldOut:
                return None

    with ThreadPoolExecutor(len(keys)) as pool:
        return list(pool.map(one, keys))


def test_one_key_at_once(sessions: sessionmaker[Session], ana: int, tier: Tier) -> None:
    """Twelve clicks with one key are one order."""
    placed = at_once(sessions, ana, tier, ["k1"] * MANY)
    assert sum(one is not None and one.created for one in placed) == 1
    assert len({one.order.id for one in placed if one}) == 1
    assert (count(sessions), sold(sessions, tier)) == (1, 1)


def test_the_last_seats_at_once(sessions: sessionmaker[Session], ana: int, tier: Tier) -> None:
    """Twelve customers, ten seats: ten orders."""
    placed = at_once(sessions, ana, tier, [f"k{n}" for n in range(MANY)])
    assert sum(one is None for one in placed) == MANY - 10
    assert (count(sessions), sold(sessions, tier)) == (10, 10)


def test_get(session: Session, ana: int, tier: Tier) -> None:
    """One's own order is there; somebody else's, and one that never was, are not."""
    bruno = add_user(session, "bruno@example.com").id
    repo = OrderRepo(session)
    order = repo.place(user_id=ana, tier_id=tier.id, qty=1, key="k1").order
    assert repo.get(order.id, user_id=ana) is order
    assert repo.get(order.id, user_id=bruno) is None
    assert repo.get(uuid4(), user_id=ana) is None


DAYS = [
    # 2026-11-20 in São Paulo is from 03:00 to 03:00 UTC.
    ("2026-11-20T02:59:59.999999+00:00", "America/Sao_Paulo", False),
    ("2026-11-20T03:00:00+00:00", "America/Sao_Paulo", True),
    ("2026-11-21T02:59:59.999999+00:00", "America/Sao_Paulo", True),
    ("2026-11-21T03:00:00+00:00", "America/Sao_Paulo", False),
    ("2026-11-20T00:00:00+00:00", "UTC", True),
    ("2026-11-19T23:59:59+00:00", "UTC", False),
    ("2026-11-19T15:00:00+00:00", "Asia/Tokyo", True),
]


@pytest.mark.parametrize(("at", "zone", "found"), DAYS)
def test_placed_on(session: Session, ana: int, tier: Tier, at: str, zone: str, found: bool) -> None:
    """A day begins and ends where the customer lives."""
    repo = OrderRepo(session)
    order = repo.place(user_id=ana, tier_id=tier.id, qty=1, key="k1", at=datetime.fromisoformat(at)).order
    session.commit()
    assert repo.placed_on(ana, date(2026, 11, 20), zone) == ([order] if found else [])
    if zone == "America/Sao_Paulo":
        assert repo.placed_on(ana, date(2026, 11, 20)) == ([order] if found else [])
    assert repo.placed_on(ana + 1, date(2026, 11, 20), zone) == []


@pytest.mark.parametrize(("day", "hours"), [(date(2018, 11, 4), 23), (date(2018, 2, 17), 25), (date(2026, 11, 20), 24)])
def test_days_of_another_length(session: Session, ana: int, day: date, hours: int) -> None:
    """When the clocks changed at midnight, days of 23 and 25 hours: each order falls on one day."""
    repo = OrderRepo(session)
    noon = datetime(day.year, day.month, day.day, 12, 30, tzinfo=UTC)
    made = [noon + timedelta(hours=n) for n in range(-36, 37)]
    session.add_all(Order(user_id=ana, total_cents=0, idempotency_key=f"h{at}", created_at=at) for at in made)
    session.commit()
    assert len(repo.placed_on(ana, day)) == hours


def test_find(session: Session, ana: int, tier: Tier) -> None:
    """Part of the title in any case, accents too; %, _ and backslash are characters; each order once."""
    repo = OrderRepo(session)
    titles = {"Réquiem": "Réquiem, de Mozart", "percent": "100% Samba", "under": "Baile_Funk", "back": r"A\B"}
    orders = {}
    for slug, title in titles.items():
        other = add_event(session, slug, title=title).tiers[0]
        orders[slug] = repo.place(user_id=ana, tier_id=other.id, qty=1, key=slug).order
        session.add(OrderItem(order_id=orders[slug].id, tier_id=other.id, qty=1, unit_cents=1))
    session.commit()
    for text, wanted in {
        "RÉQUIEM": "Réquiem",
        "mozart": "Réquiem",
        "0% s": "percent",
        "_": "under",
        "\\": "back",
    }.items():
        assert repo.find(ana, text) == [orders[wanted]]
    assert len(repo.find(ana, "%")) == 1
    assert repo.find(ana, "forró") == repo.find(ana, "\0") == repo.find(ana, "\ud800") == []
    assert repo.find(ana, "") == sorted(orders.values(), key=lambda order: order.created_at, reverse=True)
    assert repo.find(ana + 1, "") == []


def test_cancel(session: Session, sessions: sessionmaker[Session], ana: int, tier: Tier) -> None:
    """The seats go back, once; all of them, whatever tiers they are of."""
    repo = OrderRepo(session)
    other = add_event(session, "outra", cents=[1_000]).tiers[0]
    order = repo.place(user_id=ana, tier_id=tier.id, qty=3, key="k1").order
    for added, qty in ((tier, 2), (other, 4)):
        session.add(OrderItem(order_id=order.id, tier_id=added.id, qty=qty, unit_cents=1))
        added.sold += qty
    session.commit()
    assert (sold(sessions, tier), sold(sessions, other)) == (5, 4)
    assert repo.cancel(order.id, user_id=ana + 1) is False
    assert repo.cancel(uuid4(), user_id=ana) is False
    assert repo.cancel(order.id, user_id=ana) is True
    assert (order.status, tier.sold, other.sold) == (CANCELLED, 0, 0)
    session.commit()
    assert repo.cancel(order.id, user_id=ana) is False
    session.commit()
    assert (sold(sessions, tier), sold(sessions, other)) == (0, 0)


def test_paid_is_paid(session: Session, sessions: sessionmaker[Session], ana: int, tier: Tier) -> None:
    """An order that was paid meanwhile is not cancelled, even if this session remembers it as pending."""
    repo = OrderRepo(session)
    order = repo.place(user_id=ana, tier_id=tier.id, qty=1, key="k1").order
    session.commit()
    with sessions.begin() as worker:
        worker.get_one(Order, order.id).status = PAID
    assert order.status == "pending"
    assert repo.cancel(order.id, user_id=ana) is False
    session.commit()
    assert sold(sessions, tier) == 1


def test_cancelled_at_once(session: Session, sessions: sessionmaker[Session], ana: int, tier: Tier) -> None:
    """Twelve clicks on Cancel give the seats back once."""
    order_id = OrderRepo(session).place(user_id=ana, tier_id=tier.id, qty=2, key="k1").order.id
    session.commit()

    def one(_n: int) -> bool:
        with sessions.begin() as own:
            return OrderRepo(own).cancel(order_id, user_id=ana)

    with ThreadPoolExecutor(MANY) as pool:
        assert sum(pool.map(one, range(MANY))) == 1
    assert sold(sessions, tier) == 0
