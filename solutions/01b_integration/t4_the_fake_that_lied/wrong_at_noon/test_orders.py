from datetime import UTC, date, datetime

from guiche.repo import OrderRepo


def test_same_key(session, world):
    repo = OrderRepo(session)
    wish = dict(user_id=world.customer.id, tier_id=world.tier.id, qty=1, key="k")
    assert repo.place(**wish).order is repo.place(**wish).order


def test_day(session, world):
    repo = OrderRepo(session)
    noon = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
    repo.place(user_id=world.customer.id, tier_id=world.tier.id, qty=1, key="k", at=noon)
    assert len(repo.placed_on(world.customer.id, date(2026, 3, 14))) == 1
    assert repo.placed_on(world.customer.id, date(2026, 3, 15)) == []


def test_find(session, world):
    repo = OrderRepo(session)
    repo.place(user_id=world.customer.id, tier_id=world.tier.id, qty=1, key="k")
    assert len(repo.find(world.customer.id, "nona")) == 1
