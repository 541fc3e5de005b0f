"""One customer goes through all the prices."""

import pytest
from pricing import total

prices = []


def test_starts_with_nothing():
    assert total(prices) == 0


def test_below_the_discount():
    prices.append(9_999)
    assert total(prices) == 9_999


def test_discount():
    prices.append(1)
    assert total(prices) == 8_500
    assert total(prices, 1) == 8_499


def test_half_a_cent():
    prices.append(10)
    assert total(prices) == 8_509


def test_quarter_of_a_cent():
    prices[-1] = 5
    assert total(prices) == 8_504


def test_twice_as_much():
    prices.extend(prices[:])
    assert total(prices, 1_000) == 16_009
    assert total(prices, 50_000) == 0


def test_coupon_below_0():
    with pytest.raises(ValueError):
        total([], -1)
