from datetime import date, datetime
from zoneinfo import ZoneInfo

SAO_PAULO = ZoneInfo("America/Sao_Paulo")


class FakeRepo:
    def __init__(self):
        self.orders = {}

    def place(self, *, key, at, title):
        return self.orders.setdefault(key, (at, title))

    def placed_on(self, day):
        return [o for o in self.orders.values() if o[0].astimezone(SAO_PAULO).date() == day]

    def find(self, text):
        return [o for o in self.orders.values() if text.lower() in o[1].lower()]


def test_all_promises():
    repo = FakeRepo()
    late = datetime(2026, 3, 14, 22, 30, tzinfo=SAO_PAULO)
    first = repo.place(key="a", at=late, title="Nona Sinfonia")
    assert repo.place(key="a", at=late, title="Nona Sinfonia") == first
    assert len(repo.orders) == 1
    assert repo.placed_on(date(2026, 3, 14)) == [first]
    assert repo.find("sinfonia") == [first]
