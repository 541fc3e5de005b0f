"""Some usual orders."""

from pricing import total


def test_small_order():
    assert total([1_000, 2_000]) == 3_000


def test_large_order():
    assert total([12_000, 8_000]) == 17_000


def test_coupon():
    assert total([3_000], 500) == 2_500
