from datetime import date, datetime
from zoneinfo import ZoneInfo

from guiche.repo import OrderRepo

LATE = datetime(2026, 3, 14, 22, 30, tzinfo=ZoneInfo("America/Sao_Paulo"))


def place(session, world, key="a-wish", **order):
    return OrderRepo(session).place(
        user_id=world.customer.id, tier_id=world.tier.id, qty=2, key=key, **order
    )


def test_the_same_key_is_the_same_order(session, world):
    first, again = place(session, world), place(session, world)
    session.refresh(world.tier)
    assert (first.created, again.created) == (True, False)
    assert again.order.id == first.order.id
    assert world.tier.sold == 2


def test_late_evening_is_still_that_day(session, world):
    order = place(session, world, at=LATE).order
    repo = OrderRepo(session)
    assert [
        found.id for found in repo.placed_on(world.customer.id, date(2026, 3, 14))
    ] == [order.id]
    assert repo.placed_on(world.customer.id, date(2026, 3, 15)) == []


def test_search_ignores_capitals(session, world):
    order = place(session, world).order
    repo = OrderRepo(session)
    assert [found.id for found in repo.find(world.customer.id, "SINFONIA")] == [
        order.id
    ]
    assert [found.id for found in repo.find(world.customer.id, "sinfonia")] == [
        order.id
    ]
    assert repo.find(world.customer.id, "jazz") == []
