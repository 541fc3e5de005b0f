import os
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from testcontainers.postgres import PostgresContainer
from world import furnish

from guiche import migrate
from guiche.db import make_engine, make_sessions
from guiche.repo import OrderRepo

IMAGE = os.environ.get("POSTGRES_IMAGE", "postgres:18-alpine")


@pytest.fixture(scope="module")
def engine():
    with PostgresContainer(IMAGE, driver=None) as container:
        url = container.get_connection_url()
        migrate.upgrade(url)
        engine = make_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture(scope="module")
def shop(engine):
    with make_sessions(engine)() as session:
        yield session, furnish(session)


def test_same_key(shop):
    session, world = shop
    wish = dict(user_id=world.customer.id, tier_id=world.tier.id, qty=1, key="same")
    orders = {OrderRepo(session).place(**wish).order.id for _n in range(2)}
    assert len(orders) == 1
    session.refresh(world.tier)
    assert world.tier.sold == 1


def test_day_and_search(shop):
    session, world = shop
    repo = OrderRepo(session)
    at = datetime(2026, 5, 1, 23, 15, tzinfo=ZoneInfo("America/Sao_Paulo"))
    order = repo.place(
        user_id=world.customer.id, tier_id=world.tier.id, qty=1, key="late", at=at
    ).order
    assert order in repo.placed_on(world.customer.id, date(2026, 5, 1))
    assert order in repo.find(world.customer.id, "nona sinfonia")
