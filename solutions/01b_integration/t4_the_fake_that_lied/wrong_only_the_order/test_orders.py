from datetime import date, datetime
from zoneinfo import ZoneInfo

from guiche.repo import OrderRepo

LATE = datetime(2026, 3, 14, 22, 30, tzinfo=ZoneInfo("America/Sao_Paulo"))


def test_everything(session, world):
    repo = OrderRepo(session)
    wish = dict(user_id=world.customer.id, tier_id=world.tier.id, qty=1, key="k", at=LATE)
    order = repo.place(**wish).order
    assert repo.place(**wish).order.id == order.id
    assert [o.id for o in repo.placed_on(world.customer.id, date(2026, 3, 14))] == [order.id]
    assert [o.id for o in repo.find(world.customer.id, "sinfonia")] == [order.id]
