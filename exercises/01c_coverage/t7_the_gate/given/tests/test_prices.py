"""Tests of the prices."""

from boxoffice.prices import per_person, total


def test_small_orders_pay_the_sum():
    assert total([4_000, 5_999]) == 9_999


def test_large_orders_pay_less():
    assert total([10_000]) == 8_500


def test_nobody_pays_less_than_nothing():
    assert total([500], coupon=800) == 0


def test_a_share_is_rounded_up():
    assert per_person(1_000, 3) == 334
