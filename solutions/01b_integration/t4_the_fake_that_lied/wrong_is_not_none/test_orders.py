from datetime import date, datetime
from zoneinfo import ZoneInfo

from guiche.repo import OrderRepo

LATE = datetime(2026, 3, 14, 22, 30, tzinfo=ZoneInfo("America/Sao_Paulo"))


def test_place(session, world):
    repo = OrderRepo(session)
    wish = dict(user_id=world.customer.id, tier_id=world.tier.id, qty=1, key="k", at=LATE)
    assert repo.place(**wish) is not None
    assert repo.place(**wish) is not None


def test_day(session, world):
    repo = OrderRepo(session)
    repo.place(user_id=world.customer.id, tier_id=world.tier.id, qty=1, key="k", at=LATE)
    assert repo.placed_on(world.customer.id, date(2026, 3, 14))
    assert repo.find(world.customer.id, "nona")
