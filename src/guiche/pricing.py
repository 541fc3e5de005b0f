"""What an order costs, in whole cents."""

from __future__ import annotations

from collections.abc import Sequence

DISCOUNT_FROM = 10_000
DISCOUNT_PERCENT = 15


def total(prices: Sequence[int], coupon: int = 0) -> int:
    """What the customer pays, in cents.

    The prices add up to the sum; an order without prices costs 0.
    From a sum of 10 000 cents on, the customer gets 15 % off the whole sum.
    What is left is rounded to a whole cent; half a cent is rounded up.
    The coupon is taken off last. It changes nothing about the discount.
    Nobody pays less than 0.
    A coupon below 0 is refused with a ValueError.
    """
    if coupon < 0:
        raise ValueError("a coupon can't be below 0")
    return max(0, _discounted(sum(prices)) - coupon)


def _discounted(cents: int) -> int:
    if cents < DISCOUNT_FROM:
        return cents
    hundredths = cents * (100 - DISCOUNT_PERCENT)
    return (hundredths + 50) // 100
