from guiche.repo import OrderRepo


class FakeRepo:
    """Orders in a list: quick, and always of your opinion."""

    def __init__(self):
        self.orders = {}

    def place(self, *, user_id, tier_id, qty, key, at=None):
        return self.orders.setdefault(key, (user_id, tier_id, qty, at))


def test_the_same_key_is_the_same_order():
    repo = FakeRepo()
    first = repo.place(user_id=1, tier_id=1, qty=2, key="a-wish")
    again = repo.place(user_id=1, tier_id=1, qty=2, key="a-wish")
    assert first == again
    assert hasattr(OrderRepo, "place")
