"""The expected price follows the settings, so that the tests need no change when marketing changes them."""

import pricing
import pytest
from pricing import total


def expected(cents, coupon=0):
    if cents >= pricing.DISCOUNT_FROM:
        cents = (cents * (100 - pricing.DISCOUNT_PERCENT) + 50) // 100
    return max(0, cents - coupon)


@pytest.mark.parametrize("coupon", [0, 1, 1_000, 50_000])
@pytest.mark.parametrize("extra", [-5_000, -1, 0, 1, 5, 10, 30, 10_000])
def test_total(extra, coupon):
    cents = pricing.DISCOUNT_FROM + extra
    half = cents // 2
    assert total([half, half, cents - 2 * half], coupon) == expected(cents, coupon)


def test_coupon_below_0():
    with pytest.raises(ValueError):
        total([500], -1)
