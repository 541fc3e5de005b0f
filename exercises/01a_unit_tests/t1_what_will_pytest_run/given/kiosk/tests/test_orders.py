class TestOrder:
    def test_paid(self):
        assert 9_000 + 4_500 == 13_500

    def paid_twice(self):
        assert 2 * 4_500 == 9_000


class TestRefund:
    def __init__(self):
        self.cents = 4_500

    def test_whole_price(self):
        assert self.cents == 4_500


class CancelTest:
    def test_before_the_show(self):
        assert 18 < 20
