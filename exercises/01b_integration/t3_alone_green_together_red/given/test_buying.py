"""Orders are placed and cancelled."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from world import SEATS, buy, furnish

from guiche.models import Order, Tier
from guiche.repo import OrderRepo, SoldOut

LATE = datetime(2026, 3, 14, 22, 30, tzinfo=ZoneInfo("America/Sao_Paulo"))


def test_a_late_evening_is_still_that_day(session):
    world = furnish(session, "ana")
    order = buy(session, world, at=LATE).order
    found = OrderRepo(session).placed_on(world.customer.id, date(2026, 3, 14))
    assert [one.id for one in found] == [order.id]


def test_the_same_key_is_the_same_order(sessions):
    with sessions() as session:
        world = furnish(session, "bruno")
        first = buy(session, world)
    with sessions() as session:  # the customer clicks again: another request, another session
        again = buy(session, world)
    assert (again.created, again.order.id) == (False, first.order.id)


def test_who_comes_too_late_changes_nothing(sessions):
    with sessions() as session:
        world = furnish(session, "carla")
        buy(session, world, qty=SEATS)
    with pytest.raises(SoldOut), sessions.begin() as session:  # an error: this transaction is rolled back
        buy(session, world, key="too late")
    with sessions() as session:
        mine = select(func.count(Order.id)).where(Order.user_id == world.customer.id)
        assert session.scalar(mine) == 1
        assert session.get(Tier, world.tier.id).sold == SEATS


def test_who_cancels_frees_the_seats(session):
    world = furnish(session, "davi")
    order = buy(session, world, qty=3).order
    session.refresh(world.tier)
    assert world.tier.sold == 3
    assert OrderRepo(session).cancel(order.id, user_id=world.customer.id)
    session.commit()
    session.refresh(world.tier)
    assert world.tier.sold == 0
